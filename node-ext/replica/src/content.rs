//! Fetches the content of leaves from one peer: nodes from the top, chunks, and then stores them
//! from the bottom, since a node is stored after its children.
//!
//! The size of a leaf fixes the shape of its tree, so that each node and chunk is known by its
//! height and length before it is asked for. What is held already is not asked for. Memory is
//! bounded by one block: 64 chunks' hashes, of which a few chunks' bytes at a time.

use crate::error::SyncError;
use crate::peer::{ClaimedContent, ContentQuery, Peer, PeerError};
use crate::store::{Store, StoreError};
use cairn_bucket::{child_shapes, shape_of_content};
use cairn_primitives::chunk_tree::{Subtree, padding};
use cairn_primitives::{BucketId, H256, HashingProfile, MmrLeaf};
use futures::stream::TryStreamExt;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Levels of a block: 64 chunks, 16 MiB.
const BLOCK_HEIGHT: u32 = 6;
/// Chunks in one question: 1 MiB, what a request of an existing client has.
const CHUNKS_AT_ONCE: usize = 4;

/// A part of a chunk tree: its root, and the shape that it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Part {
    hash: H256,
    height: u32,
    bytes: u64,
}

impl Part {
    fn new(hash: H256, shape: Subtree) -> Self {
        Self {
            hash,
            height: shape.height(),
            bytes: shape.bytes(),
        }
    }

    fn shape(self) -> Result<Subtree, PeerError> {
        let chunks = cairn_primitives::chunk_tree::chunk_count(self.bytes);
        let shape = Subtree::from_parts(self.height, chunks, self.bytes);
        shape.ok_or_else(|| PeerError::Wrong(format!("no tree has a node like {:?}", self.hash)))
    }

    fn wanted(self) -> ContentQuery {
        let is_chunk = self.height == 0;
        ContentQuery {
            hash: self.hash,
            chunk_bytes: usize::try_from(self.bytes).ok().filter(|_| is_chunk),
        }
    }
}

/// A node that a peer has returned, checked.
#[derive(Clone, Copy, Debug)]
struct FoundNode {
    hash: H256,
    left: H256,
    right: H256,
}

/// A step through a tree that is higher than a block.
enum Step {
    Visit(Part),
    /// Everything below it is stored.
    Store(FoundNode),
}

/// Fetches content from one peer into one copy.
pub(crate) struct ContentFetch<'f> {
    pub(crate) peer: &'f dyn Peer,
    pub(crate) store: &'f Arc<dyn Store>,
    pub(crate) bucket: BucketId,
    pub(crate) requests_at_once: usize,
}

