//! All connections of a listener: the bytes that they hold together, and the choice of the one to
//! close when others need its place or its memory.

use crate::source::Source;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection without a request keeps its place when others need it.
const UNUSED_GRACE: Duration = Duration::from_secs(2);
/// The same for a used connection from which nothing has come, not even a pong.
const SILENCE_GRACE: Duration = Duration::from_secs(45);

/// An open connection, as the choice of one to close sees it.
pub(crate) trait Connection: Send + Sync {
    /// Returns where the connection comes from.
    fn source(&self) -> Source;
    /// Returns the bytes that it holds, in unanswered requests and unread responses.
    fn held_bytes(&self) -> u64;
    /// Returns whether it has sent a request.
    fn has_requested(&self) -> bool;
    /// Returns when it sent its last request, or was opened.
    fn last_request(&self) -> Instant;
    /// Returns when its last byte came.
    fn last_byte(&self) -> Instant;
    /// Returns whether it was closed.
    fn is_closed(&self) -> bool;
    /// Closes it, which gives its bytes back at once.
    fn close(&self);
}

/// All connections of a listener.
pub(crate) struct Connections {
    max_bytes: u64,
    held: AtomicU64,
    open: Mutex<Vec<Weak<dyn Connection>>>,
}

impl Connections {
    /// Creates a registry whose connections may together hold `max_bytes`.
    pub(crate) fn new(max_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            max_bytes,
            held: AtomicU64::new(0),
            open: Mutex::default(),
        })
    }

    pub(crate) fn add(&self, connection: Weak<dyn Connection>) {
        let mut open = self.open.lock();
        open.retain(|connection| connection.strong_count() > 0);
        open.push(connection);
    }

    /// Returns whether the connections hold more than they may.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.max_bytes
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn remove_bytes(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn open(&self) -> Vec<Arc<dyn Connection>> {
        let open = self.open.lock();
        let open = open.iter().filter_map(Weak::upgrade);
        open.filter(|connection| !connection.is_closed()).collect()
    }

    /// Closes connections that hold most, one by one, until the rest holds no more than it may.
    pub(crate) fn free_memory(&self) {
        while self.is_over_limit() {
            let largest = self.open().into_iter().max_by_key(|open| open.held_bytes());
            // The rest is held by connections that are closed already.
            let Some(largest) = largest.filter(|open| open.held_bytes() > 0) else {
                return;
            };
            let held = largest.held_bytes();
            tracing::info!(
                held,
                "closing the connection that holds most unread responses"
            );
            largest.close();
        }
    }

    /// Returns whether a source may open one more connection, of at most `max`. At the limit, its
    /// own least recently used connection is closed for it, unless that is in use.
    pub(crate) fn admits(&self, source: Source, max: u32) -> bool {
        let own = self
            .open()
            .into_iter()
            .filter(|open| open.source() == source);
        let own: Vec<_> = own.collect();
        if source.is_this_machine() || u32::try_from(own.len()).is_ok_and(|own| own < max) {
            return true;
        }
        let unused = own
            .into_iter()
            .filter(|own| own.last_request().elapsed() > UNUSED_GRACE);
        close_one(unused.min_by_key(|own| own.last_request()))
    }

    /// Closes a connection for a new one of a source, if there is one with a weaker claim to its
    /// place. Returns whether one was closed.
    pub(crate) fn make_place(&self, source: Source) -> bool {
        let open = self.open();
        close_of_largest_source(&open, source) || close_idle(open)
    }
}

fn close_one(connection: Option<Arc<dyn Connection>>) -> bool {
    connection
        .inspect(|connection| connection.close())
        .is_some()
}

