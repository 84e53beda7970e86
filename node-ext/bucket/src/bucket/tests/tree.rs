//! Commits, signatures and proofs, compared with a replay of all leaves.

use super::*;
use crate::error::IndicatesDamage;
use cairn_primitives::{chain_rule, sp_mmr};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any mix of batch sizes, with reopens between: every leaf at every
    /// leaf count, in both profiles and, where it exists, the second dialect.
    #[test]
    fn any_mix_of_batches_equals_its_replay(
        tagged: bool,
        batches in proptest::collection::vec((1u64..12, any::<bool>()), 1..10),
    ) {
        let profile = PROFILES[usize::from(tagged)];
        let mut fixture = Fixture::with_profile(profile);
        for (size, reopen) in batches {
            let first = fixture.leaves.len() as u64;
            let committed = fixture.commit(size);
            prop_assert_eq!(committed.first_leaf, LeafIndex(first));
            prop_assert_eq!(committed.commitment, fixture.replayed(first + size));
            if reopen {
                fixture.reopen();
            }
            fixture.check_newest();
        }
        for n in 1..=fixture.leaves.len() as u64 {
            let view = fixture.bucket().view(StateRef::LeafCount(count(n))).unwrap();
            let expected = fixture.replayed(n);
            for k in 0..n {
                let leaf = view.mmr_proof(LeafIndex(k)).unwrap();
                prop_assert_eq!(leaf.commitment(), expected);
                prop_assert_eq!(leaf.leaf(), fixture.leaves[k as usize]);
                let root = &expected.mmr_root;
                verify::mmr_proof(profile, leaf.proof(), LeafIndex(k), count(n), root).unwrap();
                chain_rule::mmr_proof(profile, leaf.proof(), root).unwrap();
            }
            check_second_dialect(&fixture, &view, n);
        }
    }
}

fn check_second_dialect(fixture: &Fixture, view: &View<'_>, n: u64) {
    let some: Vec<_> = (0..n).filter(|k| k % 3 != 1).map(LeafIndex).collect();
    if fixture.profile == HashingProfile::Tagged {
        let refused = view.sp_leaves_proof(&some);
        assert!(matches!(refused, Err(ProveError::PlainHashingOnly { .. })));
        return;
    }
    let sp_root = |n: u64| {
        let mut frontier = Frontier::empty(HashingProfile::Plain);
        for leaf in &fixture.leaves[..n as usize] {
            frontier
                .append(HashingProfile::Plain.leaf(leaf), |_, _| {})
                .unwrap();
        }
        sp_mmr::bag(frontier.peaks())
    };
    let proven = view.sp_leaves_proof(&some).unwrap();
    assert_eq!(proven.root(), sp_root(n));
    let expected: Vec<_> = some.iter().map(|k| fixture.leaves[k.0 as usize]).collect();
    assert_eq!(proven.leaves(), expected);
    let hashes: Vec<_> = expected
        .iter()
        .map(|leaf| HashingProfile::Plain.leaf(leaf))
        .collect();
    sp_mmr::verify_leaves(proven.proof(), &hashes, &proven.root()).unwrap();
    let prev = n.div_ceil(2);
    let ancestry = view.sp_ancestry_proof(count(prev)).unwrap();
    assert_eq!(
        (ancestry.prev_root(), ancestry.root()),
        (sp_root(prev), sp_root(n))
    );
    sp_mmr::verify_ancestry(&ancestry.into_proof(), &sp_root(prev), &sp_root(n)).unwrap();
}

