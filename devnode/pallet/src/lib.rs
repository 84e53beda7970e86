//! The reference storage pallet: the on-chain half of off-chain storage, for development
//! and tests. It is not for production: there is no payment for storage, weights are not
//! measured, there are no replicas, and a stake is never returned.
//!
//! ```text
//! register_provider ─┐
//! create_bucket ─────┴► request_agreement ─► accept_agreement ─► checkpoint, extend_checkpoint,
//!                                                                 provider_checkpoint
//!                                                                        │
//!        respond_to_challenge ◄── challenge_checkpoint, challenge_offchain ┘
//!            │            └► wrong: the whole stake, at once
//!            └► none by the deadline: the whole stake, by the sweep
//! ```
//!
//! Types and verifiers are those of [`cairn_primitives`], which providers
//! compile too: [`chain_rule`](cairn_primitives::chain_rule) as the deployed
//! chain has it, and under [`Rules::strict_leaf_binding`]
//! [`verify::mmr_proof`](cairn_primitives::verify::mmr_proof) besides.
//!
//! Deadlines are counted in anchor blocks, which may jump, and may not advance for several
//! blocks. An answer is accepted while the anchor block is at most the deadline; the sweep
//! at the beginning of a block slashes for deadlines before it.

// FRAME's macros need one module for all storage, calls, events and errors. They are only
// declared here; the other modules implement them. `import_section` puts the events and the
// errors, which have files of their own, into that module.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

extern crate alloc;

mod agreements;
mod challenges;
mod checkpoints;
mod errors;
mod events;
mod judge;
mod queries;
mod signatures;
mod types;
mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;
pub use pallet::*;
pub use types::{Bucket, Challenge, DEFAULT_CHALLENGE_PERIOD, HistoricalRoots, Provider, Rules};

/// The target of the pallet's log lines.
const LOG: &str = "runtime::storage-provider";

