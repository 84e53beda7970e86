//! The pallet's errors.

use frame_support::pallet_macros::pallet_section;

/// A section of the pallet's module.
#[pallet_section]
mod errors {
    /// A reason for which a call is refused. Nothing is changed then.
    #[pallet::error]
    pub enum Error<T> {
        /// The account is already a provider.
        ProviderAlreadyRegistered,
        /// The account is no provider.
        ProviderNotFound,
        /// The stake is below `MinProviderStake`.
        InsufficientStake,
        /// The stake does not cover all committed bytes: add stake, or commit to less.
        InsufficientStakeForBytes,
        /// The provider has agreements: settle them first.
        ProviderHasActiveAgreements,
        /// The provider accepts no primary agreements.
        ProviderNotAcceptingPrimary,
        /// The provider has no price for syncs, so it accepts no replica agreements.
        ProviderNotAcceptingReplicas,
        /// The provider accepts no extensions.
        ProviderNotAcceptingExtensions,
        /// The provider has a stake, so it was not slashed.
        ProviderNotSlashed,
        /// The capacity is below what is committed.
        CapacityBelowCommitted,
        /// The agreement exceeds the provider's capacity.
        CapacityExceeded,
        /// The stake does not cover the capacity.
        InsufficientStakeForCapacity,
        /// The shortest duration is above the longest.
        MinDurationExceedsMaxDuration,
        /// The provider is leaving: cancel that first.
        DeregisterAnnounced,
        /// The provider is not leaving: announce that first.
        DeregisterNotAnnounced,
        /// The announcement is too recent.
        DeregisterPeriodNotElapsed,
        /// There is no such bucket.
        BucketNotFound,
        /// The bucket is frozen already.
        BucketFrozen,
        /// The bucket is not frozen. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        BucketNotFrozen,
        /// The account is no admin of the bucket.
        NotBucketAdmin,
        /// The account is no member of the bucket. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        NotBucketMember,
        /// The caller is neither writer nor admin of the bucket.
        NotBucketWriter,
        /// The account is no member of the bucket.
        MemberNotFound,
        /// Only an admin itself can give up its role.
        CannotDemoteAdmin,
        /// The bucket needs an admin: add another first.
        LastAdminCannotBeRemoved,
        /// The bucket has as many members as it may.
        MaxMembersReached,
        /// The bucket has as many primary providers as it may.
        MaxPrimaryProvidersReached,
        /// The checkpoint has too few signatures, or the bucket no primary provider.
        MinProvidersNotMet,
        /// The number is above that of the primary providers.
        InvalidMinProviders,
        /// Only members and owners of primary agreements may challenge here.
        #[cfg(challenger_tiers)]
        NotAuthorizedForPrivateBucket,
        /// There is no agreement of this bucket and provider.
        AgreementNotFound,
        /// There is an agreement of this bucket and provider.
        AgreementAlreadyExists,
        /// The agreement has expired.
        AgreementExpired,
        /// The agreement has not expired, or its owner may still settle it.
        AgreementNotExpired,
        /// The provider refuses to extend this agreement.
        AgreementExtensionsBlocked,
        /// The caller does not own the agreement.
        NotAgreementOwner,
        /// The agreement is the caller's already.
        #[cfg(challenger_tiers)]
        TransferToSelf,
        /// The duration is below the provider's shortest.
        DurationTooShort,
        /// The duration is above the provider's longest.
        DurationTooLong,
        /// The payment is above the caller's bound.
        PaymentExceedsMax,
        /// A replica agreement runs to its end.
        CannotTerminateReplica,
        /// The owner decided too late: the provider may claim the payment.
        SettlementWindowPassed,
        /// The agreement is not a replica's.
        NotReplica,
        /// The last sync is too recent.
        SyncTooFrequent,
        /// No root is the last checkpoint's or a historical one, or the match is not new.
        InvalidSyncRoot,
        /// There is not enough left to pay for a sync.
        InsufficientSyncBalance,
        /// A provider cannot challenge itself.
        #[cfg(challenger_tiers)]
        SelfChallenge,
        /// There is no such challenge.
        ChallengeNotFound,
        /// There is such a challenge already. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        ChallengeAlreadyExists,
        /// The proof does not prove the chunk.
        #[cfg(checkpoint_windows)]
        InvalidChallengeProof,
        /// The deadline has passed.
        ChallengeExpired,
        /// Another provider is challenged.
        NotChallengeProvider,
        /// The provider is not primary, or did not sign the checkpoint.
        ProviderNotInSnapshot,
        /// The last checkpoint does not cover the leaf.
        #[cfg(checkpoint_windows)]
        LeafBeyondCanonical,
        /// The deletion does not cover the leaf.
        #[cfg(checkpoint_windows)]
        InvalidDeletionProof,
        /// The provider has open challenges.
        #[cfg(not(deployed))]
        ProviderHasPendingChallenges,
        /// The agreement has open challenges.
        #[cfg(not(deployed))]
        AgreementHasPendingChallenge,
        /// There are as many challenges for this deadline as there may be.
        #[cfg(not(deployed))]
        TooManyChallengesThisBlock,
        /// The commitment has no such leaf.
        #[cfg(leaf_binding)]
        LeafOutOfRange,
        /// A signature does not verify.
        InvalidSignature,
        /// The bucket has no checkpoint.
        NoSnapshot,
        /// The commitment starts below the frozen sequence.
        SnapshotViolatesFrozen,
        /// There are too few signatures.
        InsufficientSignatures,
        /// The nonce is above the anchor block, or more than `MaxNonceAge` below it.
        #[cfg(commitment_nonce)]
        CommitmentNonceTooOld,
        /// A number is too large.
        ArithmeticOverflow,
        /// The endpoint is wrong. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        InvalidMultiaddr,
        /// The key has a wrong length, or not that of the signature's scheme.
        InvalidPublicKey,
        /// The bucket has no windows.
        #[cfg(checkpoint_windows)]
        ProviderCheckpointsDisabled,
        /// Only the leader may submit in the grace period.
        #[cfg(checkpoint_windows)]
        NotCheckpointLeader,
        /// The window is yet to come. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        CheckpointWindowNotStarted,
        /// The window, or a later one, has its checkpoint.
        #[cfg(checkpoint_windows)]
        CheckpointAlreadySubmitted,
        /// It is another window now.
        #[cfg(checkpoint_windows)]
        InvalidCheckpointWindow,
        /// The pool is too small. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        InsufficientCheckpointPool,
        /// Nothing was missed. Never used, as on the chain.
        #[cfg(checkpoint_windows)]
        NoMissedCheckpoint,
        /// The window has only just ended.
        #[cfg(checkpoint_windows)]
        WithinGracePeriod,
        /// There are no rewards.
        #[cfg(checkpoint_windows)]
        NoRewardsToClaim,
        /// The account is a member of as many buckets as it may be.
        TooManyBucketsForMember,
        /// The provider did not sign these terms.
        InvalidProviderSignature,
        /// The terms are no longer valid.
        TermsExpired,
        /// The terms are valid for longer than `RequestTimeout`.
        TermsValidityTooLong,
        /// The terms' nonce was used.
        NonceAlreadyUsed,
        /// The terms' nonce is too far below the highest used one.
        NonceTooOld,
        /// The terms are another owner's.
        TermsOwnerMismatch,
        /// The terms are not a replica's.
        MissingReplicaTerms,
        /// The terms are for another bucket.
        TermsBucketMismatch,
        /// The quota is 0.
        InvalidMaxBytesRequest,
    }
}
