//! Confirms a copy on chain. The fee comes from the balance that answers to challenges need, and
//! the nonce is before those of later answers. So a confirmation is sent only while no challenge is
//! open, if it is paid more than it costs, and never twice.

use super::copy::blocking;
use super::plan::{ReplicaState, plan};
use super::{Due, ReplicaWorker};
use cairn_bucket::{Bucket, RecordRootError};
use cairn_chain::{
    ExtrinsicStatus, Head, Submission, SubmittedExtrinsic, SyncConfirmation, SyncVerdict,
};
use cairn_primitives::{BucketId, Commitment, H256};
use cairn_provider::LeaseRequest;
use futures::stream::StreamExt;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Blocks for which a submission may be valid: no client signs for more than 256, and it may sign
/// for a best block that is some blocks further on.
const VALID_BLOCKS: u32 = 288;
/// The longest pause after failures, in looks.
const LONGEST_PAUSE: u32 = 64;

/// The failures to confirm a root.
#[derive(Clone, Copy, Debug)]
struct Failures {
    root: H256,
    number: u32,
    /// The anchor block of the next attempt.
    next_at: u32,
}

/// A confirmation whose result is not known.
#[derive(Clone, Copy, Debug)]
struct Pending {
    root: H256,
    /// The last block that may include it.
    last_block: u32,
}

/// The confirmations that are pending or have failed.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    failures: Mutex<BTreeMap<BucketId, Failures>>,
    pending: Mutex<BTreeMap<BucketId, Pending>>,
}

impl Confirmations {
    /// Returns the reason why nothing is sent for a root at a finalized head.
    fn must_wait(&self, bucket: BucketId, root: H256, head: Head) -> Result<(), String> {
        if let Some(pending) = self.pending.lock().get(&bucket)
            && head.number <= pending.last_block
        {
            return Err(format!(
                "a confirmation of {:?} was submitted, and blocks up to {} may include it",
                pending.root, pending.last_block
            ));
        }
        match self.failures.lock().get(&bucket) {
            Some(failed) if failed.root == root && head.anchor < failed.next_at => Err(format!(
                "{} attempts to confirm it have failed, and the next is at block {}",
                failed.number, failed.next_at
            )),
            _ => Ok(()),
        }
    }

    /// Records a failure. The pause doubles with each.
    fn record_failure(&self, bucket: BucketId, root: H256, anchor: u32, interval: u32) {
        let mut failures = self.failures.lock();
        let before = failures.get(&bucket).filter(|failed| failed.root == root);
        let number = before.map_or(0, |failed| failed.number).saturating_add(1);
        let looks = 1_u32.checked_shl(number).unwrap_or(LONGEST_PAUSE);
        let pause = interval.max(1).saturating_mul(looks.min(LONGEST_PAUSE));
        let failed = Failures {
            root,
            number,
            next_at: anchor.saturating_add(pause),
        };
        failures.insert(bucket, failed);
    }

    fn begin(&self, bucket: BucketId, root: H256, best: u32) {
        let last_block = best.saturating_add(VALID_BLOCKS);
        let pending = Pending { root, last_block };
        self.pending.lock().insert(bucket, pending);
    }

    fn end(&self, bucket: BucketId) {
        self.pending.lock().remove(&bucket);
    }
}

/// A confirmation that is not sent now.
enum NotConfirmed {
    /// It is not its time.
    Now(ReplicaState),
    Failed(String),
}

impl From<String> for NotConfirmed {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

fn waiting(reason: impl Into<String>) -> NotConfirmed {
    NotConfirmed::Now(ReplicaState::Waiting(reason.into()))
}

impl ReplicaWorker {
    /// Confirms a copy if it is time. Returns the agreement's state.
    pub(super) async fn confirm(&self, due: &Due) -> ReplicaState {
        let (bucket, root) = (due.bucket, due.wanted.mmr_root);
        let reason = match self.try_confirm(due).await {
            Ok(()) => {
                self.confirmations.failures.lock().remove(&bucket);
                self.status.count(|counts| {
                    counts.confirmed = counts.confirmed.saturating_add(1);
                });
                tracing::info!(%bucket, ?root, "a replica was confirmed");
                return ReplicaState::Synced;
            }
            Err(NotConfirmed::Now(state)) => return state,
            Err(NotConfirmed::Failed(reason)) => {
                self.status.count(|counts| {
                    counts.failed = counts.failed.saturating_add(1);
                });
                let interval = self.config.interval;
                self.confirmations
                    .record_failure(bucket, root, due.anchor, interval);
                reason
            }
        };
        ReplicaState::Failed(reason)
    }

