//! W1: commits of one leaf to buckets from small to large, unsynced, as a legacy provider
//! commits, and durably.

use super::Setup;
use crate::Fallible;
use crate::data::Pieces;
use crate::figures::{Bound, Plot, Section, Series, Shape, Table, Target};
use crate::peers::{self, Bare, Cairn, Legacy, Peer};
use crate::stats::{Samples, Summary, count};
use std::time::{Duration, Instant};

const SIZES: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// Commits in a row, before the next bucket's turn.
const TURN: u64 = 50;

/// A bucket of Cairn, and its measurements.
struct Ours {
    size: u64,
    cairn: Cairn,
    unsynced: Samples,
    durable: Samples,
    bare: Samples,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let folder = setup.scratch("commit")?;
    let pieces = Pieces::new()?;
    let mut ours = Vec::new();
    for size in SIZES {
        let path = folder.path().join(size.to_string());
        let mut cairn = Cairn::create(&path, &pieces)?;
        cairn.fill(&pieces, size)?;
        ours.push(Ours {
            size,
            cairn,
            unsynced: Samples::default(),
            durable: Samples::default(),
            bare: Samples::default(),
        });
    }
    // Compaction after the filling must not be measured. RocksDB compacts in the
    // background, and a bucket has no way to wait for it.
    std::thread::sleep(Duration::from_secs(2));
    let mut nodes_read = 0;
    for _ in 0..setup.choose(20, 60) {
        for bucket in &mut ours {
            nodes_read += unsynced_turn(bucket, &pieces)?;
        }
    }
    let bare = Bare::create(&folder.path().join("bare"))?;
    for _ in 0..setup.choose(4, 20) {
        for bucket in &mut ours {
            durable_turn(bucket, &bare, &pieces)?;
        }
    }
    let mut legacy = Legacy::create(&folder.path().join("legacy"), &pieces)?;
    let budget = Duration::from_secs(setup.choose(3, 15));
    let mut theirs = Vec::new();
    for bucket in &ours {
        theirs.push(legacy_commits(&mut legacy, &pieces, bucket.size, budget)?);
    }
    for bucket in &mut ours {
        agree(&mut legacy, &mut bucket.cairn, &pieces)?;
    }
    report(&ours, &theirs, nodes_read)
}

/// Returns the number of reads of nodes.
fn unsynced_turn(bucket: &mut Ours, pieces: &Pieces) -> Fallible<u64> {
    let before = bucket.cairn.0.read_counts().batched_keys;
    for _ in 0..TURN {
        let leaf = pieces.leaf(bucket.cairn.leaves())?;
        let cairn = &mut bucket.cairn;
        bucket.unsynced.time(|| cairn.commit(leaf))?;
    }
    let after = bucket.cairn.0.read_counts().batched_keys;
    // Otherwise the next turn would write back the data of this one.
    bucket.cairn.0.sync()?;
    Ok(after.saturating_sub(before))
}

fn durable_turn(bucket: &mut Ours, bare: &Bare, pieces: &Pieces) -> Fallible<()> {
    for _ in 0..TURN {
        let index = bucket.cairn.leaves();
        let leaf = pieces.leaf(index)?;
        bucket.durable.time(|| bucket.cairn.commit_durably(leaf))?;
        bucket.bare.time(|| bare.put_as_commit(index))?;
    }
    Ok(())
}

/// Commits at about `size` leaves for the given time, at least twice.
fn legacy_commits(
    legacy: &mut Legacy,
    pieces: &Pieces,
    size: u64,
    budget: Duration,
) -> Fallible<Samples> {
    let mut samples = Samples::default();
    legacy.fill(pieces, size)?;
    let start = Instant::now();
    while samples.len() < 2 || (samples.len() < 1_000 && start.elapsed() < budget) {
        // A growing tree would make the replay longer.
        if legacy.leaves() > size + size / 20 {
            legacy.fill(pieces, size)?;
        }
        let leaf = pieces.leaf(legacy.leaves())?;
        samples.time(|| legacy.commit(leaf))?;
    }
    Ok(samples)
}

