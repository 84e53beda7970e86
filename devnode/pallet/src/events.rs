//! The pallet's events.

use frame_support::pallet_macros::pallet_section;

/// A section of the pallet's module.
#[pallet_section]
mod events {
    /// The pallet's events.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A provider has registered.
        ProviderRegistered {
            /// The provider.
            provider: AccountId32,
            /// Its stake.
            stake: u128,
        },
        /// A provider has left.
        ProviderDeregistered {
            /// The provider.
            provider: AccountId32,
            /// The stake it got back.
            stake_returned: u128,
        },
        /// A provider will leave.
        DeregisterAnnounced {
            /// The provider.
            provider: AccountId32,
            /// The anchor block from which it can.
            complete_after: u32,
        },
        /// A provider stays.
        DeregisterCancelled {
            /// The provider.
            provider: AccountId32,
        },
        /// A provider has added to its stake.
        ProviderStakeAdded {
            /// The provider.
            provider: AccountId32,
            /// The amount that it added.
            amount: u128,
            /// The stake now.
            total_stake: u128,
        },
        /// A provider has another offer.
        ProviderSettingsUpdated {
            /// The provider.
            provider: AccountId32,
            /// The offer.
            settings: ProviderSettings,
        },
        /// A provider has another endpoint.
        ProviderMultiaddrUpdated {
            /// The provider.
            provider: AccountId32,
            /// The endpoint.
            multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
        },
        /// A provider refuses extensions of an agreement, or accepts them again.
        ExtensionsBlocked {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// True if it refuses them.
            blocked: bool,
        },
        /// A bucket was made.
        BucketCreated {
            /// The bucket.
            bucket_id: BucketId,
            /// Its first admin.
            admin: AccountId32,
        },
        /// A bucket was frozen.
        BucketFrozen {
            /// The bucket.
            bucket_id: BucketId,
            /// The first sequence that stays.
            frozen_start_seq: u64,
        },
        /// A bucket was deleted.
        BucketDeleted {
            /// The bucket.
            bucket_id: BucketId,
        },
        /// A bucket was made public or private.
        #[cfg(challenger_tiers)]
        BucketVisibilityChanged {
            /// The bucket.
            bucket_id: BucketId,
            /// The accounts that may read it.
            visibility: Visibility,
        },
        /// A member was added, or has another role.
        MemberSet {
            /// The bucket.
            bucket_id: BucketId,
            /// The member.
            member: AccountId32,
            /// Its role.
            role: Role,
        },
        /// A member was removed.
        MemberRemoved {
            /// The bucket.
            bucket_id: BucketId,
            /// The account.
            member: AccountId32,
        },
        /// A checkpoint was made, or has more signatures.
        BucketCheckpointed {
            /// The bucket.
            bucket_id: BucketId,
            /// The commitment.
            #[cfg(not(deployed))]
            commitment: Commitment,
            /// The root.
            #[cfg(deployed)]
            mmr_root: H256,
            /// The sequence of the first leaf.
            #[cfg(deployed)]
            start_seq: u64,
            /// The leaves under the root.
            #[cfg(deployed)]
            leaf_count: u64,
            /// The signers, or those that were added.
            providers: Vec<AccountId32>,
        },
        /// A provider became primary. Never emitted, as on the chain.
        ProviderAddedToBucket {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// A provider is no longer primary.
        PrimaryProviderRemoved {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The reason.
            reason: RemovalReason,
        },
        /// An agreement was ended early. Never emitted, as on the chain.
        #[cfg(checkpoint_windows)]
        PrimaryAgreementEndedEarly {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The payment that the provider got.
            payment_to_provider: u128,
            /// The payment that the treasury got.
            burned: u128,
        },
        /// A slashed provider was removed from a bucket.
        SlashedProviderRemoved {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The payment that the owner got back.
            payment_returned_to_owner: u128,
        },
        /// A replica has confirmed what it has.
        ReplicaSynced {
            /// The bucket.
            bucket_id: BucketId,
            /// The replica.
            provider: AccountId32,
            /// The root.
            mmr_root: H256,
            /// 0 for the last checkpoint, else the place of the historical root, from 1.
            position_matched: u8,
            /// The payment for it.
            sync_payment: u128,
        },
        /// There is more to pay a replica.
        ReplicaSyncBalanceToppedUp {
            /// The bucket.
            bucket_id: BucketId,
            /// The replica.
            provider: AccountId32,
            /// The amount that was added.
            amount: u128,
            /// The balance now.
            new_total: u128,
        },
        /// An agreement was accepted. Never emitted, as on the chain.
        #[cfg(checkpoint_windows)]
        AgreementAccepted {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// Its end.
            expires_at: u32,
        },
        /// An agreement has a larger quota.
        AgreementToppedUp {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The payment for it.
            amount: u128,
            /// The quota.
            new_max_bytes: u64,
        },
        /// An agreement was extended.
        AgreementExtended {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// Its end.
            new_expires_at: u32,
            /// The payment for it.
            payment: u128,
        },
        /// An agreement has another owner.
        AgreementOwnershipTransferred {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The owner before.
            old_owner: AccountId32,
            /// The owner now.
            new_owner: AccountId32,
            /// The amount that is held from the owner now.
            #[cfg(challenger_tiers)]
            escrow: u128,
        },
        /// An agreement was settled.
        AgreementEnded {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The payment that the provider got.
            payment_to_provider: u128,
            /// The payment that the treasury got.
            burned: u128,
        },
        /// A provider was paid for an expired agreement. Never emitted, as on the chain.
        #[cfg(checkpoint_windows)]
        AgreementExpiredClaimed {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The payment that the provider got.
            payment_to_provider: u128,
        },
        /// A primary agreement was made.
        StorageAgreementEstablished {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The owner.
            owner: AccountId32,
            /// The terms that the provider signed.
            terms: AgreementTerms,
            /// Its end.
            expires_at: u32,
        },
        /// A replica agreement was made.
        ReplicaAgreementEstablished {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The owner.
            owner: AccountId32,
            /// The terms that the provider signed.
            terms: AgreementTerms,
            /// Its end.
            expires_at: u32,
        },
        /// A provider was challenged.
        ChallengeCreated {
            /// The id to answer with.
            challenge_id: ChallengeId,
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The challenger.
            challenger: AccountId32,
            /// The last anchor block for an answer.
            respond_by: u32,
        },
        /// A challenge was answered well.
        ChallengeDefended {
            /// The challenge.
            challenge_id: ChallengeId,
            /// The provider.
            provider: AccountId32,
            /// The anchor blocks that the answer took.
            response_time_blocks: u32,
            /// The cost that the challenger pays.
            challenger_cost: u128,
            /// The cost that the provider pays.
            provider_cost: u128,
        },
        /// A provider lost its stake.
        ChallengeSlashed {
            /// The challenge.
            challenge_id: ChallengeId,
            /// The provider.
            provider: AccountId32,
            /// The stake.
            slashed_amount: u128,
            /// The part of it that the challenger got.
            challenger_reward: u128,
            /// The reason.
            #[cfg(not(deployed))]
            reason: SlashReason,
        },
        /// A provider made the checkpoint of a window.
        #[cfg(checkpoint_windows)]
        ProviderCheckpointSubmitted {
            /// The bucket.
            bucket_id: BucketId,
            /// The root.
            mmr_root: H256,
            /// The window.
            window: u64,
            /// The provider that submitted it.
            leader: AccountId32,
            /// The signers.
            signers: Vec<AccountId32>,
            /// The reward that the leader earned.
            reward: u128,
        },
        /// A bucket has other windows.
        #[cfg(checkpoint_windows)]
        CheckpointConfigUpdated {
            /// The bucket.
            bucket_id: BucketId,
            /// Anchor blocks of a window.
            interval: u32,
            /// Anchor blocks for the leader alone.
            grace_period: u32,
            /// True if there are windows.
            enabled: bool,
        },
        /// A leader missed a window.
        #[cfg(checkpoint_windows)]
        CheckpointMissPenalized {
            /// The bucket.
            bucket_id: BucketId,
            /// The leader.
            provider: AccountId32,
            /// The window.
            window: u64,
            /// The stake that it lost.
            penalty: u128,
        },
        /// A provider took its rewards.
        #[cfg(checkpoint_windows)]
        CheckpointRewardClaimed {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
            /// The rewards.
            amount: u128,
        },
        /// There is more to pay rewards.
        #[cfg(checkpoint_windows)]
        CheckpointPoolFunded {
            /// The bucket.
            bucket_id: BucketId,
            /// The account that paid.
            funder: AccountId32,
            /// The amount that was added.
            amount: u128,
        },
    }
}
