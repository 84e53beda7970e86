//! Checking a bucket as an outsider would: every root rebuilt from the leaves,
//! every leaf's tree from the bytes of its chunks, and compared with what is
//! stored and what was signed; then every record that a later commit would
//! rely on.
//!
//! A finding does not stop the check, so that one damaged chunk does not hide
//! another; and each says whether what is wrong can be rebuilt. What can is
//! known by then, and `repair` does nothing but write it.

mod climb;
mod content;
mod files;
mod lost_nodes;
mod mend;
mod refill;
pub(crate) mod repair;
mod report;
pub(crate) mod second_copy;
mod shapes;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod unpromised;
mod unprovable;

pub use report::{Finding, FsckReport, Remedy};

use crate::bucket::recover::{self, Unverified};
use crate::bucket::{Bucket, Promise};
use crate::engine::{Access, DamagedLog, Shared};
use crate::error::{OpenError, ProveError};
use crate::layout::{Child, FlagValue};
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafCount, Sequence};
use content::Content;
use mend::{Mend, Mends};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
pub(crate) use tree::TreeToCheck;

/// Where a finding about the second copy is.
const JOURNAL_PLACE: &str = "journal";

/// What was signed of one tree, by leaf count.
type Promised = BTreeMap<LeafCount, Vec<Commitment>>;

/// Checks all leaves of a bucket's trees, all roots that were signed of
/// them, and all records of content. Calls `progress` with the number of leaves
/// done after each.
///
/// # Errors
///
/// A failure of the database that prevents reading what was signed; anything
/// else is a finding.
pub fn fsck(bucket: &Bucket, mut progress: impl FnMut(u64)) -> Result<FsckReport, ProveError> {
    let mut check = Check::new(bucket);
    check.all(&mut |done| progress(done.leaves))?;
    Ok(check.report)
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Leaves whose content was checked.
    pub leaves: u64,
    /// Leaves that there are.
    pub of: u64,
}

/// What a check came to, with what would put it right.
pub(crate) struct Diagnosis {
    pub(crate) report: FsckReport,
    pub(crate) mends: Mends,
    /// What is lost for good, unless somebody has the content.
    pub(crate) lost: Lost,
}

/// Content that is named here and not here.
#[derive(Default)]
pub(crate) struct Lost {
    profile: HashingProfile,
    chunks: HashSet<H256>,
    nodes: HashSet<H256>,
}

impl Lost {
    fn is_nothing(&self) -> bool {
        self.chunks.is_empty() && self.nodes.is_empty()
    }
}

/// Checks the bucket in `path`, which may not open, without changing anything.
pub(crate) fn diagnose(
    path: &Path,
    named: BucketId,
    shared: &Shared,
    progress: &mut dyn FnMut(Checked),
) -> Result<Diagnosis, OpenError> {
    let opened = Bucket::open(path, Access::ReadOnly, shared);
    let refusal = match opened {
        Ok(bucket) if bucket.id() == named => {
            return Ok(Check::new(&bucket).diagnosis(progress));
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
        diagnosis.report.lost("the bucket as a whole", refusal, why);
    }
    Ok(diagnosis)
}

fn diagnose_unopened(
    unverified: Unverified,
    named: BucketId,
    progress: &mut dyn FnMut(Checked),
) -> Result<Diagnosis, OpenError> {
    let (mut report, mut mends) = (FsckReport::default(), Mends::default());
    let state = state::establish(&unverified, named, &mut report, &mut mends)?;
    let usage = match unverified.usage() {
        Ok(usage) => Some(usage),
        Err(OpenError::Damaged { .. }) => None,
        Err(other) => return Err(other),
    };
    let Some(state) = state else {
        let lost = Lost::default();
        return Ok(Diagnosis {
            report,
            mends,
            lost,
        });
    };
    let bucket = unverified.assume(state, usage.unwrap_or_default())?;
    let mut check = Check::new(&bucket);
    check.report = report;
    check.mends = mends;
    check.usage_is_lost = usage.is_none();
    Ok(check.diagnosis(progress))
}

struct Check<'b> {
    bucket: &'b Bucket,
    report: FsckReport,
    mends: Mends,
    content: Content,
    /// Whether the bucket's usage is not what its record says, for want of one.
    usage_is_lost: bool,
    /// Leaves whose content the chain cannot verify.
    flagged: BTreeMap<Sequence, FlagValue>,
    /// What was found whole under them.
    flagged_whole: HashSet<Child>,
}

impl<'b> Check<'b> {
    fn new(bucket: &'b Bucket) -> Self {
        Self {
            bucket,
            report: FsckReport::default(),
            mends: Mends::default(),
            content: Content::default(),
            usage_is_lost: false,
            flagged: BTreeMap::new(),
            flagged_whole: HashSet::new(),
        }
    }

    fn diagnosis(mut self, progress: &mut dyn FnMut(Checked)) -> Diagnosis {
        let place = "what was signed";
        if let Err(error) = self.all(progress) {
            let why = "the database cannot read it; see `cairn bucket salvage`";
            self.report.lost(place, error, why);
        }
        self.journal();
        let lost = self.content.lost(self.bucket.profile());
        Diagnosis {
            report: self.report,
            mends: self.mends,
            lost,
        }
    }

    /// What is wrong with the second copy of what no other record says, or with
    /// the database by the word of that copy.
    fn journal(&mut self) {
        let fault = second_copy::journal_fault(self.bucket.database(), self.bucket.id());
        let fault = fault.unwrap_or_else(|error| Some(error.to_string()));
        if let Some(fault) = fault {
            let from = "what the journal and the database have";
            self.report.rebuild(JOURNAL_PLACE, fault, from);
        }
    }

    fn all(&mut self, progress: &mut dyn FnMut(Checked)) -> Result<(), ProveError> {
        self.flags()?;
        let retired = self.bucket.retired()?;
        // Of one that is being released, some is gone already.
        let kept = retired.iter().filter(|tree| !tree.releasing);
        let trees: Vec<_> = kept
            .map(TreeToCheck::retired)
            .chain([TreeToCheck::newest(self.bucket)])
            .collect();
        for tree in &trees {
            let promised = self.promised(tree.tree)?;
            self.tree(tree, promised, progress);
        }
        self.records()
    }

    /// What was signed of a tree, as far as that can be read.
    fn promised(&mut self, tree: Sequence) -> Result<Promised, ProveError> {
        let mut promised = Promised::new();
        for promise in self.bucket.promises()? {
            match promise {
                Ok(Promise { commitment, .. }) if commitment.start_seq == tree => {
                    let of_count = promised.entry(commitment.leaf_count).or_default();
                    of_count.push(commitment);
                }
                Ok(_) => {}
                Err(error) => {
                    let why = "no promise is ever made up";
                    self.report.lost("what was signed", error, why);
                }
            }
        }
        Ok(promised)
    }

    /// Notes a finding with what puts it right.
    fn rebuild(&mut self, place: String, fault: impl ToString, from: &'static str, mend: Mend) {
        self.report.rebuild(place, fault, from);
        self.mends.add(mend);
    }
}
