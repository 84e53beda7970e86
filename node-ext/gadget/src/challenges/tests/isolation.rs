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
    let mut play = running_harness();
    play.client
        .remove_methods(&["provider", "outcomes", "buckets", "limits"]);
    for leaf in 0..3 {
        play.challenge(ID, play.commitment(ID), at(leaf), None);
        play.blocks(2);
    }
    play.blocks(2);
    assert_eq!((play.defended(), play.lost()), (3, 0));
    assert_eq!(play.status().statistics().defended, 3);
    assert!(play.status().is_synced());
}

#[test]
fn s5_a_loss_without_outcomes_is_not_counted_as_defence() {
    let mut play = running_harness();
    play.client.remove_methods(&["provider", "outcomes"]);
    let busy = NoProof::NeedsRepair("damaged".into());
    play.prover.faults.lock().insert(ID, busy);
    challenge_first_leaf(&mut play, Some(10));
    play.blocks(14);
    let counted = play.status().statistics();
    assert_eq!((counted.defended, counted.unobserved), (0, 1));
    assert_eq!(play.lost(), 1);
}

#[test]
fn s15_a_panicking_proof_affects_only_its_challenge() {
    let mut play = running_harness();
    play.prover.panicking.lock().insert(ID);
    play.challenge(ID, play.commitment(ID), at(0), None);
    play.challenge(OTHER, play.commitment(OTHER), at(0), None);
    play.blocks(30);
    assert_eq!((play.defended(), play.lost()), (1, 0));
    let alarm = play.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("it panicked: as the test has it"), "{alarm}");
    play.prover.panicking.lock().clear();
    play.blocks(9);
    assert_eq!((play.defended(), play.lost()), (2, 0));
}

#[test]
fn s15_a_panicking_worker_is_restarted() {
    let mut play = running_harness();
    *play.duties.panicking.lock() = 3;
    for leaf in 0..4 {
        play.challenge(ID, play.commitment(ID), at(leaf), None);
        play.blocks(2);
    }
    play.blocks(8);
    assert_eq!(*play.duties.panicking.lock(), 0);
    assert_eq!((play.defended(), play.lost()), (4, 0));
    assert_eq!(play.status().duties(), []);
    play.assert_nothing_wrong();
}

#[test]
fn s12_stalled_finality_is_reported_as_not_synced() {
    let mut play = running_harness();
    assert_eq!(play.status().not_synced(), None);
    for block in 1..=40 {
        play.chain.add_block();
        play.advance_time(BLOCK_TIME);
        // 30 blocks of six seconds each.
        assert_eq!(play.status().is_synced(), block < 30, "{block}");
    }
    let reason = play.status().not_synced().unwrap().to_string();
    assert!(reason.contains("become final for 240 s"), "{reason}");
    play.block();
    assert_eq!(play.status().not_synced(), None);
}

#[test]
fn s12_failing_scans_are_reported_as_not_synced() {
    let mut play = running_harness();
    play.client.remove_methods(&["open_challenges"]);
    play.blocks(4);
    assert_eq!(play.status().not_synced(), Some(NotSynced::Unreadable));
    play.client.remove_methods(&[]);
    play.blocks(2);
    assert_eq!(play.status().not_synced(), None);
    play.client.disconnect();
    play.run_until_idle();
    assert_eq!(play.status().not_synced(), Some(NotSynced::Unreachable));
}

#[test]
fn s12_a_challenge_in_the_best_block_alone_is_only_reported() {
    let mut play = running_harness();
    play.challenge(ID, play.commitment(ID), at(0), None);
    for _ in 0..6 {
        play.chain.add_block();
        play.advance_time(BLOCK_TIME);
    }
    let counted = play.status().statistics();
    assert_eq!((counted.unfinalized, counted.open), (1, 0));
    assert_eq!(
        submissions(&play).0,
        0,
        "another fork may have another of its name"
    );
    // Its block becomes final.
    play.blocks(2);
    let counted = play.status().statistics();
    assert_eq!((counted.unfinalized, counted.defended), (0, 1));
}

#[test]
fn s12_urgency_follows_the_best_block() {
    let mut play = running_harness();
    let busy = NoProof::NeedsRepair("damaged".into());
    play.prover.faults.lock().insert(ID, busy);
    challenge_first_leaf(&mut play, None);
    assert_eq!(play.status().duties()[0].left, Some(40));
    for _ in 0..20 {
        play.chain.add_block();
        play.advance_time(BLOCK_TIME);
    }
    let left = play.status().duties()[0].left.unwrap();
    assert!((20..=22).contains(&left), "{left}");
}

/// A second node that has another challenge under the first node's ids, made by the same steps; or
/// none.
fn second_chain(leaf: Option<u64>, play: &Harness) -> SimulatedChain {
    let chain = SimulatedChain::new(LIMITS);
    while chain.best_head().anchor < play.chain.best_head().anchor {
        chain.advance();
    }
    if let Some(leaf) = leaf {
        chain.challenge(cairn_testing::NewChallenge {
            provider: OURS,
            challenger: cairn_primitives::challenge::AccountId([9; 32]),
            bucket: ID,
            commitment: play.commitment(ID),
            location: at(leaf),
            period: None,
        });
        chain.advance();
    }
    chain
}

fn harness_with_second_node(leaf: Option<u64>) -> (Harness, SimulatedChain) {
    let mut play = running_harness();
    play.kill();
    let other = second_chain(leaf, &play);
    play.second_node = Some(other.client(OURS));
    play.start();
    (play, other)
}

#[test]
fn s16_a_confirming_second_node_changes_nothing() {
    let (mut play, _other) = harness_with_second_node(Some(0));
    play.challenge(ID, play.commitment(ID), at(0), None);
    play.blocks(3);
    assert_eq!((play.defended(), submissions(&play)), (1, (1, 1)));
}

#[test]
fn s16_a_conflicting_second_node_delays_the_answer() {
    let (mut play, _other) = harness_with_second_node(Some(3));
    play.challenge(ID, play.commitment(ID), at(0), None);
    // It waits until the last ten blocks.
    play.blocks(30);
    assert_eq!(submissions(&play).0, 0);
    let alarm = play.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("another challenge under this id"), "{alarm}");
    play.blocks(5);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn s16_an_absent_or_lagging_second_node_costs_no_stake() {
    for is_away in [true, false] {
        let mut play = Harness::new(
            Limits {
                challenge_period: 80,
                ..LIMITS
            },
            0,
        );
        play.add_bucket(ID, 5);
        play.block();
        let other = second_chain(None, &play);
        let second = other.client(OURS);
        if is_away {
            second.disconnect();
        }
        play.second_node = Some(second);
        play.start();
        play.challenge(ID, play.commitment(ID), at(0), None);
        // An eighth of the time is ten blocks.
        play.blocks(60);
        assert_eq!(submissions(&play).0, 0);
        assert_eq!(play.status().alarms().len(), 1);
        play.blocks(16);
        assert_eq!((play.defended(), play.lost()), (1, 0));
    }
}
