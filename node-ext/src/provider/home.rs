//! Where the pool's databases come from and go to: the folders of the base path,
//! and what the index knows of them.

use super::files::files_of;
use super::ledger::Ledger;
use crate::bucket::{Announce, Bucket, BucketConfig};
use crate::engine::{Access, Shared, log_hole};
use crate::error::{CreateError, IndicatesDamage, OpenError, ProveError};
use crate::index::BucketRecord;
use crate::layout::bucket_dir_name;
use crate::pool::Home;
use crate::signing::Gate;
use cairn_primitives::{BucketId, H256, LeafCount, Sequence};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a bucket cannot be had from its folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    #[error("there is no such bucket")]
    Absent,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It has fewer leaves than were signed.
    #[error(
        "it has {have} leaves from sequence {tree}, and {signed} from sequence {signed_tree} were signed: \
         its newest writes are gone. Put the newest copy of its folder in its place, or take it as it \
         is with `cairn bucket accept`"
    )]
    Behind {
        have: LeafCount,
        tree: Sequence,
        signed: LeafCount,
        signed_tree: Sequence,
    },
    /// It has as many leaves as were signed, or more, and not those.
    #[error(
        "it has {have} leaves from sequence {tree}, and does not know the root {root:?} that was signed \
         for {signed} leaves from sequence {signed_tree}: it is another copy, which went another way. \
         Put the newest copy of its folder in its place, or take it as it is with `cairn bucket accept`"
    )]
    Forked {
        have: LeafCount,
        tree: Sequence,
        signed: LeafCount,
        signed_tree: Sequence,
        root: H256,
    },
    /// Whether it has what was signed cannot be read.
    #[error(transparent)]
    Unread(#[from] ProveError),
}

impl HomeError {
    /// Whether the bucket itself is at fault, and not what it stands on.
    pub(super) fn is_the_buckets(&self) -> bool {
        match self {
            Self::Open(error) => error.indicates_damage(),
            Self::Behind { .. } | Self::Forked { .. } => true,
            Self::Unread(error) => error.indicates_damage(),
            Self::Absent | Self::Create(_) => false,
        }
    }
}

/// The folders of buckets, and what is known of them.
pub(crate) struct BucketFolders {
    pub(super) folder: PathBuf,
    pub(super) shared: Shared,
    pub(super) ledger: Arc<Ledger>,
    /// What is asked before anything is signed.
    pub(super) gate: Gate,
    /// Buckets that are being made, with what they are made with.
    pub(super) making: Mutex<HashMap<BucketId, BucketConfig>>,
    /// Told of what happens in every bucket.
    pub(super) announce: Announce,
}

impl BucketFolders {
    pub(super) fn path(&self, id: BucketId) -> PathBuf {
        self.folder.join(bucket_dir_name(id))
    }

    /// A bucket as its folder has it, to be compared and never written, for who
    /// has its place in the pool.
    pub(super) fn open_as_it_is(&self, id: BucketId) -> Result<Bucket, HomeError> {
        let path = self.path(id);
        if !path.is_dir() {
            return Err(HomeError::Absent);
        }
        let bucket = Bucket::open(&path, Access::ReadOnly, &self.shared)?;
        check_name(&bucket, id, path)?;
        Ok(bucket)
    }

    /// A bucket that has lost what was signed, or never had it, must not sign
    /// anything else. One read: the record of the last root that was signed, which
    /// counts alone do not show.
    fn check_promised(&self, bucket: &Bucket) -> Result<(), HomeError> {
        let record = self.ledger.record(bucket.id());
        let Some(signed) = record.and_then(|record| record.signed) else {
            return Ok(());
        };
        let (signed, newest) = (signed.commitment, bucket.commitment());
        let order = newest.start_seq.cmp(&signed.start_seq);
        let count = newest.leaf_count.cmp(&signed.leaf_count);
        let is_behind = order.then(count).is_lt()
            || (order.then(count).is_eq() && newest.mmr_root != signed.mmr_root);
        if is_behind {
            return Err(HomeError::Behind {
                have: newest.leaf_count,
                tree: newest.start_seq,
                signed: signed.leaf_count,
                signed_tree: signed.start_seq,
            });
        }
        let kept = bucket.promise_record(&signed.mmr_root, signed.start_seq)?;
        let is_kept = kept.is_some_and(|kept| kept.count == signed.leaf_count);
        if is_kept || !bucket.holds_tree(signed.start_seq)? {
            // A tree that was pruned and released has taken its promises along.
            return Ok(());
        }
        Err(HomeError::Forked {
            have: newest.leaf_count,
            tree: newest.start_seq,
            signed: signed.leaf_count,
            signed_tree: signed.start_seq,
            root: signed.mmr_root,
        })
    }

