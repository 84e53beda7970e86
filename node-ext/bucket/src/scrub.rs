//! Reads a bucket again in the background, a little at a time: every chunk's bytes
//! against hash and length, every interior node against its children, and, in each tree
//! that proofs are made from, every leaf and node against its hash.
//!
//! A step continues where the last one ended, in key order, and returns a [`ScrubPoint`]
//! that survives restarts. Nothing is read twice or skipped, whatever is added or removed
//! meanwhile. Records added before the point are read in the next round.
//!
//! A scrub only finds damage. `fsck` says what can be repaired, and also checks what one
//! pass in key order cannot: that each leaf's content is complete, content that the chain
//! cannot verify, and signed roots.

mod completed_nodes;
mod cursor_files;
mod pass;
mod rate_limit;
#[cfg(test)]
mod tests;

pub use pass::ScrubPass;
pub use rate_limit::RateLimit;

use crate::bucket::records::{NodeCheck, RecordFault, ScanItem, successor};
use crate::bucket::{Bucket, RetiredTree};
use crate::error::ProveError;
use cairn_engine::EngineError;
use cairn_engine::layout::InteriorValue;
use cairn_primitives::{H256, LeafCount, LeafIndex, Sequence};
use codec::{Decode, Encode, Input, Output};
use completed_nodes::CompletedNodes;

/// Cost of a record besides a chunk's bytes, in bytes.
const RECORD_COST_BYTES: u64 = 100;
/// Leaves read in one step.
const LEAF_BATCH: u64 = 256;

/// The position at which a scrub continues, with its counts so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ScrubPoint {
    next: Cursor,
    /// Records checked since the round began.
    pub records: u64,
    /// Bytes of chunks checked since the round began.
    pub bytes: u64,
    /// Findings since the round began.
    pub findings: u64,
}

/// The first key that was not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Chunk(H256),
    Node(H256),
    /// A leaf of the given tree, with the nodes that it completes.
    Leaf(Sequence, LeafIndex),
}

/// Encodes one byte for the kind, then the hash, or the tree and the leaf.
impl Encode for Cursor {
    fn encode_to<O: Output + ?Sized>(&self, output: &mut O) {
        match self {
            Self::Chunk(hash) => (0u8, hash).encode_to(output),
            Self::Node(hash) => (1u8, hash).encode_to(output),
            Self::Leaf(tree, index) => (2u8, tree, index).encode_to(output),
        }
    }
}

impl Decode for Cursor {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        match u8::decode(input)? {
            0 => H256::decode(input).map(Self::Chunk),
            1 => H256::decode(input).map(Self::Node),
            2 => {
                <(Sequence, LeafIndex)>::decode(input).map(|(tree, index)| Self::Leaf(tree, index))
            }
            _ => Err("no such kind of record".into()),
        }
    }
}

const START: ScrubPoint = ScrubPoint {
    next: Cursor::Chunk(H256::zero()),
    records: 0,
    bytes: 0,
    findings: 0,
};

/// A record that does not match its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubFinding {
    /// The record.
    pub place: String,
    /// The fault.
    pub fault: String,
    /// Set for damage; otherwise the record only could not be read now.
    pub is_damage: bool,
}

/// The result of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubStepReport {
    /// Records checked in this step.
    pub records: u64,
    /// Bytes of chunks checked in this step.
    pub bytes: u64,
    /// The findings of this step.
    pub findings: Vec<ScrubFinding>,
    /// The point to continue from; `None` when the round is complete.
    pub point: Option<ScrubPoint>,
}

/// One round through a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Scrub {
    /// `None` when the round is complete.
    point: Option<ScrubPoint>,
}

impl Scrub {
    /// Starts a round from the beginning, or from where an earlier one was stopped.
    pub fn new(resume: Option<ScrubPoint>) -> Self {
        Self {
            point: Some(resume.unwrap_or(START)),
        }
    }

