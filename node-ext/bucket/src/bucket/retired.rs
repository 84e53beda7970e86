//! Retired trees. Until their release they stay on disk, and their signed roots can be
//! proven (I10).

use super::Bucket;
use crate::error::ProveError;
use cairn_engine::Family;
use cairn_engine::layout::{self, Deletion, DeletionValue, RetiredRecord};
use cairn_primitives::{Commitment, H256, Sequence};

/// A tree that a prune has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredTree {
    /// The last commitment to the tree.
    pub commitment: Commitment,
    /// The start of the tree that replaced it.
    pub new_start_seq: Sequence,
    /// The root of the new tree that the admin signed; without an admin's signature, the
    /// root that the new tree had at the prune.
    pub new_root: H256,
    /// The admin's authorisation of the prune; `None` if it had none.
    pub deletion: Option<Deletion>,
    /// Set once its release has begun: nothing is proven from it then.
    pub releasing: bool,
}

/// An admin's signed deletion of all leaves before a sequence. It answers a challenge of
/// one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorisedDeletion {
    /// The sequence of the first remaining leaf.
    pub new_start_seq: Sequence,
    /// The root over the remaining leaves that the admin signed.
    pub new_root: H256,
    /// The admin and the signature.
    pub deletion: Deletion,
}

impl RetiredTree {
    pub(super) fn new(tree: Sequence, record: RetiredRecord) -> Self {
        Self {
            commitment: Commitment {
                mmr_root: record.root,
                start_seq: tree,
                leaf_count: record.count,
            },
            new_start_seq: record.new_start_seq,
            new_root: record.new_root,
            deletion: record.deletion,
            releasing: record.is_releasing,
        }
    }
}

impl Bucket {
    /// Returns the retired trees that are not fully released, oldest first.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if a record cannot be read.
    pub fn retired_trees(&self) -> Result<Vec<RetiredTree>, ProveError> {
        let entries = self.engine.scan(Family::Tree, layout::RETIRED)?;
        entries
            .map(|entry| {
                let (key, value) = entry?;
                layout::parse_retired_key(&key)
                    .zip(RetiredRecord::parse(&value))
                    .map(|(tree, record)| RetiredTree::new(tree, record))
                    .ok_or_else(|| self.unsound("the record of a retired tree cannot be read"))
            })
            .collect()
    }

    /// Returns all deletions that an admin authorised, also of released trees, newest
    /// first: the newest covers the others.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if a record cannot be read.
    pub fn deletions(&self) -> Result<Vec<AuthorisedDeletion>, ProveError> {
        let of_tree = |tree: RetiredTree| {
            tree.deletion.map(|deletion| AuthorisedDeletion {
                new_start_seq: tree.new_start_seq,
                new_root: tree.new_root,
                deletion,
            })
        };
        let mut deletions: Vec<_> = self
            .retired_trees()?
            .into_iter()
            .filter_map(of_tree)
            .collect();
        for entry in self.engine.scan(Family::Tree, layout::DELETIONS)? {
            let (key, value) = entry?;
            let (new_start_seq, kept) = layout::parse_deletion_key(&key)
                .zip(DeletionValue::parse(&value))
                .ok_or_else(|| self.unsound("the record of a deletion cannot be read"))?;
            deletions.push(AuthorisedDeletion {
                new_start_seq,
                new_root: kept.new_root,
                deletion: kept.deletion,
            });
        }
        deletions.sort_by_key(|deletion| std::cmp::Reverse(deletion.new_start_seq));
        Ok(deletions)
    }

    pub(super) fn retired_record(
        &self,
        tree: Sequence,
    ) -> Result<Option<RetiredRecord>, ProveError> {
        let value = self.engine.get(Family::Tree, &layout::retired_key(tree))?;
        value
            .map(|value| {
                RetiredRecord::parse(&value)
                    .ok_or_else(|| self.unsound("the record of a retired tree cannot be read"))
            })
            .transpose()
    }

    /// Returns whether the bucket holds a tree with its signed roots: the current tree, or
    /// a retired one whose release has not begun.
    pub fn holds_tree(&self, tree: Sequence) -> Result<bool, ProveError> {
        let retired = || self.retired_record(tree);
        Ok(tree == self.tip().tree || retired()?.is_some_and(|record| !record.is_releasing))
    }

    /// Returns whether signed roots of a tree can be proven.
    pub(super) fn can_prove_from(&self, tree: Sequence) -> Result<bool, ProveError> {
        Ok(tree == self.tip().tree
            || self
                .retired_record(tree)?
                .is_none_or(|record| !record.is_releasing))
    }

    /// Turns the error for a missing record into [`ProveError::Released`] if the tree has
    /// been released, which may happen during a proof.
    pub(super) fn released_or(&self, tree: Sequence, error: ProveError) -> ProveError {
        let is_missing = matches!(
            error,
            ProveError::MissingNode { .. }
                | ProveError::MissingLeaf { .. }
                | ProveError::MissingContent { .. }
        );
        if !is_missing || tree == self.tip().tree {
            return error;
        }
        let kept = self.retired_record(tree);
        match kept.map(|record| record.is_some_and(|record| !record.is_releasing)) {
            Ok(false) => ProveError::Released {
                bucket: self.id,
                tree,
            },
            Ok(true) | Err(_) => error,
        }
    }
}
