//! A provider over real buckets: its records of them, also after files are lost, copied,
//! damaged or put back.

use super::*;
use crate::index::{BucketRecord, BucketStatus};
use crate::pool::Priority;
use cairn_bucket::{BasePath, BucketConfig, Ingested};
use cairn_engine::layout::{BUCKETS_DIR, INDEX_DIR, TRASH_DIR};
use cairn_engine::{Access, Resources, SharedResources};
use cairn_primitives::{ChunkIndex, HashingProfile, LeafIndex};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

mod disk;
mod faults;
mod gate;
mod legacy;
mod lifecycle;
mod places;
mod quarantine;
mod read_only;
mod scrubbing;
mod signing;
mod terms;
mod unwritable_index;

const BUDGET: Budget = Budget {
    max_open: 4,
    descriptors_per_bucket: 63,
    descriptors: 1024,
    memory_bytes: 64 << 20,
    resources: Resources {
        cache_bytes: 16 << 20,
        write_buffer_bytes: 16 << 20,
        open_files: 54,
        cached_nodes: 1024,
    },
};

fn start(path: &Path) -> Provider {
    let provider = start_on_demand(path, false);
    provider.wait_until_indexed();
    provider.wait_until_trash_is_empty();
    provider
}

fn start_on_demand(path: &Path, reindex_on_demand: bool) -> Provider {
    let options = ProviderOptions {
        reindex_on_demand,
        // Accepted, so that a test shows which other checks notice a copy.
        on_copy: OnCopy::Accept,
        ..ProviderOptions::default()
    };
    start_with(path, options)
}

fn start_with(path: &Path, options: ProviderOptions) -> Provider {
    let base = BasePath::create(path).unwrap();
    Provider::open_with_budget(base, BUDGET, options).unwrap()
}

fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path());
    keys.insert("//Alice").unwrap();
    keys.signer(None).unwrap()
}

fn content(of: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(of).fill_bytes(&mut bytes);
    bytes
}

fn put(provider: &Provider, id: u64, bytes: &[u8]) -> SignedCommitment {
    let lease = provider
        .blocking_lease(BucketId(id), LeaseRequest::write())
        .unwrap();
    let Ingested {
        data_root,
        data_size,
        ..
    } = lease.run(|bucket| bucket.ingest(bytes)).unwrap();
    let leaf = NewLeaf {
        data_root,
        data_size,
    };
    lease.commit_signed(&[leaf], &signer()).unwrap().1
}

/// Creates buckets from 1 on, each with content of its own and content that all share.
fn fill(provider: &Provider, buckets: u64) {
    for id in 1..=buckets {
        provider
            .create_bucket(BucketId(id), BucketConfig::default())
            .unwrap();
        put(provider, id, &content(id, 3_000));
        put(provider, id, b"shared by all");
    }
}

fn folder_of(path: &Path, id: u64) -> PathBuf {
    path.join(BUCKETS_DIR).join(format!("{id:016x}"))
}

/// Copies a folder as a process that crashes now would leave it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn records(provider: &Provider) -> Vec<(BucketId, BucketRecord)> {
    provider.write_index();
    let of = |(id, record)| {
        (
            id,
            BucketRecord {
                fingerprint: None,
                ..record
            },
        )
    };
    let page = provider.page(None, usize::MAX).unwrap();
    page.into_iter().map(of).collect()
}

fn assert_answers(provider: &Provider, id: u64, signed: &SignedCommitment) {
    let location = ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    };
    let root = signed.payload.commitment.mmr_root;
    let answer = provider
        .answer(BucketId(id), StateRef::Root(root), location)
        .unwrap();
    assert_eq!(answer.commitment(), signed.payload.commitment);
}

#[test]
fn cold_buckets_are_listed_in_pages_without_opening_them() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 9);
    let all = records(&provider);
    drop(provider);

    let provider = start(folder.path());
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = provider.page(after, 4).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        paged.extend(page);
    }
    let ids: Vec<_> = paged.iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, (1..=9).collect::<Vec<_>>());
    for ((_, known), (_, before)) in paged.iter().zip(&all) {
        assert_eq!(known.commitment, before.commitment);
        assert_eq!(known.peaks, before.peaks);
        assert_eq!(known.signed.unwrap().commitment, before.commitment);
        assert_eq!(known.commitment.leaf_count.get(), 2);
    }
    assert_eq!(provider.statistics().opened, 0, "nothing was opened for it");
}

#[test]
fn l11_a_list_opens_no_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 9);
    let all = records(&provider);
    drop(provider);
    // As after a loss of the index, before any bucket is reindexed.
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();

    let provider = start_on_demand(folder.path(), true);
    let noted = provider.indexed_buckets(None, 5).unwrap();
    let ids: Vec<_> = noted.iter().map(|noted| noted.id.0).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    assert!(noted.iter().all(|noted| !noted.is_current), "{noted:?}");
    assert_eq!(provider.statistics().opened, 0, "nothing was opened for it");

    // A query about one bucket opens it, but does not read all of it.
    let looked = provider.quick_summary(BucketId(7)).unwrap();
    assert_eq!(looked.commitment, all[6].1.commitment);
    assert_eq!(looked.signed, all[6].1.signed);
    assert!(!provider.indexed_bucket(BucketId(7)).unwrap().is_current);
    assert!(provider.indexed_bucket(BucketId(4_711)).is_none());
    assert!(matches!(
        provider.quick_summary(BucketId(4_711)),
        Err(ProviderError::NoSuchBucket { .. })
    ));

    // A reindexed bucket is current, and so is one that is being written.
    provider.summary(BucketId(7)).unwrap();
    let signed = put(&provider, 8, b"more");
    let noted = provider.indexed_buckets(Some(BucketId(6)), 9).unwrap();
    let current: Vec<_> = noted.iter().map(|noted| noted.is_current).collect();
    assert_eq!(current, [true, true, false]);
    assert_eq!(noted[0].record.commitment, all[6].1.commitment);
    assert_eq!(noted[1].record.commitment, signed.payload.commitment);
}