/// The pallet's storage, calls, events and errors.
#[import_section(events::events)]
#[import_section(errors::errors)]
#[frame_support::pallet]
#[expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "in what the macros write: each event's index, and names of pallets that there are"
)]
pub mod pallet {
    use crate::types::Question;
    use crate::{Bucket, Challenge, Provider, Rules, signatures, weights};
    use alloc::vec::Vec;
    use cairn_primitives::challenge::{
        ChallengeId, ChallengeResponse, ChunkLocation, MultiSignature, Role, SlashReason,
    };
    use cairn_primitives::onchain::{Agreement, CheckpointWindow, MultiSigner, PrimarySignature};
    use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256, Sequence};
    use frame_support::pallet_prelude::*;
    use frame_support::traits::fungible::MutateHold;
    use frame_system::pallet_prelude::*;
    use sp_runtime::AccountId32;
    use sp_runtime::traits::BlockNumberProvider;

    /// The configuration by the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32, RuntimeEvent: From<Event<Self>>>
    {
        /// Holds stakes and the cost of challenges.
        type Currency: MutateHold<AccountId32, Reason = Self::RuntimeHoldReason, Balance = u128>;

        /// The runtime's hold reasons, which include this pallet's.
        type RuntimeHoldReason: From<HoldReason>;

        /// The blocks in which deadlines and windows are counted: on a solo chain its own,
        /// on a parachain those of the relay chain.
        type AnchorBlock: BlockNumberProvider<BlockNumber = u32>;

        /// The assumed cost of an answer, held from the challenger.
        #[pallet::constant]
        type ChallengeCost: Get<u128>;

        /// The most primary providers of a bucket; at most 256.
        #[pallet::constant]
        type MaxPrimaryProviders: Get<u32>;

        /// The most challenges due at one anchor block, including answered ones.
        #[pallet::constant]
        type MaxChallengesPerDeadline: Get<u32>;

        /// The most bytes of a provider's endpoint.
        #[pallet::constant]
        type MaxEndpointBytes: Get<u32>;

        /// The most members of a bucket.
        #[pallet::constant]
        type MaxMembers: Get<u32>;
    }

    /// The pallet.
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// The pallet's reasons for holding a balance.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// A provider's stake.
        Stake,
        /// The cost of an answer, until it is known who bears it.
        Challenge,
    }

    /// The rules in force.
    #[pallet::storage]
    pub type CurrentRules<T> = StorageValue<_, Rules, ValueQuery>;

    /// Providers by their accounts.
    #[pallet::storage]
    pub type Providers<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, Provider<T>>;

    /// The id of the next bucket.
    #[pallet::storage]
    pub type NextBucket<T> = StorageValue<_, u64, ValueQuery>;

    /// Buckets by their ids.
    #[pallet::storage]
    pub type Buckets<T: Config> = StorageMap<_, Twox64Concat, BucketId, Bucket<T>>;

    /// Agreements that an admin requested and the provider has not accepted.
    #[pallet::storage]
    pub type AgreementRequests<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Twox64Concat, BucketId, Agreement>;

    /// Agreements by provider and bucket. A provider with one is a primary provider.
    #[pallet::storage]
    pub type Agreements<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Twox64Concat, BucketId, Agreement>;

    /// Open challenges by deadline and index.
    #[pallet::storage]
    pub type Challenges<T> = StorageDoubleMap<_, Twox64Concat, u32, Twox64Concat, u16, Challenge>;

    /// The number of challenges ever opened for a deadline. It is the next index, so that
    /// no id is used twice.
    #[pallet::storage]
    pub type ChallengesMade<T> = StorageMap<_, Twox64Concat, u32, u16, ValueQuery>;

    /// The open challenges against each provider.
    #[pallet::storage]
    pub type ChallengesAgainst<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Twox64Concat, ChallengeId, ()>;

    /// The first deadline that is not yet swept.
    #[pallet::storage]
    pub type NextSweep<T> = StorageValue<_, u32>;

    /// The genesis configuration.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The rules in force.
        pub rules: Rules,
        /// Marks the runtime type.
        #[serde(skip)]
        pub config: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            assert!(
                self.rules.challenge_period > 0,
                "a challenge period of 0 leaves no block to answer in: set at least 1"
            );
            CurrentRules::<T>::put(self.rules);
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_number: BlockNumberFor<T>) -> Weight {
            Self::sweep(Self::anchor_block())
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Sets the rules. Open challenges keep their deadlines and their leaf binding.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_rules(origin: OriginFor<T>, rules: Rules) -> DispatchResult {
            ensure_root(origin)?;
            ensure!(rules.challenge_period > 0, Error::<T>::BadPeriod);
            ensure!(
                NextBucket::<T>::get() == 0 || rules.profile == CurrentRules::<T>::get().profile,
                Error::<T>::ProfileInUse
            );
            CurrentRules::<T>::put(rules);
            Self::deposit_event(Event::RulesSet { rules });
            Ok(())
        }

        /// Registers as a provider, with its signing key and a stake, which is held.
        #[pallet::call_index(1)]
        #[pallet::weight(weights::call::<T>())]
        pub fn register_provider(
            origin: OriginFor<T>,
            key: MultiSigner,
            endpoint: Vec<u8>,
            stake: u128,
        ) -> DispatchResult {
            Self::register(ensure_signed(origin)?, key, endpoint, stake)
        }

        /// Sets the provider's endpoint.
        #[pallet::call_index(2)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_endpoint(origin: OriginFor<T>, endpoint: Vec<u8>) -> DispatchResult {
            Self::move_endpoint(ensure_signed(origin)?, endpoint)
        }

        /// Creates a bucket with the next id and the caller as its admin.
        #[pallet::call_index(3)]
        #[pallet::weight(weights::call::<T>())]
        pub fn create_bucket(
            origin: OriginFor<T>,
            min_providers: u32,
            window: Option<CheckpointWindow>,
        ) -> DispatchResult {
            Self::open_bucket(ensure_signed(origin)?, min_providers, window)
        }

        /// Sets an account's role in a bucket, or removes the account. By an admin.
        #[pallet::call_index(4)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_member(
            origin: OriginFor<T>,
            bucket: BucketId,
            who: AccountId32,
            role: Option<Role>,
        ) -> DispatchResult {
            Self::put_member(&ensure_signed(origin)?, bucket, who, role)
        }

        /// Freezes a bucket at the start of its last checkpoint. By an admin.
        #[pallet::call_index(5)]
        #[pallet::weight(weights::call::<T>())]
        pub fn freeze_bucket(origin: OriginFor<T>, bucket: BucketId) -> DispatchResult {
            Self::freeze(&ensure_signed(origin)?, bucket)
        }

        /// Requests an agreement: a provider keeps a bucket up to and including the anchor
        /// block `expires_at`. By an admin.
        #[pallet::call_index(6)]
        #[pallet::weight(weights::call::<T>())]
        pub fn request_agreement(
            origin: OriginFor<T>,
            bucket: BucketId,
            provider: AccountId32,
            max_bytes: u64,
            expires_at: u32,
        ) -> DispatchResult {
            let terms = Agreement {
                max_bytes,
                expires_at,
            };
            Self::ask_agreement(&ensure_signed(origin)?, bucket, provider, terms)
        }

        /// Accepts the requested agreement, and becomes a primary provider.
        #[pallet::call_index(7)]
        #[pallet::weight(weights::call::<T>())]
        pub fn accept_agreement(origin: OriginFor<T>, bucket: BucketId) -> DispatchResult {
            Self::agree(ensure_signed(origin)?, bucket)
        }

        /// Ends an agreement. By an admin, or once it has expired by anybody.
        #[pallet::call_index(8)]
        #[pallet::weight(weights::call::<T>())]
        pub fn end_agreement(
            origin: OriginFor<T>,
            bucket: BucketId,
            provider: AccountId32,
        ) -> DispatchResult {
            Self::end(&ensure_signed(origin)?, bucket, provider)
        }

        /// Submits a checkpoint with at least `min_providers` signatures over its
        /// `CommitmentPayload`.
        #[pallet::call_index(9)]
        #[pallet::weight(weights::signed::<T>(signatures.len()))]
        pub fn checkpoint(
            origin: OriginFor<T>,
            bucket: BucketId,
            commitment: Commitment,
            signatures: Vec<PrimarySignature>,
        ) -> DispatchResult {
            ensure_signed(origin)?;
            Self::take_checkpoint(bucket, commitment, &signatures)
        }

        /// Adds signatures over the same `CommitmentPayload` to the current checkpoint.
        #[pallet::call_index(10)]
        #[pallet::weight(weights::signed::<T>(signatures.len()))]
        pub fn extend_checkpoint(
            origin: OriginFor<T>,
            bucket: BucketId,
            signatures: Vec<PrimarySignature>,
        ) -> DispatchResult {
            ensure_signed(origin)?;
            Self::extend(bucket, &signatures)
        }

        /// Submits the checkpoint of a window, with at least `min_providers` signatures over
        /// its `CheckpointProposal`. By the window's leader, or after the grace period by
        /// any primary provider.
        #[pallet::call_index(11)]
        #[pallet::weight(weights::signed::<T>(signatures.len()))]
        pub fn provider_checkpoint(
            origin: OriginFor<T>,
            bucket: BucketId,
            commitment: Commitment,
            window: u64,
            signatures: Vec<PrimarySignature>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::take_in_window(&who, bucket, commitment, window, &signatures)
        }

        /// Challenges a primary provider by the current checkpoint, if it signed that.
        #[pallet::call_index(12)]
        #[pallet::weight(weights::call::<T>())]
        pub fn challenge_checkpoint(
            origin: OriginFor<T>,
            bucket: BucketId,
            provider: AccountId32,
            location: ChunkLocation,
        ) -> DispatchResult {
            let challenger = ensure_signed(origin)?;
            let row = Buckets::<T>::get(bucket).ok_or(Error::<T>::NoSuchBucket)?;
            let place = row
                .primary_index_of(&provider)
                .ok_or(Error::<T>::NotPrimary)?;
            let snapshot = row.snapshot.ok_or(Error::<T>::NoSnapshot)?;
            ensure!(snapshot.signed_by(place), Error::<T>::NotSigner);
            let question = Question {
                bucket_id: bucket,
                commitment: snapshot.commitment,
                location,
            };
            Self::ask(challenger, provider, question)
        }

        /// Challenges a provider by any commitment that it ever signed, until its agreement
        /// expires.
        #[pallet::call_index(13)]
        #[pallet::weight(weights::signed::<T>(1))]
        pub fn challenge_offchain(
            origin: OriginFor<T>,
            bucket: BucketId,
            provider: AccountId32,
            commitment: Commitment,
            location: ChunkLocation,
            signature: MultiSignature,
        ) -> DispatchResult {
            let challenger = ensure_signed(origin)?;
            let terms =
                Agreements::<T>::get(&provider, bucket).ok_or(Error::<T>::NoSuchAgreement)?;
            ensure!(
                Self::anchor_block() <= terms.expires_at,
                Error::<T>::Expired
            );
            let row = Providers::<T>::get(&provider).ok_or(Error::<T>::NotProvider)?;
            let message = CommitmentPayload::new(bucket, commitment).encode();
            ensure!(
                signatures::by_key(&signature, &message, &row.key),
                Error::<T>::BadSignature
            );
            let question = Question {
                bucket_id: bucket,
                commitment,
                location,
            };
            Self::ask(challenger, provider, question)
        }

        /// Answers a challenge. By the challenged provider, up to and including the deadline
        /// block.
        ///
        /// A wrong answer costs the whole stake at once, but the call succeeds: only the
        /// events show the result.
        #[pallet::call_index(14)]
        #[pallet::weight(weights::answer::<T>(response))]
        pub fn respond_to_challenge(
            origin: OriginFor<T>,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> DispatchResult {
            Self::answer(&ensure_signed(origin)?, id, &response)
        }
    }
}
