//! What tests see of writes and copies, and how they make them fail or wait.

use super::{EngineError, FaultKind};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

/// Counts writes by kind, and fails those past a number.
#[derive(Default)]
pub(crate) struct WriteProbe {
    written: AtomicU64,
    synced: AtomicU64,
    /// Writes that still succeed, plus one; 0 for no end.
    left: AtomicU64,
    /// Where a copy waits twice before it begins.
    copies: Mutex<Option<Arc<Barrier>>>,
}

impl WriteProbe {
    /// Makes all writes but the next `number` fail.
    pub(crate) fn fail_after(&self, number: u64) {
        self.left.store(number + 1, Ordering::SeqCst);
    }

    /// Makes copies wait at `barrier` before they begin, and once more there.
    pub(crate) fn hold_copies(&self, barrier: &Arc<Barrier>) {
        *self.copies.lock() = Some(barrier.clone());
    }

    /// Waits where a test wants a copy to wait.
    pub(super) fn copy(&self) {
        let barrier = self.copies.lock().clone();
        if let Some(barrier) = barrier {
            barrier.wait();
            barrier.wait();
        }
    }

    /// Makes writes succeed again.
    pub(crate) fn heal(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    /// Writes so far, and how many of them were synced.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.written.load(Ordering::SeqCst),
            self.synced.load(Ordering::SeqCst),
        )
    }

    /// Notes a write, or fails it.
    pub(super) fn write(&self, path: &Path, synced: bool) -> Result<(), EngineError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 1 {
            return Err(EngineError {
                doing: "writing to a bucket",
                path: path.to_owned(),
                kind: FaultKind::Other,
                message: "a failure made by a test".into(),
            });
        }
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        self.written.fetch_add(1, Ordering::SeqCst);
        self.synced.fetch_add(u64::from(synced), Ordering::SeqCst);
        Ok(())
    }
}
