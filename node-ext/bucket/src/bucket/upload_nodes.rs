//! Uploads of single chunks and nodes. Each is named by its hash, children come
//! before parents, and nothing is stored that the chain could not verify.

use super::Bucket;
use super::content::{ContentKey, ContentState};
use crate::error::IngestError;
use cairn_engine::EngineError;
use cairn_engine::layout::{self, InteriorValue};
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{InteriorNode, Subtree, padding};

/// Reads a record of content by its key.
pub(super) type ReadContent<'r> = dyn Fn(&ContentKey) -> Result<Option<Vec<u8>>, EngineError> + 'r;

impl Bucket {
    /// Stores a chunk under the hash that a client claims for it. Returns whether
    /// it is new to the bucket.
    ///
    /// # Errors
    ///
    /// [`IngestError`]; nothing is changed then.
    pub fn put_chunk(&self, claimed: H256, bytes: &[u8]) -> Result<bool, IngestError> {
        self.check_writable()?;
        let shape = |reason| IngestError::Shape {
            hash: claimed,
            reason,
        };
        Subtree::chunk(bytes.len()).map_err(shape)?;
        let found = self.config.profile.chunk(bytes);
        if found != claimed {
            return Err(IngestError::HashMismatch { claimed, found });
        }
        let mut content = self.content.lock();
        // From now on the chunk stays, even if an unfinished upload stored it and fails.
        content.claims.remove(&layout::chunk_length_key(&claimed));
        self.store_chunk(&mut content, &claimed, bytes)
    }

    /// Stores an interior node under the hash that a client claims for it. Each child
    /// must be in the bucket or be padding. Returns whether the node is new to the
    /// bucket.
    ///
    /// # Errors
    ///
    /// [`IngestError`]; nothing is changed then.
    pub fn put_node(&self, claimed: H256, left: H256, right: H256) -> Result<bool, IngestError> {
        self.check_writable()?;
        let profile = self.config.profile;
        let found = profile.node(&left, &right);
        if found != claimed {
            return Err(IngestError::HashMismatch { claimed, found });
        }
        let mut content = self.content.lock();
        let Some(subtree) = self.join_children(&content, claimed, left, right)? else {
            return Ok(false);
        };
        // From now on the node stays, even if an unfinished upload stored it and
        // fails: everything under it stays too.
        content.claims.remove(&layout::interior_key(&claimed));
        let node = InteriorNode {
            hash: claimed,
            left,
            right,
            subtree,
        };
        self.store_interior(&mut content, &node)
    }

    /// Returns the shape of a node over two children; `None` if both are padding,
    /// since such a node is not stored.
    pub(super) fn join_children(
        &self,
        content: &ContentState,
        node: H256,
        left: H256,
        right: H256,
    ) -> Result<Option<Subtree>, IngestError> {
        self.join_children_with(
            &|key| self.read_unclaimed_in(content, key),
            node,
            left,
            right,
        )
    }

    /// Does the same as [`Bucket::join_children`] over the records that `read` returns.
    pub(super) fn join_children_with(
        &self,
        read: &ReadContent<'_>,
        node: H256,
        left: H256,
        right: H256,
    ) -> Result<Option<Subtree>, IngestError> {
        let missing = |child| IngestError::MissingChild {
            bucket: self.id,
            node,
            child,
        };
        let shape = |reason| IngestError::Shape { hash: node, reason };
        let is_padding = |hash: &H256, height| *hash == padding(self.config.profile, height);
        if left == right && (0..u64::BITS).any(|height| is_padding(&left, height)) {
            return Ok(None);
        }
        // Under the plain profile a chunk of 64 bytes and an interior node can share a
        // hash: take the reading that makes a valid tree.
        let lefts = self.stored_subtrees(read, &left)?;
        if lefts.is_empty() {
            return Err(missing(left));
        }
        if let Some(padded) = lefts.iter().find(|tree| is_padding(&right, tree.height())) {
            return padded.join(None).map(Some).map_err(shape);
        }
        let rights = self.stored_subtrees(read, &right)?;
        let pairs = lefts
            .iter()
            .flat_map(|left| rights.iter().map(|right| left.join(Some(*right))));
        let mut refusal = missing(right);
        for joined in pairs {
            match joined {
                Ok(subtree) => return Ok(Some(subtree)),
                Err(reason) => refusal = shape(reason),
            }
        }
        Err(refusal)
    }

    /// Returns the shapes stored under a hash: as a chunk, as an interior node, or both.
    pub(super) fn stored_subtrees(
        &self,
        read: &ReadContent<'_>,
        hash: &H256,
    ) -> Result<Vec<Subtree>, IngestError> {
        let damaged = || IngestError::Damaged {
            bucket: self.id,
            hash: *hash,
        };
        let mut subtrees = Vec::new();
        let length_key = layout::chunk_length_key(hash);
        if let Some(value) = read(&length_key)? {
            let length = layout::parse_chunk_length(&value).ok_or_else(damaged)?;
            let length = usize::try_from(length).map_err(|_| damaged())?;
            subtrees.push(Subtree::chunk(length).map_err(|_| damaged())?);
        }
        if let Some(value) = read(&layout::interior_key(hash))? {
            subtrees.push(InteriorValue::parse(&value).ok_or_else(damaged)?.subtree);
        }
        Ok(subtrees)
    }
}
