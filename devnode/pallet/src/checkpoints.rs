//! Checkpoints: their checks, their signers, and the historical roots.

use crate::signatures::{bits, places, signed_places};
use crate::types::HistoricalRoots;
use crate::{Bucket, Buckets, Config, Error, Event, Pallet};
use alloc::collections::BTreeSet;
use cairn_primitives::checkpoint::{BucketSnapshot, CheckpointProposal, REPLICA_PRIMES, leader};
use cairn_primitives::onchain::PrimarySignature;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256};
use codec::Encode;
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use sp_runtime::AccountId32;

impl<T: Config> Pallet<T> {
    /// Applies a checkpoint that anybody may submit.
    ///
    /// Only the signatures matter: an older commitment with enough signatures replaces a
    /// newer one, as on the deployed chain.
    pub(crate) fn take_checkpoint(
        bucket_id: BucketId,
        commitment: Commitment,
        signatures: &[PrimarySignature],
    ) -> DispatchResult {
        let mut bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        let message = CommitmentPayload::new(bucket_id, commitment).encode();
        let signers = places(&bucket, &message, signatures)?;
        Self::advance(&mut bucket, bucket_id, commitment, &signers)?;
        Buckets::<T>::insert(bucket_id, bucket);
        Ok(())
    }

    /// Applies a checkpoint that a primary provider submits in a window: the leader, or
    /// after the grace period any; one for each window.
    pub(crate) fn take_in_window(
        who: &AccountId32,
        bucket_id: BucketId,
        commitment: Commitment,
        window: u64,
        signatures: &[PrimarySignature],
    ) -> DispatchResult {
        let mut bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        let windows = bucket.window.ok_or(Error::<T>::NoWindows)?;
        let anchor = Self::anchor_block();
        ensure!(
            windows.window_of(anchor) == Some(window),
            Error::<T>::WrongWindow
        );
        ensure!(
            bucket.last_window.is_none_or(|last| last < window),
            Error::<T>::WindowTaken
        );
        let place = bucket.primary_index_of(who).ok_or(Error::<T>::NotPrimary)?;
        if windows.is_leader_only(anchor) {
            let primaries = u32::try_from(bucket.primary_providers.len());
            let elected = primaries.ok().and_then(|n| leader(bucket_id, window, n));
            ensure!(elected == u32::try_from(place).ok(), Error::<T>::NotLeader);
        }
        let message = CheckpointProposal::new(bucket_id, commitment, window).encode();
        let signers = places(&bucket, &message, signatures)?;
        Self::advance(&mut bucket, bucket_id, commitment, &signers)?;
        bucket.last_window = Some(window);
        Buckets::<T>::insert(bucket_id, bucket);
        Ok(())
    }

    /// Adds signers to the current checkpoint.
    pub(crate) fn extend(bucket_id: BucketId, signatures: &[PrimarySignature]) -> DispatchResult {
        let mut bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        let snapshot = bucket.snapshot.as_ref().ok_or(Error::<T>::NoSnapshot)?;
        let message = CommitmentPayload::new(bucket_id, snapshot.commitment).encode();
        let mut signers = signed_places(snapshot);
        let before = signers.len();
        signers.append(&mut places(&bucket, &message, signatures)?);
        ensure!(signers.len() > before, Error::<T>::TooFewSignatures);
        let primaries = bucket.primary_providers.len();
        if let Some(snapshot) = bucket.snapshot.as_mut() {
            snapshot.primary_signers = bits(&signers, primaries);
        }
        Buckets::<T>::insert(bucket_id, bucket);
        Self::deposit_event(Event::CheckpointExtended { bucket_id });
        Ok(())
    }

    fn advance(
        bucket: &mut Bucket<T>,
        bucket_id: BucketId,
        commitment: Commitment,
        signers: &BTreeSet<usize>,
    ) -> DispatchResult {
        let enough = u32::try_from(signers.len()).is_ok_and(|n| n >= bucket.min_providers);
        ensure!(enough, Error::<T>::TooFewSignatures);
        ensure!(
            bucket
                .frozen_start_seq
                .is_none_or(|frozen| commitment.start_seq >= frozen),
            Error::<T>::BelowFrozen
        );
        let checkpoint_block = Self::anchor_block();
        let mmr_root = commitment.mmr_root;
        update_historical_roots(&mut bucket.historical_roots, checkpoint_block, mmr_root);
        bucket.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block,
            primary_signers: bits(signers, bucket.primary_providers.len()),
        });
        Self::deposit_event(Event::Checkpointed {
            bucket_id,
            mmr_root,
        });
        Ok(())
    }
}

/// Keeps, for each prime, the root of the first checkpoint in the last quotient that has
/// one. Later ones in the same quotient do not replace it, so that a replica has until the
/// next quotient to sync to it.
fn update_historical_roots(roots: &mut HistoricalRoots, block: u32, root: H256) {
    for (kept, prime) in roots.iter_mut().zip(REPLICA_PRIMES) {
        let quotient = block.checked_div(prime).unwrap_or(0);
        if kept.is_none_or(|(last, _)| last != quotient) {
            *kept = Some((quotient, root));
        }
    }
}
