//! The life cycle of a bucket: create, accept, delete, export, import.

use super::bucket_folders::BucketFolders;
use super::known_signature::{KnownSignature, MissingSignedRoots, SignatureSource};
use super::tombstones::TombstoneFile;
use super::{Provider, ProviderError, tombstones, trash};
use crate::index::BucketRecord;
use crate::pool::{LeaseRequest, Reservation};
use cairn_bucket::{
    BucketConfig, CreateError, ExportFormat, Exported, ImportRules, ImportSource, Imported,
    TransferProgress, TreeStart, import_bucket, remove_legacy_commitment,
};
use cairn_engine::layout::TRASH_DIR;
use cairn_primitives::BucketId;
use std::path::Path;
use std::time::Duration;

impl Provider {
    /// Creates an empty bucket.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Create`], and [`ProviderError::Signing`] if nothing would ever be
    /// signed for it because the chain hashes differently: then no bucket exists. With
    /// other errors it may exist, empty; and it is in quarantine if the chain was seen to
    /// have a signature over one of its roots.
    pub fn create_bucket(&self, id: BucketId, config: BucketConfig) -> Result<(), ProviderError> {
        self.create_bucket_at(id, config, TreeStart::default())
    }

    /// Creates as [`Provider::create_bucket`] an empty bucket whose first leaf has a sequence above
    /// 0, for a copy of a bucket from which leaves were pruned.
    ///
    /// # Errors
    ///
    /// As [`Provider::create_bucket`].
    pub fn create_bucket_at(
        &self,
        id: BucketId,
        config: BucketConfig,
        start: TreeStart,
    ) -> Result<(), ProviderError> {
        let store = self.inner.pool.store();
        store.gate.judge_hashing(id, config.profile)?;
        let path = store.path(id);
        let exists = || CreateError::Exists {
            bucket: id,
            path: path.clone(),
        };
        {
            let mut making = store.being_created.lock();
            if path.exists() || making.contains_key(&id) {
                return Err(exists().into());
            }
            // Its folder is missing, but its signed roots are still recorded.
            if self.inner.index_writer.record(id).is_some() {
                return Err(ProviderError::Lost { bucket: id });
            }
            self.inner.index_writer.persist_removal(id)?;
            making.insert(id, (config, start));
        }
        // A new bucket needs no reindexing, whatever the index had before.
        self.inner.index_writer.set_up_to_date(id, true);
        let made = self.blocking_lease(id, LeaseRequest::write());
        store.being_created.lock().remove(&id);
        if made.is_err() {
            self.inner.index_writer.set_up_to_date(id, false);
        }
        made.map(drop)?;
        self.compare_new_bucket(id)
    }

    /// Accepts a bucket as it is: ends its quarantine, and replaces its record in the
    /// index. For an operator who has repaired it, or put another copy in its place. The
    /// bucket is first compared with all roots known to be signed: those in the index,
    /// and those that the chain was last seen to have. Returns once the old record is
    /// removed, durably.
    ///
    /// # Errors
    ///
    /// [`ProviderError::MissingSignedRoots`] if the bucket lacks a signed root, unless
    /// `even_behind` is set: then a tombstone is written for it. As [`Provider::lease`]
    /// if the bucket still does not open. After an error it stays in quarantine.
    pub fn accept(&self, id: BucketId, even_behind: bool) -> Result<BucketRecord, ProviderError> {
        let (inner, index_writer) = (&self.inner, &self.inner.index_writer);
        inner.check_writable()?;
        if !inner.pool.store().path(id).is_dir() {
            return Err(inner.no_such_bucket(id));
        }
        let reservation = self.reserve(id, LeaseRequest::read().timeout)?;
        let lost = self.missing_signed_roots(id)?;
        if !lost.missing.is_empty() {
            if !even_behind {
                return Err(ProviderError::MissingSignedRoots {
                    bucket: id,
                    lost: Box::new(lost),
                });
            }
            let commitments = lost.missing.iter().map(|lost| lost.commitment).collect();
            let letting_go = TombstoneFile {
                // More may have been signed between these roots and the bucket's state.
                is_incomplete: true,
                commitments,
                ..TombstoneFile::default()
            };
            tombstones::write(self.path(), id, &letting_go)?;
        }
        let (before, reason) = (index_writer.record(id), index_writer.quarantine_reason(id));
        let forgotten = index_writer.remove(id).map_err(ProviderError::from);
        drop(reservation);
        let accepted = forgotten.and_then(|()| inner.reindex(id));
        if accepted.is_err() {
            index_writer.undo_remove(id, before, reason);
        }
        accepted
    }

