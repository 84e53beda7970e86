//! A primary provider that lies about what it holds and signs nothing: the others submit their
//! checkpoints nevertheless.

use super::*;
use crate::Holding;
use cairn_primitives::{Commitment, H256};

/// A provider with five leaves, and another that makes false statements about them.
fn with_a_liar(
    number: usize,
    least: u32,
    window: Option<CheckpointWindow>,
    lie: impl Fn(Holding) -> Holding,
) -> Village {
    let village = Village::new(number, least, window, EAGER);
    (1..=5).for_each(|number| village.commit(number));
    let commitment = village.neighbours[0].commitment();
    let truth = Holding {
        start_seq: commitment.start_seq,
        leaf_count: commitment.leaf_count,
        signed: None,
    };
    let liar = village.neighbours.last().unwrap().account.0;
    village.wire.lying.lock().insert(liar, lie(truth));
    village
}

fn made_up(holding: &Holding) -> Commitment {
    Commitment {
        mmr_root: H256::repeat_byte(0xab),
        start_seq: holding.start_seq,
        leaf_count: holding.leaf_count,
    }
}

/// Only the liar stands in its position: it neither signs nor submits.
async fn blocks(village: &mut Village, number: usize) {
    village.kill(village.neighbours.len() - 1);
    for _ in 0..number {
        village.block().await;
    }
}

#[tokio::test]
async fn s17_a_made_up_signature_of_another_stops_no_checkpoint() {
    let mut village = with_a_liar(2, 1, None, |truth| Holding {
        signed: Some(made_up(&truth)),
        ..truth
    });
    blocks(&mut village, 4).await;
    assert_eq!(leaves(&village), Some(5));
    assert_eq!(village.submitters(), [0]);
}

#[tokio::test]
async fn s17_nor_does_one_for_a_window() {
    let window = CheckpointWindow {
        interval: 20,
        grace: 5,
    };
    let mut village = with_a_liar(2, 1, Some(window), |truth| Holding {
        signed: Some(made_up(&truth)),
        ..truth
    });
    village.kill(1);
    village.blocks_to(45).await;
    assert_eq!(leaves(&village), Some(5));
}

#[tokio::test]
async fn s17_who_says_that_it_can_sign_and_does_not_is_done_without() {
    // A third provider is honest and has fewer leaves.
    let mut village = Village::new(3, 2, None, EAGER);
    (1..=3).for_each(|number| village.commit(number));
    (4..=5).for_each(|number| commit(village.neighbours[0].provider(), number));
    let commitment = village.neighbours[0].commitment();
    let lie = Holding {
        start_seq: commitment.start_seq,
        leaf_count: LeafCount::new(1_000).unwrap(),
        signed: None,
    };
    let liar = village.neighbours[2].account.0;
    village.wire.lying.lock().insert(liar, lie);
    village.kill(2);
    // The other honest one answers, but submits nothing itself.
    for _ in 0..12 {
        village.chain.advance();
        let head = village.chain.finalized_head();
        (0..2).for_each(|who| village.neighbours[who].desk().saw(head));
        village.neighbours[0].scheduler().look_once(head).await;
    }
    assert_eq!(village.submitters(), [0]);
    // The common state of the two honest ones.
    assert_eq!(leaves(&village), Some(3));
    let snapshot = village.info().snapshot.unwrap();
    assert!(snapshot.signed_by(0) && snapshot.signed_by(1) && !snapshot.signed_by(2));
}

#[tokio::test]
async fn s17_who_did_not_sign_once_is_asked_again_where_it_is_needed() {
    let mut village = Village::new(2, 2, None, EAGER);
    village.commit(1);
    let other = village.neighbours[1].account.0;
    village.wire.forging.lock().insert(other);
    let first = village.neighbours[0].account.0;
    village.wire.forging.lock().insert(first);
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(leaves(&village), None);
    village.wire.forging.lock().clear();
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
}

#[tokio::test]
async fn s17_no_lie_at_all_stops_a_provider_that_signs_alone() {
    let counts = [0, 1, 4, 5, 6, 1 << 40].map(|count| LeafCount::new(count).unwrap());
    for leaf_count in counts {
        for signed in [false, true] {
            for start_seq in [Sequence(0), Sequence(3)] {
                let mut village = with_a_liar(2, 1, None, |truth| {
                    let lie = Holding {
                        start_seq,
                        leaf_count,
                        signed: None,
                    };
                    Holding {
                        signed: signed.then(|| Commitment {
                            leaf_count,
                            ..made_up(&truth)
                        }),
                        ..lie
                    }
                });
                blocks(&mut village, 4).await;
                assert_eq!(
                    leaves(&village),
                    Some(5),
                    "{leaf_count} {signed} {start_seq}"
                );
            }
        }
    }
}
