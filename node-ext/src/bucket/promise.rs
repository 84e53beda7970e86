//! Promising a commitment that the current tree has, or has had, without a new
//! leaf: for a checkpoint that others propose.

use super::commit::now_ms;
use super::{At, Bucket, BucketNews, Promise};
use crate::engine::{Durability, Family};
use crate::error::{PromiseError, ProveError, SignAgainError};
use crate::layout::{self, PromiseValue};
use crate::signing::{SignedCommitment, Signer};
use cairn_primitives::{Commitment, LeafCount};

impl Bucket {
    /// Makes a commitment durable as a promise, with all that it promises, so
    /// that it may be signed (I4): one that the current tree has at its leaf
    /// count.
    ///
    /// # Errors
    ///
    /// [`PromiseError`]; then nothing is promised, and nothing may be signed.
    pub(crate) fn promise(&self, commitment: Commitment) -> Result<(), PromiseError> {
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
        Ok(())
    }

    /// Signs again what was signed before of the current tree at a leaf count,
    /// so that its promise is durable (I4). Writes nothing.
    ///
    /// # Errors
    ///
    /// [`SignAgainError`]; then no signature exists.
    pub fn sign_again(
        &self,
        count: LeafCount,
        signer: &Signer,
    ) -> Result<SignedCommitment, SignAgainError> {
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
        let promised = match self.promised_view(mmr_root, Some(start_seq)) {
            Ok(view) => view.count() == count,
            Err(ProveError::UnknownRoot { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if !promised {
            return Err(SignAgainError::NotSigned { bucket, count });
        }
        let signed = signer.sign(bucket, commitment);
        signed.map_err(|reason| SignAgainError::Sign { bucket, reason })
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
