//! Finds holes in a write-ahead log, which RocksDB skips silently.
//!
//! A loss of power may remove any unsynced part of a log. RocksDB detects a torn record
//! by its checksum. But where it finds zeros instead of a record header, it treats the rest
//! of that block of 32 KiB as unused and continues with the next block. Earlier writes are
//! then lost while later ones are kept, such as a node without the chunk under it. So each
//! log is checked before it is replayed: after the first zeros in place of a record, only
//! zeros may follow.
//!
//! Nor may a log contain a record type that only recycled logs have. A torn end may look
//! like one, and RocksDB's reader then loops on it forever (its issue 13333). The manifest
//! is read by the same reader, and is checked for such types too.

use super::{EngineError, FaultKind};
use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Block size of a log, in bytes; no fragment crosses the end of a block.
const BLOCK_BYTES: usize = 32 << 10;
/// Checksum 4, length 2, type 1; a block with fewer bytes left is padded with zeros.
const HEADER_BYTES: usize = 7;
/// The lowest type with a longer header; Cairn writes none of these.
const MIN_LONG_HEADER_TYPE: u8 = 5;

/// The record types that RocksDB's reader never gets past in a log that is not recycled.
const RECYCLED_TYPES: [u8; 6] = [5, 6, 7, 8, 11, 131];

/// A place in a log or manifest where reading must stop: zeros before other data, or
/// bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHole {
    /// The log or manifest.
    pub file: PathBuf,
    /// Offset of the hole, in bytes.
    pub offset: u64,
}

/// Lists the non-empty logs of a database. A database that was closed cleanly has none.
pub fn logs_in(database: &Path) -> io::Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(database)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "log") && entry.metadata()?.len() > 0 {
            logs.push(path);
        }
    }
    logs.sort_unstable();
    Ok(logs)
}

/// Finds the first hole in the logs of a database.
pub fn find(database: &Path) -> io::Result<Option<LogHole>> {
    for file in logs_in(database)? {
        if let Some(offset) =
            hole_offset(BufReader::with_capacity(BLOCK_BYTES, File::open(&file)?))?
        {
            return Ok(Some(LogHole { file, offset }));
        }
    }
    Ok(None)
}

/// Truncates the logs at the first hole, durably. What precedes it can then be opened,
/// without anything that follows it.
pub fn truncate_at_hole(database: &Path) -> io::Result<Option<LogHole>> {
    let hole = find(database)?;
    if let Some(LogHole { file, offset }) = &hole {
        for log in logs_in(database)?.into_iter().rev() {
            let length = match log.cmp(file) {
                Ordering::Greater => 0,
                Ordering::Equal => *offset,
                Ordering::Less => break,
            };
            let log = OpenOptions::new().write(true).open(log)?;
            log.set_len(length)?;
            log.sync_all()?;
        }
    }
    Ok(hole)
}

/// Finds a record in the current manifest that RocksDB never gets past. Zeros need no check,
/// since each change to the manifest is synced before it takes effect.
fn find_in_manifest(database: &Path) -> io::Result<Option<LogHole>> {
    let missing = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    let named = match std::fs::read_to_string(database.join("CURRENT")) {
        // RocksDB creates the file, or reports that it is missing.
        Err(error) if missing(&error) || error.kind() == ErrorKind::InvalidData => return Ok(None),
        named => named?,
    };
    let name = named.trim_end();
    // RocksDB itself reports any other name.
    if !name.starts_with("MANIFEST-") || name.contains('/') {
        return Ok(None);
    }
    let file = database.join(name);
    let mut manifest = match File::open(&file) {
        Err(error) if missing(&error) => return Ok(None),
        manifest => manifest?,
    };
    let mut block = vec![0; BLOCK_BYTES];
    let mut begin = 0u64;
    loop {
        let length = fill(&mut manifest, &mut block)?;
        let bytes = block.get(..length).unwrap_or_default();
        if let Some(RecordsEnd::Recycled(at)) = end_of_records(bytes) {
            let at = u64::try_from(at).unwrap_or(u64::MAX);
            let offset = begin.saturating_add(at);
            return Ok(Some(LogHole { file, offset }));
        }
        if length < BLOCK_BYTES {
            return Ok(None);
        }
        begin = begin.saturating_add(u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX));
    }
}

/// Truncates the manifest at such a record, durably. What follows was never synced, or
/// another check notices its loss.
pub fn truncate_manifest(database: &Path) -> io::Result<Option<LogHole>> {
    let hole = find_in_manifest(database)?;
    if let Some(LogHole { file, offset }) = &hole {
        let manifest = OpenOptions::new().write(true).open(file)?;
        manifest.set_len(*offset)?;
        manifest.sync_all()?;
    }
    Ok(hole)
}

/// Returns an error for a database whose opening would never return.
pub(super) fn check_manifest(database: &Path, doing: &'static str) -> Result<(), EngineError> {
    let found = find_in_manifest(database);
    let found =
        found.map_err(|error| EngineError::from_io("reading the manifest of", database, &error))?;
    found.map_or(Ok(()), |LogHole { file, offset }| {
        Err(EngineError {
            doing,
            path: database.to_owned(),
            kind: FaultKind::Corrupt,
            message: format!("{} is damaged at {offset}", file.display()),
        })
    })
}

