//! Rewrites a journal from its database: it keeps what was changed and deleted since, and so grows
//! without end where records are replaced.
//!
//! A journal is rewritten once it is more than twice as long as after the last rewrite, and
//! 64 MiB. So it has at most as many bytes in vain as it needs, and a constant; and each byte
//! written to it costs at most one byte of rewriting. Its first record has the length after the
//! last rewrite, so that this holds over restarts.

use super::{Journal, NewJournal, TailState};
use crate::database::scan::Records;
use crate::database::{Engine, EngineError, Family};
use crate::layout;
use parking_lot::Mutex;
use std::thread::JoinHandle;

/// Bytes by which a journal may exceed twice its length after the last rewrite. A small journal is
/// not worth a rewrite.
const REWRITE_SLACK_BYTES: u64 = 64 << 20;

/// A rewrite that runs on a thread of its own. It has the database open, so a drop waits for its
/// end.
#[derive(Default)]
pub(in crate::database) struct Rewriter {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Rewriter {
    fn is_running(&self) -> bool {
        let thread = self.thread.lock();
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Starts a job, unless one is running.
    fn start(&self, job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut thread = self.thread.lock();
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        let named = std::thread::Builder::new().name("cairn-rewrite".into());
        *thread = Some(named.spawn(job)?);
        Ok(())
    }
}

impl Drop for Rewriter {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.get_mut().take() {
            // A job that panicked has changed nothing: the old journal is in place.
            let _ = thread.join();
        }
    }
}

impl TailState {
    /// Returns the length of a journal that should be rewritten.
    fn overlong(&self, slack: u64) -> Option<u64> {
        let max = self.rewritten_length.saturating_mul(2);
        let max = max.saturating_add(slack).max(self.min_rewrite_length);
        (self.file.is_some() && self.length > max).then_some(self.length)
    }
}

impl Journal {
    /// Lets the journal grow before another rewrite is tried: each would cost as much as this one.
    fn postpone_rewrite(&self, slack: u64) {
        let mut state = self.tail.state.lock();
        state.min_rewrite_length = state.length.saturating_add(slack);
    }
}

impl Engine {
    /// Rewrites the journal from the database, without deleted records.
    pub fn rewrite_journal(&self) -> Result<(), EngineError> {
        let Some(journal) = self.journal.get() else {
            return Ok(());
        };
        journal.rewrite(|filling| fill_journal(self.records(), filling))
    }

    /// Starts to rewrite the journal in the background, if it is more than twice as long as after
    /// the last rewrite, and 64 MiB. The rewrite ends before the database is closed.
    pub fn shorten_journal(&self) {
        let Some(journal) = self.journal.get() else {
            return;
        };
        let slack = self.rewrite_slack();
        let overlong = journal.tail.state.lock().overlong(slack);
        let Some(length) = overlong.filter(|_| !self.rewriter.is_running()) else {
            return;
        };
        // In the end it takes less than now.
        if let Err(error) = self.shared.admit_into_reserve(length) {
            tracing::warn!(path = %self.path.display(), %error, "the journal is not shortened");
            return journal.postpone_rewrite(slack);
        }
        let (db, path, journal_to_rewrite) = (self.db.clone(), self.path.clone(), journal.clone());
        let started = self.rewriter.start(move || {
            let records = Records::new(&db, &path);
            let rewritten = journal_to_rewrite.rewrite(|filling| fill_journal(records, filling));
            if let Err(error) = rewritten {
                journal_to_rewrite.postpone_rewrite(slack);
                tracing::warn!(path = %path.display(), %error, "the journal was not shortened");
            }
        });
        if let Err(error) = started {
            tracing::warn!(path = %self.path.display(), %error, "the journal is not shortened");
            journal.postpone_rewrite(slack);
        }
    }

    fn rewrite_slack(&self) -> u64 {
        #[cfg(any(test, feature = "testing"))]
        if let Some(slack) = self.probe.journal_slack() {
            return slack;
        }
        REWRITE_SLACK_BYTES
    }
}

/// Copies every record that a journal keeps.
pub(super) fn fill_journal(
    records: Records<'_>,
    filling: &mut NewJournal,
) -> Result<(), EngineError> {
    let kinds = [
        layout::STATE_KEY,
        layout::LEAVES,
        layout::SIGNED_ROOTS,
        layout::RETIRED,
        layout::DELETIONS,
        layout::TOMBSTONES,
        layout::FLAGS,
        layout::OBJECTS,
    ];
    for kind in kinds {
        for entry in records.scan_from(Family::Tree, kind, kind)? {
            let (key, value) = entry?;
            filling.put(Family::Tree, &key, &value)?;
        }
    }
    for kind in [layout::INTERIOR_NODES, layout::NONCONFORMING] {
        for entry in records.scan_from(Family::Content, kind, kind)? {
            let (key, value) = entry?;
            filling.put(Family::Content, &key, &value)?;
        }
    }
    // By the recorded lengths, so that no large chunk is read.
    let lengths = layout::CHUNK_LENGTHS;
    for entry in records.scan_from(Family::Content, lengths, lengths)? {
        let (key, length) = entry?;
        let length = layout::parse_chunk_length(&length);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let hash = layout::parse_content_key(&key);
        if length.is_some_and(|length| length < layout::SMALL_CHUNK_BYTES)
            && let Some((_, hash)) = hash
        {
            let key = layout::chunk_key(&hash);
            if let Some(bytes) = records.get(Family::Content, &key)? {
                filling.put(Family::Content, &key, &bytes)?;
            }
        }
    }
    Ok(())
}