#[test]
fn a_cached_proof_is_the_same_or_none() {
    for profile in PROFILES {
        let mut fixture = Fixture::with_profile(profile);
        fixture.commit(1_000);
        fixture.commit(1_234);
        let older = fixture.replayed(1_000).mmr_root;
        let proof = |fixture: &Fixture, at, index| {
            let view = fixture.bucket().view_cached(at)?;
            view.mmr_proof(LeafIndex(index)).ok()
        };
        let states = [
            StateRef::Newest,
            StateRef::LeafCount(count(2_234)),
            StateRef::LeafCount(count(1_001)),
        ];
        let check = |fixture: &Fixture, at, index| {
            let view = fixture.bucket().view(at).unwrap();
            let expected = view.mmr_proof(LeafIndex(index)).unwrap();
            assert_eq!(proof(fixture, at, index), Some(expected));
        };
        for at in states {
            check(&fixture, at, 17);
        }
        // Signed roots are looked up on disk, and other states do not exist.
        assert!(
            fixture
                .bucket()
                .view_cached(StateRef::Root(older))
                .is_none()
        );
        let none = StateRef::LeafCount(count(2_235));
        assert!(fixture.bucket().view_cached(none).is_none());
        assert!(proof(&fixture, StateRef::Newest, 2_234).is_none());

        // All of it is on disk and none of it read. Nodes are not cached until a blocking
        // read, and their absence is not damage.
        fixture.bucket().flush().unwrap();
        fixture.reopen();
        let refused = fixture.bucket().view_cached(StateRef::Newest).unwrap();
        let refused = refused.mmr_proof(LeafIndex(17)).unwrap_err();
        assert!(
            matches!(refused, ProveError::Engine(_)) && !refused.indicates_damage(),
            "{refused}"
        );
        for at in states {
            check(&fixture, at, 17);
        }
    }
}

#[test]
fn a_proof_makes_one_batched_read_and_a_commit_none() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let leaf = fixture.ingest(b"the same content each time");
    for n in 1..=4096u64 {
        let before = bucket.read_counts();
        bucket.commit(&[leaf], Durability::Buffered).unwrap();
        let after = bucket.read_counts();
        // The check of the content is one read; nodes and leaves need none.
        assert_eq!(after.single - before.single, 1, "{n} leaves");
        assert_eq!(after.batched, before.batched, "{n} leaves");

        let (index, at_count) = (n * 7919 % n.max(1), n);
        bucket
            .view(StateRef::LeafCount(count(at_count)))
            .unwrap()
            .mmr_proof(LeafIndex(index))
            .unwrap();
        bucket
            .view(StateRef::LeafCount(count(n.div_ceil(3))))
            .unwrap()
            .mmr_proof(LeafIndex(0))
            .unwrap();
        let proven = bucket.read_counts();
        assert_eq!(proven.single, after.single, "{n} leaves");
        assert_eq!(proven.batched - after.batched, 2, "{n} leaves");
        assert!(proven.batched_keys - after.batched_keys <= 2 * (64 + 62 + 1));
    }
}

#[test]
fn i2_leaves_and_nodes_are_written_once_and_never_changed() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    let immutable = |fixture: &Fixture| -> Vec<_> {
        let is_immutable = |key: &[u8]| matches!(key[0], b'l' | b'n');
        fixture
            .records()
            .into_iter()
            .filter(|(key, _)| is_immutable(key))
            .collect()
    };
    let mut seen: Vec<cairn_engine::Entry> = vec![];
    for size in [1, 2, 5, 1, 8, 16] {
        fixture.commit(size);
        let now = immutable(&fixture);
        assert!(seen.iter().all(|record| now.contains(record)));
        let leaves = fixture.leaves.len() as u64;
        assert_eq!(now.len() as u64, leaves + mmr::node_count(count(leaves)));
        seen = now;
    }
}

#[test]
fn i3_a_commit_is_one_write_and_changes_nothing_if_it_fails() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(5);
    let new = fixture.next(3);
    let (writes, _) = fixture.bucket().engine.probe.counts();
    fixture.bucket().commit(&new, Durability::Buffered).unwrap();
    fixture.expect(&new);
    assert_eq!(fixture.bucket().engine.probe.counts().0, writes + 1);

    let new = fixture.next(3);
    let before = fixture.records();
    fixture.bucket().engine.probe.fail_after(0);
    fixture
        .bucket()
        .commit(&new, Durability::Synced)
        .unwrap_err();
    assert_eq!(fixture.records(), before);
    fixture.check_newest();
}

