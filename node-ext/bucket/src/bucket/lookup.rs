//! Reads the nodes and leaves that a proof needs, in one batch.

use super::View;
use crate::error::ProveError;
use cairn_engine::{Family, ReadTier, layout};
use cairn_primitives::{H256, LEAF_BYTES, MmrLeaf, Position, Sequence};
use codec::Decode;

/// A record of a tree, told apart by its length.
enum Record {
    Node(H256),
    Leaf(MmrLeaf),
    Unreadable { length: usize },
}

impl Record {
    fn parse(value: &[u8]) -> Self {
        let unreadable = Self::Unreadable {
            length: value.len(),
        };
        match value.len() {
            32 => Self::Node(H256::from_slice(value)),
            LEAF_BYTES => MmrLeaf::decode(&mut &*value).map_or(unreadable, Self::Leaf),
            _ => unreadable,
        }
    }
}

/// The records that prove a leaf.
pub(super) struct ProofRecords {
    /// In the order of the requested positions.
    pub(super) nodes: Vec<H256>,
    pub(super) leaf: MmrLeaf,
    /// The nodes that were not cached and so were read.
    pub(super) from_disk: Vec<(Position, H256)>,
}

impl View<'_> {
    /// Reads nodes of the tree and leaves of the bucket, without verifying them.
    pub(super) fn look_up(
        &self,
        positions: &[Position],
        sequences: &[Sequence],
    ) -> Result<(Vec<H256>, Vec<MmrLeaf>), ProveError> {
        let found = self.read_records(positions, sequences);
        found.map_err(|error| self.bucket.released_or(self.tree, error))
    }

    fn read_records(
        &self,
        positions: &[Position],
        sequences: &[Sequence],
    ) -> Result<(Vec<H256>, Vec<MmrLeaf>), ProveError> {
        let (bucket, tree) = (self.bucket, self.tree);
        let node_keys = positions.iter().map(|at| layout::node_key(tree, *at));
        let leaf_keys = sequences.iter().map(|at| layout::leaf_key(*at));
        let keys: Vec<_> = node_keys.chain(leaf_keys).collect();
        let records = match self.tier {
            ReadTier::Disk => bucket.engine.get_many(Family::Tree, &keys, Record::parse),
            ReadTier::Memory => {
                let parse = Record::parse;
                bucket.engine.get_many_cached(Family::Tree, &keys, parse)
            }
        };
        let mut records = records?.into_iter();
        let unreadable = |what: String, record| match record {
            Record::Unreadable { length } => bucket.unsound(format!("{what} has {length} bytes")),
            _ => bucket.unsound(format!("{what} is another kind of record")),
        };
        let mut nodes = Vec::with_capacity(positions.len());
        for (position, record) in positions.iter().copied().zip(&mut records) {
            match record {
                Some(Record::Node(hash)) => nodes.push(hash),
                None => {
                    return Err(ProveError::MissingNode {
                        bucket: bucket.id,
                        tree,
                        position,
                    });
                }
                Some(other) => {
                    return Err(unreadable(format!("node {position} of tree {tree}"), other));
                }
            }
        }
        let mut leaves = Vec::with_capacity(sequences.len());
        for (sequence, record) in sequences.iter().copied().zip(records) {
            match record {
                Some(Record::Leaf(leaf)) => leaves.push(leaf),
                None => {
                    return Err(ProveError::MissingLeaf {
                        bucket: bucket.id,
                        sequence,
                    });
                }
                Some(other) => {
                    return Err(unreadable(
                        format!("the leaf with sequence {sequence}"),
                        other,
                    ));
                }
            }
        }
        Ok((nodes, leaves))
    }

    /// Reads a leaf and the nodes of its proof, of which the upper ones may be cached.
    pub(super) fn look_up_proof(
        &self,
        positions: &[Position],
        sequence: Sequence,
    ) -> Result<ProofRecords, ProveError> {
        let mut found = self.bucket.upper_nodes.get(self.tree, positions);
        let is_missing =
            |(position, node): (&Position, &Option<H256>)| node.is_none().then_some(*position);
        let missing: Vec<_> = positions
            .iter()
            .zip(&found)
            .filter_map(is_missing)
            .collect();
        let (nodes, leaves) = self.look_up(&missing, &[sequence])?;
        // Each missing node was read.
        let gaps = found.iter_mut().filter(|node| node.is_none());
        gaps.zip(&nodes).for_each(|(gap, node)| *gap = Some(*node));
        let bucket = self.bucket.id;
        let leaf = leaves
            .first()
            .copied()
            .ok_or(ProveError::MissingLeaf { bucket, sequence })?;
        Ok(ProofRecords {
            nodes: found.into_iter().flatten().collect(),
            leaf,
            from_disk: missing.into_iter().zip(nodes).collect(),
        })
    }

    /// Caches nodes that were read for a proof, once the proof has verified: a node
    /// that was read wrongly must not stay.
    pub(super) fn cache_verified(&self, from_disk: Vec<(Position, H256)>) {
        self.bucket
            .upper_nodes
            .insert(self.tree, from_disk.into_iter());
    }

    /// Reads nodes of the tree, without verifying them.
    pub(crate) fn nodes(&self, positions: &[Position]) -> Result<Vec<H256>, ProveError> {
        Ok(self.look_up(positions, &[])?.0)
    }
}
