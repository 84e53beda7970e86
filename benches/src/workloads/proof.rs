//! W3: proofs of leaves, at the newest and at older leaf counts, and full answers to challenges.

mod answer;

use super::Setup;
use crate::Fallible;
use crate::data::{Pieces, random, random_below};
use crate::figures::{Bound, Plot, Section, Series, Shape, Table, Target};
use crate::peers::{Cairn, Legacy, Memory, Peer, Proof, agree, leaf_count};
use crate::stats::{Samples, Summary, count};
use cairn_primitives::{H256, HashingProfile, LeafCount, LeafIndex, verify};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const LARGEST: u64 = 10_000_000;
/// Proofs in a row, before the next store's turn.
const TURN: u64 = 100;

/// The measurements at one size, in the order of the table.
const NAMES: [&str; 6] = [
    "cairn, newest",
    "cairn, older",
    "memory, newest",
    "memory, older",
    "memory unverified, newest",
    "legacy, newest",
];

struct AtSize {
    size: u64,
    measured: [Samples; 6],
    /// Batched reads for each proof, and reads of one key.
    batched: f64,
    single: f64,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let pieces = Pieces::new()?;
    let mut rng = random(3);
    let mut sizes = SIZES.to_vec();
    sizes.extend((!setup.quick).then_some(LARGEST));
    let mut all = Vec::new();
    let mut memory = Memory::new(true);
    let folder = setup.scratch("proof")?;
    let mut legacy = Legacy::create(&folder.path().join("legacy"), &pieces)?;
    for size in sizes {
        let path = folder.path().join(size.to_string());
        let mut cairn = Cairn::create(&path, &pieces)?;
        cairn.fill(&pieces, size)?;
        memory.fill(&pieces, size)?;
        agree(&cairn, &memory)?;
        let mut at = AtSize {
            size,
            measured: Default::default(),
            batched: 0.0,
            single: 0.0,
        };
        ours_and_memory(setup, &mut at, &mut cairn, &mut memory, &mut rng)?;
        // A single value with ten million leaves would be an unfair load for `legacy`.
        if size < LARGEST {
            legacy.fill(&pieces, size)?;
            agree(&legacy, &cairn)?;
            let budget = Duration::from_secs(setup.choose(3, 15));
            let [.., samples] = &mut at.measured;
            *samples = legacy_proofs(&mut legacy, &mut rng, budget)?;
        }
        all.push(at);
    }
    let answers = answer::run(setup, &pieces)?;
    report(&all, answers)
}

fn ours_and_memory(
    setup: &Setup,
    at: &mut AtSize,
    cairn: &mut Cairn,
    memory: &mut Memory,
    rng: &mut ChaCha8Rng,
) -> Fallible<()> {
    let newest = leaf_count(at.size)?;
    // Read everything once; compaction after the filling ends meanwhile.
    let warm_up = Instant::now();
    let lasting = Duration::from_secs(setup.choose(2, 5));
    while warm_up.elapsed() < lasting {
        turn(&mut Samples::default(), cairn, newest, false, rng)?;
    }
    let before = cairn.0.read_counts();
    let rounds = setup.choose(20, 100);
    for _ in 0..rounds {
        let [ours, ours_older, theirs, theirs_older, unverified, _] = &mut at.measured;
        turn(ours, cairn, newest, false, rng)?;
        turn(theirs, memory.verifying(true), newest, false, rng)?;
        turn(ours_older, cairn, newest, true, rng)?;
        turn(theirs_older, memory, newest, true, rng)?;
        turn(unverified, memory.verifying(false), newest, false, rng)?;
    }
    let after = cairn.0.read_counts();
    let proofs = (2 * rounds * TURN) as f64;
    at.batched = after.batched.saturating_sub(before.batched) as f64 / proofs;
    at.single = after.single.saturating_sub(before.single) as f64 / proofs;
    Ok(())
}

/// Proves random leaves for one turn, at the newest or at random leaf counts.
fn turn(
    samples: &mut Samples,
    peer: &mut impl Peer,
    newest: LeafCount,
    older: bool,
    rng: &mut ChaCha8Rng,
) -> Fallible<()> {
    for _ in 0..TURN {
        let leaves = if older {
            1 + random_below(rng, newest.get())
        } else {
            newest.get()
        };
        let index = LeafIndex(random_below(rng, leaves));
        let at = leaf_count(leaves)?;
        samples.time(|| peer.prove(index, at))?;
    }
    Ok(())
}

