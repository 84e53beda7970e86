//! Reading all of a bucket again, a little at a time, beside whatever else it
//! does: every chunk's bytes against its hash and length, every interior node
//! against its children, and of every tree that is proven from, retired ones
//! too, each leaf and node against what it is the hash of.
//!
//! A step goes on where the last one ended, in the order of keys, and leaves a
//! [`ScrubPoint`] that can be kept across restarts: nothing is read twice or
//! passed over, whatever came or went meanwhile. What arrives behind the point
//! is read in the next round.
//!
//! A scrub finds; `fsck` says what can be done, and checks besides what one
//! pass in the order of keys does not see: whether each leaf's content is here
//! at all, what the chain could never verify, and what was signed.

mod kept;
mod pace;
mod round;
mod stands;
#[cfg(test)]
mod tests;

pub use pace::Pace;
pub(crate) use round::ScrubRound;

use crate::bucket::records::{NodeVerdict, RecordFault, Surveyed, successor};
use crate::bucket::{Bucket, RetiredTree};
use crate::engine::EngineError;
use crate::error::ProveError;
use crate::layout::InteriorValue;
use cairn_primitives::{H256, LeafCount, LeafIndex, Sequence};
use codec::{Decode, Encode, Input, Output};
use stands::StandsWith;

/// What a record costs besides a chunk's bytes, in bytes.
const RECORD_BYTES: u64 = 100;
/// Leaves that are read at once.
const LEAVES_AT_ONCE: u64 = 256;

/// Where a scrub goes on, with what it came to so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ScrubPoint {
    next: Place,
    /// Records that were checked since the round began.
    pub records: u64,
    /// Bytes of chunks that were checked since the round began.
    pub bytes: u64,
    /// Findings since the round began.
    pub findings: u64,
}

/// The first record that was not checked: at this key or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Chunk(H256),
    Node(H256),
    /// A leaf of the tree of this name, with the nodes that arose with it.
    Leaf(Sequence, LeafIndex),
}

/// One byte for the kind, then the hash, or the tree and the leaf.
impl Encode for Place {
    fn encode_to<O: Output + ?Sized>(&self, output: &mut O) {
        match self {
            Self::Chunk(hash) => (0u8, hash).encode_to(output),
            Self::Node(hash) => (1u8, hash).encode_to(output),
            Self::Leaf(tree, index) => (2u8, tree, index).encode_to(output),
        }
    }
}

impl Decode for Place {
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
    next: Place::Chunk(H256::zero()),
    records: 0,
    bytes: 0,
    findings: 0,
};

/// Something that is not as its hash says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubFinding {
    /// Which record.
    pub place: String,
    /// What is wrong with it.
    pub fault: String,
    /// Whether it is damaged; otherwise it could only not be read now.
    pub is_damage: bool,
}

/// What a step came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepReport {
    /// Records that this step checked.
    pub records: u64,
    /// Bytes of chunks that this step checked.
    pub bytes: u64,
    /// What it found.
    pub findings: Vec<ScrubFinding>,
    /// Where to go on; `None` when the round is over.
    pub point: Option<ScrubPoint>,
}

/// One round through a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Scrub {
    /// `None` when the round is over.
    point: Option<ScrubPoint>,
}

impl Scrub {
    /// A round from the start, or from where an earlier one was stopped.
    pub fn new(resume: Option<ScrubPoint>) -> Self {
        Self {
            point: Some(resume.unwrap_or(START)),
        }
    }

    /// Checks the next records, at least one, until `budget_bytes` are spent.
    ///
    /// # Errors
    ///
    /// The database's failure where leaves are; what cannot be read of content
    /// is a finding. The next step begins where this one did.
    pub fn step(&mut self, bucket: &Bucket, budget_bytes: u64) -> Result<StepReport, EngineError> {
        let Some(point) = self.point else {
            return Ok(StepReport::default());
        };
        let mut step = Step {
            bucket,
            left: budget_bytes,
            report: StepReport::default(),
        };
        let next = step.go_on(point.next)?;
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

struct Step<'b> {
    bucket: &'b Bucket,
    left: u64,
    report: StepReport,
}

impl Step<'_> {
    /// Checks from `place` on. Returns where the budget ended, if it did before
    /// the round.
    fn go_on(&mut self, place: Place) -> Result<Option<Place>, EngineError> {
        let start = (Sequence(0), LeafIndex(0));
        let (chunks, nodes, (tree, leaf)) = match place {
            Place::Chunk(from) => (Some(from), Some(H256::zero()), start),
            Place::Node(from) => (None, Some(from), start),
            Place::Leaf(tree, from) => (None, None, (tree, from)),
        };
        let (bucket, zero) = (self.bucket, H256::zero());
        if let Some(from) = chunks {
            let records = bucket.stored_chunks(from);
            let stopped = self.survey(records, "chunk", Self::chunk);
            if let Some(next) = stopped {
                return Ok(Some(next.map_or(Place::Node(zero), Place::Chunk)));
            }
        }
        if let Some(from) = nodes {
            let records = bucket.stored_nodes(from);
            let stopped = self.survey(records, "node of a chunk tree", Self::node);
            if let Some(next) = stopped {
                let first_leaf = Place::Leaf(start.0, start.1);
                return Ok(Some(next.map_or(first_leaf, Place::Node)));
            }
        }
        self.trees(tree, leaf)
    }

