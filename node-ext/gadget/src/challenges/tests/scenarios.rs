//! Single scenarios of a chain and a process.

use super::harness::*;
use crate::challenges::AnswerStage;
use crate::challenges::duty::DutyState;
use crate::challenges::no_proof::NoProof;
use cairn_primitives::BucketId;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::Limits;
use cairn_testing::{BlockPlan, LIMITS};
use std::time::Duration;

pub(super) const ID: BucketId = BucketId(7);
pub(super) const OTHER: BucketId = BucketId(8);

/// Starts a process with two buckets of five leaves.
pub(super) fn running_harness() -> Harness {
    let mut play = Harness::new(LIMITS, 0);
    play.add_bucket(ID, 5);
    play.add_bucket(OTHER, 5);
    play.block();
    play.start();
    play
}

/// Challenges the first leaf at the newest root and lets the process see it.
pub(super) fn challenge_first_leaf(play: &mut Harness, period: Option<u32>) {
    play.challenge(ID, play.commitment(ID), at(0), period);
    play.chain.advance();
    play.run_until_idle();
}

pub(super) fn submissions(play: &Harness) -> (u32, u32) {
    let seen = play.chain.submission_record();
    let sum = |of: &std::collections::BTreeMap<_, u32>| of.values().sum();
    (sum(&seen.submitted), sum(&seen.included))
}

#[test]
fn a_challenge_is_answered_once_and_closed_when_final() {
    for (strict_leaf_binding, offers) in [(false, true), (true, true), (true, false)] {
        let limits = Limits {
            strict_leaf_binding,
            ..LIMITS
        };
        let mut play = Harness::new(limits, 0);
        play.chain.set_dry_run_offered(offers);
        play.add_bucket(ID, 5);
        play.start();
        play.block();
        let old = play.prover.buckets.lock()[&ID].commitment_at(3);
        play.challenge(ID, old, at(2), None);
        play.block();
        let duty = &play.status().duties()[0];
        assert_eq!(
            (duty.stage, duty.attempts, duty.left),
            (AnswerStage::Submitted, 1, Some(40))
        );
        assert!(matches!(
            play.duties.stored.lock().values().next().unwrap().state,
            DutyState::Submitted { .. }
        ));
        play.block();
        assert_eq!(play.status().duties(), []);
        assert!(play.duties.stored.lock().is_empty());
        play.blocks(60);
        assert_eq!(
            (play.defended(), play.lost(), submissions(&play)),
            (1, 0, (1, 1))
        );
        let counted = play.status().statistics();
        assert_eq!(
            (counted.opened, counted.answered, counted.defended),
            (1, 1, 1)
        );
        play.assert_nothing_wrong();
    }
}

#[test]
fn challenges_open_at_the_start_are_found() {
    let mut play = Harness::new(LIMITS, 0);
    play.add_bucket(ID, 5);
    for leaf in 0..5 {
        play.challenge(ID, play.commitment(ID), at(leaf), None);
    }
    play.blocks(3);
    play.start();
    play.blocks(2);
    assert_eq!((play.defended(), submissions(&play)), (5, (5, 5)));
}

#[test]
fn an_answer_lost_in_a_reorg_is_resubmitted() {
    let mut play = running_harness();
    challenge_first_leaf(&mut play, None);
    let scheduled = play.chain.best_head().number;
    play.chain.add_block();
    play.run_until_idle();
    assert_eq!(play.status().duties()[0].stage, AnswerStage::InBlock);
    assert_eq!(play.chain.retract(9), 1);
    play.run_until_idle();
    assert_eq!(play.status().duties()[0].stage, AnswerStage::Submitted);
    // The fork's transactions are lost with it, and nobody reports it.
    play.chain.with_pool(|pool| pool.drop_all(None));
    play.blocks(12);
    assert!(play.chain.best_head().number > scheduled);
    assert_eq!((play.defended(), submissions(&play)), (1, (2, 2)));
    play.assert_nothing_wrong();
}

#[test]
fn an_answer_reincluded_after_a_reorg_is_not_resubmitted() {
    let mut play = running_harness();
    challenge_first_leaf(&mut play, None);
    play.chain.add_block();
    play.run_until_idle();
    play.chain.retract(1);
    play.blocks(3);
    assert_eq!((play.defended(), submissions(&play)), (1, (1, 2)));
}

