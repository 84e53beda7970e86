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
const MIN_LEVEL: u32 = 4;

#[derive(Debug)]
struct CachedNodes {
    tree: Sequence,
    /// Nodes of this height and above are cached.
    min_level: u32,
    nodes: HashMap<Position, H256>,
}

/// The upper nodes of one tree, cached when they are first used.
#[derive(Debug)]
pub(super) struct NodeCache {
    cached: RwLock<CachedNodes>,
    /// Capacity. When the cache would exceed it, it drops its lowest level.
    max_nodes: usize,
}

impl NodeCache {
    pub(super) fn new(tree: Sequence, max_nodes: usize) -> Self {
        let kept = CachedNodes {
            tree,
            min_level: MIN_LEVEL,
            nodes: HashMap::new(),
        };
        Self {
            cached: RwLock::new(kept),
            max_nodes,
        }
    }

    /// Drops all nodes, and caches those of another tree from now on.
    pub(super) fn reset(&self, tree: Sequence) {
        *self.cached.write() = CachedNodes {
            tree,
            min_level: MIN_LEVEL,
            nodes: HashMap::new(),
        };
    }

    /// Returns the cached node at each position, if any.
    pub(super) fn get(&self, tree: Sequence, positions: &[Position]) -> Vec<Option<H256>> {
        let kept = self.cached.read();
        if kept.tree != tree || kept.nodes.is_empty() {
            return vec![None; positions.len()];
        }
        positions
            .iter()
            .map(|position| kept.nodes.get(position).copied())
            .collect()
    }

    /// Caches the nodes that are high enough, if they are of the cached tree.
    pub(super) fn insert(&self, tree: Sequence, nodes: impl Iterator<Item = (Position, H256)>) {
        let (from_level, kept_tree) = {
            let kept = self.cached.read();
            (kept.min_level, kept.tree)
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
        let mut kept = self.cached.write();
        if kept.tree != tree {
            return;
        }
        kept.nodes.extend(high);
        while kept.nodes.len() > self.max_nodes {
            kept.min_level = kept.min_level.saturating_add(1);
            let from_level = kept.min_level;
            kept.nodes.retain(|at, _| mmr::height(*at) >= from_level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_NODES: usize = 1 << 15;

    #[test]
    fn the_cache_keeps_the_highest_levels_within_its_capacity() {
        let cache = NodeCache::new(Sequence(0), MAX_NODES);
        let all = (0..1 << 22).map(|at| (Position(at), H256::from_low_u64_be(at)));
        cache.insert(Sequence(0), all);
        let kept = cache.cached.read();
        assert!(kept.nodes.len() <= MAX_NODES && kept.nodes.len() > MAX_NODES / 4);
        assert!(
            kept.nodes
                .keys()
                .all(|at| mmr::height(*at) >= kept.min_level)
        );
        drop(kept);
        // The peak of the first 2^20 leaves.
        let peak = Position((1 << 21) - 2);
        let found = cache.get(Sequence(0), &[Position(0), peak]);
        assert_eq!(found, vec![None, Some(H256::from_low_u64_be(peak.0))]);
        assert_eq!(
            cache.get(Sequence(1), &[peak]),
            vec![None],
            "a node of another tree"
        );
    }

    /// The two trees have nodes at the same positions.
    #[test]
    fn a_late_insert_of_the_old_tree_is_ignored_after_a_reset() {
        let cache = NodeCache::new(Sequence(0), MAX_NODES);
        let high = Position(30);
        let read_meanwhile = std::iter::once_with(|| {
            cache.reset(Sequence(9));
            (high, H256::repeat_byte(1))
        });
        cache.insert(Sequence(0), read_meanwhile);
        assert_eq!(cache.get(Sequence(9), &[high]), vec![None]);
        cache.insert(Sequence(9), [(high, H256::repeat_byte(2))].into_iter());
        let found = cache.get(Sequence(9), &[high]);
        assert_eq!(found, vec![Some(H256::repeat_byte(2))]);
    }
}
