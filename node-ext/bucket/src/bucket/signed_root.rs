//! Signed roots: records a commitment as signed, and reads the records.
//!
//! A commit records its own commitment. This file records one without a new leaf, which
//! the current tree has or has had, for a checkpoint that another provider proposes.

use super::clock::now_ms;
use super::{Bucket, BucketEvent, StateRef};
use crate::error::{ProveError, RecordRootError, SignAgainError};
use cairn_engine::layout::{self, SignedRootValue};
use cairn_engine::{Durability, Family};
use cairn_keys::DurableCommitment;
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{Commitment, H256, LeafCount, LeafIndex, Sequence};

/// Records that are written at once, so that no write grows with the bucket.
const MARK_BATCH: usize = 4096;

/// A signed root: a commitment recorded durably so that the provider may sign it,
/// and be challenged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedRoot {
    /// The commitment.
    pub commitment: Commitment,
    /// Time of the last such record, in milliseconds since the Unix epoch; 0 if an
    /// import brought the root.
    pub signed_ms: u64,
}

/// Marks a commitment whose record is synced, so that it may be signed (I4).
pub(super) const fn durable_commitment(commitment: Commitment) -> DurableCommitment {
    DurableCommitment::recorded(commitment)
}

impl Bucket {
    /// Records a commitment durably as signed, with its leaves, so that it may be
    /// signed (I4). The current tree must have it at the commitment's leaf count.
    ///
    /// # Errors
    ///
    /// [`RecordRootError`]; then nothing is recorded, and nothing may be signed.
    pub fn record_signed_root(
        &self,
        commitment: Commitment,
    ) -> Result<DurableCommitment, RecordRootError> {
        self.check_writable()?;
        let bucket = self.id;
        // The tree must stay the current one until the record is written: a retired
        // tree could be released meanwhile.
        let _committing = self.commit_lock.read();
        let tip = self.tip();
        let (count, have) = (commitment.leaf_count, tip.frontier.count());
        if count.get() == 0 {
            return Err(RecordRootError::Empty { bucket });
        }
        if commitment.start_seq != tip.tree {
            let (asked, tree) = (commitment.start_seq, tip.tree);
            return Err(RecordRootError::OtherTree {
                bucket,
                asked,
                tree,
            });
        }
        if count > have {
            let asked = count;
            return Err(RecordRootError::Behind {
                bucket,
                asked,
                have,
            });
        }
        if self.view(StateRef::LeafCount(count))?.commitment()? != commitment {
            return Err(RecordRootError::OtherRoot { bucket, count });
        }
        let signed_ms = now_ms();
        let mut batch = self.engine.batch();
        let key = layout::signed_root_key(&commitment.mmr_root, commitment.start_seq);
        let value = SignedRootValue { count, signed_ms };
        batch.put(Family::Tree, key, &value.to_bytes());
        // This also syncs all earlier writes of the one log, including leaves that were
        // committed without a sync.
        let written = self.engine.write(batch, Durability::Synced);
        written.map_err(|error| self.poison_with(error))?;
        self.note_signed_root(SignedRoot {
            commitment,
            signed_ms,
        });
        Ok(durable_commitment(commitment))
    }

    /// Returns the commitment that was signed here before, of the current tree at a leaf
    /// count. Its record must be durable. Roots that an import brought were signed
    /// elsewhere, if at all, and do not count.
    ///
    /// # Errors
    ///
    /// [`SignAgainError`]; then nothing may be signed.
    pub fn signed_commitment_at(
        &self,
        count: LeafCount,
    ) -> Result<DurableCommitment, SignAgainError> {
        let bucket = self.id;
        if !self.is_durable().map_err(ProveError::from)? {
            return Err(SignAgainError::NotDurable { bucket });
        }
        let commitment = self.view(StateRef::LeafCount(count))?.commitment()?;
        let Commitment {
            mmr_root,
            start_seq,
            ..
        } = commitment;
        let signed_root = self.signed_root_value(&mmr_root, start_seq)?;
        if signed_root
            .is_none_or(|signed_root| signed_root.count != count || signed_root.signed_ms == 0)
        {
            return Err(SignAgainError::NotSigned { bucket, count });
        }
        Ok(durable_commitment(commitment))
    }

    /// Signs again without a gate, for tests of the bucket by itself.
    #[cfg(test)]
    pub(crate) fn sign_again(
        &self,
        count: LeafCount,
        signer: &cairn_keys::Signer,
    ) -> Result<cairn_keys::SignedCommitment, SignAgainError> {
        let newest_signed = self.signed_commitment_at(count)?;
        let signed = super::tests::permit(self.id, signer).sign(&newest_signed);
        signed.map_err(|reason| SignAgainError::Sign {
            bucket: self.id,
            reason,
        })
    }

    /// Returns the record of a signed root, in one read.
    pub fn signed_root_value(
        &self,
        root: &H256,
        tree: Sequence,
    ) -> Result<Option<SignedRootValue>, ProveError> {
        let value = self
            .engine
            .get(Family::Tree, &layout::signed_root_key(root, tree))?;
        let unreadable = || self.unsound("the record of a signed root cannot be read");
        value
            .map(|value| SignedRootValue::parse(&value).ok_or_else(unreadable))
            .transpose()
    }

