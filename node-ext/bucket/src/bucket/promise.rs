//! Signed roots: records a commitment as signed, and reads the records.
//!
//! A commit records its own commitment. This file records one without a new leaf, which
//! the current tree has or has had, for a checkpoint that another provider proposes.

use super::clock::now_ms;
use super::{At, Bucket, BucketNews};
use crate::error::{PromiseError, ProveError, SignAgainError};
use cairn_engine::layout::{self, PromiseValue};
use cairn_engine::{Durability, Family};
use cairn_keys::DurableCommitment;
use cairn_primitives::{Commitment, H256, LeafCount, Sequence};

/// Records that are written at once, so that no write grows with the bucket.
const DISOWNED_AT_ONCE: usize = 4096;

/// A signed root: a commitment recorded durably so that the provider may sign it,
/// and be challenged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The commitment.
    pub commitment: Commitment,
    /// Time of the last such record, in milliseconds since the Unix epoch; 0 if an
    /// import brought the root.
    pub signed_ms: u64,
}

/// Marks a commitment whose record is synced, so that it may be signed (I4).
pub(super) const fn durable(commitment: Commitment) -> DurableCommitment {
    DurableCommitment::recorded(commitment)
}

impl Bucket {
    /// Records a commitment durably as signed, with its leaves, so that it may be
    /// signed (I4). The current tree must have it at the commitment's leaf count.
    ///
    /// # Errors
    ///
    /// [`PromiseError`]; then nothing is recorded, and nothing may be signed.
    pub fn promise(&self, commitment: Commitment) -> Result<DurableCommitment, PromiseError> {
        self.usable()?;
        let bucket = self.id;
        // The tree must stay the current one until the record is written: a retired
        // tree could be released meanwhile.
        let _committing = self.committing.read();
        let tip = self.tip();
        let (count, have) = (commitment.leaf_count, tip.frontier.count());
        if count.get() == 0 {
            return Err(PromiseError::Empty { bucket });
        }
        if commitment.start_seq != tip.tree {
            let (asked, tree) = (commitment.start_seq, tip.tree);
            return Err(PromiseError::OtherTree {
                bucket,
                asked,
                tree,
            });
        }
        if count > have {
            let asked = count;
            return Err(PromiseError::Behind {
                bucket,
                asked,
                have,
            });
        }
        if self.view(At::LeafCount(count))?.commitment()? != commitment {
            return Err(PromiseError::OtherRoot { bucket, count });
        }
        let signed_ms = now_ms();
        let mut batch = self.engine.batch();
        let key = layout::promise_key(&commitment.mmr_root, commitment.start_seq);
        let value = PromiseValue { count, signed_ms };
        batch.put(Family::Tree, key, &value.to_bytes());
        // This also syncs all earlier writes of the one log, including leaves that were
        // committed without a sync.
        let written = self.engine.write(batch, Durability::Synced);
        written.map_err(|error| self.poisoned_by(error))?;
        self.keep_promised(Promise {
            commitment,
            signed_ms,
        });
        Ok(durable(commitment))
    }

    /// Returns the commitment that was signed here before, of the current tree at a leaf
    /// count. Its record must be durable. Roots that an import brought were signed
    /// elsewhere, if at all, and do not count.
    ///
    /// # Errors
    ///
    /// [`SignAgainError`]; then nothing may be signed.
    pub fn promised_at(&self, count: LeafCount) -> Result<DurableCommitment, SignAgainError> {
        let bucket = self.id;
        if !self.is_durable().map_err(ProveError::from)? {
            return Err(SignAgainError::NotDurable { bucket });
        }
        let commitment = self.view(At::LeafCount(count))?.commitment()?;
        let Commitment {
            mmr_root,
            start_seq,
            ..
        } = commitment;
        let promise = self.promise_record(&mmr_root, start_seq)?;
        if promise.is_none_or(|promise| promise.count != count || promise.signed_ms == 0) {
            return Err(SignAgainError::NotSigned { bucket, count });
        }
        Ok(durable(commitment))
    }

    /// Signs again without a gate, for tests of the bucket by itself.
    #[cfg(test)]
    pub(crate) fn sign_again(
        &self,
        count: LeafCount,
        signer: &cairn_keys::Signer,
    ) -> Result<cairn_keys::SignedCommitment, SignAgainError> {
        let promised = self.promised_at(count)?;
        let signed = super::tests::permit(self.id, signer).sign(&promised);
        signed.map_err(|reason| SignAgainError::Sign {
            bucket: self.id,
            reason,
        })
    }

