//! Those that do the same work: each holds one bucket's leaves in its own way.
//!
//! All are given the same leaves in the same order, so that their roots must
//! agree; a peer that computes something else is not a peer.

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

/// A proof, as far as it can be judged from outside.
pub(crate) enum Proof {
    /// In the chain's encoding.
    Full(MmrProof),
    /// In a form of the peer's own.
    Own,
}

/// One bucket, as a peer keeps it.
pub(crate) trait Peer {
    /// How the report calls it.
    fn name(&self) -> &'static str;

    fn leaves(&self) -> u64;

    fn root(&self) -> Fallible<H256>;

    /// Brings the bucket to exactly `leaves` leaves, as fast as it can; not
    /// measured.
    fn fill(&mut self, pieces: &Pieces, leaves: u64) -> Fallible<()>;

    /// Commits one leaf, without syncing.
    fn commit(&mut self, leaf: NewLeaf) -> Fallible<()>;

    /// Proves a leaf as the tree was at `count` leaves; `None` when the peer
    /// can prove for its newest count alone.
    fn prove(&mut self, index: LeafIndex, count: LeafCount) -> Fallible<Option<Proof>>;
}

/// A leaf count that is known to be within bounds.
pub(crate) fn leaf_count(leaves: u64) -> Fallible<LeafCount> {
    LeafCount::new(leaves).ok_or_else(|| "more leaves than a tree may have".into())
}

/// Fails unless two peers come to one root over the same leaves.
pub(crate) fn agree(one: &impl Peer, other: &impl Peer) -> Fallible<()> {
    if (one.leaves(), one.root()?) == (other.leaves(), other.root()?) {
        return Ok(());
    }
    let (one, other) = (one.name(), other.name());
    Err(format!("{one} and {other} come to different roots over the same leaves").into())
}
