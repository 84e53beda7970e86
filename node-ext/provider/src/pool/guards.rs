//! Guards of the pool: each undoes its effect on the table when it is dropped, also
//! after a panic.

use super::slots::QueueTicket;
use super::statistics::increment;
use super::{BucketStore, Pool, Priority, Table};
use cairn_engine::Access;
use cairn_primitives::BucketId;
use parking_lot::Condvar;
use std::ops::Deref;
use std::sync::Arc;

/// A bucket that stays open until this is dropped (I8).
pub(crate) struct PoolLease<H: BucketStore> {
    pub(super) pool: Arc<Pool<H>>,
    pub(super) id: BucketId,
    pub(super) access: Access,
    /// True if a caller asked for it, rather than the pool's own maintenance.
    pub(super) counts_as_use: bool,
    pub(super) open: Option<Arc<H::Open>>,
}

/// A bucket that stays closed until this is dropped.
pub(crate) struct Reservation<H: BucketStore> {
    pub(super) pool: Arc<Pool<H>>,
    pub(super) id: BucketId,
}

/// A caller's position in the queue, which must not outlive the caller.
pub(super) struct QueuePosition<'p, H: BucketStore> {
    pub(super) pool: &'p Pool<H>,
    pub(super) ticket: Option<(QueueTicket, Arc<Condvar>)>,
}

impl<H: BucketStore> QueuePosition<'_, H> {
    pub(super) fn ticket(&self) -> Option<QueueTicket> {
        self.ticket.as_ref().map(|(ticket, _)| *ticket)
    }

    pub(super) fn enqueue(&mut self, table: &mut Table<H>, priority: Priority) -> Arc<Condvar> {
        let queued = self
            .ticket
            .get_or_insert_with(|| table.slots.enqueue(priority));
        queued.1.clone()
    }

    pub(super) fn leave(&mut self, table: &mut Table<H>) {
        if let Some((ticket, _)) = self.ticket.take() {
            table.slots.leave_queue(ticket);
        }
    }
}

impl<H: BucketStore> Drop for QueuePosition<'_, H> {
    fn drop(&mut self) {
        // Only after a panic while closing another bucket.
        if let Some((ticket, _)) = self.ticket.take() {
            self.pool.table.lock().slots.leave_queue(ticket);
        }
    }
}

/// Reports to the table that a bucket is closed, also when closing or opening panics.
pub(super) struct CloseGuard<'p, H: BucketStore> {
    pub(super) pool: &'p Pool<H>,
    pub(super) id: Option<BucketId>,
}

impl<H: BucketStore> Drop for CloseGuard<'_, H> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut table = self.pool.table.lock();
            table.dirty.mark_clean(id);
            table.slots.mark_closed(id);
        }
    }
}

impl<H: BucketStore> PoolLease<H> {
    pub(crate) fn pool(&self) -> &Pool<H> {
        &self.pool
    }
}

impl<H: BucketStore> Deref for PoolLease<H> {
    type Target = H::Open;

    #[expect(
        clippy::expect_used,
        reason = "the handle is taken out by `drop` alone"
    )]
    fn deref(&self) -> &H::Open {
        self.open.as_deref().expect("held until dropped")
    }
}

impl<H: BucketStore> Drop for PoolLease<H> {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        let writes = self.access == Access::ReadWrite;
        if writes {
            self.pool.store.on_write_lease_end(self.id);
        }
        // Dropped before it counts as given back: the thread that closes the bucket
        // must hold the last handle.
        self.open = None;
        let mut table = self.pool.table.lock();
        if writes {
            table.dirty.mark_dirty(self.id);
        }
        table.slots.end_lease(self.id, self.counts_as_use, panicked);
        drop(table);
        if panicked {
            increment(&self.pool.counters.panics);
        }
        if writes && self.pool.store.unflushed_bytes() >= self.pool.flush_from {
            self.pool.flush_needed.notify_one();
        }
    }
}

impl<H: BucketStore> Drop for Reservation<H> {
    fn drop(&mut self) {
        self.pool.table.lock().slots.end_reservation(self.id);
    }
}