    /// Spends on one record. Returns whether anything is left.
    fn spend(&mut self, bytes: u64) -> bool {
        self.report.records = self.report.records.saturating_add(1);
        self.report.bytes = self.report.bytes.saturating_add(bytes);
        let cost = bytes.saturating_add(RECORD_BYTES);
        self.left = self.left.saturating_sub(cost);
        self.left > 0
    }

    fn find(&mut self, place: String, fault: RecordFault) {
        self.report.findings.push(ScrubFinding {
            place,
            is_damage: fault.is_damage(),
            fault: fault.to_string(),
        });
    }

    /// Checks records of one kind. Where the budget ends before they do, returns
    /// the first hash that is left, if there can be one.
    fn survey<T>(
        &mut self,
        records: impl Iterator<Item = Surveyed<T>>,
        kind: &str,
        check: impl Fn(&mut Self, &H256, Option<T>) -> (u64, Result<(), RecordFault>),
    ) -> Option<Option<H256>> {
        for record in records {
            match record {
                Surveyed::Record { hash, value } => {
                    let (bytes, checked) = check(self, &hash, value);
                    if let Err(fault) = checked {
                        self.find(format!("{kind} {hash:?}"), fault);
                    }
                    if !self.spend(bytes) {
                        return Some(successor(&hash));
                    }
                }
                Surveyed::Gap { from, to, error } => {
                    let to = to.map_or_else(|| "the end".into(), |to| format!("{to:?}"));
                    self.find(format!("each {kind} from {from:?} to {to}"), error.into());
                }
            }
        }
        None
    }

    fn chunk(&mut self, hash: &H256, stored: Option<u32>) -> (u64, Result<(), RecordFault>) {
        let bytes = stored.unwrap_or(0).into();
        let sound = match self.bucket.sound_chunk(hash) {
            Ok(length) => Ok(length),
            // A failed upload may have taken it back since it was listed.
            Err(_) => match self.bucket.sound_chunk_at_rest(hash) {
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

    fn node(
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
        let checked = match self.bucket.judge_node(hash, &value) {
            None | Some(NodeVerdict::Sound) => Ok(()),
            Some(NodeVerdict::Shape) => Err("its children have another shape than it says".into()),
            Some(NodeVerdict::Child(child)) => Err(format!("its child {child:?} is lost").into()),
            Some(NodeVerdict::Faulty(fault)) => Err(fault),
        };
        (0, checked)
    }

    /// Checks the trees that are proven from, from a leaf of one on. Returns the
    /// first leaf that is left.
    fn trees(&mut self, from: Sequence, leaf: LeafIndex) -> Result<Option<Place>, EngineError> {
        for (tree, count) in self.kept_trees() {
            let first = match tree.cmp(&from) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => leaf,
                std::cmp::Ordering::Greater => LeafIndex(0),
            };
            if let Some(next) = self.leaves(tree, count, first)? {
                return Ok(Some(Place::Leaf(tree, next)));
            }
        }
        Ok(None)
    }

    /// The trees that are proven from, in the order of their names.
    fn kept_trees(&mut self) -> Vec<(Sequence, LeafCount)> {
        // Read first: a tree that is newest now and retired afterwards is in both.
        let tip = self.bucket.newest_tip();
        let newest = (tip.tree, tip.frontier.count());
        let mut trees = match self.bucket.retired() {
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
                self.find("retired trees".into(), fault);
                vec![]
            }
        };
        trees.retain(|(tree, _)| *tree != newest.0);
        trees.push(newest);
        trees.sort_unstable();
        trees
    }

    /// Whether a tree that was kept is kept still: what is released goes.
    fn is_kept(&self, tree: Sequence) -> bool {
        let is_it = |retired: &RetiredTree| retired.commitment.start_seq == tree;
        self.bucket.newest_tip().tree == tree
            || self.bucket.retired().map_or(true, |retired| {
                retired.iter().any(|one| is_it(one) && !one.releasing)
            })
    }

    /// Checks the leaves of a tree, with the nodes above them, from `from` on.
    /// Returns the first leaf that is left.
    fn leaves(
        &mut self,
        tree: Sequence,
        count: LeafCount,
        from: LeafIndex,
    ) -> Result<Option<LeafIndex>, EngineError> {
        let mut next = from.0;
        while next < count.get() {
            let end = next.saturating_add(LEAVES_AT_ONCE).min(count.get());
            let stands = |index: u64| StandsWith::new(tree, LeafIndex(index));
            let keys: Vec<_> = (next..end).flat_map(|index| stands(index).keys()).collect();
            let mut records = self.bucket.tree_records(&keys)?.into_iter();
            for index in next..end {
                let stands = stands(index);
                let read = records.by_ref().take(stands.keys().count()).collect();
                let faults = stands.faults(self.bucket.profile(), read);
                if !faults.is_empty() && !self.is_kept(tree) {
                    return Ok(None);
                }
                for (place, fault) in faults {
                    self.find(place, fault);
                }
                let mut is_left = self.spend(0);
                for _ in &stands.above {
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
