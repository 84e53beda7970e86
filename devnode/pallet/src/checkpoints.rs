//! Checkpoints, and the roots that they leave for replicas that lag.

use crate::signatures::Signers;
use crate::types::{Bucket, BucketId, BucketSnapshot, Commitment, SignedRoot};
use crate::{Buckets, Config, Error, Event, Pallet};
use cairn_primitives::checkpoint::REPLICA_PRIMES;
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use sp_core::H256;
use sp_runtime::{AccountId32, MultiSignature};

impl<T: Config> Pallet<T> {
    pub(crate) fn take_checkpoint(
        who: &AccountId32,
        bucket_id: BucketId,
        signed_root: SignedRoot,
        signatures: &[(AccountId32, MultiSignature)],
    ) -> DispatchResult {
        #[cfg(commitment_nonce)]
        Self::ensure_recent(signed_root.nonce)?;
        Buckets::<T>::try_mutate(bucket_id, |row| {
            let bucket = row.as_mut().ok_or(Error::<T>::BucketNotFound)?;
            Self::ensure_writer(bucket, who)?;
            ensure_after_freeze::<T>(bucket, &signed_root.commitment)?;
            let signers = Self::signers_of(bucket, bucket_id, signed_root, signatures)?;
            let providers = signers.accounts.clone();
            Self::advance(bucket, signed_root, signers)?;
            Self::announce_checkpoint(bucket_id, signed_root.commitment, providers);
            Ok(())
        })
    }

    pub(crate) fn add_signatures(
        who: &AccountId32,
        bucket_id: BucketId,
        signatures: &[(AccountId32, MultiSignature)],
    ) -> DispatchResult {
        Buckets::<T>::try_mutate(bucket_id, |row| {
            let bucket = row.as_mut().ok_or(Error::<T>::BucketNotFound)?;
            Self::ensure_writer(bucket, who)?;
            let snapshot = bucket.snapshot.as_ref().ok_or(Error::<T>::NoSnapshot)?;
            let commitment = snapshot.commitment();
            let message = snapshot.signed_root().message(bucket_id);
            let mut signers = Signers {
                bits: snapshot.primary_signers.clone(),
                accounts: Default::default(),
            };
            Self::add_signers(bucket, &message, signatures, &mut signers)?;
            if let Some(snapshot) = bucket.snapshot.as_mut() {
                snapshot.primary_signers = signers.bits;
            }
            Self::announce_checkpoint(bucket_id, commitment, signers.accounts);
            Ok(())
        })
    }

    /// Sets the last checkpoint.
    ///
    /// The chain counts signatures here, not signers: one that is given twice counts twice.
    pub(crate) fn advance(
        bucket: &mut Bucket<T>,
        signed_root: SignedRoot,
        signers: Signers,
    ) -> DispatchResult {
        let signatures = u32::try_from(signers.accounts.len()).unwrap_or(u32::MAX);
        ensure!(
            signatures >= bucket.min_providers,
            Error::<T>::InsufficientSignatures
        );
        let now = Self::current_anchor_block();
        remember(
            &mut bucket.historical_roots,
            now,
            signed_root.commitment.mmr_root,
        );
        bucket.snapshot = Some(BucketSnapshot::new(signed_root, now, signers.bits));
        bucket.total_snapshots = bucket.total_snapshots.saturating_add(1);
        Ok(())
    }

    fn announce_checkpoint(
        bucket_id: BucketId,
        commitment: Commitment,
        providers: alloc::vec::Vec<AccountId32>,
    ) {
        Self::deposit_event(Event::BucketCheckpointed {
            bucket_id,
            #[cfg(not(deployed))]
            commitment,
            #[cfg(deployed)]
            mmr_root: commitment.mmr_root,
            #[cfg(deployed)]
            start_seq: commitment.start_seq,
            #[cfg(deployed)]
            leaf_count: commitment.leaf_count,
            providers,
        });
    }

    /// A signed nonce is an anchor block that is not to come, and not long past.
    #[cfg(commitment_nonce)]
    pub(crate) fn ensure_recent(nonce: u64) -> DispatchResult {
        use frame_support::traits::Get;
        let now = u64::from(Self::current_anchor_block());
        let age = now.checked_sub(nonce);
        ensure!(
            age.is_some_and(|age| age <= u64::from(T::MaxNonceAge::get())),
            Error::<T>::CommitmentNonceTooOld
        );
        Ok(())
    }
}

pub(crate) fn ensure_after_freeze<T: Config>(
    bucket: &Bucket<T>,
    commitment: &Commitment,
) -> DispatchResult {
    ensure!(
        bucket
            .frozen_start_seq
            .is_none_or(|frozen| commitment.start_seq >= frozen),
        Error::<T>::SnapshotViolatesFrozen
    );
    Ok(())
}

/// Keeps, for each prime, the root of the first checkpoint in the last quotient that has
/// one. Later ones in the same quotient do not replace it, so that a replica has until the
/// next quotient to sync to it.
fn remember(roots: &mut [(u32, H256); 6], block: u32, root: H256) {
    for (kept, prime) in roots.iter_mut().zip(REPLICA_PRIMES) {
        let quotient = block.checked_div(prime).unwrap_or(0);
        if kept.0 != quotient {
            *kept = (quotient, root);
        }
    }
}
