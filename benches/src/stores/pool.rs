//! A pool with a fixed capacity that closes the least recently used item: the same for all stores
//! that open one database for each bucket.

use crate::Fallible;
use lru::LruCache;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;

enum Slot<T> {
    Open(Arc<T>),
    /// Being opened or closed.
    Moving,
}

/// The open items.
pub(crate) struct Pool<T> {
    slots: Mutex<LruCache<u64, Slot<T>>>,
    changed: Condvar,
    cap: usize,
}

impl<T> Pool<T> {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            slots: Mutex::new(LruCache::unbounded()),
            changed: Condvar::new(),
            cap: cap.max(1),
        }
    }

    /// Calls a function with `id`, which is opened if necessary.
    pub(crate) fn with<R>(
        &self,
        id: u64,
        open: impl FnOnce() -> Fallible<T>,
        work: impl FnOnce(&T) -> Fallible<R>,
    ) -> Fallible<R> {
        let leased = self.lease(id, open)?;
        let result = work(&leased);
        let slots = self.slots.lock();
        drop(leased);
        drop(slots);
        self.changed.notify_all();
        result
    }

    fn lease(&self, id: u64, open: impl FnOnce() -> Fallible<T>) -> Fallible<Arc<T>> {
        let mut slots = self.slots.lock();
        loop {
            match slots.get(&id) {
                Some(Slot::Open(open)) => return Ok(open.clone()),
                Some(Slot::Moving) => {
                    self.changed.wait(&mut slots);
                    continue;
                }
                None => {}
            }
            if slots.len() < self.cap {
                slots.put(id, Slot::Moving);
                break;
            }
            let Some(victim) = oldest_idle(&slots) else {
                self.changed.wait(&mut slots);
                continue;
            };
            let closing = slots.put(victim, Slot::Moving);
            MutexGuard::unlocked(&mut slots, || drop(closing));
            slots.pop(&victim);
            self.changed.notify_all();
        }
        let opened = MutexGuard::unlocked(&mut slots, || open().map(Arc::new));
        match &opened {
            Ok(opened) => drop(slots.put(id, Slot::Open(opened.clone()))),
            Err(_) => drop(slots.pop(&id)),
        }
        self.changed.notify_all();
        opened
    }

    /// Closes `id` if it is open and unused.
    pub(crate) fn close(&self, id: u64) {
        self.slots.lock().pop(&id);
        self.changed.notify_all();
    }

    /// Closes all unused items.
    pub(crate) fn close_all(&self) {
        self.slots.lock().clear();
    }
}

fn oldest_idle<T>(slots: &LruCache<u64, Slot<T>>) -> Option<u64> {
    slots.iter().rev().find_map(|(id, slot)| match slot {
        Slot::Open(open) if Arc::strong_count(open) == 1 => Some(*id),
        _ => None,
    })
}
