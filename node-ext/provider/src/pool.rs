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
mod slots;
mod statistics;
#[cfg(test)]
mod tests;
mod wanted;

pub use budget::{
    Allowance, Budget, BudgetError, BudgetRequest, DESCRIPTORS_BESIDES_FILES, RESERVED_DESCRIPTORS,
};
pub(crate) use guards::{PoolLease, Reservation};
pub use slots::Priority;
pub use statistics::PoolStatistics;
pub use wanted::{USUAL_WAIT, Wanted};

use cairn_engine::Access;
use cairn_primitives::BucketId;
use dirty::DirtyBuckets;
use guards::{EndsClosed, Place};
use parking_lot::{Condvar, Mutex, MutexGuard};
use slots::{Handle, ReserveStep, Slots, Step};
use statistics::{Counters, add_time, count};
use std::sync::Arc;
use std::time::{Duration, Instant};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// How often to check the unflushed memory when no notification arrives.
const BELL_MISSED: Duration = Duration::from_millis(500);

/// Opens, flushes and closes the databases of the pool.
pub(crate) trait Home: Send + Sync {
    type Open: Send + Sync;
    type Error;

    fn open(&self, id: BucketId, access: Access) -> Result<Self::Open, Self::Error>;

    /// Returns whether a write failed, so that the database must be reopened (I9).
    fn is_spoiled(open: &Self::Open) -> bool;

    /// Flushes unflushed writes. Returns whether there were any.
    fn flush(&self, open: &Self::Open) -> bool;

    /// Returns the memory of unflushed writes of all databases, in bytes.
    fn unflushed_bytes(&self) -> u64;

    /// Returns the memory of the block cache that all databases share, in bytes.
    fn cached_bytes(&self) -> u64;

    /// Called when a lease for writing ends.
    fn written(&self, id: BucketId);

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

struct Held<H: Home>(Arc<H::Open>);

impl<H: Home> Clone for Held<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Home> Handle for Held<H> {
    fn is_spoiled(&self) -> bool {
        H::is_spoiled(&self.0)
    }
}

struct Table<H: Home> {
    slots: Slots<Held<H>>,
    dirty: DirtyBuckets,
}

/// A pool of open databases with a fixed capacity.
pub(crate) struct Pool<H: Home> {
    home: H,
    table: Mutex<Table<H>>,
    counters: Counters,
    /// Flushing starts at `flush_from` unflushed bytes and ends at `flush_to`.
    flush_from: u64,
    flush_to: u64,
    /// Notified when a flush may be needed.
    flush_bell: Condvar,
    stopped: Mutex<bool>,
}

impl<H: Home> Pool<H> {
    pub(crate) fn new(home: H, cap: u32, write_buffer_bytes: u64) -> Self {
        Self {
            home,
            table: Mutex::new(Table {
                slots: Slots::new(cap.max(1)),
                dirty: DirtyBuckets::default(),
            }),
            counters: Counters::default(),
            // RocksDB itself flushes the database that writes at 7/8.
            flush_from: write_buffer_bytes / 8 * 5,
            flush_to: write_buffer_bytes / 2,
            flush_bell: Condvar::new(),
            stopped: Mutex::new(false),
        }
    }

    pub(crate) fn home(&self) -> &H {
        &self.home
    }

    /// Leases a bucket, and opens it first if it is closed.
    pub(crate) fn lease(
        self: &Arc<Self>,
        id: BucketId,
        wanted: Wanted,
    ) -> Result<PoolLease<H>, LeaseError<H::Error>> {
        let begun = Instant::now();
        let deadline = begun.checked_add(wanted.wait);
        let mut place = Place {
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
                .ask(id, wanted.access, wanted.priority, place.ticket());
            match step {
                Step::Use(held) => {
                    if counts && !missed {
                        count(&self.counters.hits);
                    }
                    place.leave(&mut table);
                    return Ok(self.lease_of(&mut table, id, wanted, held.0));
                }
                Step::Open => {
                    place.leave(&mut table);
                    drop(table);
                    if counts {
                        count(&self.counters.misses);
                    }
                    return self.open(id, wanted);
                }
                Step::Close(victim, held) => {
                    drop(table);
                    if victim != id {
                        count(&self.counters.evictions);
                    }
                    missed = true;
                    self.close(victim, held, false);
                    table = self.table.lock();
                }
                Step::Reserved => {
                    place.leave(&mut table);
                    return Err(LeaseError::Reserved);
                }
                Step::WaitForBucket(changed) => {
                    missed = true;
                    let writes = wanted.access == Access::ReadWrite;
                    if writes {
                        table.slots.wait_to_write(id, true);
                    }
                    let on_time = wait(&changed, &mut table, deadline);
                    if writes {
                        table.slots.wait_to_write(id, false);
                    }
                    if !on_time {
                        return self.late(&mut place, table, begun, counts);
                    }
                }
                Step::WaitForRoom => {
                    missed = true;
                    let turn = place.take(&mut table, wanted.priority);
                    if !wait(&turn, &mut table, deadline) {
                        return self.late(&mut place, table, begun, counts);
                    }
                }
            }
        }
    }

    fn late(
        &self,
        place: &mut Place<'_, H>,
        mut table: MutexGuard<'_, Table<H>>,
        begun: Instant,
        counts: bool,
    ) -> Result<PoolLease<H>, LeaseError<H::Error>> {
        place.leave(&mut table);
        if counts {
            count(&self.counters.timeouts);
        }
        let waited = begun.elapsed();
        Err(LeaseError::Timeout { waited })
    }

