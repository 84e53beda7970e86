//! The pallet's calls. Their indices, names and arguments are the chain's face; what they do
//! is in the other modules.

use frame_support::pallet_macros::pallet_section;

/// A section of the pallet's module.
#[pallet_section]
mod calls {
    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Registers the caller as a provider, and holds its stake.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::call::<T>())]
        pub fn register_provider(
            origin: OriginFor<T>,
            multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
            public_key: BoundedVec<u8, ConstU32<64>>,
            stake: u128,
        ) -> DispatchResult {
            Self::register(&ensure_signed(origin)?, multiaddr, public_key, stake)
        }

        /// Holds more stake.
        #[pallet::call_index(1)]
        #[pallet::weight(weights::call::<T>())]
        pub fn add_stake(origin: OriginFor<T>, amount: u128) -> DispatchResult {
            Self::raise_stake(&ensure_signed(origin)?, amount)
        }

        /// Announces that the caller leaves. It accepts nothing new from now on.
        #[pallet::call_index(2)]
        #[pallet::weight(weights::call::<T>())]
        pub fn deregister_provider(origin: OriginFor<T>) -> DispatchResult {
            Self::announce(&ensure_signed(origin)?)
        }

        /// Leaves, and returns the stake.
        #[pallet::call_index(6)]
        #[pallet::weight(weights::call::<T>())]
        pub fn complete_deregister(origin: OriginFor<T>) -> DispatchResult {
            Self::leave(&ensure_signed(origin)?)
        }

        /// Stays, and accepts agreements again.
        #[pallet::call_index(7)]
        #[pallet::weight(weights::call::<T>())]
        pub fn cancel_deregister(origin: OriginFor<T>) -> DispatchResult {
            Self::stay(&ensure_signed(origin)?)
        }

        /// Sets the caller's offer.
        #[pallet::call_index(3)]
        #[pallet::weight(weights::call::<T>())]
        pub fn update_provider_settings(
            origin: OriginFor<T>,
            settings: ProviderSettings,
        ) -> DispatchResult {
            Self::offer(&ensure_signed(origin)?, settings)
        }

        /// Sets the caller's endpoint.
        #[pallet::call_index(5)]
        #[pallet::weight(weights::call::<T>())]
        pub fn update_provider_multiaddr(
            origin: OriginFor<T>,
            multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
        ) -> DispatchResult {
            Self::move_endpoint(&ensure_signed(origin)?, multiaddr)
        }

        /// Refuses extensions of an agreement, or accepts them again. By its provider.
        #[pallet::call_index(4)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_extensions_blocked(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            blocked: bool,
        ) -> DispatchResult {
            Self::block_extensions(&ensure_signed(origin)?, bucket_id, blocked)
        }

        /// Redeems the terms that a provider signed: makes a bucket and its first agreement.
        #[pallet::call_index(17)]
        #[pallet::weight(weights::call::<T>())]
        pub fn establish_storage_agreement(
            origin: OriginFor<T>,
            provider: AccountId32,
            terms: AgreementTerms,
            sig: MultiSignature,
            #[cfg(challenger_tiers)] visibility: Visibility,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::agree_primary(
                &who,
                &provider,
                terms,
                &sig,
                #[cfg(challenger_tiers)]
                visibility,
            )
        }

        /// Sets the number of signatures that a checkpoint needs. By an admin.
        #[pallet::call_index(11)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_min_providers(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            min_providers: u32,
        ) -> DispatchResult {
            Self::require_signatures(&ensure_signed(origin)?, bucket_id, min_providers)
        }

        /// Freezes a bucket at its last checkpoint, for ever. By an admin.
        #[pallet::call_index(12)]
        #[pallet::weight(weights::call::<T>())]
        pub fn freeze_bucket(origin: OriginFor<T>, bucket_id: BucketId) -> DispatchResult {
            Self::freeze(&ensure_signed(origin)?, bucket_id)
        }

        /// Makes a bucket public or private. By an admin.
        #[cfg(challenger_tiers)]
        #[pallet::call_index(16)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_bucket_visibility(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            visibility: Visibility,
        ) -> DispatchResult {
            Self::show(&ensure_signed(origin)?, bucket_id, visibility)
        }

        /// Adds a member, or sets its role. By an admin.
        #[pallet::call_index(13)]
        #[pallet::weight(weights::call::<T>())]
        pub fn set_member(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            member: AccountId32,
            role: Role,
        ) -> DispatchResult {
            Self::put_member(&ensure_signed(origin)?, bucket_id, member, role)
        }

        /// Removes a member. By an admin.
        #[pallet::call_index(14)]
        #[pallet::weight(weights::call::<T>())]
        pub fn remove_member(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            member: AccountId32,
        ) -> DispatchResult {
            Self::drop_member(&ensure_signed(origin)?, bucket_id, member)
        }

        /// Removes a provider without stake from a bucket, and returns the payment.
        #[pallet::call_index(15)]
        #[pallet::weight(weights::call::<T>())]
        pub fn remove_slashed(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
        ) -> DispatchResult {
            ensure_signed(origin)?;
            Self::clear_slashed(bucket_id, provider)
        }

        /// Redeems the terms that a provider signed: makes a replica agreement of a bucket.
        #[pallet::call_index(20)]
        #[pallet::weight(weights::call::<T>())]
        pub fn establish_replica_agreement(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            terms: AgreementTerms,
            sig: MultiSignature,
        ) -> DispatchResult {
            Self::agree_replica(&ensure_signed(origin)?, bucket_id, &provider, terms, &sig)
        }

        /// Settles an agreement: before its end by an admin, then for a while by its owner.
        #[pallet::call_index(25)]
        #[pallet::weight(weights::call::<T>())]
        pub fn end_agreement(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            action: EndAction,
        ) -> DispatchResult {
            Self::end(&ensure_signed(origin)?, bucket_id, &provider, action)
        }

        /// Settles an agreement that its owner did not. By its provider.
        #[pallet::call_index(26)]
        #[pallet::weight(weights::call::<T>())]
        pub fn claim_expired_agreement(
            origin: OriginFor<T>,
            bucket_id: BucketId,
        ) -> DispatchResult {
            Self::claim(&ensure_signed(origin)?, bucket_id)
        }

        /// Adds to the quota of an agreement. By its owner.
        #[pallet::call_index(28)]
        #[pallet::weight(weights::call::<T>())]
        pub fn top_up_agreement(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            additional_bytes: u64,
            max_payment: u128,
        ) -> DispatchResult {
            Self::top_up(
                &ensure_signed(origin)?,
                bucket_id,
                provider,
                additional_bytes,
                max_payment,
            )
        }

        /// Gives an agreement, with its payment, to another owner. By its owner.
        #[pallet::call_index(29)]
        #[pallet::weight(weights::call::<T>())]
        pub fn transfer_agreement_ownership(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            new_owner: AccountId32,
        ) -> DispatchResult {
            Self::hand_over(&ensure_signed(origin)?, bucket_id, provider, new_owner)
        }

        /// Extends an agreement at the provider's price of today. By anybody, unless it is dearer.
        #[pallet::call_index(27)]
        #[pallet::weight(weights::call::<T>())]
        pub fn extend_agreement(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            additional_duration: u32,
            max_payment: u128,
        ) -> DispatchResult {
            Self::extend_by(
                &ensure_signed(origin)?,
                bucket_id,
                provider,
                additional_duration,
                max_payment,
            )
        }

        /// Makes a checkpoint, with the signatures of primary providers. By a writer or admin.
        #[pallet::call_index(30)]
        #[pallet::weight(weights::signed::<T>(signatures.len()))]
        pub fn checkpoint(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            #[cfg(not(deployed))] commitment: Commitment,
            #[cfg(deployed)] mmr_root: H256,
            #[cfg(deployed)] start_seq: u64,
            #[cfg(deployed)] leaf_count: u64,
            #[cfg(commitment_nonce)] nonce: u64,
            signatures: BoundedVec<(AccountId32, MultiSignature), T::MaxPrimaryProviders>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            #[cfg(deployed)]
            let commitment = Commitment {
                mmr_root,
                start_seq,
                leaf_count,
            };
            let signed_root = SignedRoot {
                commitment,
                #[cfg(commitment_nonce)]
                nonce,
            };
            Self::take_checkpoint(&who, bucket_id, signed_root, &signatures)
        }

        /// Adds signatures to the last checkpoint. By a writer or admin.
        #[pallet::call_index(31)]
        #[pallet::weight(weights::signed::<T>(additional_signatures.len()))]
        pub fn extend_checkpoint(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            additional_signatures: BoundedVec<
                (AccountId32, MultiSignature),
                T::MaxPrimaryProviders,
            >,
        ) -> DispatchResult {
            Self::add_signatures(&ensure_signed(origin)?, bucket_id, &additional_signatures)
        }

        /// Makes the checkpoint of a window. By its leader, then by any primary provider.
        #[cfg(checkpoint_windows)]
        #[pallet::call_index(32)]
        #[pallet::weight(weights::signed::<T>(signatures.len()))]
        pub fn provider_checkpoint(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            #[cfg(not(deployed))] commitment: Commitment,
            #[cfg(deployed)] mmr_root: H256,
            #[cfg(deployed)] start_seq: u64,
            #[cfg(deployed)] leaf_count: u64,
            window: u64,
            signatures: BoundedVec<(AccountId32, MultiSignature), T::MaxPrimaryProviders>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            #[cfg(deployed)]
            let commitment = Commitment {
                mmr_root,
                start_seq,
                leaf_count,
            };
            Self::take_in_window(&who, bucket_id, commitment, window, &signatures)
        }

        /// Sets the windows of a bucket. By an admin.
        #[cfg(checkpoint_windows)]
        #[pallet::call_index(33)]
        #[pallet::weight(weights::call::<T>())]
        pub fn configure_checkpoint_window(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            interval: u32,
            grace_period: u32,
            enabled: bool,
        ) -> DispatchResult {
            let windows = CheckpointWindowConfig {
                interval,
                grace_period,
                enabled,
            };
            Self::set_windows(&ensure_signed(origin)?, bucket_id, windows)
        }

        /// Takes a penalty from the leader of a window without checkpoint.
        #[cfg(checkpoint_windows)]
        #[pallet::call_index(34)]
        #[pallet::weight(weights::call::<T>())]
        pub fn report_missed_checkpoint(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            window: u64,
        ) -> DispatchResult {
            Self::report_miss(&ensure_signed(origin)?, bucket_id, window)
        }

        /// Pays the caller's rewards.
        #[cfg(checkpoint_windows)]
        #[pallet::call_index(35)]
        #[pallet::weight(weights::call::<T>())]
        pub fn claim_checkpoint_rewards(
            origin: OriginFor<T>,
            bucket_id: BucketId,
        ) -> DispatchResult {
            Self::claim_rewards(&ensure_signed(origin)?, bucket_id)
        }

        /// Adds to what pays rewards.
        #[cfg(checkpoint_windows)]
        #[pallet::call_index(36)]
        #[pallet::weight(weights::call::<T>())]
        pub fn fund_checkpoint_pool(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            amount: u128,
        ) -> DispatchResult {
            Self::fund_pool(&ensure_signed(origin)?, bucket_id, amount)
        }

        /// Challenges a primary provider by the last checkpoint, if it signed that.
        #[pallet::call_index(40)]
        #[pallet::weight(weights::call::<T>())]
        pub fn challenge_checkpoint(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            #[cfg(not(deployed))] target: ChunkLocation,
            #[cfg(deployed)] leaf_index: u64,
            #[cfg(deployed)] chunk_index: u64,
        ) -> DispatchResult {
            #[cfg(deployed)]
            let target = ChunkLocation {
                leaf_index,
                chunk_index,
            };
            Self::ask_by_checkpoint(&ensure_signed(origin)?, bucket_id, provider, target)
        }

        /// Challenges a provider by a commitment that it signed.
        #[pallet::call_index(42)]
        #[pallet::weight(weights::call::<T>())]
        pub fn challenge_offchain(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            #[cfg(not(deployed))] commitment: Commitment,
            #[cfg(deployed)] mmr_root: H256,
            #[cfg(deployed)] start_seq: u64,
            #[cfg(not(deployed))] target: ChunkLocation,
            #[cfg(deployed)] leaf_index: u64,
            #[cfg(deployed)] chunk_index: u64,
            #[cfg(commitment_nonce)] nonce: u64,
            provider_signature: MultiSignature,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            // The deployed chain takes no leaf count, and checks the signature with 0.
            #[cfg(deployed)]
            let commitment = Commitment {
                mmr_root,
                start_seq,
                leaf_count: 0,
            };
            #[cfg(deployed)]
            let target = ChunkLocation {
                leaf_index,
                chunk_index,
            };
            let signed_root = SignedRoot {
                commitment,
                #[cfg(commitment_nonce)]
                nonce,
            };
            Self::ask_by_signature(
                &who,
                bucket_id,
                provider,
                signed_root,
                target,
                &provider_signature,
            )
        }

        /// Challenges a replica by what it confirmed last.
        #[pallet::call_index(43)]
        #[pallet::weight(weights::call::<T>())]
        pub fn challenge_replica(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            #[cfg(not(deployed))] target: ChunkLocation,
            #[cfg(deployed)] leaf_index: u64,
            #[cfg(deployed)] chunk_index: u64,
        ) -> DispatchResult {
            #[cfg(deployed)]
            let target = ChunkLocation {
                leaf_index,
                chunk_index,
            };
            Self::ask_by_sync(&ensure_signed(origin)?, bucket_id, provider, target)
        }

        /// Answers a challenge. By the challenged provider.
        #[pallet::call_index(41)]
        #[pallet::weight(weights::answer(response))]
        pub fn respond_to_challenge(
            origin: OriginFor<T>,
            challenge_id: ChallengeId,
            response: ChallengeResponse<T>,
        ) -> DispatchResult {
            Self::answer(&ensure_signed(origin)?, challenge_id, &response)
        }

        /// Confirms which root a replica has, and pays it. By the replica.
        #[pallet::call_index(50)]
        #[pallet::weight(weights::call::<T>())]
        pub fn confirm_replica_sync(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            roots: [Option<H256>; 7],
            signature: MultiSignature,
        ) -> DispatchResult {
            Self::confirm_sync(&ensure_signed(origin)?, bucket_id, &roots, &signature)
        }

        /// Adds to what pays a replica.
        #[pallet::call_index(51)]
        #[pallet::weight(weights::call::<T>())]
        pub fn top_up_replica_sync_balance(
            origin: OriginFor<T>,
            bucket_id: BucketId,
            provider: AccountId32,
            amount: u128,
        ) -> DispatchResult {
            Self::fund_syncs(&ensure_signed(origin)?, bucket_id, provider, amount)
        }
    }
}
