//! A bucket's whole life: made, copied out, taken in, accepted as it is, removed.

use super::home::BucketFolders;
use super::{Provider, ProviderError, trash};
use crate::bucket::BucketConfig;
use crate::error::CreateError;
use crate::index::BucketRecord;
use crate::layout::TRASH_DIR;
use crate::pool::{Reservation, Wanted};
use crate::transfer::{Check, Exported, Form, Imported, Progress, Source, import_bucket};
use cairn_primitives::BucketId;
use std::path::Path;
use std::time::Duration;

impl Provider {
    /// Makes an empty bucket.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Create`]; then there is none.
    pub fn create_bucket(&self, id: BucketId, config: BucketConfig) -> Result<(), ProviderError> {
        let home = self.inner.pool.home();
        let path = home.path(id);
        let exists = || CreateError::Exists {
            bucket: id,
            path: path.clone(),
        };
        {
            let mut making = home.making.lock();
            if path.exists() || making.contains_key(&id) {
                return Err(exists().into());
            }
            // Its place is free, and what was signed of it is not forgotten.
            if self.inner.ledger.record(id).is_some() {
                return Err(ProviderError::Lost { bucket: id });
            }
            making.insert(id, config);
        }
        // Known from its first moment, whatever was known of one before it.
        self.inner.ledger.set_known(id, true);
        let made = self.lease(id, Wanted::write());
        home.making.lock().remove(&id);
        if made.is_err() {
            self.inner.ledger.set_known(id, false);
        }
        made.map(drop)
    }

    /// Takes a bucket as it is: out of quarantine, and without what the index
    /// says was signed of it. For an operator who has repaired it, or knows
    /// that it is not the newest copy.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`]: where it still does not open, it stays where it was.
    pub fn accept(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        let (inner, ledger) = (&self.inner, &self.inner.ledger);
        inner.check_writes()?;
        if !inner.pool.home().path(id).is_dir() {
            return Err(inner.no_such_bucket(id));
        }
        let reservation = self.reserve(id, Wanted::read().wait)?;
        let (before, reason) = (ledger.record(id), ledger.quarantined(id));
        ledger.forget(id);
        drop(reservation);
        let accepted = inner.learn(id);
        if accepted.is_err() {
            ledger.take_back(id, before, reason);
        }
        accepted
    }

    /// Removes a bucket with all that it holds. Returns when it is gone from
    /// its place, durably; its bytes are given back in the background.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]; the bucket is then still there.
    pub fn delete_bucket(&self, id: BucketId) -> Result<(), ProviderError> {
        let reservation = self.reserve(id, Wanted::write().wait)?;
        self.discard(id, reservation)
    }

    /// The same if `may` says so of what is known of the bucket, at a moment
    /// from which nobody works with it any more. Returns whether it was removed.
    ///
    /// # Errors
    ///
    /// As [`Provider::delete_bucket`].
    pub fn delete_bucket_if(
        &self,
        id: BucketId,
        may: impl FnOnce(Option<&BucketRecord>) -> bool,
    ) -> Result<bool, ProviderError> {
        // Closed as any other, which notes what was signed last.
        let pool = &self.inner.pool;
        let reservation = pool.reserve(id, Wanted::write().wait, false);
        let reservation = reservation.map_err(|error| self.inner.refused(id, error))?;
        if !may(self.inner.ledger.record(id).as_ref()) {
            return Ok(false);
        }
        self.discard(id, reservation)?;
        Ok(true)
    }

    /// Removes a bucket that nobody else can have.
    fn discard(
        &self,
        id: BucketId,
        reservation: Reservation<BucketFolders>,
    ) -> Result<(), ProviderError> {
        self.inner.check_writes()?;
        let path = self.inner.pool.home().path(id);
        if path.is_dir() {
            let trash = self.inner.base.path().join(TRASH_DIR);
            let discarded = trash::discard(&path, &trash, id)?;
            self.inner.ledger.forget(id);
            self.inner.work.lock().trash.push(discarded);
            self.inner.changed.notify_all();
            if let Err(error) = self.inner.base.keep_scrub_point(id, None) {
                tracing::warn!(bucket = %id, %error, "the scrub of a deleted bucket is still noted");
            }
        } else if self.inner.ledger.record(id).is_some() {
            // Its folder was removed by other hands.
            self.inner.ledger.forget(id);
        } else {
            return Err(self.inner.no_such_bucket(id));
        }
        drop(reservation);
        Ok(())
    }

    /// Copies a bucket as it is now to a folder or an archive, while it goes on.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Transfer`]; nothing is left then.
    pub fn export_bucket(
        &self,
        id: BucketId,
        destination: &Path,
        form: Form,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, ProviderError> {
        let lease = self.lease(id, Wanted::write())?;
        let shared = &self.inner.pool.home().shared;
        Ok(lease.export_to(destination, form, shared, progress)?)
    }

    /// Takes a bucket in that was exported elsewhere, once it has been checked.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Transfer`]; all is then as it was.
    pub fn import_bucket(
        &self,
        source: Source<'_>,
        check: Check,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Imported, ProviderError> {
        self.inner.check_writes()?;
        let (buckets, home) = (self.inner.base.buckets_path(), self.inner.pool.home());
        let imported = import_bucket(source, &buckets, check, &home.shared, progress)?;
        self.inner.learn(imported.bucket)?;
        Ok(imported)
    }

    fn reserve(
        &self,
        id: BucketId,
        within: Duration,
    ) -> Result<Reservation<BucketFolders>, ProviderError> {
        let pool = &self.inner.pool;
        pool.reserve(id, within, true)
            .map_err(|error| self.inner.refused(id, error))
    }
}