    async fn try_confirm(&self, due: &Due) -> Result<(), NotConfirmed> {
        (self.inputs.may_spend)().map_err(waiting)?;
        let head = self.finalized_head().await?;
        let (bucket, wanted) = (due.bucket, due.wanted);
        self.confirmations
            .must_wait(bucket, wanted.mmr_root, head)
            .map_err(waiting)?;
        self.check_is_due(due, head).await?;
        let confirmation = self.signed(bucket, wanted).await?;
        let judged = self.inputs.replicas.judge_sync(&confirmation).await;
        match judged.map_err(|error| error.to_string())? {
            SyncVerdict::Accepted | SyncVerdict::NotOffered => {}
            SyncVerdict::Refused(name) => {
                return Err(format!("the chain would refuse it: {name}").into());
            }
        }
        let submission = Submission::ConfirmSync(Box::new(confirmation));
        let fee = self.inputs.chain.fee(&submission).await;
        let (fee, price) = (
            fee.map_err(|error| error.to_string())?,
            due.agreement.sync_price,
        );
        if price < fee {
            return Err(waiting(format!(
                "its fee is {fee}, and it is paid {price}: no confirmation costs the balance that \
                 answers need"
            )));
        }
        // A challenge may have been opened meanwhile.
        (self.inputs.may_spend)().map_err(waiting)?;
        let best = self.inputs.chain.best_head().await;
        let best = best.map_err(|error| error.to_string())?.number;
        self.confirmations.begin(bucket, wanted.mmr_root, best);
        let submitted = self.inputs.chain.submit(submission).await;
        let submitted = submitted.map_err(|error| error.to_string())?;
        let block = self.follow(bucket, submitted).await?;
        // A block may include a confirmation that fails: its state tells.
        let rows = self.inputs.replicas.replica_agreements(block).await;
        let mut rows = rows.map_err(|error| error.to_string())?.into_iter();
        let row = rows.find(|(id, _)| *id == bucket).map(|(_, row)| row);
        match row.and_then(|row| row.last_sync) {
            Some(last) if last.commitment.mmr_root == wanted.mmr_root => Ok(()),
            _ => Err("the chain did not take the confirmation".to_owned().into()),
        }
    }

    /// Returns the finalized head as of now.
    async fn finalized_head(&self) -> Result<Head, String> {
        let first = async {
            let heads = self.inputs.chain.finalized_heads().await;
            let mut heads = heads.map_err(|error| error.to_string())?;
            let head = heads.next().await;
            head.ok_or_else(|| "the connection to the node was lost".to_owned())
        };
        let limit = self.config.time_limit;
        let found = tokio::time::timeout(limit, first).await;
        found.map_err(|_| "the node tells no finalized block".to_owned())?
    }

    /// Checks with the chain as it is now that the confirmation is due: a copy takes its time.
    async fn check_is_due(&self, due: &Due, head: Head) -> Result<(), NotConfirmed> {
        let info = self.inputs.chain.bucket(head.hash, due.bucket).await;
        let info = info.map_err(|error| error.to_string())?;
        let rows = self.inputs.replicas.replica_agreements(head.hash).await;
        let mut rows = rows.map_err(|error| error.to_string())?.into_iter();
        let row = rows.find(|(id, _)| *id == due.bucket).map(|(_, row)| row);
        let Some(row) = row else {
            return Err(NotConfirmed::Now(ReplicaState::Ended));
        };
        let checkpoint = info.and_then(|info| info.snapshot);
        let newest = checkpoint.map(|checkpoint| checkpoint.commitment);
        let now = plan(&row, newest.as_ref(), head.anchor, true);
        if !now.confirms {
            return Err(NotConfirmed::Now(now.state));
        }
        if newest != Some(due.wanted) {
            return Err(waiting(
                "the bucket has a newer checkpoint by now, which is copied next",
            ));
        }
        if row.sync_price != due.agreement.sync_price {
            return Err(waiting("its terms have changed"));
        }
        Ok(())
    }

