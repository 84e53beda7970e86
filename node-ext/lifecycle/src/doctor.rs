//! A diagnosis of everything between a machine and its stake: evidence in, findings out.
//!
//! Gathering evidence is the caller's: a check without it has an unknown result, which
//! never counts as sound.

mod chain;
mod check;
mod evidence;
mod machine;
mod node;
mod store;
#[cfg(test)]
mod tests;

pub use check::Check;
pub use evidence::{
    BasePathChain, ChainEvidence, Clock, DiskSpace, Evidence, Machine, NodeEvidence,
    RunningProvider, RuntimeSupport, SecondNode, Store,
};

use crate::amount::Token;
use serde::Serialize;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It was checked, and is as it should be.
    Sound,
    /// It is worth knowing, and nothing has to be done.
    Note,
    /// It could not be checked, because something else is missing.
    Unknown,
    /// It costs money, service or safety, and not yet the stake.
    Warning,
    /// The stake is lost, or can be lost, if nothing is done.
    Danger,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The severity.
    pub severity: Severity,
    /// The evidence, as text.
    pub evidence: String,
}

impl Finding {
    fn new(check: Check, severity: Severity, evidence: impl Into<String>) -> Self {
        Self {
            check,
            severity,
            evidence: evidence.into(),
        }
    }

    fn sound(check: Check, evidence: impl Into<String>) -> Self {
        Self::new(check, Severity::Sound, evidence)
    }

    fn note(check: Check, evidence: impl Into<String>) -> Self {
        Self::new(check, Severity::Note, evidence)
    }

    fn unknown(check: Check, evidence: impl Into<String>) -> Self {
        Self::new(check, Severity::Unknown, evidence)
    }

    fn warning(check: Check, evidence: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, evidence)
    }

    fn danger(check: Check, evidence: impl Into<String>) -> Self {
        Self::new(check, Severity::Danger, evidence)
    }

    /// Returns the remedy, if anything has to be done.
    pub fn remedy(&self) -> Option<&'static str> {
        match self.severity {
            // What is unknown waits for another finding's remedy.
            Severity::Sound | Severity::Note | Severity::Unknown => None,
            Severity::Warning | Severity::Danger => Some(self.check.remedy()),
        }
    }
}

/// Returns one finding for each check, in the order of [`Check::ALL`].
pub fn diagnose(evidence: &Evidence, token: &Token) -> Vec<Finding> {
    let findings = Check::ALL.into_iter().map(|check| {
        machine::find(check, &evidence.machine)
            .or_else(|| store::find(check, evidence))
            .or_else(|| node::find(check, evidence))
            .unwrap_or_else(|| chain::find(check, evidence, token))
    });
    findings.collect()
}

/// Returns the worst severity, [`Severity::Sound`] of nothing.
pub fn worst(findings: &[Finding]) -> Severity {
    let severities = findings.iter().map(|finding| finding.severity);
    severities.max().unwrap_or(Severity::Sound)
}
