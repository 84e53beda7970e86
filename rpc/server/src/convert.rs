//! The provider's types as types of the API.

use cairn_bucket::SignedRoot;
use cairn_gadget::{AnswerStage, ChallengeDuty, Offer, ReplicaReport, ReplicaState, TermsRequest};
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, H256};
use cairn_provider::{BucketRecord, BucketStatus, Provider};
use cairn_rpc_api::{
    BucketInfo, BucketStatusInfo, Bytes, ChallengeInfo, ChallengeStage, CommitmentEvent, OfferInfo,
    ReplicaInfo, ReplicaStateInfo, SignedCommitmentInfo, SignedInfo, TermsToSign, U64OrHex,
    U128OrHex,
};
use codec::Encode;

pub(crate) fn bucket_info(
    provider: &Provider,
    bucket: BucketId,
    record: &BucketRecord,
) -> BucketInfo {
    // The reason of a quarantine is for the operator only.
    let is_sound = record.status == BucketStatus::Sound;
    let refused = provider.signing_refusal(bucket, record);
    BucketInfo {
        bucket: U64OrHex(bucket.0),
        not_signed: refused
            .filter(|_| is_sound)
            .map(|refused| refused.to_string()),
        unprovable_leaves: record.unprovable_leaves().map(U64OrHex),
        standing: match record.status {
            BucketStatus::Sound => BucketStatusInfo::Sound,
            BucketStatus::Quarantined(_) => BucketStatusInfo::Quarantined,
            BucketStatus::Lost => BucketStatusInfo::Lost,
        },
        hashing: record.config.profile.into(),
        commitment: record.commitment.into(),
        signed: record.signed.map(|signed_root| SignedInfo {
            commitment: signed_root.commitment.into(),
            signed_ms: U64OrHex(signed_root.signed_ms),
        }),
        total_size: U64OrHex(record.total_size),
        used_bytes: U64OrHex(record.usage.bytes),
        charged_bytes: U64OrHex(record.charged_bytes()),
        max_bytes: U64OrHex(record.config.max_bytes),
        chunks: U64OrHex(record.usage.chunks),
    }
}

/// Describes a bucket that was not read since the provider's start, by what was recorded before.
pub(crate) fn unread_bucket_info(
    provider: &Provider,
    bucket: BucketId,
    record: &BucketRecord,
) -> BucketInfo {
    BucketInfo {
        standing: BucketStatusInfo::Learning,
        // The facts that decide about it are not known yet.
        not_signed: None,
        ..bucket_info(provider, bucket, record)
    }
}

pub(crate) fn signed_commitment_info(signed: SignedCommitment) -> SignedCommitmentInfo {
    SignedCommitmentInfo {
        bucket: U64OrHex(signed.payload.bucket_id.0),
        commitment: signed.payload.commitment.into(),
        payload: Bytes(signed.payload.encode()),
        signer: H256(signed.signer),
        signature: Bytes(signed.signature.encode()),
    }
}

pub(crate) fn commitment_event(bucket: BucketId, signed_root: &SignedRoot) -> CommitmentEvent {
    CommitmentEvent {
        bucket: U64OrHex(bucket.0),
        commitment: signed_root.commitment.into(),
        signed_ms: U64OrHex(signed_root.signed_ms),
    }
}

pub(crate) fn challenge_info(duty: ChallengeDuty) -> ChallengeInfo {
    let challenge = duty.challenge;
    ChallengeInfo {
        deadline: challenge.id.deadline,
        index: challenge.id.index,
        bucket: U64OrHex(challenge.bucket_id.0),
        mmr_root: challenge.mmr_root,
        leaf_index: U64OrHex(challenge.location.leaf_index.0),
        chunk_index: U64OrHex(challenge.location.chunk_index.0),
        blocks_left: duty.left,
        stage: match duty.stage {
            AnswerStage::Waiting => ChallengeStage::Waiting,
            AnswerStage::Preparing => ChallengeStage::AtWork,
            AnswerStage::Submitted => ChallengeStage::Submitted,
            AnswerStage::InBlock => ChallengeStage::InBlock,
            AnswerStage::Finalized => ChallengeStage::Finalized,
        },
        extrinsic: duty.extrinsic,
        attempts: duty.attempts,
        needs_operator: duty.alarm.is_some(),
        is_unprovable: duty.is_unprovable,
    }
}

/// Describes an agreement as a replica. The reasons are for the operator only.
pub(crate) fn replica_info(
    bucket: BucketId,
    report: &ReplicaReport,
    is_syncing: bool,
) -> ReplicaInfo {
    let state = match &report.state {
        _ if is_syncing => ReplicaStateInfo::Syncing,
        ReplicaState::Synced => ReplicaStateInfo::Synced,
        ReplicaState::Due | ReplicaState::TooSoon { .. } => ReplicaStateInfo::Behind,
        ReplicaState::Off => ReplicaStateInfo::NotEnabled,
        ReplicaState::NoCheckpoint => ReplicaStateInfo::NoCheckpoint,
        ReplicaState::Ended => ReplicaStateInfo::Ended,
        ReplicaState::Unpaid { .. } => ReplicaStateInfo::Unpaid,
        ReplicaState::Missing => ReplicaStateInfo::Missing,
        ReplicaState::LeftBehind { .. } => ReplicaStateInfo::LeftBehind,
        ReplicaState::Waiting(_) => ReplicaStateInfo::Waiting,
        ReplicaState::Failed(_) => ReplicaStateInfo::Failed,
    };
    ReplicaInfo {
        bucket: U64OrHex(bucket.0),
        state,
        is_missing: report.is_missing,
        last_confirmation: report.last_sync,
    }
}

pub(crate) fn offer_info(offer: &Offer) -> OfferInfo {
    OfferInfo {
        primary: offer.primary,
        sync_price: offer.replica.map(|replica| U128OrHex(replica.sync_price)),
        min_sync_interval: offer.replica.map(|replica| replica.min_sync_interval),
        price_per_byte: U128OrHex(offer.price_per_byte),
        min_duration: offer.min_duration,
        max_duration: offer.max_duration,
        max_bytes: U64OrHex(offer.max_bytes),
        available_bytes: U64OrHex(offer.available_bytes),
        valid_until: offer.valid_until,
    }
}

pub(crate) fn terms_request(request: &TermsToSign) -> TermsRequest {
    TermsRequest {
        owner: AccountId(request.owner.0),
        max_bytes: request.max_bytes.0,
        duration: request.duration,
        max_price: request.max_price.map(|price| price.0),
        bucket: request.target(),
        replica: request.replica.map(Into::into),
    }
}
