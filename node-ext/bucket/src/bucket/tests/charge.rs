//! Quotas and the disk's reserve. Each record is charged at least the bytes that it
//! takes, a release gives its charge back, and clients cannot use the reserve.

use super::*;
use crate::bucket::charge::{CHUNK_CHARGE, LEAF_CHARGE, NODE_CHARGE, TREE_LEAF_CHARGE};
use crate::bucket::{Builder, KeepBytes};
use crate::error::CreateError;
use cairn_fs::{DiskFree, DiskGuard};
use cairn_primitives::chunk_tree::{InteriorNode, Subtree};
use std::sync::atomic::{AtomicU64, Ordering};

fn with_quota(max_bytes: u64) -> Fixture {
    Fixture::new(BucketConfig {
        max_bytes,
        ..Default::default()
    })
}

const EMPTY: &[u8] = &[];

#[test]
fn s10_empty_chunks_and_empty_leaves_are_charged() {
    let nothing = with_quota(0);
    let refused = nothing.bucket().ingest(EMPTY).unwrap_err();
    assert!(matches!(refused, IngestError::Quota { .. }), "{refused}");

    let max = 64 << 10;
    let fixture = with_quota(max);
    let empty = fixture.ingest(EMPTY);
    let bucket = fixture.bucket();
    let mut commits = 0u64;
    let refused = loop {
        match bucket.commit(&[empty; 16], Durability::Buffered) {
            Ok(_) => commits += 1,
            Err(refused) => break refused,
        }
        assert!(commits < 1_000, "endless");
    };
    assert!(matches!(refused, CommitError::Quota { .. }), "{refused}");
    assert!(refused.to_string().contains("quota of 65536 bytes"));
    let each = 16 * (LEAF_CHARGE + TREE_LEAF_CHARGE);
    assert_eq!(commits, (max - CHUNK_CHARGE) / each);
    let charged = bucket.charged_bytes();
    assert!(charged <= max && charged + each > max, "{charged}");
    // A request that fits is still accepted, and the newest root can be signed again.
    bucket.commit(&[empty], Durability::Buffered).unwrap();
    bucket.commit_signed(&[], &signer()).unwrap();
}

#[test]
fn s10_tiny_chunks_and_nodes_over_few_chunks_are_charged() {
    let profile = HashingProfile::Plain;
    let max = 40 << 10;
    let fixture = with_quota(max);
    let chunks: Vec<_> = (0u64..)
        .map(|number| number.to_be_bytes())
        .map_while(|bytes| {
            let hash = profile.chunk(&bytes);
            fixture.bucket().put_chunk(hash, &bytes).ok()?;
            Some(hash)
        })
        .take(100_000)
        .collect();
    assert_eq!(chunks.len() as u64, max / (CHUNK_CHARGE + 8));

    let fixture = with_quota(2 * CHUNK_BYTES as u64 + max);
    let bucket = fixture.bucket();
    let [a, b] = [1, 2].map(|seed| {
        let bytes = vec![seed; CHUNK_BYTES];
        let hash = profile.chunk(&bytes);
        bucket.put_chunk(hash, &bytes).unwrap();
        hash
    });
    // Two chunks give four nodes of height one, those give sixteen, and so on.
    let mut level = vec![a, b];
    let mut nodes = 0u64;
    'full: loop {
        let mut above = vec![];
        for left in &level {
            for right in &level {
                let hash = profile.node(left, right);
                match bucket.put_node(hash, *left, *right) {
                    Ok(_) => nodes += 1,
                    Err(IngestError::Quota { .. }) => break 'full,
                    Err(other) => panic!("{other}"),
                }
                assert!(nodes < 10_000, "endless");
                above.push(hash);
            }
        }
        level = above;
    }
    assert_eq!(nodes, (max - 2 * CHUNK_CHARGE) / NODE_CHARGE);
}

