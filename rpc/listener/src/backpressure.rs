//! Backpressure on one connection: its unanswered requests and unread responses are counted, and
//! nothing more is read from it while it has too many.
//!
//! The library reads requests as fast as they come, whether or not their responses can be sent,
//! and keeps them all in memory. So reading pauses while a connection has too many unanswered
//! messages, too many bytes, or a socket that takes none.

use crate::connections::{Connection, Connections};
use crate::frame_counter::FrameCounter;
use crate::limits::ConnectionLimits;
use crate::source::Source;
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Unanswered messages allowed for each request that may be served at once. Messages that are no
/// requests are answered as well, outside of the request limits. Notifications are never answered,
/// by JSON-RPC's rules: they count as unanswered, so that a client that sends only those is no
/// longer read from, and ends as an idle one.
const UNANSWERED_PER_REQUEST: u64 = 4;
/// The bytes reserved for a response before its size is known: a chunk with its proof.
const ASSUMED_RESPONSE_BYTES: u64 = 600 << 10;
/// How long a response waits for the client to read earlier ones.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of one connection.
pub(crate) struct Backpressure {
    limits: ConnectionLimits,
    source: Source,
    in_flight: AtomicU32,
    account: Mutex<Account>,
    /// Notified when bytes were released.
    released: Notify,
    is_closed: AtomicBool,
    has_requested: AtomicBool,
    last_byte: Mutex<Instant>,
    /// When it sent its last request, or was opened. A pong is no request.
    last_request: Mutex<Instant>,
    /// True for a WebSocket. Over HTTP, a request waits for its response.
    is_websocket: AtomicBool,
    pub(crate) reader: AtomicWaker,
    pub(crate) writer: AtomicWaker,
    connections: Arc<Connections>,
}

#[derive(Default)]
struct Account {
    incoming: FrameCounter,
    outgoing: FrameCounter,
    /// Messages that were read and are not answered.
    unanswered: u64,
    /// Frames that came in one piece with the request for a WebSocket, before it is known to be
    /// one.
    early: u64,
    /// Bytes of unanswered requests, and of one that is being read. Over HTTP, the bytes read so
    /// far.
    requests: u64,
    /// Bytes of responses that are expected or not sent yet.
    responses: u64,
    /// True while the socket takes no bytes.
    is_blocked: bool,
    /// True after a response has waited for room in vain, until some is released.
    is_starved: bool,
    /// The bytes of this account that are counted for all connections.
    counted: u64,
}

impl Account {
    /// Everything is answered and sent. Bytes that are still counted belong to responses that were
    /// not sent after all, as those of a batch that was too large.
    fn clear(&mut self) {
        (self.requests, self.responses, self.is_starved) = (0, 0, false);
    }
}

/// A request that is being served, until it is dropped.
pub(crate) struct InFlight(Arc<Backpressure>);

impl Backpressure {
    pub(crate) fn new(
        limits: &ConnectionLimits,
        connections: Arc<Connections>,
        source: Source,
    ) -> Arc<Self> {
        let this = Arc::new(Self {
            limits: *limits,
            source,
            in_flight: AtomicU32::new(0),
            account: Mutex::default(),
            released: Notify::new(),
            is_closed: AtomicBool::new(false),
            has_requested: AtomicBool::new(false),
            last_byte: Mutex::new(Instant::now()),
            last_request: Mutex::new(Instant::now()),
            is_websocket: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            connections: connections.clone(),
        });
        let weak: Weak<Self> = Arc::downgrade(&this);
        connections.add(weak);
        this
    }

    /// Counts messages from now on. Returns whether they were counted from the first byte: only
    /// the first request of a connection may open a WebSocket.
    pub(crate) fn upgrade(&self) -> bool {
        let is_first = !self.has_requested.swap(true, Ordering::Relaxed);
        if is_first {
            let mut account = self.account.lock();
            self.is_websocket.store(true, Ordering::Relaxed);
            account.unanswered = std::mem::take(&mut account.early);
        }
        is_first
    }

    /// Records the start of a request over HTTP, when all earlier ones are answered.
    pub(crate) fn start_http(&self) {
        self.has_requested.store(true, Ordering::Relaxed);
        *self.last_request.lock() = Instant::now();
        let mut account = self.account.lock();
        account.clear();
        self.update_total(&mut account);
    }

    /// Records the end of a request over HTTP, which holds no bytes any more.
    pub(crate) fn finish_http(&self) {
        let mut account = self.account.lock();
        account.requests = 0;
        self.update_total(&mut account);
    }

