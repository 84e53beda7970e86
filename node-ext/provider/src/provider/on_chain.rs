//! The commitments with this account's signature that the chain was last seen to have,
//! and their comparison with the buckets.
//!
//! The index keeps them durably. A base path restored from an older backup is compared
//! with the chain once it follows it again; a copied bucket folder is compared with the
//! kept commitments even without a chain.

use super::{KnownSigned, Provider, ProviderError, ToldBy, tombstones};
use crate::index::{DutyKind, Standing};
use crate::pool::Wanted;
use cairn_bucket::{At, Bucket, ProveError};
use cairn_primitives::{BucketId, Commitment};
use codec::{DecodeAll, Encode};

/// The most commitments kept for a bucket: its checkpoint, its historical roots, and as
/// many again.
const MOST_KEPT: usize = 16;

/// The state of a signed commitment in its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is recorded as signed, and its tree has the root.
    Provable,
    /// It was given up on purpose, and has a tombstone.
    LetGo,
    /// It is missing.
    Missing,
    /// There is no such bucket.
    NoBucket,
}

impl KnownSigned {
    /// Returns whether a bucket has it recorded as signed for the same leaf count, and
    /// its tree has the root.
    pub(super) fn is_in(&self, bucket: &Bucket) -> Result<bool, ProveError> {
        Ok(is_provable(bucket, &self.commitment)?.unwrap_or(false))
    }
}

/// Returns whether a bucket can prove a signed commitment. The inner error is the reason
/// if its tree is missing or damaged.
fn is_provable(
    bucket: &Bucket,
    commitment: &Commitment,
) -> Result<Result<bool, ProveError>, ProveError> {
    let (root, tree) = (commitment.mmr_root, commitment.start_seq);
    let asked = commitment.leaf_count;
    let counted = bucket.promise_of(tree, &root)?;
    // Older pallets do not keep the leaf count of a challenged root.
    if counted.is_none_or(|count| asked.get() > 0 && count != asked) {
        return Ok(Ok(false));
    }
    let view = bucket.view(At::RootOf { root, tree });
    match view.and_then(|view| view.commitment()) {
        Ok(found) => Ok(Ok(found.mmr_root == root)),
        Err(
            error @ (ProveError::UnknownRoot { .. }
            | ProveError::Released { .. }
            | ProveError::MissingNode { .. }
            | ProveError::MissingLeaf { .. }
            | ProveError::Unsound { .. }),
        ) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

impl Provider {
    /// Returns the commitments to a bucket with this account's signature that the chain
    /// was last seen to have.
    pub fn on_chain(&self, id: BucketId) -> Result<Vec<KnownSigned>, ProviderError> {
        let row = self.index().duty(DutyKind::Promised, &name_of(id))?;
        let commitments = row.and_then(|row| Vec::<Commitment>::decode_all(&mut &*row).ok());
        let known = |commitment| KnownSigned {
            commitment,
            told_by: ToldBy::Chain,
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
    pub fn keep_on_chain(
        &self,
        id: BucketId,
        now: &[Commitment],
    ) -> Result<Vec<Commitment>, ProviderError> {
        let before = self.on_chain(id)?.into_iter().map(|known| known.commitment);
        let before: Vec<_> = before.collect();
        let mut all = now.to_vec();
        all.extend(before.iter().filter(|known| !now.contains(known)));
        all.truncate(MOST_KEPT);
        if all != before {
            let change = (name_of(id), Some(all.encode()));
            self.index().write_duties(DutyKind::Promised, &[change])?;
        }
        Ok(all)
    }

    /// Looks up a commitment with this account's signature. If the current tree has it
    /// but does not list it as signed, records it as signed.
    pub fn find_signed(
        &self,
        id: BucketId,
        commitment: &Commitment,
    ) -> Result<Found, ProviderError> {
        let (root, tree) = (commitment.mmr_root, commitment.start_seq);
        let let_go = |here: bool| match here || tombstones::has(self.path(), id, tree, &root)? {
            true => Ok(Found::LetGo),
            false => Ok(Found::Missing),
        };
        let lease = match self.lease(id, Wanted::background()) {
            Ok(lease) => lease,
            Err(ProviderError::NoSuchBucket { .. } | ProviderError::Lost { .. }) => {
                return Ok(match let_go(false)? {
                    Found::Missing => Found::NoBucket,
                    found => found,
                });
            }
            Err(error) => return Err(error),
        };
        let provable = lease.run(|bucket| is_provable(bucket, commitment))?;
        if lease.run(|_| provable).unwrap_or(false) {
            return Ok(Found::Provable);
        }
        let gone = lease.run(|bucket| bucket.tombstone_of(tree, root))?;
        if gone.is_some() {
            return let_go(true);
        }
        let at = At::LeafCount(commitment.leaf_count);
        let there = || lease.run(|bucket| bucket.view(at)?.commitment());
        let is_there = || there().is_ok_and(|found| found == *commitment);
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
        let lease = self.lease(id, Wanted::write())?;
        match lease.run(|bucket| bucket.promise(*commitment)) {
            Ok(_) => Ok(Found::Provable),
            Err(error) => {
                tracing::error!(bucket = %id, %error, "a signed root could not be recorded");
                Ok(Found::Missing)
            }
        }
    }

    /// Returns whether a bucket has tombstones, in its own records or in files.
    pub fn has_let_go(&self, id: BucketId) -> Result<bool, ProviderError> {
        if tombstones::files(self.path())?.contains_key(&id) {
            return Ok(true);
        }
        match self.lease(id, Wanted::background()) {
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
    pub fn was_signed(&self, id: BucketId) -> Result<bool, ProviderError> {
        let record = match self.summary(id) {
            Ok(record) => record,
            Err(error @ ProviderError::NoSuchBucket { .. }) => return Err(error),
            Err(_) => return Ok(true),
        };
        let is_readable = !matches!(record.standing, Standing::Quarantined(_));
        Ok(record.signed.is_some() || !is_readable || !self.on_chain(id)?.is_empty())
    }

    /// Compares a bucket that was just created or imported with the commitments that the
    /// chain was seen to have, and puts it into quarantine if it lacks one. Otherwise a
    /// client could commit before the next comparison with the chain.
    pub(super) fn compare_newcomer(&self, id: BucketId) -> Result<(), ProviderError> {
        for KnownSigned { commitment, .. } in self.on_chain(id)? {
            if self.find_signed(id, &commitment)? == Found::Missing {
                self.set_apart(id, missing(&commitment));
                break;
            }
        }
        Ok(())
    }

    /// Puts a bucket that lacks a signed root into quarantine: nothing is signed for it
    /// until an operator accepts it.
    pub fn set_apart(&self, id: BucketId, reason: String) {
        let ledger = &self.inner.ledger;
        if ledger.quarantined(id).is_none() {
            ledger.quarantine(id, reason);
            ledger.write();
        }
    }
}

/// Returns the quarantine reason for a commitment that the chain has and the bucket lacks.
pub fn missing(commitment: &Commitment) -> String {
    format!(
        "the chain has this provider's signature over root {:?} of the tree from sequence {} at {} \
         leaves, which is missing here",
        commitment.mmr_root, commitment.start_seq, commitment.leaf_count
    )
}

fn name_of(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}