    /// Iterates over the signed roots in the order of their hashes, without those of
    /// trees that are being released.
    ///
    /// # Errors
    ///
    /// [`ProveError`] for the first record that cannot be read.
    pub fn signed_roots(
        &self,
    ) -> Result<impl Iterator<Item = Result<SignedRoot, ProveError>>, ProveError> {
        let retired = self.retired_trees()?;
        let releasing: Vec<_> = retired
            .iter()
            .filter(|tree| tree.releasing)
            .map(|tree| tree.commitment.start_seq)
            .collect();
        let signed_roots = self.signed_roots_of_all_trees()?;
        Ok(signed_roots.filter(move |signed_root| match signed_root {
            Ok(signed_root) => !releasing.contains(&signed_root.commitment.start_seq),
            Err(_) => true,
        }))
    }

    /// Returns the leaf count at which a root of a tree was signed, if it was, in one read.
    pub fn signed_leaf_count(
        &self,
        tree: Sequence,
        root: &H256,
    ) -> Result<Option<LeafCount>, ProveError> {
        let value = self.signed_root_value(root, tree)?;
        Ok(value.map(|value| value.count))
    }

    pub(super) fn signed_roots_of_all_trees(
        &self,
    ) -> Result<impl Iterator<Item = Result<SignedRoot, ProveError>>, ProveError> {
        let entries = self.engine.scan(Family::Tree, layout::SIGNED_ROOTS)?;
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            let parsed = layout::parse_signed_root_key(&key).zip(SignedRootValue::parse(&value));
            let ((mmr_root, start_seq), value) = parsed.ok_or_else(|| ProveError::Damaged {
                bucket: self.id,
                reason: "the record of a signed root cannot be read".into(),
            })?;
            let commitment = Commitment {
                mmr_root,
                start_seq,
                leaf_count: value.count,
            };
            Ok(SignedRoot {
                commitment,
                signed_ms: value.signed_ms,
            })
        }))
    }

    /// Marks all signed roots as not signed here, in a bucket that comes from elsewhere.
    /// They stay provable.
    pub(crate) fn mark_signed_elsewhere(&self) -> Result<(), ProveError> {
        let mut batch = self.engine.batch();
        let mut batched = 0usize;
        for entry in self.engine.scan(Family::Tree, layout::SIGNED_ROOTS)? {
            let (key, value) = entry?;
            let unreadable = || self.unsound("the record of a signed root cannot be read");
            let value = SignedRootValue::parse(&value).ok_or_else(unreadable)?;
            let disowned = SignedRootValue {
                signed_ms: 0,
                ..value
            };
            batch.put(Family::Tree, key, &disowned.to_bytes());
            batched = batched.saturating_add(1);
            if batched == MARK_BATCH {
                let full = std::mem::replace(&mut batch, self.engine.batch());
                self.engine.write(full, Durability::Buffered)?;
                batched = 0;
            }
        }
        Ok(self.engine.write(batch, Durability::Synced)?)
    }

    /// Records the root after each leaf of the current tree as signed elsewhere, so that each can
    /// be proven: it is unknown which of them were signed with this provider's key before its
    /// copy was lost. Roots that are recorded stay as they are.
    ///
    /// # Errors
    ///
    /// [`RecordRootError`]; records written before it are right, and it can be called again.
    pub fn record_all_roots(&self) -> Result<(), RecordRootError> {
        self.check_writable()?;
        // The tree must stay the current one.
        let _committing = self.commit_lock.read();
        let view = self.view(StateRef::Newest)?;
        let (tree, end) = (view.tree(), view.count().get());
        let mut frontier = Frontier::empty(self.config.profile);
        let mut batch = self.engine.batch();
        let mut batched = 0usize;
        for index in 0..end {
            let leaf = view.leaf(LeafIndex(index))?;
            let added = frontier.append(self.config.profile.leaf(&leaf), |_, _| {});
            if added.is_none() {
                break;
            }
            let (root, count) = (frontier.root(), frontier.count());
            if self.signed_root_value(&root, tree)?.is_none() {
                let value = SignedRootValue {
                    count,
                    signed_ms: 0,
                };
                let key = layout::signed_root_key(&root, tree);
                batch.put(Family::Tree, key, &value.to_bytes());
                batched = batched.saturating_add(1);
            }
            if batched == MARK_BATCH {
                let full = std::mem::replace(&mut batch, self.engine.batch());
                let written = self.engine.write(full, Durability::Buffered);
                written.map_err(|error| self.poison_with(error))?;
                batched = 0;
            }
        }
        let written = self.engine.write(batch, Durability::Synced);
        Ok(written.map_err(|error| self.poison_with(error))?)
    }

    /// Updates the most advanced signed root in memory, and announces the new one.
    pub(super) fn note_signed_root(&self, signed_root: SignedRoot) {
        {
            let mut newest_signed = self.last_signed_root.lock();
            *newest_signed = SignedRoot::most_advanced(*newest_signed, Some(signed_root));
        }
        self.emit(BucketEvent::RootSigned(signed_root));
    }
}

impl SignedRoot {
    /// Returns the commitment to sign again, if it was signed here: a root that an import
    /// brought has no time.
    pub fn signed_here(self) -> Option<DurableCommitment> {
        (self.signed_ms != 0).then(|| durable_commitment(self.commitment))
    }

    /// Returns the more advanced of two signed roots of a bucket, by tree and then by
    /// leaf count; `other` if they are equal.
    #[must_use]
    pub fn most_advanced(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let reach = |signed_root: &Self| {
            let commitment = signed_root.commitment;
            (commitment.start_seq, commitment.leaf_count)
        };
        match (one, other) {
            (Some(one), Some(other)) if reach(&one) > reach(&other) => Some(one),
            (one, other) => other.or(one),
        }
    }
}
