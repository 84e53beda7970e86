//! The check of a single tree, also of one that is not the current tree.

use super::*;

/// The report on the tree that was signed at five leaves.
fn check(fixture: &Fixture, content_to: u64) -> (FsckReport, RepairWrites) {
    let bucket = Bucket::open(
        &fixture.path(),
        Access::ReadOnly,
        &SharedResources::default(),
    )
    .unwrap();
    let signed = fixture.signed[4];
    let tree = TreeToCheck {
        tree: signed.start_seq,
        count: signed.leaf_count,
        root: signed.mmr_root,
        peaks: None,
        content_end: Some(Sequence(content_to)),
    };
    let mut check = BucketCheck::new(&bucket);
    check.check_tree(&tree, SignedRoots::new(), &mut |_| {});
    (check.report, check.writes)
}

#[test]
fn a_tree_is_checked_from_a_signed_root_alone() {
    let whole = Fixture::new(HashingProfile::Plain);
    let (report, _) = check(&whole, 2);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.leaves, 5);
    // Content past the given sequence is left to the newer tree.
    assert_eq!(
        report.bytes,
        (contents()[0].len() + contents()[1].len()) as u64
    );

    let fixture = whole.copy();
    fixture.tamper(|batch| {
        // Of the tree at five leaves, a node and a peak; of a later tree, another node.
        for at in [2, 6, 10] {
            batch.delete(Family::Tree, node(at));
        }
    });
    // The peak of the newest state is repaired first, so that the bucket opens.
    let peaks = [6, 10].map(|at| (node(at), whole.get(Family::Tree, node(at).as_ref())));
    fixture.tamper(|batch| {
        for (key, value) in &peaks {
            batch.put(Family::Tree, key, value);
        }
    });
    let (report, writes) = check(&fixture, 0);
    let places: Vec<_> = report
        .findings
        .iter()
        .map(|found| &found.place[..])
        .collect();
    assert_eq!(places, ["node 2 of tree 0"]);
    assert_eq!(
        (report.rebuildable(), writes.len(), report.bytes),
        (1, 1, 0)
    );
}
