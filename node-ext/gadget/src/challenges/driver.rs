//! The driver: an event loop that queries the chain, starts jobs, follows submitted extrinsics,
//! records duties, and reports every result to the [`ChallengeTracker`].

use super::duty::DutyChange;
use super::scan::{FailedQuery, FailingQueries, scan_block};
use super::tracker::{AttemptId, ChallengeTracker, Job, JobError, Scan};
use super::{Dependencies, answer, panic_message, second_node};
use cairn_chain::{ChainError, ExtrinsicStatus, Head, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::{OpenChallenge, Outcome};
use codec::Encode;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, Fuse, FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt, future, select_biased, stream};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Sleeps for a time; tests inject their own clock.
pub(super) type Delay = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// Bytes that signing adds to a response, for the bound on bytes in flight.
const SIGNATURE_OVERHEAD_BYTES: usize = 256;

/// The longest time to follow an extrinsic. Finality takes minutes; after this time the
/// resubmission delay alone decides.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(2 * 3_600);

/// An event of the loop.
enum DriverEvent {
    /// The subscription to finalized heads was made, or failed.
    Connected(Result<BoxStream<'static, Head>, ChainError>),
    /// The pause before reconnecting is over.
    Reconnect,
    /// A scan of a finalized block ended, on the connection of that number.
    Scanned(u64, Head, Result<(Scan, Vec<FailedQuery>), ChainError>),
    /// A read of the best block ended, while finality stalls.
    BestRead(u64, Result<(Head, Vec<OpenChallenge>), ChainError>),
    /// A job ended: with a ticket and the answer's size, or with an error.
    JobDone(Job, Result<(SubmittedExtrinsic, usize), JobError>),
    /// The outcomes in a finalized block that includes an answer of ours.
    OutcomesRead(Result<Vec<Outcome>, ChainError>),
    /// A write of duties ended.
    DutiesWritten(HashSet<ChallengeId>, Result<(), String>),
    /// The tick interval has passed.
    Tick,
}

/// The progress of an extrinsic; `None` at the end of its stream.
type ProgressItem = (ChallengeId, AttemptId, Option<ExtrinsicStatus>);

/// The state of the loop. The [`ChallengeTracker`] makes the decisions.
pub(super) struct Driver {
    dependencies: Dependencies,
    tracker: Arc<Mutex<ChallengeTracker>>,
    /// Notified after each event.
    events: watch::Sender<()>,
    /// All pending futures.
    pending: FuturesUnordered<BoxFuture<'static, DriverEvent>>,
    progress: SelectAll<BoxStream<'static, ProgressItem>>,
    heads: Fuse<BoxStream<'static, Head>>,
    /// Counts connections, so that late results of a lost one are ignored.
    connection: u64,
    /// Attempts to connect since the last scan.
    connect_attempts: u32,
    /// The newest head to scan.
    next_scan: Option<Head>,
    /// A head whose scan failed.
    failed_scan: Option<Head>,
    is_scanning: bool,
    is_writing: bool,
    /// False after a failed write, until the next tick.
    can_write: bool,
    /// True if a scan has ended since the last tick.
    has_scanned: bool,
    is_reading_best: bool,
    /// The queries that currently fail in scans.
    failing_queries: FailingQueries,
}

impl Driver {
    pub(super) fn new(
        dependencies: Dependencies,
        tracker: Arc<Mutex<ChallengeTracker>>,
        events: watch::Sender<()>,
    ) -> Self {
        Self {
            dependencies,
            tracker,
            events,
            pending: FuturesUnordered::new(),
            progress: SelectAll::new(),
            heads: no_heads(),
            connection: 0,
            connect_attempts: 0,
            next_scan: None,
            failed_scan: None,
            is_scanning: false,
            is_writing: false,
            can_write: true,
            has_scanned: false,
            is_reading_best: false,
            failing_queries: FailingQueries::default(),
        }
    }

    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let shutdown = shutdown.fuse();
        futures::pin_mut!(shutdown);
        self.subscribe();
        self.schedule(self.dependencies.config.tick_interval, DriverEvent::Tick);
        loop {
            select_biased! {
                () = shutdown => return,
                head = self.heads.next() => match head {
                    Some(head) => self.next_scan = Some(head),
                    None => self.on_disconnected("its stream of blocks has ended"),
                },
                (id, attempt, progress) = self.progress.select_next_some() => {
                    self.on_progress(id, attempt, progress);
                }
                event = self.pending.select_next_some() => self.on_event(event),
            }
            self.step();
            self.events.send_replace(());
        }
    }

    fn schedule(&self, time: Duration, event: DriverEvent) {
        let delay = (self.dependencies.delay)(time);
        self.pending.push(delay.map(|()| event).boxed());
    }

    fn subscribe(&self) {
        let chain = self.dependencies.chain.clone();
        let asked = async move { DriverEvent::Connected(chain.finalized_heads().await) };
        self.pending.push(asked.boxed());
    }

