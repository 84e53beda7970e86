//! Trees of a bucket: their proofs, the conditions of a prune, and the records of retired
//! trees.

use super::*;

#[test]
fn i10_roots_signed_before_several_prunes_stay_provable() {
    for profile in PROFILES {
        let mut model = ModelledBucket::new(profile);
        model.sign_each(&[&[1, 2], &[1, 2, 3], &[3], &[4, 4, 4], &[5]]);
        let before = model.bucket().usage();
        model.prune(2);
        model.check();
        model.sign_each(&[&[6], &[1, 2]]);
        model.prune(3);
        model.prune(7);
        model.check();
        model.sign_each(&[&[7], &[8, 8]]);
        model.fixture.reopen();
        model.check();
        assert!(
            model.bucket().usage().bytes > before.bytes,
            "nothing has gone"
        );
        let signed_roots = model.bucket().signed_roots().unwrap();
        assert_eq!(signed_roots.count(), model.signed.len());
    }
}

#[test]
fn a_tree_pruned_to_its_end_is_empty_and_continues_its_sizes() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1], &[2], &[3]]);
    let pruned = model.prune(3);
    assert_eq!(
        pruned.commitment,
        Commitment {
            mmr_root: H256::zero(),
            start_seq: Sequence(3),
            leaf_count: LeafCount::ZERO,
        }
    );
    for _ in 0..2 {
        let refused = model.bucket().commit_signed(&[], &signer());
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, CommitError::NothingToSign { .. }),
            "{refused}"
        );
        assert_eq!(model.bucket().total_size(), 15);
        model.check();
        model.fixture.reopen();
    }
    model.sign_each(&[&[4]]);
    assert_eq!(model.bucket().total_size(), 20);
    model.check();
    // The leaf whose sizes an empty tree continues was removed with its tree.
    model.prune(4);
    model.release(0);
    model.release(3);
    model.fixture.reopen();
    model.sign_each(&[&[5]]);
    model.check();
}

#[test]
fn i11_an_empty_tree_with_a_wrong_total_size_is_not_opened() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1], &[2]]);
    model.prune(2);
    let bucket = model.bucket();
    let tip = Tip {
        total_size: 9,
        ..Tip::clone(&bucket.tip())
    };
    let mut batch = bucket.engine.batch();
    let state = tip.record(bucket.id, bucket.config).encode();
    batch.put(Family::Tree, layout::STATE_KEY, &state);
    bucket.engine.write(batch, Durability::Synced).unwrap();
    model.fixture.bucket = None;
    let path = model.fixture.path();
    let refused = Bucket::open(&path, Access::ReadOnly, &SharedResources::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
}

#[test]
fn the_signed_deletion_is_kept_with_its_retired_tree() {
    let mut model = ModelledBucket::new(HashingProfile::Tagged);
    model.sign_each(&[&[1], &[2], &[3]]);
    let signed = model.bucket().preview_prune(Sequence(2)).unwrap();
    let new_root = signed.mmr_root;
    let authorised = sign_deletion(signed);
    let deletion = authorised.deletion.clone();
    // Leaves committed since are in the new tree too.
    model.sign_each(&[&[8], &[9]]);
    let pruned = model.bucket().prune(Sequence(2), Some(authorised)).unwrap();
    model.note_pruned(2);
    assert_eq!(pruned.commitment, model.replayed(2, 3));
    // With more leaves, the admin's signature is still over the earlier root.
    model.sign_each(&[&[4]]);
    model.fixture.reopen();
    let retired = model.bucket().retired_trees().unwrap();
    assert_eq!(retired, vec![pruned.retired]);
    assert_eq!(retired[0].deletion, Some(deletion));
    assert_eq!(
        (retired[0].new_start_seq, retired[0].new_root),
        (Sequence(2), new_root)
    );
    model.check();
}

#[test]
fn a_refused_prune_changes_nothing() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1][..]; 9]);
    model.prune(1);
    let before = model.fixture.records();
    let bucket = model.bucket();
    let prune = |to, authorisation| bucket.prune(Sequence(to), authorisation).unwrap_err();
    for start in [0, 1] {
        let refused = prune(start, None);
        assert!(
            matches!(refused, PruneError::NothingBefore { .. }),
            "{refused}"
        );
    }
    let refused = prune(10, None);
    assert!(
        matches!(
            refused,
            PruneError::PastTheEnd {
                end: Sequence(9),
                ..
            }
        ),
        "{refused}"
    );
    let right = bucket.preview_prune(Sequence(3)).unwrap();
    let by = |admin| Deletion {
        admin,
        ..sign_deletion(right).deletion
    };
    let wrong = [
        sign_deletion(Commitment {
            mmr_root: H256::zero(),
            ..right
        })
        .deletion,
        sign_deletion(Commitment {
            start_seq: Sequence(4),
            ..right
        })
        .deletion,
        by(AccountId([1; 32])),
    ];
    for deletion in wrong {
        let wrong = Authorisation {
            deletion,
            ..sign_deletion(right)
        };
        let refused = prune(3, Some(wrong));
        let PruneError::Unauthorised { new_root, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(new_root, right.mmr_root);
    }
    // Signatures over another state than the leaf count names, and over one that never was.
    for leaf_count in [0, 5, 7] {
        let wrong = Authorisation {
            leaf_count: count(leaf_count),
            ..sign_deletion(right)
        };
        let refused = prune(3, Some(wrong));
        let is_as_expected = match &refused {
            PruneError::Unauthorised { leaf_count: at, .. } => at.get() == leaf_count,
            PruneError::NotGrown {
                leaf_count: has,
                signed_at,
                ..
            } => (has.get(), signed_at.get()) == (6, 7) && leaf_count == 7,
            _ => false,
        };
        assert!(is_as_expected, "{refused}");
    }
    let of_another_kind = Authorisation {
        deletion: Deletion {
            signature: MultiSignature::Ed25519([0; 64]),
            ..sign_deletion(right).deletion
        },
        ..sign_deletion(right)
    };
    let refused = prune(3, Some(of_another_kind));
    assert!(
        matches!(refused, PruneError::SignatureKind { .. }),
        "{refused}"
    );
    assert_eq!(model.fixture.records(), before);
    model.check();

    model.fixture.bucket = None;
    let path = model.fixture.path();
    let read_only = Bucket::open(&path, Access::ReadOnly, &SharedResources::default()).unwrap();
    let refused = read_only.prune(Sequence(3), None).unwrap_err();
    assert!(matches!(
        refused,
        PruneError::NotWritable(NotWritable::ReadOnly { .. })
    ));
    let refused = read_only.release(Sequence(0)).unwrap_err();
    assert!(matches!(
        refused,
        ReleaseError::NotWritable(NotWritable::ReadOnly { .. })
    ));
    // The resulting tree can be computed all the same.
    read_only.preview_prune(Sequence(3)).unwrap();
}

