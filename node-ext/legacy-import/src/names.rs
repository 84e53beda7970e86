//! Imports the names of a bucket's objects and files, once its content is there.
//!
//! The content of a name is checked against the bucket: a leaf with its data root, and the content
//! in its size. A name that a bucket has already is never changed. One that it lacks is added to a
//! bucket of an earlier import only if nothing was ever removed or replaced in that index: otherwise
//! a client may have removed it since.

use super::decode::LegacyState;
use super::error::LegacyError;
use super::index_file::{LegacyEntry, LegacyIndex};
use super::report::{LegacyBucketReport, LegacyNameFault, LegacyNames};
use super::source::LegacySource;
use cairn_bucket::Bucket;
use cairn_objects::{
    Attributes, Condition, Index, Kind, ObjectError, ObjectName, ObjectRecord, Space,
};
use cairn_primitives::chunk_tree::{self, Subtree};
use cairn_primitives::{BucketId, H256, Sequence};
use std::collections::HashMap;

/// Names between two steps of progress.
const PROGRESS_INTERVAL: usize = 256;

/// The names of a bucket that can be imported, with their records.
pub(super) struct ImportableNames {
    bucket: BucketId,
    /// In the order of names.
    spaces: [(Space, Vec<(ObjectName, ObjectRecord)>); 2],
}

impl ImportableNames {
    /// Reads a bucket's indexes from the source. Reports the names that cannot be imported.
    /// `holds` tells whether the bucket holds content with a data root and a shape.
    pub(super) fn read<E>(
        source: &LegacySource,
        (bucket, state): (BucketId, &LegacyState),
        report: &mut LegacyBucketReport,
        mut holds: impl FnMut(&H256, Subtree) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let leaves = Leaves::new(state);
        let mut names = Self {
            bucket,
            spaces: [(Space::Keys, Vec::new()), (Space::Paths, Vec::new())],
        };
        for (space, importable) in &mut names.spaces {
            if let Some(index) = source.index(bucket, *space) {
                let report = report.names_mut(*space);
                *importable = check(*space, index, &leaves, report, &mut holds)?;
            }
        }
        Ok(names)
    }

    /// Returns the number of names.
    pub(super) fn count(&self) -> u64 {
        let counts = self.spaces.iter().map(|(_, names)| names.len());
        u64::try_from(counts.fold(0, usize::saturating_add)).unwrap_or(u64::MAX)
    }

    /// Leaves out the names that a bucket has, and those that it may have had. Reports both.
    pub(super) fn retain_new(
        &mut self,
        bucket: &Bucket,
        report: &mut LegacyBucketReport,
    ) -> Result<(), LegacyError> {
        for (space, names) in &mut self.spaces {
            let retained = retain_new(bucket, *space, names, report.names_mut(*space));
            retained.map_err(|error| LegacyError::names(self.bucket, error))?;
        }
        Ok(())
    }

    /// Reports all as imported: they could be.
    pub(super) fn report_importable(&self, report: &mut LegacyBucketReport) {
        for (space, names) in &self.spaces {
            let imported = u64::try_from(names.len()).unwrap_or(u64::MAX);
            report.names_mut(*space).imported = imported;
        }
    }

    /// Gives the bucket its new names, each durably, and closes it. `progress` gets the number that
    /// are done.
    pub(super) fn put(
        self,
        bucket: Bucket,
        report: &mut LegacyBucketReport,
        mut progress: impl FnMut(u64),
    ) -> Result<(), LegacyError> {
        let mut done = 0u64;
        for (space, names) in &self.spaces {
            let index = Index::new(&bucket, *space);
            let report = report.names_mut(*space);
            for (number, (name, record)) in names.iter().enumerate() {
                if number.checked_rem(PROGRESS_INTERVAL) == Some(0) {
                    progress(done);
                }
                match index.put(name, record, Condition::Absent) {
                    Ok(_) => report.imported = report.imported.saturating_add(1),
                    Err(ObjectError::IndexFull { .. }) => {
                        report.refuse(name.as_str(), LegacyNameFault::NoRoom);
                    }
                    Err(error) => return Err(LegacyError::names(self.bucket, error)),
                }
                done = done.saturating_add(1);
            }
        }
        let closed = bucket.close();
        closed.map_err(|error| LegacyError::names(self.bucket, error))
    }
}

/// The leaves of a bucket in the source.
struct Leaves<'s> {
    state: &'s LegacyState,
    /// The index of the newest leaf with a data root.
    newest: HashMap<H256, u64>,
}

