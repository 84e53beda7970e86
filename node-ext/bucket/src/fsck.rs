//! Checks a bucket from its content up: rebuilds each leaf's tree from the bytes of
//! its chunks and each root from the leaves, compares them with the stored records
//! and the signed roots, then checks every record that later commits rely on.
//!
//! A finding does not stop the check, so one damaged chunk does not hide another.
//! Each finding says whether it can be rebuilt. The check collects the records to
//! write, and `repair` only writes them.

mod content;
mod content_source;
mod files;
mod lost_nodes;
mod reconstruct;
pub(crate) mod repair;
mod repair_write;
mod report;
mod restore;
pub(crate) mod second_copy;
mod shapes;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod unprovable;
mod unsigned_leaves;

pub use content_source::{ContentSource, ContentSourceError, FoundContent, WantedContent};
pub use report::{Finding, FsckReport, Remedy};
pub use shapes::{child_shapes, shape_of_content};

use crate::bucket::recover::{self, UnverifiedBucket};
use crate::bucket::{Bucket, SignedRoot};
use crate::error::{OpenError, ProveError};
use cairn_engine::layout::{self, Child, FlagValue};
use cairn_engine::{Access, DamagedLog, Family, SharedResources};
use cairn_primitives::chunk_tree::Subtree;
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafCount, Sequence};
use content::ContentFindings;
use repair_write::{RepairWrite, RepairWrites};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
pub(crate) use tree::TreeToCheck;

/// The place of a finding about the journal.
const JOURNAL_PLACE: &str = "journal";

/// The signed roots of one tree, by leaf count.
type SignedRoots = BTreeMap<LeafCount, Vec<Commitment>>;

/// Checks all leaves of a bucket's trees, all signed roots of these trees, and all
/// records of content. Calls `progress` after each leaf with the number of leaves
/// checked.
///
/// # Errors
///
/// Returns the database's error if the signed roots cannot be read. Everything else
/// is a finding.
pub fn fsck(bucket: &Bucket, mut progress: impl FnMut(u64)) -> Result<FsckReport, ProveError> {
    let mut check = BucketCheck::new(bucket);
    check.run(&mut |done| progress(done.leaves))?;
    Ok(check.report)
}

/// Progress of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckProgress {
    /// Leaves whose content was checked.
    pub leaves: u64,
    /// Leaves in total.
    pub total: u64,
}

/// The result of a check, with the records that a repair would write.
pub(crate) struct Diagnosis {
    pub(crate) report: FsckReport,
    pub(crate) writes: RepairWrites,
    /// Content that cannot be rebuilt, only restored from copies or files.
    pub(crate) lost: LostContent,
}

/// Content that the bucket refers to and does not have.
#[derive(Default)]
pub(crate) struct LostContent {
    profile: HashingProfile,
    chunks: HashSet<H256>,
    nodes: HashSet<H256>,
    /// The shapes of the lost nodes, where a node or a leaf above them says it.
    node_shapes: HashMap<H256, Subtree>,
}

impl LostContent {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.nodes.is_empty()
    }
}

