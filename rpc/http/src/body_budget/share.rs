//! The share of one source in the budget of bodies.

use crate::rate_limit::Peer;
use axum::extract::Request;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The part of the budget that one source may have: a quarter.
const PART: u32 = 4;

/// A source of requests.
type Source = [u16; 4];

/// The shares of all sources with a body. Clones share them.
#[derive(Clone)]
pub(super) struct Shares {
    of: Arc<Mutex<HashMap<Source, Share>>>,
    most: usize,
}

/// The share of one source, with the number of its requests.
struct Share {
    requests: usize,
    kib: Arc<Semaphore>,
}

/// One request's use of its source's share. The share is forgotten with its last request.
pub(super) struct Use {
    shares: Shares,
    source: Source,
    pub(super) kib: Arc<Semaphore>,
}

impl Shares {
    /// Divides a budget, in KiB, of which one body may take `largest`.
    pub(super) fn new(all: u32, largest: u32) -> Self {
        let most = (all / PART).max(largest);
        Self {
            of: Arc::default(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
        }
    }

    /// Returns the share of a request's source. Nobody is exempt: requests from this machine share
    /// one as well.
    pub(super) fn of(&self, request: &Request) -> Use {
        let peer = request.extensions().get::<Peer>();
        let source = peer.map_or([0; 4], |peer| peer.source());
        let mut of = self.of.lock();
        let share = of.entry(source).or_insert_with(|| Share {
            requests: 0,
            kib: Arc::new(Semaphore::new(self.most)),
        });
        share.requests = share.requests.saturating_add(1);
        Use {
            shares: self.clone(),
            source,
            kib: share.kib.clone(),
        }
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.of.lock().len()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut of = self.shares.of.lock();
        if let Some(share) = of.get_mut(&self.source) {
            share.requests = share.requests.saturating_sub(1);
            if share.requests == 0 {
                of.remove(&self.source);
            }
        }
    }
}
