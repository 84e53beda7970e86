//! Reindexing: rebuilds the index records of buckets that are new, or whose files differ
//! from the recorded ones (I6).

use super::fingerprint::fingerprint;
use super::index_writer::IndexWriter;
use super::trash::TrashedBucket;
use super::{IndexedBucket, Inner, Lease, ProviderError};
use crate::index::{BucketRecord, BucketStatus, ReindexCursor, ReindexError};
use crate::pool::LeaseRequest;
use cairn_bucket::{BasePath, Bucket, ProveError, SignedRoot};
use cairn_engine::Access;
use cairn_engine::layout::{BUCKETS_DIR, bucket_dir_name};
use cairn_primitives::BucketId;
use std::collections::HashSet;
use std::sync::Arc;

/// The number of records in one read of the index.
const PAGE_RECORDS: usize = 1024;

/// Compares the folders with the index. Returns the buckets to reindex.
pub(super) fn find_stale(
    base: &BasePath,
    index_writer: &IndexWriter,
    trash: &[TrashedBucket],
) -> Result<Vec<BucketId>, ProviderError> {
    let mut there: HashSet<_> = base.buckets()?.into_iter().collect();
    let folder = base.path().join(BUCKETS_DIR);
    let mut after = None;
    let mut to_learn = Vec::new();
    let has_places = index_writer.index().has_all_places()?;
    loop {
        let page = index_writer.index().page(after, PAGE_RECORDS)?;
        let Some((last, _)) = page.last() else {
            break;
        };
        after = Some(*last);
        for (id, record) in page {
            if let BucketStatus::Quarantined(reason) = &record.status {
                index_writer.restore_quarantine(id, reason.clone());
            }
            if !there.remove(&id) {
                if trash.iter().any(|discarded| discarded.id == id) {
                    // Its folder stays in the trash until that succeeds.
                    if let Err(error) = index_writer.remove(id) {
                        tracing::error!(bucket = %id, %error, "the index still lists a deleted bucket");
                    }
                } else {
                    index_writer.mark_lost(id, record);
                }
                continue;
            }
            let files = fingerprint(&folder.join(bucket_dir_name(id))).ok();
            // Earlier versions did not count flagged leaves, and noted no places.
            let is_noted = record.fingerprint.is_some() && record.flagged.is_some() && has_places;
            if is_noted && record.fingerprint == files {
                index_writer.set_up_to_date(id, true);
            } else {
                to_learn.push(id);
            }
        }
    }
    to_learn.extend(there);
    // The last one is reindexed first.
    to_learn.sort_unstable_by(|one, other| other.cmp(one));
    Ok(to_learn)
}

impl Inner {
    pub(super) fn run_reindexer(self: &Arc<Self>) {
        let mut work = self.work.lock();
        while !work.is_stopping {
            let Some(id) = work.to_reindex.pop() else {
                if work.completes_places {
                    parking_lot::MutexGuard::unlocked(&mut work, || self.record_all_places());
                    work.completes_places = false;
                    self.work_changed.notify_all();
                    continue;
                }
                self.work_changed.wait(&mut work);
                continue;
            };
            work.is_reindexing = true;
            parking_lot::MutexGuard::unlocked(&mut work, || {
                if !self.index_writer.is_up_to_date(id)
                    && let Err(error) = self.reindex(id)
                {
                    tracing::error!(bucket = %id, %error, "the bucket could not be indexed");
                }
            });
            work.is_reindexing = false;
            self.work_changed.notify_all();
        }
    }

    /// Records that all buckets were indexed since this version, which notes their places. A
    /// bucket that could not be is damaged, and is indexed when its repair changes its files.
    fn record_all_places(&self) {
        if let Err(error) = self.index_writer.index().set_all_places() {
            tracing::error!(%error, "the index is rebuilt again at the next start");
        }
    }