/// The signature comes from `sp_keystore`, so this test can only see that the one write
/// before it was synced and held the signed root.
#[test]
fn i4_the_write_before_a_signature_is_synced() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let (bucket, signer) = (fixture.bucket(), signer());
    let new = fixture.next(2);
    let (writes, synced) = bucket.engine.probe.counts();
    bucket.commit_signed(&new, &signer).unwrap();
    assert_eq!(bucket.engine.probe.counts(), (writes + 1, synced + 1));
    bucket.commit_signed(&[], &signer).unwrap();
    assert_eq!(bucket.engine.probe.counts(), (writes + 2, synced + 2));
    bucket.commit(&new, Durability::Buffered).unwrap();
    assert_eq!(bucket.engine.probe.counts(), (writes + 3, synced + 2));
    bucket.commit(&new, Durability::Synced).unwrap();
    assert_eq!(bucket.engine.probe.counts(), (writes + 4, synced + 3));
}

#[test]
fn i4_a_signature_is_over_a_durable_and_recorded_commitment() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    let signer = signer();
    for size in [1, 3, 2] {
        let new = fixture.next(size);
        let (committed, signed) = fixture.bucket().commit_signed(&new, &signer).unwrap();
        fixture.expect(&new);
        let n = fixture.leaves.len() as u64;
        assert!(signed.is_valid());
        assert_eq!(signed.payload.commitment, fixture.replayed(n));
        assert_eq!(signed.payload.commitment, committed.commitment);
        assert_eq!(signed.payload.bucket_id, BucketId(7));
        let signed_roots: Vec<_> = fixture
            .bucket()
            .signed_roots()
            .unwrap()
            .map(|p| p.unwrap().commitment)
            .collect();
        assert!(signed_roots.contains(&committed.commitment));
    }
    // Without leaves the newest state is signed, and recorded before that.
    fixture.commit(4);
    let failing = Signer::new(
        Arc::new(sp_keystore::testing::MemoryKeystore::new()),
        sp_core::sr25519::Public::from_raw(signer.public()),
    );
    let refused = fixture.bucket().commit_signed(&[], &failing);
    assert!(
        matches!(refused, Err(CommitError::Sign { .. })),
        "{refused:?}"
    );
    let newest = fixture.replayed(10);
    let mut signed_roots = fixture.bucket().signed_roots().unwrap();
    assert!(signed_roots.any(|signed_root| signed_root.unwrap().commitment == newest));
}

#[test]
fn i4_no_signature_is_given_if_its_record_is_not_durable() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(2);
    fixture.bucket().engine.probe.fail_after(0);
    let refused = fixture.bucket().commit_signed(&[], &signer());
    assert!(
        matches!(refused, Err(CommitError::Engine(_))),
        "{refused:?}"
    );
}

#[test]
fn an_empty_bucket_has_nothing_to_sign() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let refused = fixture.bucket().commit_signed(&[], &signer());
    assert!(
        matches!(refused, Err(CommitError::NothingToSign { .. })),
        "{refused:?}"
    );
    let refused = fixture.bucket().commit(&[], Durability::Synced);
    assert!(
        matches!(refused, Err(CommitError::NoLeaves { .. })),
        "{refused:?}"
    );
}

/// A caller that wakes late must not be taken for one whose writer has failed.
#[test]
fn many_concurrent_commits_do_not_poison_the_bucket() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let (bucket, leaf) = (fixture.bucket(), fixture.ingest(b"x"));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..6_000 {
                    bucket.commit(&[leaf], Durability::Buffered).unwrap();
                }
            });
        }
    });
    assert_eq!(bucket.commitment().leaf_count, count(16 * 6_000));
}

#[test]
fn concurrent_commits_each_get_their_own_commitment() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let (bucket, signer) = (fixture.bucket(), signer());
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let committers: Vec<_> = (0..8u64)
            .map(|thread| {
                let signer = &signer;
                scope.spawn(move || {
                    let each = |k: u64| {
                        let text = format!("{thread} {k}");
                        let content = bucket.ingest(text.as_bytes()).unwrap();
                        let NewLeaf {
                            data_root,
                            data_size,
                        } = NewLeaf {
                            data_root: content.data_root,
                            data_size: content.data_size,
                        };
                        let leaf = NewLeaf {
                            data_root,
                            data_size,
                        };
                        let (committed, signed) = bucket.commit_signed(&[leaf], signer).unwrap();
                        assert_eq!(signed.payload.commitment, committed.commitment);
                        (leaf, committed)
                    };
                    (0..40).map(each).collect::<Vec<_>>()
                })
            })
            .collect();
        committers
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(bucket.commitment().leaf_count, count(320));
    let mut indices: Vec<_> = outcomes.iter().map(|(_, done)| done.first_leaf.0).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..320).collect::<Vec<_>>());
    for (leaf, done) in outcomes {
        assert_eq!(done.commitment.leaf_count.get(), done.first_leaf.0 + 1);
        let view = bucket
            .view(StateRef::Root(done.commitment.mmr_root))
            .unwrap();
        let proven = view.mmr_proof(done.first_leaf).unwrap();
        assert_eq!(proven.commitment(), done.commitment);
        assert_eq!(proven.leaf().data_root, leaf.data_root);
    }
}

