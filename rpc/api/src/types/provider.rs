//! The provider as a whole: what it could sign, its health, and its open challenges.

use super::{CommitmentInfo, ReplicaInfo, U64OrHex};
use cairn_primitives::cosign::HeldState;
use cairn_primitives::{H256, LeafCount, Sequence};
use serde::{Deserialize, Serialize};

/// The state of a bucket that a provider could sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeldStateInfo {
    /// The first sequence of the current tree.
    pub start_seq: U64OrHex,
    /// The number of leaves of that tree that the provider has.
    pub leaf_count: U64OrHex,
    /// The commitment that the provider has signed for the requested window.
    pub signed: Option<CommitmentInfo>,
}

impl From<HeldState> for HeldStateInfo {
    fn from(held: HeldState) -> Self {
        Self {
            start_seq: U64OrHex(held.start_seq.0),
            leaf_count: U64OrHex(held.leaf_count.get()),
            signed: held.signed.map(Into::into),
        }
    }
}

impl HeldStateInfo {
    /// Returns the held state, or `None` for a leaf count above 2^62, which no tree has.
    pub fn held_state(&self) -> Option<HeldState> {
        let signed = match &self.signed {
            Some(signed) => Some(signed.commitment()?),
            None => None,
        };
        Some(HeldState {
            start_seq: Sequence(self.start_seq.0),
            leaf_count: LeafCount::new(self.leaf_count.0)?,
            signed,
        })
    }
}

/// The provider's identity, and what needs its operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// Cairn's version.
    pub version: String,
    /// The provider's account.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub account: H256,
    /// The number of buckets that are open now.
    pub open_buckets: U64OrHex,
    /// The most buckets that may be open at once.
    pub max_open_buckets: U64OrHex,
    /// Buckets that have failed a check and take no writes.
    pub quarantined: Vec<U64OrHex>,
    /// True while uploads are refused because the disk has no space left but the reserve for answers
    /// and signatures.
    #[serde(default)]
    pub uploads_stopped: bool,
    /// Buckets that lack a state over which the chain has this provider's signature.
    #[serde(default)]
    pub missing_promises: Vec<U64OrHex>,
    /// Buckets that the chain holds this provider to, and of which it has deleted a state that it
    /// signed.
    #[serde(default)]
    pub let_go: Vec<U64OrHex>,
    /// Buckets with an agreement that is not served: none was made, or it cannot be changed.
    #[serde(default)]
    pub unserved: Vec<U64OrHex>,
    /// Buckets whose agreement has ended, so that they take no new content.
    #[serde(default)]
    pub ended: Vec<U64OrHex>,
    /// Buckets that the provider has an agreement for as a replica.
    #[serde(default)]
    pub replicas: Vec<U64OrHex>,
    /// The states of these agreements, and of those that have ended since. Empty until the provider
    /// has looked at them.
    #[serde(default)]
    pub replica_states: Vec<ReplicaInfo>,
}

/// The provider's health, as far as its stake depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// True if the provider follows its chain and takes requests.
    pub is_ready: bool,
    /// The reason why it is not ready, if so.
    #[serde(default)]
    pub not_ready_because: Option<String>,
    /// True if the chain is reached, and a finalized block was read recently.
    pub follows_chain: bool,
    /// The last finalized anchor block that was read; 0 before the first.
    pub anchor: U64OrHex,
    /// The number of open challenges.
    pub open_challenges: U64OrHex,
    /// The number of open challenges that need the operator.
    pub alarmed_challenges: U64OrHex,
    /// Anchor blocks until the nearest deadline for which no block has an answer; the whole
    /// challenge period where there is none.
    pub nearest_deadline: U64OrHex,
    /// The number of buckets that have failed a check.
    pub quarantined_buckets: U64OrHex,
    /// The number of buckets that lack something to which the chain may hold this provider;
    /// `cairnProvider_v1_status` lists them.
    #[serde(default)]
    pub broken_promises: U64OrHex,
    /// The number of answers of full size that the account can pay for, if that is known.
    #[serde(default)]
    pub payable_answers: Option<U64OrHex>,
    /// True if the account's funds for answers are low: its operator should transfer funds.
    #[serde(default)]
    pub funds_low: bool,
    /// The reason why nothing at all is signed, if so.
    pub signing_off: Option<String>,
    /// The number of requests that are queued.
    pub waiting_requests: U64OrHex,
}

/// A change of an open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChallengeEvent {
    /// The kind of change.
    pub change: ChallengeChange,
    /// The challenge as it is now; of a closed one, its last known state.
    pub challenge: ChallengeInfo,
}

/// A kind of change of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChallengeChange {
    /// The challenge is open: it is new, or was known when the subscription began.
    Open,
    /// Its answer has advanced, or fallen back.
    Progress,
    /// The chain no longer has it.
    Closed,
}

/// An open challenge against the provider, with the progress of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChallengeInfo {
    /// The last anchor block at which an answer is taken.
    pub deadline: u32,
    /// Its number among the challenges with the same deadline.
    pub index: u16,
    /// The challenged bucket.
    pub bucket: U64OrHex,
    /// The signed root that must be answered for.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub mmr_root: H256,
    /// The leaf, counted from the challenged commitment's `start_seq`.
    pub leaf_index: U64OrHex,
    /// The chunk of that leaf.
    pub chunk_index: U64OrHex,
    /// Anchor blocks until the deadline, as of the best known block.
    pub blocks_left: Option<u32>,
    /// The progress of its answer.
    pub stage: ChallengeStage,
    /// The extrinsic that was submitted last, if it may still be included.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::hex_schema::HexHash>")
    )]
    pub extrinsic: Option<H256>,
    /// The number of answers submitted so far.
    pub attempts: u32,
    /// True if the operator must act; the provider's log has the reason.
    pub needs_operator: bool,
    /// True if no proof can ever answer it, as for a padding slot of a leaf's chunk tree.
    #[serde(default)]
    pub is_unprovable: bool,
}

/// The progress of the answer to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChallengeStage {
    /// It is queued.
    Waiting,
    /// It is being made.
    AtWork,
    /// It is in the chain's transaction pool.
    Submitted,
    /// A block that is not final yet includes it.
    InBlock,
    /// A finalized block includes it.
    Finalized,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_has_camel_case_and_plain_numbers() {
        let signed = CommitmentInfo {
            mmr_root: H256::repeat_byte(7),
            start_seq: U64OrHex(3),
            leaf_count: U64OrHex(5),
        };
        let info = HeldStateInfo {
            start_seq: U64OrHex(3),
            leaf_count: U64OrHex(9),
            signed: Some(signed),
        };
        let expected = json!({
            "startSeq": 3,
            "leafCount": 9,
            "signed": {
                "mmrRoot": format!("0x{}", "07".repeat(32)),
                "startSeq": 3,
                "leafCount": 5,
            },
        });
        assert_eq!(serde_json::to_value(info).unwrap(), expected);
        assert_eq!(HeldStateInfo::from(info.held_state().unwrap()), info);
    }

    #[test]
    fn a_count_that_no_tree_has_is_no_held_state() {
        let mut info = HeldStateInfo {
            start_seq: U64OrHex(0),
            leaf_count: U64OrHex(u64::MAX),
            signed: None,
        };
        assert_eq!(info.held_state(), None);
        info.leaf_count = U64OrHex(1);
        assert!(info.held_state().is_some());
        info.signed = Some(CommitmentInfo {
            mmr_root: H256::zero(),
            start_seq: U64OrHex(0),
            leaf_count: U64OrHex(u64::MAX),
        });
        assert_eq!(info.held_state(), None);
    }
}
