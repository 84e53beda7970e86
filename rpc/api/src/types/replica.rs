//! The state of the provider's agreements as a replica.

use super::U64OrHex;
use serde::{Deserialize, Serialize};

/// An agreement of the provider as a replica of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplicaInfo {
    /// The bucket.
    pub bucket: U64OrHex,
    /// Its state, as of the last look at the agreements.
    pub state: ReplicaStateInfo,
    /// True if what the provider has confirmed last cannot be proven: a challenge of it costs the
    /// stake.
    pub is_missing: bool,
    /// The anchor block of the last confirmation that the chain has.
    #[serde(default)]
    pub last_confirmation: Option<u32>,
}

/// The state of a replica. The provider's log has the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ReplicaStateInfo {
    /// The chain has the bucket's last checkpoint confirmed.
    Synced,
    /// There is a newer checkpoint, which is copied at the next look, or once the interval between
    /// confirmations has passed.
    Behind,
    /// It is being copied.
    Syncing,
    /// It is copied, and its confirmation waits.
    Waiting,
    /// Its sync balance does not pay for a confirmation.
    Unpaid,
    /// The bucket has no checkpoint yet.
    NoCheckpoint,
    /// Replicas are not synchronised by this provider.
    NotEnabled,
    /// The copy ends before the tree of the last checkpoint starts: nothing continues it.
    LeftBehind,
    /// The last confirmation is of something that cannot be proven.
    Missing,
    /// The last attempt failed.
    Failed,
    /// The agreement has ended.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_has_camel_case_and_names_of_states() {
        let info = ReplicaInfo {
            bucket: U64OrHex(7),
            state: ReplicaStateInfo::LeftBehind,
            is_missing: false,
            last_confirmation: Some(9),
        };
        let expected = json!({
            "bucket": 7, "state": "leftBehind", "isMissing": false, "lastConfirmation": 9,
        });
        assert_eq!(serde_json::to_value(&info).unwrap(), expected);
        let read: ReplicaInfo = serde_json::from_value(expected).unwrap();
        assert_eq!(read, info);
    }
}
