//! Answering needs no other part: missing queries, panics and stalled finality around it, and how
//! they are reported.

use super::play::*;
use super::scenes::{ID, OTHER, challenged, number, play};
use crate::challenges::NotFollowed;
use crate::challenges::no_proof::NoProof;
use cairn_primitives::onchain::Limits;
use cairn_testing::{LIMITS, ScriptedChain};

#[test]
fn s5_what_answering_does_not_need_may_be_missing_from_a_runtime() {
    let mut play = play();
    play.client
        .lack(&["provider", "outcomes", "buckets", "limits"]);
    for leaf in 0..3 {
        play.ask(ID, play.commitment(ID), at(leaf), None);
        play.blocks(2);
    }
    play.blocks(2);
    assert_eq!((play.defended(), play.lost()), (3, 0));
    assert_eq!(play.board().statistics().defended, 3);
    assert!(play.board().follows_the_chain());
}

#[test]
fn s5_what_was_lost_without_the_chains_word_is_not_taken_for_a_defence() {
    let mut play = play();
    play.client.lack(&["provider", "outcomes"]);
    let busy = NoProof::Failing("damaged".into());
    play.prover.faults.lock().insert(ID, busy);
    challenged(&mut play, Some(10));
    play.blocks(14);
    let counted = play.board().statistics();
    assert_eq!((counted.defended, counted.unseen), (0, 1));
    assert_eq!(play.lost(), 1);
}

#[test]
fn s15_a_proof_that_breaks_off_is_that_challenges_trouble_alone() {
    let mut play = play();
    play.prover.breaking.lock().insert(ID);
    play.ask(ID, play.commitment(ID), at(0), None);
    play.ask(OTHER, play.commitment(OTHER), at(0), None);
    play.blocks(30);
    assert_eq!((play.defended(), play.lost()), (1, 0));
    let alarm = play.board().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("it panicked: as the test has it"), "{alarm}");
    play.prover.breaking.lock().clear();
    play.blocks(9);
    assert_eq!((play.defended(), play.lost()), (2, 0));
}

#[test]
fn s15_a_scheduler_that_breaks_off_is_begun_again() {
    let mut play = play();
    *play.log.breaking.lock() = 3;
    for leaf in 0..4 {
        play.ask(ID, play.commitment(ID), at(leaf), None);
        play.blocks(2);
    }
    play.blocks(8);
    assert_eq!(*play.log.breaking.lock(), 0);
    assert_eq!((play.defended(), play.lost()), (4, 0));
    assert_eq!(play.board().duties(), []);
    play.assert_nothing_wrong();
}

#[test]
fn s12_a_chain_whose_finality_stands_still_is_not_followed() {
    let mut play = play();
    assert_eq!(play.board().not_followed(), None);
    for block in 1..=40 {
        play.chain.add_block();
        play.pass(BLOCK);
        // 30 blocks of six seconds each.
        assert_eq!(play.board().follows_the_chain(), block < 30, "{block}");
    }
    let reason = play.board().not_followed().unwrap().to_string();
    assert!(reason.contains("become final for 240 s"), "{reason}");
    play.block();
    assert_eq!(play.board().not_followed(), None);
}

#[test]
fn s12_scans_that_fail_are_not_taken_for_following() {
    let mut play = play();
    play.client.lack(&["open_challenges"]);
    play.blocks(4);
    assert_eq!(play.board().not_followed(), Some(NotFollowed::NotRead));
    play.client.lack(&[]);
    play.blocks(2);
    assert_eq!(play.board().not_followed(), None);
    play.client.disconnect();
    play.settle();
    assert_eq!(play.board().not_followed(), Some(NotFollowed::NotReached));
}

#[test]
fn s12_what_only_the_best_block_has_is_told_and_not_answered() {
    let mut play = play();
    play.ask(ID, play.commitment(ID), at(0), None);
    for _ in 0..6 {
        play.chain.add_block();
        play.pass(BLOCK);
    }
    let counted = play.board().statistics();
    assert_eq!((counted.unsettled, counted.open), (1, 0));
    assert_eq!(
        number(&play).0,
        0,
        "another fork may have another of its name"
    );
    // Its block becomes final.
    play.blocks(2);
    let counted = play.board().statistics();
    assert_eq!((counted.unsettled, counted.defended), (0, 1));
}

#[test]
fn s12_how_near_a_deadline_is_the_best_block_says() {
    let mut play = play();
    let busy = NoProof::Failing("damaged".into());
    play.prover.faults.lock().insert(ID, busy);
    challenged(&mut play, None);
    assert_eq!(play.board().duties()[0].left, Some(40));
    for _ in 0..20 {
        play.chain.add_block();
        play.pass(BLOCK);
    }
    let left = play.board().duties()[0].left.unwrap();
    assert!((20..=22).contains(&left), "{left}");
}

/// A second node that has another challenge under the first node's ids, made by the same steps; or
/// none.
fn another_chain(leaf: Option<u64>, play: &Play) -> ScriptedChain {
    let chain = ScriptedChain::new(LIMITS);
    while chain.best_head().anchor < play.chain.best_head().anchor {
        chain.advance();
    }
    if let Some(leaf) = leaf {
        chain.challenge(cairn_testing::Ask {
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

fn with_second(leaf: Option<u64>) -> (Play, ScriptedChain) {
    let mut play = play();
    play.kill();
    let other = another_chain(leaf, &play);
    play.second = Some(other.client(OURS));
    play.start();
    (play, other)
}

#[test]
fn s16_a_second_node_that_agrees_changes_nothing() {
    let (mut play, _other) = with_second(Some(0));
    play.ask(ID, play.commitment(ID), at(0), None);
    play.blocks(3);
    assert_eq!((play.defended(), number(&play)), (1, (1, 1)));
}

#[test]
fn s16_where_a_second_node_has_another_challenge_of_that_name_the_answer_waits() {
    let (mut play, _other) = with_second(Some(3));
    play.ask(ID, play.commitment(ID), at(0), None);
    // It waits until the last ten blocks.
    play.blocks(30);
    assert_eq!(number(&play).0, 0);
    let alarm = play.board().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("another challenge under this id"), "{alarm}");
    play.blocks(5);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn s16_a_second_node_that_is_away_or_behind_costs_time_and_no_stake() {
    for is_away in [true, false] {
        let mut play = Play::new(
            Limits {
                challenge_period: 80,
                ..LIMITS
            },
            0,
        );
        play.add_bucket(ID, 5);
        play.block();
        let other = another_chain(None, &play);
        let second = other.client(OURS);
        if is_away {
            second.disconnect();
        }
        play.second = Some(second);
        play.start();
        play.ask(ID, play.commitment(ID), at(0), None);
        // An eighth of the time is ten blocks.
        play.blocks(60);
        assert_eq!(number(&play).0, 0);
        assert_eq!(play.board().alarms().len(), 1);
        play.blocks(16);
        assert_eq!((play.defended(), play.lost()), (1, 0));
    }
}
