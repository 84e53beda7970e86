//! All connections of a listener together: what they hold, and which of them is
//! closed when others need it.

use super::valve::Valve;
use parking_lot::Mutex;
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

    /// Closes a connection that nobody misses, if there is one: one that asks
    /// nothing, or has been silent for long. Returns whether one was.
    pub(super) fn make_place(&self) -> bool {
        let open = self.open().into_iter();
        let idle = open.filter(|valve| {
            let since = valve.heard().elapsed();
            since > SILENT || (since > UNASKED && !valve.has_asked())
        });
        let missed_least = idle.min_by_key(|valve| (valve.has_asked(), valve.heard()));
        missed_least.inspect(|valve| valve.close()).is_some()
    }
}
