//! Which buckets are open, who holds them, and what to do next for whoever asks.
//!
//! No database is touched here: the table says what is to be opened or closed,
//! and is told when that is done. So opening and closing happen outside its lock,
//! and every sequence of events can be tried without a disk.

use crate::engine::Access;
use cairn_primitives::BucketId;
use lru::LruCache;
use parking_lot::Condvar;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Who goes first when every slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A stake hangs on it: answers to challenges.
    Challenge,
    /// Everything else that somebody waits for.
    Usual,
    /// What nobody waits for. It takes a place where all are taken, and no more
    /// than one: a bucket that is opened for it alone is the first to be closed.
    Background,
}

/// An open database, as the table sees it.
pub(super) trait Handle: Clone {
    /// Whether a write failed, so that it must be opened anew (I9).
    fn is_spoiled(&self) -> bool;
}

/// A place in the queue for a slot; the smallest goes first.
pub(super) type Ticket = (Priority, u64);

/// What whoever asks for a bucket has to do.
pub(super) enum Step<H> {
    /// Nothing: the handle is theirs until they give it back.
    Use(H),
    /// Open the bucket, and say how that went.
    Open,
    /// Close this one, say that it is done, and ask again.
    Close(BucketId, H),
    /// Wait until something happens to the bucket, and ask again.
    WaitForBucket(Arc<Condvar>),
    /// Wait for room, and ask again.
    WaitForRoom,
    /// The bucket is being removed or worked on by itself.
    Reserved,
}

/// What whoever wants a bucket for themselves has to do.
pub(super) enum ReserveStep<H> {
    /// Nothing: the bucket is closed, and nobody gets it.
    Reserved,
    /// Close this handle, say that it is done, and ask again.
    Close(H),
    /// Wait until something happens to the bucket, and ask again.
    Wait(Arc<Condvar>),
    /// Somebody else has reserved it.
    Taken,
}

enum State<H> {
    Opening,
    Open {
        handle: H,
        access: Access,
    },
    Closing,
    /// Kept closed for somebody.
    Reserved,
}

struct Slot<H> {
    state: State<H>,
    leases: u32,
    /// Those who wait to write while it is open for reading.
    writers_waiting: u32,
    /// It was opened in the background, and nobody else has had it.
    for_nobody: bool,
    /// A lease ended in a panic.
    panicked: bool,
    /// Somebody waits to have it closed for themselves.
    reserving: bool,
    changed: Arc<Condvar>,
}

impl<H> Slot<H> {
    fn new(state: State<H>) -> Self {
        Self {
            state,
            leases: 0,
            writers_waiting: 0,
            for_nobody: false,
            panicked: false,
            reserving: false,
            changed: Arc::default(),
        }
    }
}

/// All slots.
pub(super) struct Slots<H> {
    cap: u32,
    /// Databases that are open, or on their way in or out.
    taken: u32,
    slots: HashMap<BucketId, Slot<H>>,
    /// Open and not leased, the least recently used first to go.
    idle: LruCache<BucketId, ()>,
    queue: BTreeMap<Ticket, Arc<Condvar>>,
    tickets: u64,
}

impl<H: Handle> Slots<H> {
    pub(super) fn new(cap: u32) -> Self {
        Self {
            cap,
            taken: 0,
            slots: HashMap::new(),
            idle: LruCache::unbounded(),
            queue: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// What to do next for whoever wants `id`; `ticket` is their place in the
    /// queue, where they have one.
    pub(super) fn ask(
        &mut self,
        id: BucketId,
        access: Access,
        priority: Priority,
        ticket: Option<Ticket>,
    ) -> Step<H> {
        let Some(slot) = self.slots.get_mut(&id) else {
            return self.ask_for_room(id, priority, ticket);
        };
        let (handle, opened_for) = match &slot.state {
            State::Reserved => return Step::Reserved,
            State::Opening | State::Closing => return Step::WaitForBucket(slot.changed.clone()),
            State::Open { handle, access } => (handle.clone(), *access),
        };
        if slot.reserving {
            return Step::Reserved;
        }
        let suits = access == Access::ReadOnly || opened_for == Access::ReadWrite;
        let reopen = slot.panicked || handle.is_spoiled() || !suits;
        // Readers that keep coming must not keep a writer out; an answer to a
        // challenge may pass, since it is short and a stake hangs on it.
        let steps_aside = slot.writers_waiting > 0
            && priority != Priority::Challenge
            && opened_for == Access::ReadOnly;
        if !reopen && !steps_aside {
            slot.leases = slot.leases.saturating_add(1);
            if priority != Priority::Background {
                slot.for_nobody = false;
                self.idle.pop(&id);
            }
            return Step::Use(handle);
        }
        if slot.leases > 0 || !reopen {
            return Step::WaitForBucket(slot.changed.clone());
        }
        slot.state = State::Closing;
        self.idle.pop(&id);
        Step::Close(id, handle)
    }

    fn ask_for_room(
        &mut self,
        id: BucketId,
        priority: Priority,
        ticket: Option<Ticket>,
    ) -> Step<H> {
        let mine = ticket.unwrap_or((priority, u64::MAX));
        if self.queue.keys().next().is_some_and(|first| *first < mine) {
            return Step::WaitForRoom;
        }
        if self.taken < self.cap {
            self.taken = self.taken.saturating_add(1);
            self.slots.insert(id, Slot::new(State::Opening));
            return Step::Open;
        }
        match self.close_idle() {
            Some((victim, handle)) => Step::Close(victim, handle),
            None => Step::WaitForRoom,
        }
    }

    /// The bucket was opened, and whoever opened it holds it.
    pub(super) fn opened(&mut self, id: BucketId, handle: H, access: Access, priority: Priority) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.for_nobody = priority == Priority::Background;
            slot.state = State::Open { handle, access };
            slot.leases = 1;
            slot.changed.notify_all();
        }
    }