#[test]
fn s9_few_leaves_cannot_exhaust_the_total_size() {
    let profile = HashingProfile::Plain;
    let fixture = Fixture::with_profile(profile);
    let bucket = fixture.bucket();
    let chunk = vec![7; CHUNK_BYTES];
    let mut node = profile.chunk(&chunk);
    bucket.put_chunk(node, &chunk).unwrap();
    let mut data_size = CHUNK_BYTES as u64;
    let commit = |data_root, data_size| {
        let leaf = NewLeaf {
            data_root,
            data_size,
        };
        bucket.commit(&[leaf], Durability::Buffered)
    };
    for _ in 0..40 {
        let above = profile.node(&node, &node);
        bucket.put_node(above, node, node).unwrap();
        (node, data_size) = (above, data_size * 2);
        // 16 TiB; a million such leaves would exhaust the total size.
        match commit(node, data_size) {
            Ok(_) => assert!(data_size < 1 << 44),
            Err(CommitError::LeafTooLarge { most, .. }) => assert!(data_size > most),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(bucket.total_size() < 1 << 45);
    bucket.commit(&fixture.next(1), Durability::Synced).unwrap();

    // No leaf is larger than the quota.
    let fixture = with_quota(CHUNK_BYTES as u64 + 10_000);
    let content = vec![7; 2 * CHUNK_BYTES];
    let leaf = fixture.ingest(&content);
    let refused = fixture.bucket().commit(&[leaf], Durability::Synced);
    assert!(matches!(refused, Err(CommitError::LeafTooLarge { .. })));
}

/// Incompressible bytes.
fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let blocks = (0u64..).flat_map(|block| {
        let seed = [seed.to_be_bytes(), block.to_be_bytes()].concat();
        HashingProfile::Plain.chunk(&seed).0
    });
    blocks.take(length).collect()
}

/// The total size of a folder's files, in bytes.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

/// Builds a bucket with `fill`. Returns its size on disk and its charge, in bytes.
fn disk_and_charge(fill: impl FnOnce(&mut Builder)) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let (config, tree, shared) = (
        BucketConfig::default(),
        Sequence(0),
        SharedResources::default(),
    );
    let keep = KeepBytes::Yes;
    let mut builder = Builder::begin(&path, BucketId(1), config, tree, keep, &shared).unwrap();
    fill(&mut builder);
    builder.finish().unwrap();
    let bucket = Bucket::open(&path, Access::ReadOnly, &shared).unwrap();
    (bytes_in(&path), bucket.charged_bytes())
}

#[test]
fn s10_each_kind_of_record_is_charged_what_it_takes_on_disk() {
    const RECORDS: u64 = 40_000;
    let profile = HashingProfile::Plain;
    let hash_of = |number: u64| profile.chunk(&number.to_be_bytes());
    let (empty, nothing) = disk_and_charge(|_| ());
    assert_eq!(nothing, 0);
    let chunks = |builder: &mut Builder, number, length: usize| {
        for seed in 0..number {
            let bytes = random_bytes(seed, length);
            builder.chunk(&profile.chunk(&bytes), &bytes).unwrap();
        }
    };
    let nodes = |builder: &mut Builder| {
        let subtree = Subtree::from_parts(1, 2, 2 * CHUNK_BYTES as u64).unwrap();
        for seed in 0..RECORDS {
            let node = InteriorNode {
                hash: hash_of(seed),
                left: hash_of(seed + RECORDS),
                right: hash_of(seed + 2 * RECORDS),
                subtree,
            };
            builder.interior(&node).unwrap();
        }
    };
    let leaves = |builder: &mut Builder| {
        let leaf = |seed| MmrLeaf {
            data_root: hash_of(seed),
            data_size: 1,
            total_size: seed + 1,
        };
        let leaves: Vec<_> = (0..RECORDS).map(leaf).collect();
        // Each leaf adds a signed root.
        for leaves in leaves.chunks(1024) {
            builder.append(leaves).unwrap().unwrap();
        }
    };
    for (kind, records, weight) in [
        (
            "a chunk of 8 bytes",
            RECORDS,
            disk_and_charge(|builder| chunks(builder, RECORDS, 8)),
        ),
        (
            "a chunk of 2 KiB",
            4_000,
            disk_and_charge(|builder| chunks(builder, 4_000, 2048)),
        ),
        ("an interior node", RECORDS, disk_and_charge(nodes)),
        (
            "a leaf with its signed root",
            RECORDS,
            disk_and_charge(leaves),
        ),
    ] {
        let (on_disk, charged) = weight;
        let (on_disk, charged) = ((on_disk - empty) / records, charged / records);
        println!("{kind}: {on_disk} bytes on disk, {charged} charged");
        assert!(
            on_disk <= charged,
            "{kind}: {on_disk} on disk, {charged} charged"
        );
    }
}

