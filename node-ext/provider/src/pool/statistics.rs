//! The pool's statistics and metrics.

use crate::metrics::{MetricGroup, MetricSpec, StatisticsSource};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Counts of a pool since it was created. The last five fields are current values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatistics {
    /// Leases of a bucket that was open already.
    pub hits: u64,
    /// Leases of a bucket that had to be opened.
    pub misses: u64,
    /// Buckets closed to make room for others.
    pub evictions: u64,
    /// Buckets opened.
    pub opened: u64,
    /// Buckets that could not be opened.
    pub failed_to_open: u64,
    /// Total time spent opening, in microseconds.
    pub opening_us: u64,
    /// Buckets closed.
    pub closed: u64,
    /// Total time spent closing, in microseconds.
    pub closing_us: u64,
    /// Buckets flushed to free memory.
    pub flushed: u64,
    /// Callers whose wait timed out.
    pub timeouts: u64,
    /// Leases that ended in a panic.
    pub panics: u64,
    /// Databases that are open, opening or closing.
    pub open: u64,
    /// Leases held.
    pub leased: u64,
    /// Callers waiting for a slot.
    pub waiting: u64,
    /// Memory of unflushed writes, in bytes.
    pub unflushed_bytes: u64,
    /// Memory of the block cache that buckets share, in bytes.
    pub cached_bytes: u64,
}

/// The counters of [`PoolStatistics`].
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

pub(super) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn add_time(counter: &AtomicU64, time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    counter.fetch_add(us, Ordering::Relaxed);
}

impl Counters {
    /// Reads the counters; leaves the current values at 0.
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

/// Registers the statistics under names with the prefix `cairn_pool_`.
pub(super) fn register(
    source: StatisticsSource<PoolStatistics>,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let counters: [MetricSpec<PoolStatistics>; 11] = [
        ("hits_total", "Leases of an open bucket", |s| s.hits),
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
        ("opens_total", "Buckets opened", |s| s.opened),
        (
            "open_failures_total",
            "Buckets that could not be opened",
            |s| s.failed_to_open,
        ),
        (
            "open_duration_microseconds_total",
            "Time spent opening buckets",
            |s| s.opening_us,
        ),
        ("closes_total", "Buckets closed", |s| s.closed),
        (
            "close_duration_microseconds_total",
            "Time spent closing buckets",
            |s| s.closing_us,
        ),
        ("flushes_total", "Buckets flushed to free memory", |s| {
            s.flushed
        }),
        ("timeouts_total", "Callers whose wait timed out", |s| {
            s.timeouts
        }),
        ("panics_total", "Leases that ended in a panic", |s| s.panics),
    ];
    let gauges: [MetricSpec<PoolStatistics>; 5] = [
        (
            "open_databases",
            "Databases that are open, opening or closing",
            |s| s.open,
        ),
        ("leases", "Leases held", |s| s.leased),
        ("waiting_callers", "Callers waiting for a slot", |s| {
            s.waiting
        }),
        ("cached_bytes", "Memory of cached blocks", |s| {
            s.cached_bytes
        }),
        ("unflushed_bytes", "Memory of unflushed writes", |s| {
            s.unflushed_bytes
        }),
    ];
    let readings = MetricGroup {
        prefix: "cairn_pool_",
        source,
        registry,
    };
    readings.register_counters(&counters)?;
    readings.register_gauges(&gauges)
}
