//! Opens and closes buckets for the pool: their folders in the base path, checked against
//! the index.

use super::fingerprint::fingerprint;
use super::index_writer::IndexWriter;
use crate::index::BucketRecord;
use crate::pool::BucketStore;
use cairn_bucket::{
    Bucket, BucketConfig, CreateError, EventListener, IndicatesDamage, OpenError, ProveError,
    TreeStart,
};
use cairn_engine::layout::bucket_dir_name;
use cairn_engine::{Access, SharedResources, log_hole};
use cairn_keys::Gate;
use cairn_primitives::{BucketId, H256, LeafCount, Sequence};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of opening a bucket from its folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketStoreError {
    #[error("there is no such bucket")]
    Absent,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The bucket has fewer leaves than were signed.
    #[error(
        "it has {have} leaves from sequence {tree}, but {signed} from sequence {signed_tree} were \
         signed: its newest writes are missing"
    )]
    Behind {
        have: LeafCount,
        tree: Sequence,
        signed: LeafCount,
        signed_tree: Sequence,
    },
    /// The bucket has enough leaves, but not those that were signed.
    #[error(
        "it has {have} leaves from sequence {tree}, but not the root {root:?} that was signed for \
         {signed} leaves from sequence {signed_tree}: it is a copy that has diverged"
    )]
    Forked {
        have: LeafCount,
        tree: Sequence,
        signed: LeafCount,
        signed_tree: Sequence,
        root: H256,
    },
    /// The signed roots of the bucket cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ProveError),
}

impl BucketStoreError {
    /// Returns whether the fault is the bucket's, and not the disk's or the caller's.
    pub(super) fn is_bucket_fault(&self) -> bool {
        match self {
            Self::Open(error) => error.indicates_damage(),
            Self::Behind { .. } | Self::Forked { .. } => true,
            Self::Unreadable(error) => error.indicates_damage(),
            Self::Absent | Self::Create(_) => false,
        }
    }
}

/// The buckets' folders, with everything needed to open them.
pub(crate) struct BucketFolders {
    pub(super) folder: PathBuf,
    pub(super) resources: SharedResources,
    pub(super) index_writer: Arc<IndexWriter>,
    /// The signing gate.
    pub(super) gate: Gate,
    /// Buckets that are being created, with their configuration and their start.
    pub(super) being_created: Mutex<HashMap<BucketId, (BucketConfig, TreeStart)>>,
    /// Receives the events of every bucket.
    pub(super) listener: EventListener,
}

impl BucketFolders {
    pub(super) fn path(&self, id: BucketId) -> PathBuf {
        self.folder.join(bucket_dir_name(id))
    }

    /// Opens a bucket for reading without checking that it has its last signed root. For
    /// callers that hold the bucket's reservation or know that it does not open.
    pub(super) fn open_unchecked(&self, id: BucketId) -> Result<Bucket, BucketStoreError> {
        let path = self.path(id);
        if !path.is_dir() {
            return Err(BucketStoreError::Absent);
        }
        let bucket = Bucket::open(&path, Access::ReadOnly, &self.resources)?;
        check_id(&bucket, id, path)?;
        Ok(bucket)
    }

    /// Checks that a bucket has its last signed root: one that lacks it must not sign
    /// anything else. Takes one read of that root's record, since leaf counts alone do
    /// not show it.
    fn check_signed_root(&self, bucket: &Bucket) -> Result<(), BucketStoreError> {
        let record = self.index_writer.record(bucket.id());
        let Some(signed) = record.and_then(|record| record.signed) else {
            return Ok(());
        };
        let (signed, newest) = (signed.commitment, bucket.commitment());
        let order = newest.start_seq.cmp(&signed.start_seq);
        let count = newest.leaf_count.cmp(&signed.leaf_count);
        let is_behind = order.then(count).is_lt()
            || (order.then(count).is_eq() && newest.mmr_root != signed.mmr_root);
        if is_behind {
            return Err(BucketStoreError::Behind {
                have: newest.leaf_count,
                tree: newest.start_seq,
                signed: signed.leaf_count,
                signed_tree: signed.start_seq,
            });
        }
        let kept = bucket.signed_root_value(&signed.mmr_root, signed.start_seq)?;
        let is_kept = kept.is_some_and(|kept| kept.count == signed.leaf_count);
        if is_kept || !bucket.holds_tree(signed.start_seq)? {
            // Releasing a pruned tree deletes its signed roots.
            return Ok(());
        }
        Err(BucketStoreError::Forked {
            have: newest.leaf_count,
            tree: newest.start_seq,
            signed: signed.leaf_count,
            signed_tree: signed.start_seq,
            root: signed.mmr_root,
        })
    }