/// Checks that the same leaves give the same root.
fn agree(legacy: &mut Legacy, cairn: &mut Cairn, pieces: &Pieces) -> Fallible<()> {
    legacy.fill(pieces, cairn.leaves().saturating_sub(1))?;
    legacy.commit(pieces.leaf(legacy.leaves())?)?;
    peers::agree(legacy, cairn)
}

fn report(ours: &[Ours], theirs: &[Samples], nodes_read: u64) -> Fallible<Section> {
    let head = ["leaves", "who"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new(
        "One commit of one leaf, by the number of leaves in the bucket:",
        head.chain(["ratio"]),
    );
    let mut lines: [Vec<(f64, f64)>; 4] = Default::default();
    let (mut against_legacy, mut against_bare) = (f64::NAN, 0_f64);
    let mut medians = Vec::new();
    for (bucket, legacy) in ours.iter().zip(theirs) {
        let unsynced = bucket.unsynced.summary()?;
        let durable = bucket.durable.summary()?;
        let bare = bucket.bare.summary()?;
        let legacy = legacy.summary()?;
        let gain = legacy.p50 / unsynced.p50;
        let cost = durable.p50 / bare.p50;
        if bucket.size == 100_000 {
            against_legacy = gain;
        }
        against_bare = against_bare.max(cost);
        medians.push(unsynced.p50);
        let rows = [
            ("cairn, unsynced", unsynced, String::new()),
            (
                "legacy, unsynced",
                legacy,
                format!("{gain:.1} times cairn's"),
            ),
            ("cairn, durable", durable, format!("{cost:.2} times bare")),
            ("bare synced put", bare, String::new()),
        ];
        for ((name, summary, ratio), line) in rows.into_iter().zip(&mut lines) {
            let start = [count(bucket.size), name.to_owned()];
            table.row(start.into_iter().chain(summary.cells()).chain([ratio]));
            line.push((bucket.size as f64, summary.p50 / 1e3));
        }
    }
    let flatness = match (medians.first(), medians.last()) {
        (Some(small), Some(large)) => large / small,
        _ => f64::NAN,
    };
    let names = [
        "cairn, unsynced",
        "legacy, unsynced",
        "cairn, durable",
        "bare synced put",
    ];
    let series = names.into_iter().zip(lines).map(|(name, points)| Series {
        name: name.into(),
        points,
    });
    Ok(Section {
        id: "W1",
        title: "Commit",
        method: format!(
            "Each bucket was filled to its size, then took one leaf at a time, in turns of {TURN} \
             so that all sizes share the machine's slow and fast moments; a bucket grows by its \
             samples meanwhile. Durable commits alternate with one synced put of as many key and \
             value bytes on a RocksDB with default options. `legacy` is reset to its size when \
             it has grown by 5 %. At the end both were filled to the same leaves and had the \
             same root."
        ),
        targets: vec![
            Target {
                aim: "unsynced at 100k leaves, times faster than `legacy`",
                bound: Bound::AtLeast(3_000.0),
                measured: against_legacy,
                unit: "",
            },
            Target {
                aim: "unsynced, p50 at 1M leaves over p50 at 100",
                bound: Bound::AtMost(1.25),
                measured: flatness,
                unit: "",
            },
            Target {
                aim: "durable, p50 over that of one bare synced put, worst size",
                bound: Bound::AtMost(1.3),
                measured: against_bare,
                unit: "",
            },
            Target {
                aim: "nodes read by all unsynced commits",
                bound: Bound::AtMost(0.0),
                measured: nodes_read as f64,
                unit: "",
            },
        ],
        tables: vec![table],
        plots: vec![Plot {
            file: "w1-commit",
            title: "One commit, p50".into(),
            shape: Shape::Lines {
                across: "leaves in the bucket",
                up: "microseconds",
                series: series.collect(),
            },
        }],
        remarks: vec![],
    })
}
