//! A reader of blob files that needs no database. Each record holds its key, its
//! value and checksums of both, so chunks can be found even when the tables that
//! pointed to them are lost.
//!
//! The format is RocksDB's (`db/blob/blob_log_format.h`, version 1; integers
//! little-endian): a header of 30 bytes, records, and, in a finished file, a footer
//! of 32 bytes. A record is: key length (8), value length (8), expiry (8), checksum
//! of these (4), checksum of key and value (4), key, value.

use super::checksum::{masked, masked_of};
use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Seek, SeekFrom};

const MAGIC: u32 = 2_395_959;
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 30;
const FOOTER_BYTES: u64 = 32;
const RECORD_HEADER_BYTES: u64 = 32;
/// The longest key accepted in a record, in bytes; a bucket's keys have 33.
const MAX_KEY_BYTES: u64 = 64;
/// Read buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// One record of a blob file, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub key: Vec<u8>,
    /// Offset of the value in the file, in bytes.
    value_offset: u64,
    value_length: u64,
    checksum: u32,
}

/// The footer of a finished blob file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobTotals {
    /// Number of records.
    pub(crate) count: u64,
    /// Size of all records, with their headers and keys, in bytes.
    pub(crate) bytes: u64,
}

/// A blob file, read from its beginning.
pub struct BlobLog<R> {
    source: BufReader<R>,
    offset: u64,
    length: u64,
}

