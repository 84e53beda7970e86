//! Answers to challenges of what no leaf has.

use super::*;
use cairn_primitives::{Answer, chain_rule};

/// A bucket with a leaf of three chunks, whose tree has four slots, and its commitment.
fn fixture(profile: HashingProfile) -> Fixture {
    let mut fixture = Fixture::with_profile(profile);
    let mut content = vec![1; 2 * CHUNK_BYTES + 10];
    content[0] = 2;
    let large = fixture.ingest(&content);
    fixture
        .bucket()
        .commit(&[large], Durability::Buffered)
        .unwrap();
    fixture.expect(&[large]);
    fixture
}

/// Asserts that the chain accepts an answer to a challenge.
fn assert_accepted(answer: &Answer, chunk: u64, root: &H256) {
    chain_rule::proof_response(
        answer.profile(),
        answer.chunk_data(),
        answer.mmr_proof(),
        answer.chunk_proof(),
        ChunkIndex(chunk),
        root,
    )
    .unwrap();
}

#[test]
fn i5_what_no_leaf_has_is_answered_with_another_leaf() {
    for profile in PROFILES {
        let mut fixture = fixture(profile);
        fixture.commit(1);
        let root = fixture.bucket().commitment().mmr_root;
        let view = fixture.bucket().view(StateRef::Newest).unwrap();
        // Leaves beyond the count, and padding in leaf 0.
        for (leaf, chunk) in [(2, 0), (u64::MAX, 7), (0, 3), (0, 7)] {
            assert!(view.answer(at(leaf, chunk)).is_err());
            let answer = view.answer_unbound(at(leaf, chunk)).unwrap();
            assert_eq!(answer.location(), at(1, chunk));
            assert_accepted(&answer, chunk, &root);
        }
        // What a leaf has is answered with that leaf.
        for (leaf, chunk) in [(0, 2), (1, 0), (0, 5)] {
            let answer = view.answer_unbound(at(leaf, chunk)).unwrap();
            assert_eq!(answer, view.answer(at(leaf, chunk)).unwrap());
        }
    }
}

#[test]
fn padding_of_the_only_leaf_cannot_be_answered() {
    let fixture = fixture(HashingProfile::Plain);
    let root = fixture.bucket().commitment().mmr_root;
    let view = fixture.bucket().view(StateRef::Newest).unwrap();
    for leaf in [0, 1] {
        assert!(view.answer_unbound(at(leaf, 3)).is_err());
        let answer = view.answer_unbound(at(leaf, 2)).unwrap();
        assert_accepted(&answer, 2, &root);
    }
}

#[test]
fn lost_content_is_not_replaced_by_another_leaf() {
    let mut fixture = fixture(HashingProfile::Plain);
    fixture.commit(1);
    let interior = layout::interior_key(&fixture.leaves[0].data_root);
    tamper(&mut fixture, |batch| {
        batch.delete(Family::Content, interior)
    });
    fixture.reopen();
    let view = fixture.bucket().view(StateRef::Newest).unwrap();
    assert!(matches!(
        view.answer_unbound(at(0, 0)),
        Err(ProveError::MissingContent { .. })
    ));
}

#[test]
fn a_leaf_without_padding_and_flag_answers_for_any_slot() {
    let mut fixture = fixture(HashingProfile::Plain);
    let can_answer = |fixture: &Fixture, first: u64| {
        let view = fixture.bucket().view(StateRef::Newest).unwrap();
        view.can_answer_unbound(LeafIndex(first)).unwrap()
    };
    assert!(!can_answer(&fixture, 0));
    fixture.commit(1);
    assert!(can_answer(&fixture, 0));
    assert!(can_answer(&fixture, 1));
    for beyond in [2, u64::MAX] {
        assert!(!can_answer(&fixture, beyond));
    }
    // An import has noted that the chain cannot verify it.
    tamper(&mut fixture, |batch| {
        let flag = layout::FlagValue {
            root: layout::NodeKind::Chunk,
            defect: layout::ShapeDefect::SizeDiffers,
        };
        batch.put(
            Family::Tree,
            layout::flag_key(Sequence(1)),
            &flag.to_bytes(),
        );
    });
    fixture.reopen();
    assert!(!can_answer(&fixture, 0));
}
