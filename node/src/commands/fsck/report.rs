//! The output of a check or repair.

use crate::escaped_path::{escaped, json_path};
use crate::quantity;
use cairn_bucket::{Finding, FsckReport, Remedy, RepairReport};
use cairn_primitives::BucketId;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// The outcome for one bucket.
pub(super) enum BucketOutcome {
    Checked(FsckReport),
    Repaired(Box<RepairReport>),
    /// The bucket could not be checked completely.
    Failed(String),
}

impl BucketOutcome {
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
pub(super) struct BucketReport {
    bucket: u64,
    clean: bool,
    leaves: u64,
    bytes: u64,
    signed_roots: u64,
    /// Leaves whose answers the chain cannot verify. They were imported so, which is not a
    /// finding.
    unprovable_leaves: u64,
    findings: Vec<FindingOutput>,
    more_findings: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<RepairOutput>,
}

#[derive(Serialize)]
struct FindingOutput {
    place: String,
    fault: String,
    rebuildable: bool,
    remedy: String,
}

/// The work of a repair.
#[derive(Serialize)]
struct RepairOutput {
    findings_before: u64,
    records: u64,
    #[serde(rename = "kept_aside", serialize_with = "json_path")]
    backup: Option<PathBuf>,
}

impl BucketReport {
    pub(super) fn new(id: BucketId, outcome: &BucketOutcome) -> Self {
        match outcome {
            BucketOutcome::Checked(report) => Self::from_report(id, report),
            BucketOutcome::Repaired(repaired) => Self {
                repaired: Some(RepairOutput {
                    findings_before: finding_count(&repaired.before),
                    records: repaired.records_written,
                    backup: repaired.backup.clone(),
                }),
                ..Self::from_report(id, &repaired.after)
            },
            BucketOutcome::Failed(fault) => Self {
                clean: false,
                findings: vec![FindingOutput {
                    place: "the bucket as a whole".into(),
                    fault: fault.clone(),
                    rebuildable: false,
                    remedy: String::new(),
                }],
                ..Self::from_report(id, &FsckReport::default())
            },
        }
    }

    fn from_report(id: BucketId, report: &FsckReport) -> Self {
        Self {
            bucket: id.0,
            clean: report.is_clean(),
            leaves: report.leaves,
            bytes: report.bytes,
            signed_roots: report.signed_roots,
            unprovable_leaves: report.unprovable_leaves,
            findings: report
                .findings
                .iter()
                .map(FindingOutput::from_finding)
                .collect(),
            more_findings: report.more_findings,
            repaired: None,
        }
    }
}

fn finding_count(report: &FsckReport) -> u64 {
    let kept = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
    kept.saturating_add(report.more_findings)
}

impl FindingOutput {
    fn from_finding(finding: &Finding) -> Self {
        Self {
            place: finding.place.clone(),
            fault: finding.fault.clone(),
            rebuildable: matches!(finding.remedy, Remedy::Rebuild { .. }),
            remedy: finding.remedy.to_string(),
        }
    }
}

impl fmt::Display for BucketReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bucket {}: {} with {} hashed, {} rebuilt, ",
            self.bucket,
            quantity::format_count_as(self.leaves, "leaf", "leaves"),
            quantity::format_bytes(self.bytes),
            quantity::format_count(self.signed_roots, "signed root"),
        )?;
        if self.unprovable_leaves > 0 {
            let leaves = quantity::format_count_as(self.unprovable_leaves, "leaf", "leaves");
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

impl fmt::Display for FindingOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)?;
        match self.remedy.as_str() {
            "" => Ok(()),
            remedy => write!(f, "; {remedy}"),
        }
    }
}

impl fmt::Display for RepairOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(backup) = &self.backup else {
            return f.write_str("nothing was changed");
        };
        write!(
            f,
            "repaired: {} written, {} before; the original files are in {}",
            quantity::format_count(self.records, "record"),
            quantity::format_count(self.findings_before, "finding"),
            escaped(backup)
        )
    }
}
