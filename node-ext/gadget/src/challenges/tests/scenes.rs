//! Single scenarios of a chain and a process.

use super::play::*;
use crate::challenges::Stage;
use crate::challenges::duty::DutyState;
use crate::challenges::no_proof::NoProof;
use cairn_primitives::BucketId;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::Limits;
use cairn_testing::{LIMITS, Plan};
use std::time::Duration;

pub(super) const ID: BucketId = BucketId(7);
pub(super) const OTHER: BucketId = BucketId(8);

/// Starts a process with two buckets of five leaves.
pub(super) fn play() -> Play {
    let mut play = Play::new(LIMITS, 0);
    play.add_bucket(ID, 5);
    play.add_bucket(OTHER, 5);
    play.block();
    play.start();
    play
}

/// Challenges the first leaf at the newest root and lets the process see it.
pub(super) fn challenged(play: &mut Play, period: Option<u32>) {
    play.ask(ID, play.commitment(ID), at(0), period);
    play.chain.advance();
    play.settle();
}

pub(super) fn number(play: &Play) -> (u32, u32) {
    let seen = play.chain.seen();
    let sum = |of: &std::collections::BTreeMap<_, u32>| of.values().sum();
    (sum(&seen.handed), sum(&seen.reached))
}

#[test]
fn a_challenge_is_answered_in_the_next_block_once_and_let_go_when_that_is_final() {
    for (strict_leaf_binding, offers) in [(false, true), (true, true), (true, false)] {
        let limits = Limits {
            strict_leaf_binding,
            ..LIMITS
        };
        let mut play = Play::new(limits, 0);
        play.chain.offer_judging(offers);
        play.add_bucket(ID, 5);
        play.start();
        play.block();
        let old = play.prover.buckets.lock()[&ID].commitment_at(3);
        play.ask(ID, old, at(2), None);
        play.block();
        let duty = &play.board().duties()[0];
        assert_eq!(
            (duty.stage, duty.attempts, duty.left),
            (Stage::Submitted, 1, Some(40))
        );
        assert!(matches!(
            play.log.kept.lock().values().next().unwrap().state,
            DutyState::Submitted { .. }
        ));
        play.block();
        assert_eq!(play.board().duties(), []);
        assert!(play.log.kept.lock().is_empty());
        play.blocks(60);
        assert_eq!(
            (play.defended(), play.lost(), number(&play)),
            (1, 0, (1, 1))
        );
        let counted = play.board().statistics();
        assert_eq!(
            (counted.asked, counted.answered, counted.defended),
            (1, 1, 1)
        );
        play.assert_nothing_wrong();
    }
}

#[test]
fn what_is_open_at_the_start_is_found_and_others_challenges_are_not_ours() {
    let mut play = Play::new(LIMITS, 0);
    play.add_bucket(ID, 5);
    for leaf in 0..5 {
        play.ask(ID, play.commitment(ID), at(leaf), None);
    }
    play.blocks(3);
    play.start();
    play.blocks(2);
    assert_eq!((play.defended(), number(&play)), (5, (5, 5)));
}

#[test]
fn a_reorganisation_that_loses_the_answer_brings_it_again() {
    let mut play = play();
    challenged(&mut play, None);
    let scheduled = play.chain.best_head().number;
    play.chain.add_block();
    play.settle();
    assert_eq!(play.board().duties()[0].stage, Stage::InBlock);
    assert_eq!(play.chain.retract(9), 1);
    play.settle();
    assert_eq!(play.board().duties()[0].stage, Stage::Submitted);
    // The fork's transactions are lost with it, and nobody reports it.
    play.chain.with_pool(|pool| pool.drop_all(None));
    play.blocks(12);
    assert!(play.chain.best_head().number > scheduled);
    assert_eq!((play.defended(), number(&play)), (1, (2, 2)));
    play.assert_nothing_wrong();
}

#[test]
fn a_reorganisation_that_includes_the_answer_again_needs_no_other_one() {
    let mut play = play();
    challenged(&mut play, None);
    play.chain.add_block();
    play.settle();
    play.chain.retract(1);
    play.blocks(3);
    assert_eq!((play.defended(), number(&play)), (1, (1, 2)));
}