/// Checks the bucket in `path`, even if it does not open. Changes nothing.
pub(crate) fn diagnose(
    path: &Path,
    named: BucketId,
    shared: &SharedResources,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<Diagnosis, OpenError> {
    let opened = Bucket::open(path, Access::ReadOnly, shared);
    let refusal = match opened {
        Ok(bucket) if bucket.id() == named => {
            return Ok(BucketCheck::new(&bucket).into_diagnosis(progress));
        }
        Ok(bucket) => {
            return Err(OpenError::AnotherBucket {
                path: path.to_owned(),
                expected: named,
                found: bucket.id(),
            });
        }
        Err(OpenError::Damaged { what, .. }) => what,
        Err(other) => return Err(other),
    };
    let unverified = recover::open_unchecked(path, Access::ReadOnly, shared, DamagedLog::Refuse)?;
    let mut diagnosis = diagnose_unopened(unverified, named, progress)?;
    if diagnosis.report.is_clean() {
        let why = "nothing else was found to be wrong";
        diagnosis
            .report
            .add_lost("the bucket as a whole", refusal, why);
    }
    Ok(diagnosis)
}

fn diagnose_unopened(
    unverified: UnverifiedBucket,
    named: BucketId,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<Diagnosis, OpenError> {
    let (mut report, mut writes) = (FsckReport::default(), RepairWrites::default());
    let state = state::establish(&unverified, named, &mut report, &mut writes)?;
    let usage = match unverified.usage() {
        Ok(usage) => Some(usage),
        Err(OpenError::Damaged { .. }) => None,
        Err(other) => return Err(other),
    };
    let Some(state) = state else {
        let lost = LostContent::default();
        return Ok(Diagnosis {
            report,
            writes,
            lost,
        });
    };
    let bucket = unverified.into_bucket(state, usage.unwrap_or_default())?;
    let mut check = BucketCheck::new(&bucket);
    check.report = report;
    check.writes = writes;
    check.usage_is_lost = usage.is_none();
    Ok(check.into_diagnosis(progress))
}

struct BucketCheck<'b> {
    bucket: &'b Bucket,
    report: FsckReport,
    writes: RepairWrites,
    content: ContentFindings,
    /// Set if the usage record is missing or unreadable.
    usage_is_lost: bool,
    /// Leaves that the chain cannot verify answers for.
    flagged: BTreeMap<Sequence, FlagValue>,
    /// Content that was found intact under these leaves.
    flagged_intact: HashSet<Child>,
}

impl<'b> BucketCheck<'b> {
    fn new(bucket: &'b Bucket) -> Self {
        Self {
            bucket,
            report: FsckReport::default(),
            writes: RepairWrites::default(),
            content: ContentFindings::default(),
            usage_is_lost: false,
            flagged: BTreeMap::new(),
            flagged_intact: HashSet::new(),
        }
    }

    fn into_diagnosis(mut self, progress: &mut dyn FnMut(CheckProgress)) -> Diagnosis {
        let place = "signed roots";
        if let Err(error) = self.run(progress) {
            let why = "the database cannot read it";
            self.report.add_lost(place, error, why);
        }
        self.check_objects();
        self.check_journal();
        let lost = self.content.lost(self.bucket.profile());
        Diagnosis {
            report: self.report,
            writes: self.writes,
            lost,
        }
    }

    /// Reports names of objects that cannot be read. No other record tells what they were.
    fn check_objects(&mut self) {
        let entries = self.bucket.engine().scan(Family::Tree, layout::OBJECTS);
        let read = entries.and_then(|mut entries| entries.try_for_each(|entry| entry.map(drop)));
        if let Err(error) = read {
            let why = "a repair keeps those that can be read, and has others only from the journal";
            self.report.add_lost("names of objects", error, why);
        }
    }

    /// Reports damage to the journal, or a database that has lost writes which the
    /// journal has.
    fn check_journal(&mut self) {
        let fault = second_copy::journal_fault(self.bucket.engine(), self.bucket.id());
        let fault = fault.unwrap_or_else(|error| Some(error.to_string()));
        if let Some(fault) = fault {
            let from = "the journal and the database";
            self.report.add_rebuildable(JOURNAL_PLACE, fault, from);
        }
    }

    fn run(&mut self, progress: &mut dyn FnMut(CheckProgress)) -> Result<(), ProveError> {
        self.read_flags()?;
        let retired = self.bucket.retired_trees()?;
        // A tree that is being released is already incomplete.
        let kept = retired.iter().filter(|tree| !tree.releasing);
        let trees: Vec<_> = kept
            .map(TreeToCheck::retired)
            .chain([TreeToCheck::newest(self.bucket)])
            .collect();
        for tree in &trees {
            let signed_roots = self.signed_roots(tree.tree)?;
            self.check_tree(tree, signed_roots, progress);
        }
        self.check_records()
    }

    /// Reads the signed roots of a tree, as far as they are readable.
    fn signed_roots(&mut self, tree: Sequence) -> Result<SignedRoots, ProveError> {
        let mut signed_roots = SignedRoots::new();
        for signed_root in self.bucket.signed_roots()? {
            match signed_root {
                Ok(SignedRoot { commitment, .. }) if commitment.start_seq == tree => {
                    let of_count = signed_roots.entry(commitment.leaf_count).or_default();
                    of_count.push(commitment);
                }
                Ok(_) => {}
                Err(error) => {
                    let why = "a signed root cannot be derived from other records";
                    self.report.add_lost("signed roots", error, why);
                }
            }
        }
        Ok(signed_roots)
    }

    /// Adds a finding and the write that repairs it.
    fn add_rebuildable(
        &mut self,
        place: String,
        fault: impl ToString,
        from: &'static str,
        write: RepairWrite,
    ) {
        self.report.add_rebuildable(place, fault, from);
        self.writes.add(write);
    }
}
