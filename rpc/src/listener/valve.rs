//! The valve on a connection: what it has asked that is not answered, and what it
//! was answered that it has not read.
//!
//! The library reads requests as fast as they come, whether or not their answers
//! can be sent, and keeps them all. So nothing is read on while a connection has
//! too many of them in hand, too many bytes, or a socket that takes none.

use super::crowd::Crowd;
use super::frames::Frames;
use super::source::Source;
use crate::limits::ConnectionLimits;
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Messages that are not answered, for each request that may be done at once:
/// those that are no requests are answered too, outside of the gate. Requests
/// without an id never are, by JSON-RPC's rules; whoever sends only those is not
/// heard after so many, and ends as one that is idle.
const UNANSWERED: u64 = 4;
/// What an answer is taken to have until it is known: a chunk with its proof.
const TO_COME: u64 = 600 << 10;

/// How long an answer waits for room.
const FOR_ROOM: Duration = Duration::from_secs(5);

/// What one connection has in hand.
pub(super) struct Valve {
    limits: ConnectionLimits,
    source: Source,
    in_flight: AtomicU32,
    account: Mutex<Account>,
    /// Told when something was given back.
    room: Notify,
    closed: AtomicBool,
    asked: AtomicBool,
    /// When something came from the client last.
    heard: Mutex<Instant>,
    /// When it asked something last, or came: pongs are no use of it.
    used: Mutex<Instant>,
    /// Whether it is a WebSocket: a request over HTTP waits for its answer.
    websocket: AtomicBool,
    pub(super) reader: AtomicWaker,
    pub(super) writer: AtomicWaker,
    crowd: Arc<Crowd>,
}

#[derive(Default)]
struct Account {
    incoming: Frames,
    outgoing: Frames,
    /// Messages that were read and are not answered.
    unanswered: u64,
    /// The same, as long as it is not known whether they are messages: what comes
    /// in one piece with the request for a WebSocket are.
    early: u64,
    /// Their bytes, and those of one that is being read; of a request over HTTP
    /// what has come of it.
    requests: u64,
    /// Bytes of answers that are to come, or are not sent.
    answers: u64,
    /// Whether the socket takes no bytes at the moment.
    blocked: bool,
    /// Whether an answer has waited for room in vain, and none was given since.
    starved: bool,
    /// What of it the crowd counts.
    counted: u64,
}

impl Account {
    /// Everything is answered and sent. What is counted still is of answers that
    /// were not sent after all, as those of a batch that was too large.
    fn nothing_is_left(&mut self) {
        (self.requests, self.answers, self.starved) = (0, 0, false);
    }
}

/// A request that is being done, until it is dropped.
pub(super) struct InFlight(Arc<Valve>);

impl Valve {
    pub(super) fn new(limits: &ConnectionLimits, crowd: Arc<Crowd>, source: Source) -> Arc<Self> {
        let valve = Arc::new(Self {
            limits: *limits,
            source,
            in_flight: AtomicU32::new(0),
            account: Mutex::default(),
            room: Notify::new(),
            closed: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            heard: Mutex::new(Instant::now()),
            used: Mutex::new(Instant::now()),
            websocket: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            crowd: crowd.clone(),
        });
        crowd.join(&valve);
        valve
    }

    /// Counts messages from now on. Returns whether they were followed from the
    /// first byte: only the first request of a connection may open a WebSocket.
    pub(super) fn becomes_websocket(&self) -> bool {
        let is_first = !self.asked.swap(true, Ordering::Relaxed);
        if is_first {
            let mut account = self.account.lock();
            self.websocket.store(true, Ordering::Relaxed);
            account.unanswered = std::mem::take(&mut account.early);
        }
        is_first
    }

