//! Agreements begin when an owner redeems the terms that a provider signed.

#[cfg(challenger_tiers)]
use crate::types::Visibility;
use crate::types::{
    AgreementTerms, BucketId, PRIMARY_TERM_CONTEXT, ProviderInfo, ProviderRole, ProviderSettings,
    REPLICA_TERM_CONTEXT, Replay, StorageAgreement,
};
use crate::{
    Buckets, Config, Error, Event, Pallet, ProviderReplayStates, Providers, StorageAgreements,
};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use frame_support::traits::Get;
use sp_runtime::{AccountId32, DispatchError, MultiSignature};

impl<T: Config> Pallet<T> {
    /// Makes a bucket and its first agreement.
    pub(crate) fn agree_primary(
        owner: &AccountId32,
        provider: &AccountId32,
        terms: AgreementTerms,
        signature: &MultiSignature,
        #[cfg(challenger_tiers)] visibility: Visibility,
    ) -> DispatchResult {
        ensure!(&terms.owner == owner, Error::<T>::TermsOwnerMismatch);
        ensure!(terms.bucket().is_none(), Error::<T>::TermsBucketMismatch);
        Self::ensure_valid(&terms)?;
        let row = Self::redeem(provider, &terms, signature, PRIMARY_TERM_CONTEXT)?;
        Self::ensure_stays(&row)?;
        ensure!(
            row.settings.accepting_primary,
            Error::<T>::ProviderNotAcceptingPrimary
        );
        let payment = Self::admit(&row, &terms)?;
        Self::hold_payment(owner, owner, payment)?;
        let bucket_id = Self::open_bucket(
            owner,
            provider,
            #[cfg(challenger_tiers)]
            visibility,
        )?;
        let expires_at =
            Self::conclude(bucket_id, provider, &terms, payment, ProviderRole::Primary);
        Self::deposit_event(Event::StorageAgreementEstablished {
            bucket_id,
            provider: provider.clone(),
            owner: owner.clone(),
            terms,
            expires_at,
        });
        Ok(())
    }

    /// Makes a replica agreement of a bucket.
    pub(crate) fn agree_replica(
        owner: &AccountId32,
        bucket_id: BucketId,
        provider: &AccountId32,
        terms: AgreementTerms,
        signature: &MultiSignature,
    ) -> DispatchResult {
        ensure!(&terms.owner == owner, Error::<T>::TermsOwnerMismatch);
        ensure!(
            terms.bucket() == Some(bucket_id),
            Error::<T>::TermsBucketMismatch
        );
        Self::ensure_valid(&terms)?;
        ensure!(
            Buckets::<T>::contains_key(bucket_id),
            Error::<T>::BucketNotFound
        );
        ensure!(
            !StorageAgreements::<T>::contains_key(bucket_id, provider),
            Error::<T>::AgreementAlreadyExists
        );
        let replica = terms.replica_params.clone();
        let replica = replica.ok_or(Error::<T>::MissingReplicaTerms)?;
        let row = Self::redeem(provider, &terms, signature, REPLICA_TERM_CONTEXT)?;
        Self::ensure_stays(&row)?;
        ensure!(
            row.settings.replica_sync_price.is_some(),
            Error::<T>::ProviderNotAcceptingReplicas
        );
        let payment = Self::admit(&row, &terms)?;
        let held = payment
            .checked_add(replica.sync_balance)
            .ok_or(Error::<T>::ArithmeticOverflow)?;
        Self::hold_payment(owner, owner, held)?;
        let role = ProviderRole::Replica {
            sync_balance: replica.sync_balance,
            sync_price: replica.sync_price,
            min_sync_interval: replica.min_sync_interval,
            last_sync: None,
        };
        let expires_at = Self::conclude(bucket_id, provider, &terms, payment, role);
        Self::deposit_event(Event::ReplicaAgreementEstablished {
            bucket_id,
            provider: provider.clone(),
            owner: owner.clone(),
            terms,
            expires_at,
        });
        Ok(())
    }

