//! The stores of one bucket: each keeps its leaves in its own way.
//!
//! All get the same leaves in the same order, so their roots must agree.

mod bare;
mod cairn;
mod legacy;
mod memory;

pub(crate) use bare::Bare;
pub(crate) use cairn::Cairn;
pub(crate) use legacy::Legacy;
pub(crate) use memory::Memory;

use crate::Fallible;
use crate::data::Pieces;
use cairn_bucket::NewLeaf;
use cairn_primitives::{H256, LeafCount, LeafIndex, MmrProof};

/// A proof of a store.
pub(crate) enum Proof {
    /// In the chain's encoding.
    Full(MmrProof),
    /// In a form of the store's own.
    Own,
}

/// A store of one bucket.
pub(crate) trait Peer {
    /// Returns the name in the report.
    fn name(&self) -> &'static str;

    fn leaves(&self) -> u64;

    fn root(&self) -> Fallible<H256>;

    /// Fills the bucket to exactly `leaves` leaves, without measuring.
    fn fill(&mut self, pieces: &Pieces, leaves: u64) -> Fallible<()>;

    /// Commits one leaf, without syncing.
    fn commit(&mut self, leaf: NewLeaf) -> Fallible<()>;

    /// Proves a leaf at `count` leaves; `None` if the store proves only at its newest count.
    fn prove(&mut self, index: LeafIndex, count: LeafCount) -> Fallible<Option<Proof>>;
}

/// Converts a leaf count, which must be within its range.
pub(crate) fn leaf_count(leaves: u64) -> Fallible<LeafCount> {
    LeafCount::new(leaves).ok_or_else(|| "more leaves than a tree may have".into())
}

/// Fails unless two stores have the same root over the same leaves.
pub(crate) fn agree(one: &impl Peer, other: &impl Peer) -> Fallible<()> {
    if (one.leaves(), one.root()?) == (other.leaves(), other.root()?) {
        return Ok(());
    }
    let (one, other) = (one.name(), other.name());
    Err(format!("{one} and {other} have different roots over the same leaves").into())
}
