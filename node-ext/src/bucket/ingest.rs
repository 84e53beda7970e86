//! Storing content, before it is committed: each chunk once, counted once.
//!
//! A node is stored only after its children, with the shape of what is under
//! it; so that a stored node means a whole, provable subtree, and a commit
//! needs to look at the root alone (I1).
//!
//! An upload that fails takes back what it stored. Until it has ended, what it
//! stored is *claimed*: other uploads of the same content claim it too, and
//! nodes and commits of others do not build on it.

use super::Bucket;
use crate::engine::{Durability, EngineError, Family};
use crate::error::IngestError;
use crate::layout::{self, InteriorValue, Usage};
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{
    CHUNK_BYTES, ContentRoot, InteriorNode, ShapeError, Subtree, TreeBuilder, padding,
};
use codec::Encode;
use parking_lot::MutexGuard;
use std::collections::HashMap;
use std::io::Read;
use std::sync::mpsc;

/// Hashed chunks that may wait to be stored, while the next one is being read
/// and hashed on a thread of its own.
const CHUNKS_AHEAD: usize = 4;

/// What an upload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// Root of the content's chunk tree.
    pub data_root: H256,
    /// Length of the content, in bytes.
    pub data_size: u64,
    /// Chunks of the content.
    pub chunks: u64,
    /// Bytes that were not in the bucket before.
    pub new_bytes: u64,
}

/// A key in the content family, without the tag of a chunk's bytes.
type ContentKey = [u8; 33];

/// What the content lock guards.
pub(super) struct ContentState {
    usage: Usage,
    /// For each key that unfinished uploads have stored, how many claim it.
    claims: HashMap<ContentKey, u32>,
}

impl ContentState {
    pub(super) fn new(usage: Usage) -> Self {
        Self {
            usage,
            claims: HashMap::new(),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }
}

/// A chunk with its hash.
struct HashedChunk {
    hash: H256,
    bytes: Vec<u8>,
}

impl Bucket {
    /// Stores content from `source` to its end: cut, hashed and made a tree.
    ///
    /// Memory does not grow with the content, but for some 100 bytes for each
    /// new chunk that would have to be taken back.
    ///
    /// # Errors
    ///
    /// [`IngestError`]; what this call stored is then gone again.
    pub fn ingest<R: Read + Send>(&self, mut source: R) -> Result<Ingested, IngestError> {
        self.usable()?;
        let mut upload = Upload::new(self);
        let stored = match read_chunk(&mut source) {
            Err(error) => Err(IngestError::Source(error)),
            // One chunk is not worth a thread.
            Ok(bytes) if bytes.len() < CHUNK_BYTES => upload.push(self.hashed(bytes)),
            Ok(bytes) => self.ingest_ahead(bytes, source, &mut upload),
        };
        match stored.and_then(|()| upload.finish()) {
            Ok(ingested) => {
                upload.settle();
                Ok(ingested)
            }
            Err(error) => {
                upload.take_back();
                Err(error)
            }
        }
    }

