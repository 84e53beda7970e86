//! The connections at once, in all and of one source, and the choice of the one to close when
//! another source needs its place.

use crate::rate_limit::Peer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The networks of 64 bits whose connections one network of 48 bits may have: two. A holder of the
/// larger one has 65,536 of the smaller.
const NETWORKS: u32 = 2;

/// The holder of a connection's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    /// An IPv4 address.
    Address([u16; 4]),
    /// An IPv6 network of 48 bits.
    Network([u16; 3]),
}

impl Holder {
    fn of(peer: Peer) -> Self {
        match peer.0.to_canonical() {
            IpAddr::V4(_) => Self::Address(peer.source()),
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                Self::Network([a, b, c])
            }
        }
    }
}

/// The open connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections {
    open: Arc<Mutex<Open>>,
    most: u32,
    per_source: u32,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Usage>,
}

/// The place of a connection, until it is dropped.
pub(crate) struct Place {
    connections: Connections,
    number: u64,
    usage: Usage,
}

/// The use of a connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Usage(Arc<Used>);

struct Used {
    /// The source, and the holder of its addresses; `None` for this machine.
    from: Option<([u16; 4], Holder)>,
    last_request: Mutex<Instant>,
    closing: Notify,
}

impl Usage {
    /// Notes a request.
    pub(crate) fn note_request(&self) {
        *self.0.last_request.lock() = Instant::now();
    }

    /// Returns once another source has got the connection's place.
    pub(crate) async fn loses_place(&self) {
        self.0.closing.notified().await;
    }
}

impl Open {
    fn count(&self, matches: impl Fn([u16; 4], Holder) -> bool) -> u32 {
        let from = self.all.values().filter_map(|usage| usage.0.from);
        let count = from.filter(|(source, holder)| matches(*source, *holder));
        u32::try_from(count.count()).unwrap_or(u32::MAX)
    }

    /// Closes the least recently used connection of the holder that has most of them, if it has at
    /// least two more than the new one's: else the two would take turns at one place. This machine
    /// is never chosen. Returns whether one was closed.
    fn make_place(&mut self, new: Option<Holder>) -> bool {
        let mut counts: HashMap<Holder, u32> = HashMap::new();
        for (_, holder) in self.all.values().filter_map(|usage| usage.0.from) {
            let count = counts.entry(holder).or_default();
            *count = count.saturating_add(1);
        }
        let own = new.and_then(|new| counts.get(&new).copied()).unwrap_or(0);
        let Some((greediest, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
            return false;
        };
        if count < own.saturating_add(2) {
            return false;
        }
        let is_theirs = |usage: &Usage| usage.0.from.is_some_and(|(_, of)| of == greediest);
        let theirs = self.all.iter().filter(|(_, usage)| is_theirs(usage));
        let least_used = theirs.min_by_key(|(_, usage)| *usage.0.last_request.lock());
        let Some(number) = least_used.map(|(number, _)| *number) else {
            return false;
        };
        // Its place is free at once, though its task ends a moment later.
        if let Some(usage) = self.all.remove(&number) {
            usage.0.closing.notify_one();
        }
        true
    }
}

impl Connections {
    pub(crate) fn new(most: NonZeroU32, per_source: NonZeroU32) -> Self {
        Self {
            open: Arc::default(),
            most: most.get(),
            per_source: per_source.get(),
        }
    }

    /// Returns a place for a connection, if there is one or a greedier source has to give one up.
    pub(crate) fn admit(&self, peer: Peer) -> Option<Place> {
        let from = (!peer.is_this_machine()).then(|| (peer.source(), Holder::of(peer)));
        let mut open = self.open.lock();
        if let Some((new_source, new_holder)) = from {
            let of_source = open.count(|source, _| source == new_source);
            let of_holder = open.count(|_, holder| holder == new_holder);
            let per_holder = self.per_source.saturating_mul(NETWORKS);
            if of_source >= self.per_source || of_holder >= per_holder {
                return None;
            }
        }
        let is_full = !u32::try_from(open.all.len()).is_ok_and(|all| all < self.most);
        if is_full && !open.make_place(from.map(|(_, holder)| holder)) {
            return None;
        }
        let usage = Usage(Arc::new(Used {
            from,
            last_request: Mutex::new(Instant::now()),
            closing: Notify::new(),
        }));
        let number = open.next;
        open.next = number.wrapping_add(1);
        open.all.insert(number, usage.clone());
        drop(open);
        Some(Place {
            connections: self.clone(),
            number,
            usage,
        })
    }
}

impl Place {
    /// Returns the use of the connection.
    pub(crate) fn usage(&self) -> Usage {
        self.usage.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open.lock().all.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn connections(most: u32, per_source: u32) -> Connections {
        let [most, per_source] = [most, per_source].map(|count| NonZeroU32::new(count).unwrap());
        Connections::new(most, per_source)
    }

    fn peer(ip: &str) -> Peer {
        Peer(ip.parse().unwrap())
    }

    #[test]
    fn a_source_takes_its_share_and_this_machine_any() {
        let connections = connections(4, 2);
        let admit = |ip: &str| connections.admit(peer(ip));
        let mut held: Vec<_> = (0..2).map(|_| admit("192.0.2.1").unwrap()).collect();
        assert!(admit("192.0.2.1").is_none());
        held.push(admit("192.0.2.2").unwrap());
        held.remove(0);
        held.push(admit("192.0.2.1").unwrap());
        drop(held);
        let here: Vec<_> = (0..4).map(|_| admit("::1").unwrap()).collect();
        assert_eq!(here.len(), 4);
        // This machine loses none.
        assert!(admit("192.0.2.1").is_none() && admit("127.0.0.1").is_none());
        drop(here);
        assert!(connections.open.lock().all.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_greediest_source_loses_its_least_used_connection() {
        let connections = connections(4, 4);
        let admit = |ip: &str| connections.admit(peer(ip));
        let held: Vec<_> = (0..4).map(|_| admit("192.0.2.1").unwrap()).collect();
        tokio::time::advance(Duration::from_secs(1)).await;
        for place in [&held[0], &held[1], &held[3]] {
            place.usage().note_request();
        }
        // Nobody takes turns with himself.
        assert!(admit("192.0.2.1").is_none());
        let second = admit("192.0.2.2").unwrap();
        held[2].usage().loses_place().await;
        assert_eq!(connections.open.lock().all.len(), 4);
        // With three to one there is one more to lose, and with two to two none.
        let third = admit("192.0.2.2").unwrap();
        assert!(admit("192.0.2.2").is_none());
        assert!(admit("192.0.2.1").is_none());
        drop((held, second, third));
        assert!(connections.open.lock().all.is_empty());
    }

    #[test]
    fn networks_of_one_holder_have_no_more_than_two_of_them() {
        let connections = connections(99, 2);
        let admit = |ip: &str| connections.admit(peer(ip));
        let networks = ["2001:db8:1:1::1", "2001:db8:1:2::1"];
        let twice = networks.into_iter().chain(networks);
        let held: Vec<_> = twice.map(|ip| admit(ip).unwrap()).collect();
        assert!(admit("2001:db8:1:3::1").is_none());
        assert!(admit("2001:db8:2:1::1").is_some());
        drop(held);
    }
}
