//! What is asked of one finalized block.
//!
//! Answering takes the open challenges, and what the chain holds providers to.
//! The rest tells better what became of them, and is gone without: a runtime
//! that has changed it, or has it no more, must not hide a challenge.

use super::book::Scan;
use crate::chain::{ChainClient, ChainError, Head};
use cairn_primitives::onchain::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The parts that a scan went without, and why.
pub(super) type Missing = (&'static str, ChainError);

/// All that the book asks of a finalized block. Limits that cannot be read are
/// taken to be those of the block before.
pub(super) async fn scan(
    chain: Arc<dyn ChainClient>,
    head: Head,
    known: Option<Limits>,
) -> Result<(Scan, Vec<Missing>), ChainError> {
    let at = head.hash;
    let (limits, open, provider, outcomes, best) = futures::join!(
        chain.limits(at),
        chain.open_challenges(at),
        chain.provider(at),
        chain.outcomes(at),
        chain.best_head(),
    );
    let open = open?;
    let mut missing = Vec::new();
    let limits = match (limits, known) {
        (Ok(limits), _) => limits,
        (Err(error), Some(known)) => {
            missing.push(("what the chain holds providers to", error));
            known
        }
        (Err(error), None) => return Err(error),
    };
    let provider = or_missing(provider, "the provider's own row", &mut missing);
    let outcomes = or_missing(outcomes, "what became of challenges", &mut missing);
    let best = or_missing(best, "the best block", &mut missing);
    let lost = provider.map(|provider| provider.map_or(0, |provider| provider.lost));
    let scan = Scan {
        head,
        best_anchor: best.map_or(head.anchor, |best| best.anchor),
        limits,
        open,
        lost,
        outcomes: outcomes.unwrap_or_default(),
    };
    Ok((scan, missing))
}

fn or_missing<T>(
    asked: Result<T, ChainError>,
    what: &'static str,
    missing: &mut Vec<Missing>,
) -> Option<T> {
    asked.map_err(|error| missing.push((what, error))).ok()
}

/// What scans go without for now, so that each is told once.
#[derive(Default)]
pub(super) struct Failing(BTreeMap<&'static str, ChainError>);

impl Failing {
    /// Takes what the last scan went without.
    pub(super) fn note(&mut self, missing: Vec<Missing>) {
        // What passes is not worth a line: the next scan has it.
        let missing: BTreeMap<_, _> = missing
            .into_iter()
            .filter(|(_, error)| !error.is_passing())
            .collect();
        for (what, error) in &missing {
            if !self.0.contains_key(what) {
                tracing::error!(
                    what, %error,
                    "the chain does not tell all that is asked; challenges are answered without"
                );
            }
        }
        for what in self.0.keys() {
            if !missing.contains_key(what) {
                tracing::info!(what, "the chain tells again what it did not");
            }
        }
        self.0 = missing;
    }
}
