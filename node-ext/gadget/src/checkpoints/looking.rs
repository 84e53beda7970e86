//! Evaluates all buckets at one finalized head: compares this provider with the chain, and starts
//! the checkpoints that are due.

use super::attempt::Job;
use super::{CheckpointScheduler, CheckpointStage, Known};
use crate::checkpoint_rules::{Due, Local, Question, Stopped, is_news, place};
use crate::promises::signed_on_chain;
use cairn_chain::Head;
use cairn_primitives::BucketId;
use cairn_primitives::onchain::BucketInfo;
use futures::{FutureExt, StreamExt};

impl CheckpointScheduler {
    /// Evaluates all buckets at a finalized head, and starts what is due.
    pub(super) async fn saw(&mut self, head: Head) {
        self.anchor = head.anchor;
        let desk = self.shared.clone();
        let limits = self.shared.chain.limits(head.hash).await;
        let told = tokio::task::spawn_blocking(move || {
            match limits {
                Ok(limits) => desk.provider.chain_says(&limits),
                Err(error) => tracing::warn!(%error, "the chain's limits cannot be read"),
            }
            desk.desk.saw(head);
        })
        .await;
        if let Err(error) = told {
            tracing::error!(%error, "the countersigner could not process a finalized head");
        }
        let ids = match self.shared.chain.buckets(head.hash).await {
            Ok(ids) => ids,
            Err(error) => {
                // A runtime without this query fails at every block.
                if self.told.as_ref() != Some(&error) {
                    tracing::error!(
                        %error,
                        "the account's buckets cannot be listed: no checkpoints are submitted"
                    );
                    self.told = Some(error);
                }
                return;
            }
        };
        self.told = None;
        self.known.retain(|id, _| ids.contains(id));
        self.shared.board.forget_all_but(&ids);
        let mut here = Vec::new();
        for (id, local) in self.shared.locals(ids).await {
            match local {
                Ok(local) => here.push(local),
                Err(Some(stopped)) => self.stop(id, stopped),
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
                self.stop(id, Stopped::Quarantined);
            }
        }
        for local in here {
            self.settle(&local);
            self.look_at(head, &local);
        }
    }

    /// Returns true if the chain must be queried again before a decision.
    fn is_stale(&self, local: &Local) -> bool {
        let Some(known) = self.known.get(&local.id) else {
            return true;
        };
        let Some((asked_at, info)) = &known.info else {
            return true;
        };
        if known.in_flight.is_some() {
            return true;
        }
        if known.attempting {
            return false;
        }
        if (self.is_hurried)(local.id) {
            return true;
        }
        let age = self.anchor.saturating_sub(*asked_at);
        if !is_news(&local.commitment, info.snapshot.as_ref()) {
            // The chain lets anybody submit an older checkpoint again.
            return age >= self.shared.plan.age;
        }
        age >= self.shared.plan.refresh
            || matches!(self.decide(known, info, local), Ok(Due::Now(_)))
    }

    fn decide(&self, known: &Known, info: &BucketInfo, local: &Local) -> Result<Due, Stopped> {
        let place = place(info, &self.shared.account, local, self.anchor)?;
        let due = self.question(known, info, local, place).decide();
        Ok(match due {
            Due::Now(_) if self.anchor < known.not_before => Due::From(known.not_before),
            due => due,
        })
    }

