//! What answering challenges comes to, for operators and their dashboards.

use crate::metrics::{Reading, Readings, Source};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Counts of challenges, all since the process began but for the last seven,
/// which are of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChallengeStatistics {
    /// Challenges that the chain told of.
    pub asked: u64,
    /// Challenges for which an answer was handed over.
    pub answered: u64,
    /// Answers that were handed over again.
    pub resubmitted: u64,
    /// Challenges that were answered well.
    pub defended: u64,
    /// Challenges that were lost.
    pub lost: u64,
    /// Challenges whose deadline passed while the process was away.
    pub unseen: u64,
    /// Challenges that are open.
    pub open: u64,
    /// Challenges that the best block has and no finalized one, as far as is
    /// known while finality stands still. They are not answered yet.
    pub unsettled: u64,
    /// Answers that are being made, or wait in the chain's pool.
    pub in_flight: u64,
    /// Their bytes.
    pub bytes_in_flight: u64,
    /// Open challenges that somebody must see to.
    pub alarmed: u64,
    /// Anchor blocks until the nearest deadline for which no block has an
    /// answer; a challenge's whole time where there is none.
    pub nearest: u64,
    /// The last finalized anchor block.
    pub anchor: u64,
}

/// Registers the statistics under the names that `cairn_challenges_` begins.
pub(super) fn register_all(
    source: Source<ChallengeStatistics>,
    registry: &Registry,
) -> Result<(), PrometheusError> {
    let counters: [Reading<ChallengeStatistics>; 6] = [
        ("asked_total", "Challenges that the chain told of", |s| {
            s.asked
        }),
        (
            "answered_total",
            "Challenges for which an answer was handed over",
            |s| s.answered,
        ),
        ("resubmitted_total", "Answers handed over again", |s| {
            s.resubmitted
        }),
        ("defended_total", "Challenges answered well", |s| s.defended),
        ("lost_total", "Challenges lost", |s| s.lost),
        (
            "unseen_total",
            "Challenges whose deadline passed while the process was away",
            |s| s.unseen,
        ),
    ];
    let gauges: [Reading<ChallengeStatistics>; 7] = [
        ("open", "Challenges that are open", |s| s.open),
        (
            "unsettled",
            "Challenges in the best block alone, while finality stands still",
            |s| s.unsettled,
        ),
        ("in_flight", "Answers being made, or in the pool", |s| {
            s.in_flight
        }),
        ("bytes_in_flight", "Bytes of those answers", |s| {
            s.bytes_in_flight
        }),
        (
            "alarmed",
            "Open challenges that somebody must see to",
            |s| s.alarmed,
        ),
        (
            "nearest_deadline_anchors",
            "Anchor blocks until the nearest deadline without an answer in a block",
            |s| s.nearest,
        ),
        ("anchor", "The last finalized anchor block", |s| s.anchor),
    ];
    let readings = Readings {
        prefix: "cairn_challenges_",
        source,
        registry,
    };
    readings.counters(&counters)?;
    readings.gauges(&gauges)
}