/// Proves for the given time, at least twice, and checks each proof.
fn legacy_proofs(legacy: &mut Legacy, rng: &mut ChaCha8Rng, budget: Duration) -> Fallible<Samples> {
    let mut samples = Samples::default();
    let newest = leaf_count(legacy.leaves())?;
    let root = legacy.root()?;
    let start = Instant::now();
    while samples.len() < 2 || (samples.len() < 1_000 && start.elapsed() < budget) {
        let index = LeafIndex(random_below(rng, newest.get()));
        let proof = samples.time(|| legacy.prove(index, newest))?;
        check(proof, index, newest, &root)?;
    }
    Ok(samples)
}

fn check(proof: Option<Proof>, index: LeafIndex, count: LeafCount, root: &H256) -> Fallible<()> {
    match proof {
        Some(Proof::Full(proof)) => Ok(verify::mmr_proof(
            HashingProfile::Plain,
            &proof,
            index,
            count,
            root,
        )?),
        Some(Proof::Own) => Ok(()),
        None => Err("a store has no proof for its newest leaf count".into()),
    }
}

fn report(all: &[AtSize], answers: answer::Answers) -> Fallible<Section> {
    let head = ["leaves", "who"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new("One leaf proof, warm:", head.chain(["over cairn's newest"]));
    let mut reads = Table::new(
        "Reads of Cairn's database for each proof:",
        ["leaves", "batched", "of one key"],
    );
    let mut lines: [Vec<(f64, f64)>; 6] = Default::default();
    let (mut against_legacy, mut against_memory) = (f64::NAN, 0_f64);
    let (mut batched, mut single) = (0_f64, 0_f64);
    let (mut small, mut large) = (f64::NAN, f64::NAN);
    for at in all {
        let mut ours = f64::NAN;
        let mut ours_older = f64::NAN;
        for ((name, samples), line) in NAMES.into_iter().zip(&at.measured).zip(&mut lines) {
            if samples.len() == 0 {
                continue;
            }
            let summary = samples.summary()?;
            match name {
                "cairn, newest" => ours = summary.p50,
                "cairn, older" => ours_older = summary.p50,
                "memory, newest" => against_memory = against_memory.max(ours / summary.p50),
                "memory, older" => against_memory = against_memory.max(ours_older / summary.p50),
                "legacy, newest" if at.size == 100_000 => against_legacy = summary.p50 / ours,
                _ => {}
            }
            let start = [count(at.size), name.to_owned()];
            let ratio = format!("{:.2}", summary.p50 / ours);
            table.row(start.into_iter().chain(summary.cells()).chain([ratio]));
            line.push((at.size as f64, summary.p50 / 1e3));
        }
        reads.row([
            count(at.size),
            format!("{:.3}", at.batched),
            format!("{:.3}", at.single),
        ]);
        batched = batched.max(at.batched);
        single = single.max(at.single);
        match at.size {
            1_000 => small = ours,
            1_000_000 => large = ours,
            _ => {}
        }
    }
    let series = NAMES.into_iter().zip(lines).map(|(name, points)| Series {
        name: name.into(),
        points,
    });
    let ratio = |aim, bound, measured| Target {
        aim,
        bound,
        measured,
        unit: "",
    };
    Ok(Section {
        id: "W3",
        title: "Proof",
        method: format!(
            "Random leaves of a filled bucket, at the newest leaf count and at a random older one. \
             Cairn and `memory` take turns of {TURN}, and both verify each proof before it is \
             returned; the library alone is `memory unverified`. `legacy` \
             verifies nothing, and proves only at its newest count: for a challenge of an older root \
             it has no valid answer. {}",
            answers.method
        ),
        targets: vec![
            ratio(
                "at 100k leaves, times faster than `legacy`",
                Bound::AtLeast(3_000.0),
                against_legacy,
            ),
            ratio(
                "p50 at 1M leaves over p50 at 1k",
                Bound::AtMost(2.0),
                large / small,
            ),
            ratio(
                "p50 over that of `memory`, worst size and count",
                Bound::AtMost(4.0),
                against_memory,
            ),
            ratio("batched reads for each proof", Bound::AtMost(1.0), batched),
            ratio("other reads for each proof", Bound::AtMost(0.0), single),
        ],
        tables: vec![table, reads, answers.table],
        plots: vec![Plot {
            file: "w3-proof",
            title: "One leaf proof, warm, p50".into(),
            shape: Shape::Lines {
                across: "leaves in the bucket",
                up: "microseconds",
                series: series.collect(),
            },
        }],
        remarks: vec![],
    })
}
