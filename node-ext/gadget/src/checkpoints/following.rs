//! Tracks submitted checkpoints: the finalized state confirms them, and lost ones are submitted
//! again.

use super::{Attempted, CheckpointScheduler, CheckpointStage, Failure, Followed};
use crate::checkpoint_rules::{Local, is_news};
use cairn_chain::Progress;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Commitment};
use futures::StreamExt;

/// Heads to examine after an extrinsic is reported final, before the state proves that the chain
/// refused it: one head may be older than that.
const HEADS_AFTER_FINAL: u32 = 2;

/// A submitted checkpoint that is not confirmed yet.
pub(super) struct InFlight {
    /// A number of our own, to tell it from one that was given up.
    number: u64,
    commitment: Commitment,
    window: Option<u64>,
    /// The anchor block of the submission.
    since: u32,
    /// Heads since it was reported final.
    final_for: Option<u32>,
}

/// A submission's state, judged by the finalized chain state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pending,
    /// The chain's last checkpoint is this one.
    Taken,
    /// The last checkpoint covers as much or more, and is not ours.
    Overtaken,
    /// The chain will not take it, for this reason.
    Lost(&'static str),
}

impl InFlight {
    fn judge(&self, info: &BucketInfo, anchor: u32, patience: u32) -> Verdict {
        let is_over = |window: u64| {
            let windows = info.window.and_then(|windows| windows.window_of(anchor));
            windows.is_none_or(|current| current > window)
        };
        match &info.snapshot {
            Some(BucketSnapshot { commitment, .. }) if *commitment == self.commitment => {
                Verdict::Taken
            }
            snapshot if !is_news(&self.commitment, snapshot.as_ref()) => Verdict::Overtaken,
            _ if self
                .final_for
                .is_some_and(|heads| heads >= HEADS_AFTER_FINAL) =>
            {
                Verdict::Lost("the chain included and refused it")
            }
            _ if self.window.is_some_and(is_over) => Verdict::Lost("its window has ended"),
            _ if anchor.saturating_sub(self.since) >= patience => {
                Verdict::Lost("there was no news of it")
            }
            _ => Verdict::Pending,
        }
    }
}

impl CheckpointScheduler {
    /// Handles the end of an attempt.
    pub(super) fn attempted(&mut self, (id, window, attempted): Attempted) {
        let (shared, anchor) = (self.shared.clone(), self.anchor);
        let Some(known) = self.known.get_mut(&id) else {
            return;
        };
        known.attempting = false;
        match attempted {
            Ok(submitted) => {
                known.left_out.clear();
                self.submissions = self.submissions.saturating_add(1);
                let (number, commitment) = (self.submissions, submitted.commitment);
                known.in_flight = Some(InFlight {
                    number,
                    commitment,
                    window,
                    since: anchor,
                    final_for: None,
                });
                shared.board.count(|counts| counts.submitted += 1);
                shared.board.stands(id, CheckpointStage::Submitted(anchor));
                tracing::info!(
                    bucket = %id, leaves = %commitment.leaf_count, start = %commitment.start_seq,
                    ?window, signers = submitted.signers, extrinsic = ?submitted.ticket.hash,
                    "submitted a checkpoint"
                );
                let progress = submitted.ticket.progress;
                let followed = progress.map(move |progress| (id, number, progress));
                self.follows.push(followed.boxed());
            }
            Err(failure) => {
                if let Failure::Short { unsigned, .. } = &failure {
                    known.left_out.retain(|one| !unsigned.contains(one));
                    known.left_out.extend(unsigned);
                }
                if matches!(
                    failure,
                    Failure::Short { .. } | Failure::NothingInCommon { .. }
                ) {
                    shared.board.count(|counts| counts.short += 1);
                }
                self.try_again(id, failure.to_string());
            }
        }
    }

    /// Handles the progress of an extrinsic.
    pub(super) fn followed(&mut self, (id, number, progress): Followed) {
        let in_flight = self.known.get_mut(&id).and_then(|known| {
            let in_flight = known.in_flight.as_mut();
            in_flight.filter(|in_flight| in_flight.number == number)
        });
        let Some(in_flight) = in_flight else {
            return;
        };
        match progress {
            Progress::InBlock(block) => {
                tracing::debug!(bucket = %id, ?block, "a checkpoint is in a block");
            }
            Progress::Retracted(block) => {
                tracing::debug!(bucket = %id, ?block, "a checkpoint's block was retracted");
            }
            Progress::Finalized(_) => in_flight.final_for = Some(0),
            Progress::Gone(reason) => {
                self.shared.board.count(|counts| counts.lost += 1);
                self.try_again(id, format!("the chain dropped it: {reason}"));
            }
        }
    }

    /// Compares a pending submission with the finalized state.
    pub(super) fn settle(&mut self, local: &Local) {
        let (id, anchor, patience) = (local.id, self.anchor, self.shared.plan.patience);
        let Some(known) = self.known.get_mut(&id) else {
            return;
        };
        let (Some((asked_at, info)), Some(in_flight)) = (&known.info, &mut known.in_flight) else {
            return;
        };
        if *asked_at != anchor {
            return;
        }
        in_flight.final_for = in_flight.final_for.map(|heads| heads.saturating_add(1));
        let commitment = in_flight.commitment;
        match in_flight.judge(info, anchor, patience) {
            Verdict::Pending => {}
            Verdict::Taken => {
                known.in_flight = None;
                self.shared.board.count(|counts| counts.finalized += 1);
                tracing::info!(
                    bucket = %id, leaves = %commitment.leaf_count, start = %commitment.start_seq,
                    "a checkpoint is final"
                );
            }
            Verdict::Overtaken => {
                known.in_flight = None;
                tracing::info!(bucket = %id, "another provider's checkpoint covers as much");
            }
            Verdict::Lost(reason) => {
                self.shared.board.count(|counts| counts.lost += 1);
                self.try_again(id, reason.into());
            }
        }
    }

    fn try_again(&mut self, id: BucketId, reason: String) {
        let again_at = self.anchor.saturating_add(self.shared.plan.retry);
        if let Some(known) = self.known.get_mut(&id) {
            known.in_flight = None;
            known.not_before = again_at;
        }
        tracing::warn!(bucket = %id, %reason, again_at, "a checkpoint failed; trying again later");
        let stage = CheckpointStage::Failed { reason, again_at };
        self.shared.board.stands(id, stage);
    }
}
