//! Records that cannot be derived from others, lost or changed.

use super::damage::{Change, damaged, delete, put};
use super::*;

/// Damage that cannot be rebuilt, with the place where the check must find it.
fn unrebuildable() -> Vec<(&'static str, Change)> {
    vec![
        ("leaf 2", delete(Family::Tree, leaf(2))),
        ("leaf 6", delete(Family::Tree, leaf(6))),
        ("leaf 3", put(Family::Tree, leaf(3), [1; 48])),
        ("leaf 3", put(Family::Tree, leaf(3), [1; 47])),
        ("leaf 6", put(Family::Tree, leaf(6), [1; 48])),
        (
            "leaf 5",
            Box::new(|whole, batch| {
                let changed = MmrLeaf {
                    data_size: 1,
                    ..whole.leaves[5]
                };
                batch.put(Family::Tree, leaf(5), &changed.encode());
            }),
        ),
        (
            "leaf 4",
            Box::new(|_, batch| {
                batch.delete(Family::Tree, leaf(4));
                batch.delete(Family::Tree, node(7));
            }),
        ),
        ("state", put(Family::Tree, leaf(7), [0; 48])),
        (
            "chunk 0x",
            Box::new(|whole, batch| {
                batch.delete(Family::Content, layout::chunk_key(&whole.data_root(0)))
            }),
        ),
        (
            "leaf 3",
            Box::new(|whole, batch| {
                batch.put(
                    Family::Content,
                    layout::chunk_key(&chunk(3, 1, whole.profile)),
                    &bytes(9, CHUNK_BYTES),
                )
            }),
        ),
        (
            "chunk 0x",
            Box::new(|whole, batch| {
                let hash = chunk(4, 1, whole.profile);
                batch.delete(Family::Content, layout::chunk_key(&hash));
                batch.put(Family::Content, layout::chunk_length_key(&hash), &[1]);
            }),
        ),
        (
            "signed root 0x",
            Box::new(|_, batch| {
                let key = layout::signed_root_key(&H256::repeat_byte(9), Sequence(0));
                let count = LeafCount::new(5).unwrap();
                batch.put(
                    Family::Tree,
                    key,
                    &layout::SignedRootValue {
                        count,
                        signed_ms: 0,
                    }
                    .to_bytes(),
                );
            }),
        ),
        (
            "signed roots",
            Box::new(|whole, batch| {
                let key = layout::signed_root_key(&whole.signed[2].mmr_root, Sequence(0));
                batch.put(Family::Tree, key, b"junk");
            }),
        ),
        // Signed leaves are missing, which a state with fewer leaves would hide.
        (
            "state",
            Box::new(|_, batch| {
                batch.delete(Family::Tree, layout::STATE_KEY);
                batch.delete(Family::Tree, leaf(6));
                batch.delete(Family::Tree, node(10));
            }),
        ),
        // The last leaf's record gives the total size.
        (
            "state",
            Box::new(|_, batch| {
                batch.delete(Family::Tree, layout::STATE_KEY);
                batch.delete(Family::Tree, leaf(6));
            }),
        ),
        (
            "state",
            Box::new(|whole, batch| {
                batch.delete(Family::Tree, layout::STATE_KEY);
                let changed = MmrLeaf {
                    total_size: 1,
                    ..whole.leaves[6]
                };
                batch.put(Family::Tree, leaf(6), &changed.encode());
            }),
        ),
        // A newer tree, without a signed root.
        (
            "state",
            Box::new(|_, batch| {
                batch.delete(Family::Tree, layout::STATE_KEY);
                batch.put(
                    Family::Tree,
                    layout::node_key(Sequence(4), Position(0)),
                    &[1; 32],
                );
            }),
        ),
    ]
}

#[test]
fn i7_lost_underivable_records_are_reported_and_never_invented() {
    let whole = Fixture::new(HashingProfile::Plain);
    for (number, (place, change)) in unrebuildable().into_iter().enumerate() {
        let fixture = damaged(&whole, &change);
        let as_damaged = fixture.records();
        let found = fixture.check();
        let name = format!("{number}: {place}: {found:#?}");
        assert!(
            found
                .findings
                .iter()
                .any(|found| found.place.starts_with(place)),
            "{name}"
        );
        assert_eq!(found.rebuildable(), 0, "{name}");
        let repaired = fixture.repair();
        assert_eq!(repaired.after, found, "{name}");
        assert_eq!(
            (repaired.records_written, repaired.backup),
            (0, None),
            "{name}"
        );
        assert!(fixture.records() == as_damaged, "{name}");
    }
}

#[test]
fn i7_nodes_proven_by_the_root_are_rebuilt_despite_a_lost_leaf() {
    let whole = Fixture::new(HashingProfile::Plain);
    let fixture = damaged(
        &whole,
        &(Box::new(|whole: &Fixture, batch: &mut Batch<'_>| {
            let changed = MmrLeaf {
                data_size: 1,
                ..whole.leaves[1]
            };
            batch.put(Family::Tree, leaf(1), &changed.encode());
            batch.delete(Family::Tree, leaf(4));
            for at in [2, 6, 9] {
                batch.delete(Family::Tree, node(at));
            }
        }) as Change),
    );
    let repaired = fixture.repair();
    let left: Vec<_> = repaired
        .after
        .findings
        .iter()
        .map(|found| found.place.as_str())
        .collect();
    assert!(
        left.iter()
            .all(|place| ["leaf 1", "leaf 2", "leaf 4"].contains(place)),
        "{left:?}"
    );
    assert_eq!(repaired.after.rebuildable(), 0);
    for at in [2, 6, 9] {
        let key = node(at);
        assert_eq!(
            fixture.get(Family::Tree, key.as_ref()),
            whole.get(Family::Tree, key.as_ref())
        );
    }
    // The bucket opens, and proves what is intact.
    let bucket = Bucket::open(
        &fixture.path(),
        Access::ReadOnly,
        &SharedResources::default(),
    )
    .unwrap();
    let view = bucket.view(StateRef::Newest).unwrap();
    for index in [0, 2, 3, 5, 6] {
        view.mmr_proof(LeafIndex(index)).unwrap();
    }
    view.mmr_proof(LeafIndex(1)).unwrap_err();
}
