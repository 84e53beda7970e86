//! The table of open buckets and their leases. It decides the next step of each caller.
//!
//! The table touches no database: it says which one to open or close, and the caller
//! reports back. So databases are opened and closed outside its lock, and every
//! sequence of events can be tested without a disk.

use cairn_engine::Access;
use cairn_primitives::BucketId;
use lru::LruCache;
use parking_lot::Condvar;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The order of callers when every slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// An answer to a challenge: the stake depends on it.
    Challenge,
    /// Any other work that somebody waits for.
    Normal,
    /// Work that nobody waits for. When all slots are taken it uses at most one: a
    /// bucket that is opened for background work alone is the first to be closed.
    Background,
}

/// An open database, as the table sees it.
pub(super) trait Handle: Clone {
    /// Returns whether a write failed, so that the database must be reopened (I9).
    fn is_poisoned(&self) -> bool;
}

/// A position in the queue for a slot; the smallest is served first.
pub(super) type QueueTicket = (Priority, u64);

/// The next step of a caller that wants a bucket.
pub(super) enum LeaseStep<H> {
    /// Use the handle until giving it back.
    Use(H),
    /// Open the bucket and report the result.
    Open,
    /// Close this bucket, report that, and ask again.
    Close(BucketId, H),
    /// Wait until something happens to the bucket, and ask again.
    WaitForBucket(Arc<Condvar>),
    /// Wait for room, and ask again.
    WaitForRoom,
    /// The bucket is reserved.
    Reserved,
}

/// The next step of a caller that reserves a bucket.
pub(super) enum ReserveStep<H> {
    /// None: the bucket is closed and reserved.
    Reserved,
    /// Close this handle, report that, and ask again.
    Close(H),
    /// Wait until something happens to the bucket, and ask again.
    Wait(Arc<Condvar>),
    /// Another caller has reserved it.
    ReservedByOther,
}

enum State<H> {
    Opening,
    Open {
        handle: H,
        access: Access,
    },
    Closing,
    /// Kept closed for a reservation.
    Reserved,
}

struct Slot<H> {
    state: State<H>,
    leases: u32,
    /// Callers that wait to write while it is open for reading.
    writers_waiting: u32,
    /// True if it was opened for background work and leased for nothing else.
    is_background_only: bool,
    /// True if a lease ended in a panic.
    panicked: bool,
    /// True if a caller waits to reserve it.
    reserving: bool,
    changed: Arc<Condvar>,
}

impl<H> Slot<H> {
    fn new(state: State<H>) -> Self {
        Self {
            state,
            leases: 0,
            writers_waiting: 0,
            is_background_only: false,
            panicked: false,
            reserving: false,
            changed: Arc::default(),
        }
    }
}

/// The table of slots.
pub(super) struct Slots<H> {
    cap: u32,
    /// Databases that are open, opening or closing.
    open_count: u32,
    slots: HashMap<BucketId, Slot<H>>,
    /// Open databases that are not leased, in the order of their last use.
    idle: LruCache<BucketId, ()>,
    queue: BTreeMap<QueueTicket, Arc<Condvar>>,
    last_ticket: u64,
}

impl<H: Handle> Slots<H> {
    pub(super) fn new(cap: u32) -> Self {
        Self {
            cap,
            open_count: 0,
            slots: HashMap::new(),
            idle: LruCache::unbounded(),
            queue: BTreeMap::new(),
            last_ticket: 0,
        }
    }