    fn question<'q>(
        &'q self,
        known: &Known,
        info: &'q BucketInfo,
        local: &'q Local,
        place: usize,
    ) -> Question<'q> {
        Question {
            plan: &self.shared.plan,
            info,
            place,
            local,
            snapshot_size: known.size.and_then(|(_, size)| size),
            anchor: self.anchor,
            due_since: known.due_since,
            is_hurried: (self.is_hurried)(local.id),
        }
    }

    /// Reads the on-chain state of buckets, and the size of each at its last checkpoint. Returns
    /// the buckets that lack something we signed according to the chain (`true`), and those that
    /// could not be compared (`false`).
    async fn refresh(&mut self, head: Head, stale: &[Local]) -> Vec<(BucketId, bool)> {
        let shared = &self.shared;
        let ask = |local: &Local| {
            let (id, shared) = (local.id, shared.clone());
            async move { (id, shared.chain.bucket(head.hash, id).await) }.boxed()
        };
        let asked: Vec<_> = stale.iter().map(ask).collect();
        let answers: Vec<_> = futures::stream::iter(asked)
            .buffer_unordered(shared.plan.concurrency.get())
            .collect()
            .await;
        let mut to_size = Vec::new();
        let mut to_compare = Vec::new();
        for (id, answer) in answers {
            let known = self.known.entry(id).or_default();
            match answer {
                Ok(Some(info)) => {
                    let last = info.snapshot.as_ref().map(|last| last.commitment);
                    let sized = known.size.map(|(of, _)| of);
                    if last != sized {
                        known.size = None;
                        to_size.extend(last.map(|last| (id, last)));
                    }
                    let signed = signed_on_chain(&info, &self.shared.account);
                    to_compare.extend(signed.map(|signed| (id, signed)));
                    known.info = Some((head.anchor, info));
                }
                Ok(None) => {
                    known.info = None;
                    self.stop(id, Stopped::Gone);
                }
                Err(error) => {
                    tracing::warn!(bucket = %id, %error, "a bucket's on-chain state cannot be \
                        read");
                }
            }
        }
        for (id, last, size) in self.shared.sizes(to_size).await {
            if let Some(known) = self.known.get_mut(&id) {
                known.size = Some((last, size));
            }
        }
        self.shared.behind(to_compare).await
    }

    fn look_at(&mut self, head: Head, local: &Local) {
        let id = local.id;
        let Some(known) = self.known.get(&id) else {
            return;
        };
        let Some((asked_at, info)) = &known.info else {
            return;
        };
        if known.attempting || known.in_flight.is_some() {
            return;
        }
        let (asked_at, info) = (*asked_at, info.clone());
        let place = match place(&info, &self.shared.account, local, self.anchor) {
            Ok(place) => place,
            Err(stopped) => return self.stop(id, stopped),
        };
        let is_new = is_news(&local.commitment, info.snapshot.as_ref());
        let is_ripe = is_new && self.question(known, &info, local, place).ripens().is_none();
        let anchor = self.anchor;
        if let Some(known) = self.known.get_mut(&id) {
            let since = known.due_since.unwrap_or(anchor);
            known.due_since = is_ripe.then_some(since);
        }
        let due = self
            .known
            .get(&id)
            .map(|known| self.decide(known, &info, local));
        match due {
            Some(Ok(Due::Now(window))) if asked_at == head.anchor => {
                let left_out = self.known.get(&id).map(|known| known.left_out.clone());
                let job = Job {
                    id,
                    head,
                    info,
                    place,
                    window,
                    left_out: left_out.unwrap_or_default(),
                };
                self.begin(job);
            }
            // The chain did not answer this time.
            Some(Ok(Due::Now(_))) | None => {}
            Some(Ok(Due::Nothing)) => {
                self.shared.board.stands(id, CheckpointStage::UpToDate);
            }
            Some(Ok(Due::From(anchor))) => self.wait(id, anchor),
            Some(Err(stopped)) => self.stop(id, stopped),
        }
    }

    fn wait(&self, id: BucketId, until: u32) {
        let failed = self
            .known
            .get(&id)
            .is_some_and(|known| known.not_before == until);
        // The reason of the failure is worth more than the time of the retry.
        if !failed {
            self.shared
                .board
                .stands(id, CheckpointStage::Waiting(until));
        }
    }

    fn begin(&mut self, job: Job) {
        if let Some(known) = self.known.get_mut(&job.id) {
            known.attempting = true;
        }
        self.shared.board.stands(job.id, CheckpointStage::Gathering);
        let shared = self.shared.clone();
        let attempt = async move {
            // The semaphore is never closed.
            let _turn = shared.turns.acquire().await;
            (job.id, job.window, shared.attempt(&job).await)
        };
        self.attempts.push(attempt.boxed());
    }

    fn stop(&self, id: BucketId, stopped: Stopped) {
        if !self
            .shared
            .board
            .stands(id, CheckpointStage::Stopped(stopped))
        {
            return;
        }
        match stopped {
            Stopped::Quarantined | Stopped::NotSigned | Stopped::Missing => tracing::error!(
                bucket = %id, reason = %stopped,
                "no checkpoints of a bucket are submitted; other buckets are not affected"
            ),
            _ => tracing::warn!(
                bucket = %id, reason = %stopped,
                "no more checkpoints of a bucket are submitted"
            ),
        }
    }
}

#[cfg(test)]
impl CheckpointScheduler {
    /// Evaluates one head and completes all attempts that follow.
    pub(crate) async fn look_once(&mut self, head: Head) {
        while let Some(Some(followed)) = self.follows.next().now_or_never() {
            self.followed(followed);
        }
        self.saw(head).await;
        while let Some(attempted) = self.attempts.next().await {
            self.attempted(attempted);
        }
    }
}
