//! Changes of an agreement that runs: a larger quota, a later end, another owner.

use crate::types::{BucketId, ProviderInfo, ProviderRole, StorageAgreement};
use crate::{Config, Error, Event, Pallet, Providers, StorageAgreements};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use sp_runtime::{AccountId32, DispatchError};

impl<T: Config> Pallet<T> {
    pub(crate) fn block_extensions(
        who: &AccountId32,
        bucket_id: BucketId,
        blocked: bool,
    ) -> DispatchResult {
        ensure!(
            Providers::<T>::contains_key(who),
            Error::<T>::ProviderNotFound
        );
        change::<T, _>(bucket_id, who, |agreement| {
            Self::ensure_runs(agreement)?;
            agreement.extensions_blocked = blocked;
            Ok(())
        })?;
        Self::deposit_event(Event::ExtensionsBlocked {
            bucket_id,
            provider: who.clone(),
            blocked,
        });
        Ok(())
    }

    pub(crate) fn top_up(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        additional_bytes: u64,
        max_payment: u128,
    ) -> DispatchResult {
        let row = staying::<T>(&provider)?;
        let (amount, new_max_bytes) = change::<T, _>(bucket_id, &provider, |agreement| {
            ensure!(agreement.owner == *who, Error::<T>::NotAgreementOwner);
            Self::ensure_runs(agreement)?;
            let left = agreement
                .expires_at
                .saturating_sub(Self::current_anchor_block());
            let payment = Self::price(row.settings.price_per_byte, additional_bytes, left)?;
            ensure!(payment <= max_payment, Error::<T>::PaymentExceedsMax);
            Self::hold_payment(who, &agreement.owner, payment)?;
            agreement.max_bytes = agreement
                .max_bytes
                .checked_add(additional_bytes)
                .ok_or(Error::<T>::ArithmeticOverflow)?;
            agreement.payment_locked = agreement.payment_locked.saturating_add(payment);
            Ok((payment, agreement.max_bytes))
        })?;
        Self::with_provider(&provider, |row| {
            row.committed_bytes = row.committed_bytes.saturating_add(additional_bytes);
        });
        Self::deposit_event(Event::AgreementToppedUp {
            bucket_id,
            provider,
            amount,
            new_max_bytes,
        });
        Ok(())
    }

    /// Pays for the time that has passed, and starts the agreement again from now, at the
    /// provider's price of today. If that is higher, only the owner may.
    pub(crate) fn extend_by(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        duration: u32,
        max_payment: u128,
    ) -> DispatchResult {
        let row = staying::<T>(&provider)?;
        ensure!(
            row.settings.accepting_extensions,
            Error::<T>::ProviderNotAcceptingExtensions
        );
        let now = Self::current_anchor_block();
        let (end, payment, earned) = change::<T, _>(bucket_id, &provider, |agreement| {
            ensure!(
                !agreement.extensions_blocked,
                Error::<T>::AgreementExtensionsBlocked
            );
            Self::ensure_duration(&row.settings, duration)?;
            let price = row.settings.price_per_byte;
            ensure!(
                price <= agreement.price_per_byte || agreement.owner == *who,
                Error::<T>::NotAgreementOwner
            );
            // The older chains extend an expired agreement, too.
            #[cfg(challenger_tiers)]
            Self::ensure_runs(agreement)?;
            let passed = now.saturating_sub(agreement.started_at);
            let earned = Self::price(agreement.price_per_byte, agreement.max_bytes, passed)?
                .min(agreement.payment_locked);
            Self::pay(&agreement.owner, &provider, earned)?;
            let payment = Self::price(price, agreement.max_bytes, duration)?;
            ensure!(payment <= max_payment, Error::<T>::PaymentExceedsMax);
            Self::hold_payment(who, &agreement.owner, payment)?;
            agreement.expires_at = now.saturating_add(duration);
            agreement.started_at = now;
            agreement.price_per_byte = price;
            if let ProviderRole::Replica { sync_price, .. } = &mut agreement.role {
                *sync_price = row
                    .settings
                    .replica_sync_price
                    .ok_or(Error::<T>::ProviderNotAcceptingReplicas)?;
            }
            agreement.payment_locked = agreement
                .payment_locked
                .saturating_sub(earned)
                .saturating_add(payment);
            Ok((agreement.expires_at, payment, earned))
        })?;
        Self::with_provider(&provider, |row| {
            row.stats.agreements_extended = row.stats.agreements_extended.saturating_add(1);
        });
        Self::count_revenue(&provider, earned);
        Self::deposit_event(Event::AgreementExtended {
            bucket_id,
            provider,
            new_expires_at: end,
            payment,
        });
        Ok(())
    }

    pub(crate) fn hand_over(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        new_owner: AccountId32,
    ) -> DispatchResult {
        #[cfg(challenger_tiers)]
        ensure!(new_owner != *who, Error::<T>::TransferToSelf);
        let _escrow = change::<T, _>(bucket_id, &provider, |agreement| {
            ensure!(agreement.owner == *who, Error::<T>::NotAgreementOwner);
            let escrow = agreement.escrow();
            Self::move_escrow(who, &new_owner, escrow)?;
            agreement.owner = new_owner.clone();
            Ok(escrow)
        })?;
        Self::deposit_event(Event::AgreementOwnershipTransferred {
            bucket_id,
            provider,
            old_owner: who.clone(),
            new_owner,
            #[cfg(challenger_tiers)]
            escrow: _escrow,
        });
        Ok(())
    }

    /// An agreement runs while the anchor block is below its end.
    pub(crate) fn ensure_runs(agreement: &StorageAgreement) -> DispatchResult {
        ensure!(
            Self::current_anchor_block() < agreement.expires_at,
            Error::<T>::AgreementExpired
        );
        Ok(())
    }

    /// Counts a payment for storage, where the chain does.
    #[cfg_attr(
        not(challenger_tiers),
        expect(unused_variables, reason = "the older chains do not count it")
    )]
    pub(crate) fn count_revenue(provider: &AccountId32, amount: u128) {
        #[cfg(challenger_tiers)]
        Self::with_provider(provider, |row| {
            row.stats.lifetime_revenue = row.stats.lifetime_revenue.saturating_add(amount);
        });
    }
}

fn staying<T: Config>(provider: &AccountId32) -> Result<ProviderInfo<T>, DispatchError> {
    let row = Providers::<T>::get(provider).ok_or(Error::<T>::ProviderNotFound)?;
    Pallet::<T>::ensure_stays(&row)?;
    Ok(row)
}

fn change<T: Config, R>(
    bucket_id: BucketId,
    provider: &AccountId32,
    f: impl FnOnce(&mut StorageAgreement) -> Result<R, DispatchError>,
) -> Result<R, DispatchError> {
    StorageAgreements::<T>::try_mutate(bucket_id, provider, |row| {
        f(row.as_mut().ok_or(Error::<T>::AgreementNotFound)?)
    })
}
