//! The commitments with this account's signature that the chain was last seen to have,
//! and their comparison with the buckets.
//!
//! The index keeps them durably. A base path restored from an older backup is compared
//! with the chain once it follows it again; a copied bucket folder is compared with the
//! kept commitments even without a chain.

use super::{KnownSignature, Provider, ProviderError, SignatureSource, tombstones};
use crate::index::{BucketStatus, DutyKind};
use crate::pool::LeaseRequest;
use cairn_bucket::{Bucket, ProveError, StateRef};
use cairn_primitives::{BucketId, Commitment};
use codec::{DecodeAll, Encode};

/// The most commitments kept for a bucket: its checkpoint, its historical roots, and as
/// many again.
const MAX_KEPT_COMMITMENTS: usize = 16;

/// The state of a signed commitment in its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedRootState {
    /// It is recorded as signed, and its tree has the root.
    Provable,
    /// It was given up on purpose, and has a tombstone.
    Tombstoned,
    /// It is missing.
    Missing,
    /// There is no such bucket.
    NoBucket,
}

impl KnownSignature {
    /// Returns whether a bucket has it recorded as signed for the same leaf count, and
    /// its tree has the root.
    pub(super) fn is_provable_in(&self, bucket: &Bucket) -> Result<bool, ProveError> {
        Ok(is_provable(bucket, &self.commitment)?.unwrap_or(false))
    }
}

/// Returns whether the chain tells the root of a commitment alone, as of what a replica has
/// confirmed where it keeps no more of that: the start and the leaf count are then 0.
fn tells_root_alone(commitment: &Commitment) -> bool {
    commitment.leaf_count.get() == 0 && commitment.start_seq.0 == 0
}

/// Completes a commitment of which the chain tells the root alone, by the tree that has this root
/// here. Returns others, and those whose root is nowhere, as they are.
fn completed(bucket: &Bucket, commitment: &Commitment) -> Commitment {
    let (root, tree) = (commitment.mmr_root, commitment.start_seq);
    let is_recorded = || matches!(bucket.signed_leaf_count(tree, &root), Ok(Some(_)));
    if !tells_root_alone(commitment) || is_recorded() {
        return *commitment;
    }
    let found = bucket.view(StateRef::Root(root));
    let found = found.and_then(|view| view.commitment());
    found.unwrap_or(*commitment)
}