    /// Records the root as signed, and signs it.
    async fn signed(
        &self,
        bucket: BucketId,
        commitment: Commitment,
    ) -> Result<SyncConfirmation, String> {
        let (provider, signer) = (self.inputs.provider.clone(), self.inputs.signer.clone());
        let signing = blocking(move || {
            let lease = provider.blocking_lease(bucket, LeaseRequest::write());
            let lease = lease.map_err(|error| error.to_string())?;
            let permit = lease.permit(&signer).map_err(|error| error.to_string())?;
            let record = |bucket: &Bucket| bucket.record_signed_root(commitment);
            let durable = lease
                .run(record)
                .map_err(|error: RecordRootError| error.to_string())?;
            let signed = permit.sign_sync_roots(&durable);
            signed.map_err(|error| error.to_string())
        });
        let (roots, signature) = signing.await?;
        Ok(SyncConfirmation {
            bucket,
            roots,
            signature,
        })
    }

    /// Follows a submission to the finalized block that includes it. Without a result it stays
    /// pending, until no block can include it any more.
    async fn follow(
        &self,
        bucket: BucketId,
        mut submitted: SubmittedExtrinsic,
    ) -> Result<H256, NotConfirmed> {
        let followed = tokio::time::timeout(self.config.time_limit, async {
            while let Some(status) = submitted.statuses.next().await {
                match status {
                    ExtrinsicStatus::Finalized(block) => return Some(Ok(block)),
                    ExtrinsicStatus::Dropped(reason) => return Some(Err(reason)),
                    ExtrinsicStatus::InBlock(_) | ExtrinsicStatus::Retracted(_) => {}
                }
            }
            None
        });
        match followed.await {
            Ok(Some(ended)) => {
                self.confirmations.end(bucket);
                Ok(ended?)
            }
            Ok(None) | Err(_) => Err(waiting("it was submitted, and its result is not known yet")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: BucketId = BucketId(7);

    fn head(number: u32) -> Head {
        Head {
            hash: H256::zero(),
            number,
            anchor: number,
        }
    }

    #[test]
    fn a_submission_without_a_result_is_not_repeated_while_a_block_may_include_it() {
        let confirmations = Confirmations::default();
        let root = H256::repeat_byte(1);
        confirmations.begin(BUCKET, root, 10);
        let last = 10 + VALID_BLOCKS;
        let other = H256::repeat_byte(2);
        for asked in [root, other] {
            let waits = confirmations.must_wait(BUCKET, asked, head(last));
            assert!(waits.unwrap_err().contains("was submitted"));
            confirmations
                .must_wait(BUCKET, asked, head(last + 1))
                .unwrap();
        }
        confirmations
            .must_wait(BucketId(8), root, head(last))
            .unwrap();
        confirmations.end(BUCKET);
        confirmations.must_wait(BUCKET, root, head(10)).unwrap();
    }

    #[test]
    fn the_pause_doubles_with_each_failure_of_one_root() {
        let confirmations = Confirmations::default();
        let root = H256::repeat_byte(1);
        for (number, looks) in [(1, 2), (2, 4), (3, 8)] {
            confirmations.record_failure(BUCKET, root, 1_000, 100);
            let next = 1_000 + 100 * looks;
            let waits = confirmations.must_wait(BUCKET, root, head(next - 1));
            let waits = waits.unwrap_err();
            assert!(waits.contains(&format!("{number} attempts")), "{waits}");
            confirmations.must_wait(BUCKET, root, head(next)).unwrap();
        }
        for _ in 0..60 {
            confirmations.record_failure(BUCKET, root, 1_000, 100);
        }
        let next = 1_000 + 100 * LONGEST_PAUSE;
        confirmations.must_wait(BUCKET, root, head(next)).unwrap();
        // Another root is tried at once.
        let other = H256::repeat_byte(2);
        confirmations.must_wait(BUCKET, other, head(1_001)).unwrap();
        confirmations.record_failure(BUCKET, other, 1_000, 100);
        confirmations.must_wait(BUCKET, other, head(1_200)).unwrap();
    }
}