#[test]
fn a_dropped_answer_is_resubmitted_at_once_then_with_backoff() {
    let mut play = running_harness();
    challenge_first_leaf(&mut play, None);
    for _ in 0..10 {
        play.chain.with_pool(|pool| pool.drop_all(Some("dropped")));
        play.advance_time(Duration::from_millis(1));
    }
    assert_eq!(
        submissions(&play).0,
        2,
        "no more than twice within one block"
    );
    play.blocks(3);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn an_answer_that_is_included_twice_counts_once() {
    let mut play = running_harness();
    challenge_first_leaf(&mut play, None);
    let head = play.chain.add_block_with(BlockPlan {
        include_twice: true,
        ..BlockPlan::default()
    });
    play.chain.finalize_to(head.number);
    play.blocks(2);
    assert_eq!((play.defended(), submissions(&play)), (1, (1, 2)));
    assert_eq!(play.status().statistics().defended, 1);
}

#[test]
fn open_challenges_are_answered_after_a_long_disconnect() {
    let limits = Limits {
        challenge_period: 130,
        ..LIMITS
    };
    let mut play = Harness::new(limits, 0);
    play.add_bucket(ID, 5);
    play.start();
    play.block();
    play.client.disconnect();
    play.run_until_idle();
    play.challenge(ID, play.commitment(ID), at(1), None);
    play.blocks(100);
    assert_eq!(submissions(&play).0, 0);
    play.client.connect();
    play.blocks(7);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn a_deadline_in_the_next_block_is_met() {
    let mut play = running_harness();
    challenge_first_leaf(&mut play, Some(1));
    play.blocks(3);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn a_thousand_challenges_at_one_deadline_are_answered() {
    let mut play = running_harness();
    for number in 0..1_000 {
        play.challenge(ID, play.commitment(ID), at(number % 5), Some(40));
    }
    play.chain.advance();
    play.run_until_idle();
    let counted = play.status().statistics();
    assert_eq!((counted.open, counted.in_flight), (1_000, 32));
    let mut most = 0;
    for _ in 0..38 {
        play.block();
        most = most.max(play.status().statistics().in_flight);
    }
    play.blocks(10);
    assert!(most <= 32 + 8, "{most} in flight");
    assert_eq!((play.defended(), play.lost()), (1_000, 0));
    assert_eq!(submissions(&play), (1_000, 1_000));
    play.assert_nothing_wrong();
}

#[test]
fn full_chunks_respect_the_byte_bound_most_urgent_first() {
    let mut play = running_harness();
    {
        let mut buckets = play.prover.buckets.lock();
        let bucket = buckets.get_mut(&ID).unwrap();
        for _ in 0..2 {
            bucket.commit(vec![7; CHUNK_BYTES]);
        }
    }
    for period in (20..84).rev() {
        play.challenge(ID, play.commitment(ID), at(5), Some(period));
    }
    play.chain.advance();
    play.run_until_idle();
    let duties = play.status().duties();
    assert!(
        duties[..32]
            .iter()
            .all(|duty| duty.stage == AnswerStage::Submitted)
    );
    assert!(
        duties[32..]
            .iter()
            .all(|duty| duty.stage == AnswerStage::Waiting)
    );
    play.blocks(10);
    assert_eq!((play.defended(), play.lost()), (64, 0));
    let most = play.chain.submission_record().max_pending_bytes;
    assert!(most > 8_000_000 && most <= 10 << 20, "{most} bytes");
}

#[test]
fn an_anchor_jump_hurries_late_answers() {
    let limits = Limits {
        challenge_period: 60,
        ..LIMITS
    };
    let mut play = Harness::new(limits, 0);
    play.add_bucket(ID, 5);
    play.start();
    play.chain.with_pool(|pool| pool.delay = 30);
    play.challenge(ID, play.commitment(ID), at(0), None);
    play.block();
    // In the pool, and late; then 50 anchor blocks pass in one block.
    play.chain.with_pool(|pool| pool.delay = 0);
    let head = play.chain.add_block_with(BlockPlan {
        anchors: 50,
        ..BlockPlan::default()
    });
    play.chain.finalize_to(head.number);
    play.blocks(3);
    assert_eq!((play.defended(), play.lost()), (1, 0));
    assert_eq!(play.status().statistics().resubmitted, 1);
}

#[test]
fn a_restart_in_any_state_answers_once() {
    // Kill after each tenth of a second on the way: calls take time, a block arrives after six
    // seconds and is final after nine.
    let mut stages = vec![];
    for tenths in 0..150 {
        let mut play = Harness::new(LIMITS, tenths);
        play.clock.lock().latency = Duration::from_millis(1_500);
        play.add_bucket(ID, 5);
        play.start();
        play.block();
        play.challenge(ID, play.commitment(ID), at(3), None);
        play.chain.advance();
        let kill_at = Duration::from_millis(100 * tenths);
        let (block_at, final_at) = (BLOCK_TIME, BLOCK_TIME + BLOCK_TIME / 2);
        play.advance_time(kill_at.min(block_at));
        if kill_at > block_at {
            let head = play.chain.add_block();
            play.advance_time(kill_at.min(final_at) - block_at);
            if kill_at > final_at {
                play.chain.finalize_to(head.number);
                play.advance_time(kill_at - final_at);
            }
        }
        let stage = play.status().duties().first().map(|duty| duty.stage);
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
        assert_eq!(play.status().duties(), []);
        assert!(play.duties.stored.lock().is_empty());
        play.assert_nothing_wrong();
    }
    for stage in [
        None,
        Some(AnswerStage::Preparing),
        Some(AnswerStage::Submitted),
        Some(AnswerStage::InBlock),
        Some(AnswerStage::Finalized),
    ] {
        assert!(stages.contains(&stage), "no kill in {stage:?}");
    }
}

#[test]
fn slow_finality_causes_no_resubmission() {
    let limits = Limits {
        challenge_period: 200,
        ..LIMITS
    };
    let mut play = Harness::new(limits, 0);
    play.chain.set_dry_run_offered(false);
    play.add_bucket(ID, 5);
    play.start();
    play.block();
    play.challenge(ID, play.commitment(ID), at(0), None);
    let asked = play.block();
    // The best chain is 50 blocks ahead, and finality follows block by block.
    for ahead in 1..=80 {
        let head = play.chain.add_block();
        if ahead > 50 {
            play.chain.finalize_to(head.number - 50);
        }
        play.advance_time(BLOCK_TIME);
    }
    assert_eq!(submissions(&play), (1, 1));
    assert!(play.chain.finalized_head().number > asked.number);
    assert_eq!(play.defended(), 1);
}

#[test]
fn submission_failures_are_retried() {
    let mut play = running_harness();
    play.client.set_key_present(false);
    challenge_first_leaf(&mut play, None);
    let alarm = play.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("no key"), "{alarm}");
    play.client.set_key_present(true);
    play.chain.with_pool(|pool| pool.submissions_to_reject = 2);
    play.blocks(16);
    assert_eq!((play.defended(), play.lost()), (1, 0));
}

#[test]
fn failed_jobs_are_retried_without_new_blocks() {
    let mut play = running_harness();
    play.chain.with_pool(|pool| pool.submissions_to_reject = 3);
    challenge_first_leaf(&mut play, None);
    assert_eq!(submissions(&play).0, 0);
    // Blocks are made, but none becomes final.
    for _ in 0..12 {
        play.chain.add_block();
        play.advance_time(BLOCK_TIME);
    }
    assert_eq!(submissions(&play), (1, 1));
}

#[test]
fn failing_calls_and_writes_do_not_stop_answers() {
    for failing in 1..12 {
        let mut play = running_harness();
        *play.duties.failing.lock() = 2;
        play.client.fail_next(failing);
        challenge_first_leaf(&mut play, None);
        play.blocks(12);
        assert_eq!((play.defended(), play.lost()), (1, 0), "{failing} calls");
        play.advance_time(BLOCK_TIME);
        assert!(play.duties.stored.lock().is_empty());
    }
}

#[test]
fn a_deadline_passed_unobserved_is_no_defence() {
    let mut play = running_harness();
    play.prover
        .faults
        .lock()
        .insert(ID, NoProof::Transient("busy".into()));
    challenge_first_leaf(&mut play, Some(10));
    play.advance_time(BLOCK_TIME);
    play.kill();
    play.blocks(20);
    play.start();
    play.blocks(2);
    let counted = play.status().statistics();
    assert_eq!(
        (counted.defended, counted.lost, counted.unobserved),
        (0, 0, 1)
    );
    assert_eq!(play.lost(), 1);
}
