//! Computes the new tree of a prune: hashes the remaining leaves again from position 0,
//! in bounded memory.

use crate::bucket::Bucket;
use crate::error::{ProveError, PruneError};
use cairn_engine::{Family, layout};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{Commitment, H256, LeafCount, MmrLeaf, Position, Sequence};
use codec::Decode;

/// Leaves whose nodes are emitted together; in tests few, so that they can interrupt a
/// prune anywhere.
const LEAF_BATCH: u64 = if cfg!(test) { 4 } else { 4096 };

/// A tree over the leaves from a sequence on, as far as it is built.
pub(super) struct TreeRebuild<'b> {
    bucket: &'b Bucket,
    tree: Sequence,
    frontier: Frontier,
    /// `total_size` of the last leaf.
    total_size: Option<u64>,
    /// A leaf count whose root is requested, and that root once it is reached.
    requested: Option<(LeafCount, Option<H256>)>,
}

impl<'b> TreeRebuild<'b> {
    /// Creates a tree without leaves. It keeps the root that it will have at the leaf
    /// count `asked_for`.
    pub(super) fn new(bucket: &'b Bucket, tree: Sequence, asked_for: Option<LeafCount>) -> Self {
        let mut rebuild = Self {
            bucket,
            tree,
            frontier: Frontier::empty(bucket.config.profile),
            total_size: None,
            requested: asked_for.map(|count| (count, None)),
        };
        rebuild.record_requested_root();
        rebuild
    }

    fn record_requested_root(&mut self) {
        if let Some((count, root)) = &mut self.requested
            && *count == self.frontier.count()
        {
            *root = Some(self.frontier.root());
        }
    }

    /// The root at the requested leaf count, once it is reached.
    pub(super) fn requested_root(&self) -> Option<H256> {
        self.requested.and_then(|(_, root)| root)
    }

    pub(super) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(super) fn total_size(&self) -> Option<u64> {
        self.total_size
    }

    pub(super) fn commitment(&self) -> Commitment {
        Commitment {
            mmr_root: self.frontier.root(),
            start_seq: self.tree,
            leaf_count: self.frontier.count(),
        }
    }

    /// The sequence of the next leaf.
    fn next(&self) -> Result<Sequence, PruneError> {
        let next = self.tree.checked_add(self.frontier.count().next_index());
        next.ok_or_else(|| self.unsound("its sequences leave their range"))
    }

    fn unsound(&self, reason: &str) -> PruneError {
        PruneError::Leaf(self.bucket.unsound(reason))
    }

    /// Appends the leaves before `end`, and emits the nodes that they complete.
    pub(super) fn extend_to(
        &mut self,
        end: Sequence,
        mut emit: impl FnMut(&[(Position, H256)]) -> Result<(), PruneError>,
    ) -> Result<(), PruneError> {
        let mut next = self.next()?;
        let from = layout::leaf_key(next);
        let engine = &self.bucket.engine;
        let mut entries = engine.scan_from(Family::Tree, layout::LEAVES, from.as_ref())?;
        let mut nodes = Vec::new();
        while next < end {
            let lost = || {
                PruneError::Leaf(ProveError::MissingLeaf {
                    bucket: self.bucket.id,
                    sequence: next,
                })
            };
            let (key, value) = entries.next().transpose()?.ok_or_else(lost)?;
            if *key != *layout::leaf_key(next).as_ref() {
                return Err(lost());
            }
            self.add(&value, &mut nodes)?;
            next = self.next()?;
            if self.frontier.count().get().is_multiple_of(LEAF_BATCH) {
                emit(&nodes)?;
                nodes.clear();
            }
        }
        if nodes.is_empty() {
            return Ok(());
        }
        emit(&nodes)
    }

    fn add(&mut self, value: &[u8], nodes: &mut Vec<(Position, H256)>) -> Result<(), PruneError> {
        let leaf = MmrLeaf::decode(&mut &*value)
            .ok()
            .filter(|leaf| leaf.to_bytes() == *value)
            .ok_or_else(|| self.unsound("a leaf cannot be read"))?;
        let follows = self
            .total_size
            .is_none_or(|before| before.checked_add(leaf.data_size) == Some(leaf.total_size));
        if !follows {
            return Err(self.unsound("a leaf's total size does not continue from the leaf before"));
        }
        let hash = self.frontier.profile().leaf(&leaf);
        self.frontier
            .append(hash, |position, hash| nodes.push((position, hash)))
            .ok_or_else(|| self.unsound("it has more leaves than a tree may have"))?;
        self.total_size = Some(leaf.total_size);
        self.record_requested_root();
        Ok(())
    }
}
