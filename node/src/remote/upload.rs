//! Uploads content to a provider: cuts and hashes it here, and sends only what the provider
//! does not have.
//!
//! ```text
//! file ─► chunks and nodes ─► a few MiB of them ─► which are missing? ─► put, children first
//! ```
//!
//! Memory does not grow with the content: pieces wait until there are enough for a request,
//! and small files share one.

use super::{Client, Connection, MAX_IN_FLIGHT, RESPONSE_TIMEOUT};
use crate::failure::Failure;
use crate::remote_error::RemoteError;
use cairn_bucket::charge::{CHUNK_CHARGE, NODE_CHARGE};
use cairn_bucket::{IngestError, NewLeaf};
use cairn_keys::SignedCommitment;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, ContentRoot, InteriorNode, TreeBuilder};
use cairn_primitives::{BucketId, H256, HashingProfile, LeafIndex};
use cairn_rpc_api::{BucketApiClient, Bytes, U64OrHex, WriteApiClient};
use futures::stream::{self, StreamExt};
use std::collections::HashSet;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of waiting chunks, at most: 64 chunks, which outweigh the requests before and
/// after them.
const MAX_PENDING_BYTES: usize = 16 << 20;
/// Waiting chunks and nodes, at most: half of what one request may ask about.
const MAX_PENDING_PIECES: usize = 4_096;
/// The length of a chunk that plain hashing cannot distinguish from a node.
const NODE_BYTES: usize = 64;

/// An upload of files to one bucket.
pub(crate) struct RemoteUpload<'c> {
    client: &'c Client,
    bucket: BucketId,
    profile: HashingProfile,
    /// The keys that the signature may be of.
    signers: &'c [[u8; 32]],
    /// Stored or waiting, not settled yet.
    files: Vec<PendingFile>,
    pending: Vec<Piece>,
    pending_bytes: usize,
}

struct PendingFile {
    path: PathBuf,
    new_bytes: u64,
}

/// A part of a file's chunk tree.
struct Piece {
    /// The index of its file.
    file: usize,
    hash: H256,
    content: Content,
}

enum Content {
    Chunk(Vec<u8>),
    Node {
        left: H256,
        right: H256,
        height: u32,
    },
}

impl Piece {
    fn height(&self) -> u32 {
        match self.content {
            Content::Chunk(_) => 0,
            Content::Node { height, .. } => height,
        }
    }

    /// Returns true if the provider's having this hash proves nothing: with plain hashing
    /// it may have a node instead of this chunk, or the other way round.
    fn is_ambiguous(&self, profile: HashingProfile) -> bool {
        let may_be_either = match &self.content {
            Content::Chunk(bytes) => bytes.len() == NODE_BYTES,
            Content::Node { .. } => true,
        };
        profile == HashingProfile::Plain && may_be_either
    }
}

/// The error that kept a file from being stored.
struct UploadError {
    file: usize,
    error: RemoteError,
}

impl<'c> RemoteUpload<'c> {
    /// Starts an upload to a provider that must sign with one of `signers`.
    pub(crate) fn new(
        client: &'c Client,
        bucket: BucketId,
        profile: HashingProfile,
        signers: &'c [[u8; 32]],
    ) -> Self {
        Self {
            client,
            bucket,
            profile,
            signers,
            files: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
        }
    }

    /// Returns the bucket's hashing profile.
    pub(crate) const fn profile(&self) -> HashingProfile {
        self.profile
    }

    /// Takes a file's content. It may be sent later, but is stored once
    /// [`RemoteUpload::complete_files`] has succeeded.
    pub(crate) fn store(
        &mut self,
        path: &Path,
        mut content: impl Read,
    ) -> Result<NewLeaf, Failure> {
        let file = self.files.len();
        self.files.push(PendingFile {
            path: path.to_owned(),
            new_bytes: 0,
        });
        let cut = self.split_content(file, &mut content);
        // A file before it may have failed, and then this one is forgotten already.
        if cut.is_err() {
            self.forget_from(file);
        }
        cut
    }

