//! The full answer to a challenge of a large object: the leaf's proof, the chunk and its path.

use super::Setup;
use crate::Fallible;
use crate::data::{Pieces, RandomContent, random, random_below};
use crate::figures::Table;
use crate::peers::{Cairn, Legacy, Peer, agree};
use crate::stats::{Samples, Summary};
use cairn_bucket::{NewLeaf, StateRef};
use cairn_engine::Durability;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, chunk_count};
use cairn_primitives::{ChunkIndex, H256, HashingProfile, LeafIndex, verify};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Leaves before the object, which is the last one.
const LEAVES_BEFORE: u64 = 999;
const STREAM: u64 = 33;

/// Returns the part of the report on full answers.
pub(super) struct Answers {
    pub(super) method: String,
    pub(super) table: Table,
}

pub(super) fn run(setup: &Setup, pieces: &Pieces) -> Fallible<Answers> {
    let length = setup.choose(128 << 20, 1 << 30);
    let folder = setup.scratch("answer")?;
    let mut cairn = Cairn::create(&folder.path().join("cairn"), pieces)?;
    cairn.fill(pieces, LEAVES_BEFORE)?;
    let stored = cairn.0.ingest(RandomContent::new(STREAM, length))?;
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    cairn.0.commit(&[leaf], Durability::Synced)?;
    let mut legacy = Legacy::create(&folder.path().join("legacy"), pieces)?;
    legacy.fill(pieces, LEAVES_BEFORE)?;
    legacy.upload(RandomContent::new(STREAM, length))?;
    legacy.commit(leaf)?;
    agree(&legacy, &cairn)?;
    let flat = folder.path().join("flat");
    let mut copy = File::create(&flat)?;
    std::io::copy(&mut RandomContent::new(STREAM, length), &mut copy)?;
    let measured = measure(setup, &cairn, &mut legacy, &flat, leaf.data_size)?;
    let head = ["who"].into_iter().chain(Summary::HEAD);
    let mut table = Table::new(
        "One full answer, leaf and chunk, warm:",
        head.chain(["over cairn"]),
    );
    let ours = measured.cairn.summary()?.p50;
    for (name, samples) in [
        ("cairn", &measured.cairn),
        ("legacy", &measured.legacy),
        ("one chunk read from a flat file and hashed", &measured.flat),
    ] {
        let summary = samples.summary()?;
        let ratio = format!("{:.2}", summary.p50 / ours);
        let cells = [name.to_owned()].into_iter().chain(summary.cells());
        table.row(cells.chain([ratio]));
    }
    Ok(Answers {
        method: format!(
            "Full answers are for random chunks of an object of {} MiB under leaf {LEAVES_BEFORE}; \
             those of `legacy` are not verified before they are returned.",
            length >> 20
        ),
        table,
    })
}

struct Measured {
    cairn: Samples,
    legacy: Samples,
    flat: Samples,
}

fn measure(
    setup: &Setup,
    cairn: &Cairn,
    legacy: &mut Legacy,
    flat: &Path,
    data_size: u64,
) -> Fallible<Measured> {
    let mut measured = Measured {
        cairn: Samples::default(),
        legacy: Samples::default(),
        flat: Samples::default(),
    };
    let mut rng = random(34);
    let chunks = chunk_count(data_size);
    let flat = File::open(flat)?;
    // Reads every byte once.
    for index in 0..chunks {
        our_answer(cairn, index)?;
        read_flat(&flat, index)?;
    }
    for _ in 0..setup.choose(400, 2_000) {
        let index = random_below(&mut rng, chunks);
        measured.cairn.time(|| our_answer(cairn, index))?;
        measured.flat.time(|| read_flat(&flat, index))?;
    }
    let budget = Duration::from_secs(setup.choose(3, 20));
    let start = Instant::now();
    while measured.legacy.len() < 2 || start.elapsed() < budget {
        let index = random_below(&mut rng, chunks);
        let place = usize::try_from(index)?;
        let answer = || legacy.answer(LeafIndex(LEAVES_BEFORE), place);
        let (proof, bytes, path) = measured.legacy.time(answer)?;
        let plain = HashingProfile::Plain;
        verify::chunk(plain, &bytes, ChunkIndex(index), &path, &proof.leaf)?;
    }
    Ok(measured)
}

fn our_answer(cairn: &Cairn, index: u64) -> Fallible<()> {
    let answer = cairn.0.view(StateRef::Newest)?.answer(ChunkLocation {
        leaf_index: LeafIndex(LEAVES_BEFORE),
        chunk_index: ChunkIndex(index),
    })?;
    std::hint::black_box(answer);
    Ok(())
}

fn read_flat(file: &File, index: u64) -> Fallible<H256> {
    let mut bytes = vec![0; CHUNK_BYTES];
    let at = index.saturating_mul(u64::try_from(CHUNK_BYTES)?);
    file.read_exact_at(&mut bytes, at)?;
    Ok(HashingProfile::Plain.chunk(&bytes))
}
