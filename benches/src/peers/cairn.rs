//! One bucket of Cairn, through `Provider`.

use super::{Peer, Proof, leaf_count};
use crate::Fallible;
use crate::data::Pieces;
use cairn_bucket::{Bucket, BucketConfig, NewLeaf, StateRef};
use cairn_engine::{Durability, SharedResources};
use cairn_primitives::{BucketId, H256, LeafCount, LeafIndex};
use std::path::Path;

/// Leaves per commit while a bucket is filled.
const FILL_BATCH: u64 = 10_000;

/// One bucket.
pub(crate) struct Cairn(pub(crate) Bucket);

impl Cairn {
    /// Creates a bucket in the folder `path`, which must not exist.
    pub(crate) fn create(path: &Path, pieces: &Pieces) -> Fallible<Self> {
        let config = BucketConfig::default();
        let bucket = Bucket::create(path, BucketId(1), config, &SharedResources::default())?;
        for piece in pieces.all() {
            bucket.ingest(&*piece.bytes)?;
        }
        Ok(Self(bucket))
    }

    pub(crate) fn commit_durably(&self, leaf: NewLeaf) -> Fallible<()> {
        self.0.commit(&[leaf], Durability::Synced)?;
        Ok(())
    }
}

impl Peer for Cairn {
    fn name(&self) -> &'static str {
        "cairn"
    }

    fn leaves(&self) -> u64 {
        self.0.commitment().leaf_count.get()
    }

    fn root(&self) -> Fallible<H256> {
        Ok(self.0.commitment().mmr_root)
    }

    fn fill(&mut self, pieces: &Pieces, leaves: u64) -> Fallible<()> {
        if self.leaves() > leaves {
            return Err("a bucket does not shrink".into());
        }
        let mut next = self.leaves();
        while next < leaves {
            let end = next.saturating_add(FILL_BATCH).min(leaves);
            let batch: Vec<_> = (next..end)
                .map(|index| pieces.leaf(index))
                .collect::<Fallible<_>>()?;
            self.0.commit(&batch, Durability::Buffered)?;
            next = end;
        }
        self.0.sync()?;
        Ok(())
    }

    fn commit(&mut self, leaf: NewLeaf) -> Fallible<()> {
        self.0.commit(&[leaf], Durability::Buffered)?;
        Ok(())
    }

    fn prove(&mut self, index: LeafIndex, count: LeafCount) -> Fallible<Option<Proof>> {
        let at = if count == leaf_count(self.leaves())? {
            StateRef::Newest
        } else {
            StateRef::LeafCount(count)
        };
        let leaf = self.0.view(at)?.mmr_proof(index)?;
        Ok(Some(Proof::Full(leaf.into_proof())))
    }
}