/// Returns the offset of zeros that stand in place of a record with other data after them.
fn hole_offset(mut log: impl Read) -> io::Result<Option<u64>> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut hole = None;
    let mut begin = 0u64;
    loop {
        let length = fill(&mut log, &mut block)?;
        let bytes = block.get(..length).unwrap_or_default();
        let zeros_from = match hole {
            None => match end_of_records(bytes) {
                Some(RecordsEnd::Recycled(at)) => {
                    let at = u64::try_from(at).unwrap_or(u64::MAX);
                    return Ok(Some(begin.saturating_add(at)));
                }
                Some(RecordsEnd::Zeros(at)) => Some(at),
                None => None,
            },
            Some(_) => Some(0),
        };
        if let Some(from) = zeros_from {
            let rest = bytes.get(from..).unwrap_or_default();
            let at = u64::try_from(from).unwrap_or(u64::MAX);
            let hole = *hole.get_or_insert(begin.saturating_add(at));
            if rest.iter().any(|byte| *byte != 0) {
                return Ok(Some(hole));
            }
        }
        if length < BLOCK_BYTES {
            return Ok(None);
        }
        begin = begin.saturating_add(u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX));
    }
}

/// The reason why records end within a block, and the offset.
enum RecordsEnd {
    /// RocksDB treats the rest of the block as unused.
    Zeros(usize),
    /// RocksDB's reader never gets past it.
    Recycled(usize),
}

/// Returns where the records of a block end; `None` if they fill the block, or if it
/// holds something that RocksDB reports itself.
fn end_of_records(block: &[u8]) -> Option<RecordsEnd> {
    let mut at = 0usize;
    loop {
        let header = block.get(at..at.checked_add(HEADER_BYTES)?)?;
        let &[_, _, _, _, low, high, kind] = header else {
            return None;
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        match (kind, length) {
            (0, 0) => return Some(RecordsEnd::Zeros(at)),
            (kind, _) if RECYCLED_TYPES.contains(&kind) => return Some(RecordsEnd::Recycled(at)),
            (kind, _) if kind >= MIN_LONG_HEADER_TYPE => return None,
            _ => at = at.checked_add(HEADER_BYTES)?.checked_add(length)?,
        }
    }
}

/// Fills `block` as far as the log has bytes left.
fn fill(log: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match log.read(rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record's fragment; its checksum is not checked.
    fn fragment(kind: u8, length: usize) -> Vec<u8> {
        let [low, high] = u16::try_from(length).unwrap().to_le_bytes();
        let mut bytes = vec![9, 9, 9, 9, low, high, kind];
        bytes.extend(vec![7; length]);
        bytes
    }

    /// A log of records of the given lengths, as RocksDB writes it, and their offsets.
    fn log_of(records: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let (mut log, mut begins) = (Vec::new(), Vec::new());
        for record in records {
            let (mut left, mut is_first) = (*record, true);
            loop {
                let in_block = BLOCK_BYTES - log.len() % BLOCK_BYTES;
                if in_block < HEADER_BYTES {
                    log.extend(vec![0; in_block]);
                    continue;
                }
                let length = left.min(in_block - HEADER_BYTES);
                let is_last = length == left;
                let kind = match (is_first, is_last) {
                    (true, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                if is_first {
                    begins.push(log.len());
                }
                log.extend(fragment(kind, length));
                (left, is_first) = (left - length, false);
                if is_last {
                    break;
                }
            }
        }
        (log, begins)
    }

    proptest! {
        #[test]
        fn a_hole_is_found_exactly_where_a_record_was(
            records in proptest::collection::vec(0usize..40_000, 1..12),
            lost in any::<prop::sample::Index>(),
            zeros in 0usize..80_000,
        ) {
            let (mut log, begins) = log_of(&records);
            prop_assert_eq!(hole_offset(&log[..]).unwrap(), None);
            let mut tail = log.clone();
            tail.extend(vec![0; zeros]);
            prop_assert_eq!(hole_offset(&tail[..]).unwrap(), None);

            let begin = *lost.get(&begins);
            let end = (begin + HEADER_BYTES.max(zeros)).min(log.len());
            log[begin..end].fill(0);
            let is_hole = log[end..].iter().any(|byte| *byte != 0);
            let expected = is_hole.then(|| u64::try_from(begin).unwrap());
            prop_assert_eq!(hole_offset(&log[..]).unwrap(), expected);
        }

        #[test]
        fn i11_a_record_that_rocksdb_never_gets_past_is_found(
            records in proptest::collection::vec(0usize..40_000, 1..12),
            torn in any::<prop::sample::Index>(),
            kind in prop::sample::select(RECYCLED_TYPES.to_vec()),
        ) {
            let (mut log, begins) = log_of(&records);
            let begin = *torn.get(&begins);
            log[begin + HEADER_BYTES - 1] = kind;
            prop_assert_eq!(hole_offset(&log[..]).unwrap(), Some(u64::try_from(begin).unwrap()));
        }

        #[test]
        fn any_bytes_are_searched(log in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            hole_offset(&log[..]).unwrap();
        }
    }
}
