//! The limits of the standalone listener's connections, each with its reason.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of a listener's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most connections at once: 100, as Substrate nodes allow; each takes a file descriptor.
    /// A further one replaces a connection of the source that has most, or one that is unused or
    /// long silent. It is closed where there is none.
    pub connections: NonZeroU32,
    /// The most connections at once of one IPv4 address, or of one IPv6 network of 64 bits: 32, a
    /// third of all, which is more than a household uses. Connections from this machine are not
    /// counted: a proxy on it speaks for many.
    pub per_address: NonZeroU32,
    /// The most bytes of a request: 2 MiB. A chunk takes half a MiB in hex.
    pub request_bytes: u32,
    /// The most bytes of a response: 4 MiB.
    pub response_bytes: u32,
    /// The most requests in a batch: 64. They are served one after the other.
    pub batch: u32,
    /// The most subscriptions of one connection: 16.
    pub subscriptions: u32,
    /// The most requests of one connection that are served at once: 64.
    pub in_flight: u32,
    /// The most requests of one connection in a minute: 600,000. Ten thousand in a second are more
    /// than an audit needs, and leave room for other connections.
    pub per_minute: NonZeroU32,
    /// The most bytes of responses that one connection has not read yet: 8 MiB. Until it reads
    /// them, no further request of it is read.
    pub unread_bytes: u64,
    /// The most bytes that all connections hold, in unread responses and unanswered requests:
    /// 64 MiB. Above it, the connection that holds most is closed, and until then only challenges
    /// are answered.
    pub all_unread_bytes: u64,
    /// How long a connection may be idle: 2 minutes, four of the pings that a WebSocket answers.
    pub idle: Duration,
    /// How long a connection may take to send its first request: 10 seconds.
    pub first_request: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: NonZeroU32::MIN.saturating_add(99),
            per_address: NonZeroU32::MIN.saturating_add(31),
            request_bytes: 2 << 20,
            response_bytes: 4 << 20,
            batch: 64,
            subscriptions: 16,
            in_flight: 64,
            per_minute: NonZeroU32::MIN.saturating_add(599_999),
            unread_bytes: 8 << 20,
            all_unread_bytes: 64 << 20,
            idle: Duration::from_secs(120),
            first_request: Duration::from_secs(10),
        }
    }
}
