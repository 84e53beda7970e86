//! The output of a check or repair.

use crate::amount;
use crate::shown::{json_path, shown};
use cairn_bucket::{Finding, FsckReport, Remedy, Repaired};
use cairn_primitives::BucketId;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// The outcome for one bucket.
pub(super) enum Outcome {
    Checked(FsckReport),
    Repaired(Box<Repaired>),
    /// The bucket could not be checked completely.
    Failed(String),
}

impl Outcome {
    pub(super) fn is_clean(&self) -> bool {
        match self {
            Self::Checked(report) => report.is_clean(),
            Self::Repaired(repaired) => repaired.after.is_clean(),
            Self::Failed(_) => false,
        }
    }
}

/// The result of a check; after a repair, of the check that followed it.
#[derive(Serialize)]
pub(super) struct Verdict {
    bucket: u64,
    clean: bool,
    leaves: u64,
    bytes: u64,
    signed_roots: u64,
    /// Leaves whose answers the chain cannot verify. They were imported so, which is not a
    /// finding.
    unprovable_leaves: u64,
    findings: Vec<Fault>,
    more_findings: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Written>,
}

#[derive(Serialize)]
struct Fault {
    place: String,
    fault: String,
    rebuildable: bool,
    remedy: String,
}

/// The work of a repair.
#[derive(Serialize)]
struct Written {
    findings_before: u64,
    records: u64,
    #[serde(serialize_with = "json_path")]
    kept_aside: Option<PathBuf>,
}

impl Verdict {
    pub(super) fn new(id: BucketId, outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Checked(report) => Self::of(id, report),
            Outcome::Repaired(repaired) => Self {
                repaired: Some(Written {
                    findings_before: all_findings(&repaired.before),
                    records: repaired.written,
                    kept_aside: repaired.kept_aside.clone(),
                }),
                ..Self::of(id, &repaired.after)
            },
            Outcome::Failed(fault) => Self {
                clean: false,
                findings: vec![Fault {
                    place: "the bucket as a whole".into(),
                    fault: fault.clone(),
                    rebuildable: false,
                    remedy: String::new(),
                }],
                ..Self::of(id, &FsckReport::default())
            },
        }
    }

    fn of(id: BucketId, report: &FsckReport) -> Self {
        Self {
            bucket: id.0,
            clean: report.is_clean(),
            leaves: report.leaves,
            bytes: report.bytes,
            signed_roots: report.signed_roots,
            unprovable_leaves: report.unprovable_leaves,
            findings: report.findings.iter().map(Fault::of).collect(),
            more_findings: report.more_findings,
            repaired: None,
        }
    }
}

fn all_findings(report: &FsckReport) -> u64 {
    let kept = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
    kept.saturating_add(report.more_findings)
}

impl Fault {
    fn of(finding: &Finding) -> Self {
        Self {
            place: finding.place.clone(),
            fault: finding.fault.clone(),
            rebuildable: matches!(finding.remedy, Remedy::Rebuild { .. }),
            remedy: finding.remedy.to_string(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bucket {}: {} with {} hashed, {} rebuilt, ",
            self.bucket,
            amount::counted_as(self.leaves, "leaf", "leaves"),
            amount::human(self.bytes),
            amount::counted(self.signed_roots, "signed root"),
        )?;
        if self.unprovable_leaves > 0 {
            let leaves = amount::counted_as(self.unprovable_leaves, "leaf", "leaves");
            write!(f, "{leaves} that cannot be proven, ")?;
        }
        if self.clean {
            f.write_str("all as signed")?;
        } else {
            write!(f, "findings: {}", self.findings.len())?;
        }
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        if self.more_findings > 0 {
            write!(f, "\n  and {} more", self.more_findings)?;
        }
        match &self.repaired {
            Some(written) => write!(f, "\n  {written}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)?;
        match self.remedy.as_str() {
            "" => Ok(()),
            remedy => write!(f, "; {remedy}"),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(kept) = &self.kept_aside else {
            return f.write_str("nothing was changed");
        };
        write!(
            f,
            "repaired: {} written, {} before; the original files are in {}",
            amount::counted(self.records, "record"),
            amount::counted(self.findings_before, "finding"),
            shown(kept)
        )
    }
}
