//! Stores content from a reader, in bounded memory.
//!
//! An upload that fails removes the content that it stored, except content that
//! something else needs by then.

use super::Bucket;
use super::content::{ContentKey, ContentState};
use super::uploads::UploadEpoch;
use crate::error::IngestError;
use cairn_engine::layout;
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, ContentRoot, InteriorNode, TreeBuilder};
use std::io::Read;
use std::sync::mpsc;

/// Hashed chunks that may wait to be stored while another thread reads and hashes the
/// next one.
const CHUNKS_AHEAD: usize = 4;

/// Chunks of an upload that are logged. Later chunks are written once instead of twice
/// and made durable at the end of the upload, which costs a few syncs and so does not
/// pay for small uploads.
const LOGGED_CHUNKS: u64 = 16;

/// Records that a failed upload removes in one write; in tests one, so that they can
/// interrupt it anywhere.
const REMOVE_BATCH: usize = if cfg!(test) { 1 } else { 1024 };

/// The result of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// Root of the content's chunk tree.
    pub data_root: H256,
    /// Length of the content, in bytes.
    pub data_size: u64,
    /// The number of chunks.
    pub chunks: u64,
    /// Length of the chunks that were new to the bucket, in bytes.
    pub new_bytes: u64,
}

/// A chunk with its hash.
struct HashedChunk {
    hash: H256,
    bytes: Vec<u8>,
}

impl Bucket {
    /// Reads content from `source` to its end, and stores its chunks and their tree.
    ///
    /// Memory grows by about 100 bytes for each new chunk, which would have to be removed
    /// after a failure.
    ///
    /// # Errors
    ///
    /// [`IngestError`]; the content that this call stored is removed again.
    pub fn ingest<R: Read + Send>(&self, mut source: R) -> Result<Ingested, IngestError> {
        self.check_writable()?;
        let mut upload = Upload::new(self);
        let stored = match read_chunk(&mut source) {
            Err(error) => Err(IngestError::Source(error)),
            // One chunk is not worth a thread.
            Ok(bytes) if bytes.len() < CHUNK_BYTES => upload.push(self.hash_chunk(bytes)),
            Ok(bytes) => self.ingest_pipelined(bytes, source, &mut upload),
        };
        // An upload that is dropped before `settle` removes what it stored.
        let ingested = stored.and_then(|()| upload.finish())?;
        upload.end_claims();
        Ok(ingested)
    }

    /// Reads and hashes on a second thread while this one stores.
    fn ingest_pipelined<R: Read + Send>(
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
                    // The receiver is dropped when storing fails.
                    if sender.send(Ok(self.hash_chunk(bytes))).is_err() || !full {
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

    fn hash_chunk(&self, bytes: Vec<u8>) -> HashedChunk {
        HashedChunk {
            hash: self.config.profile.chunk(&bytes),
            bytes,
        }
    }
}

/// An upload under way, and the content to remove if it fails.
struct Upload<'b> {
    bucket: &'b Bucket,
    epoch: UploadEpoch,
    tree: Option<TreeBuilder>,
    /// Keys that this upload stored, or shares with another unfinished upload.
    claimed: Vec<ContentKey>,
    chunks: u64,
    new_bytes: u64,
}

impl<'b> Upload<'b> {
    fn new(bucket: &'b Bucket) -> Self {
        let tree = Some(TreeBuilder::new(bucket.config.profile));
        let epoch = bucket.content.lock().uploads.begin();
        Self {
            bucket,
            epoch,
            tree,
            claimed: Vec::new(),
            chunks: 0,
            new_bytes: 0,
        }
    }

    fn push(&mut self, chunk: HashedChunk) -> Result<(), IngestError> {
        self.bucket.check_writable()?;
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

    /// Claims a key that is new, or that another unfinished upload claims.
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

    /// Ends all claims on this upload's keys: the content stays.
    fn end_claims(&mut self) {
        let mut content = self.bucket.content.lock();
        for key in self.claimed.drain(..) {
            content.claims.remove(&key);
        }
    }

    /// Removes content that only this upload claims, nodes before their children, so that
    /// an interruption leaves complete subtrees.
    fn roll_back(&mut self) {
        let bucket = self.bucket;
        let mut content = bucket.content.lock();
        let mut unneeded = Vec::new();
        // In reverse order a key's claims end at its first claim, which precedes the
        // claims of all nodes above it.
        for key in self.claimed.drain(..).rev() {
            // Without a claim: another upload has settled it.
            let Some(claims) = content.claims.get_mut(&key) else {
                continue;
            };
            *claims = claims.saturating_sub(1);
            if *claims == 0 {
                content.claims.remove(&key);
                unneeded.push(key);
            }
        }
        if bucket.check_writable().is_err() {
            return;
        }
        let removed = unneeded
            .chunks(REMOVE_BATCH)
            .try_for_each(|keys| bucket.remove_content(&mut content, keys));
        if let Err(error) = removed {
            tracing::error!(bucket = %bucket.id, %error, "cannot remove a failed upload");
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if !self.claimed.is_empty() {
            self.roll_back();
        }
        self.bucket.content.lock().uploads.end(self.epoch);
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
