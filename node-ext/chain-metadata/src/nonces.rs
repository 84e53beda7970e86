//! The nonces of extrinsics in flight, so that several can be.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The nonces of one account that this process uses.
#[derive(Clone, Default)]
pub(super) struct Nonces {
    held: Arc<Mutex<BTreeSet<u64>>>,
}

impl Nonces {
    /// Takes the smallest free nonce from `next` on.
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

/// A nonce that is taken until this is dropped.
///
/// It is held as long as its extrinsic is followed. After that, the node's own count of
/// its pool includes the extrinsic.
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
    fn each_nonce_is_the_smallest_free_one() {
        let nonces = Nonces::default();
        let first = nonces.take(5);
        let second = nonces.take(5);
        let third = nonces.take(5);
        assert_eq!([first.get(), second.get(), third.get()], [5, 6, 7]);
        // The chain may have advanced meanwhile; nonces below `next` are not considered.
        assert_eq!(nonces.take(7).get(), 8);
        drop(second);
        // An extrinsic that did not reach the chain leaves a gap, which is filled first.
        let again = nonces.take(5);
        assert_eq!(again.get(), 6);
        drop((first, again, third));
        assert_eq!(nonces.take(5).get(), 5);
        assert_eq!(nonces.take(u64::MAX).get(), u64::MAX);
    }
}
