//! A test probe: counts writes, and makes writes fail or copies wait.

use super::{EngineError, FaultKind};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

/// Counts writes by kind, and fails those after a given number.
#[derive(Default)]
pub struct WriteProbe {
    written: AtomicU64,
    synced: AtomicU64,
    /// Writes that still succeed, plus one; 0 for no limit.
    remaining: AtomicU64,
    /// Barrier at which a copy waits twice before it begins.
    copies: Mutex<Option<Arc<Barrier>>>,
    /// Bytes, in place of 64 MiB, by which the journal may exceed twice its length.
    journal_slack: Mutex<Option<u64>>,
}

impl WriteProbe {
    /// Makes all writes but the next `number` fail.
    pub fn fail_after(&self, number: u64) {
        self.remaining.store(number + 1, Ordering::SeqCst);
    }

    /// Makes copies wait at `barrier` twice before they begin.
    pub fn hold_copies(&self, barrier: &Arc<Barrier>) {
        *self.copies.lock() = Some(barrier.clone());
    }

    /// Has the journal rewritten when it exceeds twice its length by `bytes`, not by 64 MiB.
    pub fn set_journal_slack(&self, bytes: u64) {
        *self.journal_slack.lock() = Some(bytes);
    }

    pub(super) fn journal_slack(&self) -> Option<u64> {
        *self.journal_slack.lock()
    }

    /// Waits at the barrier for copies, if a test has set one.
    pub(super) fn wait_to_copy(&self) {
        let barrier = self.copies.lock().clone();
        if let Some(barrier) = barrier {
            barrier.wait();
            barrier.wait();
        }
    }

    /// Makes writes succeed again.
    pub fn stop_failing(&self) {
        self.remaining.store(0, Ordering::SeqCst);
    }

    /// Returns the numbers of all writes and of synced writes so far.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.written.load(Ordering::SeqCst),
            self.synced.load(Ordering::SeqCst),
        )
    }

    /// Counts a write, or fails it.
    pub(super) fn record_write(&self, path: &Path, synced: bool) -> Result<(), EngineError> {
        let left = self.remaining.load(Ordering::SeqCst);
        if left == 1 {
            return Err(EngineError {
                doing: "writing to a bucket",
                path: path.to_owned(),
                kind: FaultKind::Other,
                message: "a failure made by a test".into(),
            });
        }
        self.remaining
            .store(left.saturating_sub(1), Ordering::SeqCst);
        self.written.fetch_add(1, Ordering::SeqCst);
        self.synced.fetch_add(u64::from(synced), Ordering::SeqCst);
        Ok(())
    }
}
