//! W9: storing content and committing it durably, reading it cold and warm, and looking up absent
//! hashes.

use super::Setup;
use crate::Fallible;
use crate::data::{Pieces, random, random_bytes, random_hash};
use crate::disk::{CacheDrop, allocated, drop_from_cache};
use crate::figures::{Bound, Plot, Section, Shape, Table, Target};
use crate::peers::{Cairn, Legacy};
use crate::stats::{Samples, Summary, duration};
use cairn_bucket::{Bucket, NewLeaf, StateRef};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{HashingProfile, LeafIndex};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const STREAM: u64 = 9;

/// The durations of each operation, one sample per round.
#[derive(Default)]
struct Measured {
    ingest: Samples,
    legacy: Samples,
    flat: Samples,
    hash: Samples,
    read_cold: Samples,
    open_cold: Samples,
    read_warm: Samples,
    flat_cold: Samples,
    flat_warm: Samples,
    absent: Samples,
    absent_reopened: Samples,
    bytes_on_disk: u64,
    dropped: Option<CacheDrop>,
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let chunks = setup.choose(400, 2_000);
    let content = random_bytes(STREAM, chunks * CHUNK_BYTES);
    let pieces = Pieces::new()?;
    let mut measured = Measured::default();
    let rounds = setup.choose(5, 5);
    for _ in 0..rounds {
        round(setup, &content, &pieces, &mut measured)?;
    }
    report(&measured, content.len(), chunks)
}

fn round(setup: &Setup, content: &[u8], pieces: &Pieces, measured: &mut Measured) -> Fallible<()> {
    let folder = setup.scratch("ingest")?;
    let flat = folder.path().join("flat");
    measured.hash.time(|| {
        let chunks = content.chunks(CHUNK_BYTES);
        chunks.for_each(|chunk| {
            std::hint::black_box(HashingProfile::Plain.chunk(chunk));
        });
        Ok(())
    })?;
    measured.flat.time(|| write_flat(&flat, content))?;
    let path = folder.path().join("cairn");
    let cairn = Cairn::create(&path, pieces)?;
    measured.ingest.time(|| {
        let stored = cairn.0.ingest(content)?;
        cairn.commit_durably(NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        })
    })?;
    let legacy = Legacy::create(&folder.path().join("legacy"), pieces)?;
    measured.legacy.time(|| legacy.upload(content))?;
    drop(legacy);
    absent(&mut measured.absent, &cairn.0, setup)?;
    drop(cairn);
    measured.bytes_on_disk = allocated(&path)?;
    read_back(setup, &path, &flat, content.len(), measured)
}

/// Hashing each chunk, and writing and syncing one file.
fn write_flat(path: &Path, content: &[u8]) -> Fallible<()> {
    let mut file = File::create(path)?;
    for chunk in content.chunks(CHUNK_BYTES) {
        std::hint::black_box(HashingProfile::Plain.chunk(chunk));
        file.write_all(chunk)?;
    }
    Ok(file.sync_all()?)
}

fn read_flat(path: &Path) -> Fallible<()> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; CHUNK_BYTES];
    let chunks = file.metadata()?.len() / u64::try_from(CHUNK_BYTES)?;
    for _ in 0..chunks {
        file.read_exact(&mut bytes)?;
        std::hint::black_box(HashingProfile::Plain.chunk(&bytes));
    }
    Ok(())
}

fn read_back(
    setup: &Setup,
    path: &Path,
    flat: &Path,
    length: usize,
    measured: &mut Measured,
) -> Fallible<()> {
    drop_from_cache(flat)?;
    measured.dropped = Some(drop_from_cache(path)?);
    measured.flat_cold.time(|| read_flat(flat))?;
    measured.flat_warm.time(|| read_flat(flat))?;
    let shared = SharedResources::default();
    let open = || Ok(Bucket::open(path, Access::ReadOnly, &shared)?);
    let bucket = measured.open_cold.time(open)?;
    let read = || -> Fallible<()> {
        let view = bucket.view(StateRef::Newest)?;
        let read = view.read_content(LeafIndex(0), &mut std::io::sink())?;
        if usize::try_from(read)? == length {
            Ok(())
        } else {
            Err("the content that was read differs from the stored one".into())
        }
    };
    measured.read_cold.time(read)?;
    measured.read_warm.time(read)?;
    absent(&mut measured.absent_reopened, &bucket, setup)
}

