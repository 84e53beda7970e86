//! The storage pallet of the chain that providers are on, written from its face: the names,
//! types and rules of its calls, storage, events, errors and constants. It judges Cairn in
//! development and tests, and is not for production: weights are not measured.
//!
//! ```text
//! register_provider ─┐
//! terms, signed by ──┴► establish_storage_agreement ─► checkpoint, extend_checkpoint
//! the provider          establish_replica_agreement ─► confirm_replica_sync
//!                                                            │
//!        respond_to_challenge ◄── challenge_checkpoint, _offchain, _replica
//!            │            └► wrong: the whole stake, at once (`deployed`: an error)
//!            └► none by the deadline: the whole stake, by the sweep
//! ```
//!
//! There are four variants of it, each a package of its own from this one source:
//! `deployed`, `nonce`, `current` and `leaf-binding`. They differ by `cfg`s, which
//! `devnode/variants.rs` lists.
//!
//! Deadlines are counted in anchor blocks, which may jump, and may not advance for several
//! blocks. An answer is accepted while the anchor block is at most the deadline.

// FRAME's macros need one module for all storage, calls, events and errors. They are only
// declared here; the other modules implement them. `import_section` puts calls, events and
// errors, which have files of their own, into that module, and `select` takes out what the
// variant does not have.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![recursion_limit = "256"]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

extern crate alloc;

mod agreements;
mod answers;
mod buckets;
mod calls;
mod challenges;
mod checkpoints;
mod errors;
mod events;
mod extensions;
mod judge;
pub mod migrations;
mod money;
mod providers;
mod queries;
mod replicas;
pub mod runtime_api;
mod settlement;
mod signatures;
mod sweep;
pub mod types;
mod weights;
#[cfg(checkpoint_windows)]
mod windows;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;
pub use pallet::*;

/// The target of the pallet's log lines.
const LOG: &str = "runtime::storage-provider";

/// The variant's name: `deployed`, `nonce`, `current` or `leaf-binding`.
pub const VARIANT: &str = env!("CAIRN_VARIANT");

/// The pallet's storage, calls, events and errors.
#[import_section(events::events)]
#[import_section(errors::errors)]
#[import_section(calls::calls)]
#[cairn_devnode_select::select]
#[frame_support::pallet]
#[expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "in what the macros write: each event's index, and names of pallets that there are"
)]
#[cfg_attr(
    deployed,
    expect(
        clippy::too_many_arguments,
        reason = "the deployed chain passes commitments and locations as single numbers"
    )
)]
pub mod pallet {
    #[cfg(commitment_nonce)]
    use crate::types::ChallengerStatRecord;
    #[cfg(checkpoint_windows)]
    use crate::types::CheckpointWindowConfig;
    #[cfg(not(deployed))]
    use crate::types::SlashReason;
    #[cfg(challenger_tiers)]
    use crate::types::Visibility;
    use crate::types::{
        AgreementTerms, Bucket, BucketId, Challenge, ChallengeId, ChallengeResponse, ChunkLocation,
        Commitment, EndAction, ProviderInfo, ProviderSettings, RemovalReason, ReplayWindow, Role,
        SignedRoot, StorageAgreement,
    };
    use crate::{migrations, weights};
    use alloc::vec::Vec;
    use frame_support::pallet_prelude::*;
    use frame_support::traits::ConstU32;
    use frame_support::traits::fungible::{BalancedHold, Inspect, Mutate, MutateHold};
    use frame_system::pallet_prelude::*;
    use sp_core::H256;
    use sp_runtime::traits::BlockNumberProvider;
    use sp_runtime::{AccountId32, MultiSignature};

