//! A rate for each source of requests, for the route that signs terms.

use lru::LruCache;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::time::Instant;

/// The sources that are remembered.
const SOURCES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);
/// Requests at once, as at today's provider.
const BURST: u32 = 16;
/// The time in which one more request is allowed: five in a second, as at today's provider.
const REFILL: Duration = Duration::from_millis(200);

/// The address that a request comes from. The server adds it to each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Returns what counts as one source: an IPv4 address, or the 64-bit network of an IPv6
    /// address.
    pub(crate) fn source(self) -> [u16; 4] {
        match self.0.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                // No IPv6 network of this form is in use.
                let pair = |high, low| u16::from_be_bytes([high, low]);
                [0, 0xffff, pair(a, b), pair(c, d)]
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                [a, b, c, d]
            }
        }
    }

    /// Returns whether it is this machine: its operator, or a proxy that speaks for many.
    pub(crate) fn is_this_machine(self) -> bool {
        self.0.to_canonical().is_loopback()
    }
}

/// The rates of all sources.
pub(crate) struct RateLimit(Mutex<LruCache<[u16; 4], Bucket>>);

/// A source's tokens.
#[derive(Clone, Copy)]
struct Bucket {
    tokens: u32,
    /// The time up to which they are counted.
    counted: Instant,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(SOURCES)))
    }
}

impl RateLimit {
    /// Returns whether a source may send one more request now.
    pub(crate) fn admits(&self, peer: Peer) -> bool {
        if peer.is_this_machine() {
            return true;
        }
        let now = Instant::now();
        let mut sources = self.0.lock();
        let full = || Bucket {
            tokens: BURST,
            counted: now,
        };
        let bucket = sources.get_or_insert_mut(peer.source(), full);
        let passed = now.saturating_duration_since(bucket.counted);
        let refilled = passed.as_millis() / REFILL.as_millis();
        let refilled = u32::try_from(refilled).unwrap_or(u32::MAX);
        bucket.counted = match refilled >= BURST {
            true => now,
            false => bucket.counted + REFILL.saturating_mul(refilled),
        };
        bucket.tokens = bucket.tokens.saturating_add(refilled).min(BURST);
        let is_admitted = bucket.tokens > 0;
        bucket.tokens = bucket.tokens.saturating_sub(1);
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: &str) -> Peer {
        Peer(ip.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_has_a_burst_and_then_five_in_a_second() {
        let (limit, one) = (RateLimit::default(), peer("192.0.2.1"));
        let admitted = |count: usize| (0..count).filter(|_| limit.admits(one)).count();
        assert_eq!(admitted(40), 16);
        assert!(limit.admits(peer("192.0.2.2")));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(admitted(40), 2);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(admitted(40), 1);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(admitted(40), 16);
    }

    #[test]
    fn one_holder_of_addresses_is_one_source() {
        let source = |ip| peer(ip).source();
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert!(peer("::ffff:127.0.0.1").is_this_machine());
        assert!(!peer("10.0.0.1").is_this_machine());
    }
}
