//! Replicas confirm what they have, and are paid for it.

use crate::types::{Bucket, BucketId, ProviderRole};
#[cfg(not(deployed))]
use crate::types::{Commitment, ReplicaSyncRecord};
use crate::{Buckets, Config, Error, Event, Pallet, StorageAgreements};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use sp_core::H256;
use sp_runtime::{AccountId32, MultiSignature};

impl<T: Config> Pallet<T> {
    #[cfg_attr(
        not(challenger_tiers),
        expect(
            unused_variables,
            reason = "the older chains do not check the signature"
        )
    )]
    pub(crate) fn confirm_sync(
        who: &AccountId32,
        bucket_id: BucketId,
        roots: &[Option<H256>; 7],
        signature: &MultiSignature,
    ) -> DispatchResult {
        #[cfg(challenger_tiers)]
        Self::verify_by(who, &codec::Encode::encode(roots), signature)?;
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::BucketNotFound)?;
        let now = Self::current_anchor_block();
        let (place, root, payment) = StorageAgreements::<T>::try_mutate(bucket_id, who, |row| {
            let agreement = row.as_mut().ok_or(Error::<T>::AgreementNotFound)?;
            let ProviderRole::Replica {
                sync_balance,
                sync_price,
                min_sync_interval,
                last_sync,
            } = &mut agreement.role
            else {
                return Err(Error::<T>::NotReplica);
            };
            let last = last_sync.as_ref().map(|last| {
                #[cfg(not(deployed))]
                return (last.commitment.mmr_root, last.block);
                #[cfg(deployed)]
                return *last;
            });
            ensure!(
                last.is_none_or(|(_, block)| now >= block.saturating_add(*min_sync_interval)),
                Error::<T>::SyncTooFrequent
            );
            let (place, root) = matching_root(&bucket, roots).ok_or(Error::<T>::InvalidSyncRoot)?;
            ensure!(
                last.is_none_or(|(known, _)| known != root),
                Error::<T>::InvalidSyncRoot
            );
            *sync_balance = sync_balance
                .checked_sub(*sync_price)
                .ok_or(Error::<T>::InsufficientSyncBalance)?;
            #[cfg(not(deployed))]
            {
                *last_sync = Some(ReplicaSyncRecord {
                    commitment: synced_to(&bucket, place, root),
                    block: now,
                });
            }
            #[cfg(deployed)]
            {
                *last_sync = Some((root, now));
            }
            Ok((place, root, (agreement.owner.clone(), *sync_price)))
        })?;
        let (owner, sync_payment) = payment;
        Self::pay(&owner, who, sync_payment)?;
        Self::count_revenue(who, sync_payment);
        Self::deposit_event(Event::ReplicaSynced {
            bucket_id,
            provider: who.clone(),
            mmr_root: root,
            position_matched: place,
            sync_payment,
        });
        Ok(())
    }

    pub(crate) fn fund_syncs(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        amount: u128,
    ) -> DispatchResult {
        let (owner, new_total) = StorageAgreements::<T>::try_mutate(bucket_id, &provider, |row| {
            let agreement = row.as_mut().ok_or(Error::<T>::AgreementNotFound)?;
            let ProviderRole::Replica { sync_balance, .. } = &mut agreement.role else {
                return Err(Error::<T>::NotReplica);
            };
            *sync_balance = sync_balance
                .checked_add(amount)
                .ok_or(Error::<T>::ArithmeticOverflow)?;
            Ok((agreement.owner.clone(), *sync_balance))
        })?;
        Self::hold_payment(who, &owner, amount)?;
        Self::deposit_event(Event::ReplicaSyncBalanceToppedUp {
            bucket_id,
            provider,
            amount,
            new_total,
        });
        Ok(())
    }
}

/// Returns the first root that the chain knows, and its place: 0 is the last checkpoint's,
/// the others are the historical ones, each compared with the root at its own place.
fn matching_root<T: Config>(bucket: &Bucket<T>, roots: &[Option<H256>; 7]) -> Option<(u8, H256)> {
    let current = bucket.snapshot.as_ref().map(|s| s.commitment().mmr_root);
    let historical = bucket.historical_roots.iter().map(|(_, root)| Some(*root));
    core::iter::once(current)
        .chain(historical)
        .zip(roots)
        .zip(0u8..)
        .find_map(|((known, claimed), place)| {
            let root = (*claimed)?;
            (known == Some(root)).then_some((place, root))
        })
}

/// Returns what a replica has. The chain does not know the range of a historical root.
#[cfg(not(deployed))]
fn synced_to<T: Config>(bucket: &Bucket<T>, place: u8, mmr_root: H256) -> Commitment {
    let snapshot = bucket.snapshot.as_ref().filter(|_| place == 0);
    snapshot.map_or(
        Commitment {
            mmr_root,
            ..Commitment::default()
        },
        |snapshot| snapshot.commitment(),
    )
}