    /// Deletes a bucket. Returns once its folder is in the trash, durably; its disk space
    /// is freed in the background.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]; the bucket then still exists. But if syncing a folder failed, it
    /// is deleted, and a power loss may bring it back. [`ProviderError::Index`] for a
    /// bucket whose folder is missing: it is still listed.
    pub fn delete_bucket(&self, id: BucketId) -> Result<(), ProviderError> {
        let reservation = self.reserve(id, LeaseRequest::write().timeout)?;
        self.discard(id, reservation)
    }

    /// Deletes a bucket if `may` returns true for its record, which is read after the
    /// bucket's last lease has ended. Returns whether the bucket was deleted.
    ///
    /// # Errors
    ///
    /// As [`Provider::delete_bucket`].
    pub fn delete_bucket_if(
        &self,
        id: BucketId,
        may: impl FnOnce(Option<&BucketRecord>) -> bool,
    ) -> Result<bool, ProviderError> {
        // Closed without discarding, so that its last signed root is recorded.
        let pool = &self.inner.pool;
        let reservation = pool.reserve(id, LeaseRequest::write().timeout, false);
        let reservation = reservation.map_err(|error| self.inner.lease_error(id, error))?;
        if !may(self.inner.index_writer.record(id).as_ref()) {
            return Ok(false);
        }
        self.discard(id, reservation)?;
        Ok(true)
    }

    /// Returns the roots that are known to be signed but are not in the bucket's folder.
    /// The caller holds the bucket's reservation.
    fn missing_signed_roots(&self, id: BucketId) -> Result<MissingSignedRoots, ProviderError> {
        let store = self.inner.pool.store();
        let bucket = store.open_unchecked(id).map_err(|error| {
            self.inner
                .lease_error(id, crate::pool::LeaseError::Open(error))
        })?;
        let mut signed = self.signed_on_chain(id)?;
        let noted = self
            .inner
            .index_writer
            .record(id)
            .and_then(|record| record.signed);
        signed.extend(noted.map(|signed_root| KnownSignature {
            commitment: signed_root.commitment,
            source: SignatureSource::Index,
        }));
        let mut lost = Vec::new();
        for known in signed {
            if !known.is_provable_in(&bucket)? {
                lost.push(known);
            }
        }
        Ok(MissingSignedRoots {
            have: bucket.commitment(),
            missing: lost,
        })
    }

    /// Writes tombstones for the signed roots of a bucket that is about to be deleted.
    fn write_tombstones(&self, id: BucketId) -> Result<(), ProviderError> {
        let opened = self.inner.pool.store().open_unchecked(id);
        let read = opened
            .ok()
            .and_then(|bucket| TombstoneFile::from_bucket(&bucket).ok());
        let letting_go = match read {
            Some(all) => all,
            // The bucket cannot be read: use the index and the chain.
            None => {
                let noted = self
                    .inner
                    .index_writer
                    .record(id)
                    .and_then(|record| record.signed);
                let on_chain = self.signed_on_chain(id)?.into_iter();
                let mut commitments: Vec<_> = on_chain.map(|known| known.commitment).collect();
                commitments.extend(noted.map(|signed_root| signed_root.commitment));
                TombstoneFile {
                    is_incomplete: !commitments.is_empty()
                        || self.inner.pool.store().path(id).is_dir(),
                    commitments,
                    ..TombstoneFile::default()
                }
            }
        };
        tombstones::write(self.path(), id, &letting_go)
    }

