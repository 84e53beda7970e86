//! Reads content, and the records of signed roots.

use super::{Bucket, View};
use crate::engine::Family;
use crate::error::ProveError;
use crate::layout::{self, Child, PromiseValue};
use cairn_primitives::chunk_tree;
use cairn_primitives::{Commitment, H256, LeafCount, LeafIndex, Sequence};
use std::io::Write;

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

impl Bucket {
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
    pub(crate) fn promise_of(
        &self,
        tree: Sequence,
        root: &H256,
    ) -> Result<Option<LeafCount>, ProveError> {
        let key = layout::promise_key(root, tree);
        let Some(value) = self.engine.get(Family::Tree, &key)? else {
            return Ok(None);
        };
        let value = PromiseValue::parse(&value)
            .ok_or_else(|| self.unsound("a record of what was signed cannot be read"))?;
        Ok(Some(value.count))
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
                reason: "a record of what was signed cannot be read".into(),
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
}

impl View<'_> {
    /// Writes the content of a leaf to `sink`, and returns its length in bytes. Checks
    /// each chunk against its hash before it is written.
    ///
    /// # Errors
    ///
    /// [`ProveError`]; the chunks written until then passed their checks.
    pub fn read_content(&self, index: LeafIndex, sink: &mut impl Write) -> Result<u64, ProveError> {
        self.for_each_chunk(index, |_, chunk| {
            sink.write_all(chunk).map_err(ProveError::Sink)
        })
    }

    /// Hands each chunk of a leaf to `each`, in order, once checked against its hash.
    /// Returns the content's length in bytes.
    pub(crate) fn for_each_chunk(
        &self,
        index: LeafIndex,
        each: impl FnMut(&H256, &[u8]) -> Result<(), ProveError>,
    ) -> Result<u64, ProveError> {
        let length = self.walk_chunks(index, each);
        length.map_err(|error| self.bucket.missing_from(self.tree, error))
    }

    fn walk_chunks(
        &self,
        index: LeafIndex,
        mut each: impl FnMut(&H256, &[u8]) -> Result<(), ProveError>,
    ) -> Result<u64, ProveError> {
        let leaf = self.leaf(index)?;
        if let Some(flag) = self.flag(index)? {
            let (kind, hash) = (flag.root, leaf.data_root);
            return self.for_each_flagged_chunk(Child { kind, hash }, each);
        }
        let chunks = chunk_tree::chunk_count(leaf.data_size);
        let mut next = 0u64;
        // Nodes to visit, with their heights; the leftmost on top.
        let mut to_visit = vec![(leaf.data_root, chunk_tree::depth(leaf.data_size))];
        while let Some((hash, height)) = to_visit.pop() {
            if next >= chunks {
                // The rest is padding.
                break;
            }
            if let Some(below) = height.checked_sub(1) {
                let node = self.bucket.interior(&hash)?;
                to_visit.extend([(node.right, below), (node.left, below)]);
                continue;
            }
            let bytes = self.bucket.chunk_bytes(&hash)?;
            self.check_chunk(&hash, &bytes)?;
            each(&hash, &bytes)?;
            next = next.saturating_add(1);
        }
        Ok(leaf.data_size)
    }

    pub(super) fn check_chunk(&self, hash: &H256, bytes: &[u8]) -> Result<(), ProveError> {
        if self.bucket.config.profile.chunk(bytes) == *hash {
            return Ok(());
        }
        let reason = format!("the bytes of chunk {hash:?} do not hash to it");
        Err(ProveError::Unsound {
            bucket: self.bucket.id,
            reason,
        })
    }
}
