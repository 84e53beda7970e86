//! The report of a check: findings, and what can be done about each.

use std::fmt;

/// Upper bound on stored findings; one lost node near the root affects the proofs of
/// all leaves.
const MAX_FINDINGS: usize = 1000;

/// The reason not to rebuild a lost leaf.
pub(super) const LEAF_NOT_DERIVABLE: &str = "a leaf cannot be derived from other records";
/// Remedy for lost content.
pub(super) const CONTENT_NEEDED: &str =
    "its bytes are needed; `--repair --from` takes them from files or another provider";

/// A defect that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record: a leaf, a node, a root.
    pub place: String,
    /// The defect.
    pub fault: String,
    /// The possible remedy.
    pub remedy: Remedy,
}

/// The remedy for a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A repair rebuilds the record from others, which determine it.
    Rebuild {
        /// The other records.
        from: &'static str,
    },
    /// A repair cannot change it.
    None {
        /// The reason, and other remedies.
        why: String,
    },
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebuild { from } => write!(f, "can be rebuilt from {from} with --repair"),
            Self::None { why } => write!(f, "cannot be rebuilt: {why}"),
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Leaves whose content was read and hashed.
    pub leaves: u64,
    /// Bytes of content with the right hashes.
    pub bytes: u64,
    /// Number of signed roots rebuilt.
    pub signed_roots: u64,
    /// Chunks and interior nodes checked as records.
    pub records: u64,
    /// Leaves from an import whose content the chain cannot verify. They are as they
    /// were committed, and are no findings.
    pub unprovable_leaves: u64,
    /// The findings in order of discovery: at most 1,000.
    pub findings: Vec<Finding>,
    /// Number of further findings.
    pub more_findings: u64,
}

impl FsckReport {
    /// Returns whether there are no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns how many of the stored findings a repair would resolve.
    pub fn rebuildable(&self) -> usize {
        let rebuilt = |finding: &&Finding| matches!(finding.remedy, Remedy::Rebuild { .. });
        self.findings.iter().filter(rebuilt).count()
    }

    /// Adds a finding that cannot be rebuilt. Returns its index among the stored ones.
    pub(crate) fn add_lost(
        &mut self,
        place: impl Into<String>,
        fault: impl ToString,
        why: impl Into<String>,
    ) -> Option<usize> {
        let why = why.into();
        self.add_finding(place.into(), fault.to_string(), Remedy::None { why })
    }

    pub(super) fn add_rebuildable(
        &mut self,
        place: impl Into<String>,
        fault: impl ToString,
        from: &'static str,
    ) -> Option<usize> {
        self.add_finding(place.into(), fault.to_string(), Remedy::Rebuild { from })
    }

    /// Replaces the remedy of a finding.
    pub(super) fn set_remedy(&mut self, finding: usize, remedy: Remedy) {
        if let Some(finding) = self.findings.get_mut(finding) {
            finding.remedy = remedy;
        }
    }

    /// Removes the findings at a place, which has been repaired. Returns whether there
    /// were any.
    pub(super) fn remove_findings_at(&mut self, place: &str) -> bool {
        let before = self.findings.len();
        self.findings.retain(|finding| finding.place != place);
        self.findings.len() < before
    }

    fn add_finding(&mut self, place: String, fault: String, remedy: Remedy) -> Option<usize> {
        if self.findings.len() >= MAX_FINDINGS {
            self.more_findings = self.more_findings.saturating_add(1);
            return None;
        }
        self.findings.push(Finding {
            place,
            fault,
            remedy,
        });
        self.findings.len().checked_sub(1)
    }
}
