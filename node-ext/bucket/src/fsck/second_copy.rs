//! Restores what the database has lost from its second copies: leaves, signed roots and
//! interior nodes from the journal, and chunks from blob files, even from those that no
//! table points to.

mod objects;
mod writer;

use super::{LostContent, unsigned_leaves};
use crate::bucket::rebuild::restore_state;
use cairn_engine::file_list::blob_files;
use cairn_engine::layout::{self, InteriorValue, StateRecord};
use cairn_engine::{
    BlobLog, Change, Engine, EngineError, Family, JOURNAL_FILE, JournalReader, last_record,
};
use cairn_primitives::chunk_tree::padding;
use cairn_primitives::{BucketId, H256, HashingProfile, LeafCount, Sequence};
use objects::DatabaseBefore;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use writer::Writer;

/// Records in one write batch.
const BATCH_RECORDS: usize = 4096;
/// Chunks in one write batch: 4 MiB.
const BATCH_CHUNKS: usize = 16;

/// The result of restoring records from a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RestoredRecords {
    /// Number of records written.
    pub(super) written: u64,
    /// The number of the journal's last write.
    pub(super) number: u64,
}

fn journal_error(path: &Path) -> impl Fn(std::io::Error) -> EngineError + '_ {
    move |error| EngineError::from_io("reading the journal", path, &error)
}

/// Opens the journal of a bucket in a folder; `None` if there is none of this bucket.
fn open_journal(
    folder: &Path,
    bucket: BucketId,
) -> Result<Option<JournalReader<File>>, EngineError> {
    let path = folder.join(JOURNAL_FILE);
    let reader = match File::open(&path) {
        Ok(file) => JournalReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(error),
    };
    let reader = reader.map_err(journal_error(&path))?;
    Ok((reader.bucket() == Some(bucket.0)).then_some(reader))
}

