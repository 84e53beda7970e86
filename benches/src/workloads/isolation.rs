//! W7: a load of commits and chunks on one bucket, and its effect on another.

use super::{Setup, filled};
use crate::Fallible;
use crate::data::{Pieces, random, random_below, random_bytes};
use crate::figures::{Bound, Plot, Section, Shape, Table, Target};
use crate::stats::{Samples, Summary, count};
use crate::stores::{KEY, Kind, Store};
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::LeafIndex;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use sp_core::{Pair, sr25519};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const STREAM: u64 = 7;
const KINDS: [Kind; 3] = [Kind::Cairn, Kind::Shared, Kind::Legacy];
const LOADED: u64 = 1;
const QUIET: u64 = 2;
/// The maximum number of chunks in a round, so that a fast disk is not filled.
const MAX_CHUNKS: u64 = 1_200;
const ROUNDS: u64 = 3;

const PROOF: &str = "proof";
const SIGNATURE: &str = "signed commitment";

/// The samples of the quiet bucket, idle or under load.
#[derive(Default)]
struct QuietSamples {
    proofs: Samples,
    signatures: Samples,
}

/// The results of one kind of store.
struct Measured {
    kind: Kind,
    idle: QuietSamples,
    storm: QuietSamples,
    /// The work of the load, and its time.
    commits: u64,
    chunks: u64,
    lasted: Duration,
}

/// A store with its two buckets.
struct Fixture<'s> {
    store: &'s dyn Store,
    leaf: NewLeaf,
    leaves: u64,
    pair: sr25519::Pair,
    next_chunk: AtomicU64,
}

impl Fixture<'_> {
    /// Proves and signs in turns on the quiet bucket until it is stopped.
    fn prove_and_sign(
        &self,
        felt: &mut QuietSamples,
        round: u64,
        goes_on: impl Fn() -> bool,
    ) -> Fallible<()> {
        let mut rng = random(STREAM.saturating_add(round));
        while goes_on() {
            let index = LeafIndex(random_below(&mut rng, self.leaves));
            felt.proofs.time(|| self.store.prove(QUIET, index))?;
            let sign = || self.store.sign(QUIET, &[self.leaf], &self.pair);
            felt.signatures.time(sign)?;
        }
        Ok(())
    }

    fn commit(&self, goes_on: impl Fn() -> bool) -> Fallible<u64> {
        let mut done = 0_u64;
        while goes_on() {
            let leaves = [self.leaf];
            self.store.commit(LOADED, &leaves, Durability::Synced)?;
            done = done.saturating_add(1);
        }
        Ok(done)
    }

    fn store_chunks(&self, goes_on: impl Fn() -> bool) -> Fallible<u64> {
        let mut chunk = random_bytes(STREAM, CHUNK_BYTES);
        let mut done = 0_u64;
        while goes_on() && done < MAX_CHUNKS {
            // A different chunk each time, without generating random bytes.
            let number = self.next_chunk.fetch_add(1, Ordering::Relaxed);
            if let Some(start) = chunk.first_chunk_mut() {
                *start = number.to_le_bytes();
            }
            self.store.put(LOADED, &chunk)?;
            done = done.saturating_add(1);
        }
        Ok(done)
    }
}

impl Measured {
    fn round(&mut self, ground: &Fixture<'_>, round: u64, lasting: Duration) -> Fallible<()> {
        let start = Instant::now();
        ground.prove_and_sign(&mut self.idle, round, || start.elapsed() < lasting)?;
        let start = Instant::now();
        // The first thread that completes or fails stops the others.
        let over = AtomicBool::new(false);
        let goes_on = || !over.load(Ordering::Relaxed) && start.elapsed() < lasting;
        let ending = |done: Fallible<u64>| {
            over.store(true, Ordering::Relaxed);
            done
        };
        let (commits, chunks) = std::thread::scope(|scope| -> Fallible<_> {
            let commits = scope.spawn(|| ending(ground.commit(goes_on)));
            let chunks = scope.spawn(|| ending(ground.store_chunks(goes_on)));
            let asked = ground.prove_and_sign(&mut self.storm, round, goes_on);
            over.store(true, Ordering::Relaxed);
            let ended = |_| "a thread of the load panicked";
            let commits = commits.join().map_err(ended)??;
            let chunks = chunks.join().map_err(ended)??;
            asked.map(|()| (commits, chunks))
        })?;
        self.commits = self.commits.saturating_add(commits);
        self.chunks = self.chunks.saturating_add(chunks);
        self.lasted = self.lasted.saturating_add(start.elapsed());
        Ok(())
    }