    fn split_content(&mut self, file: usize, content: &mut impl Read) -> Result<NewLeaf, Failure> {
        let fault = |path: &Path, source| Failure::Ingest {
            path: path.to_owned(),
            source,
        };
        let path = self.path_of(file);
        let mut tree = TreeBuilder::new(self.profile);
        let mut has_chunks = false;
        loop {
            let bytes =
                read_chunk(content).map_err(|error| fault(&path, IngestError::Source(error)))?;
            // Empty content is one empty chunk.
            if bytes.is_empty() && has_chunks {
                break;
            }
            has_chunks = true;
            let (hash, length) = (self.profile.chunk(&bytes), bytes.len());
            self.push_pending(file, hash, Content::Chunk(bytes));
            let mut nodes = Vec::new();
            tree.push(hash, length, |node| nodes.push(node))
                .map_err(|reason| fault(&path, IngestError::Shape { hash, reason }))?;
            self.push_pending_nodes(file, &nodes);
            if self.pending_bytes >= MAX_PENDING_BYTES || self.pending.len() >= MAX_PENDING_PIECES {
                self.send()?;
            }
            if length < CHUNK_BYTES {
                break;
            }
        }
        let mut nodes = Vec::new();
        let root = tree.finish(|node| nodes.push(node));
        self.push_pending_nodes(file, &nodes);
        let Some(ContentRoot { root, subtree }) = root else {
            let nothing = ErrorKind::UnexpectedEof.into();
            return Err(fault(&path, IngestError::Source(nothing)));
        };
        Ok(NewLeaf {
            data_root: root,
            data_size: subtree.bytes(),
        })
    }

    fn path_of(&self, file: usize) -> PathBuf {
        let path = self.files.get(file).map(|file| file.path.clone());
        path.unwrap_or_default()
    }

    fn push_pending(&mut self, file: usize, hash: H256, content: Content) {
        if let Content::Chunk(bytes) = &content {
            self.pending_bytes = self.pending_bytes.saturating_add(bytes.len());
        }
        self.pending.push(Piece {
            file,
            hash,
            content,
        });
    }

    fn push_pending_nodes(&mut self, file: usize, nodes: &[InteriorNode]) {
        for node in nodes {
            let content = Content::Node {
                left: node.left,
                right: node.right,
                height: node.subtree.height(),
            };
            self.push_pending(file, node.hash, content);
        }
    }

    /// Sends all waiting pieces. Returns for each file how many of its bytes were new. After
    /// a failure, the files before the one that failed count.
    pub(crate) fn complete_files(&mut self) -> Result<Vec<u64>, Failure> {
        self.send()?;
        let files = std::mem::take(&mut self.files);
        Ok(files.iter().map(|file| file.new_bytes).collect())
    }

    /// Has the leaves of completed files committed.
    pub(crate) fn commit(
        &self,
        leaves: &[NewLeaf],
    ) -> Result<(LeafIndex, SignedCommitment), Failure> {
        let committed = self
            .client
            .commit(self.bucket, self.profile, leaves, self.signers);
        Ok(committed?)
    }

    /// Forgets the incomplete files from index `file` on. Pieces of them that were sent
    /// already stay with the provider, which removes none.
    pub(crate) fn forget_from(&mut self, file: usize) {
        self.files.truncate(file);
        self.pending.retain(|piece| piece.file < file);
        let lengths = self.pending.iter().map(|piece| match &piece.content {
            Content::Chunk(bytes) => bytes.len(),
            Content::Node { .. } => 0,
        });
        self.pending_bytes = lengths.fold(0, usize::saturating_add);
    }