#[test]
fn s10_the_journals_second_copies_are_charged_too() {
    const RECORDS: u64 = 1_500;
    let signer = signer();
    let each = |make: &dyn Fn(&Bucket, u64)| {
        let fixture = Fixture::with_profile(HashingProfile::Plain);
        let empty = bytes_in(&fixture.path());
        let bucket = fixture.bucket();
        let before = bucket.charged_bytes();
        (0..RECORDS).for_each(|number| make(bucket, number));
        bucket.flush().unwrap();
        let charged = bucket.charged_bytes() - before;
        let on_disk = bytes_in(&fixture.path()) - empty;
        (on_disk / RECORDS, charged / RECORDS)
    };
    let leaf = |bucket: &Bucket, _| {
        let content = bucket.ingest(&b"content"[..]).unwrap();
        let leaf = NewLeaf {
            data_root: content.data_root,
            data_size: content.data_size,
        };
        bucket.commit_signed(&[leaf], &signer).unwrap();
    };
    let chunk_of = |length: usize| {
        move |bucket: &Bucket, number: u64| {
            let bytes = random_bytes(number, length);
            let hash = HashingProfile::Plain.chunk(&bytes);
            bucket.put_chunk(hash, &bytes).unwrap();
        }
    };
    let node = |bucket: &Bucket, number: u64| {
        // Two full chunks, and level after level of nodes above them.
        let profile = HashingProfile::Plain;
        let bytes = [vec![1; CHUNK_BYTES], vec![2; CHUNK_BYTES]];
        let ends = bytes.each_ref().map(|bytes| profile.chunk(bytes));
        if number == 0 {
            for (hash, bytes) in ends.iter().zip(&bytes) {
                bucket.put_chunk(*hash, bytes).unwrap();
            }
        }
        let mut level = ends.to_vec();
        let mut left = number;
        loop {
            let width = level.len() as u64;
            if left < width * width {
                let of = |at: u64| level[at as usize];
                let (left, right) = (of(left / width), of(left % width));
                let hash = profile.node(&left, &right);
                assert!(bucket.put_node(hash, left, right).unwrap());
                return;
            }
            left -= width * width;
            let pairs = level
                .iter()
                .flat_map(|left| level.iter().map(move |right| (left, right)));
            level = pairs
                .map(|(left, right)| profile.node(left, right))
                .collect();
        }
    };
    for (kind, make) in [
        (
            "a leaf that is committed and signed by itself",
            &leaf as &dyn Fn(&Bucket, u64),
        ),
        ("a chunk of 8 bytes", &chunk_of(8)),
        ("a chunk of 1,023 bytes", &chunk_of(1_023)),
        ("a chunk of 1,024 bytes", &chunk_of(1_024)),
        ("an interior node", &node),
    ] {
        let (on_disk, charged) = each(make);
        println!("{kind}: {on_disk} bytes on disk, {charged} charged");
        assert!(
            on_disk <= charged,
            "{kind}: {on_disk} on disk, {charged} charged"
        );
    }
}

#[test]
fn s10_a_retired_tree_is_charged_until_it_is_released() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(10);
    let of_content = |bucket: &Bucket| crate::bucket::charge::of_content(bucket.usage());
    let whole = LEAF_CHARGE + TREE_LEAF_CHARGE;
    let bucket = fixture.bucket();
    assert_eq!(bucket.charged_bytes() - of_content(bucket), 10 * whole);
    bucket.prune(Sequence(6), None).unwrap();
    let pruned = 10 * whole + 4 * TREE_LEAF_CHARGE;
    assert_eq!(bucket.charged_bytes() - of_content(bucket), pruned);
    fixture.reopen();
    let bucket = fixture.bucket();
    assert_eq!(bucket.charged_bytes() - of_content(bucket), pruned);
    bucket.release(Sequence(0)).unwrap();
    assert_eq!(bucket.charged_bytes() - of_content(bucket), 4 * whole);
    fixture.reopen();
    let bucket = fixture.bucket();
    assert_eq!(bucket.charged_bytes() - of_content(bucket), 4 * whole);
    let read_only = Bucket::open(
        &fixture.path(),
        Access::ReadOnly,
        &SharedResources::default(),
    )
    .unwrap();
    assert_eq!(read_only.charged_bytes(), fixture.bucket().charged_bytes());
}

/// A simulated disk with a settable free space and a reserve of 1 MiB.
fn simulated_disk(free: u64) -> (Arc<AtomicU64>, SharedResources) {
    let free = Arc::new(AtomicU64::new(free));
    let reported_free = free.clone();
    let ask = move || {
        Ok(DiskFree {
            free: reported_free.load(Ordering::Relaxed),
            total: 1 << 40,
        })
    };
    let guard = DiskGuard::with_query(ask, Some(1 << 20)).without_credit();
    (free, SharedResources::default().with_disk_guard(guard))
}