    /// The configuration by the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32, RuntimeEvent: From<Event<Self>>>
    {
        /// Holds stakes, payments and deposits.
        type Currency: Inspect<AccountId32, Balance = u128>
            + Mutate<AccountId32>
            + MutateHold<AccountId32, Reason = Self::RuntimeHoldReason>
            + BalancedHold<AccountId32>;

        /// The runtime's hold reasons, which include this pallet's.
        type RuntimeHoldReason: From<HoldReason>;

        /// The account that receives slashed stakes and burned payments.
        type Treasury: Get<AccountId32>;

        /// The stake that a committed byte needs.
        #[pallet::constant]
        type MinStakePerByte: Get<u128>;

        /// The most bytes of a multiaddr.
        #[pallet::constant]
        type MaxMultiaddrLength: Get<u32>;

        /// The most members of a bucket.
        #[pallet::constant]
        type MaxMembers: Get<u32>;

        /// The most primary providers of a bucket.
        #[pallet::constant]
        type MaxPrimaryProviders: Get<u32>;

        /// The least stake of a registration.
        #[pallet::constant]
        type MinProviderStake: Get<u128>;

        /// The most bytes of a chunk in an answer.
        #[pallet::constant]
        type MaxChunkSize: Get<u32>;

        /// Anchor blocks from a challenge to its deadline.
        #[pallet::constant]
        type ChallengeTimeout: Get<u32>;

        /// The amount that is held from a challenger.
        #[cfg(not(deployed))]
        #[pallet::constant]
        type ChallengeDeposit: Get<u128>;

        /// The most anchor blocks that a signed nonce may be behind.
        #[cfg(commitment_nonce)]
        #[pallet::constant]
        type MaxNonceAge: Get<u32>;

        /// Anchor blocks after an agreement's end in which its owner decides about the
        /// payment.
        #[pallet::constant]
        type SettlementTimeout: Get<u32>;

        /// The most anchor blocks that signed terms may be valid for.
        #[pallet::constant]
        type RequestTimeout: Get<u32>;

        /// The window's interval of a bucket without a configuration.
        #[cfg(checkpoint_windows)]
        #[pallet::constant]
        type DefaultCheckpointInterval: Get<u32>;

        /// The grace period of a bucket without a configuration.
        #[cfg(checkpoint_windows)]
        #[pallet::constant]
        type DefaultCheckpointGrace: Get<u32>;

        /// The reward for a window's checkpoint, if the bucket's pool has it.
        #[cfg(checkpoint_windows)]
        #[pallet::constant]
        type CheckpointReward: Get<u128>;

        /// The stake that the leader of a missed window loses.
        #[cfg(checkpoint_windows)]
        #[pallet::constant]
        type CheckpointMissPenalty: Get<u128>;

        /// The most buckets that an account may be a member of.
        #[pallet::constant]
        type MaxBucketsPerMember: Get<u32>;

        /// Anchor blocks from the announcement of a deregistration to its completion.
        #[pallet::constant]
        type DeregisterAnnouncementPeriod: Get<u32>;

        /// The most challenges that are ever opened for one deadline.
        #[cfg(not(deployed))]
        #[pallet::constant]
        type MaxChallengesPerDeadline: Get<u16>;

        /// The anchor blocks, in which all durations are counted.
        type BlockNumberProvider: BlockNumberProvider<BlockNumber = u32>;

        /// Milliseconds of an anchor block.
        #[cfg(not(deployed))]
        #[pallet::constant]
        type AnchorBlockTimeMillis: Get<u64>;
    }

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(migrations::VERSION)]
    pub struct Pallet<T>(_);

    /// The pallet's reasons for holding a balance.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// A provider's stake.
        ProviderStake,
        /// An agreement's payment.
        AgreementPayment,
        /// A challenger's deposit.
        ChallengeDeposit,
    }

    /// Providers by account.
    #[pallet::storage]
    pub type Providers<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, ProviderInfo<T>>;

    /// The nonces of terms that each provider's clients redeemed.
    #[pallet::storage]
    pub type ProviderReplayStates<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId32, ReplayWindow, ValueQuery>;

    /// The id of the next bucket.
    #[pallet::storage]
    pub type NextBucketId<T: Config> = StorageValue<_, BucketId, ValueQuery>;

    /// Buckets by id.
    #[pallet::storage]
    #[pallet::unbounded]
    pub type Buckets<T: Config> = StorageMap<_, Blake2_128Concat, BucketId, Bucket<T>>;

    /// Agreements by bucket and provider. An expired one stays until it is settled.
    #[pallet::storage]
    pub type StorageAgreements<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        BucketId,
        Blake2_128Concat,
        AccountId32,
        StorageAgreement,
    >;

    /// Open challenges by deadline. An id's index is a place in the list.
    #[cfg(deployed)]
    #[pallet::storage]
    #[pallet::unbounded]
    pub type Challenges<T: Config> = StorageMap<_, Blake2_128Concat, u32, Vec<Challenge>>;

    /// Open challenges by deadline and index.
    #[cfg(not(deployed))]
    #[pallet::storage]
    pub type Challenges<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, u32, Twox64Concat, u16, Challenge>;

    /// The number of challenges ever opened for a deadline, which is the next index.
    #[cfg(not(deployed))]
    #[pallet::storage]
    pub type NextChallengeIndex<T: Config> = StorageMap<_, Blake2_128Concat, u32, u16, ValueQuery>;

    /// The last deadline that is swept.
    #[cfg(relay_clock)]
    #[pallet::storage]
    pub type LastSweptChallengeBlock<T: Config> = StorageValue<_, u32>;

    /// The open challenges of each provider.
    #[cfg(not(deployed))]
    #[pallet::storage]
    pub type PendingChallenges<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId32, u32, ValueQuery>;

    /// The open challenges of each provider in each bucket.
    #[cfg(not(deployed))]
    #[pallet::storage]
    pub type PendingChallengesByBucket<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        BucketId,
        Blake2_128Concat,
        AccountId32,
        u32,
        ValueQuery,
    >;

    /// Each challenger's record.
    #[cfg(commitment_nonce)]
    #[pallet::storage]
    pub type ChallengerStats<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId32, ChallengerStatRecord, ValueQuery>;

    /// The windows of buckets that do not use the defaults.
    #[cfg(checkpoint_windows)]
    #[pallet::storage]
    pub type CheckpointConfigs<T: Config> =
        StorageMap<_, Blake2_128Concat, BucketId, CheckpointWindowConfig>;

    /// The last window with a checkpoint, or whose miss was reported.
    #[cfg(checkpoint_windows)]
    #[pallet::storage]
    pub type LastCheckpointWindow<T: Config> = StorageMap<_, Blake2_128Concat, BucketId, u64>;

    /// Rewards that were not claimed yet.
    #[cfg(checkpoint_windows)]
    #[pallet::storage]
    pub type CheckpointRewards<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        AccountId32,
        Blake2_128Concat,
        BucketId,
        u128,
        ValueQuery,
    >;

    /// The amount that is left to pay rewards.
    #[cfg(checkpoint_windows)]
    #[pallet::storage]
    pub type CheckpointPool<T: Config> =
        StorageMap<_, Blake2_128Concat, BucketId, u128, ValueQuery>;

    /// The buckets that an account is a member of.
    #[pallet::storage]
    pub type MemberBuckets<T: Config> = StorageMap<
        _,
        Blake2_128Concat,
        AccountId32,
        BoundedVec<BucketId, T::MaxBucketsPerMember>,
        ValueQuery,
    >;

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(relay_clock)]
        fn on_initialize(_number: BlockNumberFor<T>) -> Weight {
            Self::sweep()
        }

        #[cfg(not(relay_clock))]
        fn on_finalize(_number: BlockNumberFor<T>) {
            Self::sweep();
        }

        fn integrity_test() {
            assert!(
                T::RequestTimeout::get() < T::DeregisterAnnouncementPeriod::get(),
                "signed terms must expire before their provider can register again: set \
                 RequestTimeout below DeregisterAnnouncementPeriod"
            );
            assert!(
                T::ChallengeTimeout::get() < T::DeregisterAnnouncementPeriod::get(),
                "a provider must not leave before a challenge is due: set ChallengeTimeout \
                 below DeregisterAnnouncementPeriod"
            );
        }
    }
}
