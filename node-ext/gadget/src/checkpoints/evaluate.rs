//! Evaluates all buckets at one finalized head: compares this provider with the chain, and starts
//! the checkpoints that are due.

use super::attempt::Job;
use super::{BucketState, CheckpointStage, CheckpointWorker};
use crate::checkpoint_rules::{
    BlockedReason, CheckpointDue, Evaluation, LocalState, advances, primary_position,
};
use crate::signed_roots::signed_on_chain;
use cairn_chain::Head;
use cairn_primitives::BucketId;
use cairn_primitives::onchain::BucketInfo;
use futures::{FutureExt, StreamExt};

impl CheckpointWorker {
    /// Evaluates all buckets at a finalized head, and starts what is due.
    pub(super) async fn on_finalized_head(&mut self, head: Head) {
        self.anchor = head.anchor;
        let context = self.context.clone();
        let limits = self.context.chain.limits(head.hash).await;
        let written = tokio::task::spawn_blocking(move || {
            match limits {
                Ok(limits) => context.provider.set_chain_limits(&limits, head.anchor),
                Err(error) => tracing::warn!(%error, "the chain's limits cannot be read"),
            }
            context.countersigner.on_finalized_head(head);
        })
        .await;
        if let Err(error) = written {
            tracing::error!(%error, "the countersigner could not process a finalized head");
        }
        let ids = match self.context.chain.buckets(head.hash).await {
            Ok(ids) => ids,
            Err(error) => {
                // A runtime without this query fails at every block.
                if self.reported_error.as_ref() != Some(&error) {
                    tracing::error!(
                        %error,
                        "the account's buckets cannot be listed: no checkpoints are submitted"
                    );
                    self.reported_error = Some(error);
                }
                return;
            }
        };
        self.reported_error = None;
        self.buckets.retain(|id, _| ids.contains(id));
        self.context.status.retain_only(&ids);
        let mut here = Vec::new();
        for (id, local) in self.context.local_states(ids).await {
            match local {
                Ok(local) => here.push(local),
                Err(Some(stopped)) => self.set_blocked(id, stopped),
                Err(None) => {}
            }
        }
        let stale: Vec<_> = here
            .iter()
            .filter(|local| self.is_stale(local))
            .copied()
            .collect();
        // A bucket that could not be compared waits for the next block.
        for (id, is_behind) in self.refresh(head, &stale).await {
            here.retain(|local| local.id != id);
            if is_behind {
                self.set_blocked(id, BlockedReason::Quarantined);
            }
        }
        for local in here {
            self.check_submission(&local);
            self.evaluate_bucket(head, &local);
        }
    }

    /// Returns true if the chain must be queried again before a decision.
    fn is_stale(&self, local: &LocalState) -> bool {
        let Some(known) = self.buckets.get(&local.id) else {
            return true;
        };
        let Some((asked_at, info)) = &known.info else {
            return true;
        };
        if known.in_flight.is_some() {
            return true;
        }
        if known.is_attempting {
            return false;
        }
        if (self.is_urgent)(local.id) {
            return true;
        }
        let age = self.anchor.saturating_sub(*asked_at);
        let is_due = matches!(self.decide(known, info, local), Ok(CheckpointDue::Now(_)));
        if !advances(&local.commitment, info.snapshot.as_ref()) {
            // The chain lets anybody submit an older checkpoint again. Each window has a leader,
            // whose turn it is with nothing new as well.
            let is_new_window = info.window.is_some_and(|windows| {
                windows.window_of(self.anchor) != windows.window_of(*asked_at)
            });
            return is_due || is_new_window || age >= self.context.policy.age;
        }
        is_due || age >= self.context.policy.refresh
    }

    fn decide(
        &self,
        known: &BucketState,
        info: &BucketInfo,
        local: &LocalState,
    ) -> Result<CheckpointDue, BlockedReason> {
        let place = primary_position(info, &self.context.account, local, self.anchor)?;
        let due = self.evaluation(known, info, local, place).decide();
        Ok(match due {
            CheckpointDue::Now(_) if self.anchor < known.not_before => {
                CheckpointDue::NotBefore(known.not_before)
            }
            due => due,
        })
    }

