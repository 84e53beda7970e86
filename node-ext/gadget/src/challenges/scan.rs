//! Reads from one finalized block what the tracker needs.
//!
//! Answering needs the open challenges and the chain's limits. Everything else only explains better
//! how challenges ended, and is optional: a runtime that changed or removed it must not hide a
//! challenge.

use super::tracker::Scan;
use cairn_chain::{ChainClient, ChainError, Head, OpenChallenges};
use cairn_primitives::onchain::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A query that failed in a scan, with the error.
pub(super) type FailedQuery = (&'static str, ChainError);

/// Reads a finalized block. If its limits cannot be read, those of the previous block are assumed.
pub(super) async fn scan_block(
    chain: Arc<dyn ChainClient>,
    head: Head,
    known: Option<Limits>,
) -> Result<(Scan, Vec<FailedQuery>), ChainError> {
    let at = head.hash;
    let (limits, open, provider, outcomes, best) = futures::join!(
        chain.limits(at),
        chain.open_challenges(at),
        chain.provider(at),
        chain.outcomes(at),
        chain.best_head(),
    );
    let OpenChallenges {
        challenges: open,
        unreadable,
    } = open?;
    let mut missing = Vec::new();
    let limits = match (limits, known) {
        (Ok(limits), _) => limits,
        (Err(error), Some(known)) => {
            missing.push(("limits", error));
            known
        }
        (Err(error), None) => return Err(error),
    };
    let provider = ok_or_record(provider, "provider", &mut missing);
    let outcomes = ok_or_record(outcomes, "outcomes", &mut missing);
    let best = ok_or_record(best, "best head", &mut missing);
    let lost = provider.map(|provider| provider.map_or(0, |provider| provider.lost));
    let scan = Scan {
        head,
        best_anchor: best.map_or(head.anchor, |best| best.anchor),
        limits,
        open,
        unreadable,
        lost,
        outcomes: outcomes.unwrap_or_default(),
    };
    Ok((scan, missing))
}

fn ok_or_record<T>(
    asked: Result<T, ChainError>,
    what: &'static str,
    missing: &mut Vec<FailedQuery>,
) -> Option<T> {
    asked.map_err(|error| missing.push((what, error))).ok()
}

/// The queries that currently fail in scans, so that each is reported once.
#[derive(Default)]
pub(super) struct FailingQueries(BTreeMap<&'static str, ChainError>);

impl FailingQueries {
    /// Applies the failed queries of the last scan.
    pub(super) fn update(&mut self, missing: Vec<FailedQuery>) {
        // A transient failure is not worth a line: the next scan makes up for it.
        let missing: BTreeMap<_, _> = missing
            .into_iter()
            .filter(|(_, error)| !error.is_transient())
            .collect();
        for (what, error) in &missing {
            if !self.0.contains_key(what) {
                tracing::error!(
                    what, %error,
                    "the chain does not answer a query; challenges are answered without it"
                );
            }
        }
        for what in self.0.keys() {
            if !missing.contains_key(what) {
                tracing::info!(what, "the chain answers the query again");
            }
        }
        self.0 = missing;
    }
}