    fn open_folder(&self, id: BucketId, access: Access) -> Result<Bucket, HomeError> {
        let path = self.path(id);
        let making = self.making.lock().get(&id).copied();
        if let Some(config) = making {
            return Ok(Bucket::create(&path, id, config, &self.shared)?);
        }
        // Something else in its place is told of as that.
        if path.symlink_metadata().is_err() {
            return Err(HomeError::Absent);
        }
        if access == Access::ReadOnly && has_logged(&path) {
            make_durable(&path, id, &self.shared);
        }
        if access == Access::ReadWrite && !self.ledger.is_known(id) {
            // To open for writing removes files that the database does not know
            // of; not where it is the database that is behind.
            Bucket::open(&path, Access::ReadOnly, &self.shared)?.check_journal()?;
        }
        let bucket = Bucket::open(&path, access, &self.shared)?;
        check_name(&bucket, id, path)?;
        self.check_promised(&bucket)?;
        Ok(bucket)
    }
}

/// Whether a bucket was not closed by who wrote to it last: closing leaves nothing in the log.
fn has_logged(path: &Path) -> bool {
    log_hole::logs_in(path).is_ok_and(|logs| !logs.is_empty())
}

/// Makes durable what is in a bucket's log: it can be read, and the process that wrote it may have
/// ended before it was synced, so that nothing may be signed that stands on it. Where
/// that fails, the bucket is read all the same; see [`Bucket::is_durable`].
fn make_durable(path: &Path, id: BucketId, shared: &Shared) {
    let looked = Bucket::open(path, Access::ReadOnly, shared);
    let looked = looked.and_then(|bucket| bucket.check_journal());
    let opened = looked.and_then(|()| Bucket::open(path, Access::ReadWrite, shared));
    if let Err(error) = opened {
        tracing::warn!(bucket = %id, %error, "what is in the bucket's log could not be made durable");
    }
}

fn check_name(bucket: &Bucket, expected: BucketId, path: PathBuf) -> Result<(), HomeError> {
    let found = bucket.id();
    if found == expected {
        return Ok(());
    }
    Err(HomeError::Open(OpenError::AnotherBucket {
        path,
        expected,
        found,
    }))
}

impl Home for BucketFolders {
    type Open = Bucket;
    type Error = HomeError;

    fn open(&self, id: BucketId, access: Access) -> Result<Bucket, HomeError> {
        match self.open_folder(id, access) {
            Ok(bucket) => {
                bucket.remember_changes();
                bucket.announce_to(self.announce.clone());
                Ok(bucket)
            }
            Err(error) => {
                if error.is_the_buckets() {
                    self.ledger.quarantine(id, error.to_string());
                }
                Err(error)
            }
        }
    }

    fn is_spoiled(open: &Bucket) -> bool {
        open.is_poisoned()
    }

    fn flush(&self, open: &Bucket) -> bool {
        let held = open.unflushed_bytes().unwrap_or(0) > 0;
        if held && let Err(error) = open.flush() {
            // The bucket is poisoned by it, or the next write will tell.
            tracing::error!(bucket = %open.id(), %error, "a bucket could not be flushed");
        }
        held
    }

    fn unflushed_bytes(&self) -> u64 {
        u64::try_from(self.shared.unflushed_bytes()).unwrap_or(u64::MAX)
    }

    fn cached_bytes(&self) -> u64 {
        u64::try_from(self.shared.cached_bytes()).unwrap_or(u64::MAX)
    }

    fn written(&self, id: BucketId) {
        self.ledger.touched(id);
    }

    fn close(&self, id: BucketId, open: Bucket, discard: bool) {
        if discard || open.access() == Access::ReadOnly {
            return;
        }
        let before = self.ledger.record(id);
        let mut record = BucketRecord::of(&open, before.as_ref());
        let changes = open.take_changes();
        let path = open.path().to_owned();
        let poisoned = open.is_poisoned();
        match open.close() {
            // What its files are now is what the record is of.
            Ok(()) if !poisoned && self.ledger.is_known(id) => {
                record.files = files_of(&path).ok();
            }
            Ok(()) => {}
            Err(error) => {
                tracing::error!(bucket = %id, %error, "a bucket was closed without being flushed");
            }
        }
        self.ledger.note(id, record, changes);
    }
}
