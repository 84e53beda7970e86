//! A primary provider that lies about what it holds and signs nothing: the others submit their
//! checkpoints nevertheless.

use super::*;
use crate::HeldState;
use cairn_primitives::{Commitment, H256};

/// A provider with five leaves, and another that makes false statements about them.
fn network_with_liar(
    number: usize,
    least: u32,
    window: Option<CheckpointWindow>,
    lie: impl Fn(HeldState) -> HeldState,
) -> Network {
    let network = Network::new(number, least, window, EAGER);
    (1..=5).for_each(|number| network.commit(number));
    let commitment = network.providers[0].commitment();
    let truth = HeldState {
        start_seq: commitment.start_seq,
        leaf_count: commitment.leaf_count,
        signed: None,
    };
    let liar = network.providers.last().unwrap().account.0;
    network.cosigners.lying.lock().insert(liar, lie(truth));
    network
}

fn false_commitment(held_state: &HeldState) -> Commitment {
    Commitment {
        mmr_root: H256::repeat_byte(0xab),
        start_seq: held_state.start_seq,
        leaf_count: held_state.leaf_count,
    }
}

/// Only the liar stands in its position: it neither signs nor submits.
async fn blocks(network: &mut Network, number: usize) {
    network.kill(network.providers.len() - 1);
    for _ in 0..number {
        network.block().await;
    }
}

#[tokio::test]
async fn s17_a_false_claim_of_a_signature_stops_no_checkpoint() {
    let mut network = network_with_liar(2, 1, None, |truth| HeldState {
        signed: Some(false_commitment(&truth)),
        ..truth
    });
    blocks(&mut network, 4).await;
    assert_eq!(leaves(&network), Some(5));
    assert_eq!(network.submitters(), [0]);
}

#[tokio::test]
async fn s17_nor_does_a_false_claim_for_a_window() {
    let window = CheckpointWindow {
        interval: 20,
        grace: 5,
    };
    let mut network = network_with_liar(2, 1, Some(window), |truth| HeldState {
        signed: Some(false_commitment(&truth)),
        ..truth
    });
    network.kill(1);
    network.blocks_to(45).await;
    assert_eq!(leaves(&network), Some(5));
}

#[tokio::test]
async fn s17_a_provider_that_does_not_sign_is_left_out() {
    // A third provider is honest and has fewer leaves.
    let mut network = Network::new(3, 2, None, EAGER);
    (1..=3).for_each(|number| network.commit(number));
    (4..=5).for_each(|number| commit(network.providers[0].provider(), number));
    let commitment = network.providers[0].commitment();
    let lie = HeldState {
        start_seq: commitment.start_seq,
        leaf_count: LeafCount::new(1_000).unwrap(),
        signed: None,
    };
    let liar = network.providers[2].account.0;
    network.cosigners.lying.lock().insert(liar, lie);
    network.kill(2);
    // The other honest one answers, but submits nothing itself.
    for _ in 0..12 {
        network.chain.advance();
        let head = network.chain.finalized_head();
        (0..2).for_each(|who| {
            network.providers[who]
                .countersigner()
                .on_finalized_head(head)
        });
        network.providers[0].worker().step(head).await;
    }
    assert_eq!(network.submitters(), [0]);
    // The common state of the two honest ones.
    assert_eq!(leaves(&network), Some(3));
    let snapshot = network.info().snapshot.unwrap();
    assert!(snapshot.signed_by(0) && snapshot.signed_by(1) && !snapshot.signed_by(2));
}

#[tokio::test]
async fn s17_a_left_out_provider_is_asked_again_if_needed() {
    let mut network = Network::new(2, 2, None, EAGER);
    network.commit(1);
    let other = network.providers[1].account.0;
    network.cosigners.forging.lock().insert(other);
    let first = network.providers[0].account.0;
    network.cosigners.forging.lock().insert(first);
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(leaves(&network), None);
    network.cosigners.forging.lock().clear();
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
}

#[tokio::test]
async fn s17_no_lie_stops_a_provider_that_suffices_alone() {
    let counts = [0, 1, 4, 5, 6, 1 << 40].map(|count| LeafCount::new(count).unwrap());
    for leaf_count in counts {
        for signed in [false, true] {
            for start_seq in [Sequence(0), Sequence(3)] {
                let mut network = network_with_liar(2, 1, None, |truth| {
                    let lie = HeldState {
                        start_seq,
                        leaf_count,
                        signed: None,
                    };
                    HeldState {
                        signed: signed.then(|| Commitment {
                            leaf_count,
                            ..false_commitment(&truth)
                        }),
                        ..lie
                    }
                });
                blocks(&mut network, 4).await;
                assert_eq!(
                    leaves(&network),
                    Some(5),
                    "{leaf_count} {signed} {start_seq}"
                );
            }
        }
    }
}
