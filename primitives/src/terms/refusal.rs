//! The reasons why a provider signs no terms. Each says what it would sign.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use codec::{Decode, Encode};

/// A reason why a provider signs no terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum TermsRefusal {
    /// It signs no terms at all.
    #[error("it offers no terms")]
    #[codec(index = 0)]
    NotOffered,
    /// It does not follow its chain yet, or has not read everything since its start.
    #[error("it does not follow its chain yet: try again in a minute")]
    #[codec(index = 1)]
    NotReady,
    /// By its last finalized block it is no provider with the key that it signs with.
    #[error("by its last finalized block no provider is registered with its key")]
    #[codec(index = 2)]
    NotRegistered,
    /// It has announced its deregistration.
    #[error("it leaves the chain at anchor block {at}")]
    #[codec(index = 3)]
    Leaving {
        /// The first anchor block at which it may have left.
        at: u32,
    },
    /// It takes no new agreements as a primary provider.
    #[error("it takes no new agreements as a primary provider")]
    #[codec(index = 4)]
    NoPrimary,
    /// It takes no new agreements as a replica.
    #[error("it takes no new agreements as a replica")]
    #[codec(index = 5)]
    NoReplica,
    /// It makes no agreements with the owner.
    #[error("it makes no agreements with this owner")]
    #[codec(index = 6)]
    Owner,
    /// The bucket does not fit the role.
    #[error(
        "terms for a primary provider are for a new bucket, and terms for a replica for an existing \
         one"
    )]
    #[codec(index = 7)]
    Target,
    /// The agreement would be for no bytes.
    #[error("an agreement is for at least one byte")]
    #[codec(index = 8)]
    NoBytes,
    /// The agreement would be too large.
    #[error("its agreements are for at most {most} bytes")]
    #[codec(index = 9)]
    TooLarge {
        /// The most bytes of an agreement.
        most: u64,
    },
    /// The duration is out of bounds.
    #[error("its agreements last from {min} to {max} anchor blocks")]
    #[codec(index = 10)]
    Duration {
        /// The shortest duration, in anchor blocks.
        min: u32,
        /// The longest duration, in anchor blocks.
        max: u32,
    },
    /// The owner pays less than its price.
    #[error("its price is {price} for a byte and an anchor block")]
    #[codec(index = 11)]
    Price {
        /// The price of a byte for one anchor block, in the chain's smallest unit.
        price: u128,
    },
    /// The payment overflows, so that the chain takes no such agreement.
    #[error("the payment for that many bytes and blocks is more than the chain can count")]
    #[codec(index = 12)]
    Payment,
    /// The owner pays less than its price of a sync.
    #[error("its price is {price} for a sync")]
    #[codec(index = 13)]
    SyncPrice {
        /// The price of a sync, in the chain's smallest unit.
        price: u128,
    },
    /// The syncs would be too frequent.
    #[error("it syncs at most every {least} anchor blocks")]
    #[codec(index = 14)]
    SyncInterval {
        /// The least anchor blocks between syncs.
        least: u32,
    },
    /// It has no space for that.
    #[error("it has space for {available} bytes")]
    #[codec(index = 15)]
    Capacity {
        /// The bytes that it would sign for now.
        available: u64,
    },
    /// Too many terms are signed and not redeemed.
    #[error("enough terms are signed and not redeemed: try again at anchor block {at}")]
    #[codec(index = 16)]
    TooMany {
        /// The anchor block at which the first of them are no longer valid.
        at: u32,
    },
    /// Its chain or its disk prevents it.
    #[error("it cannot sign now; its log has the reason")]
    #[codec(index = 17)]
    Unable,
    /// The agreement would be too small.
    #[error("its agreements are for at least {least} bytes")]
    #[codec(index = 18)]
    TooSmall {
        /// The least bytes of an agreement.
        least: u64,
    },
}
