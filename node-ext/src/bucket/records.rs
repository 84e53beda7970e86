//! Content record by record, for those who check a bucket.

use super::Bucket;
use crate::engine::Family;
use crate::error::ProveError;
use crate::layout::{self, InteriorValue};
use cairn_primitives::H256;

impl Bucket {
    /// Every chunk by its hash and length; `None` for one that cannot be read.
    pub(crate) fn stored_chunks(
        &self,
    ) -> Result<impl Iterator<Item = Result<(H256, Option<u32>), ProveError>> + '_, ProveError>
    {
        self.content_records(layout::CHUNK_LENGTHS, layout::parse_chunk_length)
    }

    /// Every interior node by its hash; `None` for one that cannot be read.
    pub(crate) fn stored_nodes(
        &self,
    ) -> Result<
        impl Iterator<Item = Result<(H256, Option<InteriorValue>), ProveError>> + '_,
        ProveError,
    > {
        self.content_records(layout::INTERIOR_NODES, InteriorValue::parse)
    }

    fn content_records<T>(
        &self,
        prefix: &'static [u8],
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<impl Iterator<Item = Result<(H256, Option<T>), ProveError>>, ProveError> {
        let entries = self.engine.scan(Family::Content, prefix)?;
        Ok(entries.map(move |entry| {
            let (key, value) = entry?;
            let (_, hash) = layout::parse_content_key(&key)
                .ok_or_else(|| self.unsound("a key of its content cannot be read"))?;
            Ok((hash, parse(&value)))
        }))
    }

    /// Whether a chunk's bytes are those that its hash and length name.
    pub(crate) fn check_stored_chunk(&self, hash: &H256, length: u32) -> Result<(), ProveError> {
        let bytes = self.chunk_bytes(hash)?;
        if u32::try_from(bytes.len()) != Ok(length) {
            return Err(self.unsound(format!("{} bytes are stored for {length}", bytes.len())));
        }
        if self.config.profile.chunk(&bytes) != *hash {
            return Err(self.unsound("its bytes do not hash to it"));
        }
        Ok(())
    }

    /// Whether a node is that of its children, which are here, in the shape
    /// that it says.
    pub(crate) fn check_stored_node(
        &self,
        hash: &H256,
        value: Option<InteriorValue>,
    ) -> Result<(), String> {
        let value = value.ok_or("it cannot be read")?;
        let (left, right) = (value.left, value.right);
        if self.config.profile.node(&left, &right) != *hash {
            return Err("its children do not hash to it".into());
        }
        match self.joined(&self.content.lock(), *hash, left, right) {
            Ok(Some(subtree)) if subtree == value.subtree => Ok(()),
            Ok(_) => Err("its children have another shape than it says".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}
