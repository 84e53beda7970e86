//! All connections of a listener together: what they hold, and which of them is
//! closed when others need it.

use super::source::Source;
use super::valve::Valve;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a connection that has asked nothing stays when others want its place.
const UNASKED: Duration = Duration::from_secs(2);
/// The same of one that has, and from which not even a pong has come since.
const SILENT: Duration = Duration::from_secs(45);

/// All connections of a listener.
pub(super) struct Crowd {
    most: u64,
    held: AtomicU64,
    valves: Mutex<Vec<Weak<Valve>>>,
}

impl Crowd {
    /// Connections that may together hold so many bytes.
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            held: AtomicU64::new(0),
            valves: Mutex::default(),
        })
    }

    pub(super) fn join(&self, valve: &Arc<Valve>) {
        let mut valves = self.valves.lock();
        valves.retain(|valve| valve.strong_count() > 0);
        valves.push(Arc::downgrade(valve));
    }

    /// Whether they hold more than they may.
    pub(super) fn is_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.most
    }

    pub(super) fn took(&self, bytes: u64) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn gave(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn open(&self) -> Vec<Arc<Valve>> {
        let valves = self.valves.lock();
        let open = valves.iter().filter_map(Weak::upgrade);
        open.filter(|valve| !valve.is_closed()).collect()
    }

    /// While they hold too much: closes the connection that holds most, which
    /// gives it back at once.
    pub(super) fn make_room(&self) {
        while self.is_full() {
            let most = self.open().into_iter().max_by_key(|valve| valve.held());
            // What is left is held by those that are closed already.
            let Some(valve) = most.filter(|valve| valve.held() > 0) else {
                return;
            };
            let held = valve.held();
            tracing::info!(
                held,
                "a connection that does not read its answers is closed"
            );
            valve.close();
        }
    }

    /// Whether a source may have one more connection, where this number is the most that
    /// one may have: beyond them the one of its own goes that it has used least
    /// recently, if that is not in use.
    pub(super) fn admits(&self, source: Source, most: u32) -> bool {
        let own = self
            .open()
            .into_iter()
            .filter(|valve| valve.source() == source);
        let own: Vec<_> = own.collect();
        if source.is_this_machine() || u32::try_from(own.len()).is_ok_and(|own| own < most) {
            return true;
        }
        let unused = own
            .into_iter()
            .filter(|valve| valve.used().elapsed() > UNASKED);
        let least_used = unused.min_by_key(|valve| valve.used());
        least_used.inspect(|valve| valve.close()).is_some()
    }

    /// Closes a connection for one of a source, if there is one that is less
    /// entitled to its place. Returns whether one was.
    pub(super) fn make_place(&self, source: Source) -> bool {
        let open = self.open();
        self.make_place_of_many(&open, source) || Self::make_place_of_idle(open)
    }

    /// Closes the least recently used connection of the source that has most of them, if
    /// that is more by two than the newcomer has: so that it is not taken back.
    fn make_place_of_many(&self, open: &[Arc<Valve>], source: Source) -> bool {
        let mut of: HashMap<Source, usize> = HashMap::new();
        for valve in open {
            let count = of.entry(valve.source()).or_default();
            *count = count.saturating_add(1);
        }
        let own = of.get(&source).copied().unwrap_or_default();
        let Some((many, most)) = of.into_iter().max_by_key(|(_, count)| *count) else {
            return false;
        };
        if most < own.saturating_add(2) {
            return false;
        }
        let theirs = open.iter().filter(|valve| valve.source() == many);
        let least_used = theirs.min_by_key(|valve| valve.used());
        least_used.inspect(|valve| valve.close()).is_some()
    }

    /// Closes a connection that nobody misses, if there is one: one that asks
    /// nothing, or has been silent for long.
    fn make_place_of_idle(open: Vec<Arc<Valve>>) -> bool {
        let idle = open.into_iter().filter(|valve| {
            let since = valve.heard().elapsed();
            since > SILENT || (since > UNASKED && !valve.has_asked())
        });
        let missed_least = idle.min_by_key(|valve| (valve.has_asked(), valve.heard()));
        missed_least.inspect(|valve| valve.close()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ConnectionLimits;

    fn at(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    fn connect(crowd: &Arc<Crowd>, from: &str, times: usize) -> Vec<Arc<Valve>> {
        let limits = ConnectionLimits::default();
        let one = || Valve::new(&limits, crowd.clone(), at(from));
        std::iter::repeat_with(one).take(times).collect()
    }

    fn open(valves: &[Arc<Valve>]) -> usize {
        valves.iter().filter(|valve| !valve.is_closed()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn s11_who_has_many_connections_makes_place_for_who_has_few() {
        let crowd = Crowd::new(1 << 20);
        let many = connect(&crowd, "192.0.2.1", 9);
        let few = connect(&crowd, "192.0.2.2", 1);
        // The first nine of them are in use, and never silent.
        for valve in &many {
            tokio::time::advance(Duration::from_secs(1)).await;
            valve.is_asked();
            valve.read(b"ping");
        }
        many[0].is_asked();
        assert!(crowd.make_place(at("192.0.2.3")));
        assert!(many[1].is_closed(), "it was used least recently");
        assert_eq!((open(&many), open(&few)), (8, 1));
        // The source itself gets nothing by coming again.
        few[0].read(b"pong");
        few[0].is_asked();
        assert!(!crowd.make_place(at("192.0.2.1")));
        // A source that has as many as others has no claim to theirs.
        let equal = Crowd::new(1 << 20);
        let all: Vec<_> = (1..=5)
            .flat_map(|number| connect(&equal, &format!("192.0.2.{number}"), 1))
            .collect();
        assert!(!equal.make_place(at("192.0.2.9")));
        assert_eq!(open(&all), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn s11_one_source_has_its_share_whatever_addresses_of_it_are_used() {
        let crowd = Crowd::new(1 << 20);
        let of_one = |number: usize| format!("2001:db8::{number:x}");
        let first = connect(&crowd, &of_one(1), 1);
        let more: Vec<_> = (2..=4)
            .flat_map(|n| connect(&crowd, &of_one(n), 1))
            .collect();
        assert!(!crowd.admits(at(&of_one(9)), 4), "all are in use");
        assert!(crowd.admits(at("2001:db8:0:1::1"), 4), "that is another's");
        tokio::time::advance(UNASKED).await;
        tokio::time::advance(Duration::from_millis(1)).await;
        more.iter().for_each(|valve| valve.is_asked());
        assert!(crowd.admits(at(&of_one(9)), 4));
        assert!(first[0].is_closed());
        assert_eq!(open(&more), 3);
        // A proxy on this machine speaks for many.
        let _proxied = connect(&crowd, "127.0.0.1", 9);
        assert!(crowd.admits(at("127.0.0.1"), 4));
    }
}
