//! Checkpoints that providers submit themselves, one for each window of a bucket.

use crate::checkpoints::ensure_after_freeze;
use crate::signatures::no_signers;
use crate::types::{
    Bucket, BucketId, CheckpointProposal, CheckpointWindowConfig, Commitment, SignedRoot,
};
use crate::{
    Buckets, CheckpointConfigs, CheckpointPool, CheckpointRewards, Config, Error, Event,
    HoldReason, LastCheckpointWindow, Pallet,
};
use alloc::vec::Vec;
use codec::Encode;
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use frame_support::traits::Get;
use frame_support::traits::fungible::MutateHold;
use sp_runtime::{AccountId32, DispatchError, MultiSignature};

/// The part of a penalty that its reporter gets: a tenth.
const REPORTER_PART: u128 = 10;

impl<T: Config> Pallet<T> {
    pub(crate) fn take_in_window(
        who: &AccountId32,
        bucket_id: BucketId,
        commitment: Commitment,
        window: u64,
        signatures: &[(AccountId32, MultiSignature)],
    ) -> DispatchResult {
        let windows = Self::windows_of(bucket_id)?;
        let now = Self::current_anchor_block();
        ensure!(
            window == window_at(&windows, now),
            Error::<T>::InvalidCheckpointWindow
        );
        ensure_open::<T>(bucket_id, window)?;
        let signers = Buckets::<T>::try_mutate(bucket_id, |row| {
            let bucket = row.as_mut().ok_or(Error::<T>::BucketNotFound)?;
            let leader = leader_of(bucket, bucket_id, window)?;
            let grace_end = window_start(&windows, window).saturating_add(windows.grace_period);
            if now <= grace_end {
                ensure!(*who == leader, Error::<T>::NotCheckpointLeader);
            } else {
                ensure!(
                    bucket.primary_providers.contains(who),
                    Error::<T>::ProviderNotInSnapshot
                );
            }
            ensure_after_freeze::<T>(bucket, &commitment)?;
            let proposal = CheckpointProposal {
                version: 1,
                bucket_id,
                commitment,
                window,
            };
            let mut signers = no_signers(bucket);
            Self::add_signers(bucket, &proposal.encode(), signatures, &mut signers)?;
            let accounts = signers.accounts.clone();
            // Signatures over a proposal cannot be extended, whatever the nonce.
            let signed_root = SignedRoot {
                commitment,
                #[cfg(commitment_nonce)]
                nonce: 0,
            };
            Self::advance(bucket, signed_root, signers)?;
            Ok::<_, DispatchError>(accounts)
        })?;
        LastCheckpointWindow::<T>::insert(bucket_id, window);
        Self::deposit_event(Event::ProviderCheckpointSubmitted {
            bucket_id,
            mmr_root: commitment.mmr_root,
            window,
            leader: who.clone(),
            signers,
            reward: earn::<T>(who, bucket_id),
        });
        Ok(())
    }

