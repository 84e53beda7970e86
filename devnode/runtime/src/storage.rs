//! The configuration of the storage pallet, with the chain's values.
//!
//! What the chain's operators may change without an upgrade is read from the state first:
//! `System.set_storage` with the key `twox_128(":ChallengeTimeout:")` sets the period.

#[cfg(relay_clock)]
use crate::ParachainSystem;
#[cfg(not(relay_clock))]
use crate::System;
use crate::units::UNIT;
use crate::{AccountId, Balance, Balances, BlockNumber, Runtime, RuntimeHoldReason};
use frame_support::PalletId;
use frame_support::parameter_types;
use frame_support::traits::{ConstU32, Get};
use sp_runtime::traits::AccountIdConversion;

/// Anchor blocks of 6 seconds.
const HOURS: BlockNumber = 600;

parameter_types! {
    /// The least stake of a registration.
    pub storage MinProviderStake: Balance = UNIT.saturating_mul(1_000);
    /// Anchor blocks from a challenge to its deadline.
    pub storage ChallengeTimeout: BlockNumber = HOURS.saturating_mul(48);
    /// Anchor blocks after an agreement's end in which its owner decides.
    pub storage SettlementTimeout: BlockNumber = HOURS.saturating_mul(24);
    /// The most anchor blocks that signed terms may be valid for.
    pub storage RequestTimeout: BlockNumber = HOURS.saturating_mul(6);
    /// The stake that a committed byte needs: a coin for a gigabyte.
    pub storage MinStakePerByte: Balance = 1_000;
    /// Anchor blocks from the announcement of a deregistration to its completion.
    pub storage DeregisterAnnouncementPeriod: BlockNumber = HOURS.saturating_mul(54);
}

#[cfg(not(deployed))]
parameter_types! {
    /// The amount that is held from a challenger.
    pub storage ChallengeDeposit: Balance = UNIT;
    /// The most challenges that are ever opened for one deadline.
    pub storage MaxChallengesPerDeadline: u16 = 1_000;
    /// Milliseconds of an anchor block.
    pub const AnchorBlockTimeMillis: u64 = 6_000;
}

#[cfg(commitment_nonce)]
parameter_types! {
    /// The most anchor blocks that a signed nonce may be behind.
    pub storage MaxNonceAge: BlockNumber = HOURS.saturating_mul(24);
}

#[cfg(checkpoint_windows)]
parameter_types! {
    /// The window's interval of a bucket without a configuration.
    pub storage DefaultCheckpointInterval: BlockNumber = 100;
    /// The grace period of a bucket without a configuration.
    pub storage DefaultCheckpointGrace: BlockNumber = 20;
    /// The reward for a window's checkpoint.
    pub storage CheckpointReward: Balance = UNIT;
    /// The stake that the leader of a missed window loses.
    pub storage CheckpointMissPenalty: Balance = UNIT.saturating_div(2);
}

/// The account that receives slashed stakes and burned payments.
pub struct TreasuryAccount;

impl Get<AccountId> for TreasuryAccount {
    fn get() -> AccountId {
        PalletId(*b"py/trsry").into_account_truncating()
    }
}

impl pallet_storage_provider::Config for Runtime {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Treasury = TreasuryAccount;
    type MinStakePerByte = MinStakePerByte;
    type MaxMultiaddrLength = ConstU32<128>;
    type MaxMembers = ConstU32<100>;
    type MaxPrimaryProviders = ConstU32<5>;
    type MinProviderStake = MinProviderStake;
    type MaxChunkSize = ConstU32<262_144>;
    type ChallengeTimeout = ChallengeTimeout;
    #[cfg(not(deployed))]
    type ChallengeDeposit = ChallengeDeposit;
    #[cfg(commitment_nonce)]
    type MaxNonceAge = MaxNonceAge;
    type SettlementTimeout = SettlementTimeout;
    type RequestTimeout = RequestTimeout;
    #[cfg(checkpoint_windows)]
    type DefaultCheckpointInterval = DefaultCheckpointInterval;
    #[cfg(checkpoint_windows)]
    type DefaultCheckpointGrace = DefaultCheckpointGrace;
    #[cfg(checkpoint_windows)]
    type CheckpointReward = CheckpointReward;
    #[cfg(checkpoint_windows)]
    type CheckpointMissPenalty = CheckpointMissPenalty;
    type MaxBucketsPerMember = ConstU32<1_000>;
    type DeregisterAnnouncementPeriod = DeregisterAnnouncementPeriod;
    #[cfg(not(deployed))]
    type MaxChallengesPerDeadline = MaxChallengesPerDeadline;
    #[cfg(relay_clock)]
    type BlockNumberProvider = ParachainSystem;
    #[cfg(not(relay_clock))]
    type BlockNumberProvider = System;
    #[cfg(not(deployed))]
    type AnchorBlockTimeMillis = AnchorBlockTimeMillis;
}
