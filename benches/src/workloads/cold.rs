//! W4: the first proof of a closed bucket, and opening one for writing.

use super::{Setup, filled};
use crate::Fallible;
use crate::data::{Pieces, random, random_below};
use crate::figures::{Bound, Plot, Section, Shape, Table, Target};
use crate::stats::{Samples, Summary, duration};
use crate::stores::{Kind, Store, check_proof};
use cairn_bucket::{Bucket, StateRef};
use cairn_engine::{Access, Durability, SharedResources};
use cairn_primitives::{Commitment, LeafIndex};
use std::collections::BTreeMap;
use std::path::Path;

const STREAM: u64 = 4;
/// Buckets open at once while they are created.
const OPEN: u32 = 64;
/// The stores with a database for each bucket.
const PEERS: [Kind; 3] = [Kind::Sqlite, Kind::Sled, Kind::Lmdb];
/// Cairn's buckets on RocksDB's default options, opened for writing only.
const DEFAULT: &str = "default, read-write";
const CAIRN: &str = "cairn";

const PROOF: &str = "first proof";
const REOPENED: &str = "reopen for writing";
const COMMIT: &str = "first durable commit";

/// The operation and the store.
type Measured = BTreeMap<(&'static str, &'static str), Samples>;

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let buckets = setup.choose(120, 1_000);
    let pieces = Pieces::new()?;
    let mut measured = Measured::new();
    let mut roots = Vec::new();
    for kind in [Kind::Cairn, Kind::Default] {
        let folder = setup.scratch("cold")?;
        let (_, commitment) = filled::store(kind, folder.path(), buckets, OPEN, &pieces)?;
        roots.push(commitment);
        let shared = SharedResources::default();
        match kind {
            Kind::Cairn => {
                let folders = folder.path().join("buckets");
                open_each(CAIRN, &folders, &shared, &commitment, &mut measured)?;
            }
            _ => {
                let shared = shared.with_rocksdb_defaults();
                open_each(DEFAULT, folder.path(), &shared, &commitment, &mut measured)?;
            }
        }
    }
    for kind in PEERS {
        let folder = setup.scratch("cold")?;
        let (store, commitment) = filled::store(kind, folder.path(), buckets, OPEN, &pieces)?;
        roots.push(commitment);
        use_each(kind.name(), &*store, buckets, &commitment, &mut measured)?;
    }
    if roots.windows(2).any(|pair| pair.first() != pair.last()) {
        return Err("stores have different roots over the same leaves".into());
    }
    report(buckets, &measured)
}

/// Opens each bucket's folder, as the pool does for a closed bucket.
fn open_each(
    who: &'static str,
    folder: &Path,
    shared: &SharedResources,
    commitment: &Commitment,
    measured: &mut Measured,
) -> Fallible<()> {
    let access = match who {
        CAIRN => Access::ReadOnly,
        _ => Access::ReadWrite,
    };
    let mut rng = random(STREAM);
    let entries = std::fs::read_dir(folder)?;
    let paths: Vec<_> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Fallible<_>>()?;
    for path in &paths {
        let leaf = LeafIndex(random_below(&mut rng, commitment.leaf_count.get()));
        let samples = measured.entry((PROOF, who)).or_default();
        let (bucket, proof) = samples.time(|| {
            let bucket = Bucket::open(path, access, shared)?;
            let proof = bucket.view(StateRef::Newest)?.mmr_proof(leaf)?;
            Ok((bucket, proof))
        })?;
        check_proof(proof.proof(), leaf, commitment)?;
        bucket.close()?;
    }
    let leaf = filled::leaf(&Pieces::new()?)?;
    for (turn, path) in paths.iter().enumerate() {
        let open = || Ok(Bucket::open(path, Access::ReadWrite, shared)?);
        let bucket = if turn % 2 == 0 {
            let samples = measured.entry((REOPENED, who)).or_default();
            samples.time(open)?
        } else {
            let samples = measured.entry((COMMIT, who)).or_default();
            samples.time(|| {
                let bucket = open()?;
                bucket.commit(&[leaf], Durability::Synced)?;
                Ok(bucket)
            })?
        };
        bucket.close()?;
    }
    Ok(())
}

