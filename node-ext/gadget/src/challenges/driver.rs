//! The driver: an event loop that queries the chain, starts jobs, follows submitted extrinsics,
//! records duties, and reports every result to the [`Book`].

use super::book::{Book, Job, Scan, Trouble, Turn};
use super::duty::Change;
use super::scan::{Failing, Missing, scan};
use super::{Parts, answer, broke_off, second};
use cairn_chain::{ChainError, Head, Progress, Submission, Ticket};
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
const SIGNING_BYTES: usize = 256;

/// The longest time to follow an extrinsic. Finality takes minutes; after this time the
/// resubmission delay alone decides.
const FOLLOWED: Duration = Duration::from_secs(2 * 3_600);

/// An event of the loop.
enum Event {
    /// The subscription to finalized heads was made, or failed.
    Connected(Result<BoxStream<'static, Head>, ChainError>),
    /// The pause before reconnecting is over.
    Reconnect,
    /// A scan of a finalized block ended, on the connection of that number.
    Scanned(u64, Head, Result<(Scan, Vec<Missing>), ChainError>),
    /// A read of the best block ended, while finality stalls.
    Glimpsed(u64, Result<(Head, Vec<OpenChallenge>), ChainError>),
    /// A job ended: with a ticket and the answer's size, or with an error.
    Answered(Job, Result<(Ticket, usize), Trouble>),
    /// The outcomes in a finalized block that includes an answer of ours.
    Outcomes(Result<Vec<Outcome>, ChainError>),
    /// A write of duties ended.
    Written(HashSet<ChallengeId>, Result<(), String>),
    /// The tick interval has passed.
    Tick,
}

/// The progress of an extrinsic; `None` at the end of its stream.
type Step = (ChallengeId, Turn, Option<Progress>);

/// The state of the loop; decisions are the book's.
pub(super) struct Driver {
    parts: Parts,
    book: Arc<Mutex<Book>>,
    /// Notified after each event.
    events: watch::Sender<()>,
    /// All pending futures.
    work: FuturesUnordered<BoxFuture<'static, Event>>,
    followed: SelectAll<BoxStream<'static, Step>>,
    heads: Fuse<BoxStream<'static, Head>>,
    /// Counts connections, so that late results of a lost one are ignored.
    connection: u64,
    /// Attempts to connect since the last scan.
    attempts: u32,
    /// The newest head to scan.
    to_scan: Option<Head>,
    /// A head whose scan failed.
    not_scanned: Option<Head>,
    is_scanning: bool,
    is_writing: bool,
    /// False after a failed write, until the next tick.
    may_write: bool,
    /// True if a scan has ended since the last tick.
    is_fresh: bool,
    is_glimpsing: bool,
    /// The queries that currently fail in scans.
    failing: Failing,
}

impl Driver {
    pub(super) fn new(parts: Parts, book: Arc<Mutex<Book>>, events: watch::Sender<()>) -> Self {
        Self {
            parts,
            book,
            events,
            work: FuturesUnordered::new(),
            followed: SelectAll::new(),
            heads: none(),
            connection: 0,
            attempts: 0,
            to_scan: None,
            not_scanned: None,
            is_scanning: false,
            is_writing: false,
            may_write: true,
            is_fresh: false,
            is_glimpsing: false,
            failing: Failing::default(),
        }
    }

    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let shutdown = shutdown.fuse();
        futures::pin_mut!(shutdown);
        self.connect();
        self.wait(self.parts.config.tick, Event::Tick);
        loop {
            select_biased! {
                () = shutdown => return,
                head = self.heads.next() => match head {
                    Some(head) => self.to_scan = Some(head),
                    None => self.disconnected("its stream of blocks has ended"),
                },
                (id, turn, progress) = self.followed.select_next_some() => {
                    self.progressed(id, turn, progress);
                }
                event = self.work.select_next_some() => self.came(event),
            }
            self.go_on();
            self.events.send_replace(());
        }
    }

    fn wait(&self, time: Duration, event: Event) {
        let delay = (self.parts.delay)(time);
        self.work.push(delay.map(|()| event).boxed());
    }

    fn connect(&self) {
        let chain = self.parts.chain.clone();
        let asked = async move { Event::Connected(chain.finalized_heads().await) };
        self.work.push(asked.boxed());
    }

