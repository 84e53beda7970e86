//! Access to stored records for checks and repairs of a bucket.

use super::content::ContentKey;
use super::{Bucket, Tip};
use crate::error::IngestError;
use cairn_engine::layout::{self, InteriorValue, TreeKey};
use cairn_engine::{Engine, EngineError, Entry, Family, ReadResult};
use cairn_primitives::{H256, HashingProfile};
use std::sync::Arc;

/// An item of a scan over one kind of record, in the order of hashes.
pub(crate) enum ScanItem<T> {
    /// A record; `None` if its value cannot be parsed.
    Record { hash: H256, value: Option<T> },
    /// A range that the database cannot read. The scan continues at `to`, if anywhere.
    Gap {
        from: H256,
        to: Option<H256>,
        error: EngineError,
    },
}

/// A fault of a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordFault {
    /// The database could not read it.
    #[error(transparent)]
    Unread(#[from] EngineError),
    /// The record is missing or wrong.
    #[error("{0}")]
    Damaged(String),
}

impl RecordFault {
    /// Returns whether the record is damaged; otherwise it only could not be read now.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Unread(error) => error.is_damage(),
            Self::Damaged(_) => true,
        }
    }
}

impl From<&str> for RecordFault {
    fn from(fault: &str) -> Self {
        Self::Damaged(fault.into())
    }
}

impl From<String> for RecordFault {
    fn from(fault: String) -> Self {
        Self::Damaged(fault)
    }
}

/// The result of checking an interior node.
pub(crate) enum NodeCheck {
    /// Its children are stored and have the recorded shape.
    Sound,
    /// Its children are stored, but have another shape.
    OtherShape,
    /// A child is not stored, or its record cannot be read.
    MissingChild(H256),
    /// The check failed for another reason, such as children that the chain could not
    /// verify.
    Failed(RecordFault),
}

impl Bucket {
    /// The database, to compare it with its second copies.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn newest_tip(&self) -> Arc<Tip> {
        self.tip()
    }

    /// Reads records of leaves and nodes; each may fail on its own.
    pub(crate) fn tree_records(&self, keys: &[TreeKey]) -> Result<Vec<ReadResult>, EngineError> {
        self.engine.get_each_uncached(Family::Tree, keys)
    }

    /// Iterates over the chunks by hash, with their lengths, from `from` on.
    pub(crate) fn scan_chunks(&self, from: H256) -> impl Iterator<Item = ScanItem<u32>> + '_ {
        scan(
            &self.engine,
            layout::CHUNK_LENGTHS,
            from,
            layout::parse_chunk_length,
        )
    }

    /// Iterates over the interior nodes by hash, from `from` on.
    pub(crate) fn scan_nodes(
        &self,
        from: H256,
    ) -> impl Iterator<Item = ScanItem<InteriorValue>> + '_ {
        scan(
            &self.engine,
            layout::INTERIOR_NODES,
            from,
            InteriorValue::parse,
        )
    }

    /// Iterates over the chunks whose bytes are stored, with or without a length.
    pub(crate) fn scan_chunk_bytes(&self) -> impl Iterator<Item = ScanItem<()>> + '_ {
        scan(&self.engine, layout::CHUNKS, H256::zero(), |_| Some(()))
    }

    /// Returns a chunk's length if its bytes have its hash.
    pub(crate) fn verify_chunk(&self, hash: &H256) -> Result<u32, RecordFault> {
        let bytes = self
            .engine
            .get_uncached(Family::Content, &layout::chunk_key(hash))?
            .ok_or("its bytes are lost")?;
        if self.config.profile.chunk(&bytes) != *hash {
            return Err("its bytes do not hash to it".into());
        }
        u32::try_from(bytes.len()).map_err(|_| "it is longer than any chunk".into())
    }

    /// Repeats the check of [`Bucket::verify_chunk`] under the content lock; `None` if the
    /// chunk is not stored. So a chunk that uploads alternately store and remove is found
    /// either complete or missing.
    pub(crate) fn verify_chunk_locked(&self, hash: &H256) -> Option<Result<u32, RecordFault>> {
        let key = layout::chunk_length_key(hash);
        let _content = self.content.lock();
        let length = self.engine.get_uncached(Family::Content, &key);
        (!matches!(length, Ok(None))).then(|| self.verify_chunk(hash))
    }

    /// Returns a chunk's stored length; `None` if it is missing or unreadable.
    pub(crate) fn stored_length(&self, hash: &H256) -> Option<u32> {
        let key = layout::chunk_length_key(hash);
        let value = self.engine.get_uncached(Family::Content, &key).ok()??;
        layout::parse_chunk_length(&value)
    }

    /// Returns whether the chunk has a length record, readable or not.
    pub(crate) fn has_length_record(&self, hash: &H256) -> bool {
        let key = layout::chunk_length_key(hash);
        // Uploads store and remove content under this lock.
        let _content = self.content.lock();
        !matches!(self.engine.get_uncached(Family::Content, &key), Ok(None))
    }

    /// Returns an interior node if its children hash to it.
    pub(crate) fn verify_interior(&self, hash: &H256) -> Result<InteriorValue, RecordFault> {
        let value = self
            .engine
            .get_uncached(Family::Content, &layout::interior_key(hash))?
            .ok_or("it is lost")?;
        let value = InteriorValue::parse(&value).ok_or("it cannot be read")?;
        if self.config.profile.node(&value.left, &value.right) != *hash {
            return Err("its children do not hash to it".into());
        }
        Ok(value)
    }

    /// Checks that a node's children are stored and have the recorded shape. Returns
    /// `None` if an unfinished upload claims the node, or has removed it since.
    pub(crate) fn check_node(&self, hash: &H256, value: &InteriorValue) -> Option<NodeCheck> {
        let content = self.content.lock();
        let key = layout::interior_key(hash);
        if content.claims.contains_key(&key) {
            return None;
        }
        let settled = |key: &ContentKey| match content.claims.contains_key(key) {
            true => Ok(None),
            false => self.engine.get_uncached(Family::Content, key),
        };
        let verdict = match self.join_children_with(&settled, *hash, value.left, value.right) {
            Ok(Some(subtree)) if subtree == value.subtree => return Some(NodeCheck::Sound),
            Ok(Some(_)) => NodeCheck::OtherShape,
            Ok(None) => NodeCheck::Failed("there is nothing but padding under it".into()),
            Err(IngestError::MissingChild { child, .. }) => NodeCheck::MissingChild(child),
            Err(IngestError::Damaged { hash: child, .. }) => NodeCheck::MissingChild(child),
            Err(IngestError::Engine(error)) => NodeCheck::Failed(error.into()),
            Err(error) => NodeCheck::Failed(error.to_string().into()),
        };
        let stays = self.engine.get_uncached(Family::Content, &key);
        (!matches!(stays, Ok(None))).then_some(verdict)
    }

    /// Returns what is stored under a hash: a chunk's length, and a sound interior node.
    pub(crate) fn stored_shapes(&self, hash: &H256) -> (Option<u32>, Option<InteriorValue>) {
        (self.stored_length(hash), self.verify_interior(hash).ok())
    }

    pub(crate) fn profile(&self) -> HashingProfile {
        self.config.profile
    }
}

