//! Request rates, one for each source or account. Their number is bounded: the one that was silent
//! for longest is forgotten, and has its whole burst again.

use lru::LruCache;
use parking_lot::Mutex;
use std::hash::Hash;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;
use tokio::time::Instant;

/// The keys that are remembered: 4,096, which take some 400 KiB.
const KEYS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

/// A rate of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The most requests at once.
    pub burst: u32,
    /// The time after which one more request is allowed.
    pub interval: Duration,
}

impl Rate {
    /// Returns a rate by the requests in a second, with a burst of as many.
    pub const fn per_second(count: NonZeroU32) -> Self {
        let count = count.get();
        Self {
            burst: count,
            interval: match Duration::from_secs(1).checked_div(count) {
                Some(interval) => interval,
                None => Duration::from_secs(1),
            },
        }
    }
}

/// The requests of each key.
#[derive(Debug)]
pub struct RateLimit<K: Hash + Eq>(Mutex<LruCache<K, Bucket>>);

/// The tokens of a key.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u32,
    /// The time up to which they are counted.
    counted: Instant,
}

impl<K: Hash + Eq> Default for RateLimit<K> {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEYS)))
    }
}

impl<K: Hash + Eq> RateLimit<K> {
    /// Returns whether a key may send one more request now.
    pub fn admits(&self, key: K, rate: Rate) -> bool {
        let now = Instant::now();
        let mut keys = self.0.lock();
        let full = || Bucket {
            tokens: rate.burst,
            counted: now,
        };
        let bucket = keys.get_or_insert_mut(key, full);
        let passed = now.saturating_duration_since(bucket.counted);
        let interval = rate.interval.as_nanos().max(1);
        let refilled = u32::try_from(passed.as_nanos() / interval).unwrap_or(u32::MAX);
        bucket.counted = match refilled >= rate.burst {
            true => now,
            false => bucket.counted + rate.interval.saturating_mul(refilled),
        };
        bucket.tokens = bucket.tokens.saturating_add(refilled).min(rate.burst);
        let is_admitted = bucket.tokens > 0;
        bucket.tokens = bucket.tokens.saturating_sub(1);
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 16,
        interval: Duration::from_millis(200),
    };

    #[tokio::test(start_paused = true)]
    async fn a_key_has_a_burst_and_then_its_rate() {
        let limit = RateLimit::default();
        let admitted = |count: usize| (0..count).filter(|_| limit.admits(1, RATE)).count();
        assert_eq!(admitted(40), 16);
        assert!(limit.admits(2, RATE));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(admitted(40), 2);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(admitted(40), 1);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(admitted(40), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_forgotten_before_they_are_too_many() {
        let (limit, rate) = (RateLimit::default(), Rate::per_second(NonZeroU32::MIN));
        assert_eq!((rate.burst, rate.interval), (1, Duration::from_secs(1)));
        assert!(limit.admits(0, rate));
        assert!(!limit.admits(0, rate));
        for key in 1..10_000 {
            assert!(limit.admits(key, rate));
        }
        assert_eq!(limit.0.lock().len(), KEYS.get());
        assert!(limit.admits(0, rate));
    }
}
