//! A pool of open bucket databases with a fixed capacity, for thousands of buckets.
//!
//! ```text
//! lease(bucket) ─► slots ─┬─ open ─────────────► use it until the lease is dropped
//!                         ├─ closed, room ─────► open it; other callers wait for that
//!                         ├─ closed, no room ──► close the least recently used idle one first
//!                         └─ all are leased ───► wait, challenges first, until the deadline
//! ```
//!
//! One lock guards the table of slots. It is never held while a database is opened,
//! flushed or closed. Giving a lease back touches no disk: the next caller that needs
//! room closes an idle database. Calls block.

mod budget;
mod dirty;
mod guards;
mod lease_request;
mod slots;
mod statistics;
#[cfg(test)]
mod tests;

pub use budget::{
    Budget, BudgetError, BudgetRequest, DESCRIPTORS_BESIDES_FILES, ProcessLimits,
    RESERVED_DESCRIPTORS,
};
pub(crate) use guards::{PoolLease, Reservation};
pub use lease_request::{DEFAULT_LEASE_TIMEOUT, LeaseRequest};
pub use slots::Priority;
pub use statistics::PoolStatistics;

use cairn_engine::Access;
use cairn_primitives::BucketId;
use dirty::DirtyBuckets;
use guards::{CloseGuard, QueuePosition};
use parking_lot::{Condvar, Mutex, MutexGuard};
use slots::{Handle, LeaseStep, ReserveStep, Slots};
use statistics::{Counters, add_time, increment};
use std::sync::Arc;
use std::time::{Duration, Instant};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// How often to check the unflushed memory when no notification arrives.
const FLUSH_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Opens, flushes and closes the databases of the pool.
pub(crate) trait BucketStore: Send + Sync {
    type Open: Send + Sync;
    type Error;

    fn open(&self, id: BucketId, access: Access) -> Result<Self::Open, Self::Error>;

    /// Returns whether a write failed, so that the database must be reopened (I9).
    fn is_poisoned(open: &Self::Open) -> bool;

    /// Flushes unflushed writes. Returns whether there were any.
    fn flush(&self, open: &Self::Open) -> bool;

    /// Returns the memory of unflushed writes of all databases, in bytes.
    fn unflushed_bytes(&self) -> u64;

    /// Returns the memory of the block cache that all databases share, in bytes.
    fn cached_bytes(&self) -> u64;

    /// Called when a lease for writing ends.
    fn on_write_lease_end(&self, id: BucketId);

    /// Flushes and closes a database. With `discard` it is about to be removed, and is
    /// not flushed.
    fn close(&self, id: BucketId, open: Self::Open, discard: bool);
}

/// An error of leasing a bucket.
#[derive(Debug)]
pub(crate) enum LeaseError<E> {
    /// The bucket was not available in time.
    Timeout { waited: Duration },
    /// The bucket is reserved, as while it is removed.
    Reserved,
    /// The bucket does not open.
    Open(E),
}

struct SharedHandle<H: BucketStore>(Arc<H::Open>);

impl<H: BucketStore> Clone for SharedHandle<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: BucketStore> Handle for SharedHandle<H> {
    fn is_poisoned(&self) -> bool {
        H::is_poisoned(&self.0)
    }
}

struct Table<H: BucketStore> {
    slots: Slots<SharedHandle<H>>,
    dirty: DirtyBuckets,
}

/// A pool of open databases with a fixed capacity.
pub(crate) struct Pool<H: BucketStore> {
    store: H,
    table: Mutex<Table<H>>,
    counters: Counters,
    /// Flushing starts at `flush_from` unflushed bytes and ends at `flush_to`.
    flush_from: u64,
    flush_to: u64,
    /// Notified when a flush may be needed.
    flush_needed: Condvar,
    stopped: Mutex<bool>,
}

impl<H: BucketStore> Pool<H> {
    pub(crate) fn new(store: H, cap: u32, write_buffer_bytes: u64) -> Self {
        Self {
            store,
            table: Mutex::new(Table {
                slots: Slots::new(cap.max(1)),
                dirty: DirtyBuckets::default(),
            }),
            counters: Counters::default(),
            // RocksDB itself flushes the database that writes at 7/8.
            flush_from: write_buffer_bytes / 8 * 5,
            flush_to: write_buffer_bytes / 2,
            flush_needed: Condvar::new(),
            stopped: Mutex::new(false),
        }
    }

    pub(crate) fn store(&self) -> &H {
        &self.store
    }

