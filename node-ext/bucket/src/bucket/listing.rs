//! Iterates over the content records. Unlike the scans in `records`, these end at the
//! first record that the database cannot read.

use super::Bucket;
use crate::error::ProveError;
use cairn_engine::layout::{self, InteriorValue};
use cairn_engine::{EngineError, Entry, Family};
use cairn_primitives::H256;

impl Bucket {
    /// Iterates over the chunks after the hash `after`, in the order of hashes, with their
    /// lengths; `None` for a length that cannot be parsed.
    pub fn chunks_after(
        &self,
        after: Option<H256>,
    ) -> Result<impl Iterator<Item = Result<(H256, Option<u32>), ProveError>> + '_, ProveError>
    {
        let from = after.map(|hash| layout::chunk_length_key(&hash));
        let from = from.as_ref().map_or(layout::CHUNK_LENGTHS, |key| &key[..]);
        let entries = self
            .engine
            .scan_from(Family::Content, layout::CHUNK_LENGTHS, from)?;
        let records = self.parsed_records(entries, layout::parse_chunk_length);
        Ok(records.filter(move |record| match record {
            Ok((hash, _)) => Some(*hash) != after,
            Err(_) => true,
        }))
    }

    /// Iterates over the hashes of the interior nodes after the hash `after`, in order.
    pub fn nodes_after(
        &self,
        after: Option<H256>,
    ) -> Result<impl Iterator<Item = Result<H256, ProveError>> + '_, ProveError> {
        let from = after.map(|hash| layout::interior_key(&hash));
        let from = from.as_ref().map_or(layout::INTERIOR_NODES, |key| &key[..]);
        let entries = self
            .engine
            .scan_from(Family::Content, layout::INTERIOR_NODES, from)?;
        let hashes = self.parsed_records(entries, |_| Some(()));
        let hashes = hashes.map(|record| record.map(|(hash, _)| hash));
        Ok(hashes.filter(move |hash| match hash {
            Ok(hash) => Some(*hash) != after,
            Err(_) => true,
        }))
    }

    /// Iterates over the interior nodes by hash; `None` for a value that cannot be parsed.
    pub(crate) fn interior_nodes(
        &self,
    ) -> Result<
        impl Iterator<Item = Result<(H256, Option<InteriorValue>), ProveError>> + '_,
        ProveError,
    > {
        self.content_records(layout::INTERIOR_NODES, InteriorValue::parse)
    }

    pub(super) fn content_records<T>(
        &self,
        prefix: &'static [u8],
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<impl Iterator<Item = Result<(H256, Option<T>), ProveError>>, ProveError> {
        let entries = self.engine.scan(Family::Content, prefix)?;
        Ok(self.parsed_records(entries, parse))
    }

    fn parsed_records<T>(
        &self,
        entries: impl Iterator<Item = Result<Entry, EngineError>>,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> impl Iterator<Item = Result<(H256, Option<T>), ProveError>> {
        entries.map(move |entry| {
            let (key, value) = entry?;
            let (_, hash) = layout::parse_content_key(&key)
                .ok_or_else(|| self.unsound("a key of its content cannot be read"))?;
            Ok((hash, parse(&value)))
        })
    }
}