    /// Returns the next step of a caller that wants `id`; `ticket` is its position in
    /// the queue, if it has one.
    pub(super) fn next_step(
        &mut self,
        id: BucketId,
        access: Access,
        priority: Priority,
        ticket: Option<QueueTicket>,
    ) -> LeaseStep<H> {
        let Some(slot) = self.slots.get_mut(&id) else {
            return self.step_for_room(id, priority, ticket);
        };
        let (handle, opened_for) = match &slot.state {
            State::Reserved => return LeaseStep::Reserved,
            State::Opening | State::Closing => {
                return LeaseStep::WaitForBucket(slot.changed.clone());
            }
            State::Open { handle, access } => (handle.clone(), *access),
        };
        if slot.reserving {
            return LeaseStep::Reserved;
        }
        let suits = access == Access::ReadOnly || opened_for == Access::ReadWrite;
        let reopen = slot.panicked || handle.is_poisoned() || !suits;
        // A stream of readers must not starve a writer. An answer to a challenge may
        // pass: it is short, and the stake depends on it.
        let must_yield = slot.writers_waiting > 0
            && priority != Priority::Challenge
            && opened_for == Access::ReadOnly;
        if !reopen && !must_yield {
            slot.leases = slot.leases.saturating_add(1);
            if priority != Priority::Background {
                slot.is_background_only = false;
                self.idle.pop(&id);
            }
            return LeaseStep::Use(handle);
        }
        if slot.leases > 0 || !reopen {
            return LeaseStep::WaitForBucket(slot.changed.clone());
        }
        slot.state = State::Closing;
        self.idle.pop(&id);
        LeaseStep::Close(id, handle)
    }

    fn step_for_room(
        &mut self,
        id: BucketId,
        priority: Priority,
        ticket: Option<QueueTicket>,
    ) -> LeaseStep<H> {
        let mine = ticket.unwrap_or((priority, u64::MAX));
        if self.queue.keys().next().is_some_and(|first| *first < mine) {
            return LeaseStep::WaitForRoom;
        }
        if self.open_count < self.cap {
            self.open_count = self.open_count.saturating_add(1);
            self.slots.insert(id, Slot::new(State::Opening));
            return LeaseStep::Open;
        }
        match self.take_idle() {
            Some((victim, handle)) => LeaseStep::Close(victim, handle),
            None => LeaseStep::WaitForRoom,
        }
    }

