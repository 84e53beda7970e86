//! The provider as a whole: what it could sign, and what is asked of it.

use super::{CommitmentInfo, Uint};
use cairn_gadget::{ChallengeDuty, Holding, Stage};
use cairn_primitives::{H256, LeafCount, Sequence};
use serde::{Deserialize, Serialize};

/// What a provider could sign of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldingInfo {
    /// Its current tree.
    pub start_seq: Uint,
    /// Leaves of that tree that it has.
    pub leaf_count: Uint,
    /// What it has signed for the window that it was asked about.
    pub signed: Option<CommitmentInfo>,
}

impl From<Holding> for HoldingInfo {
    fn from(holding: Holding) -> Self {
        Self {
            start_seq: Uint(holding.start_seq.0),
            leaf_count: Uint(holding.leaf_count.get()),
            signed: holding.signed.map(Into::into),
        }
    }
}

impl HoldingInfo {
    /// The holding; `None` where no tree has so many leaves.
    pub fn holding(&self) -> Option<Holding> {
        let signed = match &self.signed {
            Some(signed) => Some(signed.commitment()?),
            None => None,
        };
        Some(Holding {
            start_seq: Sequence(self.start_seq.0),
            leaf_count: LeafCount::new(self.leaf_count.0)?,
            signed,
        })
    }
}

/// Who answers, and what needs its operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// Cairn's version.
    pub version: String,
    /// The provider's account.
    pub account: H256,
    /// Buckets that are open now.
    pub open_buckets: Uint,
    /// Buckets that may be open at once.
    pub max_open_buckets: Uint,
    /// Buckets that have failed a check. They are not written to any more.
    pub quarantined: Vec<Uint>,
    /// Whether its disk has no room but what is kept for promises and answers, so
    /// that nothing is taken from clients until there is more.
    #[serde(default)]
    pub uploads_stopped: bool,
    /// Buckets that lack something that the chain has this provider's signature
    /// over.
    #[serde(default)]
    pub missing_promises: Vec<Uint>,
    /// Buckets that the chain holds this provider to, and of which it has let
    /// something go that it signed.
    #[serde(default)]
    pub let_go: Vec<Uint>,
}

/// Whether the provider does what its stake depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// Whether it follows its chain and takes requests.
    pub is_ready: bool,
    /// Why it is not, where it is not.
    #[serde(default)]
    pub not_ready_because: Option<String>,
    /// Whether the chain is reached, and a new finalized block has been read not long ago.
    pub follows_chain: bool,
    /// The last finalized anchor block that was read; 0 before the first.
    pub anchor: Uint,
    /// Challenges that are open.
    pub open_challenges: Uint,
    /// Open challenges that the operator must see to.
    pub alarmed_challenges: Uint,
    /// Anchor blocks until the nearest deadline that no block has an answer for;
    /// a challenge's whole time where there is none.
    pub nearest_deadline: Uint,
    /// Buckets that have failed a check.
    pub quarantined_buckets: Uint,
    /// Buckets of which something is gone that the chain may hold this provider
    /// to; `provider_status` names them.
    #[serde(default)]
    pub broken_promises: Uint,
    /// Why nothing at all is signed, where that is so.
    pub signing_off: Option<String>,
    /// Requests that wait for their turn.
    pub waiting_requests: Uint,
}

/// What has come of an open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeNews {
    /// What happened.
    pub change: ChallengeChange,
    /// The challenge as it is now; where it has closed, as it was told of last.
    pub challenge: ChallengeInfo,
}

/// What happened to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChallengeChange {
    /// It is open: new, or known when the subscription began.
    Open,
    /// Its answer has come further, or fallen back.
    Progress,
    /// The chain has it no more.
    Closed,
}

/// An open challenge against the provider, and how far its answer has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeInfo {
    /// The last anchor block at which an answer is taken.
    pub deadline: u32,
    /// Its number among those of the same deadline.
    pub index: u16,
    /// The bucket that is asked about.
    pub bucket: Uint,
    /// The root that was signed and must be answered for.
    pub mmr_root: H256,
    /// The leaf, counted from the challenged commitment's `start_seq`.
    pub leaf_index: Uint,
    /// The chunk of that leaf.
    pub chunk_index: Uint,
    /// Anchor blocks until the deadline, as of the best block that was heard of.
    pub blocks_left: Option<u32>,
    /// How far its answer has come.
    pub stage: ChallengeStage,
    /// The extrinsic that was handed to the chain last, if it may still be included.
    pub extrinsic: Option<H256>,
    /// Answers that were handed to the chain so far.
    pub attempts: u32,
    /// Whether the provider's operator must act; its log says why.
    pub needs_operator: bool,
    /// Whether no proof can ever answer it, as for a slot that only pads a leaf's chunk tree.
    #[serde(default)]
    pub is_unprovable: bool,
}

/// How far the answer to a challenge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChallengeStage {
    /// It waits to be worked on.
    Waiting,
    /// It is being made.
    AtWork,
    /// The chain's pool has it.
    Submitted,
    /// A block includes it that is not final yet.
    InBlock,
    /// A finalized block includes it.
    Finalized,
}

impl From<ChallengeDuty> for ChallengeInfo {
    fn from(duty: ChallengeDuty) -> Self {
        let challenge = duty.challenge;
        Self {
            deadline: challenge.id.deadline,
            index: challenge.id.index,
            bucket: Uint(challenge.bucket_id.0),
            mmr_root: challenge.mmr_root,
            leaf_index: Uint(challenge.location.leaf_index.0),
            chunk_index: Uint(challenge.location.chunk_index.0),
            blocks_left: duty.left,
            stage: match duty.stage {
                Stage::Waiting => ChallengeStage::Waiting,
                Stage::AtWork => ChallengeStage::AtWork,
                Stage::Submitted => ChallengeStage::Submitted,
                Stage::InBlock => ChallengeStage::InBlock,
                Stage::Finalized => ChallengeStage::Finalized,
            },
            extrinsic: duty.extrinsic,
            attempts: duty.attempts,
            needs_operator: duty.alarm.is_some(),
            is_unprovable: duty.is_unprovable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_in_camel_case_with_the_numbers_as_numbers() {
        let signed = CommitmentInfo {
            mmr_root: H256::repeat_byte(7),
            start_seq: Uint(3),
            leaf_count: Uint(5),
        };
        let info = HoldingInfo {
            start_seq: Uint(3),
            leaf_count: Uint(9),
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
        assert_eq!(HoldingInfo::from(info.holding().unwrap()), info);
    }

    #[test]
    fn a_count_that_no_tree_has_is_no_holding() {
        let mut info = HoldingInfo {
            start_seq: Uint(0),
            leaf_count: Uint(u64::MAX),
            signed: None,
        };
        assert_eq!(info.holding(), None);
        info.leaf_count = Uint(1);
        assert!(info.holding().is_some());
        info.signed = Some(CommitmentInfo {
            mmr_root: H256::zero(),
            start_seq: Uint(0),
            leaf_count: Uint(u64::MAX),
        });
        assert_eq!(info.holding(), None);
    }
}
