//! Reading all of a bucket again, a little at a time, beside whatever else it
//! does: every chunk's bytes against its hash and length, every interior node
//! against its children, every leaf against its node.
//!
//! A step goes on where the last one ended, in the order of keys, and leaves a
//! [`ScrubPoint`] that can be kept across restarts: nothing is read twice or
//! passed over, whatever came or went meanwhile. What arrives behind the point
//! is read in the next round. A scrub finds; `fsck` says what can be done.

mod kept;
mod pace;
#[cfg(test)]
mod tests;

pub use pace::Pace;

use crate::bucket::Bucket;
use crate::bucket::records::{NodeVerdict, Surveyed, successor};
use crate::engine::{EngineError, Read};
use crate::layout::{self, InteriorValue};
use cairn_primitives::mmr::leaf_position;
use cairn_primitives::{H256, LeafIndex, MmrLeaf, Sequence};
use codec::{Decode, Encode, Input, Output};

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
    Leaf(Sequence),
}

/// One byte for the kind, then the hash or sequence.
impl Encode for Place {
    fn encode_to<O: Output + ?Sized>(&self, output: &mut O) {
        match self {
            Self::Chunk(hash) => (0u8, hash).encode_to(output),
            Self::Node(hash) => (1u8, hash).encode_to(output),
            Self::Leaf(sequence) => (2u8, sequence).encode_to(output),
        }
    }
}

impl Decode for Place {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        match u8::decode(input)? {
            0 => H256::decode(input).map(Self::Chunk),
            1 => H256::decode(input).map(Self::Node),
            2 => Sequence::decode(input).map(Self::Leaf),
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
        let (chunks, nodes, leaf) = match place {
            Place::Chunk(from) => (Some(from), Some(H256::zero()), Sequence(0)),
            Place::Node(from) => (None, Some(from), Sequence(0)),
            Place::Leaf(from) => (None, None, from),
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
                return Ok(Some(next.map_or(Place::Leaf(Sequence(0)), Place::Node)));
            }
        }
        Ok(self.leaves(leaf)?.map(Place::Leaf))
    }

    /// Spends on one record. Returns whether anything is left.
    fn spend(&mut self, bytes: u64) -> bool {
        self.report.records = self.report.records.saturating_add(1);
        self.report.bytes = self.report.bytes.saturating_add(bytes);
        let cost = bytes.saturating_add(RECORD_BYTES);
        self.left = self.left.saturating_sub(cost);
        self.left > 0
    }

    fn find(&mut self, place: String, fault: impl ToString) {
        let fault = fault.to_string();
        self.report.findings.push(ScrubFinding { place, fault });
    }

    /// Checks records of one kind. Where the budget ends before they do, returns
    /// the first hash that is left, if there can be one.
    fn survey<T>(
        &mut self,
        records: impl Iterator<Item = Surveyed<T>>,
        kind: &str,
        check: impl Fn(&mut Self, &H256, Option<T>) -> (u64, Result<(), String>),
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
                    self.find(format!("each {kind} from {from:?} to {to}"), error);
                }
            }
        }
        None
    }

    fn chunk(&mut self, hash: &H256, stored: Option<u32>) -> (u64, Result<(), String>) {
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
            (Ok(length), Some(stored)) => Err(format!(
                "{length} bytes are stored, and {stored} are recorded"
            )),
            (Ok(_), None) => Err("its length cannot be read".into()),
            (Err(fault), _) => Err(fault),
        };
        (bytes, checked)
    }

    fn node(&mut self, hash: &H256, value: Option<InteriorValue>) -> (u64, Result<(), String>) {
        let Some(value) = value else {
            return (0, Err("it cannot be read".into()));
        };
        if self.bucket.profile().node(&value.left, &value.right) != *hash {
            return (0, Err("its children do not hash to it".into()));
        }
        let checked = match self.bucket.judge_node(hash, &value) {
            None | Some(NodeVerdict::Sound) => Ok(()),
            Some(NodeVerdict::Shape) => Err("its children have another shape than it says".into()),
            Some(NodeVerdict::Child(child)) => Err(format!("its child {child:?} is lost")),
            Some(NodeVerdict::Faulty(fault)) => Err(fault),
        };
        (0, checked)
    }

    /// Checks the newest tree's leaves. Returns the first that is left.
    fn leaves(&mut self, from: Sequence) -> Result<Option<Sequence>, EngineError> {
        let tip = self.bucket.newest_tip();
        let (tree, count) = (tip.tree, tip.frontier.count().get());
        // What a prune has dropped meanwhile is not here to be checked.
        let mut next = from.0.saturating_sub(tree.0);
        while next < count {
            let end = next.saturating_add(LEAVES_AT_ONCE).min(count);
            let keys: Vec<_> = (next..end)
                .map(LeafIndex)
                .flat_map(|index| {
                    let sequence = Sequence(tree.0.saturating_add(index.0));
                    let node = layout::node_key(tree, leaf_position(index));
                    [layout::leaf_key(sequence), node]
                })
                .collect();
            let mut records = self.bucket.tree_records(&keys)?.into_iter();
            while let (Some(leaf), Some(node)) = (records.next(), records.next()) {
                if let Err(fault) = self.leaf(leaf, node) {
                    self.find(format!("leaf {next}"), fault);
                }
                next = next.saturating_add(1);
                if !self.spend(0) && next < count {
                    return Ok(Some(Sequence(tree.0.saturating_add(next))));
                }
            }
        }
        Ok(None)
    }

    fn leaf(&self, leaf: Read, node: Read) -> Result<(), String> {
        let read = |read: Read, lost: &str| match read {
            Ok(value) => value.ok_or_else(|| lost.to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let (leaf, node) = (read(leaf, "it is lost")?, read(node, "its node is lost")?);
        let leaf = MmrLeaf::decode(&mut &leaf[..]).map_err(|_| "it cannot be read")?;
        if self.bucket.profile().leaf(&leaf).as_bytes() != node {
            return Err("it does not hash to its node".into());
        }
        Ok(())
    }
}
