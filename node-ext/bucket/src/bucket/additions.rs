//! The records that new leaves add to the database, computed from the tip in memory.

use super::Tip;
use cairn_engine::layout::{self, SignedRootValue, TreeKey};
use cairn_engine::{Batch, Family};
use cairn_primitives::{H256, LEAF_BYTES, MmrLeaf, Position, Sequence};

/// The records that new leaves add to the database, without the state record.
pub(super) struct Additions {
    tree: Sequence,
    leaves: Vec<(TreeKey, [u8; LEAF_BYTES])>,
    pub(super) nodes: Vec<(Position, H256)>,
    signed_roots: Vec<([u8; 41], SignedRootValue)>,
}

impl Additions {
    pub(super) fn new(tip: &Tip) -> Self {
        Self {
            tree: tip.tree,
            leaves: Vec::new(),
            nodes: Vec::new(),
            signed_roots: Vec::new(),
        }
    }

    /// Records the tip's root as signed.
    pub(super) fn record_signed_root(&mut self, tip: &Tip, signed_ms: u64) {
        let key = layout::signed_root_key(&tip.root, tip.tree);
        let count = tip.frontier.count();
        self.signed_roots
            .push((key, SignedRootValue { count, signed_ms }));
    }

    pub(super) fn write(&self, batch: &mut Batch<'_>) {
        for (key, leaf) in &self.leaves {
            batch.put(Family::Tree, key, leaf);
        }
        for (position, hash) in &self.nodes {
            let key = layout::node_key(self.tree, *position);
            batch.put(Family::Tree, key, hash.as_bytes());
        }
        for (key, value) in &self.signed_roots {
            batch.put(Family::Tree, key, &value.to_bytes());
        }
    }
}

impl Tip {
    /// Appends a leaf and adds its records to `additions`. Does not compute the root.
    /// Returns `None` if a number would leave its range.
    pub(super) fn append(&mut self, leaf: &MmrLeaf, additions: &mut Additions) -> Option<()> {
        // The sequence after the last leaf must exist too, since opening reads it.
        let index = self.frontier.count().next_index();
        let sequence = self.tree.checked_add(index);
        let sequence = sequence.filter(|sequence| sequence.0 != u64::MAX)?;
        let hash = self.frontier.profile().leaf(leaf);
        self.frontier.append(hash, |position, hash| {
            additions.nodes.push((position, hash))
        })?;
        additions
            .leaves
            .push((layout::leaf_key(sequence), leaf.to_bytes()));
        self.total_size = leaf.total_size;
        Some(())
    }
}