#[test]
fn i5_i12_a_challenge_is_answered_at_the_root_that_it_names() {
    for profile in PROFILES {
        let mut fixture = Fixture::with_profile(profile);
        let mut content = vec![1; 2 * CHUNK_BYTES + 10];
        content[0] = 2;
        let large = fixture.ingest(&content);
        let (_, old) = fixture.bucket().commit_signed(&[large], &signer()).unwrap();
        fixture.expect(&[large]);
        fixture.commit(20);
        let old = old.payload.commitment;
        assert_ne!(old.mmr_root, fixture.bucket().commitment().mmr_root);
        let view = fixture.bucket().view(StateRef::Root(old.mmr_root)).unwrap();
        // Slots 0 to 2 have content. The tree has 4 slots, so index 5 means slot 1.
        for (chunk, slot) in [(0, 0), (1, 1), (2, 2), (5, 1), (u64::MAX - 1, 2)] {
            let answer = view.answer(at(0, chunk)).unwrap();
            assert_eq!(
                (answer.slot(), answer.commitment()),
                (ChunkIndex(slot), old)
            );
            let expected = &content[slot as usize * CHUNK_BYTES..];
            assert_eq!(
                answer.chunk_data(),
                &expected[..expected.len().min(CHUNK_BYTES)]
            );
            chain_rule::proof_response(
                profile,
                answer.chunk_data(),
                answer.mmr_proof(),
                answer.chunk_proof(),
                ChunkIndex(chunk),
                &old.mmr_root,
            )
            .unwrap();
            let (data, mmr) = (answer.chunk_data(), answer.mmr_proof());
            verify::answer(profile, data, mmr, answer.chunk_proof(), &at(0, slot), &old).unwrap();
        }
        // Padding, by its own index and by an alias.
        for chunk in [3, 7] {
            let refused = view.answer(at(0, chunk));
            assert!(
                matches!(
                    refused,
                    Err(ProveError::NoSuchChunk {
                        reason: verify::VerifyError::PaddingSlot { .. },
                        ..
                    })
                ),
                "{refused:?}"
            );
        }
        // The newest root does not answer for the old one, nor the old for new leaves.
        assert!(matches!(
            view.answer(at(1, 0)),
            Err(ProveError::NoSuchLeaf { .. })
        ));
        assert_eq!(
            fixture
                .bucket()
                .view(StateRef::Newest)
                .unwrap()
                .answer(at(1, 0))
                .unwrap()
                .slot()
                .0,
            0
        );
    }
}

#[test]
fn unsigned_roots_and_unknown_leaf_counts_are_refused() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(3);
    let unsigned = fixture.bucket().commitment().mmr_root;
    assert_eq!(
        fixture
            .bucket()
            .view(StateRef::Root(unsigned))
            .unwrap()
            .count(),
        count(3)
    );
    fixture.commit(1);
    let refused = fixture
        .bucket()
        .view(StateRef::Root(unsigned))
        .map(|view| view.count());
    assert!(
        matches!(refused, Err(ProveError::UnknownRoot { .. })),
        "{refused:?}"
    );
    let refused = fixture
        .bucket()
        .view(StateRef::LeafCount(count(5)))
        .map(|view| view.count());
    assert!(
        matches!(refused, Err(ProveError::NoSuchCount { .. })),
        "{refused:?}"
    );
    let newest = fixture.bucket().commitment().mmr_root;
    let tree = |tree| StateRef::RootOf {
        root: newest,
        tree: Sequence(tree),
    };
    assert!(fixture.bucket().view(tree(0)).is_ok());
    assert!(fixture.bucket().view(tree(1)).is_err());
}