    /// Notes that something is asked over HTTP, once all that was asked before
    /// is answered.
    pub(super) fn is_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
        *self.used.lock() = Instant::now();
        let mut account = self.account.lock();
        account.nothing_is_left();
        self.settle(&mut account);
    }

    /// Notes that what was asked over HTTP is answered, and held no more.
    pub(super) fn is_done(&self) {
        let mut account = self.account.lock();
        account.requests = 0;
        self.settle(&mut account);
    }

    /// Counts a request, if there may be one more. Those that were read in one
    /// piece with the last that may be are the ones to hear that there may not.
    pub(super) fn enter(self: &Arc<Self>) -> Option<InFlight> {
        *self.used.lock() = Instant::now();
        let may = |now: u32| (now < self.limits.in_flight).then(|| now.saturating_add(1));
        let entered = self
            .in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, may);
        entered.is_ok().then(|| InFlight(self.clone()))
    }

    /// Waits until there is room for one more answer, and takes it. Returns
    /// whether there was: the answers of a batch are sent when all of them are
    /// there, so that a large one may wait for itself.
    pub(super) async fn take_room(&self) -> bool {
        let until = Instant::now() + FOR_ROOM;
        loop {
            let given = self.room.notified();
            {
                let mut account = self.account.lock();
                let with_it = account.answers.saturating_add(TO_COME);
                if account.answers == 0 || with_it <= self.most_unread() {
                    account.answers = with_it;
                    self.settle(&mut account);
                    return true;
                }
                if account.starved {
                    return false;
                }
            }
            if tokio::time::timeout_at(until, given).await.is_err() {
                self.account.lock().starved = true;
                return false;
            }
        }
    }

    /// What may be unread: at least what is sent as one answer, and another.
    fn most_unread(&self) -> u64 {
        let two = u64::from(self.limits.response_bytes).saturating_mul(2);
        self.limits.unread_bytes.max(two)
    }

    /// Whether all connections together hold more than they may.
    pub(super) fn is_tight(&self) -> bool {
        self.crowd.is_full()
    }

    /// Counts an answer that is to be sent; with `room`, in place of what was
    /// taken for it.
    pub(super) fn answered(&self, bytes: usize, room: bool) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let taken = if room { TO_COME } else { 0 };
        {
            let mut account = self.account.lock();
            account.answers = account.answers.saturating_sub(taken).saturating_add(bytes);
            self.settle(&mut account);
        }
        self.gave_room();
        self.crowd.make_room();
    }

    /// Notes bytes that came from the client.
    pub(super) fn read(&self, bytes: &[u8]) {
        *self.heard.lock() = Instant::now();
        let mut account = self.account.lock();
        let messages = account.incoming.pass(bytes);
        let counted = match self.websocket.load(Ordering::Relaxed) {
            true => &mut account.unanswered,
            false => &mut account.early,
        };
        *counted = counted.saturating_add(messages);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        account.requests = account.requests.saturating_add(length);
        self.settle(&mut account);
        drop(account);
        self.crowd.make_room();
    }

    /// Notes bytes that the socket took. Frames and news of subscriptions are not
    /// counted on their way in, so it takes some more than there were.
    pub(super) fn wrote(&self, bytes: &[u8]) {
        let mut account = self.account.lock();
        account.blocked = false;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        account.answers = account.answers.saturating_sub(length);
        account.starved = false;
        let messages = account.outgoing.pass(bytes).min(account.unanswered);
        // Each that is answered had its share, as far as is known.
        let share = account
            .requests
            .checked_div(account.unanswered)
            .unwrap_or(0);
        account.requests = account
            .requests
            .saturating_sub(share.saturating_mul(messages));
        account.unanswered = account.unanswered.saturating_sub(messages);
        if account.unanswered == 0 && messages > 0 {
            account.nothing_is_left();
        }
        self.settle(&mut account);
        drop(account);
        self.gave_room();
    }

    /// Notes that the socket takes no more for now.
    pub(super) fn blocked(&self) {
        self.account.lock().blocked = true;
    }

    /// Has the crowd know what is held.
    fn settle(&self, account: &mut Account) {
        let held = match self.is_closed() {
            true => 0,
            false => account.requests.saturating_add(account.answers),
        };
        let before = std::mem::replace(&mut account.counted, held);
        self.crowd.took(held.saturating_sub(before));
        self.crowd.gave(before.saturating_sub(held));
    }

    fn gave_room(&self) {
        self.reader.wake();
        self.room.notify_waiters();
    }

    /// What it holds, in bytes.
    pub(super) fn held(&self) -> u64 {
        self.account.lock().counted
    }

    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Where it comes from.
    pub(super) fn source(&self) -> Source {
        self.source
    }

    pub(super) fn used(&self) -> Instant {
        *self.used.lock()
    }

    pub(super) fn heard(&self) -> Instant {
        *self.heard.lock()
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.settle(&mut self.account.lock());
        self.reader.wake();
        self.writer.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether nothing more is to be read for now.
    pub(super) fn is_shut(&self) -> bool {
        let most = UNANSWERED.saturating_mul(self.limits.in_flight.into());
        let one_request: u64 = self.limits.request_bytes.into();
        let account = self.account.lock();
        account.blocked
            || account.unanswered >= most
            // One that is being read is read to its end.
            || (account.unanswered > 0 && account.requests > one_request)
            || account.answers >= self.most_unread()
            || self.in_flight.load(Ordering::Relaxed) >= self.limits.in_flight
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.reader.wake();
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.crowd.gave(self.account.lock().counted);
    }
}
