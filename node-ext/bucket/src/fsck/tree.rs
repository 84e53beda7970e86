//! Checks one tree: its nodes and signed roots, from its leaves.

use super::reconstruct::{Discovery, NodeDefect, StoredNode, TreeReconstruction};
use super::repair_write::RepairWrite;
use super::report::LEAF_NOT_DERIVABLE;
use super::{BucketCheck, CheckProgress, SignedRoots};
use crate::bucket::{Bucket, RetiredTree};
use cairn_engine::{EngineError, ReadResult, layout};
use cairn_primitives::{H256, LEAF_BYTES, LeafCount, LeafIndex, MmrLeaf, Position, Sequence};
use codec::Decode;

/// Leaves whose records are read in one step.
const WINDOW_LEAVES: u64 = 256;

const FROM_LEAVES: &str = "its leaves";

/// A tree of a bucket, at a leaf count whose root is known.
#[derive(Clone, Debug)]
pub(crate) struct TreeToCheck {
    /// The sequence of its first leaf.
    pub(crate) tree: Sequence,
    pub(crate) count: LeafCount,
    pub(crate) root: H256,
    /// Its peaks, if they are recorded apart from the nodes.
    pub(crate) peaks: Option<Vec<H256>>,
    /// Leaves from this sequence on are also in a newer tree, which checks their content.
    /// `None` for the newest tree.
    pub(crate) content_end: Option<Sequence>,
}

impl TreeToCheck {
    /// Makes the current tree of a bucket.
    pub(crate) fn newest(bucket: &Bucket) -> Self {
        let tip = bucket.newest_tip();
        Self {
            tree: tip.tree,
            count: tip.frontier.count(),
            root: tip.root,
            peaks: Some(tip.frontier.peaks().to_vec()),
            content_end: None,
        }
    }

    /// Makes a tree that a prune has retired.
    pub(super) fn retired(tree: &RetiredTree) -> Self {
        let ended = tree.commitment;
        Self {
            tree: ended.start_seq,
            count: ended.leaf_count,
            root: ended.mmr_root,
            peaks: None,
            content_end: Some(tree.new_start_seq),
        }
    }
}

/// The record of a leaf.
pub(super) enum LeafRecord {
    Leaf(MmrLeaf),
    Lost(String),
}

/// Records of some leaves and of the nodes that these leaves complete.
pub(super) struct Window {
    pub(super) leaves: Vec<(LeafRecord, Vec<(Position, StoredNode)>)>,
}

impl Window {
    /// Reads leaves `from .. to` of a tree.
    pub(super) fn read(
        tree: Sequence,
        from: u64,
        to: u64,
        read: impl Fn(&[layout::TreeKey]) -> Result<Vec<ReadResult>, EngineError>,
    ) -> Result<Self, EngineError> {
        let mut keys = Vec::new();
        let positions: Vec<Vec<Position>> = (from..to)
            .map(|leaf| TreeReconstruction::positions_completed_by(leaf).collect())
            .collect();
        for (leaf, positions) in (from..to).zip(&positions) {
            // A tree's sequences end before their range does.
            let sequence = tree
                .checked_add(LeafIndex(leaf))
                .unwrap_or(Sequence(u64::MAX));
            keys.push(layout::leaf_key(sequence));
            keys.extend(positions.iter().map(|at| layout::node_key(tree, *at)));
        }
        let mut records = read(&keys)?.into_iter();
        let leaves = positions.into_iter().map(|positions| {
            let leaf = parse_leaf(records.next().unwrap_or(Ok(None)));
            let node = |at| (at, parse_node(records.next().unwrap_or(Ok(None))));
            (leaf, positions.into_iter().map(node).collect())
        });
        Ok(Self {
            leaves: leaves.collect(),
        })
    }
}

fn parse_leaf(read: ReadResult) -> LeafRecord {
    match read {
        Err(error) => LeafRecord::Lost(error.to_string()),
        Ok(None) => LeafRecord::Lost("it is lost".into()),
        Ok(Some(bytes)) if bytes.len() == LEAF_BYTES => MmrLeaf::decode(&mut &bytes[..])
            .map_or_else(
                |error| LeafRecord::Lost(error.to_string()),
                LeafRecord::Leaf,
            ),
        Ok(Some(bytes)) => LeafRecord::Lost(format!("its record has {} bytes", bytes.len())),
    }
}

fn parse_node(read: ReadResult) -> StoredNode {
    match read {
        Err(error) => Err(NodeDefect::Database(error.to_string())),
        Ok(None) => Err(NodeDefect::Missing),
        Ok(Some(bytes)) => <[u8; 32]>::try_from(bytes)
            .map(H256)
            .map_err(|_| NodeDefect::Unreadable),
    }
}

