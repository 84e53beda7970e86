//! Opens a bucket, if its records agree (I11). Reads O(log n) records for n leaves.

use super::{Bucket, BucketConfig, Tip};
use crate::error::OpenError;
use cairn_engine::layout::{self, StateRecord, StateRecordError, StorageUsage};
use cairn_engine::log_hole::{self, LogHole};
use cairn_engine::{
    Access, DamagedLog, Engine, EngineError, Family, FaultKind, JournalLag, SharedResources,
};
use cairn_primitives::mmr::{Frontier, peak_positions};
use cairn_primitives::{MmrLeaf, Sequence};
use codec::{Decode, DecodeAll};
use std::path::Path;

/// An open database of a bucket whose records are unverified. Only repairs of a bucket
/// that cannot be opened use it.
pub(crate) struct UnverifiedBucket {
    engine: Engine,
    access: Access,
    cached_nodes: usize,
}

/// Opens a bucket's database without comparing its records.
pub(crate) fn open_unchecked(
    path: &Path,
    access: Access,
    shared: &SharedResources,
    log: DamagedLog,
) -> Result<UnverifiedBucket, OpenError> {
    // RocksDB would create a database in any other folder.
    if !path.join("CURRENT").is_file() {
        let path = path.to_owned();
        return Err(if holds_database_files(&path) {
            let what = "the file CURRENT is missing".into();
            OpenError::Damaged { path, what }
        } else {
            OpenError::NotABucket { path }
        });
    }
    // RocksDB would skip the hole.
    if let Some(LogHole { file, offset }) = log_hole::find(path).map_err(log_error(path))? {
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            what: format!("its log {file} has a hole at {offset}, with records after it"),
        });
    }
    let engine = Engine::open(path, access, shared, log).map_err(|error| classify(path, error))?;
    let cached_nodes = shared.cached_nodes();
    Ok(UnverifiedBucket {
        engine,
        access,
        cached_nodes,
    })
}

impl UnverifiedBucket {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The state record, unverified.
    pub(crate) fn state(&self) -> Result<StateRecord, OpenError> {
        read_state(&self.engine)
    }

    /// The usage record, unverified.
    pub(crate) fn usage(&self) -> Result<StorageUsage, OpenError> {
        read_usage(&self.engine)
    }

    /// Returns the bucket with `state` as its state. The state's peaks must have its root;
    /// they need not be the peaks on disk.
    pub(crate) fn into_bucket(
        self,
        state: StateRecord,
        usage: StorageUsage,
    ) -> Result<Bucket, OpenError> {
        let (id, config) = (state.bucket, config_of(&state));
        let tip = tip_from_state(&self.engine, state)?;
        Ok(Bucket::from_parts(
            self.engine,
            self.access,
            id,
            config,
            tip,
            usage,
            self.cached_nodes,
        ))
    }
}

pub(super) fn open(
    path: &Path,
    access: Access,
    shared: &SharedResources,
    log: DamagedLog,
) -> Result<Bucket, OpenError> {
    let unverified = open_unchecked(path, access, shared, log)?;
    let (state, usage) = (unverified.state()?, unverified.usage()?);
    check_records(&unverified.engine, &state)?;
    // A bucket opened up to damage is behind its journal, so it gets none.
    if access == Access::ReadWrite && log == DamagedLog::Refuse {
        let behind = unverified.engine.attach_journal()?;
        behind.map_or(Ok(()), |behind| Err(behind_journal_error(path, behind)))?;
    }
    unverified.into_bucket(state, usage)
}

/// Returns the error for a database that has lost writes. Signed roots may be among
/// them, and the provider would sign again with other leaves.
pub(super) fn behind_journal_error(path: &Path, behind: JournalLag) -> OpenError {
    let JournalLag { database, journal } = behind;
    OpenError::Damaged {
        path: path.to_owned(),
        what: format!(
            "the newest writes are gone: its journal has {journal} writes, its database only \
             {database}"
        ),
    }
}

fn config_of(state: &StateRecord) -> BucketConfig {
    BucketConfig {
        profile: state.profile,
        max_bytes: state.max_bytes,
    }
}

/// Turns a state into a tip, after checking its peaks against its root.
fn tip_from_state(engine: &Engine, state: StateRecord) -> Result<Tip, OpenError> {
    let frontier =
        Frontier::from_peaks(state.profile, state.count, state.peaks).ok_or_else(|| {
            damaged(
                engine,
                "the number of peaks in its state does not fit its leaf count",
            )
        })?;
    if frontier.root() != state.root {
        return Err(damaged(engine, "its bagged peaks do not match its root"));
    }
    Ok(Tip {
        tree: state.tree,
        root: state.root,
        total_size: state.total_size,
        frontier,
    })
}