    /// Leases a bucket, and opens it first if it is closed.
    pub(crate) fn lease(
        self: &Arc<Self>,
        id: BucketId,
        wanted: LeaseRequest,
    ) -> Result<PoolLease<H>, LeaseError<H::Error>> {
        let begun = Instant::now();
        let deadline = begun.checked_add(wanted.timeout);
        let mut place = QueuePosition {
            pool: self,
            ticket: None,
        };
        let mut missed = false;
        // Nobody waits for background work, so it does not count.
        let counts = wanted.priority != Priority::Background;
        let mut table = self.table.lock();
        loop {
            let step = table
                .slots
                .next_step(id, wanted.access, wanted.priority, place.ticket());
            match step {
                LeaseStep::Use(held) => {
                    if counts && !missed {
                        increment(&self.counters.hits);
                    }
                    place.leave(&mut table);
                    return Ok(self.new_lease(&mut table, id, wanted, held.0));
                }
                LeaseStep::Open => {
                    place.leave(&mut table);
                    drop(table);
                    if counts {
                        increment(&self.counters.misses);
                    }
                    return self.open(id, wanted);
                }
                LeaseStep::Close(victim, held) => {
                    drop(table);
                    if victim != id {
                        increment(&self.counters.evictions);
                    }
                    missed = true;
                    self.close(victim, held, false);
                    table = self.table.lock();
                }
                LeaseStep::Reserved => {
                    place.leave(&mut table);
                    return Err(LeaseError::Reserved);
                }
                LeaseStep::WaitForBucket(changed) => {
                    missed = true;
                    let writes = wanted.access == Access::ReadWrite;
                    if writes {
                        table.slots.set_writer_waiting(id, true);
                    }
                    let on_time = wait_for_change(&changed, &mut table, deadline);
                    if writes {
                        table.slots.set_writer_waiting(id, false);
                    }
                    if !on_time {
                        return self.time_out(&mut place, table, begun, counts);
                    }
                }
                LeaseStep::WaitForRoom => {
                    missed = true;
                    let turn = place.enqueue(&mut table, wanted.priority);
                    if !wait_for_change(&turn, &mut table, deadline) {
                        return self.time_out(&mut place, table, begun, counts);
                    }
                }
            }
        }
    }

    fn time_out(
        &self,
        place: &mut QueuePosition<'_, H>,
        mut table: MutexGuard<'_, Table<H>>,
        begun: Instant,
        counts: bool,
    ) -> Result<PoolLease<H>, LeaseError<H::Error>> {
        place.leave(&mut table);
        if counts {
            increment(&self.counters.timeouts);
        }
        let waited = begun.elapsed();
        Err(LeaseError::Timeout { waited })
    }

    fn new_lease(
        self: &Arc<Self>,
        table: &mut Table<H>,
        id: BucketId,
        wanted: LeaseRequest,
        open: Arc<H::Open>,
    ) -> PoolLease<H> {
        let access = wanted.access;
        if access == Access::ReadWrite {
            table.dirty.mark_dirty(id);
        }
        PoolLease {
            pool: self.clone(),
            id,
            access,
            counts_as_use: wanted.priority != Priority::Background,
            open: Some(open),
        }
    }

    /// Leases a bucket for reading if it is open and available. Does not wait.
    pub(crate) fn lease_if_open(self: &Arc<Self>, id: BucketId) -> Option<PoolLease<H>> {
        let mut table = self.table.lock();
        let held = table.slots.lease_if_open(id)?;
        increment(&self.counters.hits);
        Some(self.new_lease(&mut table, id, LeaseRequest::read(), held.0))
    }

    /// Leases a bucket for maintenance if it is open for writing. Does not queue.
    pub(crate) fn lease_if_writable(self: &Arc<Self>, id: BucketId) -> Option<PoolLease<H>> {
        let held = self.table.lock().slots.lease_if_writable(id)?;
        Some(PoolLease {
            pool: self.clone(),
            id,
            access: Access::ReadOnly,
            counts_as_use: false,
            open: Some(held.0),
        })
    }

    fn open(
        self: &Arc<Self>,
        id: BucketId,
        wanted: LeaseRequest,
    ) -> Result<PoolLease<H>, LeaseError<H::Error>> {
        // However opening ends, waiting callers must be notified.
        let mut ends = CloseGuard {
            pool: self,
            id: Some(id),
        };
        let begun = Instant::now();
        let opened = self.store.open(id, wanted.access);
        add_time(&self.counters.opening_us, begun.elapsed());
        match opened {
            Ok(open) => {
                increment(&self.counters.opened);
                ends.id = None;
                let open = Arc::new(open);
                let mut table = self.table.lock();
                let LeaseRequest {
                    access, priority, ..
                } = wanted;
                table
                    .slots
                    .mark_opened(id, SharedHandle(open.clone()), access, priority);
                Ok(self.new_lease(&mut table, id, wanted, open))
            }
            Err(error) => {
                increment(&self.counters.failed_to_open);
                Err(LeaseError::Open(error))
            }
        }
    }

