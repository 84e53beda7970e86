//! A cache of the upper nodes of a bucket's tree.
//!
//! Every proof needs upper nodes. They are few and never change (I2), so the cache is
//! never stale. The lower nodes of a proof are adjacent on disk. The cache is not
//! trusted: a proof is verified before it is returned (I12), and checks of the disk
//! bypass it.

use cairn_primitives::{H256, Position, Sequence, mmr};
use parking_lot::RwLock;
use std::collections::HashMap;

/// The lowest cached level: a node below it is in the same block as its leaf's
/// neighbours.
const LOWEST_LEVEL: u32 = 4;

#[derive(Debug)]
struct Kept {
    tree: Sequence,
    /// Nodes of this height and above are cached.
    from_level: u32,
    nodes: HashMap<Position, H256>,
}

/// The upper nodes of one tree, cached when they are first used.
#[derive(Debug)]
pub(super) struct NodeCache {
    kept: RwLock<Kept>,
    /// Capacity. When the cache would exceed it, it drops its lowest level.
    max_nodes: usize,
}

impl NodeCache {
    pub(super) fn new(tree: Sequence, max_nodes: usize) -> Self {
        let kept = Kept {
            tree,
            from_level: LOWEST_LEVEL,
            nodes: HashMap::new(),
        };
        Self {
            kept: RwLock::new(kept),
            max_nodes,
        }
    }

    /// Drops all nodes, and caches those of another tree from now on.
    pub(super) fn restart(&self, tree: Sequence) {
        *self.kept.write() = Kept {
            tree,
            from_level: LOWEST_LEVEL,
            nodes: HashMap::new(),
        };
    }

    /// Returns the cached node at each position, if any.
    pub(super) fn find(&self, tree: Sequence, positions: &[Position]) -> Vec<Option<H256>> {
        let kept = self.kept.read();
        if kept.tree != tree || kept.nodes.is_empty() {
            return vec![None; positions.len()];
        }
        positions
            .iter()
            .map(|position| kept.nodes.get(position).copied())
            .collect()
    }

    /// Caches the nodes that are high enough, if they are of the cached tree.
    pub(super) fn keep(&self, tree: Sequence, nodes: impl Iterator<Item = (Position, H256)>) {
        let (from_level, kept_tree) = {
            let kept = self.kept.read();
            (kept.from_level, kept.tree)
        };
        if kept_tree != tree {
            return;
        }
        let mut high = nodes
            .filter(|(at, _)| mmr::height(*at) >= from_level)
            .peekable();
        if high.peek().is_none() {
            return;
        }
        let mut kept = self.kept.write();
        if kept.tree != tree {
            return;
        }
        kept.nodes.extend(high);
        while kept.nodes.len() > self.max_nodes {
            kept.from_level = kept.from_level.saturating_add(1);
            let from_level = kept.from_level;
            kept.nodes.retain(|at, _| mmr::height(*at) >= from_level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_NODES: usize = 1 << 15;

    #[test]
    fn what_is_kept_stays_within_its_bound_and_is_of_the_highest_levels() {
        let cache = NodeCache::new(Sequence(0), MAX_NODES);
        let all = (0..1 << 22).map(|at| (Position(at), H256::from_low_u64_be(at)));
        cache.keep(Sequence(0), all);
        let kept = cache.kept.read();
        assert!(kept.nodes.len() <= MAX_NODES && kept.nodes.len() > MAX_NODES / 4);
        assert!(
            kept.nodes
                .keys()
                .all(|at| mmr::height(*at) >= kept.from_level)
        );
        drop(kept);
        // The peak of the first 2^20 leaves.
        let peak = Position((1 << 21) - 2);
        let found = cache.find(Sequence(0), &[Position(0), peak]);
        assert_eq!(found, vec![None, Some(H256::from_low_u64_be(peak.0))]);
        assert_eq!(
            cache.find(Sequence(1), &[peak]),
            vec![None],
            "a node of another tree"
        );
    }

    /// The two trees have nodes at the same positions.
    #[test]
    fn a_node_that_was_read_before_the_tree_changed_does_not_get_into_the_next_tree() {
        let cache = NodeCache::new(Sequence(0), MAX_NODES);
        let high = Position(30);
        let read_meanwhile = std::iter::once_with(|| {
            cache.restart(Sequence(9));
            (high, H256::repeat_byte(1))
        });
        cache.keep(Sequence(0), read_meanwhile);
        assert_eq!(cache.find(Sequence(9), &[high]), vec![None]);
        cache.keep(Sequence(9), [(high, H256::repeat_byte(2))].into_iter());
        let found = cache.find(Sequence(9), &[high]);
        assert_eq!(found, vec![Some(H256::repeat_byte(2))]);
    }
}
