//! Reasons why a chain would refuse a provider's call, known before it is paid for.

use crate::amount::Token;
use cairn_primitives::BucketId;
use std::fmt;

/// A reason why a provider's call would fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account is registered already.
    AlreadyRegistered,
    /// The account is registered with another key, and no call changes a key.
    OtherKey {
        /// The registered key, in hex.
        registered: String,
    },
    /// The account is not registered.
    NotRegistered,
    /// The stake is below the chain's minimum.
    StakeTooLow {
        /// The stake.
        stake: u128,
        /// The minimum.
        min: u128,
    },
    /// The stake has been slashed: the chain keeps the record, without a stake.
    Slashed,
    /// The key is not one that the chain takes.
    InvalidKey {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The multiaddr is longer than the chain takes.
    MultiaddrTooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest.
        max: u32,
    },
    /// A deregistration is announced, so that the record is frozen.
    Leaving,
    /// No deregistration is announced.
    NotLeaving,
    /// The shortest agreement would be longer than the longest.
    DurationsReversed {
        /// The shortest, in anchor blocks.
        min: u32,
        /// The longest, in anchor blocks.
        max: u32,
    },
    /// The capacity is less than the agreements have.
    CapacityBelowCommitted {
        /// The capacity, in bytes.
        capacity: u64,
        /// The bytes of the agreements.
        committed: u64,
    },
    /// The stake does not cover the capacity.
    StakeBelowCapacity {
        /// The stake.
        stake: u128,
        /// The stake that the capacity needs.
        needed: u128,
    },
    /// There are agreements that are not ended.
    AgreementsLeft {
        /// Their bytes.
        committed: u64,
    },
    /// The notice of the deregistration has not passed.
    NoticeNotOver {
        /// The anchor block at which it has.
        until: u32,
    },
    /// There are open challenges.
    ChallengesOpen {
        /// Their number.
        count: usize,
    },
    /// There is no agreement for the bucket.
    NoAgreement {
        /// The bucket.
        bucket: BucketId,
    },
    /// The agreement has not ended, or its owner may still settle it.
    NotClaimable {
        /// The bucket.
        bucket: BucketId,
        /// The first anchor block at which the provider may claim the payment.
        from: u32,
    },
    /// The agreement has ended.
    AgreementOver {
        /// The bucket.
        bucket: BucketId,
    },
    /// The account's spendable balance is too small.
    FundsTooLow {
        /// The spendable balance.
        spendable: u128,
        /// The balance that is needed.
        needed: u128,
    },
}

impl Refusal {
    /// Returns the name of the pallet's error. A multiaddr that is too long fails to decode,
    /// and no error names it.
    pub const fn pallet_error(&self) -> Option<&'static str> {
        Some(match self {
            Self::AlreadyRegistered => "ProviderAlreadyRegistered",
            Self::NotRegistered => "ProviderNotFound",
            Self::StakeTooLow { .. } => "InsufficientStake",
            Self::InvalidKey { .. } => "InvalidPublicKey",
            Self::Leaving => "DeregisterAnnounced",
            Self::NotLeaving => "DeregisterNotAnnounced",
            Self::DurationsReversed { .. } => "MinDurationExceedsMaxDuration",
            Self::CapacityBelowCommitted { .. } => "CapacityBelowCommitted",
            Self::StakeBelowCapacity { .. } => "InsufficientStakeForCapacity",
            Self::AgreementsLeft { .. } => "ProviderHasActiveAgreements",
            Self::NoticeNotOver { .. } => "DeregisterPeriodNotElapsed",
            Self::ChallengesOpen { .. } => "ProviderHasPendingChallenges",
            Self::NoAgreement { .. } => "AgreementNotFound",
            Self::NotClaimable { .. } => "AgreementNotExpired",
            Self::AgreementOver { .. } => "AgreementExpired",
            Self::FundsTooLow { .. } => "FundsUnavailable",
            Self::OtherKey { .. } | Self::Slashed | Self::MultiaddrTooLong { .. } => return None,
        })
    }

    /// Returns the reason as a sentence, with amounts in a token.
    pub fn explain(&self, token: &Token) -> String {
        let amount = |amount: &u128| token.format(*amount);
        match self {
            Self::AlreadyRegistered => "the account is registered already".to_owned(),
            Self::OtherKey { registered } => format!(
                "the account is registered with the key {registered}, and the chain has no call \
                 that changes a key: use that key, or another account"
            ),
            Self::NotRegistered => "the account is not registered as a provider".to_owned(),
            Self::StakeTooLow { stake, min } => format!(
                "a stake of {} is too low: the chain's minimum is {}",
                amount(stake),
                amount(min)
            ),
            Self::Slashed => "the account's stake was slashed: its record has no stake left. Find \
                              the cause before anything is staked again"
                .to_owned(),
            Self::InvalidKey { bytes } => {
                format!("a key of {bytes} bytes is not one that the chain takes: 32 or 33 bytes")
            }
            Self::MultiaddrTooLong { bytes, max } => format!(
                "the endpoint's multiaddr has {bytes} bytes, and the chain takes at most {max}"
            ),
            Self::Leaving => "the account has announced that it leaves, which freezes its record: \
                              cancel that first"
                .to_owned(),
            Self::NotLeaving => "the account has not announced that it leaves".to_owned(),
            Self::DurationsReversed { min, max } => format!(
                "the shortest agreement ({min} anchor blocks) would be longer than the longest \
                 ({max} anchor blocks)"
            ),
            Self::CapacityBelowCommitted {
                capacity,
                committed,
            } => format!(
                "a capacity of {capacity} bytes is less than the {committed} bytes that are \
                 agreed already"
            ),
            Self::StakeBelowCapacity { stake, needed } => format!(
                "the capacity needs a stake of {}, and the stake is {}",
                amount(needed),
                amount(stake)
            ),
            Self::AgreementsLeft { committed } => {
                format!("agreements for {committed} bytes are not ended")
            }
            Self::NoticeNotOver { until } => {
                format!("the notice has not passed: it does at anchor block {until}")
            }
            Self::ChallengesOpen { count } => format!("{count} challenges are open"),
            Self::NoAgreement { bucket } => format!("there is no agreement for bucket {bucket}"),
            Self::NotClaimable { bucket, from } => format!(
                "the payment for bucket {bucket} cannot be claimed before anchor block {from}"
            ),
            Self::AgreementOver { bucket } => {
                format!("the agreement for bucket {bucket} has ended")
            }
            Self::FundsTooLow { spendable, needed } => format!(
                "the account can spend {}, and needs {}",
                amount(spendable),
                amount(needed)
            ),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain(&Token::smallest()))
    }
}

impl std::error::Error for Refusal {}
