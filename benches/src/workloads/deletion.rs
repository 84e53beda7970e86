//! W8: deleting one large bucket, and half of many small ones: the time until the call returns and
//! until the space is free, and the effect on other buckets.

use super::{Setup, filled};
use crate::Fallible;
use crate::data::{Pieces, RandomContent, random, random_below};
use crate::disk::allocated;
use crate::figures::{Bound, Section, Table, Target};
use crate::stats::{Samples, Summary, count, duration};
use crate::stores::{Kind, Store};
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::LeafIndex;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tempfile::TempDir;

const STREAM: u64 = 8;
const KINDS: [Kind; 3] = [Kind::Cairn, Kind::Shared, Kind::Legacy];
/// Buckets that may be open.
const OPEN: u32 = 64;
/// A bucket that stays.
const STAYS: u64 = 1;
const LARGE: u64 = 2;
/// The size of each content of the large bucket.
const CONTENT: usize = 16 << 20;
/// Leaves per commit while it is filled.
const BATCH: usize = 1_000;

/// The result of a deletion.
struct Measured {
    kind: Kind,
    what: String,
    calls: Samples,
    until_back: f64,
    /// Bytes of the deleted buckets, and bytes that are free again.
    taken: f64,
    back: f64,
    idle: Samples,
    meanwhile: Samples,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let pieces = Pieces::new()?;
    let mut all = Vec::new();
    for kind in KINDS {
        all.push(one_large(setup, kind, &pieces)?);
        all.push(half_of_many(setup, kind, &pieces)?);
    }
    report(&all)
}

/// A store in a folder of its own.
struct Fixture {
    kind: Kind,
    folder: TempDir,
}

impl Fixture {
    fn new(setup: &Setup, kind: Kind) -> Fallible<Self> {
        let folder = setup.scratch("deletion")?;
        Ok(Self { kind, folder })
    }

    fn open(&self) -> Fallible<Box<dyn Store>> {
        self.kind.open(self.folder.path(), OPEN)
    }

    /// Returns the bytes of all buckets while the store is closed, so that remaining buckets take
    /// the same each time; and the reopened store.
    fn bytes_when_closed(&self, store: Box<dyn Store>) -> Fallible<(f64, Box<dyn Store>)> {
        store.flush()?;
        drop(store);
        let folder = self.folder.path();
        let parts: Vec<_> = match self.kind {
            // Without the index, which belongs to no bucket.
            Kind::Cairn => ["buckets", "trash"].map(|name| folder.join(name)).into(),
            _ => vec![folder.to_owned()],
        };
        let sizes = parts.iter().map(|part| allocated(part));
        let held = sizes.sum::<Fallible<u64>>()? as f64;
        Ok((held, self.open()?))
    }

    /// Deletes buckets while another one gives proofs.
    fn measure(
        &self,
        what: String,
        store: Box<dyn Store>,
        doomed: &[u64],
        without: f64,
    ) -> Fallible<Measured> {
        let (before, store) = self.bytes_when_closed(store)?;
        let leaves = u64::try_from(filled::LEAVES)?;
        let mut rng = random(STREAM);
        let mut ask = |samples: &mut Samples| {
            let leaf = LeafIndex(random_below(&mut rng, leaves));
            samples.time(|| store.prove(STAYS, leaf)).map(drop)
        };
        let mut idle = Samples::default();
        for _ in 0..1_000 {
            ask(&mut idle)?;
        }
        let mut meanwhile = Samples::default();
        let over = AtomicBool::new(false);
        let delete_all = || -> Fallible<(Samples, f64)> {
            let mut calls = Samples::default();
            let start = Instant::now();
            for id in doomed {
                calls.time(|| store.delete(*id))?;
            }
            store.reclaim()?;
            Ok((calls, start.elapsed().as_secs_f64() * 1e9))
        };
        let (calls, until_back) = std::thread::scope(|scope| -> Fallible<_> {
            let deleting = scope.spawn(|| {
                let done = delete_all();
                over.store(true, Ordering::Relaxed);
                done
            });
            while !over.load(Ordering::Relaxed) {
                ask(&mut meanwhile)?;
            }
            deleting.join().map_err(|_| "the deleting thread ended")?
        })?;
        let (after, _) = self.bytes_when_closed(store)?;
        Ok(Measured {
            kind: self.kind,
            what,
            calls,
            until_back,
            taken: before - without,
            back: before - after,
            idle,
            meanwhile,
        })
    }
}