    pub(super) fn summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        if let Some(lease) = self.lease_if_writable(id) {
            let before = self.index_writer.record(id);
            return Ok(lease.record(before.as_ref()));
        }
        match self.index_writer.record(id) {
            Some(record) if self.index_writer.is_up_to_date(id) => Ok(record),
            // A bucket that is lost or in quarantine: its old record is the best there is.
            Some(record) if record.status != BucketStatus::Sound => Ok(record),
            _ => self.reindex(id),
        }
    }

    /// Returns the record of a bucket without opening it.
    pub(super) fn indexed_bucket(&self, id: BucketId) -> IndexedBucket {
        let noted = |record, is_current| IndexedBucket {
            id,
            record,
            is_current,
        };
        let before = self.index_writer.record(id);
        if let Some(lease) = self.lease_if_writable(id) {
            return noted(lease.record(before.as_ref()), true);
        }
        match before {
            Some(record) => {
                let is_current =
                    self.index_writer.is_up_to_date(id) || record.status != BucketStatus::Sound;
                noted(record, is_current)
            }
            None => noted(BucketRecord::unknown(BucketStatus::Sound), false),
        }
    }

    /// Returns the record of a bucket. May open the bucket, but does not read its
    /// content.
    pub(super) fn quick_summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        let noted = self.indexed_bucket(id);
        if noted.is_current {
            return Ok(noted.record);
        }
        let lease = self.lease(id, LeaseRequest::read())?;
        let before = self.index_writer.record(id);
        Ok(read_record(&lease, before.as_ref())?)
    }

    /// Opens a bucket, and records its state and content in the index.
    pub(super) fn reindex(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        let path = self.pool.store().path(id);
        let files = fingerprint(&path).ok();
        let mut next = ReindexCursor::default();
        loop {
            // Leased for one part at a time, so that nobody waits for the whole.
            let lease = self.lease(id, LeaseRequest::read())?;
            let learned =
                lease.run(|bucket| self.index_writer.index().reindex_content(bucket, next));
            match learned {
                Ok(Some(following)) => {
                    next = following;
                    continue;
                }
                Ok(None) => {}
                Err(ReindexError::Index(error)) => return Err(error.into()),
                Err(ReindexError::Bucket(error)) => return Err(error.into()),
            }
            let before = self.index_writer.record(id);
            let mut record = read_record(&lease, before.as_ref())?;
            // While it is leased for reading, its files do not change.
            let unchanged = files.is_some() && files == fingerprint(&path).ok();
            if unchanged && lease.access() == Access::ReadOnly {
                record.fingerprint = files;
            }
            self.index_writer.set_up_to_date(id, true);
            self.index_writer.queue_note(id, record.clone(), Vec::new());
            self.log_if_unsigned(id, &record);
            return Ok(record);
        }
    }
}

/// Returns the last signed root according to the index and the bucket. The roots of a
/// copied bucket do not replace one that the index has while its tree exists: without
/// that root the bucket would not have opened.
fn last_signed_root(
    bucket: &Bucket,
    before: Option<&BucketRecord>,
    newest: Option<SignedRoot>,
) -> Result<Option<SignedRoot>, ProveError> {
    match before.and_then(|before| before.signed) {
        Some(known) if bucket.holds_tree(known.commitment.start_seq)? => {
            Ok(SignedRoot::most_advanced(Some(known), newest))
        }
        _ => Ok(newest),
    }
}

/// Makes the record of a bucket, with the last of its own signed roots.
fn read_record(lease: &Lease, before: Option<&BucketRecord>) -> Result<BucketRecord, ProveError> {
    let mut record = lease.record(before);
    let newest = lease.run(newest_signed_root);
    // A root that may not be on the disk does not count as signed; it may be signed again.
    if lease.run(Bucket::is_durable)? {
        record.signed = lease.run(|bucket| {
            let newest = SignedRoot::most_advanced(newest?, bucket.last_signed_root());
            last_signed_root(bucket, before, newest)
        })?;
    }
    Ok(record)
}

/// Returns the signed root with the most leaves of the newest tree.
fn newest_signed_root(bucket: &Bucket) -> Result<Option<SignedRoot>, ProveError> {
    let mut newest: Option<SignedRoot> = None;
    for signed_root in bucket.signed_roots()? {
        let signed_root = signed_root?;
        let place = |signed_root: &SignedRoot| {
            let commitment = signed_root.commitment;
            (commitment.start_seq, commitment.leaf_count)
        };
        if newest
            .as_ref()
            .is_none_or(|newest| place(newest) < place(&signed_root))
        {
            newest = Some(signed_root);
        }
    }
    Ok(newest)
}
