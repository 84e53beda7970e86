//! Counts of the buckets that hold each chunk. They measure the cost of isolation:
//! bytes that one shared database would store once.
//!
//! There is a row for each bucket and chunk. So counting a change twice has no effect,
//! and a bucket can be counted again.

use super::held_key::{held_key, parse_held_key};
use super::places::{self, ContentKind};
use super::{Index, IndexError, MAX_BATCH_ROWS, damaged};
use cairn_bucket::{Bucket, ContentChange, IndicatesDamage, ProveError};
use cairn_engine::{IndexBatch, Table};
use cairn_primitives::{BucketId, H256};
use codec::{Decode, DecodeAll, Encode};
use std::collections::{BTreeSet, HashMap};

/// Totals over all content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Totals {
    held: u64,
    held_bytes: u64,
    distinct: u64,
    distinct_bytes: u64,
}

/// The size of all content, and its size if buckets shared it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DedupReport {
    /// Chunks in all buckets, each counted once for each bucket that holds it.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Different chunks in all buckets.
    pub distinct_chunks: u64,
    /// Their bytes.
    pub distinct_bytes: u64,
}

/// The number of buckets that hold a chunk, and its size in bytes.
#[derive(Clone, Copy, Debug, Default, Encode, Decode)]
struct ContentRow {
    buckets: u64,
    bytes: u32,
}

impl Index {
    /// Returns the totals over all content in the index.
    pub(crate) fn dedup(&self) -> DedupReport {
        let totals = *self.totals.lock();
        DedupReport {
            chunks: totals.held,
            bytes: totals.held_bytes,
            distinct_chunks: totals.distinct,
            distinct_bytes: totals.distinct_bytes,
        }
    }

    /// Returns the number of buckets that hold a chunk.
    pub(crate) fn holders(&self, hash: &H256) -> Result<u64, IndexError> {
        Ok(self.content(hash)?.buckets)
    }

    fn content(&self, hash: &H256) -> Result<ContentRow, IndexError> {
        match self.db.get(Table::Content, hash.as_bytes())? {
            None => Ok(ContentRow::default()),
            Some(value) => ContentRow::decode_all(&mut &*value)
                .map_err(|_| damaged(format!("that of content {hash:?}"))),
        }
    }

    /// Removes the content rows of a bucket.
    pub(crate) fn remove_content(&self, id: BucketId) -> Result<(), IndexError> {
        loop {
            let mut totals = self.lock_totals()?;
            let held = self.held_after(id, None, MAX_BATCH_ROWS)?;
            let nodes = self.nodes_after(id, None, MAX_BATCH_ROWS)?;
            let gone = |(hash, _): &(H256, u32)| ContentChange::Chunk {
                hash: *hash,
                length: None,
            };
            let mut changes: Vec<_> = held.iter().map(gone).collect();
            let is_held = false;
            let gone = |hash: &H256| ContentChange::Node {
                hash: *hash,
                is_held,
            };
            changes.extend(nodes.iter().map(gone));
            let mut batch = self.db.batch();
            let after = self.count(&mut batch, *totals, id, &changes)?;
            self.db.write(batch, false)?;
            *totals = after;
            if held.len().max(nodes.len()) < MAX_BATCH_ROWS {
                return Ok(());
            }
        }
    }

