//! Confirms a copy on chain. The fee comes from the balance that answers to challenges need, and
//! the nonce is before those of later answers. So a confirmation is sent only while no challenge is
//! open, if it is paid more than it costs, and never twice.

use super::copy::blocking;
use super::pending::Pending;
use super::plan::{ReplicaState, plan};
use super::{Due, ReplicaWorker};
use cairn_bucket::{Bucket, RecordRootError};
use cairn_chain::{
    ExtrinsicStatus, Head, LastSync, Submission, SubmittedExtrinsic, SyncConfirmation, SyncVerdict,
};
use cairn_primitives::{BucketId, Commitment, H256};
use cairn_provider::LeaseRequest;
use futures::stream::StreamExt;
use parking_lot::Mutex;
use std::collections::BTreeMap;

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

/// The confirmations that have failed.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    failures: Mutex<BTreeMap<BucketId, Failures>>,
}

impl Confirmations {
    /// Returns the reason why nothing is sent for a root at a finalized head.
    fn must_wait(&self, bucket: BucketId, root: H256, head: Head) -> Result<(), String> {
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
    /// Confirms a copy if it is time. Returns the agreement's state, and the anchor block of the
    /// last confirmation.
    pub(super) async fn confirm(&self, due: &Due) -> (ReplicaState, Option<u32>) {
        let (bucket, root) = (due.bucket, due.wanted.mmr_root);
        let before = due.agreement.last_sync.map(|last| last.block);
        let reason = match self.try_confirm(due).await {
            Ok(block) => {
                self.confirmations.failures.lock().remove(&bucket);
                self.status.count(|counts| {
                    counts.confirmed = counts.confirmed.saturating_add(1);
                });
                tracing::info!(%bucket, ?root, "a replica was confirmed");
                return (ReplicaState::Synced, Some(block));
            }
            Err(NotConfirmed::Now(state)) => return (state, before),
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
        (ReplicaState::Failed(reason), before)
    }

    /// Returns the anchor block of the confirmation.
    async fn try_confirm(&self, due: &Due) -> Result<u32, NotConfirmed> {
        (self.inputs.may_spend)().map_err(waiting)?;
        let head = self.finalized_head().await?;
        let (bucket, wanted) = (due.bucket, due.wanted);
        self.confirmations
            .must_wait(bucket, wanted.mmr_root, head)
            .map_err(waiting)?;
        let last = self.check_is_due(due, head).await?;
        self.check_none_is_pending(bucket, head, last).await?;
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
        // Before it is sent: the process may end at any moment.
        let pending = Pending::from_best_block(wanted.mmr_root, best);
        let provider = self.inputs.provider.clone();
        blocking(move || {
            let written = pending.write(provider.index(), bucket);
            written.map_err(|error| error.to_string())
        })
        .await?;
        let submitted = self.inputs.chain.submit(submission).await;
        let submitted = submitted.map_err(|error| error.to_string())?;
        let block = self.follow(bucket, submitted).await?;
        // A block may include a confirmation that fails: its state tells.
        let rows = self.inputs.replicas.replica_agreements(block).await;
        let mut rows = rows.map_err(|error| error.to_string())?.into_iter();
        let row = rows.find(|(id, _)| *id == bucket).map(|(_, row)| row);
        match row.and_then(|row| row.last_sync) {
            Some(last) if last.commitment.mmr_root == wanted.mmr_root => Ok(last.block),
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
    /// Returns the last one.
    async fn check_is_due(&self, due: &Due, head: Head) -> Result<Option<LastSync>, NotConfirmed> {
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
        Ok(row.last_sync)
    }

    /// Checks that no block may include an earlier confirmation, also of an earlier process.
    async fn check_none_is_pending(
        &self,
        bucket: BucketId,
        head: Head,
        last: Option<LastSync>,
    ) -> Result<(), NotConfirmed> {
        let provider = self.inputs.provider.clone();
        let read = move || {
            let pending = Pending::read(provider.index(), bucket, head.number);
            pending.map_err(|error| error.to_string())
        };
        match blocking(read).await? {
            Some(pending) if pending.may_be_included(head.number, last.as_ref()) => {
                Err(waiting(format!(
                    "a confirmation of {:?} was submitted, and blocks up to {} may include it",
                    pending.root, pending.last_block
                )))
            }
            _ => Ok(()),
        }
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
                let provider = self.inputs.provider.clone();
                let remove = move || {
                    let removed = Pending::remove(provider.index(), bucket);
                    removed.map_err(|error| error.to_string())
                };
                // Then the next one waits until no block could include this one.
                if let Err(error) = blocking(remove).await {
                    tracing::warn!(%bucket, error, "a submitted confirmation is still recorded");
                }
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
