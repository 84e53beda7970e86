//! Which buckets hold which content, so that it is known what their isolation
//! costs: bytes that one database for all would have stored once.
//!
//! A row for each bucket and content says that it is held, so that counting a
//! change twice changes nothing, and a bucket can be counted anew.

use super::{AT_ONCE, Index, IndexError, damaged};
use crate::bucket::{Bucket, ContentChange};
use crate::engine::{IndexBatch, Table};
use crate::error::{IndicatesDamage, ProveError};
use cairn_primitives::{BucketId, H256};
use codec::{Decode, DecodeAll, Encode};
use std::collections::HashMap;

/// Sums over all content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Totals {
    held: u64,
    held_bytes: u64,
    distinct: u64,
    distinct_bytes: u64,
}

/// What content takes, and what it would take if buckets shared it.
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

/// How many buckets hold a content, and its size in bytes.
#[derive(Clone, Copy, Debug, Default, Encode, Decode)]
struct Held {
    buckets: u64,
    bytes: u32,
}

fn held_key(id: BucketId, hash: &H256) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&id.0.to_be_bytes());
    key[8..].copy_from_slice(hash.as_bytes());
    key
}

fn parse_held_key(key: &[u8]) -> Option<(BucketId, H256)> {
    let (id, hash) = key.split_at_checked(8)?;
    let id = u64::from_be_bytes(id.try_into().ok()?);
    let hash = <[u8; 32]>::try_from(hash).ok()?;
    Some((BucketId(id), H256(hash)))
}

impl Index {
    /// Sums over all content that is noted.
    pub(crate) fn dedup(&self) -> DedupReport {
        let totals = *self.totals.lock();
        DedupReport {
            chunks: totals.held,
            bytes: totals.held_bytes,
            distinct_chunks: totals.distinct,
            distinct_bytes: totals.distinct_bytes,
        }
    }

    /// How many buckets hold a content.
    pub(crate) fn holders(&self, hash: &H256) -> Result<u64, IndexError> {
        Ok(self.content(hash)?.buckets)
    }

    fn content(&self, hash: &H256) -> Result<Held, IndexError> {
        match self.db.get(Table::Content, hash.as_bytes())? {
            None => Ok(Held::default()),
            Some(value) => Held::decode_all(&mut &*value)
                .map_err(|_| damaged(format!("that of content {hash:?}"))),
        }
    }

    /// Counts changes of a bucket's content into a batch, which must be written
    /// before the next is made. What is noted already is not counted again.
    pub(super) fn count(
        &self,
        batch: &mut IndexBatch,
        mut totals: Totals,
        id: BucketId,
        changes: &[ContentChange],
    ) -> Result<Totals, IndexError> {
        // The last change of a content is what stays of it.
        let last: HashMap<_, _> = changes
            .iter()
            .map(|change| (change.hash, change.length))
            .collect();
        for (hash, length) in last {
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

    /// Contents that a bucket is noted to hold, from the first after `after`
    /// on, in the order of their hashes.
    pub(super) fn held_from(
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

    /// Makes what is noted of a part of a bucket's content, from the first hash
    /// after `after` on, what the bucket holds. Returns where the part ends;
    /// `None` when it was the last.
    pub(crate) fn learn_content(
        &self,
        bucket: &Bucket,
        after: Option<H256>,
    ) -> Result<Option<H256>, LearnError> {
        let id = bucket.id();
        // Nothing that is seen here may be overtaken by what is noted later.
        let mut totals = self.lock_totals()?;
        let mut stored = HashMap::new();
        let mut end = None;
        for chunk in bucket.each_chunk_after(after)?.take(AT_ONCE) {
            let (hash, length) = chunk?;
            stored.insert(hash, length.unwrap_or(0));
            end = Some(hash);
        }
        let last = stored.len() < AT_ONCE;
        let mut changes: Vec<_> = stored
            .iter()
            .map(|(hash, length)| ContentChange {
                hash: *hash,
                length: Some(*length),
            })
            .collect();
        let mut from = after;
        loop {
            let noted = self.held_from(id, from, AT_ONCE)?;
            for (hash, _) in &noted {
                let past = !last && end.is_some_and(|end| *hash > end);
                if !past && !stored.contains_key(hash) {
                    changes.push(ContentChange {
                        hash: *hash,
                        length: None,
                    });
                }
            }
            from = noted.last().map(|(hash, _)| *hash);
            let past = !last && from > end;
            if noted.len() < AT_ONCE || past {
                break;
            }
        }
        for part in changes.chunks(AT_ONCE) {
            let mut batch = self.db.batch();
            let after = self.count(&mut batch, *totals, id, part)?;
            self.db.write(batch, false).map_err(IndexError::from)?;
            *totals = after;
        }
        Ok(if last { None } else { end })
    }
}

/// Why a bucket's content was not counted anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LearnError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Bucket(#[from] ProveError),
}

impl IndicatesDamage for LearnError {
    fn indicates_damage(&self) -> bool {
        match self {
            // Of the index, and of no bucket.
            Self::Index(_) => false,
            Self::Bucket(error) => error.indicates_damage(),
        }
    }
}
