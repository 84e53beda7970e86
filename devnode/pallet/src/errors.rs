//! The pallet's errors.

use frame_support::pallet_macros::pallet_section;

/// A section of the pallet's module.
#[pallet_section]
mod errors {
    /// A reason for which a call is refused. Nothing is changed then.
    #[pallet::error]
    pub enum Error<T> {
        /// The challenge period is 0: set at least 1 anchor block.
        BadPeriod,
        /// There are buckets, whose roots are hashed with the current profile: set rules
        /// with that profile.
        ProfileInUse,
        /// The account is already registered as a provider.
        AlreadyProvider,
        /// The account is not registered as a provider.
        NotProvider,
        /// The provider has no stake: a stake must be above 0, and a lost one is not
        /// replaced.
        NoStake,
        /// The endpoint, a URL, is too long or not UTF-8.
        BadEndpoint,
        /// There is no such bucket.
        NoSuchBucket,
        /// The number of signatures that a checkpoint needs must be at least 1, and at most
        /// the number of primary providers that a bucket may have.
        BadMinProviders,
        /// A window's interval must be above 0, and its grace period at most as long.
        BadWindow,
        /// Only an admin of the bucket may do this; anybody may end an expired agreement.
        NotAdmin,
        /// The bucket has the most members that it may have.
        TooManyMembers,
        /// A bucket keeps at least one admin: add another one first.
        LastAdmin,
        /// The bucket is already frozen.
        AlreadyFrozen,
        /// The bucket has no checkpoint yet: submit one first.
        NoSnapshot,
        /// The agreement's last anchor block is not in the future.
        Expired,
        /// There is no such agreement, or none was requested.
        NoSuchAgreement,
        /// The bucket has the most primary providers that it may have.
        TooManyPrimaries,
        /// There are more signatures than primary providers.
        TooManySignatures,
        /// Too few distinct primary providers signed, or all of them had signed before.
        TooFewSignatures,
        /// The account or the index of a signature is not that of a primary provider of the
        /// bucket.
        NotPrimary,
        /// A signature is invalid for the signer's registered key and this payload.
        BadSignature,
        /// The bucket is frozen, and the commitment starts before the frozen sequence.
        BelowFrozen,
        /// The bucket has no windows for its providers' checkpoints.
        NoWindows,
        /// The window is not the current one.
        WrongWindow,
        /// The window already has a checkpoint.
        WindowTaken,
        /// Only the window's leader may submit a checkpoint before the end of the grace
        /// period.
        NotLeader,
        /// A provider cannot challenge itself.
        SelfChallenge,
        /// The provider did not sign the current checkpoint.
        NotSigner,
        /// The commitment has no such leaf.
        NoSuchLeaf,
        /// The deadline has the most challenges that it may have: try the next block.
        TooManyChallenges,
        /// There is no such open challenge.
        NoSuchChallenge,
        /// The challenge is against another provider.
        NotChallenged,
        /// The deadline has passed.
        DeadlinePassed,
    }
}