    fn samples(&self) -> [(&'static str, &Samples, &Samples); 2] {
        let Self { idle, storm, .. } = self;
        [
            (PROOF, &idle.proofs, &storm.proofs),
            (SIGNATURE, &idle.signatures, &storm.signatures),
        ]
    }
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let leaves = setup.choose(1_000, 10_000);
    let lasting = Duration::from_millis(setup.choose(1_200, 5_000));
    let pieces = Pieces::new()?;
    let mut all = Vec::new();
    for kind in KINDS {
        let folder = setup.scratch("isolation")?;
        let store = kind.open(folder.path(), 8)?;
        for id in [LOADED, QUIET] {
            filled::create(&*store, id, &pieces, usize::try_from(leaves)?)?;
        }
        let ground = Fixture {
            store: &*store,
            leaf: filled::leaf(&pieces)?,
            leaves,
            pair: sr25519::Pair::from_string(KEY, None).map_err(|error| format!("{error:?}"))?,
            next_chunk: AtomicU64::new(0),
        };
        let mut measured = Measured {
            kind,
            idle: QuietSamples::default(),
            storm: QuietSamples::default(),
            commits: 0,
            chunks: 0,
            lasted: Duration::ZERO,
        };
        for round in 0..ROUNDS {
            measured.round(&ground, round, lasting)?;
        }
        all.push(measured);
    }
    report(&all, leaves, lasting)
}

/// Returns the p99, or the slowest sample if there are too few.
fn tail(samples: &Samples) -> Fallible<f64> {
    let summary = samples.summary()?;
    Ok(summary.p99.unwrap_or_else(|| samples.slowest()))
}

fn report(all: &[Measured], leaves: u64, lasting: Duration) -> Fallible<Section> {
    let head = ["who", "what", "load"].into_iter().chain(Summary::HEAD);
    let mut felt = Table::new("On the quiet bucket:", head);
    let mut storms = Table::new(
        "The load itself:",
        ["who", "commits/s", "chunks/s", "MiB/s"],
    );
    let mut bars = Vec::new();
    for measured in all {
        let name = measured.kind.name();
        for (what, idle, storm) in measured.samples() {
            for (load, samples) in [("idle", idle), ("storm", storm)] {
                let start = [name, what, load].map(str::to_owned);
                felt.row(start.into_iter().chain(samples.summary()?.cells()));
                bars.push((format!("{name}: {what}, {load}"), tail(samples)? / 1e3));
            }
        }
        let seconds = measured.lasted.as_secs_f64();
        let chunks = measured.chunks as f64 / seconds;
        storms.row([
            name.to_owned(),
            format!("{:.0}", measured.commits as f64 / seconds),
            format!("{chunks:.0}"),
            format!("{:.0}", chunks / 4.0),
        ]);
    }
    let of = |kind: Kind| {
        let found = all.iter().find(|measured| measured.kind == kind);
        found.ok_or("a store was not measured")
    };
    let (ours, legacy, shared) = (of(Kind::Cairn)?, of(Kind::Legacy)?, of(Kind::Shared)?);
    let mut targets = Vec::new();
    let mut remarks = Vec::new();
    let aims = [
        (
            "proof: p99 under load, over idle",
            "proof: p99 of legacy under load, over Cairn's",
        ),
        (
            "signed commitment: p99 under load, over idle",
            "signed commitment: p99 of legacy under load, over Cairn's",
        ),
    ];
    let pairs = ours.samples().into_iter().zip(legacy.samples());
    for (((what, idle, storm), (_, _, theirs)), (steady, better)) in pairs.zip(aims) {
        let ours = tail(storm)?;
        targets.push(Target {
            aim: steady,
            bound: Bound::AtMost(3.0),
            measured: ours / tail(idle)?,
            unit: "",
        });
        targets.push(Target {
            aim: better,
            bound: Bound::AtLeast(10.0),
            measured: tail(theirs)? / ours,
            unit: "",
        });
        let found = shared.samples().into_iter().find(|one| one.0 == what);
        let (_, _, theirs) = found.ok_or("a store was not measured")?;
        remarks.push(format!(
            "{what}: the p99 of `shared` under load is {:.2} times Cairn's.",
            tail(theirs)? / ours
        ));
    }
    Ok(Section {
        id: "W7",
        title: "Isolation",
        method: format!(
            "Two buckets of {} leaves. On one, a thread commits leaf after leaf durably and another \
             stores chunks of 256 KiB, both as fast as possible, for {lasting:?} or until there are \
             {MAX_CHUNKS} chunks; on the other a thread proves a random leaf and commits and signs \
             a leaf durably, in turns. {ROUNDS} rounds, each idle first and then under load. \
             `legacy` syncs nothing.",
            count(leaves)
        ),
        targets,
        tables: vec![felt, storms],
        plots: vec![Plot {
            file: "w7-isolation",
            title: "p99 on the quiet bucket".into(),
            shape: Shape::Bars {
                along: "microseconds",
                bars,
            },
        }],
        remarks,
    })
}
