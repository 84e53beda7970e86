//! The connections at once, in all and of one source.

use crate::rate_limit::Peer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The open connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections {
    open: Arc<Mutex<Open>>,
    most: u32,
    per_source: u32,
}

#[derive(Default)]
struct Open {
    all: u32,
    of: HashMap<[u16; 4], u32>,
}

/// The place of a connection, until it is dropped.
pub(crate) struct Place {
    connections: Connections,
    /// `None` for this machine.
    source: Option<[u16; 4]>,
}

impl Connections {
    pub(crate) fn new(most: NonZeroU32, per_source: NonZeroU32) -> Self {
        Self {
            open: Arc::default(),
            most: most.get(),
            per_source: per_source.get(),
        }
    }

    /// Returns a place for a connection, if there is one.
    pub(crate) fn admit(&self, peer: Peer) -> Option<Place> {
        let source = (!peer.is_this_machine()).then(|| peer.source());
        let mut open = self.open.lock();
        let of_source = source.and_then(|source| open.of.get(&source).copied());
        if open.all >= self.most || of_source.unwrap_or(0) >= self.per_source {
            return None;
        }
        open.all = open.all.saturating_add(1);
        if let Some(source) = source {
            let count = open.of.entry(source).or_default();
            *count = count.saturating_add(1);
        }
        Some(Place {
            connections: self.clone(),
            source,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.all = open.all.saturating_sub(1);
        let Some(source) = self.source else {
            return;
        };
        if let Some(count) = open.of.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.of.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_takes_its_share_and_this_machine_any() {
        let at_most = |count| NonZeroU32::new(count).unwrap();
        let connections = Connections::new(at_most(4), at_most(2));
        let admit = |ip: &str| connections.admit(Peer(ip.parse().unwrap()));
        let mut held: Vec<_> = (0..2).map(|_| admit("192.0.2.1").unwrap()).collect();
        assert!(admit("192.0.2.1").is_none());
        held.push(admit("192.0.2.2").unwrap());
        held.push(admit("127.0.0.1").unwrap());
        assert!(admit("127.0.0.1").is_none());
        held.remove(0);
        held.push(admit("192.0.2.1").unwrap());
        drop(held);
        let here: Vec<_> = (0..4).map(|_| admit("::1").unwrap()).collect();
        assert_eq!(here.len(), 4);
        assert!(connections.open.lock().of.is_empty());
    }
}