/// Returns whether a commitment that cannot be proven was given up on purpose.
fn has_tombstone(bucket: &Bucket, commitment: &Commitment) -> Result<bool, ProveError> {
    let (root, tree) = (commitment.mmr_root, commitment.start_seq);
    if !tells_root_alone(commitment) {
        return Ok(bucket.tombstone_of(tree, root)?.is_some());
    }
    for tombstone in bucket.tombstones()? {
        if tombstone?.commitment.mmr_root == root {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a bucket can prove a signed commitment. The inner error is the reason
/// if its tree is missing or damaged.
fn is_provable(
    bucket: &Bucket,
    commitment: &Commitment,
) -> Result<Result<bool, ProveError>, ProveError> {
    let commitment = completed(bucket, commitment);
    let (root, tree) = (commitment.mmr_root, commitment.start_seq);
    let asked = commitment.leaf_count;
    let counted = bucket.signed_leaf_count(tree, &root)?;
    // Older pallets do not keep the leaf count of a challenged root.
    if counted.is_none_or(|count| asked.get() > 0 && count != asked) {
        return Ok(Ok(false));
    }
    let view = bucket.view(StateRef::RootOf { root, tree });
    match view.and_then(|view| view.commitment()) {
        Ok(found) => Ok(Ok(found.mmr_root == root)),
        Err(
            error @ (ProveError::UnknownRoot { .. }
            | ProveError::Released { .. }
            | ProveError::MissingNode { .. }
            | ProveError::MissingLeaf { .. }
            | ProveError::Damaged { .. }),
        ) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

impl Provider {
    /// Returns the commitments to a bucket with this account's signature that the chain
    /// was last seen to have.
    pub fn signed_on_chain(&self, id: BucketId) -> Result<Vec<KnownSignature>, ProviderError> {
        let row = self.index().duty(DutyKind::SignedOnChain, &duty_name(id))?;
        let commitments = row.and_then(|row| Vec::<Commitment>::decode_all(&mut &*row).ok());
        let known = |commitment| KnownSignature {
            commitment,
            source: SignatureSource::Chain,
        };
        Ok(commitments
            .unwrap_or_default()
            .into_iter()
            .map(known)
            .collect())
    }

    /// Records the commitments to a bucket with this account's signature that the chain
    /// has now, durably. Returns these and the earlier ones, newest first: a signature
    /// still counts after the chain has moved on.
    pub fn record_on_chain(
        &self,
        id: BucketId,
        now: &[Commitment],
    ) -> Result<Vec<Commitment>, ProviderError> {
        let before = self
            .signed_on_chain(id)?
            .into_iter()
            .map(|known| known.commitment);
        let before: Vec<_> = before.collect();
        let mut all = now.to_vec();
        all.extend(before.iter().filter(|known| !now.contains(known)));
        all.truncate(MAX_KEPT_COMMITMENTS);
        if all != before {
            let change = (duty_name(id), Some(all.encode()));
            self.index()
                .write_duties(DutyKind::SignedOnChain, &[change])?;
        }
        Ok(all)
    }

    /// Looks up a commitment with this account's signature. If the current tree has it
    /// but does not list it as signed, records it as signed.
    pub fn find_signed(
        &self,
        id: BucketId,
        commitment: &Commitment,
    ) -> Result<SignedRootState, ProviderError> {
        let (root, tree) = (commitment.mmr_root, commitment.start_seq);
        let let_go = |here: bool| match here || tombstones::has_root(self.path(), id, tree, &root)?
        {
            true => Ok(SignedRootState::Tombstoned),
            false => Ok(SignedRootState::Missing),
        };
        let lease = match self.blocking_lease(id, LeaseRequest::background()) {
            Ok(lease) => lease,
            Err(ProviderError::NoSuchBucket { .. } | ProviderError::Lost { .. }) => {
                return Ok(match let_go(false)? {
                    SignedRootState::Missing => SignedRootState::NoBucket,
                    found => found,
                });
            }
            Err(error) => return Err(error),
        };
        let commitment = lease.run(|bucket| Ok::<_, ProveError>(completed(bucket, commitment)))?;
        let provable = lease.run(|bucket| is_provable(bucket, &commitment))?;
        if lease.run(|_| provable).unwrap_or(false) {
            return Ok(SignedRootState::Provable);
        }
        if lease.run(|bucket| has_tombstone(bucket, &commitment))? {
            return let_go(true);
        }
        let at = StateRef::LeafCount(commitment.leaf_count);
        let there = || lease.run(|bucket| bucket.view(at)?.commitment());
        let is_there = || there().is_ok_and(|found| found == commitment);
        if commitment.leaf_count.get() == 0 || !is_there() {
            return let_go(false);
        }
        drop(lease);
        // As in a copy of another provider's bucket, put in the place of a lost one.
        tracing::warn!(
            bucket = %id, ?root, leaves = %commitment.leaf_count,
            "the chain has this provider's signature over a root of the bucket that was not \
             recorded as signed; it is now"
        );
        let lease = self.blocking_lease(id, LeaseRequest::write())?;
        match lease.run(|bucket| bucket.record_signed_root(commitment)) {
            Ok(_) => Ok(SignedRootState::Provable),
            Err(error) => {
                tracing::error!(bucket = %id, %error, "a signed root could not be recorded");
                Ok(SignedRootState::Missing)
            }
        }
    }

    /// Returns whether a bucket has tombstones, in its own records or in files.
    pub fn has_tombstones(&self, id: BucketId) -> Result<bool, ProviderError> {
        if tombstones::files(self.path())?.contains_key(&id) {
            return Ok(true);
        }
        match self.blocking_lease(id, LeaseRequest::background()) {
            Ok(lease) => {
                let mut is_any = false;
                let first = lease.run(|bucket| {
                    let first = bucket.tombstones()?.next();
                    is_any = first.is_some();
                    first.transpose()
                });
                // A tombstone that cannot be read counts as one.
                match first {
                    Err(error) if !is_any => Err(error.into()),
                    _ => Ok(is_any),
                }
            }
            Err(ProviderError::NoSuchBucket { .. } | ProviderError::Lost { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a commitment to a bucket may have been signed. True for a bucket
    /// that cannot be read.
    ///
    /// # Errors
    ///
    /// [`ProviderError::NoSuchBucket`].
    pub fn may_be_signed(&self, id: BucketId) -> Result<bool, ProviderError> {
        let record = match self.summary(id) {
            Ok(record) => record,
            Err(error @ ProviderError::NoSuchBucket { .. }) => return Err(error),
            Err(_) => return Ok(true),
        };
        let is_readable = !matches!(record.status, BucketStatus::Quarantined(_));
        Ok(record.signed.is_some() || !is_readable || !self.signed_on_chain(id)?.is_empty())
    }

    /// Compares a bucket that was just created or imported with the commitments that the
    /// chain was seen to have, and puts it into quarantine if it lacks one. Otherwise a
    /// client could commit before the next comparison with the chain.
    pub(super) fn compare_new_bucket(&self, id: BucketId) -> Result<(), ProviderError> {
        for KnownSignature { commitment, .. } in self.signed_on_chain(id)? {
            if self.find_signed(id, &commitment)? == SignedRootState::Missing {
                self.quarantine(id, missing_root_reason(&commitment));
                break;
            }
        }
        Ok(())
    }

    /// Puts a bucket that lacks a signed root into quarantine: nothing is signed for it
    /// until an operator accepts it.
    pub fn quarantine(&self, id: BucketId, reason: String) {
        let index_writer = &self.inner.index_writer;
        if index_writer.quarantine_reason(id).is_none() {
            index_writer.quarantine(id, reason);
            index_writer.write_pending();
        }
    }
}

/// Returns the quarantine reason for a commitment that the chain has and the bucket lacks.
pub fn missing_root_reason(commitment: &Commitment) -> String {
    format!(
        "the chain has this provider's signature over root {:?} of the tree from sequence {} at {} \
         leaves, which is missing here",
        commitment.mmr_root, commitment.start_seq, commitment.leaf_count
    )
}

fn duty_name(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}