    /// Deletes a reserved bucket.
    fn discard(
        &self,
        id: BucketId,
        reservation: Reservation<BucketFolders>,
    ) -> Result<(), ProviderError> {
        self.inner.check_writable()?;
        let path = self.inner.pool.store().path(id);
        if path.is_dir() || self.inner.index_writer.record(id).is_some() {
            self.write_tombstones(id)?;
        }
        if path.is_dir() {
            let trash = self.inner.base.path().join(TRASH_DIR);
            let (discarded, synced) = trash::move_to_trash(&path, &trash, id)?;
            // While the index still lists it, its folder in the trash says that it is deleted.
            if let Err(error) = self.inner.index_writer.remove(id) {
                tracing::error!(
                    bucket = %id, %error, "the index still lists a deleted bucket; will retry"
                );
            }
            // It must not hold for another bucket under this id.
            if let Err(error) = self.inner.set_allowed_unprovable(id, None) {
                tracing::warn!(bucket = %id, %error, "an exception for a deleted bucket is still recorded");
            }
            // Content that comes back under this id may come from elsewhere.
            if let Err(error) = remove_legacy_commitment(self.path(), id) {
                tracing::warn!(
                    bucket = %id, %error,
                    "what a legacy provider signed for a deleted bucket is still recorded"
                );
            }
            // A power loss may bring it back. It must then be whole, so its files are not
            // removed before the next start.
            synced?;
            self.inner.work.lock().trash.push(discarded);
            self.inner.work_changed.notify_all();
            if let Err(error) = self.inner.base.save_scrub_point(id, None) {
                tracing::warn!(bucket = %id, %error, "the scrub position of a deleted bucket is still recorded");
            }
        } else if let Some(record) = self.inner.index_writer.record(id) {
            // Its folder was removed by other means; only the index has it.
            if let Err(error) = self.inner.index_writer.remove(id) {
                self.inner.index_writer.undo_remove(id, Some(record), None);
                return Err(error.into());
            }
        } else {
            return Err(self.inner.no_such_bucket(id));
        }
        drop(reservation);
        Ok(())
    }

    /// Exports the current state of a bucket to a folder or an archive. The bucket stays
    /// in use.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Transfer`]; then no export remains.
    pub fn export_bucket(
        &self,
        id: BucketId,
        destination: &Path,
        form: ExportFormat,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<Exported, ProviderError> {
        let lease = self.blocking_lease(id, LeaseRequest::write())?;
        let shared = &self.inner.pool.store().resources;
        Ok(lease.run(|bucket| bucket.export_to(destination, form, shared, progress))?)
    }

    /// Imports a bucket that was exported elsewhere, after checking it.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Transfer`]; then nothing has changed. With any other error the
    /// bucket is imported; it is in quarantine if it lacks its last signed root.
    pub fn import_bucket(
        &self,
        source: ImportSource<'_>,
        check: impl Into<ImportRules>,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<Imported, ProviderError> {
        self.inner.check_writable()?;
        let (buckets, store) = (self.inner.base.buckets_path(), self.inner.pool.store());
        let imported = import_bucket(source, &buckets, check, &store.resources, progress)?;
        self.inner.index_writer.persist_removal(imported.bucket)?;
        // An exception for another bucket under this id does not hold for it.
        self.inner.set_allowed_unprovable(imported.bucket, None)?;
        // Nor does what a legacy provider signed for it.
        remove_legacy_commitment(self.path(), imported.bucket)?;
        self.inner.reindex(imported.bucket)?;
        self.compare_new_bucket(imported.bucket)?;
        Ok(imported)
    }

    fn reserve(
        &self,
        id: BucketId,
        within: Duration,
    ) -> Result<Reservation<BucketFolders>, ProviderError> {
        let pool = &self.inner.pool;
        pool.reserve(id, within, true)
            .map_err(|error| self.inner.lease_error(id, error))
    }
}
