//! Storing content from a reader, in memory that does not grow with it.
//!
//! An upload that fails takes back what it stored: all of it, or what nobody
//! else has come to need.

use super::Bucket;
use super::content::{ContentKey, ContentState};
use super::uploads::UploadMark;
use crate::error::IngestError;
use crate::layout;
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, ContentRoot, InteriorNode, TreeBuilder};
use std::io::Read;
use std::sync::mpsc;

/// Hashed chunks that may wait to be stored, while the next one is being read
/// and hashed on a thread of its own.
const CHUNKS_AHEAD: usize = 4;

/// Chunks of an upload that are logged as they come. The rest is written once
/// and not twice, and made durable when the upload ends; which costs a few
/// syncs, and so is not worth it for less.
const LOGGED_CHUNKS: u64 = 16;

/// Records that a failed upload takes back in one write; in tests each by
/// itself, so that they can interrupt it anywhere.
const REMOVED_AT_ONCE: usize = if cfg!(test) { 1 } else { 1024 };

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
        // Dropped without being settled, an upload takes back what it stored.
        let ingested = stored.and_then(|()| upload.finish())?;
        upload.settle();
        Ok(ingested)
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
}

/// Content on its way in, and what to take back should it fail.
struct Upload<'b> {
    bucket: &'b Bucket,
    mark: UploadMark,
    tree: Option<TreeBuilder>,
    /// What this upload stored, or shares with another unfinished one.
    claimed: Vec<ContentKey>,
    chunks: u64,
    new_bytes: u64,
}

impl<'b> Upload<'b> {
    fn new(bucket: &'b Bucket) -> Self {
        let tree = Some(TreeBuilder::new(bucket.config.profile));
        let mark = bucket.content.lock().uploads.begin();
        Self {
            bucket,
            mark,
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
        if self.chunks > LOGGED_CHUNKS {
            content.stop_logging();
        }
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
        content: &mut ContentState,
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
        if self.chunks > LOGGED_CHUNKS {
            bucket.flush_unlogged()?;
        }
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

    /// Removes what this upload stored and nobody else needs: nodes before
    /// their children, so that whatever interrupts it leaves whole subtrees.
    fn take_back(&mut self) {
        let bucket = self.bucket;
        let mut content = bucket.content.lock();
        let mut unneeded = Vec::new();
        // Backwards, a key is let go where it was first claimed, which was
        // before any node above it arose.
        for key in self.claimed.drain(..).rev() {
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
            .chunks(REMOVED_AT_ONCE)
            .try_for_each(|keys| bucket.remove_content(&mut content, keys));
        if let Err(error) = removed {
            tracing::error!(bucket = %bucket.id, %error, "could not take back a failed upload");
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if !self.claimed.is_empty() {
            self.take_back();
        }
        self.bucket.content.lock().uploads.end(self.mark);
        self.bucket.upload_ended.notify_all();
    }
}

/// Reads up to one chunk, short only at the end of the source.
fn read_chunk(source: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    source.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
