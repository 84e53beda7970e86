//! Below the records: making a database again of files that do not open.
//!
//! All is done to a copy of the folder, whose tables and blob files are the same
//! by links, and which takes the folder's place in one step: what opens a list
//! of files that is not whole would remove the files that it does not name.

use super::report::FsckReport;
use crate::aside::copy_files;
use crate::bucket::recover::{self, Unverified};
use crate::engine::{
    Access, DamagedLog, Durability, Engine, EngineError, Family, Shared, file_list, log_hole,
};
use crate::error::OpenError;
use crate::layout::{self, REPAIRING};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Records that are written in one batch.
const BATCH: usize = 4096;

/// Whether what keeps a bucket from being opened is that its files make no
/// database, or one that has lost some of them.
pub(super) fn is_of_files(error: &OpenError) -> bool {
    match error {
        OpenError::Damaged { .. } => true,
        OpenError::Engine(error) => error.is_damage(),
        _ => false,
    }
}

/// Whether a check came upon a table that cannot be read: RocksDB names it.
pub(super) fn names_a_table(report: &FsckReport) -> bool {
    let findings = &report.findings;
    findings
        .iter()
        .any(|finding| finding.fault.contains(".sst"))
}

/// Makes a database of the bucket's files, without the tables that cannot be
/// read. `kept` is the folder as it was, `shared` what databases share.
pub(super) fn restore(path: &Path, kept: &Path, shared: &Shared) -> Result<(), EngineError> {
    let fault = |error: std::io::Error| {
        EngineError::of_file("putting a bucket's files together", path, &error)
    };
    let made = staging(path);
    remove(&made).map_err(fault)?;
    std::fs::create_dir(&made).map_err(fault)?;
    copy_files(path, &made).map_err(fault)?;
    // RocksDB passes over a hole in a log, and its repair does not come to an end there.
    log_hole::cut(&made).map_err(fault)?;
    if !found_manifest(&made, shared).map_err(fault)? {
        file_list::remake(&made, shared)?;
        // A table that is damaged in part is gone as a whole; the rest of it can
        // be read as long as the old list of files is.
        let access = Access::ReadOnly;
        if let Ok(old) = recover::open_unchecked(kept, access, shared, DamagedLog::CutAtDamage) {
            let access = Access::ReadWrite;
            let new = Engine::open(&made, access, shared, DamagedLog::CutAtDamage)?;
            merge(old.engine(), &new)?;
            new.flush(Family::Content)?;
            new.flush(Family::Tree)?;
        }
    }
    File::open(&made)
        .and_then(|folder| folder.sync_all())
        .and_then(|()| exchange(&made, path))
        .and_then(|()| remove(&made))
        .map_err(fault)
}

fn staging(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(REPAIRING);
    name.into()
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives each of two folders the other's name.
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        // Not every file system can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let mut away = one.as_os_str().to_owned();
            away.push(REPAIRING);
            std::fs::rename(other, &away)?;
            std::fs::rename(one, other)?;
            std::fs::rename(&away, one)?;
        }
        exchanged => exchanged?,
    }
    one.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Whether a manifest that is here makes a whole database, whatever `CURRENT`
/// says: then `CURRENT` names it.
fn found_manifest(folder: &Path, shared: &Shared) -> std::io::Result<bool> {
    for manifest in file_list::manifests(folder)? {
        file_list::point_at(folder, &manifest)?;
        let access = Access::ReadOnly;
        let opened = recover::open_unchecked(folder, access, shared, DamagedLog::Refuse);
        if opened.is_ok_and(|opened| is_whole(&opened)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_whole(opened: &Unverified) -> bool {
    let engine = opened.engine();
    let reads = |family, kind| {
        let mut entries = engine.scan(family, kind)?;
        entries.try_for_each(|entry| entry.map(drop))
    };
    let kinds = KINDS.iter();
    opened.state().is_ok()
        && matches!(engine.is_behind_journal(), Ok(None))
        && kinds
            .into_iter()
            .all(|(family, kind)| reads(*family, *kind).is_ok())
}

/// Every kind of record that stands in tables.
const KINDS: &[(Family, &[u8])] = &[
    (Family::Tree, layout::STATE_KEY),
    (Family::Tree, layout::LEAVES),
    (Family::Tree, layout::NODES),
    (Family::Tree, layout::PROMISES),
    (Family::Tree, layout::RETIRED),
    (Family::Tree, layout::DELETIONS),
    (Family::Tree, layout::TOMBSTONES),
    (Family::Tree, layout::FLAGS),
    (Family::Content, layout::CHUNK_LENGTHS),
    (Family::Content, layout::INTERIOR_NODES),
    (Family::Content, layout::UNSHAPED),
    (Family::Content, layout::LISTED),
];

/// Writes what the old database can read and the new one has not.
fn merge(old: &Engine, new: &Engine) -> Result<(), EngineError> {
    let mut batch = new.batch();
    let mut pending = 0usize;
    let mut copy = |family, key: &[u8], value: &[u8]| -> Result<(), EngineError> {
        if matches!(new.get_uncached(family, key), Ok(Some(_))) {
            return Ok(());
        }
        batch.put(family, key, value);
        pending = pending.saturating_add(1);
        if pending < BATCH {
            return Ok(());
        }
        pending = 0;
        new.write(
            std::mem::replace(&mut batch, new.batch()),
            Durability::Synced,
        )
    };
    for (family, kind) in KINDS {
        // Up to the damage, and from the end back to it.
        let forward = old.scan(*family, kind)?.map_while(Result::ok);
        for (key, value) in forward.chain(old.scan_back(*family, kind)?.map_while(Result::ok)) {
            copy(*family, &key, &value)?;
            if *kind == layout::CHUNK_LENGTHS {
                small_chunk(old, &key, &value, &mut copy)?;
            }
        }
    }
    new.write(batch, Durability::Synced)
}

/// Copies a chunk that stands in a table; larger ones are in blob files.
fn small_chunk(
    old: &Engine,
    key: &[u8],
    length: &[u8],
    copy: &mut impl FnMut(Family, &[u8], &[u8]) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let length = layout::parse_chunk_length(length).and_then(|length| usize::try_from(length).ok());
    let hash = layout::parse_content_key(key);
    if let Some((length, (_, hash))) = length.zip(hash)
        && length < layout::SMALL_CHUNK
    {
        let key = layout::chunk_key(&hash);
        if let Ok(Some(bytes)) = old.get_uncached(Family::Content, &key) {
            copy(Family::Content, &key, &bytes)?;
        }
    }
    Ok(())
}