#[test]
fn the_record_of_an_open_bucket_is_current() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let signed = put(&provider, 1, b"one more");
    let record = provider.summary(BucketId(1)).unwrap();
    assert_eq!(record.commitment, signed.payload.commitment);
    assert_eq!(record.signed.unwrap().commitment, signed.payload.commitment);
}

#[test]
fn i6_an_unusable_index_is_rebuilt_from_the_buckets() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 6);
    let (all, dedup) = (records(&provider), provider.dedup());
    assert_eq!((dedup.chunks, dedup.distinct_chunks), (12, 7));
    drop(provider);
    let index = folder.path().join(INDEX_DIR);

    let lose = || std::fs::remove_dir_all(&index).unwrap();
    let damage = || {
        for entry in std::fs::read_dir(&index).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("MANIFEST") {
                std::fs::write(&path, b"not a manifest").unwrap();
            }
        }
    };
    let change_format = || {
        let db = cairn_engine::IndexDb::open(&index).unwrap();
        let mut batch = db.batch();
        batch.put(cairn_engine::Table::Meta, b"format", &[9, 0, 0, 0]);
        db.write(batch, true).unwrap();
    };
    let ways: [(&str, &dyn Fn()); 3] = [
        ("lost", &lose),
        ("damaged", &damage),
        ("of another format", &change_format),
    ];
    for (how, spoil) in ways {
        spoil();
        let provider = start(folder.path());
        assert_eq!(records(&provider), all, "{how}");
        assert_eq!(provider.dedup(), dedup, "{how}");
    }
}

#[test]
fn i6_an_index_that_is_behind_its_buckets_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let (live, killed) = (folder.path().join("live"), folder.path().join("killed"));
    let provider = start(&live);
    fill(&provider, 3);
    provider.write_index();
    put(&provider, 2, &content(99, 600_000));
    // As if it crashed here, before the index was written after the last put.
    copy(&live, &killed);
    let provider_of_copy = start(&killed);
    let (all, dedup) = (records(&provider), provider.dedup());
    assert_eq!(records(&provider_of_copy), all);
    assert_eq!(provider_of_copy.dedup(), dedup);
    assert_eq!(provider_of_copy.dedup().chunks, 9);
}

#[test]
fn content_of_a_rolled_back_upload_is_not_counted() {
    struct Failing(usize);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(self.0);
            if length == 0 {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            buffer[..length].fill(self.0 as u8);
            self.0 -= length;
            Ok(length)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 2);
    provider.write_index();
    let before = provider.dedup();
    let lease = provider
        .blocking_lease(BucketId(1), LeaseRequest::write())
        .unwrap();
    assert!(
        lease
            .run(|bucket| bucket.ingest(Failing(2_000_000)))
            .is_err()
    );
    drop(lease);
    provider.write_index();
    assert_eq!(provider.dedup(), before);
}

#[test]
fn a_full_pool_reports_busy_also_for_creation() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 5);
    let held: Vec<_> = (1..=4)
        .map(|id| {
            provider
                .blocking_lease(BucketId(id), LeaseRequest::read())
                .unwrap()
        })
        .collect();
    let at_once = LeaseRequest {
        access: Access::ReadOnly,
        priority: Priority::Challenge,
        timeout: Duration::ZERO,
    };
    let busy = provider.blocking_lease(BucketId(5), at_once).unwrap_err();
    assert!(busy.to_string().contains("all 4 buckets"), "{busy}");
    assert_eq!(provider.statistics().open, 4);
    drop(held);
    drop(provider.blocking_lease(BucketId(5), at_once).unwrap());
}

#[test]
fn the_nonce_only_advances_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    assert_eq!(provider.nonce().unwrap(), None);
    assert_eq!(provider.advance_nonce(7).unwrap(), 7);
    assert_eq!(provider.advance_nonce(3).unwrap(), 7);
    drop(provider);
    assert_eq!(start(folder.path()).nonce().unwrap(), Some(7));
}

#[test]
fn a_base_path_opened_for_reading_is_refused() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    drop(BasePath::create(folder.path()).unwrap());
    let base = BasePath::open(folder.path(), Access::ReadOnly).unwrap();
    let refused = Provider::open(base, ProviderOptions::default()).unwrap_err();
    assert!(matches!(refused, ProviderError::BasePath(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_async_lease_does_not_block_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let held = provider
        .blocking_lease(BucketId(1), LeaseRequest::read())
        .unwrap();
    let (lease, ()) = tokio::join!(
        provider.lease(BucketId(1), LeaseRequest::write()),
        // Runs on the same thread, which must not be blocked.
        async move { drop(held) },
    );
    assert_eq!(lease.unwrap().id(), BucketId(1));
}