impl ContentFetch<'_> {
    fn profile(&self) -> HashingProfile {
        self.store.profile()
    }

    /// Fetches everything under the data roots of leaves that is not held yet.
    pub(crate) async fn contents(&self, leaves: &[MmrLeaf]) -> Result<(), SyncError> {
        let mut block = Vec::new();
        let mut room = 1u64 << BLOCK_HEIGHT;
        for leaf in leaves {
            let shape = shape_of_content(leaf.data_size).ok_or(SyncError::Unprovable(*leaf))?;
            let part = Part::new(leaf.data_root, shape);
            if part.height > BLOCK_HEIGHT {
                self.high_tree(part).await?;
                continue;
            }
            if shape.chunks() > room {
                self.block(std::mem::take(&mut block)).await?;
                room = 1u64 << BLOCK_HEIGHT;
            }
            room = room.saturating_sub(shape.chunks());
            block.push(part);
        }
        self.block(block).await
    }

    async fn high_tree(&self, root: Part) -> Result<(), SyncError> {
        let mut steps = vec![Step::Visit(root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Visit(part) if part.height <= BLOCK_HEIGHT => self.block(vec![part]).await?,
                Step::Visit(part) => {
                    let missing = self.missing(vec![part]).await?;
                    for (node, children) in self.nodes(&missing).await? {
                        steps.push(Step::Store(node));
                        // The left one is on top, and so the first.
                        steps.extend(children.into_iter().rev().map(Step::Visit));
                    }
                }
                Step::Store(node) => self.store_nodes(vec![node]).await?,
            }
        }
        Ok(())
    }

    /// Fetches parts of at most 64 chunks in all.
    async fn block(&self, parts: Vec<Part>) -> Result<(), SyncError> {
        let mut levels: BTreeMap<u32, Vec<Part>> = BTreeMap::new();
        for part in parts {
            levels.entry(part.height).or_default().push(part);
        }
        let mut found = Vec::new();
        let mut chunks = Vec::new();
        while let Some((height, parts)) = levels.pop_last() {
            let missing = self.missing(parts).await?;
            if height == 0 {
                chunks = missing;
                break;
            }
            for (node, children) in self.nodes(&missing).await? {
                found.push(node);
                for child in children {
                    levels.entry(child.height).or_default().push(child);
                }
            }
        }
        self.chunks(chunks).await?;
        // The highest were found first.
        found.reverse();
        self.store_nodes(found).await
    }

    /// Returns the parts that are not held, each once.
    async fn missing(&self, parts: Vec<Part>) -> Result<Vec<Part>, SyncError> {
        self.blocking(move |store| {
            let mut seen = HashSet::new();
            let mut missing = Vec::new();
            for part in parts {
                let shape = part.shape().map_err(StoreError::new)?;
                if seen.insert(part) && !store.holds(&part.hash, shape)? {
                    missing.push(part);
                }
            }
            Ok(missing)
        })
        .await
    }

    /// Fetches nodes, and returns each with its children that are not padding.
    async fn nodes(&self, parts: &[Part]) -> Result<Vec<(FoundNode, Vec<Part>)>, SyncError> {
        let profile = self.profile();
        let mut found = self.ask(parts).await?;
        let mut nodes = Vec::new();
        for part in parts {
            let Some(ClaimedContent::Node(left, right)) = found.remove(&part.hash) else {
                return Err(PeerError::Absent(format!("node {:?}", part.hash)).into());
            };
            let shapes = child_shapes(part.shape()?);
            let (left_shape, right_shape) =
                shapes.ok_or_else(|| PeerError::Wrong("a chunk has no children".into()))?;
            let mut children = vec![Part::new(left, left_shape)];
            match right_shape {
                Some(shape) => children.push(Part::new(right, shape)),
                None if right == padding(profile, left_shape.height()) => {}
                None => {
                    let reason = format!("node {:?} has content after its end", part.hash);
                    return Err(SyncError::NotPadded(reason));
                }
            }
            let hash = part.hash;
            nodes.push((FoundNode { hash, left, right }, children));
        }
        Ok(nodes)
    }

    /// Fetches chunks and stores them, some questions at a time.
    async fn chunks(&self, parts: Vec<Part>) -> Result<(), SyncError> {
        let questions: Vec<Vec<Part>> = parts.chunks(CHUNKS_AT_ONCE).map(<[_]>::to_vec).collect();
        futures::stream::iter(questions.into_iter().map(Ok::<_, SyncError>))
            .try_for_each_concurrent(self.requests_at_once, |question| async move {
                let found = self.ask(&question).await?;
                self.blocking(move |store| {
                    for (hash, content) in found {
                        if let ClaimedContent::Chunk(bytes) = content {
                            store.put_chunk(hash, &bytes)?;
                        }
                    }
                    Ok(())
                })
                .await
            })
            .await
    }

    async fn store_nodes(&self, nodes: Vec<FoundNode>) -> Result<(), SyncError> {
        self.blocking(move |store| {
            let mut nodes = nodes.into_iter();
            nodes.try_for_each(|node| store.put_node(node.hash, node.left, node.right))
        })
        .await
    }

    /// Asks for content until all of it is here, and checks each against its hash. A peer may
    /// return a part at a time, but not nothing.
    async fn ask(&self, parts: &[Part]) -> Result<HashMap<H256, ClaimedContent>, PeerError> {
        let mut wanted: Vec<ContentQuery> = parts.iter().map(|part| part.wanted()).collect();
        let mut found = HashMap::new();
        while let Some(first) = wanted.first().copied() {
            let before = wanted.len();
            for (hash, content) in self.peer.content(self.bucket, &wanted).await? {
                let Some(at) = wanted.iter().position(|one| one.hash == hash) else {
                    continue;
                };
                let one = wanted.swap_remove(at);
                found.insert(hash, checked(self.profile(), one, content)?);
            }
            if wanted.len() == before {
                return Err(PeerError::Absent(format!("content {:?}", first.hash)));
            }
        }
        Ok(found)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SyncError> {
        run_blocking(self.store, work).await
    }
}

/// Runs work on a copy on a thread that may block.
pub(crate) async fn run_blocking<T: Send + 'static>(
    store: &Arc<dyn Store>,
    work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, SyncError> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&*store)).await;
    Ok(done.map_err(|_| SyncError::Stopped)??)
}

/// Checks content against its hash, and that it is of the wanted kind and length.
pub(crate) fn checked(
    profile: HashingProfile,
    wanted: ContentQuery,
    content: ClaimedContent,
) -> Result<ClaimedContent, PeerError> {
    let wrong = || {
        let hash = wanted.hash;
        PeerError::Wrong(format!("it returned other content than {hash:?}"))
    };
    match (wanted.chunk_bytes, &content) {
        (Some(length), ClaimedContent::Chunk(bytes))
            if bytes.len() == length && profile.chunk(bytes) == wanted.hash =>
        {
            Ok(content)
        }
        (None, ClaimedContent::Node(left, right)) if profile.node(left, right) == wanted.hash => {
            Ok(content)
        }
        _ => Err(wrong()),
    }
}