/// Uses each bucket of a store, all of which are closed.
fn use_each(
    who: &'static str,
    store: &dyn Store,
    buckets: u64,
    commitment: &Commitment,
    measured: &mut Measured,
) -> Fallible<()> {
    let mut rng = random(STREAM);
    for id in 1..=buckets {
        store.flush()?;
        let leaf = LeafIndex(random_below(&mut rng, commitment.leaf_count.get()));
        let samples = measured.entry((PROOF, who)).or_default();
        let proof = samples.time(|| store.prove(id, leaf))?;
        check_proof(&proof, leaf, commitment)?;
    }
    let leaf = filled::leaf(&Pieces::new()?)?;
    for id in 1..=buckets {
        store.flush()?;
        let samples = measured.entry((COMMIT, who)).or_default();
        samples.time(|| store.commit(id, &[leaf], Durability::Synced))?;
    }
    Ok(())
}

fn report(buckets: u64, measured: &Measured) -> Fallible<Section> {
    let head = ["what", "who"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new("One closed bucket after the other:", head);
    let mut bars = Vec::new();
    let mut summaries = BTreeMap::new();
    for what in [PROOF, REOPENED, COMMIT] {
        for ((_, who), samples) in measured.iter().filter(|((of, _), _)| *of == what) {
            let summary = samples.summary()?;
            let start = [what.to_owned(), (*who).to_owned()];
            table.row(start.into_iter().chain(summary.cells()));
            let bar = (format!("{who}: {what}"), summary.p50 / 1e3);
            bars.extend((what == PROOF).then_some(bar));
            summaries.insert((what, *who), summary);
        }
    }
    let of = |what, who| {
        let found = summaries.get(&(what, who)).copied();
        found.ok_or("a store was not measured")
    };
    let ours = of(PROOF, CAIRN)?;
    let reopened = of(REOPENED, DEFAULT)?;
    let tail = ours.p99.ok_or("too few buckets for a p99")?;
    let faster: Vec<_> = PEERS
        .into_iter()
        .filter_map(|kind| {
            let theirs = of(PROOF, kind.name()).ok()?;
            (theirs.p50 < ours.p50).then(|| format!("{} {}", kind.name(), duration(theirs.p50)))
        })
        .collect();
    let remark = if faster.is_empty() {
        "No store is faster with its first proof.".into()
    } else {
        format!(
            "Faster with the first proof than Cairn ({}) are: {}. They open one or two files; \
             RocksDB first reads its list of files, its log and the ends of its tables.",
            duration(ours.p50),
            faster.join(", ")
        )
    };
    Ok(Section {
        id: "W4",
        title: "Cold buckets",
        method: format!(
            "{buckets} buckets of {} leaves and one content of 1 KiB for each store that opens a \
             database for each bucket; files are in the page cache. Cairn opens for reading where \
             that suffices; `{DEFAULT}` is the same layout with RocksDB's default options, opened \
             for writing. Each first proof and first commit includes the opening, but not the \
             closing.",
            filled::LEAVES
        ),
        targets: vec![
            Target {
                aim: "first proof of a closed bucket, over a read-write reopen with default options",
                bound: Bound::AtMost(0.2),
                measured: ours.p50 / reopened.p50,
                unit: "",
            },
            Target {
                aim: "p99 of that first proof, over its p50",
                bound: Bound::AtMost(3.0),
                measured: tail / ours.p50,
                unit: "",
            },
        ],
        tables: vec![table],
        plots: vec![Plot {
            file: "w4-cold",
            title: "First proof of a closed bucket".into(),
            shape: Shape::Bars {
                along: "microseconds (p50)",
                bars,
            },
        }],
        remarks: vec![remark],
    })
}
