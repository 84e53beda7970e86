//! Restores lost content from files that contain it: a client's own, or an export of
//! another copy of the bucket.
//!
//! A file is cut and hashed as in an upload. Only its chunks and nodes whose hashes the
//! bucket refers to and has lost are stored, and what is missing under such nodes.

use super::LostContent;
use cairn_engine::layout::{self, InteriorValue};
use cairn_engine::{Batch, Durability, Engine, EngineError, Family};
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, InteriorNode, TreeBuilder};
use rustix::fs::{Mode, OFlags};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Chunks in one write batch: 4 MiB.
const BATCH_CHUNKS: usize = 16;

/// Errors of restoring content from files.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    #[error("cannot read {path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Restores lost content from files. Returns the number of records written.
pub(super) fn restore_from_files(
    engine: &Engine,
    lost: &LostContent,
    sources: &[PathBuf],
) -> Result<u64, RestoreError> {
    let mut written = 0u64;
    for path in sources {
        let file = |source| RestoreError::File {
            path: path.clone(),
            source,
        };
        let Some(needed) = RestorableContent::find_in(lost, path).map_err(file)? else {
            continue;
        };
        written = written.saturating_add(needed.write(engine, lost, path)?);
    }
    Ok(written)
}

/// The lost content that a file contains.
struct RestorableContent {
    chunks: HashSet<H256>,
    /// Children before parents.
    nodes: Vec<InteriorNode>,
}

impl RestorableContent {
    /// Searches a file for lost content; `None` if it contains none.
    fn find_in(lost: &LostContent, path: &Path) -> std::io::Result<Option<Self>> {
        let mut tree = TreeBuilder::new(lost.profile);
        let mut nodes = Vec::new();
        let mut chunks = HashSet::new();
        let mut cut = Ok(());
        for_each_chunk(path, |bytes| {
            let hash = lost.profile.chunk(bytes);
            if lost.chunks.contains(&hash) {
                chunks.insert(hash);
            }
            let pushed = tree.push(hash, bytes.len(), |node| nodes.push(node));
            cut = cut.and(pushed);
        })?;
        // A file that changed during reading has no tree.
        if cut.is_ok() {
            tree.finish(|node| nodes.push(node));
        }
        let by_hash: HashMap<H256, InteriorNode> =
            nodes.iter().map(|node| (node.hash, *node)).collect();
        let mut under = HashSet::new();
        let named = |hash: &&H256| by_hash.contains_key(*hash);
        let mut to_visit: Vec<H256> = lost.nodes.iter().filter(named).copied().collect();
        while let Some(hash) = to_visit.pop() {
            if !under.insert(hash) {
                continue;
            }
            match by_hash.get(&hash) {
                Some(node) => to_visit.extend([node.left, node.right]),
                // A chunk, or padding, which is no chunk's hash.
                None => drop(chunks.insert(hash)),
            }
        }
        nodes.retain(|node| under.contains(&node.hash));
        let is_of_use = !nodes.is_empty() || !chunks.is_empty();
        Ok(is_of_use.then_some(Self { chunks, nodes }))
    }

    fn write(self, engine: &Engine, lost: &LostContent, path: &Path) -> Result<u64, RestoreError> {
        let mut writer = Writer {
            engine,
            batch: engine.batch(),
            pending: 0,
            written: 0,
        };
        let mut missing = self.chunks;
        let mut outcome = Ok(());
        for_each_chunk(path, |bytes| {
            let hash = lost.profile.chunk(bytes);
            if outcome.is_ok() && missing.remove(&hash) {
                outcome = writer.chunk(&hash, bytes, lost.chunks.contains(&hash));
            }
        })
        .map_err(|source| RestoreError::File {
            path: path.to_owned(),
            source,
        })?;
        outcome?;
        for node in &self.nodes {
            writer.node(node, lost.nodes.contains(&node.hash))?;
        }
        Ok(writer.finish()?)
    }
}

struct Writer<'e> {
    engine: &'e Engine,
    batch: Batch<'e>,
    pending: usize,
    written: u64,
}

impl Writer<'_> {
    fn chunk(&mut self, hash: &H256, bytes: &[u8], is_lost: bool) -> Result<(), EngineError> {
        let key = layout::chunk_length_key(hash);
        let Ok(length) = u32::try_from(bytes.len()) else {
            return Ok(());
        };
        if !is_lost && self.engine.get_uncached(Family::Content, &key)?.is_some() {
            return Ok(());
        }
        self.batch
            .put(Family::Content, layout::chunk_key(hash), bytes);
        let length = layout::chunk_length_value(length);
        self.batch.put(Family::Content, key, &length);
        self.write_if_full()
    }

    fn node(&mut self, node: &InteriorNode, is_lost: bool) -> Result<(), EngineError> {
        let key = layout::interior_key(&node.hash);
        if !is_lost && self.engine.get_uncached(Family::Content, &key)?.is_some() {
            return Ok(());
        }
        let value = InteriorValue {
            left: node.left,
            right: node.right,
            subtree: node.subtree,
        };
        self.batch.put(Family::Content, key, &value.to_bytes());
        self.write_if_full()
    }

    fn write_if_full(&mut self) -> Result<(), EngineError> {
        self.written = self.written.saturating_add(1);
        self.pending = self.pending.saturating_add(1);
        if self.pending < BATCH_CHUNKS {
            return Ok(());
        }
        self.pending = 0;
        let batch = std::mem::replace(&mut self.batch, self.engine.batch());
        self.engine.write(batch, Durability::Synced)
    }

    fn finish(self) -> Result<u64, EngineError> {
        if self.pending > 0 {
            self.engine.write(self.batch, Durability::Synced)?;
        }
        Ok(self.written)
    }
}

/// Calls `each` with the chunks of a file, in order; with one empty chunk for an
/// empty file.
fn for_each_chunk(path: &Path, mut each: impl FnMut(&[u8])) -> std::io::Result<()> {
    // A pipe in the place of the file would block the open.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    let mut is_first = true;
    loop {
        bytes.clear();
        file.by_ref().take(limit).read_to_end(&mut bytes)?;
        if bytes.is_empty() && !is_first {
            return Ok(());
        }
        each(&bytes);
        if bytes.len() < CHUNK_BYTES {
            return Ok(());
        }
        is_first = false;
    }
}
