//! W5: the resources of many open buckets: descriptors, memory, threads, disk, time.

use super::{Setup, filled};
use crate::Fallible;
use crate::children::{BucketOperation, Many, ResourceCost, WARM_UP_BUCKETS};
use crate::disk::allocated;
use crate::figures::{Bound, Plot, Section, Shape, Table, Target};
use crate::stats::duration;
use crate::stores::Kind;

const QUICK: [u64; 1] = [100];
const FULL: [u64; 3] = [100, 500, 1_000];
/// Measures Cairn at all numbers of buckets, and other stores at the largest.
const PEERS: [Kind; 6] = [
    Kind::Default,
    Kind::Shared,
    Kind::Legacy,
    Kind::Sqlite,
    Kind::Sled,
    Kind::Lmdb,
];
const KIB: f64 = 1024.0;

/// The resources of one kind of store at one number of buckets.
struct Measured {
    kind: Kind,
    buckets: u64,
    /// Bytes on disk of all empty buckets, and of all written ones.
    empty: f64,
    filled: f64,
    created: ResourceCost,
    written: ResourceCost,
    proven: ResourceCost,
}

impl Measured {
    fn of(setup: &Setup, kind: Kind, buckets: u64) -> Fallible<Self> {
        let folder = setup.scratch("many")?;
        let leaves = filled::LEAVES;
        let run = |deed| Many::run_in_child(kind, folder.path(), buckets, deed, leaves);
        // Without the index, which belongs to no bucket.
        let buckets_folder = match kind {
            Kind::Cairn => folder.path().join("buckets"),
            _ => folder.path().to_owned(),
        };
        let created = run(BucketOperation::Create)?;
        let on_disk = || -> Fallible<f64> {
            let all = buckets.saturating_add(WARM_UP_BUCKETS) as f64;
            Ok(allocated(&buckets_folder)? as f64 / all * buckets as f64)
        };
        let empty = on_disk()?;
        let written = run(BucketOperation::Write)?;
        let filled = on_disk()?;
        let proven = run(BucketOperation::Prove)?;
        Ok(Self {
            kind,
            buckets,
            empty,
            filled,
            created,
            written,
            proven,
        })
    }

    fn each(&self, of_all: f64) -> f64 {
        of_all / self.buckets as f64
    }

    fn row(&self) -> [String; 11] {
        let kib = |bytes| format!("{:.1} KiB", self.each(bytes) / KIB);
        let descriptors = |cost: &ResourceCost| format!("{:.2}", self.each(cost.descriptors));
        let time = |cost: &ResourceCost| duration(self.each(cost.seconds) * 1e9);
        [
            self.kind.name().to_owned(),
            self.buckets.to_string(),
            descriptors(&self.written),
            descriptors(&self.proven),
            kib(self.written.resident),
            kib(self.proven.resident),
            format!("{:.0}", self.written.threads),
            kib(self.empty),
            kib(self.filled),
            time(&self.created),
            time(&self.written),
        ]
    }
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let numbers = setup.choose(&QUICK[..], &FULL[..]);
    let most = numbers.last().copied().ok_or("no number of buckets")?;
    let mut all = Vec::new();
    for buckets in numbers {
        all.push(Measured::of(setup, Kind::Cairn, *buckets)?);
    }
    for kind in PEERS {
        all.push(Measured::of(setup, kind, most)?);
    }
    report(&all, most)
}

fn report(all: &[Measured], most: u64) -> Fallible<Section> {
    let head = [
        "store",
        "buckets",
        "descriptors, written",
        "descriptors, read",
        "memory, written",
        "memory, read",
        "added threads",
        "disk, empty",
        "disk, written",
        "time to create",
        "time to open and write",
    ];
    let mut table = Table::new("For each bucket, by the number of open ones:", head);
    all.iter().for_each(|measured| table.row(measured.row()));
    let at_most = |measured: &&Measured| measured.buckets == most;
    let ours = all
        .iter()
        .filter(at_most)
        .find(|measured| measured.kind == Kind::Cairn)
        .ok_or("Cairn was not measured")?;
    let memory = |measured: &Measured| measured.each(measured.written.resident) / KIB;
    let lighter: Vec<_> = all
        .iter()
        .filter(at_most)
        .filter(|peer| memory(peer) < memory(ours))
        .map(|peer| format!("{} ({:.1} KiB)", peer.kind.name(), memory(peer)))
        .collect();
    let remark = if lighter.is_empty() {
        "No store needs less memory for a bucket.".into()
    } else {
        format!(
            "Stores with less memory for a written bucket than Cairn ({:.1} KiB): {}.",
            memory(ours),
            lighter.join(", ")
        )
    };
    let bars = all.iter().filter(at_most);
    let target = |aim, most, measured, unit| Target {
        aim,
        bound: Bound::AtMost(most),
        measured,
        unit,
    };
    Ok(Section {
        id: "W5",
        title: "Many open buckets",
        method: format!(
            "Each in a process of its own. The first creates the empty \
             buckets; another reopens each, stores a content of 1 KiB and commits it as {} \
             leaves, durably; a third makes one proof of each. The figures are the difference between \
             all open buckets and the first {WARM_UP_BUCKETS}. Disk is by allocation, after the \
             process has ended, with folders.",
            filled::LEAVES
        ),
        targets: vec![
            target(
                "resident memory of an open bucket with 64 leaves",
                24.0,
                memory(ours),
                " KiB",
            ),
            target(
                "descriptors of a written open bucket",
                6.0,
                ours.each(ours.written.descriptors),
                "",
            ),
            target(
                "descriptors of a bucket open for reading, over those of a written one",
                1.0,
                ours.proven.descriptors / ours.written.descriptors,
                "",
            ),
            target(
                "an empty bucket on disk",
                64.0,
                ours.each(ours.empty) / KIB,
                " KiB",
            ),
            target(
                "added threads with all buckets open",
                0.0,
                ours.written.threads,
                "",
            ),
        ],
        tables: vec![table],
        plots: vec![Plot {
            file: "w5-many",
            title: format!("Memory of a written bucket, with {most} open"),
            shape: Shape::Bars {
                along: "KiB",
                bars: bars
                    .map(|measured| (measured.kind.name().to_owned(), memory(measured)))
                    .collect(),
            },
        }],
        remarks: vec![remark],
    })
}
