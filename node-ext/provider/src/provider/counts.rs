//! Counts of all buckets and of their failures, and the stream of signed roots.

use crate::metrics::{MetricGroup, MetricSpec};
use cairn_bucket::{BucketEvent, SignedRoot};
use cairn_fs::DiskReading;
use cairn_primitives::BucketId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::broadcast;

/// The capacity of the stream of signed roots: a receiver that is further behind lags.
const SIGNED_ROOTS_CAPACITY: usize = 1_024;

/// Counts of all buckets of a provider.
pub(super) struct BucketCounts {
    signed: AtomicU64,
    failed_writes: AtomicU64,
    signed_roots: broadcast::Sender<(BucketId, SignedRoot)>,
}

impl Default for BucketCounts {
    fn default() -> Self {
        Self {
            signed: AtomicU64::new(0),
            failed_writes: AtomicU64::new(0),
            signed_roots: broadcast::Sender::new(SIGNED_ROOTS_CAPACITY),
        }
    }
}

/// The current counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CurrentCounts {
    signed: u64,
    failed_writes: u64,
    quarantined: u64,
}

impl BucketCounts {
    /// Counts an event of a bucket.
    pub(super) fn on_event(&self, id: BucketId, event: BucketEvent) {
        match event {
            BucketEvent::RootSigned(signed_root) => {
                self.signed.fetch_add(1, Ordering::Relaxed);
                // There may be no receiver.
                let _ = self.signed_roots.send((id, signed_root));
            }
            BucketEvent::WriteFailed => {
                self.failed_writes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns the current counts; the number of buckets in quarantine is kept elsewhere.
    pub(super) fn current_counts(&self, quarantined: usize) -> CurrentCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CurrentCounts {
            signed: of(&self.signed),
            failed_writes: of(&self.failed_writes),
            quarantined: u64::try_from(quarantined).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn signed_roots(&self) -> broadcast::Receiver<(BucketId, SignedRoot)> {
        self.signed_roots.subscribe()
    }
}

/// Registers the counts under names with the prefix `cairn_buckets_`.
pub(super) fn register(
    of_now: impl Fn() -> CurrentCounts + Send + Sync + 'static,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let counters: [MetricSpec<CurrentCounts>; 2] = [
        ("signed_roots_total", "Signed roots recorded", |c| c.signed),
        (
            "failed_writes_total",
            "Failed writes or syncs; the bucket takes no writes until it is reopened",
            |c| c.failed_writes,
        ),
    ];
    let gauges: [MetricSpec<CurrentCounts>; 1] = [(
        "quarantined",
        "Buckets in quarantine: they failed a check and take no writes",
        |c| c.quarantined,
    )];
    let readings = MetricGroup {
        prefix: "cairn_buckets_",
        source: Arc::new(of_now),
        registry,
    };
    readings.register_counters(&counters)?;
    readings.register_gauges(&gauges)
}

/// Registers the state of the disk under names with the prefix `cairn_disk_`.
pub(super) fn register_disk(
    of_now: impl Fn() -> DiskReading + Send + Sync + 'static,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let gauges: [MetricSpec<DiskReading>; 3] = [
        (
            "free_bytes",
            "Free bytes on the disk of the base path",
            |disk| disk.free,
        ),
        (
            "reserve_bytes",
            "Bytes reserved for signed roots, duties and answers",
            |disk| disk.reserve,
        ),
        (
            "uploads_paused",
            "1 while uploads are refused because they would use the reserve",
            |disk| disk.is_stopped.into(),
        ),
    ];
    let readings = MetricGroup {
        prefix: "cairn_disk_",
        source: Arc::new(of_now),
        registry,
    };
    readings.register_gauges(&gauges)
}