    pub(crate) fn set_windows(
        who: &AccountId32,
        bucket_id: BucketId,
        windows: CheckpointWindowConfig,
    ) -> DispatchResult {
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::BucketNotFound)?;
        Self::ensure_admin(&bucket, who)?;
        CheckpointConfigs::<T>::insert(bucket_id, windows);
        Self::deposit_event(Event::CheckpointConfigUpdated {
            bucket_id,
            interval: windows.interval,
            grace_period: windows.grace_period,
            enabled: windows.enabled,
        });
        Ok(())
    }

    pub(crate) fn report_miss(
        who: &AccountId32,
        bucket_id: BucketId,
        window: u64,
    ) -> DispatchResult {
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::BucketNotFound)?;
        let windows = Self::windows_of(bucket_id)?;
        let now = Self::current_anchor_block();
        ensure!(
            window < window_at(&windows, now),
            Error::<T>::InvalidCheckpointWindow
        );
        ensure_open::<T>(bucket_id, window)?;
        ensure!(
            now > window_start(&windows, window.saturating_add(1)),
            Error::<T>::WithinGracePeriod
        );
        let leader = leader_of(&bucket, bucket_id, window)?;
        let penalty = Self::take_stake(&leader, T::CheckpointMissPenalty::get());
        Self::reward(who, penalty.checked_div(REPORTER_PART).unwrap_or(0));
        Self::with_provider(&leader, |row| {
            row.stake = row.stake.saturating_sub(penalty);
        });
        LastCheckpointWindow::<T>::insert(bucket_id, window);
        Self::deposit_event(Event::CheckpointMissPenalized {
            bucket_id,
            provider: leader,
            window,
            penalty,
        });
        Ok(())
    }

    pub(crate) fn claim_rewards(who: &AccountId32, bucket_id: BucketId) -> DispatchResult {
        let amount = CheckpointRewards::<T>::take(who, bucket_id);
        ensure!(amount > 0, Error::<T>::NoRewardsToClaim);
        Self::reward(who, amount);
        Self::deposit_event(Event::CheckpointRewardClaimed {
            bucket_id,
            provider: who.clone(),
            amount,
        });
        Ok(())
    }

    pub(crate) fn fund_pool(
        who: &AccountId32,
        bucket_id: BucketId,
        amount: u128,
    ) -> DispatchResult {
        ensure!(
            Buckets::<T>::contains_key(bucket_id),
            Error::<T>::BucketNotFound
        );
        T::Currency::hold(&HoldReason::AgreementPayment.into(), who, amount)?;
        CheckpointPool::<T>::mutate(bucket_id, |pool| *pool = pool.saturating_add(amount));
        Self::deposit_event(Event::CheckpointPoolFunded {
            bucket_id,
            funder: who.clone(),
            amount,
        });
        Ok(())
    }

    /// Pays all rewards of a provider that leaves.
    pub(crate) fn pay_all_rewards(who: &AccountId32) {
        let rewards: Vec<u128> = CheckpointRewards::<T>::drain_prefix(who)
            .map(|(_, amount)| amount)
            .collect();
        let total = rewards.into_iter().fold(0, u128::saturating_add);
        if total > 0 {
            Self::reward(who, total);
        }
    }

    /// Returns a bucket's windows, if it has them.
    fn windows_of(bucket_id: BucketId) -> Result<CheckpointWindowConfig, DispatchError> {
        let windows =
            CheckpointConfigs::<T>::get(bucket_id).unwrap_or_else(|| CheckpointWindowConfig {
                interval: T::DefaultCheckpointInterval::get(),
                grace_period: T::DefaultCheckpointGrace::get(),
                enabled: true,
            });
        ensure!(windows.enabled, Error::<T>::ProviderCheckpointsDisabled);
        Ok(windows)
    }
}

/// Refuses a window that has a checkpoint, or whose miss was reported, or an older one.
fn ensure_open<T: Config>(bucket_id: BucketId, window: u64) -> DispatchResult {
    ensure!(
        LastCheckpointWindow::<T>::get(bucket_id).is_none_or(|last| window > last),
        Error::<T>::CheckpointAlreadySubmitted
    );
    Ok(())
}

/// Moves a reward from the pool to what the provider can claim, if the pool has it.
fn earn<T: Config>(who: &AccountId32, bucket_id: BucketId) -> u128 {
    let reward = T::CheckpointReward::get();
    let Some(left) = CheckpointPool::<T>::get(bucket_id).checked_sub(reward) else {
        return 0;
    };
    CheckpointPool::<T>::insert(bucket_id, left);
    CheckpointRewards::<T>::mutate(who, bucket_id, |sum| *sum = sum.saturating_add(reward));
    reward
}

/// Returns the leader of a window.
fn leader_of<T: Config>(
    bucket: &Bucket<T>,
    bucket_id: BucketId,
    window: u64,
) -> Result<AccountId32, Error<T>> {
    let primaries = u32::try_from(bucket.primary_providers.len()).unwrap_or(u32::MAX);
    let id = cairn_primitives::BucketId(bucket_id);
    let place = cairn_primitives::checkpoint::leader(id, window, primaries)
        .ok_or(Error::<T>::MinProvidersNotMet)?;
    let leader = usize::try_from(place)
        .ok()
        .and_then(|place| bucket.primary_providers.get(place));
    leader.cloned().ok_or(Error::<T>::ProviderNotInSnapshot)
}

fn window_at(windows: &CheckpointWindowConfig, block: u32) -> u64 {
    u64::from(block.checked_div(windows.interval).unwrap_or(0))
}

fn window_start(windows: &CheckpointWindowConfig, window: u64) -> u32 {
    let start = window.saturating_mul(u64::from(windows.interval));
    u32::try_from(start).unwrap_or(u32::MAX)
}