    /// Checks the next records, at least one, until `budget_bytes` are spent.
    ///
    /// # Errors
    ///
    /// The database's error if leaves cannot be read; unreadable content is a finding. The
    /// next step starts where this one did.
    pub fn step(
        &mut self,
        bucket: &Bucket,
        budget_bytes: u64,
    ) -> Result<ScrubStepReport, EngineError> {
        let Some(point) = self.point else {
            return Ok(ScrubStepReport::default());
        };
        let mut step = ScrubStep {
            bucket,
            budget: budget_bytes,
            report: ScrubStepReport::default(),
        };
        let next = step.run(point.next)?;
        let mut report = step.report;
        let findings = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
        report.point = next.map(|next| ScrubPoint {
            next,
            records: point.records.saturating_add(report.records),
            bytes: point.bytes.saturating_add(report.bytes),
            findings: point.findings.saturating_add(findings),
        });
        self.point = report.point;
        Ok(report)
    }
}

struct ScrubStep<'b> {
    bucket: &'b Bucket,
    budget: u64,
    report: ScrubStepReport,
}

impl ScrubStep<'_> {
    /// Checks from `place` on. Returns where the budget ran out, or `None` at the end of the
    /// round.
    fn run(&mut self, place: Cursor) -> Result<Option<Cursor>, EngineError> {
        let start = (Sequence(0), LeafIndex(0));
        let (chunks, nodes, (tree, leaf)) = match place {
            Cursor::Chunk(from) => (Some(from), Some(H256::zero()), start),
            Cursor::Node(from) => (None, Some(from), start),
            Cursor::Leaf(tree, from) => (None, None, (tree, from)),
        };
        let (bucket, zero) = (self.bucket, H256::zero());
        if let Some(from) = chunks {
            let records = bucket.scan_chunks(from);
            let stopped = self.check_records(records, "chunk", Self::check_chunk);
            if let Some(next) = stopped {
                return Ok(Some(next.map_or(Cursor::Node(zero), Cursor::Chunk)));
            }
        }
        if let Some(from) = nodes {
            let records = bucket.scan_nodes(from);
            let stopped = self.check_records(records, "node of a chunk tree", Self::check_node);
            if let Some(next) = stopped {
                let first_leaf = Cursor::Leaf(start.0, start.1);
                return Ok(Some(next.map_or(first_leaf, Cursor::Node)));
            }
        }
        self.check_trees(tree, leaf)
    }

    /// Spends the cost of one record. Returns whether any budget is left.
    fn spend(&mut self, bytes: u64) -> bool {
        self.report.records = self.report.records.saturating_add(1);
        self.report.bytes = self.report.bytes.saturating_add(bytes);
        let cost = bytes.saturating_add(RECORD_COST_BYTES);
        self.budget = self.budget.saturating_sub(cost);
        self.budget > 0
    }

    fn add_finding(&mut self, place: String, fault: RecordFault) {
        self.report.findings.push(ScrubFinding {
            place,
            is_damage: fault.is_damage(),
            fault: fault.to_string(),
        });
    }

    /// Checks records of one kind. If the budget runs out first, returns the next hash, if
    /// there can be one.
    fn check_records<T>(
        &mut self,
        records: impl Iterator<Item = ScanItem<T>>,
        kind: &str,
        check: impl Fn(&mut Self, &H256, Option<T>) -> (u64, Result<(), RecordFault>),
    ) -> Option<Option<H256>> {
        for record in records {
            match record {
                ScanItem::Record { hash, value } => {
                    let (bytes, checked) = check(self, &hash, value);
                    if let Err(fault) = checked {
                        self.add_finding(format!("{kind} {hash:?}"), fault);
                    }
                    if !self.spend(bytes) {
                        return Some(successor(&hash));
                    }
                }
                ScanItem::Gap { from, to, error } => {
                    let to = to.map_or_else(|| "the end".into(), |to| format!("{to:?}"));
                    self.add_finding(format!("each {kind} from {from:?} to {to}"), error.into());
                }
            }
        }
        None
    }

    fn check_chunk(&mut self, hash: &H256, stored: Option<u32>) -> (u64, Result<(), RecordFault>) {
        let bytes = stored.unwrap_or(0).into();
        let sound = match self.bucket.verify_chunk(hash) {
            Ok(length) => Ok(length),
            // A failed upload may have removed it since it was listed.
            Err(_) => match self.bucket.verify_chunk_locked(hash) {
                None => return (bytes, Ok(())),
                Some(again) => again,
            },
        };
        let checked = match (sound, stored) {
            (Ok(length), Some(stored)) if length == stored => Ok(()),
            (Ok(length), Some(stored)) => {
                Err(format!("{length} bytes are stored, and {stored} are recorded").into())
            }
            (Ok(_), None) => Err("its length cannot be read".into()),
            (Err(fault), _) => Err(fault),
        };
        (bytes, checked)
    }

    fn check_node(
        &mut self,
        hash: &H256,
        value: Option<InteriorValue>,
    ) -> (u64, Result<(), RecordFault>) {
        let Some(value) = value else {
            return (0, Err("it cannot be read".into()));
        };
        if self.bucket.profile().node(&value.left, &value.right) != *hash {
            return (0, Err("its children do not hash to it".into()));
        }
        let checked = match self.bucket.check_node(hash, &value) {
            None | Some(NodeCheck::Sound) => Ok(()),
            Some(NodeCheck::OtherShape) => {
                Err("its recorded shape differs from that of its children".into())
            }
            Some(NodeCheck::MissingChild(child)) => {
                Err(format!("its child {child:?} is lost").into())
            }
            Some(NodeCheck::Failed(fault)) => Err(fault),
        };
        (0, checked)
    }

    /// Checks the trees that proofs are made from, starting at a leaf. Returns the first
    /// unchecked leaf.
    fn check_trees(
        &mut self,
        from: Sequence,
        leaf: LeafIndex,
    ) -> Result<Option<Cursor>, EngineError> {
        for (tree, count) in self.provable_trees() {
            let first = match tree.cmp(&from) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => leaf,
                std::cmp::Ordering::Greater => LeafIndex(0),
            };
            if let Some(next) = self.check_leaves(tree, count, first)? {
                return Ok(Some(Cursor::Leaf(tree, next)));
            }
        }
        Ok(None)
    }

    /// Returns the trees that proofs are made from, in ascending order.
    fn provable_trees(&mut self) -> Vec<(Sequence, LeafCount)> {
        // Read first: a tree that is newest now and retired afterwards is in both lists.
        let tip = self.bucket.newest_tip();
        let newest = (tip.tree, tip.frontier.count());
        let mut trees = match self.bucket.retired_trees() {
            Ok(retired) => retired
                .into_iter()
                .filter(|tree| !tree.releasing)
                .map(|tree| (tree.commitment.start_seq, tree.commitment.leaf_count))
                .collect(),
            Err(error) => {
                let fault = match error {
                    ProveError::Engine(error) => error.into(),
                    error => error.to_string().into(),
                };
                self.add_finding("retired trees".into(), fault);
                vec![]
            }
        };
        trees.retain(|(tree, _)| *tree != newest.0);
        trees.push(newest);
        trees.sort_unstable();
        trees
    }

    /// Returns whether a tree is still kept: a release may have removed it.
    fn is_provable(&self, tree: Sequence) -> bool {
        let is_it = |retired: &RetiredTree| retired.commitment.start_seq == tree;
        self.bucket.newest_tip().tree == tree
            || self.bucket.retired_trees().map_or(true, |retired| {
                retired.iter().any(|one| is_it(one) && !one.releasing)
            })
    }

    /// Checks the leaves of a tree from `from` on, with the nodes that they complete.
    /// Returns the first unchecked leaf.
    fn check_leaves(
        &mut self,
        tree: Sequence,
        count: LeafCount,
        from: LeafIndex,
    ) -> Result<Option<LeafIndex>, EngineError> {
        let mut next = from.0;
        while next < count.get() {
            let end = next.saturating_add(LEAF_BATCH).min(count.get());
            let stands = |index: u64| CompletedNodes::new(tree, LeafIndex(index));
            let keys: Vec<_> = (next..end).flat_map(|index| stands(index).keys()).collect();
            let mut records = self.bucket.tree_records(&keys)?.into_iter();
            for index in next..end {
                let stands = stands(index);
                let read = records.by_ref().take(stands.keys().count()).collect();
                let faults = stands.faults(self.bucket.profile(), read);
                if !faults.is_empty() && !self.is_provable(tree) {
                    return Ok(None);
                }
                for (place, fault) in faults {
                    self.add_finding(place, fault);
                }
                let mut is_left = self.spend(0);
                for _ in &stands.parents {
                    is_left = self.spend(0);
                }
                let after = index.saturating_add(1);
                if !is_left && after < count.get() {
                    return Ok(Some(LeafIndex(after)));
                }
            }
            next = end;
        }
        Ok(None)
    }
}
