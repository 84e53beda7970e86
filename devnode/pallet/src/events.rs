//! The pallet's events.

use frame_support::pallet_macros::pallet_section;

/// A section of the pallet's module.
#[pallet_section]
mod events {
    /// The pallet's events.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// The rules were changed.
        RulesSet {
            /// The rules.
            rules: Rules,
        },
        /// A provider has registered.
        ProviderRegistered {
            /// Its account.
            provider: AccountId32,
            /// Its stake.
            stake: u128,
        },
        /// A provider has changed its endpoint.
        EndpointSet {
            /// Its account.
            provider: AccountId32,
        },
        /// A bucket was created.
        BucketCreated {
            /// Its id.
            bucket_id: BucketId,
            /// Its creator and admin.
            admin: AccountId32,
        },
        /// A member was added or removed, or has another role.
        MemberSet {
            /// The bucket.
            bucket_id: BucketId,
            /// The member.
            who: AccountId32,
            /// The role; `None` if the member was removed.
            role: Option<Role>,
        },
        /// A bucket was frozen: no checkpoint may start below this sequence.
        BucketFrozen {
            /// The bucket.
            bucket_id: BucketId,
            /// The start.
            start_seq: Sequence,
        },
        /// An agreement was requested from a provider.
        AgreementRequested {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// A provider has accepted an agreement.
        AgreementAccepted {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// An agreement has ended.
        AgreementEnded {
            /// The bucket.
            bucket_id: BucketId,
            /// The provider.
            provider: AccountId32,
        },
        /// A checkpoint was accepted.
        Checkpointed {
            /// The bucket.
            bucket_id: BucketId,
            /// Its root.
            mmr_root: H256,
        },
        /// The current checkpoint has more signers.
        CheckpointExtended {
            /// The bucket.
            bucket_id: BucketId,
        },
        /// A challenge was opened.
        ChallengeCreated {
            /// The challenge.
            id: ChallengeId,
            /// The challenged bucket.
            bucket_id: BucketId,
            /// The challenged provider.
            provider: AccountId32,
        },
        /// A challenge was defended.
        ChallengeDefended {
            /// The challenge.
            id: ChallengeId,
            /// The challenged provider.
            provider: AccountId32,
        },
        /// A challenge was lost, with the stake.
        ProviderSlashed {
            /// The challenge.
            id: ChallengeId,
            /// The challenged provider.
            provider: AccountId32,
            /// The reason.
            reason: SlashReason,
            /// The slashed stake: 0 if it was slashed before.
            amount: u128,
        },
    }
}
