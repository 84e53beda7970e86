//! W11: the space that isolation costs when buckets hold the same chunks.

use super::Setup;
use crate::Fallible;
use crate::data::random_bytes;
use crate::figures::{Bound, Plot, Section, Series, Shape, Table, Target};
use crate::stores::{CairnStore, Store};
use cairn_provider::DedupReport;
use std::path::Path;

/// Chunks of each bucket.
const CHUNKS: u64 = 20;
const SHARED_PERCENT: [u64; 4] = [0, 10, 50, 90];
const MAX_OPEN: u32 = 64;
const MIB: f64 = 1_048_576.0;

/// The result for one share of common chunks.
struct Measured {
    percent: u64,
    dedup: DedupReport,
    /// Bytes of the files that hold chunks.
    in_files: u64,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let buckets = setup.choose(40, 100);
    let chunk = setup.choose(16 << 10, 64 << 10);
    let mut all = Vec::new();
    for percent in SHARED_PERCENT {
        all.push(measure(setup, percent, buckets, chunk)?);
    }
    report(&all, buckets, chunk)
}

fn measure(setup: &Setup, percent: u64, buckets: u64, chunk: usize) -> Fallible<Measured> {
    let folder = setup.scratch("dedup")?;
    let common = CHUNKS.saturating_mul(percent) / 100;
    let store = CairnStore::open(folder.path(), MAX_OPEN)?;
    for id in 1..=buckets {
        store.create(id)?;
        for number in 0..CHUNKS {
            let of = if number < common { 0 } else { id };
            let stream = of.saturating_mul(CHUNKS).saturating_add(number);
            store.put(id, &random_bytes(stream, chunk))?;
        }
    }
    store.flush()?;
    let dedup = store.provider.dedup();
    drop(store);
    let apart = CHUNKS.saturating_sub(common).saturating_mul(buckets);
    let distinct = apart.saturating_add(common);
    if (dedup.chunks, dedup.distinct_chunks) != (buckets.saturating_mul(CHUNKS), distinct) {
        return Err(format!("the index counts {dedup:?}, and {distinct} are distinct").into());
    }
    Ok(Measured {
        percent,
        dedup,
        in_files: blob_bytes(&folder.path().join("buckets"))?,
    })
}

/// Returns the bytes of all files below `path` that hold chunks.
fn blob_bytes(path: &Path) -> Fallible<u64> {
    let mut sum = 0_u64;
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            sum = sum.saturating_add(blob_bytes(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "blob") {
            sum = sum.saturating_add(path.metadata()?.len());
        }
    }
    Ok(sum)
}

fn report(all: &[Measured], buckets: u64, chunk: usize) -> Fallible<Section> {
    let head = ["shared", "chunks", "bytes, isolated", "distinct chunks"];
    let head = head
        .into_iter()
        .chain(["bytes, if shared", "isolation costs", "blob files"]);
    let mut table = Table::new("The index's counts, and the size of the files:", head);
    let mut isolated = Vec::new();
    let mut distinct = Vec::new();
    let mut off = 0.0_f64;
    for Measured {
        percent,
        dedup,
        in_files,
    } in all
    {
        let mib = |bytes: u64| bytes as f64 / MIB;
        let (held, unique) = (dedup.bytes as f64, dedup.distinct_bytes as f64);
        table.row([
            format!("{percent} %"),
            dedup.chunks.to_string(),
            format!("{:.1} MiB", mib(dedup.bytes)),
            dedup.distinct_chunks.to_string(),
            format!("{:.1} MiB", mib(dedup.distinct_bytes)),
            format!("{:.2} times", held / unique),
            format!("{:.1} MiB", mib(*in_files)),
        ]);
        off = off.max((*in_files as f64 / held - 1.0).abs());
        isolated.push((*percent as f64, mib(dedup.bytes)));
        distinct.push((*percent as f64, mib(dedup.distinct_bytes)));
    }
    // The axes are logarithmic, and 0 has no logarithm.
    let series = |name: &str, points: Vec<(f64, f64)>| Series {
        name: name.into(),
        points: points.into_iter().filter(|point| point.0 > 0.0).collect(),
    };
    Ok(Section {
        id: "W11",
        title: "The cost of isolation",
        method: format!(
            "{buckets} buckets of {CHUNKS} chunks of {} KiB, a part of which is the same \
             in all buckets. The index's counts are compared with the stored chunks, and its bytes \
             with the files that hold chunks, after all buckets are closed.",
            chunk >> 10
        ),
        targets: vec![Target {
            aim: "difference between the blob files and the bytes that the index counts",
            bound: Bound::AtMost(0.02),
            measured: off,
            unit: "",
        }],
        tables: vec![table],
        plots: vec![Plot {
            file: "w11-dedup",
            title: format!("Bytes of {buckets} buckets"),
            shape: Shape::Lines {
                across: "per cent of chunks shared",
                up: "MiB",
                series: vec![
                    series("isolated", isolated),
                    series("if buckets shared", distinct),
                ],
            },
        }],
        remarks: vec![
            "One database for all buckets would hold only the distinct bytes: what it costs a \
             bucket to be deleted, copied and lost by itself grows with what buckets share."
                .into(),
        ],
    })
}
