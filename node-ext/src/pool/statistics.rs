//! What the pool counts, for operators and their dashboards.

use crate::metrics::{Reading, Readings, Source};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Counts of a pool, all since it was made but for the last five, which are of
/// now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatistics {
    /// Leases of a bucket that was open.
    pub hits: u64,
    /// Leases of a bucket that had to be opened.
    pub misses: u64,
    /// Buckets that were closed to make room for others.
    pub evictions: u64,
    /// Buckets that were opened.
    pub opened: u64,
    /// Buckets that could not be opened.
    pub failed_to_open: u64,
    /// Time that opening took in all, in microseconds.
    pub opening_us: u64,
    /// Buckets that were closed.
    pub closed: u64,
    /// Time that closing took in all, in microseconds.
    pub closing_us: u64,
    /// Buckets that were written out because the oldest unflushed data was theirs.
    pub flushed: u64,
    /// Callers that gave up waiting.
    pub timeouts: u64,
    /// Leases that ended in a panic.
    pub panics: u64,
    /// Databases that are open, or on their way in or out.
    pub open: u64,
    /// Leases that are out.
    pub leased: u64,
    /// Callers that wait for room.
    pub waiting: u64,
    /// Memory of unflushed writes, in bytes.
    pub unflushed_bytes: u64,
    /// Memory of blocks in the cache that buckets share, in bytes.
    pub cached_bytes: u64,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) failed_to_open: AtomicU64,
    pub(super) opening_us: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) closing_us: AtomicU64,
    pub(super) flushed: AtomicU64,
    pub(super) timeouts: AtomicU64,
    pub(super) panics: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn add_time(counter: &AtomicU64, time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    counter.fetch_add(us, Ordering::Relaxed);
}

impl Counters {
    /// What was counted so far; what is of now is left at 0.
    pub(super) fn read(&self) -> PoolStatistics {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolStatistics {
            hits: of(&self.hits),
            misses: of(&self.misses),
            evictions: of(&self.evictions),
            opened: of(&self.opened),
            failed_to_open: of(&self.failed_to_open),
            opening_us: of(&self.opening_us),
            closed: of(&self.closed),
            closing_us: of(&self.closing_us),
            flushed: of(&self.flushed),
            timeouts: of(&self.timeouts),
            panics: of(&self.panics),
            ..PoolStatistics::default()
        }
    }
}

/// Registers the statistics under the names that `cairn_pool_` begins.
pub(super) fn register_all(
    source: Source<PoolStatistics>,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let counters: [Reading<PoolStatistics>; 11] = [
        ("hits_total", "Leases of a bucket that was open", |s| s.hits),
        (
            "misses_total",
            "Leases of a bucket that had to be opened",
            |s| s.misses,
        ),
        (
            "evictions_total",
            "Buckets closed to make room for others",
            |s| s.evictions,
        ),
        ("opened_total", "Buckets opened", |s| s.opened),
        (
            "failed_to_open_total",
            "Buckets that could not be opened",
            |s| s.failed_to_open,
        ),
        ("opening_microseconds_total", "Time spent opening", |s| {
            s.opening_us
        }),
        ("closed_total", "Buckets closed", |s| s.closed),
        ("closing_microseconds_total", "Time spent closing", |s| {
            s.closing_us
        }),
        ("flushed_total", "Buckets written out to free memory", |s| {
            s.flushed
        }),
        ("timeouts_total", "Callers that gave up waiting", |s| {
            s.timeouts
        }),
        ("panics_total", "Leases that ended in a panic", |s| s.panics),
    ];
    let gauges: [Reading<PoolStatistics>; 5] = [
        ("open", "Databases open, or on their way in or out", |s| {
            s.open
        }),
        ("leased", "Leases that are out", |s| s.leased),
        ("waiting", "Callers that wait for room", |s| s.waiting),
        ("cached_bytes", "Memory of cached blocks", |s| {
            s.cached_bytes
        }),
        ("unflushed_bytes", "Memory of unflushed writes", |s| {
            s.unflushed_bytes
        }),
    ];
    let readings = Readings {
        prefix: "cairn_pool_",
        source,
        registry,
    };
    readings.counters(&counters)?;
    readings.gauges(&gauges)
}
