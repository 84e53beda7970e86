//! Answers to challenges of what no leaf has, on chains that do not bind a proof to the
//! challenged leaf.
//!
//! Such a chain opens a challenge of a leaf beyond the root's count, or of padding, and slashes
//! for silence. It accepts any leaf of the root that has a chunk at the challenged slot, so
//! that is the answer. Content that is lost is not replaced in this way: then the error stays.

use super::View;
use crate::error::ProveError;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{Answer, ChunkIndex, LeafIndex, chunk_tree, verify};

/// The most leaves that are tried.
const MAX_LEAVES: usize = 1_024;

impl View<'_> {
    /// Answers a challenge on a chain that does not bind a proof to the challenged leaf: as
    /// [`View::answer`], but with another leaf if the challenged place has nothing to prove. The
    /// newest leaves are tried first.
    ///
    /// # Errors
    ///
    /// That of [`View::answer`], if it is another, or none of the leaves that were tried has a
    /// chunk at the slot.
    pub fn answer_unbound(&self, location: ChunkLocation) -> Result<Answer, ProveError> {
        let error = match self.answer(location) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match error {
            ProveError::NoSuchLeaf { .. }
            | ProveError::NoSuchChunk { .. }
            | ProveError::Unprovable { .. } => {}
            error => return Err(error),
        }
        let newest = (0..self.count.get()).rev().take(MAX_LEAVES);
        for leaf in newest.map(LeafIndex) {
            if !self.has_chunk(leaf, location.chunk_index) {
                continue;
            }
            let place = ChunkLocation {
                leaf_index: leaf,
                ..location
            };
            if let Ok(answer) = self.answer(place) {
                return Ok(answer);
            }
        }
        Err(error)
    }

    /// Returns whether one of the leaves from `first` on answers for any slot of any leaf: it has
    /// no padding slots and no flag, and is one of those that [`View::answer_unbound`] tries.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if a leaf cannot be read.
    pub fn can_answer_unbound(&self, first: LeafIndex) -> Result<bool, ProveError> {
        let newest = (first.0..self.count.get()).rev().take(MAX_LEAVES);
        for leaf in newest.map(LeafIndex) {
            let has_padding = chunk_tree::has_padding(self.leaf(leaf)?.data_size);
            if !has_padding && self.flag(leaf)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_chunk(&self, leaf: LeafIndex, chunk: ChunkIndex) -> bool {
        self.leaf(leaf).is_ok_and(|leaf| {
            let slot = chunk_tree::slot(chunk, leaf.data_size);
            verify::chunk_length(slot, leaf.data_size).is_ok()
        })
    }
}