fn absent(samples: &mut Samples, bucket: &Bucket, setup: &Setup) -> Fallible<()> {
    let mut rng = random(STREAM + 1);
    let mut found = 0_usize;
    for _ in 0..setup.choose(2_000, 20_000) {
        let hash = random_hash(&mut rng);
        found += usize::from(samples.time(|| Ok(bucket.contains(&hash)?))?);
    }
    if found == 0 {
        Ok(())
    } else {
        Err("a random hash was found".into())
    }
}

fn report(measured: &Measured, length: usize, chunks: usize) -> Fallible<Section> {
    let mebibytes = (length >> 20) as f64;
    let head = ["what", "MiB/s"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new("The whole content:", head);
    let mut bars = Vec::new();
    for (name, samples, drawn) in [
        ("cairn: ingest and durable commit", &measured.ingest, true),
        ("hash, write and sync a flat file", &measured.flat, true),
        ("legacy: upload, unsynced", &measured.legacy, true),
        ("hash alone", &measured.hash, false),
        ("cairn: read, cold", &measured.read_cold, true),
        ("flat file: read and hash, cold", &measured.flat_cold, true),
        ("cairn: read, warm", &measured.read_warm, true),
        ("flat file: read and hash, warm", &measured.flat_warm, true),
    ] {
        let summary = samples.summary()?;
        let rate = mebibytes / (summary.p50 / 1e9);
        let start = [name.to_owned(), format!("{rate:.0}")];
        table.row(start.into_iter().chain(summary.cells()));
        bars.extend(drawn.then(|| (name.to_owned(), rate)));
    }
    let mut lookups = Table::new(
        "One lookup of an absent hash:",
        ["bucket"].into_iter().chain(Summary::HEAD),
    );
    let fresh = measured.absent.summary()?;
    let reopened = measured.absent_reopened.summary()?;
    for (name, summary) in [
        ("right after the upload", fresh),
        ("reopened for reading", reopened),
    ] {
        lookups.row([name.to_owned()].into_iter().chain(summary.cells()));
    }
    let flat = measured.flat.summary()?.p50;
    let share = flat / measured.ingest.summary()?.p50;
    let how = measured.dropped.map_or("nothing", CacheDrop::description);
    Ok(Section {
        id: "W9",
        title: "Ingest",
        method: format!(
            "{chunks} chunks of 256 KiB of random bytes, held in memory, as one reader; in turns \
             with a flat file. Cold means a reopened bucket with {how}; both readers check every \
             chunk's hash. `legacy` neither syncs nor hashes in the background, and its quota's \
             bookkeeping is left out."
        ),
        targets: vec![
            Target {
                aim: "share of the rate of hashing plus writing and syncing one flat file",
                bound: Bound::AtLeast(0.7),
                measured: share,
                unit: "",
            },
            Target {
                aim: "p50 of an absent lookup, the slower of both",
                bound: Bound::AtMost(5.0),
                measured: fresh.p50.max(reopened.p50) / 1e3,
                unit: " µs",
            },
        ],
        tables: vec![table, lookups],
        plots: vec![Plot {
            file: "w9-ingest",
            title: "Content in and out".into(),
            shape: Shape::Bars {
                along: "MiB a second",
                bars,
            },
        }],
        remarks: vec![format!(
            "Opening the cold bucket for reading took {} (p50), which is not included above; \
             on disk it takes {:.2} times its content.",
            duration(measured.open_cold.summary()?.p50),
            measured.bytes_on_disk as f64 / length as f64
        )],
    })
}
