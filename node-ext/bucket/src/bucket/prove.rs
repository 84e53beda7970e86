//! Proofs for any signed root and any leaf count of a tree, from nodes that are never
//! rewritten.
//!
//! Every proof is made within a [`View`] of one leaf count. It is returned as a
//! [`ProvenLeaf`] or an [`Answer`], which exist only once the strict rule has accepted
//! them, and for a challenge the chain's own rule too (I5, I12).

use super::lookup::ProofRecords;
use super::{Bucket, View};
use crate::error::ProveError;
use cairn_engine::Family;
use cairn_engine::layout::{self, InteriorValue};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::mmr::LeafRoute;
use cairn_primitives::{
    Answer, ChunkIndex, H256, LeafIndex, MerkleProof, MmrLeaf, MmrProof, ProvenLeaf, chunk_tree,
    verify,
};

impl Bucket {
    pub(crate) fn unsound(&self, reason: impl ToString) -> ProveError {
        ProveError::Damaged {
            bucket: self.id,
            reason: reason.to_string(),
        }
    }

    pub(super) fn interior(&self, hash: &H256) -> Result<InteriorValue, ProveError> {
        let value = self
            .engine
            .get(Family::Content, &layout::interior_key(hash))?;
        let value = value.ok_or(ProveError::MissingContent {
            bucket: self.id,
            hash: *hash,
        })?;
        InteriorValue::parse(&value)
            .ok_or_else(|| self.unsound(format!("node {hash:?} cannot be read")))
    }

    /// Reads the bytes of a chunk, without verifying them.
    pub(super) fn chunk_bytes(&self, hash: &H256) -> Result<Vec<u8>, ProveError> {
        self.engine
            .get(Family::Content, &layout::chunk_key(hash))?
            .ok_or(ProveError::MissingContent {
                bucket: self.id,
                hash: *hash,
            })
    }

    /// Returns the Merkle path of a slot's chunk to its data root, and the chunk's hash.
    fn chunk_path(
        &self,
        leaf: &MmrLeaf,
        slot: ChunkIndex,
    ) -> Result<(MerkleProof, H256), ProveError> {
        let mut proof = MerkleProof::default();
        let mut node = leaf.data_root;
        for level in (0..chunk_tree::depth(leaf.data_size)).rev() {
            let InteriorValue { left, right, .. } = self.interior(&node)?;
            let goes_right = slot.0 >> level & 1 == 1;
            let (next, sibling) = if goes_right {
                (right, left)
            } else {
                (left, right)
            };
            proof.siblings.push(sibling);
            proof.path.push(goes_right);
            node = next;
        }
        proof.siblings.reverse();
        proof.path.reverse();
        Ok((proof, node))
    }
}

impl View<'_> {
    /// Proves a leaf, in one batched read.
    ///
    /// # Errors
    ///
    /// [`ProveError`], also if the stored records give a proof that does not verify.
    pub fn mmr_proof(&self, index: LeafIndex) -> Result<ProvenLeaf, ProveError> {
        let sequence = self.sequence(index)?;
        let none = ProveError::NoSuchLeaf {
            bucket: self.bucket.id,
            index,
            count: self.count,
        };
        let LeafRoute {
            mut siblings,
            path,
            peaks,
        } = LeafRoute::new(index, self.count).ok_or(none)?;
        let height = siblings.len();
        siblings.extend(peaks);
        let ProofRecords {
            nodes: mut hashes,
            leaf,
            from_disk,
        } = self.look_up_proof(&siblings, sequence)?;
        let peaks = hashes.split_off(height.min(hashes.len()));
        let commitment = self.commitment_over(&peaks)?;
        let leaf_proof = MerkleProof {
            siblings: hashes,
            path,
        };
        let proof = MmrProof {
            peaks,
            leaf,
            leaf_proof,
        };
        let proven = ProvenLeaf::new(self.profile(), commitment, index, proof)
            .map_err(|reason| self.bucket.unsound(reason))?;
        self.cache_verified(from_disk);
        Ok(proven)
    }

    /// Answers a challenge with the chunk, its path and the leaf's proof, verified by the
    /// strict rule and by the chain's own.
    ///
    /// The chain counts a chunk index modulo the number of slots; so does the answer.
    ///
    /// # Errors
    ///
    /// [`ProveError`]; [`ProveError::NoSuchChunk`] for a padding slot, which no proof can
    /// answer, and [`ProveError::Unprovable`] for imported content of a shape that the
    /// chain cannot verify.
    pub fn answer(&self, location: ChunkLocation) -> Result<Answer, ProveError> {
        let (leaf, chunk) = (location.leaf_index, location.chunk_index);
        self.checked_answer(location)
            .map_err(|error| self.explain_failure(leaf, chunk, error))
    }

    fn checked_answer(&self, location: ChunkLocation) -> Result<Answer, ProveError> {
        let bucket = self.bucket;
        let ChunkLocation {
            leaf_index,
            chunk_index,
        } = location;
        let leaf = self.mmr_proof(leaf_index)?;
        let data_size = leaf.leaf().data_size;
        let slot = chunk_tree::slot(chunk_index, data_size);
        verify::chunk_length(slot, data_size).map_err(|reason| ProveError::NoSuchChunk {
            bucket: bucket.id,
            leaf: leaf_index,
            chunk: chunk_index,
            reason,
        })?;
        let content = bucket
            .chunk_path(&leaf.leaf(), slot)
            .and_then(|(path, hash)| {
                let bytes = bucket.chunk_bytes(&hash)?;
                Ok((path, bytes))
            });
        let (chunk_proof, chunk_data) =
            content.map_err(|error| bucket.released_or(self.tree, error))?;
        let answer = leaf.answer(chunk_index, chunk_data, chunk_proof);
        answer.map_err(|reason| bucket.unsound(reason))
    }
}