    /// Reads and hashes on a second thread while this one stores.
    fn ingest_ahead<R: Read + Send>(
        &self,
        first: Vec<u8>,
        mut source: R,
        upload: &mut Upload<'_>,
    ) -> Result<(), IngestError> {
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(CHUNKS_AHEAD);
            scope.spawn(move || {
                let mut bytes = first;
                loop {
                    let full = bytes.len() == CHUNK_BYTES;
                    // The receiver is gone when storing failed.
                    if sender.send(Ok(self.hashed(bytes))).is_err() || !full {
                        return;
                    }
                    bytes = match read_chunk(&mut source) {
                        Ok(bytes) if bytes.is_empty() => return,
                        Ok(bytes) => bytes,
                        Err(error) => return drop(sender.send(Err(error))),
                    };
                }
            });
            receiver
                .into_iter()
                .try_for_each(|chunk| upload.push(chunk.map_err(IngestError::Source)?))
        })
    }

    fn hashed(&self, bytes: Vec<u8>) -> HashedChunk {
        HashedChunk {
            hash: self.config.profile.chunk(&bytes),
            bytes,
        }
    }

    /// Stores one chunk that a client names by its hash. Returns whether it is
    /// new here.
    ///
    /// # Errors
    ///
    /// [`IngestError`], with nothing changed.
    pub fn put_chunk(&self, claimed: H256, bytes: &[u8]) -> Result<bool, IngestError> {
        self.usable()?;
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
        // What an unfinished upload stored stays now, whatever becomes of it.
        content.claims.remove(&layout::chunk_length_key(&claimed));
        self.store_chunk(&mut content, &claimed, bytes)
    }

    /// Stores one interior node that a client names by its hash. Both children
    /// must be in the bucket, or be padding. Returns whether it is new here.
    ///
    /// # Errors
    ///
    /// [`IngestError`], with nothing changed.
    pub fn put_node(&self, claimed: H256, left: H256, right: H256) -> Result<bool, IngestError> {
        self.usable()?;
        let profile = self.config.profile;
        let found = profile.node(&left, &right);
        if found != claimed {
            return Err(IngestError::HashMismatch { claimed, found });
        }
        let mut content = self.content.lock();
        let Some(subtree) = self.joined(&content, claimed, left, right)? else {
            return Ok(false);
        };
        let node = InteriorNode {
            hash: claimed,
            left,
            right,
            subtree,
        };
        self.store_interior(&mut content, &node)
    }

    /// The shape of a node over two children; `None` over nothing but padding,
    /// which needs no storing.
    fn joined(
        &self,
        content: &ContentState,
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
        // A child may be a chunk, an interior node, or, under the plain profile
        // and with 64 bytes, either: take what makes a tree.
        let lefts = self.settled_subtrees(content, &left)?;
        if lefts.is_empty() {
            return Err(missing(left));
        }
        if let Some(beside) = lefts.iter().find(|tree| is_padding(&right, tree.height())) {
            return beside.join(None).map(Some).map_err(shape);
        }
        let rights = self.settled_subtrees(content, &right)?;
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

    /// What is known of a hash, as a chunk and as an interior node.
    fn settled_subtrees(
        &self,
        content: &ContentState,
        hash: &H256,
    ) -> Result<Vec<Subtree>, IngestError> {
        let damaged = || IngestError::Damaged {
            bucket: self.id,
            hash: *hash,
        };
        let mut subtrees = Vec::new();
        let length_key = layout::chunk_length_key(hash);
        if let Some(value) = self.settled_in(content, &length_key)? {
            let length = layout::parse_chunk_length(&value).ok_or_else(damaged)?;
            let length = usize::try_from(length).map_err(|_| damaged())?;
            subtrees.push(Subtree::chunk(length).map_err(|_| damaged())?);
        }
        if let Some(value) = self.settled_in(content, &layout::interior_key(hash))? {
            subtrees.push(InteriorValue::parse(&value).ok_or_else(damaged)?.subtree);
        }
        Ok(subtrees)
    }

    fn settled_in(
        &self,
        content: &ContentState,
        key: &ContentKey,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        if content.claims.contains_key(key) {
            return Ok(None);
        }
        self.engine.get(Family::Content, key)
    }

    /// Reads a record of content that no unfinished upload may take back.
    pub(super) fn settled(&self, key: &ContentKey) -> Result<Option<Vec<u8>>, EngineError> {
        self.settled_in(&self.content.lock(), key)
    }

    /// Whether the bucket holds a chunk or interior node of this hash, which
    /// no unfinished upload may take back.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn contains(&self, hash: &H256) -> Result<bool, EngineError> {
        Ok(self.settled(&layout::chunk_length_key(hash))?.is_some()
            || self.settled(&layout::interior_key(hash))?.is_some())
    }

    /// Stores a chunk unless it is there, in the content lock.
    fn store_chunk(
        &self,
        content: &mut MutexGuard<'_, ContentState>,
        hash: &H256,
        bytes: &[u8],
    ) -> Result<bool, IngestError> {
        let key = layout::chunk_length_key(hash);
        if self.engine.get(Family::Content, &key)?.is_some() {
            return Ok(false);
        }
        let too_long = || ShapeError::ChunkTooLong {
            length: bytes.len(),
        };
        let length = u32::try_from(bytes.len()).map_err(|_| IngestError::Shape {
            hash: *hash,
            reason: too_long(),
        })?;
        let mut usage = content.usage;
        let full = || IngestError::Quota {
            bucket: self.id,
            needed: length.into(),
            used: usage.bytes,
            max: self.config.max_bytes,
        };
        let used = usage.bytes.checked_add(length.into()).ok_or_else(full)?;
        if used > self.config.max_bytes {
            return Err(full());
        }
        usage.bytes = used;
        usage.chunks = usage.chunks.saturating_add(1);
        let mut batch = self.engine.batch();
        batch.put(Family::Content, &layout::chunk_key(hash), bytes);
        batch.put(Family::Content, &key, &layout::chunk_length_value(length));
        self.write_content(content, batch, usage)?;
        Ok(true)
    }

    /// Stores an interior node unless it is there, in the content lock.
    fn store_interior(
        &self,
        content: &mut MutexGuard<'_, ContentState>,
        node: &InteriorNode,
    ) -> Result<bool, IngestError> {
        let key = layout::interior_key(&node.hash);
        if self.engine.get(Family::Content, &key)?.is_some() {
            return Ok(false);
        }
        let InteriorNode {
            left,
            right,
            subtree,
            ..
        } = *node;
        let value = InteriorValue {
            left,
            right,
            subtree,
        }
        .to_bytes();
        let mut usage = content.usage;
        usage.interior_nodes = usage.interior_nodes.saturating_add(1);
        let mut batch = self.engine.batch();
        batch.put(Family::Content, &key, &value);
        self.write_content(content, batch, usage)?;
        Ok(true)
    }

    fn write_content(
        &self,
        content: &mut MutexGuard<'_, ContentState>,
        mut batch: crate::engine::Batch<'_>,
        usage: Usage,
    ) -> Result<(), EngineError> {
        batch.put(Family::Content, layout::USAGE_KEY, &usage.encode());
        self.engine
            .write(batch, Durability::Buffered)
            .map_err(|error| self.poisoned_by(error))?;
        content.usage = usage;
        Ok(())
    }
}

