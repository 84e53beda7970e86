//! The upper nodes of one peak's tree, with which a copy of the tree can be compared or fetched.

use super::View;
use crate::error::ProveError;
use cairn_primitives::mmr::{self, Node};
use cairn_primitives::{H256, Position};

/// A node of an MMR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmrNode {
    /// Its position.
    pub position: Position,
    /// Its hash: of a leaf's hash, the leaf's.
    pub hash: H256,
    /// The positions of its children; `None` for a leaf's.
    pub children: Option<(Position, Position)>,
}

impl View<'_> {
    /// Returns how many nodes [`View::subtree`] returns; `None` if there is no such peak.
    pub fn subtree_size(&self, peak: usize, depth: u32) -> Option<u64> {
        let mountain = mmr::mountains(self.count).nth(peak)?;
        let levels = depth.min(mountain.height).saturating_add(1);
        // Of a perfect tree.
        let size = 1u64
            .checked_shl(levels)
            .and_then(|size| size.checked_sub(1));
        Some(size.unwrap_or(u64::MAX))
    }

    /// Returns a peak and the nodes below it, down to `depth` levels: level by level, left to
    /// right. All are verified: the peak under the root, and each node that has its children here.
    /// `None` if there is no such peak. Reads them in one batch, so a caller bounds their number
    /// by [`View::subtree_size`] before.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if a node is missing, or does not belong to its children.
    pub fn subtree(&self, peak: usize, depth: u32) -> Result<Option<Vec<MmrNode>>, ProveError> {
        let Some(mountain) = mmr::mountains(self.count).nth(peak) else {
            return Ok(None);
        };
        let (_, peaks) = self.peaks()?;
        let mut nodes = vec![mountain.peak()];
        let mut level = nodes.clone();
        for _ in 0..depth.min(mountain.height) {
            let below = level.into_iter().filter_map(Node::children);
            level = below.flat_map(|(left, right)| [left, right]).collect();
            nodes.extend(&level);
        }
        let positions: Vec<_> = nodes.iter().map(|node| node.position()).collect();
        let hashes = self.nodes(&positions)?;
        if hashes.first() != peaks.get(peak) {
            return Err(self.bucket.unsound("a peak has two hashes"));
        }
        let profile = self.profile();
        // In this order, the children of the first nodes are the others, two by two.
        let children = hashes.get(1..).unwrap_or_default().chunks_exact(2);
        for (parent, children) in hashes.iter().zip(children) {
            let [left, right] = children else { continue };
            if profile.node(left, right) != *parent {
                let fault = "a node of the tree is not the hash of its children";
                return Err(self.bucket.unsound(fault));
            }
        }
        let described = nodes.iter().zip(hashes).map(|(node, hash)| MmrNode {
            position: node.position(),
            hash,
            children: node
                .children()
                .map(|(left, right)| (left.position(), right.position())),
        });
        Ok(Some(described.collect()))
    }
}
