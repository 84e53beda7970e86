//! Rebuilding a bucket's file list: `CURRENT`, which names a manifest, and the
//! manifest, which lists the tables and blob files.
//!
//! RocksDB's own repair makes a manifest from the tables and the log that it can
//! read, but leaves out two things that a bucket needs. It drops logged writes to a
//! family that has no table left, so a table of the content family is added first.
//! And it lists no blob files: no chunk could be read, and the next opening would
//! remove them all. They are added to the manifest afterwards. Call this only on a copy
//! of a bucket's folder, which nobody opens until it is complete.

use super::blob_log::BlobLog;
use super::checksum::masked_of;
use super::options::{DamagedLog, bucket_options};
use super::{Access, Db, Durability, Engine, EngineError, Family, SharedResources};
use crate::layout::CONTENT_FAMILY;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A key that no bucket has, in the table of the content family that a repair
/// starts with.
const SEED_KEY: &[u8] = b"z";
/// Folder in which that table is made, and folder of files that RocksDB set aside.
const SEED_DIR: &str = "seed";
const LOST_DIR: &str = "lost";

/// Block size of a manifest, in bytes; no record crosses the end of a block.
const BLOCK_BYTES: usize = 32 << 10;
const RECORD_HEADER_BYTES: usize = 7;
/// Kinds of physical records, from `db/log_format.h`: a record in one piece, or its pieces.
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// Tags in a manifest, from `db/version_edit.h`.
const TAG_COLUMN_FAMILY: u64 = 200;
const TAG_COLUMN_FAMILY_ADD: u64 = 201;
const TAG_BLOB_FILE_ADDITION: u64 = 400;

/// Lists the manifests of a folder, newest first.
pub fn manifests(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("MANIFEST-");
        if let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) {
            found.push((number, name));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// Makes `CURRENT` name a manifest, durably.
pub fn set_current(folder: &Path, manifest: &str) -> std::io::Result<()> {
    write_atomically(&folder.join("CURRENT"), format!("{manifest}\n").as_bytes())
}

fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("dbtmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Rebuilds the file list from the readable tables, the log and the blob files.
/// Whatever cannot be read is left out, and removed from the folder.
pub fn rebuild(folder: &Path, shared: &SharedResources) -> Result<(), EngineError> {
    let doing = "rebuilding a bucket's file list";
    let fault = |error: std::io::Error| EngineError::from_io(doing, folder, &error);
    let lost_files = folder.join(LOST_DIR);
    add_seed_table(folder, shared)?;
    Db::repair(&bucket_options(shared, DamagedLog::CutAtDamage), folder)
        .map_err(|error| EngineError::from_rocksdb("repairing a bucket's files", folder, &error))?;
    if lost_files.is_dir() {
        std::fs::remove_dir_all(&lost_files).map_err(fault)?;
    }
    add_blob_files(folder).map_err(fault)?;
    let engine = Engine::open(folder, Access::ReadWrite, shared, DamagedLog::CutAtDamage)?;
    let mut batch = engine.batch();
    batch.delete(Family::Content, SEED_KEY);
    engine.write(batch, Durability::Synced)?;
    engine.flush(Family::Content)?;
    engine.flush(Family::Tree)
}

/// Adds a table of the content family to the folder.
fn add_seed_table(folder: &Path, shared: &SharedResources) -> Result<(), EngineError> {
    let doing = "preparing to rebuild a bucket's file list";
    let fault = |error: std::io::Error| EngineError::from_io(doing, folder, &error);
    let made = folder.join(SEED_DIR);
    if made.is_dir() {
        std::fs::remove_dir_all(&made).map_err(fault)?;
    }
    std::fs::create_dir(&made).map_err(fault)?;
    {
        let engine = Engine::create(&made, shared)?;
        let mut batch = engine.batch();
        batch.put(Family::Content, SEED_KEY, b"");
        engine.write(batch, Durability::Synced)?;
        engine.flush(Family::Content)?;
    }
    let next = file_numbers(folder).map_err(fault)?.max().unwrap_or(0);
    for (above, table) in tables(&made).map_err(fault)?.iter().enumerate() {
        let above = u64::try_from(above).unwrap_or(u64::MAX).saturating_add(1);
        let number = next.saturating_add(above);
        std::fs::rename(table, folder.join(format!("{number:06}.sst"))).map_err(fault)?;
    }
    std::fs::remove_dir_all(&made).map_err(fault)
}

/// Returns the numbers in the names of a folder's files.
fn file_numbers(folder: &Path) -> std::io::Result<impl Iterator<Item = u64>> {
    let number = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let stem = name.split('.').next().unwrap_or_default();
        stem.rsplit('-').next()?.parse::<u64>().ok()
    };
    Ok(std::fs::read_dir(folder)?.flatten().filter_map(number))
}

fn tables(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    files_ending(folder, "sst")
}

/// Lists a folder's blob files.
pub fn blob_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    files_ending(folder, "blob")
}

