//! What the chain was last seen to have of this account's signatures, bucket by
//! bucket, and whether that is here.
//!
//! The index keeps it, synced: a base path that was restored from an older
//! backup is compared with the chain when it is followed again, and a copy of
//! one bucket's folder with what is kept here, also without a chain.

use super::{Provider, ProviderError, tombstones};
use crate::bucket::{At, Bucket};
use crate::error::ProveError;
use crate::index::{DutyKind, Standing};
use crate::pool::Wanted;
use cairn_primitives::{BucketId, Commitment};
use codec::{DecodeAll, Encode};
use std::fmt;

/// Commitments of a bucket that are kept as seen on chain: its checkpoint, those
/// behind its historical roots, and as many more.
const MOST_KEPT: usize = 16;

/// Who says that a commitment was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The index, as the last that was signed here.
    Index,
    /// The chain, when it was seen last.
    Chain,
}

/// A commitment that is known to have been signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSigned {
    /// What was signed. A leaf count of 0 says that it is not known.
    pub commitment: Commitment,
    /// Who says so.
    pub told_by: ToldBy,
}

/// The leaves that a bucket's folder has, and the signed roots that it has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldLose {
    /// The newest commitment that is here.
    pub have: Commitment,
    /// What was signed and is not here.
    pub lost: Vec<KnownSigned>,
}

/// How a signed commitment is found here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is noted as signed, and its tree has the root.
    Provable,
    /// It was let go, and is noted as such.
    LetGo,
    /// It is not here.
    Missing,
    /// There is no such bucket here.
    NoBucket,
}

impl KnownSigned {
    /// Whether a bucket has it noted as signed, for the same leaf count, and its
    /// tree has the root.
    pub(super) fn is_in(&self, bucket: &Bucket) -> Result<bool, ProveError> {
        Ok(is_provable(bucket, &self.commitment)?.unwrap_or(false))
    }
}

impl fmt::Display for KnownSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Commitment {
            mmr_root,
            start_seq,
            leaf_count,
        } = &self.commitment;
        let told_by = match self.told_by {
            ToldBy::Index => "by the index",
            ToldBy::Chain => "by the chain",
        };
        write!(f, "root {mmr_root:?} of the tree from sequence {start_seq}")?;
        if leaf_count.get() > 0 {
            write!(f, " at {leaf_count} leaves")?;
        }
        write!(f, ", {told_by}")
    }
}

impl fmt::Display for WouldLose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, tree) = (self.have.leaf_count, self.have.start_seq);
        write!(
            f,
            "it has {count} leaves from sequence {tree}, and not what was signed: "
        )?;
        for (place, lost) in self.lost.iter().enumerate() {
            let between = if place > 0 { "; " } else { "" };
            write!(f, "{between}{lost}")?;
        }
        Ok(())
    }
}

/// Whether a bucket proves what was signed. The inner error says why it does not,
/// where that is gone or damaged.
fn is_provable(
    bucket: &Bucket,
    commitment: &Commitment,
) -> Result<Result<bool, ProveError>, ProveError> {
    let (root, tree) = (commitment.mmr_root, commitment.start_seq);
    let asked = commitment.leaf_count;
    let counted = bucket.promise_of(tree, &root)?;
    // An older chain does not tell how many leaves a challenged root stands for.
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
    /// What the chain was last seen to have of this account's signatures over a
    /// bucket.
    pub(super) fn on_chain(&self, id: BucketId) -> Result<Vec<KnownSigned>, ProviderError> {
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

    /// Keeps what the chain is seen to have of this account's signatures over a
    /// bucket, durably. Returns that and what it was seen to have before, the
    /// newest first: a signature counts also where the chain has moved on.
    pub(crate) fn keep_on_chain(
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

    /// How a commitment that bears this account's signature is found here. One
    /// that the current tree has and that is not noted as signed is noted so.
    pub(crate) fn find_signed(
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
        // A copy of another provider's, put in the place of one that was lost.
        tracing::warn!(
            bucket = %id, ?root, leaves = %commitment.leaf_count,
            "the chain has this provider's signature over a root that is here and was not noted as \
             signed; it is from now on"
        );
        let lease = self.lease(id, Wanted::write())?;
        match lease.run(|bucket| bucket.promise(*commitment)) {
            Ok(_) => Ok(Found::Provable),
            Err(error) => {
                tracing::error!(bucket = %id, %error, "a signed root is not noted");
                Ok(Found::Missing)
            }
        }
    }

    /// Whether anything of a bucket was let go, by its own records or by those
    /// beside the buckets.
    pub(crate) fn has_let_go(&self, id: BucketId) -> Result<bool, ProviderError> {
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

    /// Whether anything may have been signed of a bucket, by all that is known
    /// here: one that cannot be read may have been.
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

    /// Compares a bucket that was just made or imported with what the chain was seen
    /// to have, and sets it apart where it has less: a client must not be faster
    /// than the next look at the chain.
    pub(super) fn compare_newcomer(&self, id: BucketId) -> Result<(), ProviderError> {
        for KnownSigned { commitment, .. } in self.on_chain(id)? {
            if self.find_signed(id, &commitment)? == Found::Missing {
                self.set_apart(id, missing(&commitment));
                break;
            }
        }
        Ok(())
    }

    /// Sets a bucket apart that the chain holds this account to for more than is
    /// here: it signs nothing any more until an operator accepts it.
    pub(crate) fn set_apart(&self, id: BucketId, reason: String) {
        let ledger = &self.inner.ledger;
        if ledger.quarantined(id).is_none() {
            ledger.quarantine(id, reason);
            ledger.write();
        }
    }
}

/// What an operator is told of a commitment that the chain has and that is not here.
pub(crate) fn missing(commitment: &Commitment) -> String {
    format!(
        "the chain has this provider's signature over root {:?} of the tree from sequence {} at {} \
         leaves, and that is not here: put the newest copy of the bucket's folder in its place, \
         and take it with `cairn bucket accept`",
        commitment.mmr_root, commitment.start_seq, commitment.leaf_count
    )
}

fn name_of(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}
