//! The agreements as a replica, as `cairn status` and `cairn doctor` tell of them.

use cairn_primitives::BucketId;
use cairn_rpc_api::{ProviderStatus, ReplicaInfo, ReplicaStateInfo};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// An agreement as a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Replica {
    pub(crate) bucket: u64,
    /// `None` if the provider has not looked at it yet, or does not tell.
    pub(crate) state: Option<ReplicaStateInfo>,
    /// True if what was confirmed last cannot be proven.
    pub(crate) is_missing: bool,
    /// The anchor block of the last confirmation that the chain has.
    pub(crate) last_confirmation: Option<u32>,
}

impl From<&ReplicaInfo> for Replica {
    fn from(info: &ReplicaInfo) -> Self {
        Self {
            bucket: info.bucket.0,
            state: Some(info.state),
            is_missing: info.is_missing,
            last_confirmation: info.last_confirmation,
        }
    }
}

impl Replica {
    /// Returns an agreement of which nothing else is known.
    pub(crate) const fn unknown(bucket: u64) -> Self {
        Self {
            bucket,
            state: None,
            is_missing: false,
            last_confirmation: None,
        }
    }

    /// Returns all agreements that a running provider tells of, or that `others` have, in the order
    /// of their buckets.
    pub(crate) fn all(status: &ProviderStatus, others: &[BucketId]) -> Vec<Self> {
        let mut all: Vec<_> = status.replica_states.iter().map(Self::from).collect();
        let known: BTreeSet<_> = all.iter().map(|replica| replica.bucket).collect();
        let listed = status.replicas.iter().map(|bucket| bucket.0);
        let listed: BTreeSet<_> = listed.chain(others.iter().map(|bucket| bucket.0)).collect();
        all.extend(listed.difference(&known).copied().map(Self::unknown));
        all.sort_unstable_by_key(|replica| replica.bucket);
        all
    }

    const fn state_text(&self) -> &'static str {
        match self.state {
            None => "not looked at yet",
            Some(ReplicaStateInfo::Synced) => "synced",
            Some(ReplicaStateInfo::Behind) => "behind the last checkpoint",
            Some(ReplicaStateInfo::Syncing) => "being copied",
            Some(ReplicaStateInfo::Waiting) => "copied, and its confirmation waits",
            Some(ReplicaStateInfo::Unpaid) => "not paid for",
            Some(ReplicaStateInfo::NoCheckpoint) => "without a checkpoint yet",
            Some(ReplicaStateInfo::NotEnabled) => "not synced",
            Some(ReplicaStateInfo::LeftBehind) => "left behind, and cannot be continued",
            Some(ReplicaStateInfo::Missing) => "missing here",
            Some(ReplicaStateInfo::Failed) => "not copied, since the last attempt failed",
            Some(ReplicaStateInfo::Ended) => "ended",
        }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket {}: {}", self.bucket, self.state_text())?;
        match (self.state, self.last_confirmation) {
            (None, _) => {}
            (Some(_), Some(block)) => write!(f, "; last confirmed at anchor block {block}")?,
            (Some(_), None) => f.write_str("; never confirmed")?,
        }
        match self.is_missing {
            true => f.write_str(". WHAT WAS CONFIRMED CANNOT BE PROVEN HERE"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(states: &[u64], replicas: &[u64]) -> ProviderStatus {
        let states: Vec<_> = states
            .iter()
            .map(|bucket| {
                serde_json::json!({
                    "bucket": bucket, "state": "synced", "isMissing": false,
                    "lastConfirmation": 40,
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "version": "1", "account": format!("0x{}", "07".repeat(32)), "openBuckets": 0,
            "maxOpenBuckets": 1, "quarantined": [], "replicas": replicas,
            "replicaStates": states,
        }))
        .unwrap()
    }

    #[test]
    fn each_agreement_is_told_once() {
        let all = Replica::all(&status(&[5, 2], &[2, 3]), &[BucketId(5), BucketId(1)]);
        let told: Vec<_> = all
            .iter()
            .map(|replica| (replica.bucket, replica.state.is_some()))
            .collect();
        assert_eq!(told, [(1, false), (2, true), (3, false), (5, true)]);
    }

    /// An older provider tells of no states.
    #[test]
    fn a_provider_that_tells_no_states_still_tells_its_replicas() {
        let all = Replica::all(&status(&[], &[4]), &[]);
        assert_eq!(all, [Replica::unknown(4)]);
    }

    #[test]
    fn the_text_has_the_state_and_the_last_confirmation() {
        let synced = Replica {
            bucket: 7,
            state: Some(ReplicaStateInfo::Synced),
            is_missing: false,
            last_confirmation: Some(40),
        };
        let text = "bucket 7: synced; last confirmed at anchor block 40";
        assert_eq!(synced.to_string(), text);
        let lost = Replica {
            state: Some(ReplicaStateInfo::Failed),
            is_missing: true,
            ..synced
        };
        assert!(lost.to_string().contains("CANNOT BE PROVEN"), "{lost}");
        let unknown = Replica::unknown(7).to_string();
        assert_eq!(unknown, "bucket 7: not looked at yet");
    }
}
