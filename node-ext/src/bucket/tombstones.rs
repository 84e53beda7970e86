//! Tombstones of commitments that were signed and let go. They are kept for good, since anyone who has
//! the signature can ask for it as soon as an agreement lives again.

use super::Bucket;
use crate::engine::Family;
use crate::error::ProveError;
use crate::layout::{self, TombstoneValue};
use cairn_primitives::{Commitment, H256, Sequence};

/// A commitment that was signed and can be proven no more, by an operator's or
/// by retention's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// What was signed. A leaf count of 0 says that it is not known.
    pub commitment: Commitment,
    /// When it was let go, in milliseconds since the Unix epoch.
    pub gone_ms: u64,
}

impl Bucket {
    /// What was signed here and let go, tree by tree, in the order of roots.
    ///
    /// # Errors
    ///
    /// [`ProveError`] with the first record that cannot be read.
    pub fn tombstones(
        &self,
    ) -> Result<impl Iterator<Item = Result<Tombstone, ProveError>>, ProveError> {
        let entries = self.engine.scan(Family::Tree, layout::TOMBSTONES)?;
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            layout::parse_tombstone_key(&key)
                .zip(TombstoneValue::parse(&value))
                .map(|((tree, root), value)| tombstone(tree, root, value))
                .ok_or_else(|| self.unsound("the record of what was let go cannot be read"))
        }))
    }

    /// Whether anything is signed of a tree that is still here.
    ///
    /// # Errors
    ///
    /// [`ProveError`] with the first record that cannot be read.
    pub fn was_signed_of(&self, tree: Sequence) -> Result<bool, ProveError> {
        for promise in self.promises()? {
            if promise?.commitment.start_seq == tree {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All that was ever signed here, whatever has become of it.
    pub(crate) fn signed_ever(&self) -> Result<Vec<Commitment>, ProveError> {
        let mut all = Vec::new();
        for promise in self.promises_of_all_trees()? {
            all.push(promise?.commitment);
        }
        for tombstone in self.tombstones()? {
            all.push(tombstone?.commitment);
        }
        Ok(all)
    }

    /// The tombstone of a root of a tree, if it was let go.
    ///
    /// # Errors
    ///
    /// [`ProveError`] when the record cannot be read.
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
            .ok_or_else(|| self.unsound("the record of what was let go cannot be read"))?;
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
        gone_ms: value.gone_ms,
    }
}
