//! Flips a bit in each file of one bucket in turn. The damage is found, or is harmless: every
//! answer is right, and the 99 other buckets answer throughout.

mod fixture;

use cairn_bucket::{StateRef, fsck};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, HashingProfile, LeafIndex, chain_rule, verify,
};
use cairn_provider::{LeaseRequest, Provider};
use fixture::{Fixture, copy, open_provider};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

const BUCKETS: u64 = 100;
const DAMAGED: u64 = 42;
/// Flipped bits per file, spread over its length.
const FLIPS: usize = 3;

/// The answers of a bucket with a damaged file.
#[derive(Default)]
struct Outcome {
    answered: usize,
    refused: usize,
}

fn location(commitment: &Commitment, leaf: u64) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(leaf % commitment.leaf_count.get()),
        chunk_index: ChunkIndex(0),
    }
}

/// Proves every leaf at every signed root. Each answer must pass both rules against that
/// root.
fn prove_all(provider: &Provider, bucket: u64, signed: &[Commitment]) -> Outcome {
    let profile = HashingProfile::Plain;
    let mut outcome = Outcome::default();
    for commitment in signed {
        for leaf in 0..commitment.leaf_count.get() {
            let location = location(commitment, leaf);
            let at = StateRef::Root(commitment.mmr_root);
            let Ok(answer) = provider.answer(BucketId(bucket), at, location) else {
                outcome.refused += 1;
                continue;
            };
            let content = fixture::content(bucket, leaf);
            assert_eq!(answer.chunk_data(), content);
            let root = commitment.mmr_root;
            let count = commitment.leaf_count;
            verify::mmr_proof(profile, answer.mmr_proof(), LeafIndex(leaf), count, &root).unwrap();
            chain_rule::mmr_proof(profile, answer.mmr_proof(), &root).unwrap();
            outcome.answered += 1;
        }
    }
    outcome
}

#[test]
fn i7_a_flipped_bit_in_any_file_is_found_or_harmless() {
    let ids: Vec<_> = (1..=BUCKETS).collect();
    let fixture = Fixture::with_buckets(&ids);
    let signed: BTreeMap<_, _> = ids.iter().map(|id| (*id, fixture.signed_of(*id))).collect();
    let (folder, pristine) = (fixture.folder_of(DAMAGED), fixture.outside("pristine"));
    let mut random = ChaCha8Rng::seed_from_u64(13371337);
    // Flushed, so that the data is in many files and not only in the log.
    drop(open_provider(&fixture.base()));
    copy(&folder, &pristine);
    let mut files: Vec<_> = std::fs::read_dir(&pristine)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    let (mut found, mut harmless) = (0, 0);
    for name in &files {
        let bytes = std::fs::read(pristine.join(name)).unwrap();
        if bytes.is_empty() {
            continue;
        }
        for flip in 0..FLIPS {
            let part = bytes.len().div_ceil(FLIPS);
            let from = (flip * part).min(bytes.len() - 1);
            let at = random.gen_range(from..(from + part).min(bytes.len()));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << random.gen_range(0..8);
            std::fs::remove_dir_all(&folder).unwrap();
            copy(&pristine, &folder);
            std::fs::write(folder.join(name), &flipped).unwrap();

            let provider = open_provider(&fixture.base());
            let asked = prove_all(&provider, DAMAGED, &signed[&DAMAGED]);
            let writable = provider.blocking_lease(BucketId(DAMAGED), LeaseRequest::write());
            let is_clean = writable.is_ok_and(|lease| {
                let report = lease.run(|bucket| fsck(bucket, |_| {}));
                report.is_ok_and(|report| report.is_clean())
            });
            let is_found = !provider.quarantined().is_empty() || !is_clean;
            // A refusal shows the damage; without one, every answer must be there.
            assert!(
                asked.refused == 0 || is_found,
                "{name:?} at {at}: {} answers are missing without an error",
                asked.refused
            );
            found += usize::from(is_found);
            harmless += usize::from(!is_found);
            for id in ids.iter().filter(|id| **id != DAMAGED) {
                let newest = signed[id].last().copied();
                let neighbour = prove_all(&provider, *id, newest.as_slice());
                assert_eq!(neighbour.refused, 0, "{name:?} at {at}: neighbour {id}");
            }
            drop(provider);
            // The damage is undone before the next one.
            std::fs::remove_dir_all(&folder).unwrap();
            copy(&pristine, &folder);
            let provider = open_provider(&fixture.base());
            provider.accept(BucketId(DAMAGED), false).unwrap();
        }
    }
    println!("found {found}, harmless {harmless}");
    assert!(found > 0 && harmless > 0);
}
