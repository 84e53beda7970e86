//! Tombstones of signed roots that can no longer be proven. They are kept for good: a
//! holder of the signature can challenge as soon as the bucket has an agreement again.

use super::Bucket;
use crate::error::ProveError;
use cairn_engine::Family;
use cairn_engine::layout::{self, TombstoneValue};
use cairn_primitives::{Commitment, H256, Sequence};

/// A commitment that was signed and, by decision of the operator or of retention, can no
/// longer be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The commitment. A leaf count of 0 means that the count is unknown.
    pub commitment: Commitment,
    /// Time of the removal, in milliseconds since the Unix epoch.
    pub released_ms: u64,
}

impl Bucket {
    /// Iterates over the tombstones, in the order of trees and then of roots.
    ///
    /// # Errors
    ///
    /// [`ProveError`] for the first record that cannot be read.
    pub fn tombstones(
        &self,
    ) -> Result<impl Iterator<Item = Result<Tombstone, ProveError>>, ProveError> {
        let entries = self.engine.scan(Family::Tree, layout::TOMBSTONES)?;
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            layout::parse_tombstone_key(&key)
                .zip(TombstoneValue::parse(&value))
                .map(|((tree, root), value)| tombstone(tree, root, value))
                .ok_or_else(|| self.unsound("a tombstone cannot be read"))
        }))
    }

    /// Returns whether a tree has signed roots and is not being released.
    ///
    /// # Errors
    ///
    /// [`ProveError`] for the first record that cannot be read.
    pub fn has_signed_roots(&self, tree: Sequence) -> Result<bool, ProveError> {
        for signed_root in self.signed_roots()? {
            if signed_root?.commitment.start_seq == tree {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns all commitments ever signed, including those with tombstones.
    pub fn all_signed_commitments(&self) -> Result<Vec<Commitment>, ProveError> {
        let mut all = Vec::new();
        for signed_root in self.signed_roots_of_all_trees()? {
            all.push(signed_root?.commitment);
        }
        for tombstone in self.tombstones()? {
            all.push(tombstone?.commitment);
        }
        Ok(all)
    }

    /// Returns the tombstone of a root of a tree, if it has one.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the record cannot be read.
    pub fn tombstone_of(
        &self,
        tree: Sequence,
        root: H256,
    ) -> Result<Option<Tombstone>, ProveError> {
        let key = layout::tombstone_key(tree, &root);
        let Some(value) = self.engine.get(Family::Tree, &key)? else {
            return Ok(None);
        };
        let value = TombstoneValue::parse(&value)
            .ok_or_else(|| self.unsound("a tombstone cannot be read"))?;
        Ok(Some(tombstone(tree, root, value)))
    }
}

fn tombstone(tree: Sequence, root: H256, value: TombstoneValue) -> Tombstone {
    Tombstone {
        commitment: Commitment {
            mmr_root: root,
            start_seq: tree,
            leaf_count: value.count,
        },
        released_ms: value.released_ms,
    }
}
