//! The nodes that a leaf completes: its own, and those above whose last leaf it is.
//! Checks each record against its hash.

use crate::bucket::records::RecordFault;
use cairn_engine::ReadResult;
use cairn_engine::layout::{self, TreeKey};
use cairn_primitives::mmr::{Node, leaf_position};
use cairn_primitives::{H256, HashingProfile, LeafIndex, MmrLeaf, Position, Sequence};
use codec::DecodeAll;

/// A node above the leaves, and its children.
pub(super) struct ParentNode {
    node: Position,
    left: Position,
    right: Position,
}

/// A leaf, with the nodes that it completes.
pub(super) struct CompletedNodes {
    tree: Sequence,
    index: LeafIndex,
    /// From the lowest to the highest.
    pub(super) parents: Vec<ParentNode>,
}

impl CompletedNodes {
    pub(super) fn new(tree: Sequence, index: LeafIndex) -> Self {
        let parents = (1..=index.0.trailing_ones())
            .filter_map(|height| {
                let node = Node::above(index, height);
                let (left, right) = node.children()?;
                Some(ParentNode {
                    node: node.position(),
                    left: left.position(),
                    right: right.position(),
                })
            })
            .collect();
        Self {
            tree,
            index,
            parents,
        }
    }

    /// Returns the keys to read, in the order that [`Self::faults`] expects.
    pub(super) fn keys(&self) -> impl Iterator<Item = TreeKey> + use<> {
        let tree = self.tree;
        let leaf = layout::leaf_key(self.sequence());
        let positions: Vec<_> = std::iter::once(leaf_position(self.index))
            .chain(
                self.parents
                    .iter()
                    .flat_map(|above| [above.node, above.left, above.right]),
            )
            .collect();
        let nodes = positions
            .into_iter()
            .map(move |at| layout::node_key(tree, at));
        std::iter::once(leaf).chain(nodes)
    }

    fn sequence(&self) -> Sequence {
        Sequence(self.tree.0.saturating_add(self.index.0))
    }

    /// Checks the records read. Returns each faulty record with its fault.
    pub(super) fn faults(
        &self,
        profile: HashingProfile,
        read: Vec<ReadResult>,
    ) -> Vec<(String, RecordFault)> {
        let mut read = read.into_iter();
        let mut next = || read.next().unwrap_or(Ok(None));
        let mut faults = vec![];
        let of_tree = match self.tree {
            Sequence(0) => String::new(),
            tree => format!(" of the tree from {tree}"),
        };
        if let Err(fault) = check_leaf(profile, next(), next()) {
            faults.push((format!("leaf {}{of_tree}", self.index), fault));
        }
        for above in &self.parents {
            if let Err(fault) = check_parent(profile, next(), next(), next()) {
                faults.push((format!("node {}{of_tree}", above.node), fault));
            }
        }
        faults
    }
}

fn check_leaf(
    profile: HashingProfile,
    leaf: ReadResult,
    node: ReadResult,
) -> Result<(), RecordFault> {
    let (leaf, node) = (
        present(leaf, "it is lost")?,
        present(node, "its node is lost")?,
    );
    let leaf = MmrLeaf::decode_all(&mut &leaf[..]).map_err(|_| "it cannot be read")?;
    if profile.leaf(&leaf).as_bytes() != node {
        return Err("it does not hash to its node".into());
    }
    Ok(())
}

fn check_parent(
    profile: HashingProfile,
    node: ReadResult,
    left: ReadResult,
    right: ReadResult,
) -> Result<(), RecordFault> {
    let node = present(node, "it is lost")?;
    // A lost or unreadable child is a separate finding.
    let (Some(left), Some(right)) = (digest(left), digest(right)) else {
        return Ok(());
    };
    if profile.node(&left, &right).as_bytes() != node {
        return Err("its children do not hash to it".into());
    }
    Ok(())
}

fn present(read: ReadResult, lost: &str) -> Result<Vec<u8>, RecordFault> {
    read?.ok_or_else(|| lost.into())
}

fn digest(read: ReadResult) -> Option<H256> {
    let bytes: [u8; 32] = read.ok()??.try_into().ok()?;
    Some(bytes.into())
}
