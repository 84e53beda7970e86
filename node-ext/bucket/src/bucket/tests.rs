//! Tests of a bucket, named after the invariants. The model is a list of leaves; its
//! roots come from a replay of all of them.

use super::*;
use crate::error::{CommitError, CreateError, IngestError};
use cairn_engine::{Durability, FaultKind};
use cairn_keys::{Gate, Permit, Signer, SigningFacts};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, ContentHasher, ShapeError, padding};
use cairn_primitives::{ChunkIndex, LeafCount, Position, mmr, verify};
use codec::Encode;
use sp_keystore::Keystore;
use std::collections::HashMap;
use tempfile::TempDir;

mod built;
mod charge;
mod content;
mod faults;
mod interrupted;
mod poisoned;
mod prune;
mod quota;
mod salvage;
mod signed_root;
mod subtree;
mod tree;
mod unbound_answer;

const PROFILES: [HashingProfile; 2] = [HashingProfile::Plain, HashingProfile::Tagged];

fn count(n: u64) -> LeafCount {
    LeafCount::new(n).unwrap()
}

fn signer() -> Signer {
    let keystore = sp_keystore::testing::MemoryKeystore::new();
    let public = keystore
        .sr25519_generate_new(cairn_keys::KEY_TYPE, Some("//Alice"))
        .unwrap();
    Signer::new(Arc::new(keystore), public)
}

/// A permit to sign for a bucket without a provider.
pub(super) fn permit(id: BucketId, signer: &Signer) -> Permit<'_> {
    let gate = Gate::new(None, HashMap::new());
    let facts = SigningFacts::new(id, HashingProfile::Plain, Ok(0), None);
    gate.permit(&facts, signer).unwrap()
}

/// Changes records behind a bucket's back. It is closed then.
fn tamper(fixture: &mut Fixture, change: impl FnOnce(&mut cairn_engine::Batch<'_>)) {
    fixture.bucket = None;
    let engine = Engine::open(
        &fixture.path(),
        Access::ReadWrite,
        &SharedResources::default(),
        DamagedLog::Refuse,
    )
    .unwrap();
    let mut batch = engine.batch();
    change(&mut batch);
    engine.write(batch, Durability::Synced).unwrap();
}

/// A bucket in its own folder, with its expected leaves.
struct Fixture {
    folder: TempDir,
    bucket: Option<Bucket>,
    leaves: Vec<MmrLeaf>,
    profile: HashingProfile,
}

impl Fixture {
    fn new(config: BucketConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let bucket =
            Bucket::create(&path, BucketId(7), config, &SharedResources::default()).unwrap();
        Self {
            folder,
            bucket: Some(bucket),
            leaves: vec![],
            profile: config.profile,
        }
    }

    fn with_profile(profile: HashingProfile) -> Self {
        Self::new(BucketConfig {
            profile,
            ..Default::default()
        })
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("bucket")
    }

    fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.bucket = None;
        self.bucket = Some(
            Bucket::open(&self.path(), Access::ReadWrite, &SharedResources::default()).unwrap(),
        );
    }

    /// Distinct content for each number.
    fn content(number: u64) -> Vec<u8> {
        format!("the content of leaf {number}").into_bytes()
    }

    fn ingest(&self, bytes: &[u8]) -> NewLeaf {
        let ingested = self.bucket().ingest(bytes).unwrap();
        NewLeaf {
            data_root: ingested.data_root,
            data_size: ingested.data_size,
        }
    }

    /// Stores the content of the next leaves, and returns the leaves to commit.
    fn next(&self, number: u64) -> Vec<NewLeaf> {
        let from = self.leaves.len() as u64;
        (from..from + number)
            .map(|k| self.ingest(&Self::content(k)))
            .collect()
    }

    fn expect(&mut self, new: &[NewLeaf]) {
        for NewLeaf {
            data_root,
            data_size,
        } in new.iter().copied()
        {
            let before = self.leaves.last().map_or(0, |leaf| leaf.total_size);
            self.leaves.push(MmrLeaf {
                data_root,
                data_size,
                total_size: before + data_size,
            });
        }
    }

    fn commit(&mut self, number: u64) -> Committed {
        let new = self.next(number);
        let committed = self.bucket().commit(&new, Durability::Buffered).unwrap();
        self.expect(&new);
        committed
    }

    /// The commitment to the first `n` leaves, by replay of all of them.
    fn replayed(&self, n: u64) -> Commitment {
        let mut frontier = Frontier::empty(self.profile);
        for leaf in &self.leaves[..n as usize] {
            frontier.append(self.profile.leaf(leaf), |_, _| {}).unwrap();
        }
        Commitment {
            mmr_root: frontier.root(),
            start_seq: Sequence(0),
            leaf_count: count(n),
        }
    }

    fn check_newest(&self) {
        assert_eq!(
            self.bucket().commitment(),
            self.replayed(self.leaves.len() as u64)
        );
    }

    /// All records of the database.
    fn records(&self) -> Vec<cairn_engine::Entry> {
        let all = |family| {
            self.bucket()
                .engine
                .scan(family, b"")
                .unwrap()
                .map(Result::unwrap)
        };
        all(Family::Tree).chain(all(Family::Content)).collect()
    }
}

fn at(leaf: u64, chunk: u64) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(chunk),
    }
}

/// The places of a report's findings.
fn places(report: &crate::fsck::FsckReport) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.place.as_str())
        .collect()
}