    /// The bucket is closed: it was closed, or did not open.
    pub(super) fn closed(&mut self, id: BucketId) {
        self.taken = self.taken.saturating_sub(1);
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

    /// Whoever had the bucket gives it back; `used` unless it was for upkeep,
    /// which is no reason to keep a bucket open for longer.
    pub(super) fn give_back(&mut self, id: BucketId, used: bool, panicked: bool) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.leases = slot.leases.saturating_sub(1);
            slot.panicked |= panicked;
            if slot.leases == 0 {
                if used || !self.idle.contains(&id) {
                    self.idle.put(id, ());
                }
                if slot.for_nobody {
                    self.idle.demote(&id);
                }
                slot.changed.notify_all();
            }
        }
        self.wake_next();
    }

    /// Somebody begins or ends to wait for writing to the bucket.
    pub(super) fn wait_to_write(&mut self, id: BucketId, begins: bool) {
        if let Some(slot) = self.slots.get_mut(&id) {
            if begins {
                slot.writers_waiting = slot.writers_waiting.saturating_add(1);
            } else {
                slot.writers_waiting = slot.writers_waiting.saturating_sub(1);
                slot.changed.notify_all();
            }
        }
    }

    /// A place in the queue for room.
    pub(super) fn queue_up(&mut self, priority: Priority) -> (Ticket, Arc<Condvar>) {
        self.tickets = self.tickets.saturating_add(1);
        let ticket = (priority, self.tickets);
        let turn = Arc::new(Condvar::new());
        self.queue.insert(ticket, turn.clone());
        (ticket, turn)
    }

    /// Gives a place in the queue up, and lets the next one look.
    pub(super) fn leave_queue(&mut self, ticket: Ticket) {
        self.queue.remove(&ticket);
        self.wake_next();
    }

    /// Lets whoever is first in the queue look whether there is room.
    fn wake_next(&self) {
        let may_be_room = self.taken < self.cap || !self.idle.is_empty();
        if may_be_room && let Some(turn) = self.queue.values().next() {
            turn.notify_all();
        }
    }

    /// What to do next for whoever wants `id` closed and for themselves; `mine`
    /// once they have begun to wait.
    pub(super) fn reserve(&mut self, id: BucketId, mine: bool) -> ReserveStep<H> {
        let Some(slot) = self.slots.get_mut(&id) else {
            self.slots.insert(id, Slot::new(State::Reserved));
            return ReserveStep::Reserved;
        };
        if slot.reserving && !mine {
            return ReserveStep::Taken;
        }
        match &slot.state {
            State::Reserved if slot.reserving => {
                slot.reserving = false;
                ReserveStep::Reserved
            }
            State::Reserved => ReserveStep::Taken,
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

    /// Whoever waited for a bucket of their own does not any more.
    pub(super) fn stop_reserving(&mut self, id: BucketId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.reserving = false;
            slot.changed.notify_all();
            if matches!(slot.state, State::Reserved) {
                self.slots.remove(&id);
            }
        }
    }

    /// A bucket that was kept closed may be opened again.
    pub(super) fn end_reservation(&mut self, id: BucketId) {
        if let Some(slot) = self.slots.remove(&id) {
            slot.changed.notify_all();
        }
    }

    /// A bucket's handle, if it is open and there is nothing to wait for.
    pub(super) fn use_if_open(&mut self, id: BucketId) -> Option<H> {
        let slot = self.slots.get(&id)?;
        let State::Open { handle, .. } = &slot.state else {
            return None;
        };
        let has_to_wait = slot.reserving || slot.writers_waiting > 0;
        if has_to_wait || slot.panicked || handle.is_spoiled() {
            return None;
        }
        // With nothing in its way this is what is asked for, and no other step.
        match self.ask(id, Access::ReadOnly, Priority::Usual, None) {
            Step::Use(handle) => Some(handle),
            _ => None,
        }
    }

    /// A bucket's handle, if it is open for writing, for upkeep: a lease like any
    /// other, but that the bucket keeps its place among the idle ones.
    pub(super) fn use_if_written(&mut self, id: BucketId) -> Option<H> {
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

    /// The least recently used bucket that nobody holds, to be closed.
    pub(super) fn close_idle(&mut self) -> Option<(BucketId, H)> {
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

    /// Databases that are open, or on their way in or out.
    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    /// How many wait for room.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Leases that are out.
    pub(super) fn leased(&self) -> u64 {
        self.slots.values().map(|slot| u64::from(slot.leases)).sum()
    }
}