/// Returns the reason why a journal is not a second copy of its database, if any.
pub(super) fn journal_fault(
    engine: &Engine,
    bucket: BucketId,
) -> Result<Option<String>, EngineError> {
    let path = engine.path().join(JOURNAL_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let Some(mut reader) = open_journal(engine.path(), bucket)? else {
        return Ok(Some(
            "it belongs to another bucket, or its header is damaged".into(),
        ));
    };
    let mut number = None;
    while let Some(record) = reader.next_record().map_err(journal_error(&path))? {
        number = Some(record.number);
    }
    let database = engine.journal_number()?;
    Ok(match number {
        _ if reader.skipped() > 0 => Some(format!("{} bytes of it are damaged", reader.skipped())),
        Some(number) if number > database => Some(format!(
            "it has {number} writes, and the database has lost those after {database}"
        )),
        // A journal behind its database is normal after a crash.
        _ => None,
    })
}

/// Writes leaves, signed roots, the state and other records of the journal back into the
/// database that has lost them. Changes nothing else.
pub(super) fn restore_records(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
    regrow_all: bool,
) -> Result<RestoredRecords, EngineError> {
    let path = folder.join(JOURNAL_FILE);
    let Some(mut reader) = open_journal(folder, bucket)? else {
        return Ok(RestoredRecords::default());
    };
    let file = File::open(&path).map_err(journal_error(&path))?;
    let end = last_record(&file, bucket.0).map_err(journal_error(&path))?;
    let database = engine.journal_number()?;
    // An older journal does not show what was deleted since.
    let Some(end) = end.filter(|end| end.number >= database) else {
        return Ok(RestoredRecords::default());
    };
    let mut writer = Writer::new(engine, BATCH_RECORDS);
    let mut state = None;
    while let Some(record) = reader.next_record().map_err(journal_error(&path))? {
        let is_newer = record.number > database;
        for change in record.changes() {
            match change {
                // Of these only the last change counts.
                _ if objects::is_of_object(&change) => {}
                Change::Put {
                    family: Family::Tree,
                    key,
                    value,
                } if key == layout::STATE_KEY => {
                    state = Some(value.to_vec());
                }
                Change::Put { family, key, value } => {
                    // Interior nodes and chunks are restored only where a leaf needs them.
                    let is_unshaped =
                        family == Family::Content && key.starts_with(layout::NONCONFORMING);
                    if family == Family::Tree || is_unshaped {
                        writer.put_lost(family, key, value, is_newer)?;
                    }
                }
                Change::Delete { family, key } => writer.delete(family, key)?,
                Change::DeleteRange { family, from, to } => {
                    writer.delete_range(family, from, to)?
                }
            }
        }
    }
    let before = DatabaseBefore {
        number: database,
        files_rebuilt: regrow_all,
    };
    let objects = objects::restore_objects(engine, folder, bucket, before)?;
    let mut written = writer.finish()?.saturating_add(objects);
    if let Some(state) = state.and_then(|state| parse_without_peaks(&state)) {
        let recorded = engine.get_uncached(Family::Tree, layout::STATE_KEY);
        let recorded = recorded.ok().flatten();
        let recorded = recorded.and_then(|state| StateRecord::parse(&state).ok());
        let recorded = recorded.map(|recorded| StateRecord {
            peaks: Vec::new(),
            ..recorded
        });
        let is_there = recorded.as_ref() == Some(&state);
        // Unsynced commits reach the database first. The journal's state may then be
        // older, with leaves past its end.
        let newer = recorded.filter(|recorded| progress_of(recorded) > progress_of(&state));
        let is_needed = regrow_all || (newer.is_none() && !is_there);
        if is_needed && restore_state(engine, &newer.unwrap_or(state))? {
            written = written.saturating_add(1);
        }
    }
    let number = end.number;
    Ok(RestoredRecords { written, number })
}

/// Restores what followed the damage in a log. Then rewrites the journal, if the
/// database has everything that is in it.
pub(crate) fn restore_after_damage(
    engine: &Engine,
    backup: &Path,
    bucket: BucketId,
) -> Result<(), EngineError> {
    let restored = restore_records(engine, backup, bucket, false)?;
    let restore = |lost: &LostContent| restore_content(engine, backup, bucket, lost);
    let dropped = unsigned_leaves::drop_lost(engine, bucket, &restore)?;
    engine.flush(Family::Content)?;
    engine.flush(Family::Tree)?;
    // Dropped leaves are only in the old journal, which is in the backup.
    if dropped > 0 || has_newest(engine, backup, bucket)? {
        engine.replace_journal(restored.number)?;
    }
    Ok(())
}

/// Returns whether the database's state is at least as new as the journal's. Otherwise the
/// journal holds the only copy of the newest state and must not be changed.
pub(super) fn has_newest(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
) -> Result<bool, EngineError> {
    let path = folder.join(JOURNAL_FILE);
    let Some(mut reader) = open_journal(folder, bucket)? else {
        return Ok(true);
    };
    let mut newest = None;
    while let Some(record) = reader.next_record().map_err(journal_error(&path))? {
        for change in record.changes() {
            if let Change::Put {
                family: Family::Tree,
                key,
                value,
            } = change
                && key == layout::STATE_KEY
            {
                newest = parse_without_peaks(value);
            }
        }
    }
    let recorded = engine.get_uncached(Family::Tree, layout::STATE_KEY)?;
    let recorded = recorded.and_then(|state| StateRecord::parse(&state).ok());
    Ok(recorded.as_ref().map(progress_of) >= newest.as_ref().map(progress_of))
}

/// Returns how far a bucket has advanced in a state. It never goes back.
fn progress_of(state: &StateRecord) -> (Sequence, LeafCount) {
    (state.tree, state.count)
}

/// Parses a state as a journal stores it, without peaks.
fn parse_without_peaks(state: &[u8]) -> Option<StateRecord> {
    StateRecord::parse(&[state, &[0]].concat()).ok()
}

/// Restores lost content from the journal and the blob files in `folder`. Returns the
/// number of records written.
pub(super) fn restore_content(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
    lost: &LostContent,
) -> Result<u64, EngineError> {
    let mut wanted = lost.chunks.clone();
    let mut written = 0u64;
    if !lost.nodes.is_empty() {
        written = written.saturating_add(restore_nodes(engine, folder, bucket, lost, &mut wanted)?);
    }
    if wanted.is_empty() {
        return Ok(written);
    }
    let small = restore_small_chunks(engine, folder, bucket, lost.profile, &mut wanted)?;
    written = written.saturating_add(small);
    for path in blob_paths(folder)? {
        if wanted.is_empty() {
            break;
        }
        let from_blobs = restore_chunks(engine, &path, lost.profile, &mut wanted)?;
        written = written.saturating_add(from_blobs);
    }
    Ok(written)
}

fn blob_paths(folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
    blob_files(folder)
        .map_err(|error| EngineError::from_io("looking for blob files", folder, &error))
}

/// Restores lost nodes and the lost nodes under them. Adds to `wanted` the lost chunks
/// under them.
fn restore_nodes(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
    lost: &LostContent,
    wanted: &mut HashSet<H256>,
) -> Result<u64, EngineError> {
    let known = find_lost_nodes(engine, folder, bucket, lost)?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut to_visit: Vec<H256> = lost.nodes.iter().copied().collect();
    while let Some(hash) = to_visit.pop() {
        if !seen.insert(hash) {
            continue;
        }
        let Some(value) = known.get(&hash) else {
            continue;
        };
        found.push((hash, *value));
        let height = value.subtree.height();
        for child in [value.left, value.right] {
            let is_padding = child == padding(lost.profile, height.saturating_sub(1));
            if height > 1 {
                to_visit.push(child);
            } else if !is_padding && !has_record(engine, layout::chunk_length_key(&child)) {
                wanted.insert(child);
            }
        }
    }
    // Children first, so that an interruption leaves complete subtrees.
    found.sort_by_key(|(_, value)| value.subtree.height());
    let mut writer = Writer::new(engine, BATCH_RECORDS);
    for (hash, value) in found {
        writer.put(
            Family::Content,
            &layout::interior_key(&hash),
            &value.to_bytes(),
        )?;
    }
    writer.finish()
}

fn has_record(engine: &Engine, key: [u8; 33]) -> bool {
    matches!(engine.get_uncached(Family::Content, &key), Ok(Some(_)))
}

/// Returns the nodes that the journal has and that the database lacks or has wrong.
fn find_lost_nodes(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
    lost: &LostContent,
) -> Result<HashMap<H256, InteriorValue>, EngineError> {
    let mut known = HashMap::new();
    for_each_content(folder, bucket, layout::INTERIOR_NODES, |hash, bytes| {
        let value = InteriorValue::parse(bytes);
        let value = value.filter(|value| lost.profile.node(&value.left, &value.right) == hash);
        if let Some(value) = value
            && (lost.nodes.contains(&hash) || !has_record(engine, layout::interior_key(&hash)))
        {
            known.insert(hash, value);
        }
        Ok(())
    })?;
    Ok(known)
}

fn restore_small_chunks(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
    profile: HashingProfile,
    wanted: &mut HashSet<H256>,
) -> Result<u64, EngineError> {
    let mut writer = Writer::new(engine, BATCH_RECORDS);
    for_each_content(folder, bucket, layout::CHUNKS, |hash, bytes| {
        if wanted.contains(&hash) && profile.chunk(bytes) == hash {
            wanted.remove(&hash);
            writer.chunk(&hash, bytes)?;
        }
        Ok(())
    })?;
    writer.finish()
}

/// Calls `each` with the journal's records of content of one kind.
fn for_each_content(
    folder: &Path,
    bucket: BucketId,
    kind: &[u8],
    mut each: impl FnMut(H256, &[u8]) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let path = folder.join(JOURNAL_FILE);
    let Some(mut reader) = open_journal(folder, bucket)? else {
        return Ok(());
    };
    while let Some(record) = reader.next_record().map_err(journal_error(&path))? {
        for change in record.changes() {
            if let Change::Put {
                family: Family::Content,
                key,
                value,
            } = change
                && key.starts_with(kind)
                && let Some((_, hash)) = layout::parse_content_key(key)
            {
                each(hash, value)?;
            }
        }
    }
    Ok(())
}

/// Copies wanted chunks out of a blob file.
fn restore_chunks(
    engine: &Engine,
    path: &Path,
    profile: HashingProfile,
    wanted: &mut HashSet<H256>,
) -> Result<u64, EngineError> {
    let fault = |error| EngineError::from_io("reading a blob file", path, &error);
    let mut log = BlobLog::new(File::open(path).map_err(fault)?).map_err(fault)?;
    let mut writer = Writer::new(engine, BATCH_CHUNKS);
    while let Some(blob) = log.next_blob().map_err(fault)? {
        let Some((tag, hash)) = layout::parse_content_key(&blob.key) else {
            continue;
        };
        if layout::CHUNKS != [tag] || !wanted.contains(&hash) {
            continue;
        }
        let bytes = log.value(&blob).map_err(fault)?;
        if let Some(bytes) = bytes.filter(|bytes| profile.chunk(bytes) == hash) {
            wanted.remove(&hash);
            writer.chunk(&hash, &bytes)?;
        }
    }
    writer.finish()
}