    fn evaluation<'q>(
        &'q self,
        known: &BucketState,
        info: &'q BucketInfo,
        local: &'q LocalState,
        place: usize,
    ) -> Evaluation<'q> {
        Evaluation {
            plan: &self.context.policy,
            info,
            account: &self.context.account,
            position: place,
            local,
            snapshot_size: known.snapshot_size.and_then(|(_, size)| size),
            anchor: self.anchor,
            due_since: known.due_since,
            is_urgent: (self.is_urgent)(local.id),
        }
    }

    /// Reads the on-chain state of buckets, and the size of each at its last checkpoint. Returns
    /// the buckets that lack something we signed according to the chain (`true`), and those that
    /// could not be compared (`false`).
    async fn refresh(&mut self, head: Head, stale: &[LocalState]) -> Vec<(BucketId, bool)> {
        let shared = &self.context;
        let ask = |local: &LocalState| {
            let (id, shared) = (local.id, shared.clone());
            async move { (id, shared.chain.bucket(head.hash, id).await) }.boxed()
        };
        let asked: Vec<_> = stale.iter().map(ask).collect();
        let answers: Vec<_> = futures::stream::iter(asked)
            .buffer_unordered(shared.policy.concurrency.get())
            .collect()
            .await;
        let mut to_size = Vec::new();
        let mut to_compare = Vec::new();
        for (id, answer) in answers {
            let known = self.buckets.entry(id).or_default();
            match answer {
                Ok(Some(info)) => {
                    let last = info.snapshot.as_ref().map(|last| last.commitment);
                    let sized = known.snapshot_size.map(|(of, _)| of);
                    if last != sized {
                        known.snapshot_size = None;
                        to_size.extend(last.map(|last| (id, last)));
                    }
                    let signed = signed_on_chain(&info, &self.context.account);
                    to_compare.extend(signed.map(|signed| (id, signed)));
                    known.info = Some((head.anchor, info));
                }
                Ok(None) => {
                    known.info = None;
                    self.set_blocked(id, BlockedReason::NotOnChain);
                }
                Err(error) => {
                    tracing::warn!(bucket = %id, %error, "a bucket's on-chain state cannot be \
                        read");
                }
            }
        }
        for (id, last, size) in self.context.snapshot_sizes(to_size).await {
            if let Some(known) = self.buckets.get_mut(&id) {
                known.snapshot_size = Some((last, size));
            }
        }
        self.context.find_behind(to_compare).await
    }

    fn evaluate_bucket(&mut self, head: Head, local: &LocalState) {
        let id = local.id;
        let Some(known) = self.buckets.get(&id) else {
            return;
        };
        let Some((asked_at, info)) = &known.info else {
            return;
        };
        if known.is_attempting || known.in_flight.is_some() {
            return;
        }
        let (asked_at, info) = (*asked_at, info.clone());
        let place = match primary_position(&info, &self.context.account, local, self.anchor) {
            Ok(place) => place,
            Err(stopped) => return self.set_blocked(id, stopped),
        };
        let is_new = advances(&local.commitment, info.snapshot.as_ref());
        let is_ripe = is_new
            && self
                .evaluation(known, &info, local, place)
                .age_due_at()
                .is_none();
        let anchor = self.anchor;
        if let Some(known) = self.buckets.get_mut(&id) {
            let since = known.due_since.unwrap_or(anchor);
            known.due_since = is_ripe.then_some(since);
        }
        let due = self
            .buckets
            .get(&id)
            .map(|known| self.decide(known, &info, local));
        match due {
            Some(Ok(CheckpointDue::Now(window))) if asked_at == head.anchor => {
                let left_out = self.buckets.get(&id).map(|known| known.excluded.clone());
                let job = Job {
                    id,
                    head,
                    info,
                    window,
                    excluded: left_out.unwrap_or_default(),
                };
                self.start_attempt(job);
            }
            // The chain did not answer this time.
            Some(Ok(CheckpointDue::Now(_))) | None => {}
            Some(Ok(CheckpointDue::Nothing)) => {
                self.context.status.set_stage(id, CheckpointStage::UpToDate);
            }
            Some(Ok(CheckpointDue::ByWriters)) => {
                self.context
                    .status
                    .set_stage(id, CheckpointStage::ByWriters);
            }
            Some(Ok(CheckpointDue::NotBefore(anchor))) => self.set_waiting(id, anchor),
            Some(Err(stopped)) => self.set_blocked(id, stopped),
        }
    }

    fn set_waiting(&self, id: BucketId, until: u32) {
        let failed = self
            .buckets
            .get(&id)
            .is_some_and(|known| known.not_before == until);
        // The reason of the failure is worth more than the time of the retry.
        if !failed {
            self.context
                .status
                .set_stage(id, CheckpointStage::Waiting(until));
        }
    }

    fn start_attempt(&mut self, job: Job) {
        if let Some(known) = self.buckets.get_mut(&job.id) {
            known.is_attempting = true;
        }
        self.context
            .status
            .set_stage(job.id, CheckpointStage::Gathering);
        let shared = self.context.clone();
        let attempt = async move {
            // The semaphore is never closed.
            let _turn = shared.slots.acquire().await;
            (job.id, job.window, shared.attempt(&job).await)
        };
        self.attempts.push(attempt.boxed());
    }

    fn set_blocked(&self, id: BucketId, stopped: BlockedReason) {
        if !self
            .context
            .status
            .set_stage(id, CheckpointStage::Blocked(stopped))
        {
            return;
        }
        match stopped {
            BlockedReason::Quarantined | BlockedReason::SigningRefused | BlockedReason::Missing => {
                tracing::error!(
                    bucket = %id, reason = %stopped,
                    "no checkpoints of a bucket are submitted; other buckets are not affected"
                )
            }
            _ => tracing::warn!(
                bucket = %id, reason = %stopped,
                "no more checkpoints of a bucket are submitted"
            ),
        }
    }
}

#[cfg(test)]
impl CheckpointWorker {
    /// Evaluates one head and completes all attempts that follow.
    pub(crate) async fn step(&mut self, head: Head) {
        while let Some(Some(followed)) = self.progress.next().now_or_never() {
            self.on_progress(followed);
        }
        self.on_finalized_head(head).await;
        while let Some(attempted) = self.attempts.next().await {
            self.on_attempt_done(attempted);
        }
    }
}