/// Content on its way in, and what to take back should it fail.
struct Upload<'b> {
    bucket: &'b Bucket,
    tree: Option<TreeBuilder>,
    /// What this upload stored, or shares with another unfinished one.
    claimed: Vec<ContentKey>,
    chunks: u64,
    new_bytes: u64,
}

impl<'b> Upload<'b> {
    fn new(bucket: &'b Bucket) -> Self {
        let tree = Some(TreeBuilder::new(bucket.config.profile));
        Self {
            bucket,
            tree,
            claimed: Vec::new(),
            chunks: 0,
            new_bytes: 0,
        }
    }

    fn push(&mut self, chunk: HashedChunk) -> Result<(), IngestError> {
        self.bucket.usable()?;
        let mut nodes = Vec::new();
        let shape = |reason| IngestError::Shape {
            hash: chunk.hash,
            reason,
        };
        if let Some(tree) = &mut self.tree {
            tree.push(chunk.hash, chunk.bytes.len(), |node| nodes.push(node))
                .map_err(shape)?;
        }
        self.chunks = self.chunks.saturating_add(1);
        let mut content = self.bucket.content.lock();
        let new = self
            .bucket
            .store_chunk(&mut content, &chunk.hash, &chunk.bytes)?;
        if new {
            let length = u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
            self.new_bytes = self.new_bytes.saturating_add(length);
        }
        self.claim(&mut content, layout::chunk_length_key(&chunk.hash), new);
        self.store_nodes(&mut content, &nodes)
    }

