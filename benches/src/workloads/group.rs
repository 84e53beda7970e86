//! W2: many threads commit durably to one bucket, and share the cost of a sync.

use super::Setup;
use crate::Fallible;
use crate::data::Pieces;
use crate::figures::{Bound, Plot, Section, Series, Shape, Table, Target};
use crate::peers::{Bare, Cairn, Peer};
use crate::stats::{Samples, Summary};
use std::time::{Duration, Instant};

const THREADS: [u64; 5] = [1, 2, 4, 8, 16];
const ROUNDS: usize = 5;

/// The result for one number of threads.
#[derive(Default)]
struct Measured {
    /// Commits per second, one sample per round.
    rates: Samples,
    latencies: Samples,
}

impl Measured {
    /// Runs `operation` on a number of threads for a time.
    fn round(
        &mut self,
        threads: u64,
        lasting: Duration,
        operation: impl Fn(u64) -> Fallible<()> + Sync,
    ) -> Fallible<()> {
        let start = Instant::now();
        let one = |thread: u64| -> Fallible<Samples> {
            let mut samples = Samples::default();
            while start.elapsed() < lasting {
                samples.time(|| operation(thread))?;
            }
            Ok(samples)
        };
        let done = std::thread::scope(|scope| {
            let one = &one;
            let running: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || one(thread)))
                .collect();
            running
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .map_err(|_| "a thread of the workload ended")?
                })
                .collect::<Fallible<Vec<_>>>()
        })?;
        let commits: usize = done.iter().map(Samples::len).sum();
        self.rates
            .push(commits as f64 / start.elapsed().as_secs_f64());
        done.into_iter()
            .for_each(|samples| self.latencies.append(samples));
        Ok(())
    }
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let folder = setup.scratch("group")?;
    let pieces = Pieces::new()?;
    let mut cairn = Cairn::create(&folder.path().join("cairn"), &pieces)?;
    cairn.fill(&pieces, 1_000)?;
    let bare = Bare::create(&folder.path().join("bare"))?;
    let lasting = Duration::from_millis(setup.choose(800, 3_000));
    let mut ours: [Measured; 5] = Default::default();
    let mut theirs: [Measured; 5] = Default::default();
    for _ in 0..ROUNDS {
        for (threads, (ours, theirs)) in THREADS.into_iter().zip(ours.iter_mut().zip(&mut theirs)) {
            ours.round(threads, lasting, |thread| {
                cairn.commit_durably(pieces.leaf(thread)?)
            })?;
            theirs.round(threads, lasting, |thread| bare.put_as_commit(thread))?;
        }
    }
    let head = ["threads", "who", "commits/s", "p25 – p75"];
    let head = head
        .into_iter()
        .chain(["against 1 thread", "latency p50", "p99", "commits"]);
    let mut table = Table::new("Durable commits of one leaf:", head);
    let (our_line, gain) = rows(&mut table, "cairn", &ours)?;
    let (their_line, _) = rows(&mut table, "bare synced put", &theirs)?;
    Ok(Section {
        id: "W2",
        title: "Group commit",
        method: format!(
            "Threads that each commit one leaf after the other durably to one bucket, for \
             {lasting:?} in each of {ROUNDS} rounds over all numbers of threads; in \
             turns with as many threads that put the bytes of a commit, synced, into one RocksDB \
             with default options, which groups writes too. Rates are medians over the rounds."
        ),
        targets: vec![Target {
            aim: "commits a second of 8 threads, over those of 1",
            bound: Bound::AtLeast(4.0),
            measured: gain,
            unit: "",
        }],
        tables: vec![table],
        plots: vec![Plot {
            file: "w2-group",
            title: "Durable commits on one bucket".into(),
            shape: Shape::Lines {
                across: "threads",
                up: "commits a second",
                series: vec![our_line, their_line],
            },
        }],
        remarks: vec![],
    })
}

/// Adds a store's rows. Returns its line for the plot, and the gain of 8 threads over 1.
fn rows(table: &mut Table, name: &str, measured: &[Measured]) -> Fallible<(Series, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut gain = f64::NAN;
    for (threads, one) in THREADS.into_iter().zip(measured) {
        let rates = one.rates.summary()?;
        let latencies: Summary = one.latencies.summary()?;
        let [p50, _, p99, commits] = latencies.cells();
        let alone = points.first().map_or(rates.p50, |first| first.1);
        let ratio = rates.p50 / alone;
        if threads == 8 {
            gain = ratio;
        }
        table.row([
            threads.to_string(),
            name.to_owned(),
            format!("{:.0}", rates.p50),
            format!("{:.0} – {:.0}", rates.p25, rates.p75),
            format!("{ratio:.2}"),
            p50,
            p99,
            commits,
        ]);
        points.push((threads as f64, rates.p50));
    }
    let name = name.into();
    Ok((Series { name, points }, gain))
}
