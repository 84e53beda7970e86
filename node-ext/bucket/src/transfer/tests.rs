//! Moving buckets: everything signed at the source is proven at the destination, and an
//! incomplete bucket is not adopted.

use super::*;
use crate::bucket::{Bucket, BucketConfig, NewLeaf, StateRef};
use crate::fsck::fsck;
use cairn_engine::layout::bucket_dir_name;
use cairn_engine::{Access, SharedResources};
use cairn_keys::{KEY_TYPE, Signer};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, Commitment, HashingProfile, LeafIndex};
use sp_keystore::Keystore;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

mod hostile;
mod leftovers;
mod live;
mod round_trip;

const ID: BucketId = BucketId(7);

fn signer() -> Signer {
    let keystore = sp_keystore::testing::MemoryKeystore::new();
    let public = keystore
        .sr25519_generate_new(KEY_TYPE, Some("//Alice"))
        .unwrap();
    Signer::new(Arc::new(keystore), public)
}

/// Bytes that differ by `seed` and from chunk to chunk.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next)
        .flatten()
        .take(length)
        .collect()
}

fn stored(bucket: &Bucket, content: &[u8]) -> NewLeaf {
    let ingested = bucket.ingest(content).unwrap();
    NewLeaf {
        data_root: ingested.data_root,
        data_size: ingested.data_size,
    }
}

fn no_progress(_: TransferProgress) {}

/// Source and destination, each a provider's folder of buckets.
struct Fixture {
    folder: TempDir,
    bucket: Option<Bucket>,
}

impl Fixture {
    fn empty(profile: HashingProfile) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["here", "there"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let config = BucketConfig {
            profile,
            max_bytes: 1 << 40,
        };
        let path = folder.path().join("here").join(bucket_dir_name(ID));
        let bucket = Bucket::create(&path, ID, config, &SharedResources::default()).unwrap();
        Self {
            folder,
            bucket: Some(bucket),
        }
    }

    /// A fixture with three leaves, one of two chunks, each signed.
    fn new() -> Self {
        let fixture = Self::empty(HashingProfile::Plain);
        for (seed, length) in [(1, 5_000), (2, CHUNK_BYTES + 1), (3, 10)] {
            let leaf = stored(fixture.bucket(), &bytes(seed, length));
            fixture.bucket().commit_signed(&[leaf], &signer()).unwrap();
        }
        fixture
    }

    fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().unwrap()
    }

    fn here(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    fn there(&self) -> PathBuf {
        self.folder.path().join("there")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn export(&self, form: ExportFormat) -> Exported {
        let (to, shared) = (self.out(), SharedResources::default());
        self.bucket()
            .export_to(&to, form, &shared, &mut no_progress)
            .unwrap()
    }

    /// The archive as bytes.
    fn archive(&self) -> Vec<u8> {
        let mut archive = Vec::new();
        self.bucket()
            .export_into(&mut archive, &SharedResources::default(), &mut no_progress)
            .unwrap();
        archive
    }

    fn import_with(
        &self,
        source: ImportSource<'_>,
        check: ImportCheck,
    ) -> Result<Imported, TransferError> {
        let shared = SharedResources::default();
        import_bucket(source, &self.there(), check, &shared, &mut no_progress)
    }

    fn import(&self, source: &Path) -> Result<Imported, TransferError> {
        self.import_with(ImportSource::Path(source), ImportCheck::Full)
    }

    fn import_archive(&self, mut archive: &[u8]) -> Result<Imported, TransferError> {
        self.import_with(ImportSource::Archive(&mut archive), ImportCheck::Full)
    }

    fn adopted(&self) -> Bucket {
        let path = self.there().join(bucket_dir_name(ID));
        Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap()
    }

    /// Removes the adopted bucket, so that it can be imported again.
    fn remove_adopted(&self) {
        std::fs::remove_dir_all(self.there().join(bucket_dir_name(ID))).unwrap();
    }

    #[track_caller]
    fn assert_nothing_there(&self) {
        assert_eq!(names(&self.there()), [] as [&str; 0]);
    }
}

/// Lists the names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Reads all files of a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        (name, bytes)
    };
    names(folder).into_iter().map(read).collect()
}

fn signed_commitments(bucket: &Bucket) -> Vec<Commitment> {
    let signed_roots = bucket.signed_roots().unwrap();
    signed_roots
        .map(|signed_root| signed_root.unwrap().commitment)
        .collect()
}

/// Proves the first and last leaf of each commitment, which verifies them.
#[track_caller]
fn assert_proves(bucket: &Bucket, signed_roots: &[Commitment]) {
    for commitment in signed_roots {
        let view = bucket.view(StateRef::Root(commitment.mmr_root)).unwrap();
        let last = commitment.leaf_count.last_index().unwrap();
        for leaf in [LeafIndex(0), last] {
            view.mmr_proof(leaf).unwrap();
        }
        view.read_content(last, &mut std::io::sink()).unwrap();
    }
}