#[test]
fn what_the_pool_drops_is_handed_over_again_at_once_and_then_with_pauses() {
    let mut play = play();
    challenged(&mut play, None);
    for _ in 0..10 {
        play.chain.with_pool(|pool| pool.drop_all(Some("dropped")));
        play.pass(Duration::from_millis(1));
    }
    assert_eq!(number(&play).0, 2, "no more than twice within one block");
    play.blocks(3);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn an_answer_that_is_included_twice_counts_once() {
    let mut play = play();
    challenged(&mut play, None);
    let head = play.chain.add_block_by(Plan {
        twice: true,
        ..Plan::default()
    });
    play.chain.finalize_to(head.number);
    play.blocks(2);
    assert_eq!((play.defended(), number(&play)), (1, (1, 2)));
    assert_eq!(play.board().statistics().defended, 1);
}

#[test]
fn a_node_that_is_gone_for_a_hundred_blocks_is_asked_again_and_what_is_open_is_answered() {
    let limits = Limits {
        challenge_period: 130,
        ..LIMITS
    };
    let mut play = Play::new(limits, 0);
    play.add_bucket(ID, 5);
    play.start();
    play.block();
    play.client.disconnect();
    play.settle();
    play.ask(ID, play.commitment(ID), at(1), None);
    play.blocks(100);
    assert_eq!(number(&play).0, 0);
    play.client.connect();
    play.blocks(7);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn a_deadline_in_the_next_block_is_met() {
    let mut play = play();
    challenged(&mut play, Some(1));
    play.blocks(3);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn a_thousand_challenges_at_one_deadline_are_answered_within_the_bounds() {
    let mut play = play();
    for number in 0..1_000 {
        play.ask(ID, play.commitment(ID), at(number % 5), Some(40));
    }
    play.chain.advance();
    play.settle();
    let counted = play.board().statistics();
    assert_eq!((counted.open, counted.in_flight), (1_000, 32));
    let mut most = 0;
    for _ in 0..38 {
        play.block();
        most = most.max(play.board().statistics().in_flight);
    }
    play.blocks(10);
    assert!(most <= 32 + 8, "{most} in flight");
    assert_eq!((play.defended(), play.lost()), (1_000, 0));
    assert_eq!(number(&play), (1_000, 1_000));
    play.assert_nothing_wrong();
}

#[test]
fn full_chunks_never_fill_the_pool_and_the_most_urgent_go_first() {
    let mut play = play();
    {
        let mut buckets = play.prover.buckets.lock();
        let bucket = buckets.get_mut(&ID).unwrap();
        for _ in 0..2 {
            bucket.commit(vec![7; CHUNK_BYTES]);
        }
    }
    for period in (20..84).rev() {
        play.ask(ID, play.commitment(ID), at(5), Some(period));
    }
    play.chain.advance();
    play.settle();
    let duties = play.board().duties();
    assert!(
        duties[..32]
            .iter()
            .all(|duty| duty.stage == Stage::Submitted)
    );
    assert!(duties[32..].iter().all(|duty| duty.stage == Stage::Waiting));
    play.blocks(10);
    assert_eq!((play.defended(), play.lost()), (64, 0));
    let most = play.chain.seen().most_bytes;
    assert!(most > 8_000_000 && most <= 10 << 20, "{most} bytes");
}

#[test]
fn an_anchor_that_jumps_by_fifty_hurries_what_is_left() {
    let limits = Limits {
        challenge_period: 60,
        ..LIMITS
    };
    let mut play = Play::new(limits, 0);
    play.add_bucket(ID, 5);
    play.start();
    play.chain.with_pool(|pool| pool.delay = 30);
    play.ask(ID, play.commitment(ID), at(0), None);
    play.block();
    // In the pool, and late; then 50 anchor blocks pass in one block.
    play.chain.with_pool(|pool| pool.delay = 0);
    let head = play.chain.add_block_by(Plan {
        anchors: 50,
        ..Plan::default()
    });
    play.chain.finalize_to(head.number);
    play.blocks(3);
    assert_eq!((play.defended(), play.lost()), (1, 0));
    assert_eq!(play.board().statistics().resubmitted, 1);
}

#[test]
fn a_restart_in_the_middle_of_each_state_answers_once() {
    // Kill after each tenth of a second on the way: calls take time, a block arrives after six
    // seconds and is final after nine.
    let mut stages = vec![];
    for tenths in 0..150 {
        let mut play = Play::new(LIMITS, tenths);
        play.clock.lock().latency = Duration::from_millis(1_500);
        play.add_bucket(ID, 5);
        play.start();
        play.block();
        play.ask(ID, play.commitment(ID), at(3), None);
        play.chain.advance();
        let kill_at = Duration::from_millis(100 * tenths);
        let (block_at, final_at) = (BLOCK, BLOCK + BLOCK / 2);
        play.pass(kill_at.min(block_at));
        if kill_at > block_at {
            let head = play.chain.add_block();
            play.pass(kill_at.min(final_at) - block_at);
            if kill_at > final_at {
                play.chain.finalize_to(head.number);
                play.pass(kill_at - final_at);
            }
        }
        let stage = play.board().duties().first().map(|duty| duty.stage);
        stages.push(stage);
        play.kill();
        play.block();
        play.start();
        play.blocks(30);
        assert_eq!(
            (play.defended(), play.lost()),
            (1, 0),
            "killed in {stage:?}"
        );
        assert_eq!(play.board().duties(), []);
        assert!(play.log.kept.lock().is_empty());
        play.assert_nothing_wrong();
    }
    for stage in [
        None,
        Some(Stage::AtWork),
        Some(Stage::Submitted),
        Some(Stage::InBlock),
        Some(Stage::Finalized),
    ] {
        assert!(stages.contains(&stage), "no kill in {stage:?}");
    }
}

#[test]
fn an_answer_that_finality_is_long_in_reaching_is_not_sent_again() {
    let limits = Limits {
        challenge_period: 200,
        ..LIMITS
    };
    let mut play = Play::new(limits, 0);
    play.chain.offer_judging(false);
    play.add_bucket(ID, 5);
    play.start();
    play.block();
    play.ask(ID, play.commitment(ID), at(0), None);
    let asked = play.block();
    // The best chain is 50 blocks ahead, and finality follows block by block.
    for ahead in 1..=80 {
        let head = play.chain.add_block();
        if ahead > 50 {
            play.chain.finalize_to(head.number - 50);
        }
        play.pass(BLOCK);
    }
    assert_eq!(number(&play), (1, 1));
    assert!(play.chain.finalized_head().number > asked.number);
    assert_eq!(play.defended(), 1);
}

#[test]
fn without_a_key_or_a_place_in_the_pool_it_is_tried_until_there_is_one() {
    let mut play = play();
    play.client.hold_key(false);
    challenged(&mut play, None);
    let alarm = play.board().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("no key"), "{alarm}");
    play.client.hold_key(true);
    play.chain.with_pool(|pool| pool.rejecting = 2);
    play.blocks(16);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn where_no_block_comes_what_failed_is_tried_again_all_the_same() {
    let mut play = play();
    play.chain.with_pool(|pool| pool.rejecting = 3);
    challenged(&mut play, None);
    assert_eq!(number(&play).0, 0);
    // Blocks are made, but none becomes final.
    for _ in 0..12 {
        play.chain.add_block();
        play.pass(BLOCK);
    }
    assert_eq!(number(&play), (1, 1));
}

#[test]
fn calls_that_fail_and_a_log_that_cannot_be_written_stop_nothing() {
    for failing in 1..12 {
        let mut play = play();
        *play.log.failing.lock() = 2;
        play.client.fail_next(failing);
        challenged(&mut play, None);
        play.blocks(12);
        assert_eq!((play.defended(), play.lost()), (1, 0), "{failing} calls");
        play.pass(BLOCK);
        assert!(play.log.kept.lock().is_empty());
    }
}

#[test]
fn a_deadline_that_passed_while_nobody_looked_is_not_taken_for_a_defence() {
    let mut play = play();
    play.prover
        .faults
        .lock()
        .insert(ID, NoProof::Passing("busy".into()));
    challenged(&mut play, Some(10));
    play.pass(BLOCK);
    play.kill();
    play.blocks(20);
    play.start();
    play.blocks(2);
    let counted = play.board().statistics();
    assert_eq!((counted.defended, counted.lost, counted.unseen), (0, 0, 1));
    assert_eq!(play.lost(), 1);
}
