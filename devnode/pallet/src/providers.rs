//! A provider's life: it registers, raises its stake, changes its offer, and leaves.

#[cfg(not(deployed))]
use crate::PendingChallenges;
use crate::types::{ProviderInfo, ProviderSettings, ProviderStats, ReplayWindow};
use crate::{Config, Error, Event, Pallet, ProviderReplayStates, Providers};
use frame_support::dispatch::DispatchResult;
use frame_support::traits::{ConstU32, Get};
use frame_support::{BoundedVec, ensure};
use sp_runtime::{AccountId32, DispatchError};

/// Lengths of keys that can be registered: of sr25519 and ed25519, and of ECDSA.
#[cfg(not(deployed))]
const KEY_LENGTHS: [usize; 2] = [32, 33];
/// The deployed chain also takes 64 bytes, which no signature can be checked with.
#[cfg(deployed)]
const KEY_LENGTHS: [usize; 3] = [32, 33, 64];

impl<T: Config> Pallet<T> {
    pub(crate) fn register(
        who: &AccountId32,
        multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
        public_key: BoundedVec<u8, ConstU32<64>>,
        stake: u128,
    ) -> DispatchResult {
        ensure!(
            !Providers::<T>::contains_key(who),
            Error::<T>::ProviderAlreadyRegistered
        );
        ensure!(
            stake >= T::MinProviderStake::get(),
            Error::<T>::InsufficientStake
        );
        ensure!(
            KEY_LENGTHS.contains(&public_key.len()),
            Error::<T>::InvalidPublicKey
        );
        Self::hold_stake(who, stake)?;
        let provider = ProviderInfo {
            multiaddr,
            public_key,
            stake,
            committed_bytes: 0,
            settings: ProviderSettings::default(),
            stats: ProviderStats {
                registered_at: Self::current_anchor_block(),
                ..ProviderStats::default()
            },
            deregister_at: None,
        };
        Providers::<T>::insert(who, provider);
        ProviderReplayStates::<T>::insert(who, ReplayWindow::default());
        Self::deposit_event(Event::ProviderRegistered {
            provider: who.clone(),
            stake,
        });
        Ok(())
    }

    pub(crate) fn raise_stake(who: &AccountId32, amount: u128) -> DispatchResult {
        let total_stake = change::<T, _>(who, |provider| {
            provider.stake = provider
                .stake
                .checked_add(amount)
                .ok_or(Error::<T>::ArithmeticOverflow)?;
            Ok(provider.stake)
        })?;
        Self::hold_stake(who, amount)?;
        Self::deposit_event(Event::ProviderStakeAdded {
            provider: who.clone(),
            amount,
            total_stake,
        });
        Ok(())
    }

    pub(crate) fn announce(who: &AccountId32) -> DispatchResult {
        let period = T::DeregisterAnnouncementPeriod::get();
        let complete_after = Self::current_anchor_block().saturating_add(period);
        change::<T, _>(who, |provider| {
            ensure!(
                provider.committed_bytes == 0,
                Error::<T>::ProviderHasActiveAgreements
            );
            Self::ensure_stays(provider)?;
            provider.settings.accepting_primary = false;
            provider.settings.accepting_extensions = false;
            provider.deregister_at = Some(complete_after);
            Ok(())
        })?;
        Self::deposit_event(Event::DeregisterAnnounced {
            provider: who.clone(),
            complete_after,
        });
        Ok(())
    }

    pub(crate) fn leave(who: &AccountId32) -> DispatchResult {
        let provider = Providers::<T>::get(who).ok_or(Error::<T>::ProviderNotFound)?;
        let from = provider
            .deregister_at
            .ok_or(Error::<T>::DeregisterNotAnnounced)?;
        ensure!(
            Self::current_anchor_block() >= from,
            Error::<T>::DeregisterPeriodNotElapsed
        );
        ensure!(
            provider.committed_bytes == 0,
            Error::<T>::ProviderHasActiveAgreements
        );
        #[cfg(not(deployed))]
        ensure!(
            PendingChallenges::<T>::get(who) == 0,
            Error::<T>::ProviderHasPendingChallenges
        );
        #[cfg(checkpoint_windows)]
        Self::pay_all_rewards(who);
        Self::release_stake(who, provider.stake)?;
        Providers::<T>::remove(who);
        ProviderReplayStates::<T>::remove(who);
        Self::deposit_event(Event::ProviderDeregistered {
            provider: who.clone(),
            stake_returned: provider.stake,
        });
        Ok(())
    }

    pub(crate) fn stay(who: &AccountId32) -> DispatchResult {
        change::<T, _>(who, |provider| {
            ensure!(
                provider.deregister_at.is_some(),
                Error::<T>::DeregisterNotAnnounced
            );
            provider.deregister_at = None;
            provider.settings.accepting_primary = true;
            provider.settings.accepting_extensions = true;
            Ok(())
        })?;
        Self::deposit_event(Event::DeregisterCancelled {
            provider: who.clone(),
        });
        Ok(())
    }

    pub(crate) fn offer(who: &AccountId32, settings: ProviderSettings) -> DispatchResult {
        ensure!(
            settings.min_duration <= settings.max_duration,
            Error::<T>::MinDurationExceedsMaxDuration
        );
        change::<T, _>(who, |provider| {
            Self::ensure_stays(provider)?;
            if settings.max_capacity > 0 {
                ensure!(
                    settings.max_capacity >= provider.committed_bytes,
                    Error::<T>::CapacityBelowCommitted
                );
                ensure!(
                    provider.stake >= Self::stake_for(settings.max_capacity)?,
                    Error::<T>::InsufficientStakeForCapacity
                );
            }
            provider.settings = settings.clone();
            Ok(())
        })?;
        Self::deposit_event(Event::ProviderSettingsUpdated {
            provider: who.clone(),
            settings,
        });
        Ok(())
    }

    pub(crate) fn move_endpoint(
        who: &AccountId32,
        multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
    ) -> DispatchResult {
        change::<T, _>(who, |provider| {
            provider.multiaddr = multiaddr.clone();
            Ok(())
        })?;
        Self::deposit_event(Event::ProviderMultiaddrUpdated {
            provider: who.clone(),
            multiaddr,
        });
        Ok(())
    }

    /// Refuses what would bind a provider that leaves.
    pub(crate) fn ensure_stays(provider: &ProviderInfo<T>) -> DispatchResult {
        ensure!(
            provider.deregister_at.is_none(),
            Error::<T>::DeregisterAnnounced
        );
        Ok(())
    }

    /// Returns the stake that a number of bytes needs.
    pub(crate) fn stake_for(bytes: u64) -> Result<u128, DispatchError> {
        let stake = T::MinStakePerByte::get().checked_mul(u128::from(bytes));
        Ok(stake.ok_or(Error::<T>::ArithmeticOverflow)?)
    }

    /// Changes a provider's row, if it is still there.
    pub(crate) fn with_provider(who: &AccountId32, f: impl FnOnce(&mut ProviderInfo<T>)) {
        Providers::<T>::mutate(who, |row| row.as_mut().map(f));
    }
}

fn change<T: Config, R>(
    who: &AccountId32,
    f: impl FnOnce(&mut ProviderInfo<T>) -> Result<R, DispatchError>,
) -> Result<R, DispatchError> {
    Providers::<T>::try_mutate(who, |row| {
        f(row.as_mut().ok_or(Error::<T>::ProviderNotFound)?)
    })
}
