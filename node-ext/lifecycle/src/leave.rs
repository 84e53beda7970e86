//! Leaving a chain: a state machine whose state is the chain's, so that it can be stopped and
//! continued at any point.
//!
//! ```text
//! registered ─► closed ─► agreements run out ─► payments claimed ─► announced
//!     ▲            nothing new                                          │ the notice
//!     └──────────────────────────── cancelled ◄─────────────────────────┤
//!                                                                       ▼
//!                                                        completed: the stake is free
//! ```
//!
//! No step gives a bucket back: its bytes stay on the disk until nobody can challenge them.

use crate::facts::Facts;
use crate::settings::SettingsChange;
use cairn_chain::ProviderCall;
use cairn_primitives::BucketId;
use cairn_primitives::onchain::{ProviderInfo, ProviderSettings};

/// The next step of leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveStep {
    /// The account is not registered: there is nothing left to do.
    Gone,
    /// This call.
    Submit(ProviderCall),
    /// Waiting for the chain.
    Wait(Wait),
}

/// A reason to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Agreements hold, the last until before this anchor block.
    Agreements {
        /// Their number.
        count: usize,
        /// The first anchor block at which none of them holds.
        until: u32,
    },
    /// An agreement has ended, and its owner may settle it until before this anchor block.
    Settlement {
        /// The bucket.
        bucket: BucketId,
        /// The first anchor block at which the provider may claim the payment.
        until: u32,
    },
    /// Challenges are open. Each must be answered, or the stake is lost.
    Challenges {
        /// Their number.
        count: usize,
        /// The last deadline.
        until: u32,
    },
    /// The notice of the deregistration.
    Notice {
        /// The anchor block at which it has passed.
        until: u32,
    },
    /// The chain counts bytes as agreed although it has no agreement: only the chain's own
    /// repair ends that.
    Miscounted {
        /// The bytes.
        committed: u64,
    },
}

/// Returns the next step of leaving.
pub fn next_step(facts: &Facts) -> LeaveStep {
    let Some(record) = &facts.provider else {
        return LeaveStep::Gone;
    };
    // First, since what is claimed counts no more against the capacity.
    if let Some(claim) = next_claim(facts) {
        return LeaveStep::Submit(claim);
    }
    // Announced, the record is frozen, and nothing new is accepted.
    if record.deregister_at.is_none()
        && let Some(closed) = closed_settings(facts, record)
    {
        return LeaveStep::Submit(ProviderCall::UpdateSettings(closed));
    }
    if let Some(step) = end_agreements(facts) {
        return step;
    }
    if record.committed_bytes > 0 {
        let committed = record.committed_bytes;
        return LeaveStep::Wait(Wait::Miscounted { committed });
    }
    match record.deregister_at {
        None => LeaveStep::Submit(ProviderCall::AnnounceDeregister),
        Some(until) if facts.head.anchor < until => LeaveStep::Wait(Wait::Notice { until }),
        Some(_) => match challenges(facts) {
            Some(wait) => LeaveStep::Wait(wait),
            None => LeaveStep::Submit(ProviderCall::CompleteDeregister),
        },
    }
}

/// Returns the claim of a payment, also while other agreements still run.
fn next_claim(facts: &Facts) -> Option<ProviderCall> {
    let all = facts.agreements.iter();
    let mut claims = all.map(|(bucket, _)| ProviderCall::ClaimExpiredAgreement(*bucket));
    claims.find(|claim| facts.check(claim).is_ok())
}

/// Returns the settings that accept nothing new, unless the record has them.
///
/// The chain checks the capacity with each change. A stake that was lowered, or a higher stake for
/// each byte, may not cover the one that the record has: then as little as is agreed is tried, and
/// then none, which the chain does not check. Nothing new is accepted in any case.
fn closed_settings(facts: &Facts, record: &ProviderInfo) -> Option<ProviderSettings> {
    let closed = SettingsChange::CLOSED.applied_to(&record.settings);
    if record.settings == closed {
        return None;
    }
    let with = |max_capacity| ProviderSettings {
        max_capacity,
        ..closed
    };
    let choices = [closed, with(record.committed_bytes), with(0)];
    let is_taken = |settings: &ProviderSettings| {
        facts
            .check(&ProviderCall::UpdateSettings(*settings))
            .is_ok()
    };
    Some(choices.into_iter().find(is_taken).unwrap_or(closed))
}

fn end_agreements(facts: &Facts) -> Option<LeaveStep> {
    let anchor = facts.head.anchor;
    let live = facts.live_agreements();
    let ends: Vec<u32> = live.map(|(_, agreement)| agreement.expires_at).collect();
    if let Some(until) = ends.iter().max() {
        return Some(LeaveStep::Wait(Wait::Agreements {
            count: ends.len(),
            until: *until,
        }));
    }
    let (bucket, until) = facts
        .agreements
        .iter()
        .map(|(bucket, agreement)| (*bucket, facts.claimable_from(agreement)))
        .min_by_key(|(_, until)| *until)?;
    // Past its settlement, only a challenge keeps an agreement from being claimed.
    match challenges(facts) {
        Some(wait) if until <= anchor => Some(LeaveStep::Wait(wait)),
        _ => Some(LeaveStep::Wait(Wait::Settlement { bucket, until })),
    }
}

fn challenges(facts: &Facts) -> Option<Wait> {
    let deadlines = facts.challenges.iter().map(|open| open.id.deadline);
    deadlines.max().map(|until| Wait::Challenges {
        count: facts.challenges.len(),
        until,
    })
}