impl<'s> Leaves<'s> {
    fn new(state: &'s LegacyState) -> Self {
        let leaves = (0u64..).zip(&state.leaves);
        Self {
            state,
            newest: leaves
                .map(|(index, leaf)| (leaf.data_root, index))
                .collect(),
        }
    }

    /// Returns the sequence of a leaf with a data root: that at the given index, or the newest.
    /// Leaves before it may have been deleted since the index was written.
    fn sequence_of(&self, data_root: &H256, index: u64) -> Option<Sequence> {
        let place = usize::try_from(index).ok();
        let leaf = place.and_then(|place| self.state.leaves.get(place));
        let index = match leaf {
            Some(leaf) if leaf.data_root == *data_root => index,
            _ => *self.newest.get(data_root)?,
        };
        self.state.start_seq.checked_add(index).map(Sequence)
    }
}

/// Returns the names of an index that can be imported. Reports the others.
fn check<E>(
    space: Space,
    index: LegacyIndex,
    leaves: &Leaves<'_>,
    report: &mut LegacyNames,
    holds: &mut impl FnMut(&H256, Subtree) -> Result<bool, E>,
) -> Result<Vec<(ObjectName, ObjectRecord)>, E> {
    report.index_fault = index.fault;
    let mut importable = Vec::new();
    for (name, entry) in index.entries {
        match named_record(space, &name, entry, leaves) {
            Err(fault) => report.refuse(&name, fault),
            Ok((_, record)) if !is_held(&record, holds)? => {
                report.refuse(&name, LegacyNameFault::Content);
            }
            Ok(named) => importable.push(named),
        }
    }
    Ok(importable)
}

fn named_record(
    space: Space,
    name: &str,
    entry: Option<Box<LegacyEntry>>,
    leaves: &Leaves<'_>,
) -> Result<(ObjectName, ObjectRecord), LegacyNameFault> {
    let entry = *entry.ok_or(LegacyNameFault::Unreadable)?;
    let name = match space {
        Space::Keys => ObjectName::key(name),
        Space::Paths => ObjectName::path(name),
    };
    let name = name.map_err(|_| LegacyNameFault::Name)?;
    let directory = ObjectRecord {
        modified_s: entry.modified_s,
        ..ObjectRecord::directory()
    };
    if entry.kind == Kind::Directory {
        // A directory with content is no directory of that provider.
        let is_empty = entry.size == 0 && entry.data_root.is_zero();
        return match is_empty {
            true => Ok((name, directory)),
            false => Err(LegacyNameFault::Unreadable),
        };
    }
    let attributes = Attributes::new(Some(entry.content_type), entry.metadata);
    let first_leaf = leaves.sequence_of(&entry.data_root, entry.leaf_index);
    let record = ObjectRecord {
        kind: Kind::File,
        data_root: entry.data_root,
        size: entry.size,
        // The legacy provider commits an object as one leaf, with the padding of its tree.
        leaves: vec![entry.data_root],
        first_leaf: first_leaf.ok_or(LegacyNameFault::NoLeaf)?,
        ..directory
    };
    let attributes = attributes.map_err(|_| LegacyNameFault::Attributes)?;
    Ok((name, record.with_attributes(attributes)))
}

fn is_held<E>(
    record: &ObjectRecord,
    holds: &mut impl FnMut(&H256, Subtree) -> Result<bool, E>,
) -> Result<bool, E> {
    if record.kind == Kind::Directory {
        return Ok(true);
    }
    let size = record.size;
    match Subtree::from_parts(chunk_tree::depth(size), chunk_tree::chunk_count(size), size) {
        Some(shape) => holds(&record.data_root, shape),
        None => Ok(false),
    }
}

/// Leaves out the names that a bucket has, and those that it may have had.
fn retain_new(
    bucket: &Bucket,
    space: Space,
    names: &mut Vec<(ObjectName, ObjectRecord)>,
    report: &mut LegacyNames,
) -> Result<(), ObjectError> {
    let index = Index::new(bucket, space);
    let mut new = Vec::new();
    for named in names.drain(..) {
        match index.get(named.0.as_str()) {
            Ok(None) => new.push(named),
            Ok(Some(_)) | Err(ObjectError::Unreadable { .. }) => {
                report.already_there = report.already_there.saturating_add(1);
            }
            Err(error) => return Err(error),
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let only_added = match index.stats() {
        // Each change has added a name: none has removed or replaced one.
        Ok(stats) => stats.version == stats.files.saturating_add(stats.directories),
        Err(ObjectError::Unreadable { .. }) => false,
        Err(error) => return Err(error),
    };
    match only_added {
        true => *names = new,
        false => report.perhaps_removed = u64::try_from(new.len()).unwrap_or(u64::MAX),
    }
    Ok(())
}