fn one_large(setup: &Setup, kind: Kind, pieces: &Pieces) -> Fallible<Measured> {
    let (leaves, contents) = setup.choose((10_000, 4), (100_000, 64));
    let ground = Fixture::new(setup, kind)?;
    let store = ground.open()?;
    filled::create(&*store, STAYS, pieces, filled::LEAVES)?;
    let (without, store) = ground.bytes_when_closed(store)?;
    store.create(LARGE)?;
    let mut stored: Vec<NewLeaf> = Vec::new();
    for stream in 0..contents {
        let mut bytes = Vec::with_capacity(CONTENT);
        let mut content = RandomContent::new(STREAM.saturating_add(stream), CONTENT);
        content.read_to_end(&mut bytes)?;
        stored.push(store.put(LARGE, &bytes)?);
    }
    let new: Vec<_> = stored.into_iter().cycle().take(leaves).collect();
    // In `legacy`, a commit replays all earlier leaves.
    let batch = if kind == Kind::Legacy { leaves } else { BATCH };
    for batch in new.chunks(batch) {
        store.commit(LARGE, batch, Durability::Synced)?;
    }
    let mebibytes = (CONTENT >> 20) as f64 * contents as f64;
    let what = format!("{} leaves, {mebibytes} MiB", count(u64::try_from(leaves)?));
    ground.measure(what, store, &[LARGE], without)
}

fn half_of_many(setup: &Setup, kind: Kind, pieces: &Pieces) -> Fallible<Measured> {
    let buckets = setup.choose(100, 1_000);
    let ground = Fixture::new(setup, kind)?;
    let store = ground.open()?;
    let last = buckets / 2;
    let fill = |store: &dyn Store, id: u64| -> Fallible<()> {
        // A content of its own, because `legacy` stores each content once.
        let mut content = vec![0; 1 << 10];
        RandomContent::new(STREAM.saturating_add(id), content.len()).read_exact(&mut content)?;
        store.create(id)?;
        let leaf = store.put(id, &content)?;
        let leaves = [leaf; filled::LEAVES];
        store.commit(id, &leaves, Durability::Synced)?;
        Ok(())
    };
    filled::create(&*store, STAYS, pieces, filled::LEAVES)?;
    (STAYS.saturating_add(1)..=last).try_for_each(|id| fill(&*store, id))?;
    let (without, store) = ground.bytes_when_closed(store)?;
    let doomed: Vec<_> = (last..buckets).map(|id| id.saturating_add(1)).collect();
    doomed.iter().try_for_each(|id| fill(&*store, *id))?;
    let what = format!("{} of {buckets} buckets", doomed.len());
    ground.measure(what, store, &doomed, without)
}

fn report(all: &[Measured]) -> Fallible<Section> {
    let head = [
        "store",
        "deleted",
        "call returns, p50",
        "slowest",
        "until space is free",
        "space freed",
        "proofs idle, p50",
        "p99",
        "meanwhile, p50",
        "p99",
    ];
    let mut table = Table::new("Deleting:", head);
    for measured in all {
        let (idle, meanwhile) = (measured.idle.summary()?, measured.meanwhile.summary()?);
        let tail = |summary: &Summary| summary.p99.map_or_else(|| "too few".into(), duration);
        table.row([
            measured.kind.name().to_owned(),
            measured.what.clone(),
            duration(measured.calls.summary()?.p50),
            duration(measured.calls.slowest()),
            duration(measured.until_back),
            format!("{:.1} %", measured.back / measured.taken * 100.0),
            duration(idle.p50),
            tail(&idle),
            duration(meanwhile.p50),
            tail(&meanwhile),
        ]);
    }
    let ours = || all.iter().filter(|one| one.kind == Kind::Cairn);
    let call = ours()
        .map(|one| Ok(one.calls.summary()?.p50))
        .collect::<Fallible<Vec<_>>>()?
        .into_iter()
        .fold(0.0, f64::max);
    let back = ours().map(|one| one.back / one.taken).fold(1.0, f64::min);
    let mut remarks = Vec::new();
    for one in ours() {
        for peer in all.iter().filter(|peer| peer.kind != Kind::Cairn) {
            let is_of = peer.what == one.what;
            let (theirs, ours) = (peer.calls.summary()?.p50, one.calls.summary()?.p50);
            if is_of && theirs < ours {
                remarks.push(format!(
                    "`{}` returns sooner when it deletes {} ({}): it writes marks and moves no folder; \
                     its space is free after {}, and Cairn's after {}.",
                    peer.kind.name(),
                    one.what,
                    duration(theirs),
                    duration(peer.until_back),
                    duration(one.until_back)
                ));
            }
        }
    }
    Ok(Section {
        id: "W8",
        title: "Deletion",
        method: "One large bucket, and half of many buckets of 64 leaves and a content of 1 KiB, one \
                 after the other, while another thread proves random leaves of a bucket that stays. \
                 Bytes are by allocation, with the store closed: before the deleted buckets were created, before they were deleted, and afterwards. \
                 `shared` deletes a range of keys and then compacts everything, and collects blobs of any \
                 age; `legacy` deletes the nodes under the bucket's roots key by key, as if it knew \
                 that no other bucket holds them, and then compacts all."
            .into(),
        targets: vec![
            Target {
                aim: "a call that deletes returns, the slower p50 of both",
                bound: Bound::AtMost(5.0),
                measured: call / 1e6,
                unit: " ms",
            },
            Target {
                aim: "share of the space of deleted buckets that is free again, the smaller of both",
                bound: Bound::AtLeast(1.0),
                measured: back,
                unit: "",
            },
        ],
        tables: vec![table],
        plots: vec![],
        remarks,
    })
}
