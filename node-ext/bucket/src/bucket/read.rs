//! Reads the content of a leaf.

use super::View;
use crate::error::ProveError;
use cairn_engine::layout::Child;
use cairn_primitives::{H256, LeafIndex, chunk_tree};
use std::io::Write;

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
        length.map_err(|error| self.bucket.released_or(self.tree, error))
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
        Err(ProveError::Damaged {
            bucket: self.bucket.id,
            reason,
        })
    }
}
