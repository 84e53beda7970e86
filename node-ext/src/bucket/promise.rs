//! Promising a commitment that the current tree has, or has had, without a new
//! leaf: for a checkpoint that others propose.

use super::commit::now_ms;
use super::{At, Bucket, BucketNews, Promise};
use crate::engine::{Durability, Family};
use crate::error::{PromiseError, ProveError, SignAgainError};
use crate::layout::{self, PromiseValue};
use crate::signing::DurableCommitment;
use cairn_primitives::{Commitment, H256, LeafCount, Sequence};

/// Promises that are written at once, so that no write grows with a bucket.
const DISOWNED_AT_ONCE: usize = 4096;

/// Says of a commitment that its record is synced, so that it may be signed (I4).
pub(super) const fn durable(commitment: Commitment) -> DurableCommitment {
    DurableCommitment::recorded(commitment)
}

impl Bucket {
    /// Makes a commitment durable as a promise, with all that it promises, so
    /// that it may be signed (I4): one that the current tree has at its leaf
    /// count.
    ///
    /// # Errors
    ///
    /// [`PromiseError`]; then nothing is promised, and nothing may be signed.
    pub(crate) fn promise(
        &self,
        commitment: Commitment,
    ) -> Result<DurableCommitment, PromiseError> {
        self.usable()?;
        let bucket = self.id;
        // The tree stays the current one until the promise is written: a retired
        // one may be released meanwhile.
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
        // All that was written before to the one log is synced with it: also
        // leaves that were committed without a sync.
        let written = self.engine.write(batch, Durability::Synced);
        written.map_err(|error| self.poisoned_by(error))?;
        self.keep_promised(Promise {
            commitment,
            signed_ms,
        });
        Ok(durable(commitment))
    }

    /// What was signed here before, of the current tree at a leaf count: its
    /// promise is durable. What an import brought along was signed by others, if
    /// at all.
    ///
    /// # Errors
    ///
    /// [`SignAgainError`]; then nothing may be signed.
    pub(crate) fn promised_at(
        &self,
        count: LeafCount,
    ) -> Result<DurableCommitment, SignAgainError> {
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
        signer: &crate::signing::Signer,
    ) -> Result<crate::signing::SignedCommitment, SignAgainError> {
        let promised = self.promised_at(count)?;
        let signed = super::tests::permit(self.id, signer).sign(&promised);
        signed.map_err(|reason| SignAgainError::Sign {
            bucket: self.id,
            reason,
        })
    }

    /// The record of a root that was signed, by one read.
    pub(crate) fn promise_record(
        &self,
        root: &H256,
        tree: Sequence,
    ) -> Result<Option<PromiseValue>, ProveError> {
        let value = self
            .engine
            .get(Family::Tree, &layout::promise_key(root, tree))?;
        let unreadable = || self.unsound("a record of what was signed cannot be read");
        value
            .map(|value| PromiseValue::parse(&value).ok_or_else(unreadable))
            .transpose()
    }

    /// Notes of all that was promised that it was not signed here: of a bucket
    /// that comes from elsewhere. What was signed stays provable all the same.
    pub(crate) fn disown_promises(&self) -> Result<(), ProveError> {
        let mut batch = self.engine.batch();
        let mut batched = 0usize;
        for entry in self.engine.scan(Family::Tree, layout::PROMISES)? {
            let (key, value) = entry?;
            let unreadable = || self.unsound("a record of what was signed cannot be read");
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

    /// Keeps in memory what was promised, unless more was, and tells of it.
    pub(super) fn keep_promised(&self, promise: Promise) {
        {
            let mut promised = self.promised.lock();
            *promised = Promise::greater(*promised, Some(promise));
        }
        self.tell(BucketNews::Promised(promise));
    }
}

impl Promise {
    /// The promise as what may be signed again, if it was signed here: what an
    /// import brought along says no time.
    pub(crate) fn made_here(self) -> Option<DurableCommitment> {
        (self.signed_ms != 0).then(|| durable(self.commitment))
    }

    /// Of two promises of one bucket the one that needs more of it; the second
    /// of two that need the same.
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
