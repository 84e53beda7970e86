//! Reads content by its hash, for a client that copies a bucket or resumes an upload.

use super::Bucket;
use crate::error::ProveError;
use cairn_engine::layout::{self, InteriorValue};
use cairn_primitives::H256;

/// The content that a bucket holds under a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredContent {
    /// The bytes of a chunk.
    Chunk(Vec<u8>),
    /// An interior node of a chunk tree.
    Node {
        /// Its left child.
        left: H256,
        /// Its right child.
        right: H256,
    },
}

impl Bucket {
    /// Returns the length in bytes of what [`Bucket::fetch`] would return for a hash; for
    /// a node, the length of its children's hashes. `None` if it is not stored, or an
    /// unfinished upload claims it.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the record cannot be read.
    pub fn content_length(&self, hash: &H256) -> Result<Option<u64>, ProveError> {
        if let Some(length) = self.read_unclaimed(&layout::chunk_length_key(hash))? {
            let length = layout::parse_chunk_length(&length);
            let unreadable = || self.unsound(format!("the length of {hash:?} cannot be read"));
            return Ok(Some(length.ok_or_else(unreadable)?.into()));
        }
        let node = self.read_unclaimed(&layout::interior_key(hash))?;
        Ok(node.map(|_| 64))
    }

    /// Returns the content stored under a hash, once checked against it: a chunk if there
    /// is one, otherwise an interior node.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if it cannot be read, or has another hash.
    pub fn fetch(&self, hash: &H256) -> Result<Option<StoredContent>, ProveError> {
        if self
            .read_unclaimed(&layout::chunk_length_key(hash))?
            .is_some()
        {
            let bytes = self.chunk_bytes(hash)?;
            self.check_hash(hash, self.config.profile.chunk(&bytes))?;
            return Ok(Some(StoredContent::Chunk(bytes)));
        }
        if self.read_unclaimed(&layout::interior_key(hash))?.is_none() {
            return Ok(None);
        }
        let InteriorValue { left, right, .. } = self.interior(hash)?;
        self.check_hash(hash, self.config.profile.node(&left, &right))?;
        Ok(Some(StoredContent::Node { left, right }))
    }

    fn check_hash(&self, expected: &H256, found: H256) -> Result<(), ProveError> {
        if found == *expected {
            return Ok(());
        }
        Err(self.unsound(format!(
            "the content stored for {expected:?} hashes to {found:?}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::BucketConfig;
    use cairn_engine::{Family, SharedResources};
    use cairn_primitives::{BucketId, HashingProfile, blake2_256};

    #[test]
    fn content_is_fetched_by_its_hash_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let chunk = vec![7; 1_000];
        let profile = HashingProfile::Plain;
        let hash = profile.chunk(&chunk);
        bucket.put_chunk(hash, &chunk).unwrap();
        let content = bucket.ingest(&vec![9; 300_000][..]).unwrap();

        assert_eq!(bucket.content_length(&hash).unwrap(), Some(1_000));
        assert_eq!(
            bucket.fetch(&hash).unwrap(),
            Some(StoredContent::Chunk(chunk))
        );
        let root = content.data_root;
        assert_eq!(bucket.content_length(&root).unwrap(), Some(64));
        let Some(StoredContent::Node { left, right }) = bucket.fetch(&root).unwrap() else {
            panic!("the root of two chunks is a node");
        };
        assert_eq!(profile.node(&left, &right), root);
        assert_eq!(bucket.content_length(&left).unwrap(), Some(262_144));
        let absent = blake2_256(b"absent");
        assert_eq!(bucket.content_length(&absent).unwrap(), None);
        assert_eq!(bucket.fetch(&absent).unwrap(), None);
    }

    #[test]
    fn fetching_damaged_content_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let chunk = vec![7; 100];
        let hash = HashingProfile::Plain.chunk(&chunk);
        bucket.put_chunk(hash, &chunk).unwrap();
        let mut batch = bucket.engine.batch();
        batch.put(Family::Content, layout::chunk_key(&hash), &[8; 100]);
        let durability = cairn_engine::Durability::Buffered;
        bucket.engine.write(batch, durability).unwrap();
        let error = bucket.fetch(&hash).unwrap_err();
        assert!(matches!(error, ProveError::Damaged { .. }), "{error}");
    }
}
