//! What a check came to, and what there is to do about it.

use std::fmt;

/// Findings that are kept; one lost node near the root breaks a proof for
/// every leaf.
const MAX_FINDINGS: usize = 1000;

/// Why leaves are never made up, for findings that are about one.
pub(super) const NO_LEAF_IS_MADE_UP: &str = "no leaf is ever made up";
/// What there is to do about lost content.
pub(super) const NEEDS_ITS_CONTENT: &str =
    "its bytes are needed; `cairn fsck --repair --from` takes them from files";

/// Something that is not as it was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a leaf, a node, a root.
    pub place: String,
    /// What is wrong there.
    pub fault: String,
    /// What can be done about it.
    pub remedy: Remedy,
}

/// What can be done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A repair rebuilds it from other records, which say beyond doubt what it was.
    Rebuild {
        /// Those records.
        from: &'static str,
    },
    /// It stays as it is.
    None {
        /// Why, and what else there is to do.
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

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Leaves whose content was read and hashed.
    pub leaves: u64,
    /// Bytes of content that were found to hash as promised.
    pub bytes: u64,
    /// Signed roots that were rebuilt.
    pub signed_roots: u64,
    /// Chunks and interior nodes that were checked as records.
    pub records: u64,
    /// Leaves whose content came with an import, in a shape that the chain
    /// cannot verify; it is as it was committed, and no finding.
    pub unprovable_leaves: u64,
    /// What is wrong, in the order of discovery: at most 1,000.
    pub findings: Vec<Finding>,
    /// Findings past those.
    pub more_findings: u64,
}

impl FsckReport {
    /// Whether everything is as it was promised.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Findings, of those that are kept, that a repair would put right.
    pub fn rebuildable(&self) -> usize {
        let rebuilt = |finding: &&Finding| matches!(finding.remedy, Remedy::Rebuild { .. });
        self.findings.iter().filter(rebuilt).count()
    }

    /// Notes what stays as it is. Returns the finding's place among those kept.
    pub(crate) fn lost(
        &mut self,
        place: impl Into<String>,
        fault: impl ToString,
        why: impl Into<String>,
    ) -> Option<usize> {
        let why = why.into();
        self.find(place.into(), fault.to_string(), Remedy::None { why })
    }

    pub(super) fn rebuild(
        &mut self,
        place: impl Into<String>,
        fault: impl ToString,
        from: &'static str,
    ) -> Option<usize> {
        self.find(place.into(), fault.to_string(), Remedy::Rebuild { from })
    }

    /// Notes what a finding's remedy has turned out to be.
    pub(super) fn amend(&mut self, finding: usize, remedy: Remedy) {
        if let Some(finding) = self.findings.get_mut(finding) {
            finding.remedy = remedy;
        }
    }

    /// Takes findings at a place off the report, which are put right. Returns
    /// whether there were any.
    pub(super) fn forget(&mut self, place: &str) -> bool {
        let before = self.findings.len();
        self.findings.retain(|finding| finding.place != place);
        self.findings.len() < before
    }

    fn find(&mut self, place: String, fault: String, remedy: Remedy) -> Option<usize> {
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