    /// Adds changes of a bucket's content to a batch, which must be written before the
    /// next one is made. Changes that the index has already are skipped.
    pub(super) fn count(
        &self,
        batch: &mut IndexBatch,
        mut totals: Totals,
        id: BucketId,
        changes: &[ContentChange],
    ) -> Result<Totals, IndexError> {
        // Only the last change of each chunk and node counts.
        let mut last = HashMap::new();
        let mut nodes = HashMap::new();
        for change in changes {
            match *change {
                ContentChange::Chunk { hash, length } => {
                    last.insert(hash, length);
                }
                ContentChange::Node { hash, is_held } => {
                    nodes.insert(hash, is_held);
                }
            }
        }
        for (hash, is_held) in nodes {
            places::note_node(batch, id, &hash, is_held);
        }
        for (hash, length) in last {
            places::note(batch, ContentKind::Chunk, id, &hash, length.is_some());
            let key = held_key(id, &hash);
            let noted = self.db.get(Table::Held, &key)?.is_some();
            if noted == length.is_some() {
                continue;
            }
            let mut content = self.content(&hash)?;
            if let Some(bytes) = length {
                content.bytes = bytes;
                batch.put(Table::Held, &key, &bytes.encode());
                totals.held = totals.held.saturating_add(1);
                totals.held_bytes = totals.held_bytes.saturating_add(bytes.into());
                if content.buckets == 0 {
                    totals.distinct = totals.distinct.saturating_add(1);
                    totals.distinct_bytes = totals.distinct_bytes.saturating_add(bytes.into());
                }
                content.buckets = content.buckets.saturating_add(1);
            } else {
                let bytes = u64::from(content.bytes);
                batch.delete(Table::Held, &key);
                totals.held = totals.held.saturating_sub(1);
                totals.held_bytes = totals.held_bytes.saturating_sub(bytes);
                content.buckets = content.buckets.saturating_sub(1);
                if content.buckets == 0 {
                    totals.distinct = totals.distinct.saturating_sub(1);
                    totals.distinct_bytes = totals.distinct_bytes.saturating_sub(bytes);
                }
            }
            if content.buckets == 0 {
                batch.delete(Table::Content, hash.as_bytes());
            } else {
                batch.put(Table::Content, hash.as_bytes(), &content.encode());
            }
        }
        Self::put_totals(batch, totals);
        Ok(totals)
    }

    /// Returns at most `limit` chunks that the index has for a bucket, with their
    /// lengths, from the first after `after`, in the order of their hashes.
    pub(super) fn held_after(
        &self,
        id: BucketId,
        after: Option<H256>,
        limit: usize,
    ) -> Result<Vec<(H256, u32)>, IndexError> {
        let from = held_key(id, &after.unwrap_or_default());
        let mut held = Vec::new();
        for entry in self.db.scan_from(Table::Held, &from)? {
            let (key, value) = entry?;
            let (of, hash) = parse_held_key(&key).ok_or_else(|| damaged("what a bucket holds"))?;
            if of != id || held.len() >= limit {
                break;
            }
            if after == Some(hash) {
                continue;
            }
            let bytes = u32::decode_all(&mut &*value)
                .map_err(|_| damaged(format!("what bucket {id} holds")))?;
            held.push((hash, bytes));
        }
        Ok(held)
    }

    /// Updates the rows of one part of a bucket's content, from the first hash after
    /// `after`. Returns where the next part begins, or `None` after the last part.
    pub(crate) fn reindex_content(
        &self,
        bucket: &Bucket,
        after: ReindexCursor,
    ) -> Result<Option<ReindexCursor>, ReindexError> {
        match after {
            ReindexCursor::Chunks(after) => {
                let end = self.reindex_chunks(bucket, after)?;
                Ok(Some(end.map_or(ReindexCursor::Nodes(None), |end| {
                    ReindexCursor::Chunks(Some(end))
                })))
            }
            ReindexCursor::Nodes(after) => {
                let end = self.reindex_nodes(bucket, after)?;
                Ok(end.map(|end| ReindexCursor::Nodes(Some(end))))
            }
        }
    }

