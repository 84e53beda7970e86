//! Damage of every kind to one bucket: it is found, reported as rebuildable or not, and
//! then rebuilt to the exact bytes, or left exactly as it is.

use super::repair::{RepairReport, repair};
use super::*;
use crate::bucket::{BucketConfig, NewLeaf, StateRef};
use cairn_engine::layout::{self, InteriorValue, StateRecord};
use cairn_engine::{Batch, Durability, Engine, Entry, Family, JOURNAL_FILE};
use cairn_keys::Signer;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, Subtree, chunk_count};
use cairn_primitives::{ChunkIndex, LeafIndex, MmrLeaf, Position};
use codec::Encode;
use proptest::prelude::*;
use sp_keystore::Keystore;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

mod content;
mod damage;
mod files;
mod lost;
mod objects;
mod reconstruct;
mod repeated;
mod signed;

const ID: BucketId = BucketId(7);

fn signer() -> Signer {
    let keystore = sp_keystore::testing::MemoryKeystore::new();
    let public = keystore
        .sr25519_generate_new(cairn_keys::KEY_TYPE, Some("//Alice"))
        .unwrap();
    Signer::new(Arc::new(keystore), public)
}

/// Bytes that differ by `seed`, chunk from chunk.
fn bytes(seed: u8, length: usize) -> Vec<u8> {
    let byte = |at: usize| seed ^ (at / CHUNK_BYTES) as u8 ^ (at % 251) as u8;
    (0..length).map(byte).collect()
}

/// The contents of the leaves: chunks alone, and trees of depth 1, 2 and 3.
fn contents() -> Vec<Vec<u8>> {
    vec![
        bytes(1, 20),
        bytes(2, 2 * CHUNK_BYTES - 5),
        vec![],
        bytes(3, 4 * CHUNK_BYTES),
        bytes(4, 5 * CHUNK_BYTES + 9),
        bytes(5, 64),
        bytes(6, 3),
    ]
}

/// A closed bucket of seven leaves, signed at every leaf count but the sixth.
struct Fixture {
    folder: TempDir,
    profile: HashingProfile,
    leaves: Vec<MmrLeaf>,
    signed: Vec<Commitment>,
    whole: Vec<Entry>,
}

impl Fixture {
    fn new(profile: HashingProfile) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let config = BucketConfig {
            profile,
            ..Default::default()
        };
        let bucket = Bucket::create(&path, ID, config, &SharedResources::default()).unwrap();
        let signer = signer();
        let mut signed = vec![];
        for (index, content) in contents().iter().enumerate() {
            let ingested = bucket.ingest(&content[..]).unwrap();
            let leaf = NewLeaf {
                data_root: ingested.data_root,
                data_size: ingested.data_size,
            };
            if index == 5 {
                bucket.commit(&[leaf], Durability::Buffered).unwrap();
            } else {
                let (_, signed_root) = bucket.commit_signed(&[leaf], &signer).unwrap();
                signed.push(signed_root.payload.commitment);
            }
        }
        let leaves = (0..7).map(|index| bucket.leaf(LeafIndex(index)).unwrap());
        let leaves = leaves.collect();
        bucket.close().unwrap();
        let mut fixture = Self {
            folder,
            profile,
            leaves,
            signed,
            whole: vec![],
        };
        fixture.whole = fixture.records();
        fixture
    }

    /// Copies the bucket into a folder of its own.
    fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("bucket");
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            // These tests are about rebuilding records from one another.
            if entry.file_name() == JOURNAL_FILE {
                continue;
            }
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        Self {
            folder,
            profile: self.profile,
            leaves: self.leaves.clone(),
            signed: self.signed.clone(),
            whole: self.whole.clone(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("bucket")
    }

    fn engine(&self) -> Engine {
        let shared = SharedResources::default();
        let access = Access::ReadWrite;
        Engine::open(&self.path(), access, &shared, DamagedLog::Refuse).unwrap()
    }

    /// Changes records directly in the database.
    fn tamper(&self, change: impl FnOnce(&mut Batch<'_>)) {
        let engine = self.engine();
        let mut batch = engine.batch();
        change(&mut batch);
        engine.write(batch, Durability::Synced).unwrap();
    }

    /// Compacts away overwritten and deleted records, and removes the journal.
    fn remove_second_copies(&self) {
        let _ = std::fs::remove_file(self.path().join(JOURNAL_FILE));
        self.engine().compact(Family::Content).unwrap();
    }

    fn get(&self, family: Family, key: &[u8]) -> Vec<u8> {
        self.engine().get(family, key).unwrap().unwrap()
    }

    /// All records of the database.
    fn records(&self) -> Vec<Entry> {
        let engine = self.engine();
        let all = |family| engine.scan(family, b"").unwrap().map(Result::unwrap);
        all(Family::Tree).chain(all(Family::Content)).collect()
    }

    fn check(&self) -> FsckReport {
        let shared = SharedResources::default();
        diagnose(&self.path(), ID, &shared, &mut |_| {})
            .unwrap()
            .report
    }

    fn repair_from(&self, sources: &[PathBuf]) -> RepairReport {
        repair(
            &self.path(),
            ID,
            sources,
            &SharedResources::default(),
            &mut |_| {},
        )
        .unwrap()
    }

    fn repair(&self) -> RepairReport {
        self.repair_from(&[])
    }

    /// Checks that every signed root can be proven in full.
    fn prove_all_signed(&self) {
        let bucket =
            Bucket::open(&self.path(), Access::ReadOnly, &SharedResources::default()).unwrap();
        for commitment in &self.signed {
            let view = bucket.view(StateRef::Root(commitment.mmr_root)).unwrap();
            assert_eq!(view.commitment().unwrap(), *commitment);
            for leaf in 0..commitment.leaf_count.get() {
                let leaf_index = LeafIndex(leaf);
                for chunk in 0..chunk_count(self.leaves[leaf as usize].data_size) {
                    let chunk_index = ChunkIndex(chunk);
                    view.answer(ChunkLocation {
                        leaf_index,
                        chunk_index,
                    })
                    .unwrap();
                }
            }
        }
    }

    fn data_root(&self, leaf: usize) -> H256 {
        self.leaves[leaf].data_root
    }

    fn interior(&self, hash: &H256) -> InteriorValue {
        let key = layout::interior_key(hash);
        InteriorValue::parse(&self.get(Family::Content, &key)).unwrap()
    }

    fn state(&self) -> StateRecord {
        StateRecord::parse(&self.get(Family::Tree, layout::STATE_KEY)).unwrap()
    }
}

fn node(position: u64) -> layout::TreeKey {
    layout::node_key(Sequence(0), Position(position))
}

fn leaf(sequence: u64) -> layout::TreeKey {
    layout::leaf_key(Sequence(sequence))
}

fn chunk(seed: u8, number: usize, profile: HashingProfile) -> H256 {
    let content = &contents()[match seed {
        2 => 1,
        3 => 3,
        _ => 4,
    }];
    profile.chunk(content.chunks(CHUNK_BYTES).nth(number).unwrap())
}
