//! Commits, uploads and proofs while a bucket is pruned and released.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the loops of other threads when the test ends, also by a panic.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn no_commit_that_races_a_prune_is_lost() {
    const THREADS: u64 = 3;
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let leaf = fixture.ingest(b"the same each time");
    bucket.commit(&[leaf], Durability::Buffered).unwrap();
    let ended = AtomicBool::new(false);
    let mut made: Vec<Committed> = std::thread::scope(|scope| {
        let ends = Ends(&ended);
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut made = vec![];
                    while !ended.load(Ordering::SeqCst) {
                        made.push(bucket.commit(&[leaf], Durability::Buffered).unwrap());
                    }
                    made
                })
            })
            .collect();
        for round in 1..=20u64 {
            // Wait for a leaf to drop: the last prune may have left none.
            let before = loop {
                let tip = bucket.tip();
                let before = Sequence(tip.end().0 - round % 7);
                if tip.end().0 >= round * 50 && before > tip.tree {
                    break before;
                }
                std::thread::yield_now();
            };
            let pruned = bucket.prune(before, None).unwrap();
            assert_eq!(pruned.commitment.start_seq, before);
        }
        drop(ends);
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    // The leaves have distinct sequences, without a gap.
    let sequence = |made: &Committed| {
        let tree = made.commitment.start_seq;
        tree.checked_add(made.first_leaf).unwrap().0
    };
    made.sort_by_key(sequence);
    let sequences: Vec<_> = made.iter().map(sequence).collect();
    assert_eq!(sequences, (1..bucket.tip().end().0).collect::<Vec<_>>());
    // Each got the commitment of its tree at its leaf count.
    let mut frontier = Frontier::empty(HashingProfile::Plain);
    let mut tree = Sequence(0);
    let leaf_at = |sequence: u64| MmrLeaf {
        data_root: leaf.data_root,
        data_size: leaf.data_size,
        total_size: leaf.data_size * (sequence + 1),
    };
    frontier.append(HashingProfile::Plain.leaf(&leaf_at(0)), |_, _| {});
    for made in &made {
        let sequence = sequence(made);
        if made.commitment.start_seq != tree {
            tree = made.commitment.start_seq;
            frontier = Frontier::empty(HashingProfile::Plain);
            for before in tree.0..sequence {
                frontier.append(HashingProfile::Plain.leaf(&leaf_at(before)), |_, _| {});
            }
        }
        frontier.append(HashingProfile::Plain.leaf(&leaf_at(sequence)), |_, _| {});
        assert_eq!(made.commitment.mmr_root, frontier.root(), "leaf {sequence}");
    }
    assert!(fsck(bucket, |_| {}).unwrap().is_clean());
}

#[test]
fn an_admins_signature_holds_despite_concurrent_commits() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let leaf = fixture.ingest(b"the same each time");
    bucket.commit(&[leaf; 40], Durability::Buffered).unwrap();
    let signed = bucket.preview_prune(Sequence(20)).unwrap();
    // Blocking commits here also blocks the prune, after it has checked the
    // signature.
    let pruned = std::thread::scope(|scope| {
        let committing = bucket.commit_lock.read();
        let before = bucket.engine.probe.counts().0;
        let pruning = scope.spawn(|| bucket.prune(Sequence(20), Some(sign_deletion(signed))));
        while bucket.engine.probe.counts().0 < before + 5 || !is_prune_waiting(bucket) {
            std::thread::yield_now();
        }
        let mut tip = Tip::clone(&bucket.tip());
        let next = MmrLeaf {
            data_root: leaf.data_root,
            data_size: leaf.data_size,
            total_size: tip.total_size + leaf.data_size,
        };
        let mut batch = bucket.engine.batch();
        let hash = HashingProfile::Plain.leaf(&next);
        tip.frontier.append(hash, |position, hash| {
            let key = layout::node_key(Sequence(0), position);
            batch.put(Family::Tree, key, hash.as_bytes());
        });
        (tip.root, tip.total_size) = (tip.frontier.root(), next.total_size);
        batch.put(
            Family::Tree,
            layout::leaf_key(Sequence(40)),
            &next.to_bytes(),
        );
        let state = tip.record(bucket.id, bucket.config).encode();
        batch.put(Family::Tree, layout::STATE_KEY, &state);
        bucket.engine.write(batch, Durability::Buffered).unwrap();
        *bucket.tip.write() = Arc::new(tip);
        drop(committing);
        pruning.join().unwrap().unwrap()
    });
    assert_eq!(pruned.retired.new_root, signed.mmr_root);
    assert_eq!(pruned.retired.commitment.leaf_count, count(41));
    assert_eq!(pruned.commitment.leaf_count, count(21));
    assert_ne!(pruned.commitment.mmr_root, signed.mmr_root);
    assert_eq!(bucket.commitment(), pruned.commitment);
    assert_eq!(bucket.retired_trees().unwrap(), [pruned.retired]);
    assert!(fsck(bucket, |_| {}).unwrap().is_clean());
}

/// Returns whether a prune waits to block commits.
fn is_prune_waiting(bucket: &Bucket) -> bool {
    bucket.commit_lock.try_read().is_none()
}

#[test]
fn i1_uploads_and_commits_that_race_releases_are_complete() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    let ended = AtomicBool::new(false);
    let contents: Vec<_> = [&[1, 2, 3][..], &[1, 2], &[2, 3, 1, 2, 5], &[1], &[3, 1, 2]]
        .map(bytes_of)
        .into();
    let bucket = fixture.bucket();
    std::thread::scope(|scope| {
        let ends = Ends(&ended);
        for thread in 0..2 {
            let (contents, ended) = (&contents, &ended);
            scope.spawn(move || {
                for turn in 0.. {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let content = &contents[(turn + thread) % contents.len()];
                    let stored = bucket.ingest(&content[..]).unwrap();
                    let leaf = NewLeaf {
                        data_root: stored.data_root,
                        data_size: stored.data_size,
                    };
                    match bucket.commit_signed(&[leaf], &signer()) {
                        Ok(_) => {}
                        // It was removed with a leaf of the same content.
                        Err(CommitError::UnknownDataRoot { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        for round in 1..=12u64 {
            while bucket.tip().end().0 < round * 3 {
                std::thread::yield_now();
            }
            let tree = bucket.tip().tree;
            bucket.prune(bucket.tip().end(), None).unwrap();
            // Uploads that follow one another without a pause do not delay it.
            bucket.release(tree).unwrap();
        }
        drop(ends);
    });
    for _ in 0..2 {
        let bucket = fixture.bucket();
        let report = fsck(bucket, |_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        for signed_root in bucket.signed_roots().unwrap() {
            let Commitment {
                mmr_root,
                leaf_count,
                ..
            } = signed_root.unwrap().commitment;
            let view = bucket.view(StateRef::Root(mmr_root)).unwrap();
            for leaf in 0..leaf_count.get() {
                view.read_content(LeafIndex(leaf), &mut std::io::sink())
                    .unwrap();
            }
        }
        fixture.reopen();
    }
}
