//! Background syncing of all journals of a process, on one thread.

use super::Tail;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// The longest time between a write and its sync.
const SYNC_DELAY: Duration = Duration::from_secs(1);

impl Tail {
    /// Makes durable what was handed to the operating system.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        let file = {
            let mut state = self.state.lock();
            if !std::mem::take(&mut state.is_dirty) {
                return Ok(());
            }
            state.file.clone()
        };
        // Outside the lock: writers do not wait for it.
        file.map_or(Ok(()), |file| file.sync_data())
    }
}

/// Schedules a sync of a journal within a second.
pub(super) fn schedule_sync(tail: &Arc<Tail>) {
    static QUEUE: OnceLock<Option<Sender<Weak<Tail>>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new().name("cairn-journal".into());
        // Without the thread, a journal is synced when its bucket is closed.
        thread.spawn(move || run_syncs(&receiver)).ok()?;
        Some(sender)
    });
    if let Some(queue) = queue {
        // The thread lives as long as the process.
        let _ = queue.send(Arc::downgrade(tail));
    }
}

fn run_syncs(queue: &Receiver<Weak<Tail>>) {
    while let Ok(first) = queue.recv() {
        // Writes made meanwhile share the sync, so that a commit costs no sync.
        std::thread::sleep(SYNC_DELAY);
        for tail in std::iter::once(first).chain(queue.try_iter()) {
            // A journal that was closed meanwhile has been synced.
            let Some(tail) = tail.upgrade() else { continue };
            if let Err(error) = tail.sync() {
                tracing::error!(%error, "a journal could not be synced");
            }
        }
    }
}
