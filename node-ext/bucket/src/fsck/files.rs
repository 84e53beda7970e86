//! Repairs below the records: rebuilds a database from files that do not open.
//!
//! All work is done on a copy of the folder, with hard links to its tables and blob
//! files, which then replaces the folder in one step. In place it would be dangerous:
//! RocksDB removes the files that an incomplete file list does not name.

use super::report::FsckReport;
use crate::bucket::recover::{self, UnverifiedBucket};
use crate::error::OpenError;
use cairn_engine::layout::{self, REPAIRING_SUFFIX};
use cairn_engine::{
    Access, DamagedLog, Durability, Engine, EngineError, Family, SharedResources, file_list,
    log_hole,
};
use cairn_fs::copy_files;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Records in one write batch.
const BATCH_RECORDS: usize = 4096;

/// Returns whether a bucket does not open because its files form no database, or one
/// that has lost files.
pub(super) fn concerns_files(error: &OpenError) -> bool {
    match error {
        OpenError::Damaged { .. } => true,
        OpenError::Engine(error) => error.is_damage(),
        _ => false,
    }
}

/// Returns whether a check found an unreadable table: RocksDB names it.
pub(super) fn names_a_table(report: &FsckReport) -> bool {
    let findings = &report.findings;
    findings
        .iter()
        .any(|finding| finding.fault.contains(".sst"))
}

/// Rebuilds a database from the bucket's files without the unreadable tables. `kept`
/// is the backup of the folder.
pub(super) fn rebuild_files(
    path: &Path,
    backup: &Path,
    shared: &SharedResources,
) -> Result<(), EngineError> {
    let fault =
        |error: std::io::Error| EngineError::from_io("restoring a bucket's files", path, &error);
    let copy = working_copy(path);
    remove(&copy).map_err(fault)?;
    std::fs::create_dir(&copy).map_err(fault)?;
    copy_files(path, &copy).map_err(fault)?;
    // RocksDB skips a hole in a log, and its repair never returns there.
    log_hole::truncate_at_hole(&copy).map_err(fault)?;
    if !find_manifest(&copy, shared).map_err(fault)? {
        file_list::rebuild(&copy, shared)?;
        // A partly damaged table was dropped as a whole. The rest of it can be
        // read through the old file list.
        let access = Access::ReadOnly;
        if let Ok(old) = recover::open_unchecked(backup, access, shared, DamagedLog::CutAtDamage) {
            let access = Access::ReadWrite;
            let new = Engine::open(&copy, access, shared, DamagedLog::CutAtDamage)?;
            merge(old.engine(), &new)?;
            new.flush(Family::Content)?;
            new.flush(Family::Tree)?;
        }
    }
    File::open(&copy)
        .and_then(|folder| folder.sync_all())
        .and_then(|()| exchange(&copy, path))
        .and_then(|()| remove(&copy))
        .map_err(fault)
}

fn working_copy(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(REPAIRING_SUFFIX);
    name.into()
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Exchanges the names of two folders.
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        // Not all file systems support an exchange.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let mut away = one.as_os_str().to_owned();
            away.push(REPAIRING_SUFFIX);
            std::fs::rename(other, &away)?;
            std::fs::rename(one, other)?;
            std::fs::rename(&away, one)?;
        }
        exchanged => exchanged?,
    }
    one.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Finds a manifest that describes a complete database, and makes `CURRENT` name it.
/// Returns whether there is one.
fn find_manifest(folder: &Path, shared: &SharedResources) -> std::io::Result<bool> {
    for manifest in file_list::manifests(folder)? {
        file_list::set_current(folder, &manifest)?;
        let access = Access::ReadOnly;
        let opened = recover::open_unchecked(folder, access, shared, DamagedLog::Refuse);
        if opened.is_ok_and(|opened| is_complete(&opened)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_complete(opened: &UnverifiedBucket) -> bool {
    let engine = opened.engine();
    let reads = |family, kind| {
        let mut entries = engine.scan(family, kind)?;
        entries.try_for_each(|entry| entry.map(drop))
    };
    let kinds = RECORD_KINDS.iter();
    opened.state().is_ok()
        && matches!(engine.journal_lag(), Ok(None))
        && kinds
            .into_iter()
            .all(|(family, kind)| reads(*family, *kind).is_ok())
}

/// All kinds of records that are stored in tables.
const RECORD_KINDS: &[(Family, &[u8])] = &[
    (Family::Tree, layout::STATE_KEY),
    (Family::Tree, layout::LEAVES),
    (Family::Tree, layout::NODES),
    (Family::Tree, layout::SIGNED_ROOTS),
    (Family::Tree, layout::RETIRED),
    (Family::Tree, layout::DELETIONS),
    (Family::Tree, layout::TOMBSTONES),
    (Family::Tree, layout::FLAGS),
    (Family::Tree, layout::OBJECTS),
    (Family::Content, layout::CHUNK_LENGTHS),
    (Family::Content, layout::INTERIOR_NODES),
    (Family::Content, layout::NONCONFORMING),
    (Family::Content, layout::RELEASE_LIST),
];

/// Writes the records that the old database can read and the new one lacks.
fn merge(old: &Engine, new: &Engine) -> Result<(), EngineError> {
    let mut batch = new.batch();
    let mut pending = 0usize;
    let mut copy = |family, key: &[u8], value: &[u8]| -> Result<(), EngineError> {
        if matches!(new.get_uncached(family, key), Ok(Some(_))) {
            return Ok(());
        }
        batch.put(family, key, value);
        pending = pending.saturating_add(1);
        if pending < BATCH_RECORDS {
            return Ok(());
        }
        pending = 0;
        new.write(
            std::mem::replace(&mut batch, new.batch()),
            Durability::Synced,
        )
    };
    for (family, kind) in RECORD_KINDS {
        // Forward up to the damage, then backward from the end to it.
        let forward = old.scan(*family, kind)?.map_while(Result::ok);
        for (key, value) in forward.chain(old.scan_reverse(*family, kind)?.map_while(Result::ok)) {
            copy(*family, &key, &value)?;
            if *kind == layout::CHUNK_LENGTHS {
                copy_small_chunk(old, &key, &value, &mut copy)?;
            }
        }
    }
    new.write(batch, Durability::Synced)
}

/// Copies a chunk that is stored in a table; larger ones are in blob files.
fn copy_small_chunk(
    old: &Engine,
    key: &[u8],
    length: &[u8],
    copy: &mut impl FnMut(Family, &[u8], &[u8]) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let length = layout::parse_chunk_length(length).and_then(|length| usize::try_from(length).ok());
    let hash = layout::parse_content_key(key);
    if let Some((length, (_, hash))) = length.zip(hash)
        && length < layout::SMALL_CHUNK_BYTES
    {
        let key = layout::chunk_key(&hash);
        if let Ok(Some(bytes)) = old.get_uncached(Family::Content, &key) {
            copy(Family::Content, &key, &bytes)?;
        }
    }
    Ok(())
}
