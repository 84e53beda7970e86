//! Providers with their stake, buckets with their members, and the agreements between
//! them.
//!
//! A provider with an agreement is a primary provider until the agreement is ended. Expiry
//! alone does not end it: it lets anybody end it, and stops challenges of commitments that
//! are not on chain. There is no payment for storage.

use crate::signatures::{bits, signed_places};
use crate::{
    AgreementRequests, Agreements, Bucket, Buckets, Config, Error, Event, HoldReason, NextBucket,
    Pallet, Provider, Providers,
};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::Role;
use cairn_primitives::onchain::{Agreement, CheckpointWindow, MultiSigner};
use frame_support::traits::Get;
use frame_support::traits::fungible::MutateHold;
use frame_support::{BoundedVec, dispatch::DispatchResult, ensure};
use sp_runtime::AccountId32;

impl<T: Config> Pallet<T> {
    pub(crate) fn register(
        who: AccountId32,
        key: MultiSigner,
        endpoint: Vec<u8>,
        stake: u128,
    ) -> DispatchResult {
        ensure!(
            !Providers::<T>::contains_key(&who),
            Error::<T>::AlreadyProvider
        );
        ensure!(stake > 0, Error::<T>::NoStake);
        let endpoint = Self::bounded_endpoint(endpoint)?;
        T::Currency::hold(&HoldReason::Stake.into(), &who, stake)?;
        let provider = Provider {
            key,
            endpoint,
            stake,
            defended: 0,
            lost: 0,
        };
        Providers::<T>::insert(&who, provider);
        Self::deposit_event(Event::ProviderRegistered {
            provider: who,
            stake,
        });
        Ok(())
    }

    pub(crate) fn move_endpoint(who: AccountId32, endpoint: Vec<u8>) -> DispatchResult {
        let mut provider = Providers::<T>::get(&who).ok_or(Error::<T>::NotProvider)?;
        provider.endpoint = Self::bounded_endpoint(endpoint)?;
        Providers::<T>::insert(&who, provider);
        Self::deposit_event(Event::EndpointSet { provider: who });
        Ok(())
    }

    fn bounded_endpoint(
        endpoint: Vec<u8>,
    ) -> Result<BoundedVec<u8, T::MaxEndpointBytes>, Error<T>> {
        ensure!(
            core::str::from_utf8(&endpoint).is_ok(),
            Error::<T>::BadEndpoint
        );
        endpoint.try_into().map_err(|_| Error::<T>::BadEndpoint)
    }

    pub(crate) fn open_bucket(
        admin: AccountId32,
        min_providers: u32,
        window: Option<CheckpointWindow>,
    ) -> DispatchResult {
        ensure!(
            (1..=T::MaxPrimaryProviders::get()).contains(&min_providers),
            Error::<T>::BadMinProviders
        );
        ensure!(
            window.is_none_or(|window| window.interval > 0 && window.grace <= window.interval),
            Error::<T>::BadWindow
        );
        let mut members = BoundedVec::new();
        members
            .try_push((admin.clone(), Role::Admin))
            .map_err(|_| Error::<T>::TooManyMembers)?;
        let bucket = Bucket {
            members,
            min_providers,
            primary_providers: BoundedVec::new(),
            frozen_start_seq: None,
            snapshot: None,
            historical_roots: Default::default(),
            window,
            last_window: None,
        };
        let id = NextBucket::<T>::get();
        NextBucket::<T>::put(id.checked_add(1).ok_or(Error::<T>::NoSuchBucket)?);
        let bucket_id = BucketId(id);
        Buckets::<T>::insert(bucket_id, bucket);
        Self::deposit_event(Event::BucketCreated { bucket_id, admin });
        Ok(())
    }

    /// Returns a bucket, if the caller is one of its admins.
    fn bucket_of_admin(who: &AccountId32, bucket_id: BucketId) -> Result<Bucket<T>, Error<T>> {
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        ensure!(
            bucket.role_of(who) == Some(Role::Admin),
            Error::<T>::NotAdmin
        );
        Ok(bucket)
    }

