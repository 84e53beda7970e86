//! Which nonces extrinsics in flight have, so that many can be.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The nonces of one account that are in use here.
#[derive(Clone, Default)]
pub(super) struct Nonces {
    held: Arc<Mutex<BTreeSet<u64>>>,
}

impl Nonces {
    /// The smallest nonce from `next` on that nobody holds.
    pub(super) fn take(&self, next: u64) -> HeldNonce {
        let mut held = self.held.lock();
        let mut nonce = next;
        for taken in held.range(next..) {
            if *taken != nonce {
                break;
            }
            nonce = nonce.saturating_add(1);
        }
        held.insert(nonce);
        HeldNonce {
            nonce,
            held: self.held.clone(),
        }
    }
}

/// A nonce that nobody else gets until this is dropped.
///
/// It is held for as long as its extrinsic is followed, and no longer: what the
/// pool has of extrinsics that nobody follows any more, the pool tells itself.
pub(super) struct HeldNonce {
    nonce: u64,
    held: Arc<Mutex<BTreeSet<u64>>>,
}

impl HeldNonce {
    pub(super) fn get(&self) -> u64 {
        self.nonce
    }
}

impl Drop for HeldNonce {
    fn drop(&mut self) {
        self.held.lock().remove(&self.nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gets_the_smallest_that_is_free_from_the_chains_on() {
        let nonces = Nonces::default();
        let first = nonces.take(5);
        let second = nonces.take(5);
        let third = nonces.take(5);
        assert_eq!([first.get(), second.get(), third.get()], [5, 6, 7]);
        // The chain may have gone on meanwhile, and what it has seen is not asked for.
        assert_eq!(nonces.take(7).get(), 8);
        drop(second);
        // What did not reach the chain leaves a gap, which is filled first.
        let again = nonces.take(5);
        assert_eq!(again.get(), 6);
        drop((first, again, third));
        assert_eq!(nonces.take(5).get(), 5);
        assert_eq!(nonces.take(u64::MAX).get(), u64::MAX);
    }
}
