//! Tracks submitted checkpoints: the finalized state confirms them, and lost ones are submitted
//! again.

use super::{AttemptError, AttemptResult, CheckpointStage, CheckpointWorker, ProgressItem};
use crate::checkpoint_rules::{LocalState, advances};
use cairn_chain::ExtrinsicStatus;
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
    submitted_at: u32,
    /// Heads since it was reported final.
    heads_since_final: Option<u32>,
}

/// A submission's state, judged by the finalized chain state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SubmissionState {
    Pending,
    /// The chain's last checkpoint is this one.
    Confirmed,
    /// The last checkpoint covers as much or more, or has taken the window, and is not ours.
    Superseded,
    /// The chain will not take it, for this reason.
    Lost(&'static str),
}

impl InFlight {
    fn judge(&self, info: &BucketInfo, anchor: u32, timeout: u32) -> SubmissionState {
        let is_over = |window: u64| {
            let windows = info.window.and_then(|windows| windows.window_of(anchor));
            windows.is_none_or(|current| current > window)
        };
        if let Some(taken) = self.judge_by_snapshot(info) {
            return taken;
        }
        if self
            .heads_since_final
            .is_some_and(|heads| heads >= HEADS_AFTER_FINAL)
        {
            SubmissionState::Lost("the chain included and refused it")
        } else if self.window.is_some_and(is_over) {
            SubmissionState::Lost("its window has ended")
        } else if anchor.saturating_sub(self.submitted_at) >= timeout {
            SubmissionState::Lost("there was no news of it")
        } else {
            SubmissionState::Pending
        }
    }

    /// Returns the state if the chain's last checkpoint tells it.
    ///
    /// A checkpoint for a window may repeat the last one, so the commitment tells nothing about it:
    /// the window must have its checkpoint, and the last one must have been made in it. A window
    /// whose miss was reported counts as done on the chain too, but after its end.
    fn judge_by_snapshot(&self, info: &BucketInfo) -> Option<SubmissionState> {
        let snapshot = info.snapshot.as_ref();
        let is_same = snapshot.is_some_and(|last| last.commitment == self.commitment);
        let is_covered = match self.window {
            None => !advances(&self.commitment, snapshot),
            Some(window) => {
                let made_in = snapshot
                    .zip(info.window)
                    .and_then(|(last, windows)| windows.window_of(last.checkpoint_block));
                let is_done = info.last_window.is_some_and(|last| last >= window);
                is_done && made_in == Some(window)
            }
        };
        is_covered.then_some(match is_same {
            true => SubmissionState::Confirmed,
            false => SubmissionState::Superseded,
        })
    }
}

impl CheckpointWorker {
    /// Handles the end of an attempt.
    pub(super) fn on_attempt_done(&mut self, (id, window, attempted): AttemptResult) {
        let (shared, anchor) = (self.context.clone(), self.anchor);
        let Some(known) = self.buckets.get_mut(&id) else {
            return;
        };
        known.is_attempting = false;
        match attempted {
            Ok(submitted) => {
                known.excluded.clear();
                self.submissions = self.submissions.saturating_add(1);
                let (number, commitment) = (self.submissions, submitted.commitment);
                known.in_flight = Some(InFlight {
                    number,
                    commitment,
                    window,
                    submitted_at: anchor,
                    heads_since_final: None,
                });
                shared.status.count(|counts| counts.submitted += 1);
                shared
                    .status
                    .set_stage(id, CheckpointStage::Submitted(anchor));
                tracing::info!(
                    bucket = %id, leaves = %commitment.leaf_count, start = %commitment.start_seq,
                    ?window, signers = submitted.signers, extrinsic = ?submitted.ticket.hash,
                    "submitted a checkpoint"
                );
                let progress = submitted.ticket.statuses;
                let followed = progress.map(move |progress| (id, number, progress));
                self.progress.push(followed.boxed());
            }
            Err(failure) => {
                if let AttemptError::TooFewSignatures { unsigned, .. } = &failure {
                    known.excluded.retain(|one| !unsigned.contains(one));
                    known.excluded.extend(unsigned);
                }
                if matches!(
                    failure,
                    AttemptError::TooFewSignatures { .. } | AttemptError::NothingInCommon { .. }
                ) {
                    shared.status.count(|counts| counts.too_few_signers += 1);
                }
                self.schedule_retry(id, failure.to_string());
            }
        }
    }

    /// Handles the progress of an extrinsic.
    pub(super) fn on_progress(&mut self, (id, number, progress): ProgressItem) {
        let in_flight = self.buckets.get_mut(&id).and_then(|known| {
            let in_flight = known.in_flight.as_mut();
            in_flight.filter(|in_flight| in_flight.number == number)
        });
        let Some(in_flight) = in_flight else {
            return;
        };
        match progress {
            ExtrinsicStatus::InBlock(block) => {
                tracing::debug!(bucket = %id, ?block, "a checkpoint is in a block");
            }
            ExtrinsicStatus::Retracted(block) => {
                tracing::debug!(bucket = %id, ?block, "a checkpoint's block was retracted");
            }
            ExtrinsicStatus::Finalized(_) => in_flight.heads_since_final = Some(0),
            ExtrinsicStatus::Dropped(reason) => {
                self.context.status.count(|counts| counts.lost += 1);
                self.schedule_retry(id, format!("the chain dropped it: {reason}"));
            }
        }
    }

    /// Compares a pending submission with the finalized state.
    pub(super) fn check_submission(&mut self, local: &LocalState) {
        let (id, anchor, timeout) = (
            local.id,
            self.anchor,
            self.context.policy.submission_timeout,
        );
        let Some(known) = self.buckets.get_mut(&id) else {
            return;
        };
        let (Some((asked_at, info)), Some(in_flight)) = (&known.info, &mut known.in_flight) else {
            return;
        };
        if *asked_at != anchor {
            return;
        }
        in_flight.heads_since_final = in_flight
            .heads_since_final
            .map(|heads| heads.saturating_add(1));
        let commitment = in_flight.commitment;
        match in_flight.judge(info, anchor, timeout) {
            SubmissionState::Pending => {}
            SubmissionState::Confirmed => {
                known.in_flight = None;
                self.context.status.count(|counts| counts.finalized += 1);
                tracing::info!(
                    bucket = %id, leaves = %commitment.leaf_count, start = %commitment.start_seq,
                    "a checkpoint is final"
                );
            }
            SubmissionState::Superseded => {
                known.in_flight = None;
                tracing::info!(bucket = %id, "another provider's checkpoint covers as much");
            }
            SubmissionState::Lost(reason) => {
                self.context.status.count(|counts| counts.lost += 1);
                self.schedule_retry(id, reason.into());
            }
        }
    }

    fn schedule_retry(&mut self, id: BucketId, reason: String) {
        let again_at = self.anchor.saturating_add(self.context.policy.retry);
        if let Some(known) = self.buckets.get_mut(&id) {
            known.in_flight = None;
            known.not_before = again_at;
        }
        tracing::warn!(bucket = %id, %reason, again_at, "a checkpoint failed; trying again later");
        let stage = CheckpointStage::Failed { reason, again_at };
        self.context.status.set_stage(id, stage);
    }
}
