//! Counts of all buckets and of their failures, and the stream of signed roots.

use crate::metrics::{Reading, Readings};
use cairn_bucket::{BucketNews, Promise};
use cairn_fs::DiskReading;
use cairn_primitives::BucketId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::broadcast;

/// The capacity of the stream of signed roots: a receiver that is further behind lags.
const PROMISES_AHEAD: usize = 1_024;

/// Counts of all buckets of a provider.
pub(super) struct Counts {
    promised: AtomicU64,
    failed_writes: AtomicU64,
    promises: broadcast::Sender<(BucketId, Promise)>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            promised: AtomicU64::new(0),
            failed_writes: AtomicU64::new(0),
            promises: broadcast::Sender::new(PROMISES_AHEAD),
        }
    }
}

/// The current counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfNow {
    promised: u64,
    failed_writes: u64,
    quarantined: u64,
}

impl Counts {
    /// Counts an event of a bucket.
    pub(super) fn note(&self, id: BucketId, news: BucketNews) {
        match news {
            BucketNews::Promised(promise) => {
                self.promised.fetch_add(1, Ordering::Relaxed);
                // There may be no receiver.
                let _ = self.promises.send((id, promise));
            }
            BucketNews::WriteFailed => {
                self.failed_writes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns the current counts; the number of buckets in quarantine is kept elsewhere.
    pub(super) fn of_now(&self, quarantined: usize) -> OfNow {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OfNow {
            promised: of(&self.promised),
            failed_writes: of(&self.failed_writes),
            quarantined: u64::try_from(quarantined).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn promises(&self) -> broadcast::Receiver<(BucketId, Promise)> {
        self.promises.subscribe()
    }
}

/// Registers the counts under names with the prefix `cairn_buckets_`.
pub(super) fn register(
    of_now: impl Fn() -> OfNow + Send + Sync + 'static,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let counters: [Reading<OfNow>; 2] = [
        ("promised_total", "Signed roots recorded", |c| c.promised),
        (
            "failed_writes_total",
            "Failed writes or syncs; the bucket takes no writes until it is reopened",
            |c| c.failed_writes,
        ),
    ];
    let gauges: [Reading<OfNow>; 1] = [(
        "quarantined",
        "Buckets in quarantine: they failed a check and take no writes",
        |c| c.quarantined,
    )];
    let readings = Readings {
        prefix: "cairn_buckets_",
        source: Arc::new(of_now),
        registry,
    };
    readings.counters(&counters)?;
    readings.gauges(&gauges)
}

/// Registers the state of the disk under names with the prefix `cairn_disk_`.
pub(super) fn register_disk(
    of_now: impl Fn() -> DiskReading + Send + Sync + 'static,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let gauges: [Reading<DiskReading>; 3] = [
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
            "uploads_stopped",
            "1 while uploads are refused because they would use the reserve",
            |disk| disk.is_stopped.into(),
        ),
    ];
    let readings = Readings {
        prefix: "cairn_disk_",
        source: Arc::new(of_now),
        registry,
    };
    readings.gauges(&gauges)
}
