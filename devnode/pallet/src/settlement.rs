//! Agreements end: by an admin before their end, by their owner for a while after it, then
//! by the provider; or by anybody, if the provider was slashed.

#[cfg(not(deployed))]
use crate::PendingChallengesByBucket;
use crate::types::{BucketId, EndAction, RemovalReason, StorageAgreement};
use crate::{Buckets, Config, Error, Event, Pallet, Providers, StorageAgreements};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use frame_support::traits::Get;
use sp_runtime::{AccountId32, DispatchError, Percent};

impl<T: Config> Pallet<T> {
    pub(crate) fn end(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: &AccountId32,
        action: EndAction,
    ) -> DispatchResult {
        let agreement = undisputed::<T>(bucket_id, provider)?;
        let now = Self::current_anchor_block();
        let reason = if now < agreement.expires_at {
            let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::BucketNotFound)?;
            Self::ensure_admin(&bucket, who)?;
            ensure!(agreement.is_primary(), Error::<T>::CannotTerminateReplica);
            RemovalReason::AdminTerminated
        } else {
            ensure!(agreement.owner == *who, Error::<T>::NotAgreementOwner);
            ensure!(
                now <= decided_by::<T>(&agreement),
                Error::<T>::SettlementWindowPassed
            );
            RemovalReason::Expired
        };
        Self::settle(bucket_id, provider, &agreement, action, reason)
    }

    pub(crate) fn claim(who: &AccountId32, bucket_id: BucketId) -> DispatchResult {
        let agreement = undisputed::<T>(bucket_id, who)?;
        ensure!(
            Self::current_anchor_block() > decided_by::<T>(&agreement),
            Error::<T>::AgreementNotExpired
        );
        Self::settle(
            bucket_id,
            who,
            &agreement,
            EndAction::Pay,
            RemovalReason::Expired,
        )
    }

    pub(crate) fn clear_slashed(bucket_id: BucketId, provider: AccountId32) -> DispatchResult {
        let row = Providers::<T>::get(&provider).ok_or(Error::<T>::ProviderNotFound)?;
        ensure!(row.stake == 0, Error::<T>::ProviderNotSlashed);
        let agreement = StorageAgreements::<T>::take(bucket_id, &provider)
            .ok_or(Error::<T>::AgreementNotFound)?;
        let returned = agreement.escrow();
        Self::release_payment(&agreement.owner, returned)?;
        Self::with_provider(&provider, |row| {
            row.committed_bytes = row.committed_bytes.saturating_sub(agreement.max_bytes);
        });
        if agreement.is_primary() {
            Self::drop_primary(bucket_id, &provider);
            Self::deposit_event(Event::PrimaryProviderRemoved {
                bucket_id,
                provider: provider.clone(),
                reason: RemovalReason::Slashed,
            });
        }
        Self::deposit_event(Event::SlashedProviderRemoved {
            bucket_id,
            provider,
            payment_returned_to_owner: returned,
        });
        Ok(())
    }

    /// Divides the payment, and removes the agreement. What is left for syncs goes back to
    /// the owner.
    fn settle(
        bucket_id: BucketId,
        provider: &AccountId32,
        agreement: &StorageAgreement,
        action: EndAction,
        reason: RemovalReason,
    ) -> DispatchResult {
        let burned = match action {
            EndAction::Pay => 0,
            EndAction::Burn { burn_percent } => {
                Percent::from_percent(burn_percent).mul_floor(agreement.payment_locked)
            }
        };
        let paid = agreement.payment_locked.saturating_sub(burned);
        Self::pay(&agreement.owner, provider, paid)?;
        Self::pay(&agreement.owner, &T::Treasury::get(), burned)?;
        Self::release_payment(&agreement.owner, agreement.sync_balance())?;
        Self::with_provider(provider, |row| {
            row.committed_bytes = row.committed_bytes.saturating_sub(agreement.max_bytes);
            let count = if burned > 0 {
                &mut row.stats.agreements_burned
            } else {
                &mut row.stats.agreements_not_extended
            };
            *count = count.saturating_add(1);
        });
        Self::count_revenue(provider, paid);
        if agreement.is_primary() {
            Self::drop_primary(bucket_id, provider);
            Self::deposit_event(Event::PrimaryProviderRemoved {
                bucket_id,
                provider: provider.clone(),
                reason,
            });
        }
        StorageAgreements::<T>::remove(bucket_id, provider);
        Self::deposit_event(Event::AgreementEnded {
            bucket_id,
            provider: provider.clone(),
            payment_to_provider: paid,
            burned,
        });
        Ok(())
    }
}

/// Returns an agreement without open challenges; the deployed chain does not ask for that.
fn undisputed<T: Config>(
    bucket_id: BucketId,
    provider: &AccountId32,
) -> Result<StorageAgreement, DispatchError> {
    let agreement = StorageAgreements::<T>::get(bucket_id, provider);
    let agreement = agreement.ok_or(Error::<T>::AgreementNotFound)?;
    #[cfg(not(deployed))]
    ensure!(
        PendingChallengesByBucket::<T>::get(bucket_id, provider) == 0,
        Error::<T>::AgreementHasPendingChallenge
    );
    Ok(agreement)
}

/// Returns the last anchor block in which the owner decides.
fn decided_by<T: Config>(agreement: &StorageAgreement) -> u32 {
    agreement
        .expires_at
        .saturating_add(T::SettlementTimeout::get())
}