    fn reindex_chunks(
        &self,
        bucket: &Bucket,
        after: Option<H256>,
    ) -> Result<Option<H256>, ReindexError> {
        let id = bucket.id();
        // Locked before reading, so that no later note is overwritten by an older state.
        let mut totals = self.lock_totals()?;
        let mut stored = HashMap::new();
        let mut end = None;
        for chunk in bucket.chunks_after(after)?.take(MAX_BATCH_ROWS) {
            let (hash, length) = chunk?;
            stored.insert(hash, length.unwrap_or(0));
            end = Some(hash);
        }
        let last = stored.len() < MAX_BATCH_ROWS;
        let part = Part { after, end, last };
        let held = |hash: &H256| stored.contains_key(hash);
        let gone = part.stale(held, |from| {
            let noted = self.held_after(id, from, MAX_BATCH_ROWS)?;
            Ok(noted.into_iter().map(|(hash, _)| hash).collect())
        })?;
        let chunk = |(hash, length)| ContentChange::Chunk { hash, length };
        let stored = stored
            .into_iter()
            .map(|(hash, length)| (hash, Some(length)));
        let gone = gone.into_iter().map(|hash| (hash, None));
        let changes: Vec<_> = stored.chain(gone).map(chunk).collect();
        self.note_part(id, &changes, &mut totals)?;
        Ok(if last { None } else { end })
    }

    fn reindex_nodes(
        &self,
        bucket: &Bucket,
        after: Option<H256>,
    ) -> Result<Option<H256>, ReindexError> {
        let id = bucket.id();
        let mut totals = self.lock_totals()?;
        let nodes = bucket.nodes_after(after)?.take(MAX_BATCH_ROWS);
        let stored = nodes.collect::<Result<BTreeSet<_>, _>>()?;
        let end = stored.last().copied();
        let last = stored.len() < MAX_BATCH_ROWS;
        let part = Part { after, end, last };
        let held = |hash: &H256| stored.contains(hash);
        let gone = part.stale(held, |from| self.nodes_after(id, from, MAX_BATCH_ROWS))?;
        let node = |(hash, is_held)| ContentChange::Node { hash, is_held };
        let stored = stored.into_iter().map(|hash| (hash, true));
        let gone = gone.into_iter().map(|hash| (hash, false));
        let changes: Vec<_> = stored.chain(gone).map(node).collect();
        self.note_part(id, &changes, &mut totals)?;
        Ok(if last { None } else { end })
    }

    fn note_part(
        &self,
        id: BucketId,
        changes: &[ContentChange],
        totals: &mut Totals,
    ) -> Result<(), IndexError> {
        for part in changes.chunks(MAX_BATCH_ROWS) {
            let mut batch = self.db.batch();
            let after = self.count(&mut batch, *totals, id, part)?;
            self.db.write(batch, false)?;
            *totals = after;
        }
        Ok(())
    }
}

/// Where the next part of a bucket's content begins: after a hash, or at the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReindexCursor {
    /// Among its chunks.
    Chunks(Option<H256>),
    /// Among its interior nodes, once all chunks are noted.
    Nodes(Option<H256>),
}

impl Default for ReindexCursor {
    fn default() -> Self {
        Self::Chunks(None)
    }
}

/// One part of a bucket's content: the hashes after `after`, up to `end` or to the last.
struct Part {
    after: Option<H256>,
    end: Option<H256>,
    last: bool,
}

impl Part {
    fn is_past(&self, hash: Option<H256>) -> bool {
        !self.last && hash > self.end
    }

    /// Returns the noted hashes of this part that the bucket does not hold. `noted_after` pages
    /// through what is noted.
    fn stale(
        &self,
        is_stored: impl Fn(&H256) -> bool,
        noted_after: impl Fn(Option<H256>) -> Result<Vec<H256>, IndexError>,
    ) -> Result<Vec<H256>, IndexError> {
        let mut stale = Vec::new();
        let mut from = self.after;
        loop {
            let noted = noted_after(from)?;
            let of_part = noted.iter().filter(|hash| !self.is_past(Some(**hash)));
            stale.extend(of_part.filter(|hash| !is_stored(hash)));
            from = noted.last().copied();
            if noted.len() < MAX_BATCH_ROWS || self.is_past(from) {
                return Ok(stale);
            }
        }
    }
}

/// An error of updating a bucket's content rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReindexError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Bucket(#[from] ProveError),
}

impl IndicatesDamage for ReindexError {
    fn indicates_damage(&self) -> bool {
        match self {
            // Damage of the index, not of a bucket.
            Self::Index(_) => false,
            Self::Bucket(error) => error.indicates_damage(),
        }
    }
}
