//! What one provider takes on, each with its reason. Those of the work hold
//! wherever the methods are served; those of connections are the standalone
//! provider's, since a node has its own.

use std::num::NonZeroU32;
use std::time::Duration;

/// Places for one kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// How many are worked on at once.
    pub at_once: NonZeroU32,
    /// How many wait for that. Whoever comes after them is told that all are busy.
    pub waiting: u32,
}

impl LaneLimits {
    const fn new(at_once: u32, waiting: u32) -> Self {
        Self {
            at_once: NonZeroU32::MIN.saturating_add(at_once.saturating_sub(1)),
            waiting,
        }
    }
}

/// What is done at once, and what one request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a request may take, with its waiting: 30 seconds, as long as a
    /// bucket is waited for and as most clients wait. A write that has begun is
    /// not cut off.
    pub request_time: Duration,
    /// Answers to challenges that are open on the chain. Nothing else takes these
    /// places, and the nearest deadline goes first: 4, which keep two cores busy
    /// while one waits for a disk, and 1,024 waiting, as many as have ever been
    /// due at one deadline.
    pub challenges: LaneLimits,
    /// Signatures for other providers' checkpoints: 4, since each waits for the
    /// chain; 64 waiting, for as many buckets in one window.
    pub signatures: LaneLimits,
    /// Reading and proving for everybody: 8, more of which would only share the
    /// same cores, and 256 waiting, which at a millisecond each is soon done.
    pub reads: LaneLimits,
    /// Storing and committing: 8, which share their syncs where it is one
    /// bucket, and 64 waiting, each with up to a request's size in memory.
    pub writes: LaneLimits,
    /// The most buckets in a page: 1,000 take 500 KB of an answer.
    pub page: u32,
    /// The most hashes whose presence is asked for: 8,192, half a MiB of request.
    pub hashes: u32,
    /// The most hashes whose content is asked for: 512, above which an answer of
    /// small nodes costs more in reads than in bytes.
    pub fetched: u32,
    /// Bytes of content in one answer: 1.5 MiB, which are 3 MiB in hex.
    pub fetched_bytes: u64,
    /// The most leaves in one commit: 8,192, a MiB of request.
    pub leaves: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_time: Duration::from_secs(30),
            challenges: LaneLimits::new(4, 1_024),
            signatures: LaneLimits::new(4, 64),
            reads: LaneLimits::new(8, 256),
            writes: LaneLimits::new(8, 64),
            page: 1_000,
            hashes: 8_192,
            fetched: 512,
            fetched_bytes: 3 << 19,
            leaves: 8_192,
        }
    }
}

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once: 100, as Substrate nodes allow; each is a descriptor.
    /// Who comes after them takes the place of one of the source that has most, or of one
    /// that asks nothing or has been silent for long, and is hung up on where there
    /// is none.
    pub connections: NonZeroU32,
    /// Connections of one address at once, or of one IPv6 network of 64 bits: 32, a
    /// third of all, which is more than a household has in use. This machine's own
    /// are not counted: a proxy on it speaks for many.
    pub per_address: NonZeroU32,
    /// The largest request in bytes: 2 MiB. A chunk takes half a MiB in hex.
    pub request_bytes: u32,
    /// The largest answer in bytes: 4 MiB.
    pub response_bytes: u32,
    /// Requests in one batch: 64. They are done one after the other.
    pub batch: u32,
    /// Subscriptions of one connection: 16.
    pub subscriptions: u32,
    /// Requests of one connection that are being done at once: 64.
    pub in_flight: u32,
    /// Requests of one connection in a minute: 600,000. Ten thousand in a second
    /// are more than any audit needs, and less than keeps others from theirs.
    pub per_minute: NonZeroU32,
    /// Answers of one connection that it has not read yet, in bytes: 8 MiB. No
    /// further request of it is read until it reads on.
    pub unread_bytes: u64,
    /// The same of all connections, with their requests that are not answered:
    /// 64 MiB. Beyond it the one that holds most is closed, and until then only
    /// challenges are answered.
    pub all_unread_bytes: u64,
    /// How long a connection may be without a byte in either direction that
    /// somebody waits for: 2 minutes, four of the pings that a WebSocket answers.
    pub idle: Duration,
    /// How long a connection may take to its first request: 10 seconds.
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
