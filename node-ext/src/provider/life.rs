//! A bucket's whole life: made, copied out, taken in, accepted as it is, removed.

use super::home::BucketFolders;
use super::on_chain::{KnownSigned, ToldBy, WouldLose};
use super::tombstones::LettingGo;
use super::{Provider, ProviderError, tombstones, trash};
use crate::bucket::BucketConfig;
use crate::error::CreateError;
use crate::index::BucketRecord;
use crate::layout::TRASH_DIR;
use crate::pool::{Reservation, Wanted};
use crate::transfer::{Exported, Form, ImportRules, Imported, Progress, Source, import_bucket};
use cairn_primitives::BucketId;
use std::path::Path;
use std::time::Duration;

impl Provider {
    /// Makes an empty bucket.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Create`]; [`ProviderError::Signing`] where nothing would
    /// ever be signed for it, since the chain hashes otherwise. Then there is none.
    /// But where it was made and does not open, it is there, and empty; and in
    /// quarantine where the chain was seen to have a signature over more.
    pub fn create_bucket(&self, id: BucketId, config: BucketConfig) -> Result<(), ProviderError> {
        let home = self.inner.pool.home();
        home.gate.judge_hashing(id, config.profile)?;
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
            self.inner.ledger.settle(id)?;
            making.insert(id, config);
        }
        // Known from its first moment, whatever was known of one before it.
        self.inner.ledger.set_known(id, true);
        let made = self.lease(id, Wanted::write());
        home.making.lock().remove(&id);
        if made.is_err() {
            self.inner.ledger.set_known(id, false);
        }
        made.map(drop)?;
        self.compare_newcomer(id)
    }

    /// Takes a bucket as it is: out of quarantine, and without what the index
    /// says was signed of it. For an operator who has repaired it, or put
    /// another copy in its place. It is compared first with all that is known to
    /// have been signed: by the index, and by the chain when it was seen last.
    /// Returns when the index has forgotten what it said before, durably.
    ///
    /// # Errors
    ///
    /// [`ProviderError::WouldLose`] where something of that is not in it, unless
    /// it is to be taken `even_behind`; then what is lost is noted as let go. As
    /// [`Provider::lease`] where it still does not open. It stays where it was.
    pub fn accept(&self, id: BucketId, even_behind: bool) -> Result<BucketRecord, ProviderError> {
        let (inner, ledger) = (&self.inner, &self.inner.ledger);
        inner.check_writes()?;
        if !inner.pool.home().path(id).is_dir() {
            return Err(inner.no_such_bucket(id));
        }
        let reservation = self.reserve(id, Wanted::read().wait)?;
        let lost = self.would_lose(id)?;
        if !lost.lost.is_empty() {
            if !even_behind {
                return Err(ProviderError::WouldLose {
                    bucket: id,
                    lost: Box::new(lost),
                });
            }
            let commitments = lost.lost.iter().map(|lost| lost.commitment).collect();
            let letting_go = LettingGo {
                // Between what is known and what is here more may have been signed.
                may_be_more: true,
                commitments,
                ..LettingGo::default()
            };
            tombstones::write(self.path(), id, &letting_go)?;
        }
        let (before, reason) = (ledger.record(id), ledger.quarantined(id));
        let forgotten = ledger.forget(id).map_err(ProviderError::from);
        drop(reservation);
        let accepted = forgotten.and_then(|()| inner.learn(id));
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
    /// [`ProviderError`]; the bucket is then still there. But where a folder could not be
    /// synced it is gone from its place, and a loss of power may bring it back.
    /// [`ProviderError::Index`] of one that has lost its folder: it is still listed.
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

    /// What is known to have been signed of a bucket and is not in its folder,
    /// which nobody else can have meanwhile.
    fn would_lose(&self, id: BucketId) -> Result<WouldLose, ProviderError> {
        let home = self.inner.pool.home();
        let bucket = home
            .open_as_it_is(id)
            .map_err(|error| self.inner.refused(id, crate::pool::LeaseError::Open(error)))?;
        let mut signed = self.on_chain(id)?;
        let noted = self
            .inner
            .ledger
            .record(id)
            .and_then(|record| record.signed);
        signed.extend(noted.map(|promise| KnownSigned {
            commitment: promise.commitment,
            told_by: ToldBy::Index,
        }));
        let mut lost = Vec::new();
        for known in signed {
            if !known.is_in(&bucket)? {
                lost.push(known);
            }
        }
        Ok(WouldLose {
            have: bucket.commitment(),
            lost,
        })
    }

    /// Notes what was signed of a bucket that is about to go.
    fn note_let_go(&self, id: BucketId) -> Result<(), ProviderError> {
        let opened = self.inner.pool.home().open_as_it_is(id);
        let read = opened.ok().and_then(|bucket| LettingGo::of(&bucket).ok());
        let letting_go = match read {
            Some(all) => all,
            // What else knows of it.
            None => {
                let noted = self
                    .inner
                    .ledger
                    .record(id)
                    .and_then(|record| record.signed);
                let on_chain = self.on_chain(id)?.into_iter();
                let mut commitments: Vec<_> = on_chain.map(|known| known.commitment).collect();
                commitments.extend(noted.map(|promise| promise.commitment));
                LettingGo {
                    may_be_more: !commitments.is_empty()
                        || self.inner.pool.home().path(id).is_dir(),
                    commitments,
                    ..LettingGo::default()
                }
            }
        };
        tombstones::write(self.path(), id, &letting_go)
    }

    /// Removes a bucket that nobody else can have.
    fn discard(
        &self,
        id: BucketId,
        reservation: Reservation<BucketFolders>,
    ) -> Result<(), ProviderError> {
        self.inner.check_writes()?;
        let path = self.inner.pool.home().path(id);
        if path.is_dir() || self.inner.ledger.record(id).is_some() {
            self.note_let_go(id)?;
        }
        if path.is_dir() {
            let trash = self.inner.base.path().join(TRASH_DIR);
            let (discarded, synced) = trash::discard(&path, &trash, id)?;
            // As long as the index lists it, its place in the trash says that it is gone.
            if let Err(error) = self.inner.ledger.forget(id) {
                tracing::error!(
                    bucket = %id, %error, "the index still lists a bucket that is gone; it is tried again"
                );
            }
            // Another bucket under its id is another matter.
            if let Err(error) = self.inner.keep_unprovable(id, None) {
                tracing::warn!(bucket = %id, %error, "what was allowed of a deleted bucket is still noted");
            }
            // It may be in its place again after a loss of power, and whole then: its bytes
            // go at the next start.
            synced?;
            self.inner.work.lock().trash.push(discarded);
            self.inner.changed.notify_all();
            if let Err(error) = self.inner.base.keep_scrub_point(id, None) {
                tracing::warn!(bucket = %id, %error, "the scrub of a deleted bucket is still noted");
            }
        } else if let Some(record) = self.inner.ledger.record(id) {
            // Its folder was removed by other hands, and the index alone knows of it.
            if let Err(error) = self.inner.ledger.forget(id) {
                self.inner.ledger.take_back(id, Some(record), None);
                return Err(error.into());
            }
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
        Ok(lease.run(|bucket| bucket.export_to(destination, form, shared, progress))?)
    }

    /// Takes a bucket in that was exported elsewhere, once it has been checked.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Transfer`]; all is then as it was. Any other of one that is
    /// here, and not what the index says was signed of it: it is then in quarantine.
    pub fn import_bucket(
        &self,
        source: Source<'_>,
        check: impl Into<ImportRules>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Imported, ProviderError> {
        self.inner.check_writes()?;
        let (buckets, home) = (self.inner.base.buckets_path(), self.inner.pool.home());
        let imported = import_bucket(source, &buckets, check, &home.shared, progress)?;
        self.inner.ledger.settle(imported.bucket)?;
        // What was allowed of another bucket under its id does not hold for it.
        self.inner.keep_unprovable(imported.bucket, None)?;
        self.inner.learn(imported.bucket)?;
        self.compare_newcomer(imported.bucket)?;
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