    pub(crate) fn put_member(
        admin: &AccountId32,
        bucket_id: BucketId,
        who: AccountId32,
        role: Option<Role>,
    ) -> DispatchResult {
        let mut bucket = Self::bucket_of_admin(admin, bucket_id)?;
        bucket.members.retain(|(member, _)| *member != who);
        if let Some(role) = role {
            bucket
                .members
                .try_push((who.clone(), role))
                .map_err(|_| Error::<T>::TooManyMembers)?;
        }
        ensure!(
            bucket.members.iter().any(|(_, role)| *role == Role::Admin),
            Error::<T>::LastAdmin
        );
        Buckets::<T>::insert(bucket_id, bucket);
        Self::deposit_event(Event::MemberSet {
            bucket_id,
            who,
            role,
        });
        Ok(())
    }

    pub(crate) fn freeze(admin: &AccountId32, bucket_id: BucketId) -> DispatchResult {
        let mut bucket = Self::bucket_of_admin(admin, bucket_id)?;
        ensure!(bucket.frozen_start_seq.is_none(), Error::<T>::AlreadyFrozen);
        let snapshot = bucket.snapshot.as_ref().ok_or(Error::<T>::NoSnapshot)?;
        let start_seq = snapshot.commitment.start_seq;
        bucket.frozen_start_seq = Some(start_seq);
        Buckets::<T>::insert(bucket_id, bucket);
        Self::deposit_event(Event::BucketFrozen {
            bucket_id,
            start_seq,
        });
        Ok(())
    }

    pub(crate) fn ask_agreement(
        admin: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        terms: Agreement,
    ) -> DispatchResult {
        Self::bucket_of_admin(admin, bucket_id)?;
        Self::ensure_staked(&provider)?;
        ensure!(terms.expires_at > Self::anchor_block(), Error::<T>::Expired);
        AgreementRequests::<T>::insert(&provider, bucket_id, terms);
        Self::deposit_event(Event::AgreementRequested {
            bucket_id,
            provider,
        });
        Ok(())
    }

    /// Accepts the requested terms. They replace those of an existing agreement.
    pub(crate) fn agree(provider: AccountId32, bucket_id: BucketId) -> DispatchResult {
        let terms =
            AgreementRequests::<T>::get(&provider, bucket_id).ok_or(Error::<T>::NoSuchAgreement)?;
        Self::ensure_staked(&provider)?;
        ensure!(terms.expires_at > Self::anchor_block(), Error::<T>::Expired);
        let mut bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        if bucket.primary_index_of(&provider).is_none() {
            bucket
                .primary_providers
                .try_push(provider.clone())
                .map_err(|_| Error::<T>::TooManyPrimaries)?;
            Buckets::<T>::insert(bucket_id, bucket);
        }
        AgreementRequests::<T>::remove(&provider, bucket_id);
        Agreements::<T>::insert(&provider, bucket_id, terms);
        Self::deposit_event(Event::AgreementAccepted {
            bucket_id,
            provider,
        });
        Ok(())
    }

    /// Ends an agreement: by an admin at any time, by anybody once it has expired.
    ///
    /// The provider is no longer primary, and the indices after its own move down, also in
    /// the snapshot's bits. Open challenges against it stay open.
    pub(crate) fn end(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
    ) -> DispatchResult {
        let mut bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        let terms =
            Agreements::<T>::get(&provider, bucket_id).ok_or(Error::<T>::NoSuchAgreement)?;
        ensure!(
            bucket.role_of(who) == Some(Role::Admin) || terms.expires_at < Self::anchor_block(),
            Error::<T>::NotAdmin
        );
        Agreements::<T>::remove(&provider, bucket_id);
        if let Some(gone) = bucket.primary_index_of(&provider) {
            bucket.primary_providers.remove(gone);
            let primaries = bucket.primary_providers.len();
            if let Some(snapshot) = bucket.snapshot.as_mut() {
                let still: BTreeSet<_> = signed_places(snapshot)
                    .into_iter()
                    .filter(|place| *place != gone)
                    .map(|place| place.saturating_sub(usize::from(place > gone)))
                    .collect();
                snapshot.primary_signers = bits(&still, primaries);
            }
            Buckets::<T>::insert(bucket_id, bucket);
        }
        Self::deposit_event(Event::AgreementEnded {
            bucket_id,
            provider,
        });
        Ok(())
    }

    fn ensure_staked(provider: &AccountId32) -> Result<(), Error<T>> {
        let row = Providers::<T>::get(provider).ok_or(Error::<T>::NotProvider)?;
        ensure!(row.stake > 0, Error::<T>::NoStake);
        Ok(())
    }
}