    fn open_folder(&self, id: BucketId, access: Access) -> Result<Bucket, BucketStoreError> {
        let path = self.path(id);
        let making = self.being_created.lock().get(&id).copied();
        if let Some((config, start)) = making {
            let made = Bucket::create_at(&path, id, config, start, &self.resources);
            return Ok(made?);
        }
        // Anything else in its place is reported when it is opened.
        if path.symlink_metadata().is_err() {
            return Err(BucketStoreError::Absent);
        }
        if access == Access::ReadOnly && has_logs(&path) {
            make_logs_durable(&path, id, &self.resources);
        }
        if access == Access::ReadWrite && !self.index_writer.is_up_to_date(id) {
            // Opening for writing removes files that the database does not list. That
            // must not happen if the database is behind the journal.
            Bucket::open(&path, Access::ReadOnly, &self.resources)?.check_journal()?;
        }
        let bucket = Bucket::open(&path, access, &self.resources)?;
        check_id(&bucket, id, path)?;
        self.check_signed_root(&bucket)?;
        Ok(bucket)
    }
}

/// Returns whether the last writer did not close the bucket: closing leaves no log.
fn has_logs(path: &Path) -> bool {
    log_hole::logs_in(path).is_ok_and(|logs| !logs.is_empty())
}

/// Makes the records in a bucket's log durable. They can be read, but the process that
/// wrote them may have ended before syncing, so nothing that depends on them may be
/// signed. If this fails, the bucket is read all the same; see [`Bucket::is_durable`].
fn make_logs_durable(path: &Path, id: BucketId, shared: &SharedResources) {
    let looked = Bucket::open(path, Access::ReadOnly, shared);
    let looked = looked.and_then(|bucket| bucket.check_journal());
    let opened = looked.and_then(|()| Bucket::open(path, Access::ReadWrite, shared));
    if let Err(error) = opened {
        tracing::warn!(bucket = %id, %error, "the bucket's log could not be made durable");
    }
}

fn check_id(bucket: &Bucket, expected: BucketId, path: PathBuf) -> Result<(), BucketStoreError> {
    let found = bucket.id();
    if found == expected {
        return Ok(());
    }
    Err(BucketStoreError::Open(OpenError::AnotherBucket {
        path,
        expected,
        found,
    }))
}

impl BucketStore for BucketFolders {
    type Open = Bucket;
    type Error = BucketStoreError;

    fn open(&self, id: BucketId, access: Access) -> Result<Bucket, BucketStoreError> {
        match self.open_folder(id, access) {
            Ok(bucket) => {
                bucket.track_changes();
                bucket.set_listener(self.listener.clone());
                Ok(bucket)
            }
            Err(error) => {
                if error.is_bucket_fault() {
                    self.index_writer.quarantine(id, error.to_string());
                }
                Err(error)
            }
        }
    }

    fn is_poisoned(open: &Bucket) -> bool {
        open.is_poisoned()
    }

    fn flush(&self, open: &Bucket) -> bool {
        let held = open.unflushed_bytes().unwrap_or(0) > 0;
        if held && let Err(error) = open.flush() {
            // The error poisons the bucket, or the next write fails.
            tracing::error!(bucket = %open.id(), %error, "a bucket could not be flushed");
        }
        held
    }

    fn unflushed_bytes(&self) -> u64 {
        u64::try_from(self.resources.unflushed_bytes()).unwrap_or(u64::MAX)
    }

    fn cached_bytes(&self) -> u64 {
        u64::try_from(self.resources.cached_bytes()).unwrap_or(u64::MAX)
    }

    fn on_write_lease_end(&self, id: BucketId) {
        self.index_writer.mark_touched(id);
    }

    fn close(&self, id: BucketId, open: Bucket, discard: bool) {
        if discard || open.access() == Access::ReadOnly {
            return;
        }
        let before = self.index_writer.record(id);
        let mut record = BucketRecord::from_bucket(&open, before.as_ref());
        let changes = open.take_changes();
        let path = open.path().to_owned();
        let poisoned = open.is_poisoned();
        match open.close() {
            // The files as they are now belong to this record.
            Ok(()) if !poisoned && self.index_writer.is_up_to_date(id) => {
                record.fingerprint = fingerprint(&path).ok();
            }
            Ok(()) => {}
            Err(error) => {
                tracing::error!(bucket = %id, %error, "a bucket was closed without being flushed");
            }
        }
        self.index_writer.queue_note(id, record, changes);
    }
}
