//! A legacy provider with one bucket.

use super::{Peer, Proof};
use crate::Fallible;
use crate::data::Pieces;
use crate::stores::LegacyDatabase;
use cairn_bucket::NewLeaf;
use cairn_primitives::{H256, LeafCount, LeafIndex, MerkleProof, MmrProof};
use std::io::Read;
use std::path::Path;

const BUCKET: u64 = 1;

/// One bucket of a legacy provider.
pub(crate) struct Legacy {
    database: LegacyDatabase,
    leaves: u64,
}

impl Legacy {
    /// Creates a database in the folder `path`.
    pub(crate) fn create(path: &Path, pieces: &Pieces) -> Fallible<Self> {
        let database = LegacyDatabase::open(path)?;
        database.create(BUCKET)?;
        for piece in pieces.all() {
            database.upload(&*piece.bytes)?;
        }
        Ok(Self {
            database,
            leaves: 0,
        })
    }

    /// Stores content; see [`LegacyDatabase::upload`].
    pub(crate) fn upload(&self, source: impl Read) -> Fallible<NewLeaf> {
        self.database.upload(source)
    }

    /// Answers a challenge; see [`LegacyDatabase::answer`].
    pub(crate) fn answer(
        &self,
        leaf: LeafIndex,
        index: usize,
    ) -> Fallible<(MmrProof, Vec<u8>, MerkleProof)> {
        self.database.answer(BUCKET, leaf, index)
    }
}

impl Peer for Legacy {
    fn name(&self) -> &'static str {
        "legacy"
    }

    fn leaves(&self) -> u64 {
        self.leaves
    }

    fn root(&self) -> Fallible<H256> {
        self.database.root(BUCKET)
    }

    fn fill(&mut self, pieces: &Pieces, leaves: u64) -> Fallible<()> {
        let new: Vec<_> = (0..leaves)
            .map(|index| pieces.leaf(index))
            .collect::<Fallible<_>>()?;
        self.database.fill(BUCKET, new)?;
        self.leaves = leaves;
        Ok(())
    }

    fn commit(&mut self, new: NewLeaf) -> Fallible<()> {
        let commitment = self.database.commit(BUCKET, &[new])?;
        self.leaves = commitment.leaf_count.get();
        Ok(())
    }

    fn prove(&mut self, index: LeafIndex, count: LeafCount) -> Fallible<Option<Proof>> {
        if count.get() != self.leaves {
            return Ok(None);
        }
        let proof = self.database.prove(BUCKET, index)?;
        Ok(Some(Proof::Full(proof)))
    }
}