    fn lease_of(
        self: &Arc<Self>,
        table: &mut Table<H>,
        id: BucketId,
        wanted: Wanted,
        open: Arc<H::Open>,
    ) -> PoolLease<H> {
        let access = wanted.access;
        if access == Access::ReadWrite {
            table.dirty.written(id);
        }
        PoolLease {
            pool: self.clone(),
            id,
            access,
            used: wanted.priority != Priority::Background,
            open: Some(open),
        }
    }

    /// Leases a bucket for reading if it is open and available. Does not wait.
    pub(crate) fn lease_if_open(self: &Arc<Self>, id: BucketId) -> Option<PoolLease<H>> {
        let mut table = self.table.lock();
        let held = table.slots.use_if_open(id)?;
        count(&self.counters.hits);
        Some(self.lease_of(&mut table, id, Wanted::read(), held.0))
    }

    /// Leases a bucket for maintenance if it is open for writing. Does not queue.
    pub(crate) fn lease_if_written(self: &Arc<Self>, id: BucketId) -> Option<PoolLease<H>> {
        let held = self.table.lock().slots.use_if_written(id)?;
        Some(PoolLease {
            pool: self.clone(),
            id,
            access: Access::ReadOnly,
            used: false,
            open: Some(held.0),
        })
    }

    fn open(
        self: &Arc<Self>,
        id: BucketId,
        wanted: Wanted,
    ) -> Result<PoolLease<H>, LeaseError<H::Error>> {
        // However opening ends, waiting callers must be notified.
        let mut ends = EndsClosed {
            pool: self,
            id: Some(id),
        };
        let begun = Instant::now();
        let opened = self.home.open(id, wanted.access);
        add_time(&self.counters.opening_us, begun.elapsed());
        match opened {
            Ok(open) => {
                count(&self.counters.opened);
                ends.id = None;
                let open = Arc::new(open);
                let mut table = self.table.lock();
                let Wanted {
                    access, priority, ..
                } = wanted;
                table.slots.opened(id, Held(open.clone()), access, priority);
                Ok(self.lease_of(&mut table, id, wanted, open))
            }
            Err(error) => {
                count(&self.counters.failed_to_open);
                Err(LeaseError::Open(error))
            }
        }
    }

    fn close(&self, id: BucketId, held: Held<H>, discard: bool) {
        let _ends = EndsClosed {
            pool: self,
            id: Some(id),
        };
        let begun = Instant::now();
        match Arc::into_inner(held.0) {
            Some(open) => self.home.close(id, open, discard),
            // The table releases a handle for closing only when no lease holds it.
            None => tracing::error!(bucket = %id, "a leased bucket was taken out to be closed"),
        }
        add_time(&self.counters.closing_us, begun.elapsed());
        count(&self.counters.closed);
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
                    table.dirty.clean(id);
                    let pool = self.clone();
                    return Ok(Reservation { pool, id });
                }
                ReserveStep::Taken => return Err(LeaseError::Reserved),
                ReserveStep::Close(held) => {
                    mine = true;
                    drop(table);
                    self.close(id, held, discard);
                    table = self.table.lock();
                }
                ReserveStep::Wait(changed) => {
                    mine = true;
                    if !wait(&changed, &mut table, deadline) {
                        table.slots.stop_reserving(id);
                        count(&self.counters.timeouts);
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
            let idle = self.table.lock().slots.close_idle();
            let Some((id, held)) = idle else {
                return;
            };
            self.close(id, held, false);
        }
    }

    /// Flushes the oldest unflushed writes whenever those of all databases exceed the
    /// limit, until [`Pool::stop`].
    pub(crate) fn keep_flushed(self: &Arc<Self>) {
        let mut stopped = self.stopped.lock();
        while !*stopped {
            // The condition is notified without the lock, so a notification may be lost.
            self.flush_bell.wait_for(&mut stopped, BELL_MISSED);
            MutexGuard::unlocked(&mut stopped, || {
                if self.home.unflushed_bytes() >= self.flush_from {
                    while self.home.unflushed_bytes() > self.flush_to && self.flush_oldest() {}
                }
            });
        }
    }

    /// Ends [`Pool::keep_flushed`].
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
        self.flush_bell.notify_all();
    }

    /// Flushes the bucket with the oldest unflushed writes. Returns `false` if there is
    /// none.
    fn flush_oldest(self: &Arc<Self>) -> bool {
        let oldest = self.table.lock().dirty.take_oldest();
        let Some(id) = oldest else {
            return false;
        };
        if let Some(lease) = self.lease_if_written(id)
            && self.home.flush(&lease)
        {
            count(&self.counters.flushed);
        }
        true
    }

    pub(crate) fn statistics(&self) -> PoolStatistics {
        let table = self.table.lock();
        let waiting = u64::try_from(table.slots.waiting()).unwrap_or(u64::MAX);
        PoolStatistics {
            open: table.slots.taken().into(),
            leased: table.slots.leased(),
            waiting,
            unflushed_bytes: self.home.unflushed_bytes(),
            cached_bytes: self.home.cached_bytes(),
            ..self.counters.read()
        }
    }

    /// Registers [`Pool::statistics`] as metrics.
    pub(crate) fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError>
    where
        H: 'static,
    {
        let pool = self.clone();
        statistics::register_all(Arc::new(move || pool.statistics()), registry)
    }
}

/// Waits until `changed` is notified. Returns `false` once the deadline has passed.
fn wait<H: Home>(
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