    /// Admits a request, if there may be one more. Requests that were read in one piece with the
    /// last admitted one can exceed the limit.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<InFlight> {
        *self.last_request.lock() = Instant::now();
        let next = |now: u32| (now < self.limits.in_flight).then(|| now.saturating_add(1));
        let admitted = self
            .in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        admitted.is_ok().then(|| InFlight(self.clone()))
    }

    /// Waits until there is room for one more response, and reserves it. Returns whether there
    /// was: the responses of a batch are sent together, so a large batch may wait for itself.
    pub(crate) async fn reserve_response(&self) -> bool {
        let until = Instant::now() + RESERVE_TIMEOUT;
        loop {
            let released = self.released.notified();
            {
                let mut account = self.account.lock();
                let with_it = account.responses.saturating_add(ASSUMED_RESPONSE_BYTES);
                if account.responses == 0 || with_it <= self.max_unread_bytes() {
                    account.responses = with_it;
                    self.update_total(&mut account);
                    return true;
                }
                if account.is_starved {
                    return false;
                }
            }
            if tokio::time::timeout_at(until, released).await.is_err() {
                self.account.lock().is_starved = true;
                return false;
            }
        }
    }

    /// Returns the most unread bytes: the limit, and at least two responses.
    fn max_unread_bytes(&self) -> u64 {
        let two = u64::from(self.limits.response_bytes).saturating_mul(2);
        self.limits.unread_bytes.max(two)
    }

    /// Returns whether all connections together hold more than they may.
    pub(crate) fn is_memory_scarce(&self) -> bool {
        self.connections.is_over_limit()
    }

    /// Counts a response that will be sent, in place of its reservation if it had one.
    pub(crate) fn add_response(&self, bytes: usize, was_reserved: bool) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let reserved = if was_reserved {
            ASSUMED_RESPONSE_BYTES
        } else {
            0
        };
        {
            let mut account = self.account.lock();
            account.responses = account
                .responses
                .saturating_sub(reserved)
                .saturating_add(bytes);
            self.update_total(&mut account);
        }
        self.notify_released();
        self.connections.free_memory();
    }

    /// Counts bytes that came from the client.
    pub(crate) fn on_read(&self, bytes: &[u8]) {
        *self.last_byte.lock() = Instant::now();
        let mut account = self.account.lock();
        let messages = account.incoming.count(bytes);
        let counted = match self.is_websocket.load(Ordering::Relaxed) {
            true => &mut account.unanswered,
            false => &mut account.early,
        };
        *counted = counted.saturating_add(messages);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        account.requests = account.requests.saturating_add(length);
        self.update_total(&mut account);
        drop(account);
        self.connections.free_memory();
    }

    /// Counts bytes that the socket took. These include frame headers and notifications of
    /// subscriptions, which were not counted before.
    pub(crate) fn on_written(&self, bytes: &[u8]) {
        let mut account = self.account.lock();
        account.is_blocked = false;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        account.responses = account.responses.saturating_sub(length);
        account.is_starved = false;
        let messages = account.outgoing.count(bytes).min(account.unanswered);
        // The sizes of single requests are unknown, so each counts as an average one.
        let average = account
            .requests
            .checked_div(account.unanswered)
            .unwrap_or(0);
        account.requests = account
            .requests
            .saturating_sub(average.saturating_mul(messages));
        account.unanswered = account.unanswered.saturating_sub(messages);
        if account.unanswered == 0 && messages > 0 {
            account.clear();
        }
        self.update_total(&mut account);
        drop(account);
        self.notify_released();
    }

    /// Records that the socket takes no bytes for now.
    pub(crate) fn on_blocked(&self) {
        self.account.lock().is_blocked = true;
    }

    /// Updates the total of all connections by what this one holds now.
    fn update_total(&self, account: &mut Account) {
        let held = match self.is_closed() {
            true => 0,
            false => account.requests.saturating_add(account.responses),
        };
        let before = std::mem::replace(&mut account.counted, held);
        self.connections.add_bytes(held.saturating_sub(before));
        self.connections.remove_bytes(before.saturating_sub(held));
    }

    fn notify_released(&self) {
        self.reader.wake();
        self.released.notify_waiters();
    }

    /// Returns whether nothing more may be read for now.
    pub(crate) fn pauses_reading(&self) -> bool {
        let max_messages = UNANSWERED_PER_REQUEST.saturating_mul(self.limits.in_flight.into());
        let one_request: u64 = self.limits.request_bytes.into();
        let account = self.account.lock();
        account.is_blocked
            || account.unanswered >= max_messages
            // A request that is being read is read to its end.
            || (account.unanswered > 0 && account.requests > one_request)
            || account.responses >= self.max_unread_bytes()
            || self.in_flight.load(Ordering::Relaxed) >= self.limits.in_flight
    }
}

impl Connection for Backpressure {
    fn source(&self) -> Source {
        self.source
    }

    fn held_bytes(&self) -> u64 {
        self.account.lock().counted
    }

    fn has_requested(&self) -> bool {
        self.has_requested.load(Ordering::Relaxed)
    }

    fn last_request(&self) -> Instant {
        *self.last_request.lock()
    }

    fn last_byte(&self) -> Instant {
        *self.last_byte.lock()
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.update_total(&mut self.account.lock());
        self.reader.wake();
        self.writer.wake();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.reader.wake();
    }
}

impl Drop for Backpressure {
    fn drop(&mut self) {
        self.connections.remove_bytes(self.account.lock().counted);
    }
}
