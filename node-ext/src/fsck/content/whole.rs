//! Which parts of chunk trees have been walked: a tree of forty nodes, each
//! with the one below it on both sides, has a million million chunks, and a walk
//! through all of them has no end.
//!
//! Kept are eight bytes for a node, under a key that nobody knows beforehand,
//! and for nodes from a height on alone: one of sixteen. What is below is walked
//! again, which takes some steps and no more. That is less than a seventh of what
//! those nodes take on disk, so that no tree is too large for it that was not
//! too large to be stored.

use cairn_primitives::H256;
use cairn_primitives::chunk_tree::Subtree;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// The height from which nodes are remembered.
const REMEMBERED_FROM: u32 = 4;

/// Nodes under which all was seen to be right, or not to be.
#[derive(Default)]
pub(super) struct Walked {
    keys: RandomState,
    /// Under these, in these shapes, all is whole.
    whole: HashSet<u64>,
    /// Under these something is wrong, and noted for the leaf that is walked.
    faulty: HashSet<u64>,
}

/// How a node was when it was met before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// All under it is whole.
    Whole,
    /// What is wrong under it has been noted for this leaf.
    Faulty,
}

impl Walked {
    /// A leaf's walk begins: what is wrong is noted for each leaf by itself.
    pub(super) fn begin_leaf(&mut self) {
        self.faulty.clear();
    }

    /// How a node was, if it was met in this shape.
    pub(super) fn met(&self, hash: &H256, shape: Subtree) -> Option<Met> {
        let key = self.key(hash, shape)?;
        if self.whole.contains(&key) {
            Some(Met::Whole)
        } else {
            self.faulty.contains(&key).then_some(Met::Faulty)
        }
    }

    /// Notes how all is under a node.
    pub(super) fn note(&mut self, hash: &H256, shape: Subtree, met: Met) {
        let Some(key) = self.key(hash, shape) else {
            return;
        };
        match met {
            Met::Whole => self.whole.insert(key),
            Met::Faulty => self.faulty.insert(key),
        };
    }

    fn key(&self, hash: &H256, shape: Subtree) -> Option<u64> {
        let (height, chunks, bytes) = (shape.height(), shape.chunks(), shape.bytes());
        (height >= REMEMBERED_FROM).then(|| self.keys.hash_one((hash.0, height, chunks, bytes)))
    }
}
