//! The limits of one provider's methods, each with its reason. They hold wherever the methods are
//! served; a listener has its own limits of connections.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of one class of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// The most requests served at once.
    pub at_once: NonZeroU32,
    /// The most requests queued. Further ones are refused as busy.
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

/// How much is served at once, and how much one request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a request may take, including its queueing: 30 seconds, as long as the provider
    /// waits for a bucket and most clients wait for an answer. A write that has begun is not cut
    /// off.
    pub request_time: Duration,
    /// Answers to challenges that are open on the chain, nearest deadline first: 4, which keep two
    /// cores busy while others wait for a disk, and 1,024 queued, the most that were ever due at
    /// one deadline.
    pub challenges: LaneLimits,
    /// Signatures for other providers' checkpoints: 4, since each waits for the chain, and 64
    /// queued, one for each of 64 buckets in one window.
    pub signatures: LaneLimits,
    /// Reads and proofs: 8, since more would only share the same cores, and 256 queued, which at
    /// a millisecond each take a quarter of a second.
    pub reads: LaneLimits,
    /// Writes: 8, which share their fsyncs within one bucket, and 64 queued, each with up to a
    /// request's size in memory.
    pub writes: LaneLimits,
    /// The most buckets in a page: 1,000, about 500 KB.
    pub page: u32,
    /// The most hashes in a request for missing nodes: 8,192, half a MiB.
    pub hashes: u32,
    /// The most hashes in a request for content: 512, above which an answer of small nodes costs
    /// more in reads than in bytes.
    pub fetched: u32,
    /// The most bytes of content in one answer: 1.5 MiB, which are 3 MiB in hex.
    pub fetched_bytes: u64,
    /// The most leaves in one commit: 8,192, a request of one MiB.
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