impl<R: Read + Seek> BlobLog<R> {
    /// Starts reading. The header may be damaged.
    pub fn new(mut source: R) -> Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        Ok(Self {
            source: BufReader::with_capacity(BUFFER_BYTES, source),
            offset: HEADER_BYTES,
            length,
        })
    }

    /// Returns the totals if both header and footer are intact. RocksDB opens no other
    /// blob file.
    pub(crate) fn totals(&mut self) -> Result<Option<BlobTotals>> {
        let Some(bytes) = self.length.checked_sub(HEADER_BYTES + FOOTER_BYTES) else {
            return Ok(None);
        };
        let header = self.array_at::<30>(0)?;
        let footer = self.array_at::<32>(self.length.saturating_sub(FOOTER_BYTES))?;
        let is_whole = u32_at(&header, 0) == Some(MAGIC)
            && u32_at(&header, 4) == Some(VERSION)
            && u32_at(&footer, 0) == Some(MAGIC)
            && u32_at(&footer, 28) == footer.get(..28).map(masked);
        let count = u64_at(&footer, 4).filter(|_| is_whole);
        Ok(count.map(|count| BlobTotals { count, bytes }))
    }

    /// Returns the next record whose header and key can be read, skipping damage;
    /// `None` at the end.
    pub fn next_blob(&mut self) -> Result<Option<Blob>> {
        while self.offset.saturating_add(RECORD_HEADER_BYTES) <= self.length {
            if let Some(blob) = self.record_at(self.offset)? {
                self.offset = blob.value_offset.saturating_add(blob.value_length);
                return Ok(Some(blob));
            }
            match self.next_candidate(self.offset.saturating_add(1))? {
                Some(candidate) => self.offset = candidate,
                None => break,
            }
        }
        self.offset = self.length;
        Ok(None)
    }

    /// Reads a record's value; `None` if its checksum does not match.
    pub fn value(&mut self, blob: &Blob) -> Result<Option<Vec<u8>>> {
        self.source.seek(SeekFrom::Start(blob.value_offset))?;
        let mut value = Vec::new();
        let mut source = (&mut self.source).take(blob.value_length);
        source.read_to_end(&mut value)?;
        let checksum = masked_of(&[&blob.key, &value]);
        Ok((checksum == blob.checksum).then_some(value))
    }

    fn record_at(&mut self, at: u64) -> Result<Option<Blob>> {
        let header = self.array_at::<32>(at)?;
        let fields = (
            u64_at(&header, 0),
            u64_at(&header, 8),
            u32_at(&header, 24),
            u32_at(&header, 28),
        );
        let (Some(key_length), Some(value_length), Some(of_header), Some(checksum)) = fields else {
            return Ok(None);
        };
        let key_offset = at.saturating_add(RECORD_HEADER_BYTES);
        let value_offset = key_offset.saturating_add(key_length);
        let end = value_offset.checked_add(value_length);
        if key_length > MAX_KEY_BYTES
            || end.is_none_or(|end| end > self.length)
            || header.get(..24).map(masked) != Some(of_header)
        {
            return Ok(None);
        }
        let mut key = Vec::new();
        (&mut self.source).take(key_length).read_to_end(&mut key)?;
        Ok(Some(Blob {
            key,
            value_offset,
            value_length,
            checksum,
        }))
    }

    /// Returns the first offset, `from` or later, where a record may begin: where the
    /// length of a bucket's key is found.
    fn next_candidate(&mut self, from: u64) -> Result<Option<u64>> {
        const KEY_LENGTH: [u8; 8] = 33u64.to_le_bytes();
        self.source.seek(SeekFrom::Start(from))?;
        let mut at = from;
        let mut matched = 0usize;
        loop {
            let buffer = match self.source.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(None);
            }
            let read = buffer.len();
            for byte in buffer {
                at = at.saturating_add(1);
                // The pattern's first byte does not recur in it, so a failed match
                // can only restart at this byte.
                matched = if KEY_LENGTH.get(matched) == Some(byte) {
                    matched.saturating_add(1)
                } else {
                    usize::from(KEY_LENGTH.first() == Some(byte))
                };
                if matched == KEY_LENGTH.len() {
                    return Ok(Some(at.saturating_sub(8)));
                }
            }
            self.source.consume(read);
        }
    }

    /// Reads N bytes at `at`; zeros past the end of the file.
    fn array_at<const N: usize>(&mut self, at: u64) -> Result<[u8; N]> {
        // Relative, to keep the buffer.
        let now = self.source.stream_position()?;
        let step = i64::try_from(i128::from(at) - i128::from(now));
        match step {
            Ok(step) => self.source.seek_relative(step)?,
            Err(_) => drop(self.source.seek(SeekFrom::Start(at))?),
        }
        let mut bytes = Vec::with_capacity(N);
        let wanted = u64::try_from(N).unwrap_or(u64::MAX);
        (&mut self.source).take(wanted).read_to_end(&mut bytes)?;
        bytes.resize(N, 0);
        Ok(bytes.try_into().unwrap_or([0; N]))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut record = (key.len() as u64).to_le_bytes().to_vec();
        record.extend((value.len() as u64).to_le_bytes());
        record.extend(0u64.to_le_bytes());
        let of_header = masked(&record);
        record.extend(of_header.to_le_bytes());
        record.extend(masked_of(&[key, value]).to_le_bytes());
        [&record, key, value].concat()
    }

    fn file(records: &[Vec<u8>]) -> Vec<u8> {
        let mut file = MAGIC.to_le_bytes().to_vec();
        file.extend(VERSION.to_le_bytes());
        file.extend([0; 22]);
        file.extend(records.concat());
        let mut footer = MAGIC.to_le_bytes().to_vec();
        footer.extend((records.len() as u64).to_le_bytes());
        footer.extend([0; 16]);
        let checksum = masked(&footer);
        footer.extend(checksum.to_le_bytes());
        file.extend(footer);
        file
    }

    fn key(seed: u8) -> [u8; 33] {
        let mut key = [seed; 33];
        key[0] = b'c';
        key
    }

    fn values(file: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut log = BlobLog::new(Cursor::new(file)).unwrap();
        let mut found = vec![];
        while let Some(blob) = log.next_blob().unwrap() {
            let value = log.value(&blob).unwrap();
            found.push((blob.key, value));
        }
        found
    }

    #[test]
    fn a_damaged_record_hides_no_other() {
        let records: Vec<_> = (0..5u8)
            .map(|seed| record(&key(seed), &vec![seed; 2000 + usize::from(seed)]))
            .collect();
        let whole = file(&records);
        let all = values(&whole);
        assert_eq!(all.len(), 5);
        assert!(all.iter().all(|(_, value)| value.is_some()));
        let totals = BlobLog::new(Cursor::new(&whole)).unwrap().totals().unwrap();
        let bytes = records.concat().len() as u64;
        assert_eq!(totals, Some(BlobTotals { count: 5, bytes }));

        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let sound: Vec<_> = values(&damaged)
                .into_iter()
                .filter(|found| all.contains(found))
                .collect();
            let is_in_a_record = (30..whole.len() - 32).contains(&at);
            assert_eq!(sound.len(), 5 - usize::from(is_in_a_record), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for (key, value) in values(&bytes) {
                prop_assert!(key.len() + value.unwrap_or_default().len() <= bytes.len());
            }
        }

        #[test]
        fn a_truncation_loses_only_what_it_cuts(cut in 0usize..5000) {
            let records: Vec<_> = (0..4u8).map(|seed| record(&key(seed), &[seed; 1100])).collect();
            let whole = file(&records);
            let cut = cut.min(whole.len());
            let left = &whole[..whole.len() - cut];
            let fitting = (0..4).filter(|n| 30 + (n + 1) * records[0].len() <= left.len()).count();
            let found = values(left);
            prop_assert_eq!(found.iter().filter(|(_, value)| value.is_some()).count(), fitting);
        }
    }
}