    /// Returns the record of a signed root, in one read.
    pub fn promise_record(
        &self,
        root: &H256,
        tree: Sequence,
    ) -> Result<Option<PromiseValue>, ProveError> {
        let value = self
            .engine
            .get(Family::Tree, &layout::promise_key(root, tree))?;
        let unreadable = || self.unsound("the record of a signed root cannot be read");
        value
            .map(|value| PromiseValue::parse(&value).ok_or_else(unreadable))
            .transpose()
    }

    /// Iterates over the signed roots in the order of their hashes, without those of
    /// trees that are being released.
    ///
    /// # Errors
    ///
    /// [`ProveError`] for the first record that cannot be read.
    pub fn promises(
        &self,
    ) -> Result<impl Iterator<Item = Result<Promise, ProveError>>, ProveError> {
        let retired = self.retired()?;
        let releasing: Vec<_> = retired
            .iter()
            .filter(|tree| tree.releasing)
            .map(|tree| tree.commitment.start_seq)
            .collect();
        let promises = self.promises_of_all_trees()?;
        Ok(promises.filter(move |promise| match promise {
            Ok(promise) => !releasing.contains(&promise.commitment.start_seq),
            Err(_) => true,
        }))
    }

    /// Returns the leaf count at which a root of a tree was signed, if it was, in one read.
    pub fn promise_of(&self, tree: Sequence, root: &H256) -> Result<Option<LeafCount>, ProveError> {
        let value = self.promise_record(root, tree)?;
        Ok(value.map(|value| value.count))
    }

    pub(super) fn promises_of_all_trees(
        &self,
    ) -> Result<impl Iterator<Item = Result<Promise, ProveError>>, ProveError> {
        let entries = self.engine.scan(Family::Tree, layout::PROMISES)?;
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            let parsed = layout::parse_promise_key(&key).zip(PromiseValue::parse(&value));
            let ((mmr_root, start_seq), value) = parsed.ok_or_else(|| ProveError::Unsound {
                bucket: self.id,
                reason: "the record of a signed root cannot be read".into(),
            })?;
            let commitment = Commitment {
                mmr_root,
                start_seq,
                leaf_count: value.count,
            };
            Ok(Promise {
                commitment,
                signed_ms: value.signed_ms,
            })
        }))
    }

    /// Marks all signed roots as not signed here, in a bucket that comes from elsewhere.
    /// They stay provable.
    pub(crate) fn disown_promises(&self) -> Result<(), ProveError> {
        let mut batch = self.engine.batch();
        let mut batched = 0usize;
        for entry in self.engine.scan(Family::Tree, layout::PROMISES)? {
            let (key, value) = entry?;
            let unreadable = || self.unsound("the record of a signed root cannot be read");
            let value = PromiseValue::parse(&value).ok_or_else(unreadable)?;
            let disowned = PromiseValue {
                signed_ms: 0,
                ..value
            };
            batch.put(Family::Tree, key, &disowned.to_bytes());
            batched = batched.saturating_add(1);
            if batched == DISOWNED_AT_ONCE {
                let full = std::mem::replace(&mut batch, self.engine.batch());
                self.engine.write(full, Durability::Buffered)?;
                batched = 0;
            }
        }
        Ok(self.engine.write(batch, Durability::Synced)?)
    }

    /// Updates the most advanced signed root in memory, and announces the new one.
    pub(super) fn keep_promised(&self, promise: Promise) {
        {
            let mut promised = self.promised.lock();
            *promised = Promise::greater(*promised, Some(promise));
        }
        self.tell(BucketNews::Promised(promise));
    }
}

impl Promise {
    /// Returns the commitment to sign again, if it was signed here: a root that an import
    /// brought has no time.
    pub fn made_here(self) -> Option<DurableCommitment> {
        (self.signed_ms != 0).then(|| durable(self.commitment))
    }

    /// Returns the more advanced of two signed roots of a bucket, by tree and then by
    /// leaf count; `other` if they are equal.
    #[must_use]
    pub fn greater(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let reach = |promise: &Self| {
            let commitment = promise.commitment;
            (commitment.start_seq, commitment.leaf_count)
        };
        match (one, other) {
            (Some(one), Some(other)) if reach(&one) > reach(&other) => Some(one),
            (one, other) => other.or(one),
        }
    }
}
