//! The plan and the counts of the background scrub.

use crate::metrics::{MetricGroup, MetricSpec};
use cairn_bucket::ScrubStepReport;
use parking_lot::Mutex;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// 1 TiB in a day and a half, and a twentieth of a slow disk's read rate. The compiler
/// checks that it is not 0.
const DEFAULT_RATE: NonZeroU64 = NonZeroU64::new(8 << 20).unwrap();
/// As usual for deep scrubs of storage clusters.
const DEFAULT_PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The rate and period of the background scrub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubPlan {
    /// The highest read rate, in bytes per second.
    pub bytes_per_second: NonZeroU64,
    /// The time from the start of one pass to the start of the next, unless a pass takes
    /// longer.
    pub period: Duration,
}

impl Default for ScrubPlan {
    /// 8 MiB per second, and one pass a week.
    fn default() -> Self {
        Self {
            bytes_per_second: DEFAULT_RATE,
            period: DEFAULT_PERIOD,
        }
    }
}

/// Counts of the background scrub since the provider started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubStatistics {
    /// Completed passes over all buckets.
    pub passes: u64,
    /// Buckets read to their end.
    pub buckets: u64,
    /// Records checked.
    pub records: u64,
    /// Bytes of chunks checked.
    pub bytes: u64,
    /// Records that do not match their hash.
    pub findings: u64,
}

impl ScrubStatistics {
    pub(super) fn add(&mut self, step: &ScrubStepReport) {
        let findings = u64::try_from(step.findings.len()).unwrap_or(u64::MAX);
        self.records = self.records.saturating_add(step.records);
        self.bytes = self.bytes.saturating_add(step.bytes);
        self.findings = self.findings.saturating_add(findings);
    }
}

/// The plan and the counts of a provider's scrub.
#[derive(Default)]
pub(super) struct ScrubState {
    /// `None` for no scrub.
    pub(super) plan: Option<ScrubPlan>,
    pub(super) statistics: Mutex<ScrubStatistics>,
}

impl ScrubState {
    pub(super) fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [MetricSpec<ScrubStatistics>; 5] = [
            ("passes_total", "Completed passes over all buckets", |s| {
                s.passes
            }),
            ("buckets_total", "Buckets read to their end", |s| s.buckets),
            ("records_total", "Records checked", |s| s.records),
            ("bytes_total", "Bytes of chunks checked", |s| s.bytes),
            (
                "findings_total",
                "Records that do not match their hash",
                |s| s.findings,
            ),
        ];
        let scrubbing = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_scrub_",
            source: Arc::new(move || *scrubbing.statistics.lock()),
            registry,
        };
        readings.register_counters(&counters)
    }
}