type Entries<'e> = Box<dyn Iterator<Item = Result<Entry, EngineError>> + 'e>;

/// A scan over all records of one kind that continues after unreadable ranges.
struct Scan<'e, P> {
    engine: &'e Engine,
    kind: &'static [u8],
    parse: P,
    /// The next hash to read; `None` at the end.
    next: Option<H256>,
    entries: Option<Entries<'e>>,
    /// An entry that was read after a gap, held until the gap has been returned.
    pending: Option<Entry>,
}

fn scan<'e, T, P: Fn(&[u8]) -> Option<T>>(
    engine: &'e Engine,
    kind: &'static [u8],
    from: H256,
    parse: P,
) -> Scan<'e, P> {
    Scan {
        engine,
        kind,
        parse,
        next: Some(from),
        entries: None,
        pending: None,
    }
}

impl<P> Scan<'_, P> {
    /// Reads the next entry at or after `from`.
    fn read(&mut self, from: &H256) -> Result<Option<Entry>, EngineError> {
        let mut entries = match self.entries.take() {
            Some(entries) => entries,
            None => {
                let start = [self.kind, from.as_bytes()].concat();
                let scan = self.engine.scan_from(Family::Content, self.kind, &start)?;
                Box::new(scan)
            }
        };
        let entry = entries.next().transpose()?;
        self.entries = Some(entries);
        Ok(entry)
    }
}

impl<T, P: Fn(&[u8]) -> Option<T>> Iterator for Scan<'_, P> {
    type Item = ScanItem<T>;

    fn next(&mut self) -> Option<ScanItem<T>> {
        let mut gap = None;
        let mut step = FIRST_SKIP;
        let entry = loop {
            if let Some(held) = self.pending.take() {
                break Some(held);
            }
            let Some(from) = self.next else { break None };
            match self.read(&from) {
                Ok(entry) => break entry,
                Err(error) => {
                    // The end of the unreadable range is unknown: leap ever farther.
                    gap.get_or_insert((from, error));
                    self.next = skip(&from, step);
                    step = step.saturating_mul(2);
                }
            }
        };
        let hash = entry
            .as_ref()
            .and_then(|(key, _)| layout::parse_content_key(key));
        let hash = hash.map(|(_, hash)| hash);
        if let Some((from, error)) = gap {
            self.next = hash;
            self.pending = entry;
            let to = hash;
            return Some(ScanItem::Gap { from, to, error });
        }
        self.next = hash.and_then(|hash| successor(&hash));
        let (_, value) = entry?;
        let value = (self.parse)(&value);
        Some(ScanItem::Record { hash: hash?, value })
    }
}

/// The first leap over an unreadable range, in the 2^32 values of a hash's first four
/// bytes: hardly more than a block, in a family of a million records.
const FIRST_SKIP: u32 = 1 << 16;

/// Returns the next higher hash; `None` after the last.
pub(crate) fn successor(hash: &H256) -> Option<H256> {
    let mut next = *hash;
    for byte in next.as_bytes_mut().iter_mut().rev() {
        let (sum, carried) = byte.overflowing_add(1);
        *byte = sum;
        if !carried {
            return Some(next);
        }
    }
    None
}

/// Returns the hash `places` farther on, counted in the first four bytes; `None` past
/// the last.
fn skip(hash: &H256, places: u32) -> Option<H256> {
    let (first, _) = hash.as_bytes().split_first_chunk::<4>()?;
    let first = u32::from_be_bytes(*first).checked_add(places)?;
    let mut to = H256::zero();
    to.as_bytes_mut()
        .first_chunk_mut::<4>()?
        .copy_from_slice(&first.to_be_bytes());
    Some(to)
}
