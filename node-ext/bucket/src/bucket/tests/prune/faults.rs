//! Failed writes at every step of a prune and of a release.

use super::*;

/// A bucket with content shared by remaining leaves, removed leaves and an uncommitted
/// upload.
fn shared_history(profile: HashingProfile) -> ModelledBucket {
    let mut model = ModelledBucket::new(profile);
    model.sign_each(&[
        &[1, 2, 3, 4, 9],
        &[1, 2, 5],
        &[6, 6, 6, 6, 6, 6],
        &[3, 4, 7],
        &[8],
        &[3, 4, 3],
        &[8, 8],
        &[2],
        &[4],
    ]);
    model.upload(&[5, 2, 1, 1, 2, 3]);
    model.fixture.bucket().sync().unwrap();
    model
}

#[test]
fn i9_i10_a_failed_prune_is_all_or_nothing_and_can_be_repeated() {
    let mut undisturbed = shared_history(HashingProfile::Plain);
    undisturbed.prune(2);
    let expected = undisturbed.fixture.records();
    let mut failed = 0;
    for writes in 0.. {
        let mut model = shared_history(HashingProfile::Plain);
        model.bucket().engine.probe.fail_after(writes);
        let pruned = model.bucket().prune(Sequence(2), None);
        model.bucket().engine.probe.stop_failing();
        if pruned.is_ok() {
            break;
        }
        failed += 1;
        let again = model.bucket().prune(Sequence(2), None).unwrap_err();
        assert!(
            matches!(again, PruneError::NotWritable(NotWritable::Poisoned { .. })),
            "{again}"
        );
        model.check_proofs();
        model.fixture.reopen();
        model.check();
        model.prune(2);
        model.check();
        compare_without_times(&mut model, &expected, writes);
    }
    assert!(failed >= 2, "nodes first, then the switch: {failed}");
}

/// Compares all records, without the times of signing and of release.
fn compare_without_times(
    model: &mut ModelledBucket,
    expected: &[cairn_engine::Entry],
    writes: u64,
) {
    let timeless = |entries: &[cairn_engine::Entry]| -> Vec<cairn_engine::Entry> {
        let mut entries = entries.to_vec();
        // The number of writes differs when some have failed.
        entries.retain(|(key, _)| **key != *layout::JOURNAL_KEY);
        for (key, value) in &mut entries {
            let is_timed = [layout::SIGNED_ROOTS, layout::TOMBSTONES]
                .iter()
                .any(|kind| key.starts_with(kind));
            if is_timed {
                value[8..].fill(0);
            }
        }
        entries
    };
    let found = model.fixture.records();
    assert_eq!(
        timeless(&found),
        timeless(expected),
        "after {writes} writes"
    );
}

#[test]
fn i10_the_next_prune_overwrites_an_unfinished_one() {
    let mut model = shared_history(HashingProfile::Plain);
    let nodes = |model: &ModelledBucket| -> Vec<_> {
        let (from, _) = layout::nodes_of(Sequence(2)).unwrap();
        let records = model.fixture.records().into_iter();
        records
            .filter(|(key, _)| key.starts_with(from.as_ref()))
            .collect()
    };
    model.bucket().engine.probe.fail_after(1);
    model.bucket().prune(Sequence(2), None).unwrap_err();
    model.fixture.reopen();
    let left = nodes(&model);
    assert!(!left.is_empty());
    model.sign_each(&[&[9], &[8]]);
    model.prune(2);
    let whole = nodes(&model);
    assert!(left.len() < whole.len());
    assert!(left.iter().all(|node| whole.contains(node)));
    model.check();

    // The next release removes the nodes of a prune that is not tried again, whether the
    // current tree starts after it or before.
    for other in [1, 3] {
        let mut model = shared_history(HashingProfile::Plain);
        model.bucket().engine.probe.fail_after(1);
        model.bucket().prune(Sequence(2), None).unwrap_err();
        model.fixture.reopen();
        model.prune(other);
        assert_ne!(nodes(&model), vec![]);
        model.release(0);
        assert_eq!(nodes(&model), vec![]);
        model.check();
    }
}

#[test]
fn i1_i9_i10_a_failed_release_is_completed_by_the_next_one() {
    for profile in PROFILES {
        let pruned = || {
            let mut model = shared_history(profile);
            model.prune(2);
            model.prune(3);
            model.sign_each(&[&[6, 1]]);
            model
        };
        let mut undisturbed = pruned();
        undisturbed.release(0);
        undisturbed.check();
        let expected = undisturbed.fixture.records();
        let mut failed = 0;
        for writes in 0.. {
            let mut model = pruned();
            model.bucket().engine.probe.fail_after(writes);
            let released = model.bucket().release(Sequence(0));
            model.bucket().engine.probe.stop_failing();
            if released.is_ok() {
                break;
            }
            failed += 1;
            let again = model.bucket().release(Sequence(0)).unwrap_err();
            assert!(
                matches!(
                    again,
                    ReleaseError::NotWritable(NotWritable::Poisoned { .. })
                ),
                "{again}"
            );
            model.fixture.reopen();
            check_interrupted(&mut model, writes);
            model.bucket().release(Sequence(0)).unwrap();
            model.forget_tree(0);
            model.stored.clone_from(&undisturbed.stored);
            model.check();
            compare_without_times(&mut model, &expected, writes);
        }
        assert!(failed > 20, "every step writes: {failed}");
    }
}

/// Checks a bucket with an interrupted release: other trees are proven, and the stored
/// content is complete and counted.
fn check_interrupted(model: &mut ModelledBucket, writes: u64) {
    let retired = model.bucket().retired_trees().unwrap();
    let releasing = retired.iter().any(|tree| tree.releasing);
    assert_eq!(releasing, writes > 0, "the mark comes first");
    if releasing {
        let of_released = model.signed[0];
        model.forget_tree(0);
        let unknown = model.bucket().view(StateRef::Root(of_released.mmr_root));
        assert!(matches!(unknown, Err(ProveError::UnknownRoot { .. })));
        let signed_roots = model.bucket().signed_roots().unwrap();
        assert_eq!(signed_roots.count(), model.signed.len());
    }
    model.check_proofs();
    let report = fsck(model.bucket(), |_| {}).unwrap();
    assert!(
        report.is_clean(),
        "after {writes} writes: {:?}",
        report.findings
    );
}

#[test]
fn any_operation_may_follow_an_interrupted_release() {
    for writes in 0.. {
        let mut model = shared_history(HashingProfile::Plain);
        model.prune(2);
        model.bucket().engine.probe.fail_after(writes);
        if model.bucket().release(Sequence(0)).is_ok() {
            break;
        }
        model.fixture.reopen();
        // The same content is uploaded again, and another tree is retired and released
        // before the first release is completed.
        model.sign_each(&[&[1, 2, 3, 4, 9], &[1, 2]]);
        model.prune(3);
        model.bucket().release(Sequence(2)).unwrap();
        if !model.bucket().retired_trees().unwrap().is_empty() {
            model.bucket().release(Sequence(0)).unwrap();
        }
        model.note_pruned(3);
        model.trees.retain(|tree, _| *tree == 3);
        model.signed.retain(|signed| signed.start_seq.0 == 3);
        let kept = &model.contents[3..];
        let uploaded = vec![5, 2, 1, 1, 2, 3];
        let contents = kept.iter().chain([&uploaded]);
        model.stored = contents
            .flat_map(|content| tree_of(HashingProfile::Plain, content).0)
            .collect();
        model.check();
    }
}