fn files_ending(folder: &Path, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Adds the blob files to the manifest that `CURRENT` names.
fn add_blob_files(folder: &Path) -> std::io::Result<()> {
    let current = std::fs::read_to_string(folder.join("CURRENT"))?;
    let manifest = folder.join(current.trim_end());
    let records = read_records(&std::fs::read(&manifest)?)
        .ok_or_else(|| std::io::Error::other("RocksDB's own repair wrote no manifest"))?;
    let mut additions = Vec::new();
    for path in blob_files(folder)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem.and_then(|stem| stem.parse::<u64>().ok());
        let totals = BlobLog::new(File::open(&path)?)?.totals()?;
        // An unfinished file is not listed; its chunks are copied instead.
        if let Some((number, totals)) = number.zip(totals).filter(|(_, of)| of.count > 0) {
            put_varint(&mut additions, TAG_BLOB_FILE_ADDITION);
            put_varint(&mut additions, number);
            put_varint(&mut additions, totals.count);
            put_varint(&mut additions, totals.bytes);
            // Empty checksum method and value, then the end of the fields.
            additions.extend([0, 0, 0]);
        }
    }
    if additions.is_empty() {
        return Ok(());
    }
    let (at, family) = records
        .iter()
        .enumerate()
        .find_map(|(at, record)| Some((at, added_family(record, CONTENT_FAMILY)?)))
        .ok_or_else(|| std::io::Error::other("the manifest has no family for content"))?;
    put_varint(&mut additions, TAG_COLUMN_FAMILY);
    put_varint(&mut additions, family);
    let mut with_blobs = records;
    // Before the tables, which refer to them.
    with_blobs.insert(at.saturating_add(1), additions);
    write_atomically(&manifest, &write_records(&with_blobs))
}

/// Returns the number of the family that a record of a manifest adds as `name`.
fn added_family(record: &[u8], name: &str) -> Option<u64> {
    let length = u64::try_from(name.len()).ok()?;
    (1..=u64::from(u8::MAX)).find(|family| {
        let mut added = Vec::new();
        put_varint(&mut added, TAG_COLUMN_FAMILY);
        put_varint(&mut added, *family);
        put_varint(&mut added, TAG_COLUMN_FAMILY_ADD);
        put_varint(&mut added, length);
        added.extend(name.as_bytes());
        record.windows(added.len()).any(|window| window == added)
    })
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        // The lowest seven bits, which fit.
        to.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    to.push(u8::try_from(value).unwrap_or(0));
}

/// Parses the records of a file in RocksDB's log format; `None` if one is damaged.
fn read_records(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    let mut parts: Option<Vec<u8>> = None;
    for block in bytes.chunks(BLOCK_BYTES) {
        let mut rest = block;
        while rest.len() >= RECORD_HEADER_BYTES {
            let (header, after) = rest.split_at_checked(RECORD_HEADER_BYTES)?;
            let (checksum, tail) = header.split_at_checked(4)?;
            let checksum = u32::from_le_bytes(checksum.try_into().ok()?);
            let length = usize::from(u16::from_le_bytes(tail.get(..2)?.try_into().ok()?));
            let kind = *tail.get(2)?;
            if kind == 0 && length == 0 {
                // Preallocated and never written.
                break;
            }
            let (data, after) = after.split_at_checked(length)?;
            if masked_of(&[&[kind], data]) != checksum {
                return None;
            }
            match (kind, &mut parts) {
                (FULL, None) => records.push(data.to_vec()),
                (FIRST, None) => parts = Some(data.to_vec()),
                (MIDDLE, Some(begun)) => begun.extend(data),
                (LAST, Some(begun)) => {
                    begun.extend(data);
                    records.extend(parts.take());
                }
                _ => return None,
            }
            rest = after;
        }
    }
    parts.is_none().then_some(records)
}

fn write_records(records: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for record in records {
        let mut rest = record.as_slice();
        let mut is_first = true;
        loop {
            let mut room = BLOCK_BYTES.saturating_sub(file.len() % BLOCK_BYTES);
            if room < RECORD_HEADER_BYTES {
                file.resize(file.len().saturating_add(room), 0);
                room = BLOCK_BYTES;
            }
            let fits = rest.len().min(room.saturating_sub(RECORD_HEADER_BYTES));
            let (data, after) = rest.split_at_checked(fits).unwrap_or((rest, &[]));
            let kind: u8 = match (is_first, after.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            file.extend(masked_of(&[&[kind], data]).to_le_bytes());
            // A block's length fits.
            file.extend(u16::try_from(fits).unwrap_or(u16::MAX).to_le_bytes());
            file.push(kind);
            file.extend(data);
            rest = after;
            is_first = false;
            if rest.is_empty() {
                break;
            }
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_round_trip(lengths in proptest::collection::vec(0usize..80_000, 0..6)) {
            let records: Vec<Vec<u8>> = lengths
                .iter()
                .enumerate()
                .map(|(at, length)| vec![at as u8; *length])
                .collect();
            prop_assert_eq!(read_records(&write_records(&records)), Some(records));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_records(&bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let file = write_records(&[vec![1; 100], vec![2; 40_000]]);
        for at in (0..file.len()).step_by(97) {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert_ne!(read_records(&damaged), read_records(&file), "byte {at}");
        }
    }

    #[test]
    fn numbers_are_written_as_rocksdb_does() {
        let written = |value| {
            let mut bytes = vec![];
            put_varint(&mut bytes, value);
            bytes
        };
        assert_eq!(written(0x7f), [0x7f]);
        assert_eq!(written(200), [0xc8, 0x01]);
        assert_eq!(written(400), [0x90, 0x03]);
    }
}