    /// Handles a lost or failed connection: reconnects after a pause.
    fn on_disconnected(&mut self, reason: &str) {
        self.heads = no_heads();
        self.connection = self.connection.saturating_add(1);
        (self.next_scan, self.failed_scan, self.is_scanning) = (None, None, false);
        self.is_reading_best = false;
        let mut tracker = self.tracker.lock();
        tracker.set_connected(false);
        let of_now = tracker.statistics();
        drop(tracker);
        let config = &self.dependencies.config;
        // Exponential backoff up to the maximum.
        let doubled = 1u32.checked_shl(self.connect_attempts).unwrap_or(u32::MAX);
        let pause = config.reconnect_backoff_min.saturating_mul(doubled);
        let pause = pause.min(config.reconnect_backoff_max);
        self.connect_attempts = self.connect_attempts.saturating_add(1);
        if of_now.open == 0 {
            tracing::warn!(reason, ?pause, "the chain is not reachable; reconnecting");
        } else {
            tracing::error!(
                reason,
                ?pause,
                open = of_now.open,
                nearest_deadline = of_now.anchor.saturating_add(of_now.nearest_deadline),
                anchor = of_now.anchor,
                "the chain is not reachable while challenges are open: check the node and the \
                 connection to it before the nearest deadline"
            );
        }
        self.schedule(pause, DriverEvent::Reconnect);
    }

    fn on_event(&mut self, event: DriverEvent) {
        match event {
            DriverEvent::Connected(Ok(heads)) => {
                self.heads = heads.fuse();
                self.tracker.lock().set_connected(true);
            }
            DriverEvent::Connected(Err(error)) => self.on_disconnected(&error.to_string()),
            DriverEvent::Reconnect => self.subscribe(),
            DriverEvent::Scanned(connection, head, scan) if connection == self.connection => {
                self.is_scanning = false;
                match scan {
                    Ok((scan, missing)) => {
                        self.failed_scan = None;
                        (self.connect_attempts, self.has_scanned) = (0, true);
                        self.failing_queries.update(missing);
                        self.tracker.lock().on_scan(scan);
                    }
                    Err(error) => {
                        self.failed_scan = Some(head);
                        self.report_unreadable(&error);
                    }
                }
            }
            DriverEvent::BestRead(connection, best) if connection == self.connection => {
                self.is_reading_best = false;
                match best {
                    Ok((best, open)) => self.tracker.lock().on_best_block(best, open),
                    Err(error) => tracing::debug!(%error, "the best block cannot be read"),
                }
            }
            DriverEvent::Scanned(..) | DriverEvent::BestRead(..) => {}
            DriverEvent::JobDone(job, result) => self.on_job_done(job, result),
            DriverEvent::OutcomesRead(Ok(outcomes)) => {
                self.tracker.lock().record_outcomes(&outcomes)
            }
            // Scans find it out as well, only less precisely.
            DriverEvent::OutcomesRead(Err(error)) => {
                tracing::debug!(%error, "the outcomes of a block cannot be read");
            }
            DriverEvent::DutiesWritten(ids, written) => {
                self.is_writing = false;
                if let Err(error) = written {
                    tracing::error!(
                        error,
                        "the duties cannot be written to the index; the chain still has them"
                    );
                    self.tracker.lock().mark_unsaved(ids);
                    // Do not retry on a full disk without a pause.
                    self.can_write = false;
                }
            }
            DriverEvent::Tick => {
                self.can_write = true;
                self.on_tick();
                if !std::mem::take(&mut self.has_scanned) {
                    self.tracker.lock().tick();
                    // No newer block has replaced a scan that failed.
                    self.next_scan = self.next_scan.or(self.failed_scan.take());
                }
                self.schedule(self.dependencies.config.tick_interval, DriverEvent::Tick);
            }
        }
    }

    /// Reports that the open challenges cannot be read.
    fn report_unreadable(&self, error: &ChainError) {
        let mut tracker = self.tracker.lock();
        tracker.on_scan_failed();
        let of_now = tracker.statistics();
        drop(tracker);
        if of_now.open == 0 {
            tracing::warn!(%error, "the open challenges cannot be read; trying again");
        } else {
            tracing::error!(
                %error,
                open = of_now.open,
                nearest = of_now.nearest_deadline,
                "the open challenges cannot be read while some are open: check the node, and that \
                 Cairn is as new as the chain's runtime; trying again"
            );
        }
    }

