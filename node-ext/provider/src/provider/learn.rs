//! Reindexing: rebuilds the index records of buckets that are new, or whose files differ
//! from the recorded ones (I6).

use super::files::files_of;
use super::ledger::Ledger;
use super::trash::Discarded;
use super::{Inner, Lease, Noted, ProviderError};
use crate::index::{BucketRecord, LearnError, Standing};
use crate::pool::Wanted;
use cairn_bucket::{BasePath, Bucket, Promise, ProveError};
use cairn_engine::Access;
use cairn_engine::layout::{BUCKETS_DIR, bucket_dir_name};
use cairn_primitives::BucketId;
use std::collections::HashSet;
use std::sync::Arc;

/// The number of records in one read of the index.
const PAGE: usize = 1024;

/// Compares the folders with the index. Returns the buckets to reindex.
pub(super) fn compare(
    base: &BasePath,
    ledger: &Ledger,
    trash: &[Discarded],
) -> Result<Vec<BucketId>, ProviderError> {
    let mut there: HashSet<_> = base.buckets()?.into_iter().collect();
    let folder = base.path().join(BUCKETS_DIR);
    let mut after = None;
    let mut to_learn = Vec::new();
    loop {
        let page = ledger.index().page(after, PAGE)?;
        let Some((last, _)) = page.last() else {
            break;
        };
        after = Some(*last);
        for (id, record) in page {
            if let Standing::Quarantined(reason) = &record.standing {
                ledger.restore_quarantine(id, reason.clone());
            }
            if !there.remove(&id) {
                if trash.iter().any(|discarded| discarded.id == id) {
                    // Its folder stays in the trash until that succeeds.
                    if let Err(error) = ledger.forget(id) {
                        tracing::error!(bucket = %id, %error, "the index still lists a deleted bucket");
                    }
                } else {
                    ledger.note_lost(id, record);
                }
                continue;
            }
            let files = files_of(&folder.join(bucket_dir_name(id))).ok();
            // Earlier versions did not count flagged leaves.
            let is_noted = record.files.is_some() && record.flagged.is_some();
            if is_noted && record.files == files {
                ledger.set_known(id, true);
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
    pub(super) fn keep_learning(self: &Arc<Self>) {
        let mut work = self.work.lock();
        while !work.stopping {
            let Some(id) = work.to_learn.pop() else {
                self.changed.wait(&mut work);
                continue;
            };
            work.learning = true;
            parking_lot::MutexGuard::unlocked(&mut work, || {
                if !self.ledger.is_known(id)
                    && let Err(error) = self.learn(id)
                {
                    tracing::error!(bucket = %id, %error, "the bucket could not be indexed");
                }
            });
            work.learning = false;
            self.changed.notify_all();
        }
    }

    pub(super) fn summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        if let Some(lease) = self.lease_if_written(id) {
            let before = self.ledger.record(id);
            return Ok(lease.record(before.as_ref()));
        }
        match self.ledger.record(id) {
            Some(record) if self.ledger.is_known(id) => Ok(record),
            // A bucket that is lost or in quarantine: its old record is the best there is.
            Some(record) if record.standing != Standing::Sound => Ok(record),
            _ => self.learn(id),
        }
    }

    /// Returns the record of a bucket without opening it.
    pub(super) fn noted(&self, id: BucketId) -> Noted {
        let noted = |record, is_current| Noted {
            id,
            record,
            is_current,
        };
        let before = self.ledger.record(id);
        if let Some(lease) = self.lease_if_written(id) {
            return noted(lease.record(before.as_ref()), true);
        }
        match before {
            Some(record) => {
                let is_current = self.ledger.is_known(id) || record.standing != Standing::Sound;
                noted(record, is_current)
            }
            None => noted(BucketRecord::unknown(Standing::Sound), false),
        }
    }

    /// Returns the record of a bucket. May open the bucket, but does not read its
    /// content.
    pub(super) fn look(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        let noted = self.noted(id);
        if noted.is_current {
            return Ok(noted.record);
        }
        let lease = self.lease(id, Wanted::read())?;
        let before = self.ledger.record(id);
        Ok(record_of(&lease, before.as_ref())?)
    }

    /// Opens a bucket, and records its state and content in the index.
    pub(super) fn learn(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        let path = self.pool.home().path(id);
        let files = files_of(&path).ok();
        let mut end = None;
        loop {
            // Leased for one part at a time, so that nobody waits for the whole.
            let lease = self.lease(id, Wanted::read())?;
            let learned = lease.run(|bucket| self.ledger.index().learn_content(bucket, end));
            end = match learned {
                Ok(end) => end,
                Err(LearnError::Index(error)) => return Err(error.into()),
                Err(LearnError::Bucket(error)) => return Err(error.into()),
            };
            if end.is_some() {
                continue;
            }
            let before = self.ledger.record(id);
            let mut record = record_of(&lease, before.as_ref())?;
            // While it is leased for reading, its files do not change.
            let unchanged = files.is_some() && files == files_of(&path).ok();
            if unchanged && lease.access() == Access::ReadOnly {
                record.files = files;
            }
            self.ledger.set_known(id, true);
            self.ledger.note(id, record.clone(), Vec::new());
            self.tell_if_unsigned(id, &record);
            return Ok(record);
        }
    }
}

/// Returns the last signed root according to the index and the bucket. The roots of a
/// copied bucket do not replace one that the index has while its tree exists: without
/// that root the bucket would not have opened.
fn kept_promise(
    bucket: &Bucket,
    before: Option<&BucketRecord>,
    newest: Option<Promise>,
) -> Result<Option<Promise>, ProveError> {
    match before.and_then(|before| before.signed) {
        Some(known) if bucket.holds_tree(known.commitment.start_seq)? => {
            Ok(Promise::greater(Some(known), newest))
        }
        _ => Ok(newest),
    }
}

/// Makes the record of a bucket, with the last of its own signed roots.
fn record_of(lease: &Lease, before: Option<&BucketRecord>) -> Result<BucketRecord, ProveError> {
    let mut record = lease.record(before);
    let newest = lease.run(newest_promise);
    // A root that may not be on the disk does not count as signed; it may be signed again.
    if lease.run(Bucket::is_durable)? {
        record.signed = lease.run(|bucket| {
            let newest = Promise::greater(newest?, bucket.last_promised());
            kept_promise(bucket, before, newest)
        })?;
    }
    Ok(record)
}

/// Returns the signed root with the most leaves of the newest tree.
fn newest_promise(bucket: &Bucket) -> Result<Option<Promise>, ProveError> {
    let mut newest: Option<Promise> = None;
    for promise in bucket.promises()? {
        let promise = promise?;
        let place = |promise: &Promise| {
            let commitment = promise.commitment;
            (commitment.start_seq, commitment.leaf_count)
        };
        if newest
            .as_ref()
            .is_none_or(|newest| place(newest) < place(&promise))
        {
            newest = Some(promise);
        }
    }
    Ok(newest)
}