    fn send(&mut self) -> Result<(), Failure> {
        let client = self.client;
        if let Err(UploadError { file, error }) = client.block_on(self.send_pending()) {
            let path = self.path_of(file);
            self.forget_from(file);
            return Err(Failure::Upload {
                path,
                source: error,
            });
        }
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    async fn send_pending(&mut self) -> Result<(), UploadError> {
        let Self {
            client,
            bucket,
            profile,
            files,
            pending: waiting,
            ..
        } = self;
        let (connection, bucket) = (&client.connection, U64OrHex(bucket.0));
        let to_send = missing_pieces(connection, bucket, *profile, waiting).await?;
        let together = max_concurrent_puts(connection, bucket, &to_send).await?;
        let highest = to_send.iter().map(|piece| piece.height()).max();
        // Nodes of one height do not depend on each other, so they may be sent together.
        for height in 0..=highest.unwrap_or(0) {
            let level = to_send.iter().filter(|piece| piece.height() == height);
            let mut sent = stream::iter(level)
                .map(|piece| async move { (piece, put_piece(connection, bucket, piece).await) })
                .buffered(together);
            while let Some((piece, put)) = sent.next().await {
                let new_bytes = put.map_err(|error| UploadError {
                    file: piece.file,
                    error,
                })?;
                if let Some(file) = files.get_mut(piece.file) {
                    file.new_bytes = file.new_bytes.saturating_add(new_bytes);
                }
            }
        }
        Ok(())
    }
}

/// Returns the pieces that the provider does not have, each once.
async fn missing_pieces<'p>(
    connection: &Connection,
    bucket: U64OrHex,
    profile: HashingProfile,
    waiting: &'p [Piece],
) -> Result<Vec<&'p Piece>, UploadError> {
    let mut seen = HashSet::new();
    let distinct: Vec<_> = waiting
        .iter()
        .filter(|piece| seen.insert((piece.hash, piece.height())))
        .collect();
    let unclear = distinct
        .iter()
        .filter(|piece| !piece.is_ambiguous(profile))
        .map(|piece| piece.hash);
    let hashes: Vec<_> = unclear.collect();
    let mut missing = HashSet::new();
    if let Some(first) = waiting.first().filter(|_| !hashes.is_empty()) {
        let question = |rpc: Arc<_>| {
            let hashes = hashes.clone();
            async move { BucketApiClient::missing_nodes(&*rpc, bucket, hashes).await }
        };
        let answer = connection.request(RESPONSE_TIMEOUT, question).await;
        let file = first.file;
        missing.extend(answer.map_err(|error| UploadError { file, error })?);
    }
    let is_to_send = |piece: &&Piece| piece.is_ambiguous(profile) || missing.contains(&piece.hash);
    Ok(distinct.into_iter().filter(is_to_send).collect())
}

/// Returns how many pieces may be in flight. If not all of them fit the quota, they go one
/// by one: a later file must not take the space of an earlier one.
async fn max_concurrent_puts(
    connection: &Connection,
    bucket: U64OrHex,
    to_send: &[&Piece],
) -> Result<usize, UploadError> {
    let Some(first) = to_send.first() else {
        return Ok(MAX_IN_FLIGHT);
    };
    let question = |rpc: Arc<_>| async move { BucketApiClient::info(&*rpc, bucket).await };
    let info = connection.request(RESPONSE_TIMEOUT, question).await;
    let file = first.file;
    let info = info.map_err(|error| UploadError { file, error })?;
    let charges = to_send.iter().map(|piece| match &piece.content {
        Content::Chunk(bytes) => u64::try_from(bytes.len())
            .unwrap_or(u64::MAX)
            .saturating_add(CHUNK_CHARGE),
        Content::Node { .. } => NODE_CHARGE,
    });
    // A provider that does not report it charges content only.
    let charged = info.charged_bytes.max(info.used_bytes).0;
    let after = charges.fold(charged, u64::saturating_add);
    Ok(if after <= info.max_bytes.0 {
        MAX_IN_FLIGHT
    } else {
        1
    })
}

/// Has one piece stored. Returns how many of its bytes were new.
async fn put_piece(
    connection: &Connection,
    bucket: U64OrHex,
    piece: &Piece,
) -> Result<u64, RemoteError> {
    let hash = piece.hash;
    match &piece.content {
        Content::Chunk(bytes) => {
            let question = |rpc: Arc<_>| {
                let data = Bytes(bytes.clone());
                async move { WriteApiClient::put_chunk(&*rpc, bucket, hash, data).await }
            };
            let is_new = connection.request(RESPONSE_TIMEOUT, question).await?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            Ok(if is_new { length } else { 0 })
        }
        Content::Node { left, right, .. } => {
            let (left, right) = (*left, *right);
            let question = |rpc: Arc<_>| async move {
                WriteApiClient::put_node(&*rpc, bucket, hash, left, right).await
            };
            connection.request(RESPONSE_TIMEOUT, question).await?;
            Ok(0)
        }
    }
}

/// Reads up to one chunk, short only at the end of the source.
fn read_chunk(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    source.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