    /// Advances the clock, and reports once if the chain is no longer followed.
    fn on_tick(&mut self) {
        let mut tracker = self.tracker.lock();
        let before = tracker.not_synced();
        tracker.count_quiet_tick();
        let (now, is_quiet) = (tracker.not_synced(), tracker.is_finality_stalled());
        let of_now = tracker.statistics();
        drop(tracker);
        if let (None, Some(reason)) = (before, now) {
            if of_now.open == 0 {
                tracing::warn!(%reason, "the chain is not followed");
            } else {
                tracing::error!(
                    %reason,
                    open = of_now.open,
                    nearest = of_now.nearest_deadline,
                    "THE CHAIN IS NOT FOLLOWED while challenges are open: check the node and its peers"
                );
            }
        }
        if is_quiet && !self.is_reading_best {
            self.is_reading_best = true;
            let (chain, connection) = (self.dependencies.chain.clone(), self.connection);
            let best_block = async move {
                let best = chain.best_head().await?;
                Ok((best, chain.open_challenges(best.hash).await?.challenges))
            };
            let event = best_block.map(move |best| DriverEvent::BestRead(connection, best));
            self.pending.push(event.boxed());
        }
    }

    fn on_job_done(&mut self, job: Job, result: Result<(SubmittedExtrinsic, usize), JobError>) {
        let (id, attempt) = (job.challenge.id, job.attempt_id);
        match result {
            Ok((ticket, bytes)) => {
                self.tracker
                    .lock()
                    .on_submitted(id, attempt, ticket.hash, bytes);
                // Even if it is no longer wanted: a block may still include it.
                let over = (self.dependencies.delay)(FOLLOW_TIMEOUT);
                let steps = ticket.statuses.take_until(over).map(Some);
                let steps = steps.chain(stream::once(future::ready(None)));
                let steps = steps.map(move |progress| (id, attempt, progress));
                self.progress.push(steps.boxed());
            }
            Err(job_error) => self.tracker.lock().on_job_failed(id, attempt, job_error),
        }
    }

    fn on_progress(
        &mut self,
        id: ChallengeId,
        attempt: AttemptId,
        progress: Option<ExtrinsicStatus>,
    ) {
        let mut tracker = self.tracker.lock();
        let Some(progress) = progress else {
            return tracker.on_tracking_lost(id, attempt);
        };
        if tracker.on_progress(id, attempt, &progress)
            && let ExtrinsicStatus::Finalized(block) = progress
        {
            let chain = self.dependencies.chain.clone();
            let asked = async move { DriverEvent::OutcomesRead(chain.outcomes(block).await) };
            self.pending.push(asked.boxed());
        }
    }

    /// Starts all work that can start now.
    fn step(&mut self) {
        if let Some(head) = self.next_scan.take_if(|_| !self.is_scanning) {
            self.is_scanning = true;
            let limits = self.tracker.lock().limits();
            let scanned = scan_block(self.dependencies.chain.clone(), head, limits);
            let connection = self.connection;
            let event = scanned.map(move |scan| DriverEvent::Scanned(connection, head, scan));
            self.pending.push(event.boxed());
        }
        let mut tracker = self.tracker.lock();
        for job in tracker.start_jobs() {
            let answered = run_job(self.dependencies.clone(), self.tracker.clone(), job);
            // A panic affects only its own challenge.
            let answered = AssertUnwindSafe(answered).catch_unwind().map(|ended| {
                ended.unwrap_or_else(|panic| Err(JobError::Transient(panic_message(&*panic))))
            });
            let event = answered.map(move |result| DriverEvent::JobDone(job, result));
            self.pending.push(event.boxed());
        }
        for event in tracker.take_events() {
            event.log();
        }
        if self.can_write && !self.is_writing {
            let changes = tracker.take_changes();
            if !changes.is_empty() {
                self.is_writing = true;
                self.pending
                    .push(write_duties(self.dependencies.clone(), changes).boxed());
            }
        }
    }
}

fn no_heads() -> Fuse<BoxStream<'static, Head>> {
    stream::pending().boxed().fuse()
}

async fn write_duties(parts: Dependencies, changes: Vec<DutyChange>) -> DriverEvent {
    let ids = changes.iter().map(|(id, _)| *id).collect();
    DriverEvent::DutiesWritten(ids, parts.duties.write(changes).await)
}

/// Makes an answer and submits it.
async fn run_job(
    parts: Dependencies,
    tracker: Arc<Mutex<ChallengeTracker>>,
    job: Job,
) -> Result<(SubmittedExtrinsic, usize), JobError> {
    let chain = &*parts.chain;
    let response = answer::choose_response(&*parts.prover, chain, &job).await?;
    answer::judge_on_chain(chain, &job, &response).await?;
    if let Some(second) = &parts.second_node {
        second_node::confirm(&**second, &job).await?;
    }
    let id = job.challenge.id;
    if !tracker.lock().is_wanted(id, job.attempt_id) {
        return Err(JobError::AlreadyAnswered);
    }
    let bytes = response
        .encoded_size()
        .saturating_add(SIGNATURE_OVERHEAD_BYTES);
    let response = Box::new(response);
    let submission = Submission::Response { id, response };
    let ticket = match job.is_near {
        true => chain.submit_urgently(submission).await,
        false => chain.submit(submission).await,
    };
    Ok((ticket.map_err(answer::from_chain_error)?, bytes))
}