    /// Handles a lost or failed connection: reconnects after a pause.
    fn disconnected(&mut self, reason: &str) {
        self.heads = none();
        self.connection = self.connection.saturating_add(1);
        (self.to_scan, self.not_scanned, self.is_scanning) = (None, None, false);
        self.is_glimpsing = false;
        let mut book = self.book.lock();
        book.connected(false);
        let of_now = book.statistics();
        drop(book);
        let config = &self.parts.config;
        // Exponential backoff up to the maximum.
        let doubled = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let pause = config.reconnect_first.saturating_mul(doubled);
        let pause = pause.min(config.reconnect_most);
        self.attempts = self.attempts.saturating_add(1);
        if of_now.open == 0 {
            tracing::warn!(reason, ?pause, "the chain is not reachable; reconnecting");
        } else {
            tracing::error!(
                reason,
                ?pause,
                open = of_now.open,
                nearest_deadline = of_now.anchor.saturating_add(of_now.nearest),
                anchor = of_now.anchor,
                "the chain is not reachable while challenges are open: check the node and the \
                 connection to it before the nearest deadline"
            );
        }
        self.wait(pause, Event::Reconnect);
    }

    fn came(&mut self, event: Event) {
        match event {
            Event::Connected(Ok(heads)) => {
                self.heads = heads.fuse();
                self.book.lock().connected(true);
            }
            Event::Connected(Err(error)) => self.disconnected(&error.to_string()),
            Event::Reconnect => self.connect(),
            Event::Scanned(connection, head, scan) if connection == self.connection => {
                self.is_scanning = false;
                match scan {
                    Ok((scan, missing)) => {
                        self.not_scanned = None;
                        (self.attempts, self.is_fresh) = (0, true);
                        self.failing.note(missing);
                        self.book.lock().scanned(scan);
                    }
                    Err(error) => {
                        self.not_scanned = Some(head);
                        self.not_seen(&error);
                    }
                }
            }
            Event::Glimpsed(connection, best) if connection == self.connection => {
                self.is_glimpsing = false;
                match best {
                    Ok((best, open)) => self.book.lock().glimpsed(best, open),
                    Err(error) => tracing::debug!(%error, "the best block cannot be read"),
                }
            }
            Event::Scanned(..) | Event::Glimpsed(..) => {}
            Event::Answered(job, result) => self.answered(job, result),
            Event::Outcomes(Ok(outcomes)) => self.book.lock().learn(&outcomes),
            // Scans find it out as well, only less precisely.
            Event::Outcomes(Err(error)) => {
                tracing::debug!(%error, "the outcomes of a block cannot be read");
            }
            Event::Written(ids, written) => {
                self.is_writing = false;
                if let Err(error) = written {
                    tracing::error!(
                        error,
                        "the duties cannot be written to the index; the chain still has them"
                    );
                    self.book.lock().not_written(ids);
                    // Do not retry on a full disk without a pause.
                    self.may_write = false;
                }
            }
            Event::Tick => {
                self.may_write = true;
                self.looked_at_the_clock();
                if !std::mem::take(&mut self.is_fresh) {
                    self.book.lock().pass();
                    // No newer block has replaced a scan that failed.
                    self.to_scan = self.to_scan.or(self.not_scanned.take());
                }
                self.wait(self.parts.config.tick, Event::Tick);
            }
        }
    }

    /// Reports that the open challenges cannot be read.
    fn not_seen(&self, error: &ChainError) {
        let mut book = self.book.lock();
        book.not_scanned();
        let of_now = book.statistics();
        drop(book);
        if of_now.open == 0 {
            tracing::warn!(%error, "the open challenges cannot be read; trying again");
        } else {
            tracing::error!(
                %error,
                open = of_now.open,
                nearest = of_now.nearest,
                "the open challenges cannot be read while some are open: check the node, and that \
                 Cairn is as new as the chain's runtime; trying again"
            );
        }
    }