    /// Checks the terms' quota, and that they are valid now and not for too long.
    fn ensure_valid(terms: &AgreementTerms) -> DispatchResult {
        ensure!(terms.max_bytes > 0, Error::<T>::InvalidMaxBytesRequest);
        let now = Self::current_anchor_block();
        ensure!(terms.valid_until >= now, Error::<T>::TermsExpired);
        ensure!(
            terms.valid_until <= now.saturating_add(T::RequestTimeout::get()),
            Error::<T>::TermsValidityTooLong
        );
        Ok(())
    }

    /// Checks that the provider signed the terms, and uses up their nonce.
    fn redeem(
        provider: &AccountId32,
        terms: &AgreementTerms,
        signature: &MultiSignature,
        context: &[u8],
    ) -> Result<ProviderInfo<T>, DispatchError> {
        let row = Providers::<T>::get(provider).ok_or(Error::<T>::ProviderNotFound)?;
        Self::verify_terms(&row.public_key, terms, context, signature)?;
        ProviderReplayStates::<T>::try_mutate(provider, |window| window.redeem(terms.nonce))
            .map_err(|replay| match replay {
                Replay::Used => Error::<T>::NonceAlreadyUsed,
                Replay::TooOld => Error::<T>::NonceTooOld,
            })?;
        Ok(row)
    }

    /// Checks that the provider takes the terms now, and returns the payment.
    fn admit(row: &ProviderInfo<T>, terms: &AgreementTerms) -> Result<u128, DispatchError> {
        Self::ensure_duration(&row.settings, terms.duration)?;
        let committed = row
            .committed_bytes
            .checked_add(terms.max_bytes)
            .ok_or(Error::<T>::ArithmeticOverflow)?;
        let capacity = row.settings.max_capacity;
        ensure!(
            capacity == 0 || committed <= capacity,
            Error::<T>::CapacityExceeded
        );
        ensure!(
            row.stake >= Self::stake_for(committed)?,
            Error::<T>::InsufficientStakeForBytes
        );
        Self::price(terms.price_per_byte, terms.max_bytes, terms.duration)
    }

    /// Writes the agreement, and returns its end.
    fn conclude(
        bucket_id: BucketId,
        provider: &AccountId32,
        terms: &AgreementTerms,
        payment_locked: u128,
        role: ProviderRole,
    ) -> u32 {
        let started_at = Self::current_anchor_block();
        let expires_at = started_at.saturating_add(terms.duration);
        let agreement = StorageAgreement {
            owner: terms.owner.clone(),
            max_bytes: terms.max_bytes,
            payment_locked,
            price_per_byte: terms.price_per_byte,
            expires_at,
            extensions_blocked: false,
            role,
            started_at,
        };
        StorageAgreements::<T>::insert(bucket_id, provider, agreement);
        Self::with_provider(provider, |row| {
            row.committed_bytes = row.committed_bytes.saturating_add(terms.max_bytes);
            let stats = &mut row.stats;
            stats.agreements_total = stats.agreements_total.saturating_add(1);
            stats.total_bytes_committed =
                stats.total_bytes_committed.saturating_add(terms.max_bytes);
        });
        expires_at
    }

    pub(crate) fn ensure_duration(settings: &ProviderSettings, duration: u32) -> DispatchResult {
        ensure!(
            duration >= settings.min_duration,
            Error::<T>::DurationTooShort
        );
        ensure!(
            duration <= settings.max_duration,
            Error::<T>::DurationTooLong
        );
        Ok(())
    }

    /// Returns the price of bytes for a number of anchor blocks.
    pub(crate) fn price(
        price_per_byte: u128,
        bytes: u64,
        duration: u32,
    ) -> Result<u128, DispatchError> {
        let price = price_per_byte
            .checked_mul(u128::from(bytes))
            .and_then(|price| price.checked_mul(u128::from(duration)));
        Ok(price.ok_or(Error::<T>::ArithmeticOverflow)?)
    }
}
