//! A finding of the doctor for each agreement as a replica, and what to do about it.

use crate::backend::Backend;
use crate::commands::status::Replica;
use crate::globals::Globals;
use cairn_engine::Access;
use cairn_lifecycle::doctor::{Evidence, Severity};
use cairn_primitives::BucketId;
use cairn_rpc_api::{ProviderApiClient, ProviderStatus, ReplicaStateInfo};
use serde::Serialize;
use std::fmt;

/// The name of these findings, for programs.
const NAME: &str = "replica";
const SUBJECT: &str = "Each bucket of which the account is a replica is synced";

/// A finding about one agreement as a replica.
#[derive(Serialize)]
pub(super) struct ReplicaFinding {
    check: &'static str,
    pub(super) severity: Severity,
    evidence: String,
    subject: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    #[serde(flatten)]
    replica: Replica,
}

impl ReplicaFinding {
    fn new(replica: Replica) -> Self {
        let (severity, remedy) = judge(&replica);
        Self {
            check: NAME,
            severity,
            evidence: replica.to_string(),
            subject: SUBJECT,
            remedy,
            replica,
        }
    }

    /// Returns whether somebody has to do something.
    pub(super) const fn needs_somebody(&self) -> bool {
        self.remedy.is_some()
    }
}

impl fmt::Display for ReplicaFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Sound => "ok",
            Severity::Note => "note",
            Severity::Unknown => "unknown",
            Severity::Warning => "WARNING",
            Severity::Danger => "DANGER",
        };
        write!(f, "{severity:<8}{NAME:<19}{}", self.evidence)?;
        match self.remedy {
            Some(remedy) => write!(f, "\n{:<27}{remedy}", ""),
            None => Ok(()),
        }
    }
}

fn judge(replica: &Replica) -> (Severity, Option<&'static str>) {
    let is_missing = replica.is_missing || replica.state == Some(ReplicaStateInfo::Missing);
    if is_missing {
        let remedy = "Put back the newest copy of its folder, or start `cairn run` with \
                      `--enable-replica-sync`, which copies it again. The log has the last error";
        return (Severity::Danger, Some(remedy));
    }
    let Some(state) = replica.state else {
        return (Severity::Unknown, None);
    };
    match state {
        ReplicaStateInfo::Synced => (Severity::Sound, None),
        ReplicaStateInfo::Behind
        | ReplicaStateInfo::Syncing
        | ReplicaStateInfo::Waiting
        | ReplicaStateInfo::NoCheckpoint
        | ReplicaStateInfo::Ended
        | ReplicaStateInfo::Missing => (Severity::Note, None),
        ReplicaStateInfo::Unpaid => (
            Severity::Warning,
            Some(
                "Ask its owner to top up the sync balance: `top_up_replica_sync_balance` on chain. \
                 Until then nothing newer is copied",
            ),
        ),
        ReplicaStateInfo::NotEnabled => (
            Severity::Warning,
            Some("Start `cairn run` with `--enable-replica-sync`"),
        ),
        ReplicaStateInfo::LeftBehind => (
            Severity::Warning,
            Some(
                "Keep the bucket until the agreement has ended: what was confirmed can be \
                 challenged, and it has the proofs. Ask the owner to end the agreement",
            ),
        ),
        ReplicaStateInfo::Failed => (
            Severity::Warning,
            Some(
                "Read the reason in the provider's log. Private addresses of primary providers \
                 need `--allow-private-endpoints`",
            ),
        ),
    }
}

/// Returns a finding for each agreement as a replica that the running provider or the chain tells
/// of.
pub(super) fn findings(globals: &Globals, evidence: &Evidence) -> Vec<ReplicaFinding> {
    let facts = evidence.chain.as_ref().and_then(|chain| {
        let chain = chain.as_ref().ok()?;
        chain.facts.as_ref().ok()
    });
    let on_chain: Vec<BucketId> = facts
        .into_iter()
        .flat_map(|facts| facts.live_agreements())
        .filter(|(_, agreement)| agreement.is_replica)
        .map(|(bucket, _)| *bucket)
        .collect();
    let is_running = matches!(evidence.running, Some(Ok(_)));
    let status = is_running.then(|| ask(globals)).flatten();
    let all = match &status {
        Some(status) => Replica::all(status, &on_chain),
        None => on_chain
            .iter()
            .map(|bucket| Replica::unknown(bucket.0))
            .collect(),
    };
    all.into_iter().map(ReplicaFinding::new).collect()
}

/// Asks the running provider. What keeps it from answering is a finding of other checks.
fn ask(globals: &Globals) -> Option<ProviderStatus> {
    match globals.backend(Access::ReadWrite) {
        Ok(Backend::Remote(remote)) => {
            let asked = remote
                .client
                .request(|rpc| async move { rpc.status().await });
            asked.ok()
        }
        Ok(Backend::Local(_)) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(state: ReplicaStateInfo, is_missing: bool) -> ReplicaFinding {
        ReplicaFinding::new(Replica {
            bucket: 7,
            state: Some(state),
            is_missing,
            last_confirmation: Some(40),
        })
    }

    #[test]
    fn what_somebody_has_to_do_has_a_remedy() {
        for (state, severity) in [
            (ReplicaStateInfo::Synced, Severity::Sound),
            (ReplicaStateInfo::Behind, Severity::Note),
            (ReplicaStateInfo::Syncing, Severity::Note),
            (ReplicaStateInfo::Waiting, Severity::Note),
            (ReplicaStateInfo::NoCheckpoint, Severity::Note),
            (ReplicaStateInfo::Ended, Severity::Note),
            (ReplicaStateInfo::Unpaid, Severity::Warning),
            (ReplicaStateInfo::NotEnabled, Severity::Warning),
            (ReplicaStateInfo::LeftBehind, Severity::Warning),
            (ReplicaStateInfo::Failed, Severity::Warning),
            (ReplicaStateInfo::Missing, Severity::Danger),
        ] {
            let found = finding(state, false);
            assert_eq!(found.severity, severity, "{state:?}");
            assert_eq!(found.needs_somebody(), severity >= Severity::Warning);
            // Whatever the worker does about it meanwhile.
            assert_eq!(finding(state, true).severity, Severity::Danger);
        }
        let unknown = ReplicaFinding::new(Replica::unknown(7));
        assert_eq!(unknown.severity, Severity::Unknown);
        assert!(!unknown.needs_somebody());
    }

    #[test]
    fn a_finding_is_told_like_those_of_the_other_checks() {
        let found = finding(ReplicaStateInfo::NotEnabled, false);
        let text = found.to_string();
        let begins = "WARNING replica            bucket 7: not synced; last confirmed";
        assert!(text.starts_with(begins), "{text}");
        assert!(text.contains("\n                           Start `cairn run`"));
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["check"], "replica");
        assert_eq!(json["severity"], "warning");
        assert_eq!(json["bucket"], 7);
        assert_eq!(json["state"], "notEnabled");
    }
}
