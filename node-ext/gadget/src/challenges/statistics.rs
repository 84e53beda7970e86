//! Statistics of challenges, for operators and dashboards.

use cairn_provider::{MetricGroup, MetricSpec, StatisticsSource};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Statistics of challenges: counters since the process began, and seven gauges at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChallengeStatistics {
    /// Challenges seen on chain.
    pub opened: u64,
    /// Challenges for which an answer was submitted.
    pub answered: u64,
    /// Answers that were submitted again.
    pub resubmitted: u64,
    /// Challenges that were defended.
    pub defended: u64,
    /// Challenges that were lost.
    pub lost: u64,
    /// Challenges that the chain dropped without an outcome.
    pub dropped: u64,
    /// Challenges whose deadline passed while the provider did not run.
    pub unobserved: u64,
    /// Open challenges.
    pub open: u64,
    /// Challenges in the best block alone, while finality stalls. They are not answered yet.
    pub unfinalized: u64,
    /// Answers that are being made or wait in the pool.
    pub in_flight: u64,
    /// Total bytes of those answers.
    pub bytes_in_flight: u64,
    /// Open challenges that need an operator.
    pub alarmed: u64,
    /// Anchor blocks until the nearest deadline without an answer in a block; the challenge period
    /// if there is none.
    pub nearest_deadline: u64,
    /// The last finalized anchor block.
    pub anchor: u64,
}

/// Registers the statistics under names that begin with `cairn_challenges_`.
pub(super) fn register(
    source: StatisticsSource<ChallengeStatistics>,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let counters: [MetricSpec<ChallengeStatistics>; 7] = [
        ("opened_total", "Challenges seen on chain", |s| s.opened),
        (
            "answered_total",
            "Challenges for which an answer was submitted",
            |s| s.answered,
        ),
        ("resubmitted_total", "Answers submitted again", |s| {
            s.resubmitted
        }),
        ("defended_total", "Challenges defended", |s| s.defended),
        ("lost_total", "Challenges lost", |s| s.lost),
        (
            "dropped_total",
            "Challenges that the chain dropped without an outcome",
            |s| s.dropped,
        ),
        (
            "unobserved_total",
            "Challenges whose deadline passed while the provider did not run",
            |s| s.unobserved,
        ),
    ];
    let gauges: [MetricSpec<ChallengeStatistics>; 7] = [
        ("open", "Open challenges", |s| s.open),
        (
            "unfinalized",
            "Challenges in the best block alone, while finality stalls",
            |s| s.unfinalized,
        ),
        ("in_flight", "Answers being made or in the pool", |s| {
            s.in_flight
        }),
        (
            "bytes_in_flight",
            "Bytes of answers being made or in the pool",
            |s| s.bytes_in_flight,
        ),
        (
            "needing_operator",
            "Open challenges that need an operator",
            |s| s.alarmed,
        ),
        (
            "nearest_deadline_anchor_blocks",
            "Anchor blocks until the nearest deadline without an answer in a block",
            |s| s.nearest_deadline,
        ),
        (
            "finalized_anchor_block",
            "The last finalized anchor block",
            |s| s.anchor,
        ),
    ];
    let readings = MetricGroup {
        prefix: "cairn_challenges_",
        source,
        registry,
    };
    readings.register_counters(&counters)?;
    readings.register_gauges(&gauges)
}
