//! Answering needs no other part: missing queries, panics and stalled finality around it, and how
//! they are reported.

use super::harness::*;
use super::scenarios::{ID, OTHER, challenge_first_leaf, running_harness, submissions};
use crate::challenges::NotSynced;
use crate::challenges::no_proof::NoProof;
use cairn_primitives::onchain::Limits;
use cairn_testing::{LIMITS, SimulatedChain};

#[test]
fn s5_optional_queries_may_be_missing_from_a_runtime() {
    let mut harness = running_harness();
    harness
        .client
        .remove_methods(&["provider", "outcomes", "buckets", "limits"]);
    for leaf in 0..3 {
        harness.challenge(ID, harness.commitment(ID), at(leaf), None);
        harness.blocks(2);
    }
    harness.blocks(2);
    assert_eq!((harness.defended(), harness.lost()), (3, 0));
    assert_eq!(harness.status().statistics().defended, 3);
    assert!(harness.status().is_synced());
}

#[test]
fn s5_a_loss_without_outcomes_is_not_counted_as_defence() {
    let mut harness = running_harness();
    harness.client.remove_methods(&["provider", "outcomes"]);
    let busy = NoProof::NeedsRepair("damaged".into());
    harness.prover.faults.lock().insert(ID, busy);
    challenge_first_leaf(&mut harness, Some(10));
    harness.blocks(14);
    let counted = harness.status().statistics();
    assert_eq!((counted.defended, counted.unobserved), (0, 1));
    assert_eq!(harness.lost(), 1);
}

#[test]
fn s15_a_panicking_proof_affects_only_its_challenge() {
    let mut harness = running_harness();
    harness.prover.panicking.lock().insert(ID);
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    harness.challenge(OTHER, harness.commitment(OTHER), at(0), None);
    harness.blocks(30);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
    let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("it panicked: as the test has it"), "{alarm}");
    harness.prover.panicking.lock().clear();
    harness.blocks(9);
    assert_eq!((harness.defended(), harness.lost()), (2, 0));
}

#[test]
fn s15_a_panicking_worker_is_restarted() {
    let mut harness = running_harness();
    *harness.duties.panicking.lock() = 3;
    for leaf in 0..4 {
        harness.challenge(ID, harness.commitment(ID), at(leaf), None);
        harness.blocks(2);
    }
    harness.blocks(8);
    assert_eq!(*harness.duties.panicking.lock(), 0);
    assert_eq!((harness.defended(), harness.lost()), (4, 0));
    assert_eq!(harness.status().duties(), []);
    harness.assert_nothing_wrong();
}

#[test]
fn s12_stalled_finality_is_reported_as_not_synced() {
    let mut harness = running_harness();
    assert_eq!(harness.status().not_synced(), None);
    for block in 1..=40 {
        harness.chain.add_block();
        harness.advance_time(BLOCK_TIME);
        // 30 blocks of six seconds each.
        assert_eq!(harness.status().is_synced(), block < 30, "{block}");
    }
    let reason = harness.status().not_synced().unwrap().to_string();
    assert!(reason.contains("become final for 240 s"), "{reason}");
    harness.block();
    assert_eq!(harness.status().not_synced(), None);
}

#[test]
fn s12_failing_scans_are_reported_as_not_synced() {
    let mut harness = running_harness();
    harness.client.remove_methods(&["open_challenges"]);
    harness.blocks(4);
    assert_eq!(harness.status().not_synced(), Some(NotSynced::Unreadable));
    harness.client.remove_methods(&[]);
    harness.blocks(2);
    assert_eq!(harness.status().not_synced(), None);
    harness.client.disconnect();
    harness.run_until_idle();
    assert_eq!(harness.status().not_synced(), Some(NotSynced::Unreachable));
}

#[test]
fn s12_a_challenge_in_the_best_block_alone_is_only_reported() {
    let mut harness = running_harness();
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    for _ in 0..6 {
        harness.chain.add_block();
        harness.advance_time(BLOCK_TIME);
    }
    let counted = harness.status().statistics();
    assert_eq!((counted.unfinalized, counted.open), (1, 0));
    assert_eq!(
        submissions(&harness).0,
        0,
        "another fork may have another of its name"
    );
    // Its block becomes final.
    harness.blocks(2);
    let counted = harness.status().statistics();
    assert_eq!((counted.unfinalized, counted.defended), (0, 1));
}

#[test]
fn s12_urgency_follows_the_best_block() {
    let mut harness = running_harness();
    let busy = NoProof::NeedsRepair("damaged".into());
    harness.prover.faults.lock().insert(ID, busy);
    challenge_first_leaf(&mut harness, None);
    assert_eq!(harness.status().duties()[0].left, Some(40));
    for _ in 0..20 {
        harness.chain.add_block();
        harness.advance_time(BLOCK_TIME);
    }
    let left = harness.status().duties()[0].left.unwrap();
    assert!((20..=22).contains(&left), "{left}");
}

/// A second node that has another challenge under the first node's ids, made by the same steps; or
/// none.
fn second_chain(leaf: Option<u64>, harness: &Harness) -> SimulatedChain {
    let chain = SimulatedChain::new(LIMITS);
    while chain.best_head().anchor < harness.chain.best_head().anchor {
        chain.advance();
    }
    if let Some(leaf) = leaf {
        chain.challenge(cairn_testing::NewChallenge {
            provider: OURS,
            challenger: cairn_primitives::challenge::AccountId([9; 32]),
            bucket: ID,
            commitment: harness.commitment(ID),
            location: at(leaf),
            period: None,
        });
        chain.advance();
    }
    chain
}

fn harness_with_second_node(leaf: Option<u64>) -> (Harness, SimulatedChain) {
    let mut harness = running_harness();
    harness.kill();
    let other = second_chain(leaf, &harness);
    harness.second_node = Some(other.client(OURS));
    harness.start();
    (harness, other)
}

#[test]
fn s16_a_confirming_second_node_changes_nothing() {
    let (mut harness, _other) = harness_with_second_node(Some(0));
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    harness.blocks(3);
    assert_eq!((harness.defended(), submissions(&harness)), (1, (1, 1)));
}

#[test]
fn s16_a_conflicting_second_node_delays_the_answer() {
    let (mut harness, _other) = harness_with_second_node(Some(3));
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    // It waits until the last ten blocks.
    harness.blocks(30);
    assert_eq!(submissions(&harness).0, 0);
    let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("another challenge under this id"), "{alarm}");
    harness.blocks(5);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
}

#[test]
fn s16_an_absent_or_lagging_second_node_costs_no_stake() {
    for is_away in [true, false] {
        let mut harness = Harness::new(
            Limits {
                challenge_period: 80,
                ..LIMITS
            },
            0,
        );
        harness.add_bucket(ID, 5);
        harness.block();
        let other = second_chain(None, &harness);
        let second = other.client(OURS);
        if is_away {
            second.disconnect();
        }
        harness.second_node = Some(second);
        harness.start();
        harness.challenge(ID, harness.commitment(ID), at(0), None);
        // An eighth of the time is ten blocks.
        harness.blocks(60);
        assert_eq!(submissions(&harness).0, 0);
        assert_eq!(harness.status().alarms().len(), 1);
        harness.blocks(16);
        assert_eq!((harness.defended(), harness.lost()), (1, 0));
    }
}