    fn store_nodes(
        &mut self,
        content: &mut MutexGuard<'_, ContentState>,
        nodes: &[InteriorNode],
    ) -> Result<(), IngestError> {
        nodes.iter().try_for_each(|node| {
            let new = self.bucket.store_interior(content, node)?;
            self.claim(content, layout::interior_key(&node.hash), new);
            Ok(())
        })
    }

    /// Claims what this upload stored, and what another unfinished one did.
    fn claim(&mut self, content: &mut ContentState, key: ContentKey, new: bool) {
        if new || content.claims.contains_key(&key) {
            let claims = content.claims.entry(key).or_default();
            *claims = claims.saturating_add(1);
            self.claimed.push(key);
        }
    }

    fn finish(&mut self) -> Result<Ingested, IngestError> {
        let mut nodes = Vec::new();
        let root = self
            .tree
            .take()
            .and_then(|tree| tree.finish(|node| nodes.push(node)));
        let Some(ContentRoot { root, subtree }) = root else {
            return Err(IngestError::Source(
                std::io::ErrorKind::UnexpectedEof.into(),
            ));
        };
        let bucket = self.bucket;
        self.store_nodes(&mut bucket.content.lock(), &nodes)?;
        Ok(Ingested {
            data_root: root,
            data_size: subtree.bytes(),
            chunks: self.chunks,
            new_bytes: self.new_bytes,
        })
    }

    /// Makes all that was claimed everybody's.
    fn settle(&mut self) {
        let mut content = self.bucket.content.lock();
        for key in self.claimed.drain(..) {
            content.claims.remove(&key);
        }
    }

    /// Removes what this upload stored and nobody else needs. A failure here
    /// poisons the bucket and leaves content that no leaf refers to.
    fn take_back(&mut self) {
        let bucket = self.bucket;
        let mut content = bucket.content.lock();
        let mut unneeded = Vec::new();
        for key in self.claimed.drain(..) {
            // Not claimed any more: another upload has settled it.
            let Some(claims) = content.claims.get_mut(&key) else {
                continue;
            };
            *claims = claims.saturating_sub(1);
            if *claims == 0 {
                content.claims.remove(&key);
                unneeded.push(key);
            }
        }
        if bucket.usable().is_err() {
            return;
        }
        let removed = unneeded
            .iter()
            .try_for_each(|key| bucket.remove_content(&mut content, key));
        if let Err(error) = removed {
            tracing::error!(bucket = %bucket.id, %error, "could not take back a failed upload");
        }
    }
}

impl Bucket {
    fn remove_content(
        &self,
        content: &mut MutexGuard<'_, ContentState>,
        key: &ContentKey,
    ) -> Result<(), EngineError> {
        let mut usage = content.usage;
        let mut batch = self.engine.batch();
        batch.delete(Family::Content, key);
        let (tag, hash) = (
            key.first(),
            H256::from_slice(key.get(1..).unwrap_or(&[0; 32])),
        );
        if tag == layout::interior_key(&hash).first() {
            usage.interior_nodes = usage.interior_nodes.saturating_sub(1);
        } else {
            let length = self.engine.get(Family::Content, key)?;
            let length = length
                .and_then(|value| layout::parse_chunk_length(&value))
                .unwrap_or(0);
            usage.bytes = usage.bytes.saturating_sub(length.into());
            usage.chunks = usage.chunks.saturating_sub(1);
            batch.delete(Family::Content, &layout::chunk_key(&hash));
        }
        self.write_content(content, batch, usage)
    }
}

/// Reads up to one chunk, short only at the end of the source.
fn read_chunk(source: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    source.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