#[test]
fn i11_a_prune_over_a_lost_leaf_fails() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1][..]; 9]);
    let mut batch = model.bucket().engine.batch();
    batch.delete(Family::Tree, layout::leaf_key(Sequence(5)));
    model
        .bucket()
        .engine
        .write(batch, Durability::Synced)
        .unwrap();
    let before = model.fixture.records();
    let refused = model.bucket().prune(Sequence(2), None).unwrap_err();
    let lost = Sequence(5);
    assert!(
        matches!(refused, PruneError::Leaf(ProveError::MissingLeaf { sequence, .. }) if sequence == lost),
        "{refused}"
    );
    assert_eq!(model.fixture.records(), before);
}

#[test]
fn a_view_outlives_a_prune_and_fails_after_a_release() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1, 2], &[3], &[4]]);
    let root = model.signed[2].mmr_root;
    let bucket = model.bucket();
    let view = bucket.view(StateRef::Newest).unwrap();
    let proven = view.mmr_proof(LeafIndex(0)).unwrap();
    bucket.prune(Sequence(2), None).unwrap();
    assert_eq!(view.mmr_proof(LeafIndex(0)).unwrap(), proven);
    view.answer(at(0, 1)).unwrap();
    view.read_content(LeafIndex(1), &mut vec![]).unwrap();

    bucket.release(Sequence(0)).unwrap();
    let released = |error: ProveError| match error {
        ProveError::Released { tree, .. } => assert_eq!(tree, Sequence(0)),
        other => panic!("{other}"),
    };
    released(view.mmr_proof(LeafIndex(0)).unwrap_err());
    released(view.leaf(LeafIndex(0)).unwrap_err());
    released(view.read_content(LeafIndex(0), &mut vec![]).unwrap_err());
    for at in [
        StateRef::Root(root),
        StateRef::RootOf {
            root,
            tree: Sequence(0),
        },
    ] {
        let unknown = bucket.view(at).err().unwrap();
        assert!(
            matches!(unknown, ProveError::UnknownRoot { .. }),
            "{unknown}"
        );
    }
    assert_eq!(bucket.signed_roots().unwrap().count(), 0);
}

#[test]
fn only_a_retired_tree_is_released_and_only_once() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1], &[2]]);
    model.prune(1);
    let release = |tree| model.bucket().release(Sequence(tree));
    let refused = release(1).unwrap_err();
    assert!(matches!(refused, ReleaseError::Current { .. }), "{refused}");
    let refused = release(7).unwrap_err();
    assert!(
        matches!(refused, ReleaseError::NoSuchTree { .. }),
        "{refused}"
    );
    model.release(0);
    let refused = model.bucket().release(Sequence(0)).unwrap_err();
    assert!(
        matches!(refused, ReleaseError::NoSuchTree { .. }),
        "{refused}"
    );
    model.check();
}

#[test]
fn upper_nodes_of_the_new_tree_are_cached_after_a_prune() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.commit(&[&[1][..]; 70], false);
    model.prune(3);
    let keys_asked = || {
        let before = model.bucket().read_counts().batched_keys;
        let view = model.bucket().view(StateRef::Newest).unwrap();
        view.mmr_proof(LeafIndex(5)).unwrap();
        model.bucket().read_counts().batched_keys - before
    };
    let (first, second) = (keys_asked(), keys_asked());
    assert!(second < first, "{first}, and then {second}");
}

#[test]
fn an_admin_may_authorise_a_prune_of_all_leaves() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.sign_each(&[&[1], &[2]]);
    let nothing = model.bucket().preview_prune(Sequence(2)).unwrap();
    assert_eq!(nothing.leaf_count, LeafCount::ZERO);
    model.sign_each(&[&[3]]);
    let pruned = model
        .bucket()
        .prune(Sequence(2), Some(sign_deletion(nothing)))
        .unwrap();
    model.note_pruned(2);
    assert_eq!(pruned.commitment, model.replayed(2, 1));
    assert_eq!(pruned.retired.new_root, H256::zero());
    model.check();
}