/// Returns whether a folder holds files of a database.
fn holds_database_files(path: &Path) -> bool {
    let is_part = |name: &str| {
        name.starts_with("MANIFEST-")
            || [".sst", ".blob", ".log"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
    };
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().to_str().is_some_and(is_part))
}

/// Tells another program's database from a damaged bucket.
fn classify(path: &Path, error: EngineError) -> OpenError {
    let path = path.to_owned();
    if error.message.contains("Column family not found") || error.message.contains("comparator") {
        OpenError::NotABucket { path }
    } else if error.kind == FaultKind::Absent {
        OpenError::Damaged {
            path,
            what: error.message,
        }
    } else {
        error.into()
    }
}

fn log_error(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError + '_ {
    move |error| {
        OpenError::Engine(EngineError {
            doing: "reading the log of a bucket",
            path: path.to_owned(),
            kind: FaultKind::Other,
            message: error.to_string(),
        })
    }
}

fn damaged(engine: &Engine, what: impl Into<String>) -> OpenError {
    OpenError::Damaged {
        path: engine.path().to_owned(),
        what: what.into(),
    }
}

fn read_state(engine: &Engine) -> Result<StateRecord, OpenError> {
    let value = engine.get(Family::Tree, layout::STATE_KEY)?;
    let value = value.ok_or_else(|| damaged(engine, "it has no state record"))?;
    StateRecord::parse(&value).map_err(|fault| match fault {
        StateRecordError::Damaged => damaged(engine, "its state record cannot be read"),
        StateRecordError::Format { found } => OpenError::Format {
            path: engine.path().to_owned(),
            found,
            known: layout::FORMAT_VERSION,
        },
    })
}

fn read_usage(engine: &Engine) -> Result<StorageUsage, OpenError> {
    let value = engine.get(Family::Content, layout::USAGE_KEY)?;
    let value = value.ok_or_else(|| damaged(engine, "it has no usage record"))?;
    StorageUsage::decode_all(&mut &value[..])
        .map_err(|_| damaged(engine, "its usage record cannot be read"))
}

/// Checks that the peaks on disk and the last leaf agree with the state, and that no leaf
/// follows.
fn check_records(engine: &Engine, state: &StateRecord) -> Result<(), OpenError> {
    let mut keys: Vec<_> = peak_positions(state.count)
        .into_iter()
        .map(|position| layout::node_key(state.tree, position))
        .collect();
    let peaks = keys.len();
    let end = state.tree.checked_add(state.count.next_index());
    let end = end.ok_or_else(|| damaged(engine, "its sequences leave their range"))?;
    keys.push(layout::leaf_key(end));
    let last = state
        .count
        .last_index()
        .and_then(|index| state.tree.checked_add(index));
    // A tree that a prune left empty continues the sizes of the last dropped leaf, which
    // is stored until its release.
    let dropped = state.tree.0.checked_sub(1).map(Sequence);
    keys.extend(last.or(dropped).map(layout::leaf_key));
    let found = engine.get_many(Family::Tree, &keys, <[u8]>::to_vec)?;
    let (found_peaks, found_leaves) = found.split_at_checked(peaks).unwrap_or_default();

    for (place, (found, stated)) in found_peaks.iter().zip(&state.peaks).enumerate() {
        if found.as_deref() != Some(stated.as_bytes()) {
            return Err(damaged(
                engine,
                format!("peak {place} differs from its state"),
            ));
        }
    }
    if found_leaves.first().is_some_and(Option::is_some) {
        return Err(damaged(engine, "there is a leaf past the end of its tree"));
    }
    let leaf = found_leaves.get(1).and_then(Option::as_deref);
    if last.is_some() || leaf.is_some() {
        let leaf = leaf.and_then(|mut bytes| MmrLeaf::decode(&mut bytes).ok());
        if leaf.map(|leaf| leaf.total_size) != Some(state.total_size) {
            return Err(damaged(
                engine,
                "its last leaf does not have its state's total size",
            ));
        }
    } else if state.tree.0 == 0 && state.total_size != 0 {
        return Err(damaged(engine, "it has a total size, but no leaves"));
    }
    Ok(())
}