    /// Records that the bucket was opened, and leases it to the caller that opened it.
    pub(super) fn mark_opened(
        &mut self,
        id: BucketId,
        handle: H,
        access: Access,
        priority: Priority,
    ) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.is_background_only = priority == Priority::Background;
            slot.state = State::Open { handle, access };
            slot.leases = 1;
            slot.changed.notify_all();
        }
    }

    /// Records that the bucket is closed: it was closed, or it did not open.
    pub(super) fn mark_closed(&mut self, id: BucketId) {
        self.open_count = self.open_count.saturating_sub(1);
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.changed.notify_all();
            if slot.reserving {
                slot.state = State::Reserved;
            } else {
                self.slots.remove(&id);
            }
        }
        self.wake_next();
    }

    /// Ends a lease of the bucket. Leases for maintenance pass `used` as false: they do
    /// not count as a use that keeps a bucket open for longer.
    pub(super) fn end_lease(&mut self, id: BucketId, used: bool, panicked: bool) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.leases = slot.leases.saturating_sub(1);
            slot.panicked |= panicked;
            if slot.leases == 0 {
                if used || !self.idle.contains(&id) {
                    self.idle.put(id, ());
                }
                if slot.is_background_only {
                    self.idle.demote(&id);
                }
                slot.changed.notify_all();
            }
        }
        self.wake_next();
    }

    /// Records that a caller begins or ends waiting to write to the bucket.
    pub(super) fn set_writer_waiting(&mut self, id: BucketId, begins: bool) {
        if let Some(slot) = self.slots.get_mut(&id) {
            if begins {
                slot.writers_waiting = slot.writers_waiting.saturating_add(1);
            } else {
                slot.writers_waiting = slot.writers_waiting.saturating_sub(1);
                slot.changed.notify_all();
            }
        }
    }

    /// Adds a caller to the queue for room.
    pub(super) fn enqueue(&mut self, priority: Priority) -> (QueueTicket, Arc<Condvar>) {
        self.last_ticket = self.last_ticket.saturating_add(1);
        let ticket = (priority, self.last_ticket);
        let turn = Arc::new(Condvar::new());
        self.queue.insert(ticket, turn.clone());
        (ticket, turn)
    }

    /// Removes a caller from the queue, and wakes the next one.
    pub(super) fn leave_queue(&mut self, ticket: QueueTicket) {
        self.queue.remove(&ticket);
        self.wake_next();
    }

    /// Wakes the first caller in the queue if there may be room.
    fn wake_next(&self) {
        let may_be_room = self.open_count < self.cap || !self.idle.is_empty();
        if may_be_room && let Some(turn) = self.queue.values().next() {
            turn.notify_all();
        }
    }

    /// Returns the next step of a caller that reserves `id`; `mine` once that caller
    /// has begun to wait.
    pub(super) fn reserve(&mut self, id: BucketId, mine: bool) -> ReserveStep<H> {
        let Some(slot) = self.slots.get_mut(&id) else {
            self.slots.insert(id, Slot::new(State::Reserved));
            return ReserveStep::Reserved;
        };
        if slot.reserving && !mine {
            return ReserveStep::ReservedByOther;
        }
        match &slot.state {
            State::Reserved if slot.reserving => {
                slot.reserving = false;
                ReserveStep::Reserved
            }
            State::Reserved => ReserveStep::ReservedByOther,
            State::Open { handle, .. } if slot.leases == 0 => {
                let handle = handle.clone();
                slot.reserving = true;
                slot.state = State::Closing;
                self.idle.pop(&id);
                ReserveStep::Close(handle)
            }
            State::Open { .. } | State::Opening | State::Closing => {
                slot.reserving = true;
                ReserveStep::Wait(slot.changed.clone())
            }
        }
    }

    /// Ends a caller's wait for a reservation.
    pub(super) fn cancel_reserving(&mut self, id: BucketId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.reserving = false;
            slot.changed.notify_all();
            if matches!(slot.state, State::Reserved) {
                self.slots.remove(&id);
            }
        }
    }

    /// Ends a reservation: the bucket may be opened again.
    pub(super) fn end_reservation(&mut self, id: BucketId) {
        if let Some(slot) = self.slots.remove(&id) {
            slot.changed.notify_all();
        }
    }

    /// Leases a bucket for reading if it is open and available.
    pub(super) fn lease_if_open(&mut self, id: BucketId) -> Option<H> {
        let slot = self.slots.get(&id)?;
        let State::Open { handle, .. } = &slot.state else {
            return None;
        };
        let has_to_wait = slot.reserving || slot.writers_waiting > 0;
        if has_to_wait || slot.panicked || handle.is_poisoned() {
            return None;
        }
        // After the checks above, `ask` gives no other step.
        match self.next_step(id, Access::ReadOnly, Priority::Normal, None) {
            LeaseStep::Use(handle) => Some(handle),
            _ => None,
        }
    }

    /// Leases a bucket for maintenance if it is open for writing. Unlike other leases,
    /// this one does not change the order of idle buckets.
    pub(super) fn lease_if_writable(&mut self, id: BucketId) -> Option<H> {
        let slot = self.slots.get_mut(&id)?;
        let State::Open {
            handle,
            access: Access::ReadWrite,
        } = &slot.state
        else {
            return None;
        };
        slot.leases = slot.leases.saturating_add(1);
        Some(handle.clone())
    }

    /// Takes out the least recently used idle bucket, to be closed.
    pub(super) fn take_idle(&mut self) -> Option<(BucketId, H)> {
        loop {
            let (id, ()) = self.idle.pop_lru()?;
            let Some(slot) = self.slots.get_mut(&id).filter(|slot| slot.leases == 0) else {
                continue;
            };
            if let State::Open { handle, .. } = &slot.state {
                let handle = handle.clone();
                slot.state = State::Closing;
                return Some((id, handle));
            }
        }
    }

    /// Returns the number of databases that are open, opening or closing.
    pub(super) fn open_count(&self) -> u32 {
        self.open_count
    }

    /// Returns the number of callers that wait for room.
    pub(super) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Returns the number of leases.
    pub(super) fn lease_count(&self) -> u64 {
        self.slots.values().map(|slot| u64::from(slot.leases)).sum()
    }
}
