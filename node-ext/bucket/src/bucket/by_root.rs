//! Reads content by its data root, without a leaf: for clients that know no bucket and no leaf.

use super::Bucket;
use crate::error::ProveError;
use cairn_engine::Family;
use cairn_engine::layout::{self, InteriorValue};
use cairn_primitives::chunk_tree::{self, Subtree};
use cairn_primitives::{ChunkIndex, H256, MerkleProof};

/// A chunk of the content under a data root, checked against that root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkUnderRoot {
    /// The chunk's hash.
    pub hash: H256,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The path from the chunk to the data root.
    pub proof: MerkleProof,
}

impl Bucket {
    /// Returns the length in bytes of the content under a data root, or `None` if the bucket does
    /// not hold it whole. If the hash is that of an interior node and of a chunk of 64 bytes, the
    /// node counts.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the record cannot be read.
    pub fn size_under(&self, root: &H256) -> Result<Option<u64>, ProveError> {
        if let Some(value) = self.read_unclaimed(&layout::interior_key(root))? {
            return Ok(Some(self.parse_interior(root, &value)?.subtree.bytes()));
        }
        let length = self.read_unclaimed(&layout::chunk_length_key(root))?;
        let length = length.map(|value| {
            let unreadable = || self.unsound(format!("the length of {root:?} cannot be read"));
            layout::parse_chunk_length(&value).ok_or_else(unreadable)
        });
        Ok(length.transpose()?.map(u64::from))
    }

    /// Returns a chunk of the content under a data root with its path, or `None` if the bucket
    /// does not hold the content or it has no such chunk.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if something on the path cannot be read, or does not hash to its parent.
    pub fn chunk_under(
        &self,
        root: &H256,
        index: ChunkIndex,
    ) -> Result<Option<ChunkUnderRoot>, ProveError> {
        match self.walk_to(root, index) {
            // Nobody is held to content that no leaf has: it may go while it is read.
            Err(ProveError::MissingContent { .. }) if self.may_be_going(root)? => Ok(None),
            found => found,
        }
    }

    /// Returns whether a root is gone, or a release may be removing it.
    fn may_be_going(&self, root: &H256) -> Result<bool, ProveError> {
        let content = self.content.lock();
        let is_there = |key: [u8; 33]| -> Result<bool, ProveError> {
            Ok(self.engine.get(Family::Content, &key)?.is_some())
        };
        Ok(content.relied_on.is_some()
            || !is_there(layout::interior_key(root))? && !is_there(layout::chunk_length_key(root))?)
    }

    fn walk_to(
        &self,
        root: &H256,
        index: ChunkIndex,
    ) -> Result<Option<ChunkUnderRoot>, ProveError> {
        let Some(tree) = self.shape_under(root)? else {
            return Ok(None);
        };
        if index.0 >= tree.chunks() {
            return Ok(None);
        }
        let profile = self.config.profile;
        let mut proof = MerkleProof::default();
        let mut hash = *root;
        for level in (0..tree.height()).rev() {
            let InteriorValue { left, right, .. } = self.interior(&hash)?;
            if profile.node(&left, &right) != hash {
                return Err(self.unsound(format!("node {hash:?} has another hash")));
            }
            let goes_right = index.0 >> level & 1 == 1;
            let (next, sibling) = match goes_right {
                true => (right, left),
                false => (left, right),
            };
            proof.siblings.push(sibling);
            proof.path.push(goes_right);
            hash = next;
        }
        proof.siblings.reverse();
        proof.path.reverse();
        let bytes = self.chunk_bytes(&hash)?;
        if profile.chunk(&bytes) != hash {
            return Err(self.unsound(format!("the bytes of chunk {hash:?} do not hash to it")));
        }
        Ok(Some(ChunkUnderRoot { hash, bytes, proof }))
    }

    /// Returns the children of an interior node, or `None` if the bucket does not hold it.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if it cannot be read, or has another hash.
    pub fn children_of(&self, hash: &H256) -> Result<Option<(H256, H256)>, ProveError> {
        let Some(value) = self.read_unclaimed(&layout::interior_key(hash))? else {
            return Ok(None);
        };
        let InteriorValue { left, right, .. } = self.parse_interior(hash, &value)?;
        match self.config.profile.node(&left, &right) == *hash {
            true => Ok(Some((left, right))),
            false => Err(self.unsound(format!("node {hash:?} has another hash"))),
        }
    }

    fn parse_interior(&self, hash: &H256, value: &[u8]) -> Result<InteriorValue, ProveError> {
        InteriorValue::parse(value)
            .ok_or_else(|| self.unsound(format!("node {hash:?} cannot be read")))
    }

    fn shape_under(&self, root: &H256) -> Result<Option<Subtree>, ProveError> {
        if let Some(value) = self.read_unclaimed(&layout::interior_key(root))? {
            return Ok(Some(self.parse_interior(root, &value)?.subtree));
        }
        let Some(length) = self.size_under(root)? else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(chunk_tree::CHUNK_BYTES);
        let shape = Subtree::chunk(length);
        shape.map(Some).map_err(|reason| self.unsound(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::BucketConfig;
    use cairn_engine::SharedResources;
    use cairn_primitives::chunk_tree::CHUNK_BYTES;
    use cairn_primitives::{BucketId, HashingProfile};

    fn root_of(chunk: &ChunkUnderRoot) -> H256 {
        let steps = chunk.proof.siblings.iter().zip(&chunk.proof.path);
        steps.fold(chunk.hash, |node, (sibling, is_right)| match is_right {
            true => HashingProfile::Plain.node(sibling, &node),
            false => HashingProfile::Plain.node(&node, sibling),
        })
    }

    #[test]
    fn each_chunk_is_read_by_its_root_and_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        for chunks in [1, 2, 3, 5] {
            let bytes: Vec<u8> = (0..chunks * CHUNK_BYTES - 7)
                .map(|at| (at / 1_000 % 251) as u8)
                .collect();
            let content = bucket.ingest(&bytes[..]).unwrap();
            let root = content.data_root;
            assert_eq!(bucket.size_under(&root).unwrap(), Some(bytes.len() as u64));
            for (index, expected) in bytes.chunks(CHUNK_BYTES).enumerate() {
                let index = ChunkIndex(index as u64);
                let chunk = bucket.chunk_under(&root, index).unwrap().unwrap();
                assert_eq!(chunk.bytes, expected);
                assert_eq!(root_of(&chunk), root);
            }
            let past = ChunkIndex(chunks as u64);
            assert_eq!(bucket.chunk_under(&root, past).unwrap(), None);
        }
        let none = H256::repeat_byte(1);
        assert_eq!(bucket.size_under(&none).unwrap(), None);
        assert_eq!(bucket.chunk_under(&none, ChunkIndex(0)).unwrap(), None);
        assert_eq!(bucket.children_of(&none).unwrap(), None);
    }

    #[test]
    fn a_node_counts_where_a_chunk_has_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let content = bucket.ingest(&vec![9; 2 * CHUNK_BYTES][..]).unwrap();
        let root = content.data_root;
        let (left, right) = bucket.children_of(&root).unwrap().unwrap();
        let both = [left.as_bytes(), right.as_bytes()].concat();
        bucket.put_chunk(root, &both).unwrap();
        assert_eq!(bucket.size_under(&root).unwrap(), Some(content.data_size));
        let second = bucket.chunk_under(&root, ChunkIndex(1)).unwrap().unwrap();
        assert_eq!(second.hash, right);
    }
}
