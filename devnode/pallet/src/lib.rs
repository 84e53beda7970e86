//! The reference storage pallet: the on-chain half of off-chain storage, as the
//! judge for development and tests. It is not for production: nothing is paid
//! for storage, weights are not measured, there are no replicas, and a stake is
//! never given back.
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
//! Deadlines count in anchor blocks, which may jump, and may stand still for
//! several blocks. An answer is taken while the anchor block is at most the
//! deadline; the sweep at a block's beginning slashes for deadlines before it.

// The macros of FRAME want one module for all storage, calls, events and
// errors. Here they are only declared; what they do is in the rooms beside.

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
mod judge;
mod queries;
mod signatures;
mod types;
mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::{Bucket, Challenge, DEFAULT_CHALLENGE_PERIOD, HistoricalRoots, Provider, Rules};

/// The target of the pallet's log lines.
const LOG: &str = "runtime::storage-provider";

/// What FRAME makes the pallet of.
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

    /// What a runtime sets.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32, RuntimeEvent: From<Event<Self>>>
    {
        /// Holds stakes and the cost of challenges.
        type Currency: MutateHold<AccountId32, Reason = Self::RuntimeHoldReason, Balance = u128>;

        /// The runtime's reasons to hold, which include this pallet's.
        type RuntimeHoldReason: From<HoldReason>;

        /// The blocks that deadlines and windows count in: on a solo chain its
        /// own, on a parachain those of the relay chain.
        type AnchorBlock: BlockNumberProvider<BlockNumber = u32>;

        /// What answering a challenge is taken to cost: held of the challenger.
        #[pallet::constant]
        type ChallengeCost: Get<u128>;

        /// The most primary providers that a bucket may have; at most 256.
        #[pallet::constant]
        type MaxPrimaryProviders: Get<u32>;

        /// The most challenges that may be due at one anchor block, those that
        /// were answered included.
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

    /// Why the pallet holds of a balance.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// What a provider stands to lose.
        Stake,
        /// What an answer costs, until it is known who bears it.
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

    /// Agreements that an admin asked for and the provider has not accepted.
    #[pallet::storage]
    pub type AgreementRequests<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Twox64Concat, BucketId, Agreement>;

    /// Agreements by provider and bucket. Who has one is a primary provider.
    #[pallet::storage]
    pub type Agreements<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Twox64Concat, BucketId, Agreement>;

    /// Open challenges by deadline and index.
    #[pallet::storage]
    pub type Challenges<T> = StorageDoubleMap<_, Twox64Concat, u32, Twox64Concat, u16, Challenge>;

    /// How many challenges were ever made for a deadline: the next index, so
    /// that no id is used twice.
    #[pallet::storage]
    pub type ChallengesMade<T> = StorageMap<_, Twox64Concat, u32, u16, ValueQuery>;

    /// The open challenges against each provider.
    #[pallet::storage]
    pub type ChallengesAgainst<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Twox64Concat, ChallengeId, ()>;

    /// The first deadline that was not swept.
    #[pallet::storage]
    pub type NextSweep<T> = StorageValue<_, u32>;

    /// What the chain begins with.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The rules in force.
        pub rules: Rules,
        /// Names the runtime.
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

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// Other rules are in force.
        RulesSet {
            /// The rules.
            rules: Rules,
        },
        /// A provider has registered.
        ProviderRegistered {
            /// Its account.
            provider: AccountId32,
            /// What it stands to lose.
            stake: u128,
        },
        /// A provider is reached elsewhere.
        EndpointSet {
            /// Its account.
            provider: AccountId32,
        },
        /// There is a new bucket.
        BucketCreated {
            /// Its id.
            bucket_id: BucketId,
            /// Who made it.
            admin: AccountId32,
        },
        /// A member came, went, or may do something else.
        MemberSet {
            /// The bucket.
            bucket_id: BucketId,
            /// The member.
            who: AccountId32,
            /// What they may do; nothing any more for who went.
            role: Option<Role>,
        },
        /// No checkpoint may fall below a start any more.
        BucketFrozen {
            /// The bucket.
            bucket_id: BucketId,
            /// The start.
            start_seq: Sequence,
        },
        /// A provider was asked to keep a bucket.
        AgreementRequested {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// A provider keeps a bucket.
        AgreementAccepted {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// A provider keeps a bucket no more.
        AgreementEnded {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// A checkpoint was taken.
        Checkpointed {
            /// The bucket.
            bucket_id: BucketId,
            /// Its root.
            mmr_root: H256,
        },
        /// The checkpoint that stands has more signers.
        CheckpointExtended {
            /// The bucket.
            bucket_id: BucketId,
        },
        /// A provider has to answer.
        ChallengeCreated {
            /// The challenge.
            id: ChallengeId,
            /// The bucket that is asked about.
            bucket_id: BucketId,
            /// Who has to answer.
            provider: AccountId32,
        },
        /// A challenge was answered well.
        ChallengeDefended {
            /// The challenge.
            id: ChallengeId,
            /// Who answered.
            provider: AccountId32,
        },
        /// A challenge was lost, and with it the stake.
        ProviderSlashed {
            /// The challenge.
            id: ChallengeId,
            /// Who lost.
            provider: AccountId32,
            /// Why.
            reason: SlashReason,
            /// The stake that was lost: 0 where it was lost before.
            amount: u128,
        },
    }

    /// Why a call is refused. Nothing is changed then.
    #[pallet::error]
    pub enum Error<T> {
        /// The challenge period is 0: set at least 1 anchor block.
        BadPeriod,
        /// There are buckets, whose roots are hashed by the profile in force:
        /// set rules with that profile.
        ProfileInUse,
        /// The account is registered as a provider already.
        AlreadyProvider,
        /// The account is not registered as a provider.
        NotProvider,
        /// The provider has no stake: a stake must be above 0, and one that was
        /// lost is not replaced.
        NoStake,
        /// The endpoint is too long or not UTF-8: it is a URL.
        BadEndpoint,
        /// There is no such bucket.
        NoSuchBucket,
        /// The number of signatures that a checkpoint needs must be at least 1,
        /// and at most as many as a bucket may have primary providers.
        BadMinProviders,
        /// A window's interval must be above 0 and its grace at most as long.
        BadWindow,
        /// Only an admin of the bucket may do this; an agreement that has
        /// expired may be ended by anybody.
        NotAdmin,
        /// The bucket has as many members as it may have.
        TooManyMembers,
        /// A bucket keeps at least one admin: name another first.
        LastAdmin,
        /// The bucket is frozen already.
        AlreadyFrozen,
        /// The bucket has no checkpoint yet: bring one first.
        NoSnapshot,
        /// The agreement's last anchor block is not in the future.
        Expired,
        /// There is no such agreement, or none was asked for.
        NoSuchAgreement,
        /// The bucket has as many primary providers as it may have.
        TooManyPrimaries,
        /// More signatures than the bucket has primary providers.
        TooManySignatures,
        /// Fewer distinct primary providers signed than must, or none that had
        /// not signed before.
        TooFewSignatures,
        /// The account, or the place that a signature is given for, is not that
        /// of a primary provider of the bucket.
        NotPrimary,
        /// A signature does not hold for the signer's registered key and this
        /// very payload.
        BadSignature,
        /// The bucket is frozen, and the commitment starts before it.
        BelowFrozen,
        /// The bucket has no windows for its providers' checkpoints.
        NoWindows,
        /// The window is not the one that the anchor block is in.
        WrongWindow,
        /// The window has its checkpoint already.
        WindowTaken,
        /// Only the window's leader may bring a checkpoint yet: wait for the
        /// end of the grace period.
        NotLeader,
        /// A provider cannot challenge itself.
        SelfChallenge,
        /// The provider did not sign the checkpoint that stands.
        NotSigner,
        /// The commitment has no such leaf.
        NoSuchLeaf,
        /// No more challenges can be due at that deadline: try the next block.
        TooManyChallenges,
        /// There is no such open challenge.
        NoSuchChallenge,
        /// The challenge is against another provider.
        NotChallenged,
        /// The deadline has passed.
        DeadlinePassed,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_number: BlockNumberFor<T>) -> Weight {
            Self::sweep(Self::anchor_block())
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Sets the rules. Challenges that are open keep their deadlines and the
        /// leaf binding that they were made under.
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

        /// Registers as a provider, with the key that it signs by and a stake
        /// that is held from now on.
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

        /// Tells where the provider is reached now.
        #[pallet::call_index(2)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_endpoint(origin: OriginFor<T>, endpoint: Vec<u8>) -> DispatchResult {
            Self::move_endpoint(ensure_signed(origin)?, endpoint)
        }

        /// Makes a bucket under the next id, with the caller as its admin.
        #[pallet::call_index(3)]
        #[pallet::weight(weights::call::<T>())]
        pub fn create_bucket(
            origin: OriginFor<T>,
            min_providers: u32,
            window: Option<CheckpointWindow>,
        ) -> DispatchResult {
            Self::open_bucket(ensure_signed(origin)?, min_providers, window)
        }

        /// Says what an account may do in a bucket, or nothing any more. By an admin.
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

        /// Asks a provider to keep a bucket up to `expires_at`, that anchor
        /// block included. By an admin.
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

        /// Accepts what was asked for, and becomes a primary provider.
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

        /// Brings a checkpoint with at least `min_providers` signatures over its
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

        /// Adds signatures over the same `CommitmentPayload` to the checkpoint
        /// that stands.
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

        /// Brings the checkpoint of a window, with at least `min_providers`
        /// signatures over its `CheckpointProposal`. By the window's leader, or
        /// after the grace period by any primary provider.
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

        /// Challenges a primary provider by the checkpoint that stands, if it
        /// signed that.
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
            let place = row.place_of(&provider).ok_or(Error::<T>::NotPrimary)?;
            let snapshot = row.snapshot.ok_or(Error::<T>::NoSnapshot)?;
            ensure!(snapshot.signed_by(place), Error::<T>::NotSigner);
            let question = Question {
                bucket_id: bucket,
                commitment: snapshot.commitment,
                location,
            };
            Self::ask(challenger, provider, question)
        }

        /// Challenges a provider by a commitment that it ever signed, while its
        /// agreement lives.
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

        /// Answers a challenge. By the challenged provider, at the deadline
        /// block or before it.
        ///
        /// A wrong answer costs the whole stake at once, and succeeds as a call:
        /// whether an answer was good is told by the events.
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
