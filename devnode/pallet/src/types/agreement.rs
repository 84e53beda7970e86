//! Agreements, and the terms for them that providers sign.

#![allow(
    clippy::cast_possible_truncation,
    reason = "in what derived codecs do: the index of a variant is below 256"
)]

use crate::types::BucketId;
#[cfg(not(deployed))]
use crate::types::Commitment;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
#[cfg(deployed)]
use sp_core::H256;
use sp_runtime::AccountId32;

/// The prefix of the terms of a primary agreement when they are hashed to be signed.
pub const PRIMARY_TERM_CONTEXT: &[u8] = b"primary-term-v1:";
/// The prefix of the terms of a replica agreement when they are hashed to be signed.
pub const REPLICA_TERM_CONTEXT: &[u8] = b"replica-term-v1:";

/// An agreement of a provider to keep a bucket, while the anchor block is below `expires_at`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct StorageAgreement {
    /// The account that pays, from which the payment is held.
    pub owner: AccountId32,
    /// The quota.
    pub max_bytes: u64,
    /// The payment that is held.
    pub payment_locked: u128,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// The first anchor block at which it no longer holds.
    pub expires_at: u32,
    /// True if the provider refuses extensions.
    pub extensions_blocked: bool,
    /// The provider's part.
    pub role: ProviderRole,
    /// The anchor block of its start or last extension.
    pub started_at: u32,
}

impl StorageAgreement {
    /// Returns everything that is held from the owner for it.
    pub(crate) fn escrow(&self) -> u128 {
        self.payment_locked.saturating_add(self.sync_balance())
    }

    /// Returns what is left for syncs.
    pub(crate) fn sync_balance(&self) -> u128 {
        match self.role {
            ProviderRole::Primary => 0,
            ProviderRole::Replica { sync_balance, .. } => sync_balance,
        }
    }

    pub(crate) fn is_primary(&self) -> bool {
        matches!(self.role, ProviderRole::Primary)
    }
}

/// A provider's part in a bucket.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum ProviderRole {
    /// Clients write to it, and it signs checkpoints.
    Primary,
    /// It copies from others, and confirms what it has.
    Replica {
        /// The amount that is left to pay for syncs.
        sync_balance: u128,
        /// The price of a confirmed sync.
        sync_price: u128,
        /// The least anchor blocks between two syncs.
        min_sync_interval: u32,
        /// The last confirmed sync.
        #[cfg(not(deployed))]
        last_sync: Option<ReplicaSyncRecord>,
        /// The root and the anchor block of the last confirmed sync.
        #[cfg(deployed)]
        last_sync: Option<(H256, u32)>,
    },
}

/// A confirmed sync.
#[cfg(not(deployed))]
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct ReplicaSyncRecord {
    /// The commitment to its content; the range of a historical root is not known, and is 0.
    pub commitment: Commitment,
    /// The anchor block of the confirmation.
    pub block: u32,
}

/// The terms of an agreement, which a provider signs and the owner redeems.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct AgreementTerms {
    /// The only account that can redeem them.
    pub owner: AccountId32,
    /// The quota.
    pub max_bytes: u64,
    /// Anchor blocks from the redemption to the end.
    pub duration: u32,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// The last anchor block in which they can be redeemed.
    pub valid_until: u32,
    /// The provider's number for them, which it uses once.
    pub nonce: u64,
    /// The bucket they are for.
    #[cfg(challenger_tiers)]
    pub bucket: BucketTarget,
    /// The bucket they are for; none for a new one.
    #[cfg(not(challenger_tiers))]
    pub bucket_id: Option<BucketId>,
    /// The further terms of a replica agreement.
    pub replica_params: Option<ReplicaTerms>,
}

impl AgreementTerms {
    /// Returns the bucket they are for; `None` is a new one.
    pub fn bucket(&self) -> Option<BucketId> {
        #[cfg(challenger_tiers)]
        return match self.bucket {
            BucketTarget::New => None,
            BucketTarget::Existing(id) => Some(id),
        };
        #[cfg(not(challenger_tiers))]
        return self.bucket_id;
    }
}

/// The bucket that terms are for.
#[cfg(challenger_tiers)]
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub enum BucketTarget {
    /// One that is made when they are redeemed.
    New,
    /// One that there is.
    Existing(BucketId),
}

/// The further terms of a replica agreement.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct ReplicaTerms {
    /// The amount that is held from the owner to pay for syncs.
    pub sync_balance: u128,
    /// The least anchor blocks between two syncs.
    pub min_sync_interval: u32,
    /// The price of a confirmed sync.
    pub sync_price: u128,
}

/// An owner's decision about the payment that is left.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub enum EndAction {
    /// The provider gets it.
    Pay,
    /// The treasury gets a part, and the provider the rest.
    Burn {
        /// The treasury's part, at most 100.
        burn_percent: u8,
    },
}

/// A reason for which a provider is no longer primary.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub enum RemovalReason {
    /// It has lost its stake.
    Slashed,
    /// An admin ended the agreement.
    AdminTerminated,
    /// The agreement has expired.
    Expired,
}