#[test]
fn s10_only_signed_roots_are_served_from_the_reserve() {
    let (free, shared) = simulated_disk(1 << 40);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let config = BucketConfig::default();
    let bucket = Bucket::create(&path, BucketId(7), config, &shared).unwrap();
    let profile = config.profile;
    let chunk = vec![1; CHUNK_BYTES];
    let hash = profile.chunk(&chunk);
    bucket.put_chunk(hash, &chunk).unwrap();
    let stored = bucket.ingest(&b"stored"[..]).unwrap();
    let stored = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    let signer = signer();
    let (_, signed) = bucket.commit_signed(&[stored, stored], &signer).unwrap();

    free.store(1 << 20, Ordering::Relaxed);
    let is_reserved = |error: &IngestError| matches!(error, IngestError::Reserved(_));
    let refused = bucket.ingest(&b"more"[..]).unwrap_err();
    assert!(is_reserved(&refused), "{refused}");
    assert!(
        refused.to_string().contains("reserved for signatures"),
        "{refused}"
    );
    let more = profile.chunk(b"more");
    assert!(is_reserved(&bucket.put_chunk(more, b"more").unwrap_err()));
    let node = profile.node(&hash, &hash);
    assert!(is_reserved(&bucket.put_node(node, hash, hash).unwrap_err()));
    let refused = bucket.commit_signed(&[stored], &signer).unwrap_err();
    assert!(matches!(refused, CommitError::Reserved(_)), "{refused}");
    let another = Bucket::create(&folder.path().join("another"), BucketId(8), config, &shared);
    assert!(matches!(another, Err(CreateError::Reserved(_))));
    assert!(!folder.path().join("another").exists());

    // Stored content is accepted again: it costs nothing.
    assert!(!bucket.put_chunk(hash, &chunk).unwrap());
    // Signed roots are served all the same: signed again, recorded for checkpoints,
    // proven and released.
    let commitment = signed.payload.commitment;
    bucket.commit_signed(&[], &signer).unwrap();
    bucket.record_signed_root(commitment).unwrap();
    bucket.sign_again(commitment.leaf_count, &signer).unwrap();
    let view = bucket.view(StateRef::Root(commitment.mmr_root)).unwrap();
    let location = ChunkLocation {
        leaf_index: LeafIndex(1),
        chunk_index: ChunkIndex(0),
    };
    view.answer(location).unwrap();
    bucket.prune(Sequence(1), None).unwrap();
    bucket.release(Sequence(0)).unwrap();

    // Once there is room, uploads are accepted again.
    free.store(2 << 20, Ordering::Relaxed);
    bucket.ingest(&b"more"[..]).unwrap();
    bucket.put_node(node, hash, hash).unwrap();
    bucket.commit_signed(&[stored], &signer).unwrap();
}

#[test]
fn s10_a_prune_takes_no_more_than_half_of_the_reserve() {
    let (free, shared) = simulated_disk(1 << 40);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let bucket = Bucket::create(&path, BucketId(7), BucketConfig::default(), &shared).unwrap();
    let empty = bucket.ingest(EMPTY).unwrap();
    let leaf = NewLeaf {
        data_root: empty.data_root,
        data_size: 0,
    };
    bucket.commit(&[leaf; 2_000], Durability::Synced).unwrap();
    free.store((1 << 19) + 1_998 * TREE_LEAF_CHARGE, Ordering::Relaxed);
    let refused = bucket.prune(Sequence(1), None).unwrap_err();
    assert!(
        matches!(refused, crate::error::PruneError::Reserved(_)),
        "{refused}"
    );
    assert_eq!(bucket.retired_trees().unwrap(), vec![]);
    // A prune that drops more leaves needs less room for the new tree.
    let unwritten = u64::try_from(shared.unflushed_bytes()).unwrap();
    let enough = (1 << 19) + 500 * TREE_LEAF_CHARGE + unwritten + (64 << 10);
    free.store(enough, Ordering::Relaxed);
    bucket.prune(Sequence(1_500), None).unwrap();
}

#[test]
fn s10_repeated_prunes_reach_the_quota_until_a_release() {
    let content: u64 = 100 * (CHUNK_CHARGE + 30);
    let max = content + 100 * (LEAF_CHARGE + TREE_LEAF_CHARGE);
    let mut fixture = with_quota(max);
    fixture.commit(100);
    let bucket = fixture.bucket();
    // A full bucket can be pruned: that is the way to make room.
    let refused = (1..100).find_map(|before| bucket.prune(Sequence(before), None).err());
    let refused = refused.expect("endless");
    assert!(
        matches!(refused, crate::error::PruneError::Quota { max: most, .. } if most == max),
        "{refused}"
    );
    let kept = bucket.retired_trees().unwrap();
    let retired = kept.iter().map(|tree| tree.commitment.leaf_count.get());
    let leaves = retired.sum::<u64>() + bucket.commitment().leaf_count.get();
    assert!(
        !kept.is_empty() && leaves * TREE_LEAF_CHARGE <= max,
        "{leaves}"
    );
    for tree in kept {
        bucket.release(tree.commitment.start_seq).unwrap();
    }
    let next = bucket.commitment().start_seq.0 + 1;
    bucket.prune(Sequence(next), None).unwrap();
}
