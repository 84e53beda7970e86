//! Remembers which subtrees of chunk trees were walked. A tree of 40 nodes, each with
//! the one below it on both sides, has 2^40 chunks; without this memory a walk would
//! not end.
//!
//! It keeps 8 bytes per node, under a secret key, and only for nodes of a minimum
//! height: one of 16. Lower nodes are walked again, which takes few steps. That is
//! less than a seventh of what these nodes take on disk, so each tree that could be
//! stored can be checked.

use cairn_primitives::H256;
use cairn_primitives::chunk_tree::Subtree;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// The lowest height of a node that is remembered.
const MIN_REMEMBERED_HEIGHT: u32 = 4;

/// The nodes that were walked, by the result.
#[derive(Default)]
pub(super) struct Walked {
    keys: RandomState,
    /// Subtrees, by root and shape, that are intact.
    intact: HashSet<u64>,
    /// Subtrees with faults that are recorded for the current leaf.
    faulty: HashSet<u64>,
}

/// The result of an earlier walk through a subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkResult {
    /// All under the node is intact.
    Intact,
    /// The faults under the node are recorded for this leaf.
    Faulty,
}

impl Walked {
    /// Begins the walk of a leaf. Faults are recorded for each leaf separately.
    pub(super) fn begin_leaf(&mut self) {
        self.faulty.clear();
    }

    /// Returns the result of an earlier walk through this node in this shape, if any.
    pub(super) fn result_of(&self, hash: &H256, shape: Subtree) -> Option<WalkResult> {
        let key = self.key(hash, shape)?;
        if self.intact.contains(&key) {
            Some(WalkResult::Intact)
        } else {
            self.faulty.contains(&key).then_some(WalkResult::Faulty)
        }
    }

    /// Records the result of the walk through a node.
    pub(super) fn record(&mut self, hash: &H256, shape: Subtree, met: WalkResult) {
        let Some(key) = self.key(hash, shape) else {
            return;
        };
        match met {
            WalkResult::Intact => self.intact.insert(key),
            WalkResult::Faulty => self.faulty.insert(key),
        };
    }

    fn key(&self, hash: &H256, shape: Subtree) -> Option<u64> {
        let (height, chunks, bytes) = (shape.height(), shape.chunks(), shape.bytes());
        (height >= MIN_REMEMBERED_HEIGHT)
            .then(|| self.keys.hash_one((hash.0, height, chunks, bytes)))
    }
}