    /// Advances the clock, and reports once if the chain is no longer followed.
    fn looked_at_the_clock(&mut self) {
        let mut book = self.book.lock();
        let before = book.not_followed();
        book.tick();
        let (now, is_quiet) = (book.not_followed(), book.is_quiet());
        let of_now = book.statistics();
        drop(book);
        if let (None, Some(reason)) = (before, now) {
            if of_now.open == 0 {
                tracing::warn!(%reason, "the chain is not followed");
            } else {
                tracing::error!(
                    %reason,
                    open = of_now.open,
                    nearest = of_now.nearest,
                    "THE CHAIN IS NOT FOLLOWED while challenges are open: check the node and its peers"
                );
            }
        }
        if is_quiet && !self.is_glimpsing {
            self.is_glimpsing = true;
            let (chain, connection) = (self.parts.chain.clone(), self.connection);
            let glimpsed = async move {
                let best = chain.best_head().await?;
                Ok((best, chain.open_challenges(best.hash).await?))
            };
            let event = glimpsed.map(move |best| Event::Glimpsed(connection, best));
            self.work.push(event.boxed());
        }
    }

    fn answered(&mut self, job: Job, result: Result<(Ticket, usize), Trouble>) {
        let (id, turn) = (job.challenge.id, job.turn);
        match result {
            Ok((ticket, bytes)) => {
                self.book.lock().handed(id, turn, ticket.hash, bytes);
                // Even if it is no longer wanted: a block may still include it.
                let over = (self.parts.delay)(FOLLOWED);
                let steps = ticket.progress.take_until(over).map(Some);
                let steps = steps.chain(stream::once(future::ready(None)));
                let steps = steps.map(move |progress| (id, turn, progress));
                self.followed.push(steps.boxed());
            }
            Err(trouble) => self.book.lock().failed(id, turn, trouble),
        }
    }

    fn progressed(&mut self, id: ChallengeId, turn: Turn, progress: Option<Progress>) {
        let mut book = self.book.lock();
        let Some(progress) = progress else {
            return book.lost_sight(id, turn);
        };
        if book.progressed(id, turn, &progress)
            && let Progress::Finalized(block) = progress
        {
            let chain = self.parts.chain.clone();
            let asked = async move { Event::Outcomes(chain.outcomes(block).await) };
            self.work.push(asked.boxed());
        }
    }

    /// Starts all work that can start now.
    fn go_on(&mut self) {
        if let Some(head) = self.to_scan.take_if(|_| !self.is_scanning) {
            self.is_scanning = true;
            let limits = self.book.lock().limits();
            let scanned = scan(self.parts.chain.clone(), head, limits);
            let connection = self.connection;
            let event = scanned.map(move |scan| Event::Scanned(connection, head, scan));
            self.work.push(event.boxed());
        }
        let mut book = self.book.lock();
        for job in book.jobs() {
            let answered = answer(self.parts.clone(), self.book.clone(), job);
            // A panic affects only its own challenge.
            let answered = AssertUnwindSafe(answered).catch_unwind().map(|ended| {
                ended.unwrap_or_else(|panic| Err(Trouble::Passing(broke_off(&*panic))))
            });
            let event = answered.map(move |result| Event::Answered(job, result));
            self.work.push(event.boxed());
        }
        for news in book.take_news() {
            news.log();
        }
        if self.may_write && !self.is_writing {
            let changes = book.take_changes();
            if !changes.is_empty() {
                self.is_writing = true;
                self.work.push(write(self.parts.clone(), changes).boxed());
            }
        }
    }
}

fn none() -> Fuse<BoxStream<'static, Head>> {
    stream::pending().boxed().fuse()
}

async fn write(parts: Parts, changes: Vec<Change>) -> Event {
    let ids = changes.iter().map(|(id, _)| *id).collect();
    Event::Written(ids, parts.log.write(changes).await)
}

/// Makes an answer and submits it.
async fn answer(
    parts: Parts,
    book: Arc<Mutex<Book>>,
    job: Job,
) -> Result<(Ticket, usize), Trouble> {
    let chain = &*parts.chain;
    let response = answer::choose(&*parts.prover, chain, &job).await?;
    answer::ask_chain(chain, &job.challenge, &response).await?;
    if let Some(second) = &parts.second {
        second::agrees(&**second, &job).await?;
    }
    let id = job.challenge.id;
    if !book.lock().is_wanted(id, job.turn) {
        return Err(Trouble::Answered);
    }
    let bytes = response.encoded_size().saturating_add(SIGNING_BYTES);
    let response = Box::new(response);
    let submission = Submission::Response { id, response };
    let ticket = match job.is_near {
        true => chain.submit_urgently(submission).await,
        false => chain.submit(submission).await,
    };
    Ok((ticket.map_err(answer::of_chain)?, bytes))
}