    fn close(&self, id: BucketId, held: SharedHandle<H>, discard: bool) {
        let _ends = CloseGuard {
            pool: self,
            id: Some(id),
        };
        let begun = Instant::now();
        match Arc::into_inner(held.0) {
            Some(open) => self.store.close(id, open, discard),
            // The table releases a handle for closing only when no lease holds it.
            None => tracing::error!(bucket = %id, "a leased bucket was taken out to be closed"),
        }
        add_time(&self.counters.closing_us, begun.elapsed());
        increment(&self.counters.closed);
    }

    /// Waits until a bucket is closed, and keeps it closed.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        id: BucketId,
        within: Duration,
        discard: bool,
    ) -> Result<Reservation<H>, LeaseError<H::Error>> {
        let begun = Instant::now();
        let deadline = begun.checked_add(within);
        let mut mine = false;
        let mut table = self.table.lock();
        loop {
            match table.slots.reserve(id, mine) {
                ReserveStep::Reserved => {
                    table.dirty.mark_clean(id);
                    let pool = self.clone();
                    return Ok(Reservation { pool, id });
                }
                ReserveStep::ReservedByOther => return Err(LeaseError::Reserved),
                ReserveStep::Close(held) => {
                    mine = true;
                    drop(table);
                    self.close(id, held, discard);
                    table = self.table.lock();
                }
                ReserveStep::Wait(changed) => {
                    mine = true;
                    if !wait_for_change(&changed, &mut table, deadline) {
                        table.slots.cancel_reserving(id);
                        increment(&self.counters.timeouts);
                        let waited = begun.elapsed();
                        return Err(LeaseError::Timeout { waited });
                    }
                }
            }
        }
    }

    /// Closes all databases that are not leased.
    pub(crate) fn close_idle(&self) {
        loop {
            let idle = self.table.lock().slots.take_idle();
            let Some((id, held)) = idle else {
                return;
            };
            self.close(id, held, false);
        }
    }

    /// Flushes the oldest unflushed writes whenever those of all databases exceed the
    /// limit, until [`Pool::stop`].
    pub(crate) fn run_flusher(self: &Arc<Self>) {
        let mut stopped = self.stopped.lock();
        while !*stopped {
            // The condition is notified without the lock, so a notification may be lost.
            self.flush_needed
                .wait_for(&mut stopped, FLUSH_POLL_INTERVAL);
            MutexGuard::unlocked(&mut stopped, || {
                if self.store.unflushed_bytes() >= self.flush_from {
                    while self.store.unflushed_bytes() > self.flush_to && self.flush_oldest() {}
                }
            });
        }
    }

    /// Ends [`Pool::run_flusher`].
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
        self.flush_needed.notify_all();
    }

    /// Flushes the bucket with the oldest unflushed writes. Returns `false` if there is
    /// none.
    fn flush_oldest(self: &Arc<Self>) -> bool {
        let oldest = self.table.lock().dirty.take_oldest();
        let Some(id) = oldest else {
            return false;
        };
        if let Some(lease) = self.lease_if_writable(id)
            && self.store.flush(&lease)
        {
            increment(&self.counters.flushed);
        }
        true
    }

    pub(crate) fn statistics(&self) -> PoolStatistics {
        let table = self.table.lock();
        let waiting = u64::try_from(table.slots.queue_len()).unwrap_or(u64::MAX);
        PoolStatistics {
            open: table.slots.open_count().into(),
            leased: table.slots.lease_count(),
            waiting,
            unflushed_bytes: self.store.unflushed_bytes(),
            cached_bytes: self.store.cached_bytes(),
            ..self.counters.read()
        }
    }

    /// Registers [`Pool::statistics`] as metrics.
    pub(crate) fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError>
    where
        H: 'static,
    {
        let pool = self.clone();
        statistics::register(Arc::new(move || pool.statistics()), registry)
    }
}

/// Waits until `changed` is notified. Returns `false` once the deadline has passed.
fn wait_for_change<H: BucketStore>(
    changed: &Condvar,
    table: &mut MutexGuard<'_, Table<H>>,
    deadline: Option<Instant>,
) -> bool {
    match deadline {
        Some(deadline) => !changed.wait_until(table, deadline).timed_out(),
        // The deadline is past what an `Instant` can hold.
        None => {
            changed.wait(table);
            true
        }
    }
}