/// Closes the least recently used connection of the source that has most of them, if it has at
/// least two more than the new one's source: else the two would take turns at one place.
fn close_of_largest_source(open: &[Arc<dyn Connection>], source: Source) -> bool {
    let mut counts: HashMap<Source, usize> = HashMap::new();
    for connection in open {
        let count = counts.entry(connection.source()).or_default();
        *count = count.saturating_add(1);
    }
    let own = counts.get(&source).copied().unwrap_or_default();
    let Some((largest, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
        return false;
    };
    if count < own.saturating_add(2) {
        return false;
    }
    let theirs = open.iter().filter(|open| open.source() == largest);
    close_one(theirs.min_by_key(|open| open.last_request()).cloned())
}

/// Closes a connection that is unused or long silent, if there is one.
fn close_idle(open: Vec<Arc<dyn Connection>>) -> bool {
    let idle = open.into_iter().filter(|open| {
        let silence = open.last_byte().elapsed();
        silence > SILENCE_GRACE || (silence > UNUSED_GRACE && !open.has_requested())
    });
    close_one(idle.min_by_key(|open| (open.has_requested(), open.last_byte())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    struct Fake {
        source: Source,
        last_request: Mutex<Instant>,
        has_requested: AtomicBool,
        is_closed: AtomicBool,
    }

    impl Fake {
        fn request(&self) {
            *self.last_request.lock() = Instant::now();
            self.has_requested.store(true, Ordering::Relaxed);
        }
    }

    impl Connection for Fake {
        fn source(&self) -> Source {
            self.source
        }

        fn held_bytes(&self) -> u64 {
            0
        }

        fn has_requested(&self) -> bool {
            self.has_requested.load(Ordering::Relaxed)
        }

        fn last_request(&self) -> Instant {
            *self.last_request.lock()
        }

        fn last_byte(&self) -> Instant {
            self.last_request()
        }

        fn is_closed(&self) -> bool {
            self.is_closed.load(Ordering::Relaxed)
        }

        fn close(&self) {
            self.is_closed.store(true, Ordering::Relaxed);
        }
    }

    fn at(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    fn connect(connections: &Arc<Connections>, from: &str, times: usize) -> Vec<Arc<Fake>> {
        let one = || {
            let fake = Arc::new(Fake {
                source: at(from),
                last_request: Mutex::new(Instant::now()),
                has_requested: AtomicBool::new(false),
                is_closed: AtomicBool::new(false),
            });
            let weak: Weak<Fake> = Arc::downgrade(&fake);
            connections.add(weak);
            fake
        };
        std::iter::repeat_with(one).take(times).collect()
    }

    fn count_open(connections: &[Arc<Fake>]) -> usize {
        connections.iter().filter(|open| !open.is_closed()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn s11_a_source_with_many_connections_yields_to_one_with_few() {
        let connections = Connections::new(1 << 20);
        let many = connect(&connections, "192.0.2.1", 9);
        let few = connect(&connections, "192.0.2.2", 1);
        // All nine are in use, one after the other.
        for connection in &many {
            tokio::time::advance(Duration::from_secs(1)).await;
            connection.request();
        }
        many[0].request();
        assert!(connections.make_place(at("192.0.2.3")));
        assert!(many[1].is_closed(), "it was used least recently");
        assert_eq!((count_open(&many), count_open(&few)), (8, 1));
        // The same source gains nothing by connecting again.
        few[0].request();
        assert!(!connections.make_place(at("192.0.2.1")));
        // A source has no claim to the places of others that have as many.
        let equal = Connections::new(1 << 20);
        let all: Vec<_> = (1..=5)
            .flat_map(|number| connect(&equal, &format!("192.0.2.{number}"), 1))
            .collect();
        assert!(!equal.make_place(at("192.0.2.9")));
        assert_eq!(count_open(&all), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn s11_all_addresses_of_one_source_share_its_limit() {
        let connections = Connections::new(1 << 20);
        let address = |number: usize| format!("2001:db8::{number:x}");
        let first = connect(&connections, &address(1), 1);
        let more: Vec<_> = (2..=4)
            .flat_map(|n| connect(&connections, &address(n), 1))
            .collect();
        assert!(!connections.admits(at(&address(9)), 4), "all are in use");
        assert!(
            connections.admits(at("2001:db8:0:1::1"), 4),
            "another source"
        );
        tokio::time::advance(UNUSED_GRACE).await;
        tokio::time::advance(Duration::from_millis(1)).await;
        more.iter().for_each(|connection| connection.request());
        assert!(connections.admits(at(&address(9)), 4));
        assert!(first[0].is_closed());
        assert_eq!(count_open(&more), 3);
        // A proxy on this machine speaks for many.
        let _proxied = connect(&connections, "127.0.0.1", 9);
        assert!(connections.admits(at("127.0.0.1"), 4));
    }
}