impl BucketCheck<'_> {
    /// Checks a tree's leaves, their content, its nodes, and its signed roots.
    pub(super) fn check_tree(
        &mut self,
        tree: &TreeToCheck,
        mut signed: SignedRoots,
        progress: &mut dyn FnMut(CheckProgress),
    ) {
        let mut reconstruction = TreeReconstruction::new(self.bucket.profile());
        let mut before = None;
        let of = tree.count.get();
        let mut next = 0;
        while next < of {
            let end = next.saturating_add(WINDOW_LEAVES).min(of);
            let read = |keys: &[layout::TreeKey]| self.bucket.tree_records(keys);
            let window = match Window::read(tree.tree, next, end, read) {
                Ok(window) => window,
                Err(error) => {
                    self.report.add_lost(
                        format!("leaves from {next} on"),
                        error,
                        "the database fails",
                    );
                    return;
                }
            };
            for (leaf, nodes) in window.leaves {
                let index = LeafIndex(next);
                let hash = self.check_leaf(tree, index, leaf, &mut before);
                reconstruction.append(hash, nodes);
                next = next.saturating_add(1);
                self.report.leaves = self.report.leaves.saturating_add(1);
                self.check_signed_roots(&reconstruction, next, &mut signed);
                progress(CheckProgress {
                    leaves: next,
                    total: of,
                });
            }
        }
        self.compare_with_root(tree, reconstruction);
        // Roots signed since the check began are newer than its view of the tree, so
        // this check says nothing about them.
        let newest = self.bucket.commitment().leaf_count;
        for (count, commitments) in signed {
            if count <= tree.count || count > newest || tree.content_end.is_some() {
                for commitment in commitments {
                    let place = format!("signed root {:?}", commitment.mmr_root);
                    let fault = format!("it covers {count} leaves, and there are fewer");
                    self.report.add_lost(place, fault, LEAF_NOT_DERIVABLE);
                }
            }
        }
    }

    /// Checks a leaf and its content. Returns the hash of its record.
    fn check_leaf(
        &mut self,
        tree: &TreeToCheck,
        index: LeafIndex,
        record: LeafRecord,
        before: &mut Option<MmrLeaf>,
    ) -> Option<H256> {
        let leaf = match record {
            LeafRecord::Leaf(leaf) => leaf,
            LeafRecord::Lost(fault) => {
                *before = None;
                self.report
                    .add_lost(format!("leaf {index}"), fault, LEAF_NOT_DERIVABLE);
                return None;
            }
        };
        let total_before = match before {
            Some(before) => Some(before.total_size),
            None if index.0 == 0 && tree.tree.0 == 0 => Some(0),
            // The sizes continue from leaves that are not in this tree.
            None => None,
        };
        let total = total_before.map(|before| before.saturating_add(leaf.data_size));
        if total.is_some_and(|total| total != leaf.total_size) {
            let fault = "its total size does not follow from that of the leaf before it";
            self.report
                .add_lost(format!("leaf {index}"), fault, LEAF_NOT_DERIVABLE);
        }
        *before = Some(leaf);
        let sequence = tree.tree.checked_add(index);
        if tree.content_end.is_none_or(|end| sequence < Some(end)) {
            match self.flag_of(tree, index) {
                Some(flag) => self.check_flagged_content(index, &leaf, flag),
                None => self.check_content(index, &leaf),
            }
        }
        Some(self.bucket.profile().leaf(&leaf))
    }

    /// Compares the roots that were signed at this leaf count.
    fn check_signed_roots(
        &mut self,
        reconstruction: &TreeReconstruction,
        leaves: u64,
        signed: &mut SignedRoots,
    ) {
        let commitments = LeafCount::new(leaves).and_then(|count| signed.remove(&count));
        for commitment in commitments.unwrap_or_default() {
            self.report.signed_roots = self.report.signed_roots.saturating_add(1);
            if reconstruction.peaks_for(&commitment.mmr_root).is_none() {
                let place = format!("signed root {:?}", commitment.mmr_root);
                let fault = format!("the first {leaves} leaves have another root");
                self.report.add_lost(place, fault, LEAF_NOT_DERIVABLE);
            }
        }
    }

    /// Compares the stored nodes with those that follow from the root.
    fn compare_with_root(&mut self, tree: &TreeToCheck, reconstruction: TreeReconstruction) {
        let result = reconstruction.resolve(&tree.root, tree.peaks.as_deref());
        let of_tree = match tree.content_end {
            None => String::new(),
            Some(_) => format!(" of tree {}", tree.tree),
        };
        if !result.is_root_reached && tree.count != LeafCount::ZERO {
            let place = format!("newest root{of_tree}");
            let fault = "the leaves give another root";
            self.report.add_lost(place, fault, LEAF_NOT_DERIVABLE);
        }
        for discovery in result.discoveries {
            self.report_discovery(tree, &of_tree, discovery);
        }
    }

    fn report_discovery(&mut self, tree: &TreeToCheck, of_tree: &str, discovery: Discovery) {
        match discovery {
            Discovery::Node {
                position,
                hash,
                fault,
            } => {
                let place = format!("node {position}{of_tree}");
                if let NodeDefect::Database(error) = fault {
                    let why = "its file is damaged, and rewriting a record does not repair a file";
                    self.report.add_lost(place, error, why);
                    return;
                }
                let write = RepairWrite::Node {
                    tree: tree.tree,
                    position,
                    hash,
                };
                self.add_rebuildable(place, describe(&fault), FROM_LEAVES, write);
            }
            Discovery::LostNode { position, fault } => {
                let place = format!("node {position}{of_tree}");
                let why = "the leaves under it are lost or changed";
                self.report.add_lost(place, describe(&fault), why);
            }
            Discovery::ChangedLeaf { index } => {
                let fault = "it is not the leaf that the tree was built over";
                let place = format!("leaf {index}{of_tree}");
                self.report.add_lost(place, fault, LEAF_NOT_DERIVABLE);
            }
            Discovery::Unexplained { position } => {
                let place = format!("node {position}{of_tree}");
                let fault = "it is right, but something under it is lost or changed";
                self.report.add_lost(place, fault, LEAF_NOT_DERIVABLE);
            }
        }
    }
}

fn describe(fault: &NodeDefect) -> String {
    match fault {
        NodeDefect::Missing => "it is lost".into(),
        NodeDefect::Unreadable => "it cannot be read".into(),
        NodeDefect::Differs => "it differs from what its leaves give".into(),
        NodeDefect::Database(error) => error.clone(),
    }
}
