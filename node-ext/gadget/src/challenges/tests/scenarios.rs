//! Single scenarios of a chain and a process.

use super::harness::*;
use crate::challenges::duty::DutyState;
use crate::challenges::no_proof::NoProof;
use crate::challenges::{AnswerStage, NotSynced};
use cairn_primitives::BucketId;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::Limits;
use cairn_testing::{BlockPlan, LIMITS};
use std::time::Duration;

pub(super) const ID: BucketId = BucketId(7);
pub(super) const OTHER: BucketId = BucketId(8);

/// Starts a process with two buckets of five leaves.
pub(super) fn running_harness() -> Harness {
    let mut harness = Harness::new(LIMITS, 0);
    harness.add_bucket(ID, 5);
    harness.add_bucket(OTHER, 5);
    harness.block();
    harness.start();
    harness
}

/// Challenges the first leaf at the newest root and lets the process see it.
pub(super) fn challenge_first_leaf(harness: &mut Harness, period: Option<u32>) {
    harness.challenge(ID, harness.commitment(ID), at(0), period);
    harness.chain.advance();
    harness.run_until_idle();
}

pub(super) fn submissions(harness: &Harness) -> (u32, u32) {
    let seen = harness.chain.submission_record();
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
        let mut harness = Harness::new(limits, 0);
        harness.chain.set_dry_run_offered(offers);
        harness.add_bucket(ID, 5);
        harness.start();
        harness.block();
        let old = harness.prover.buckets.lock()[&ID].commitment_at(3);
        harness.challenge(ID, old, at(2), None);
        harness.block();
        let duty = &harness.status().duties()[0];
        assert_eq!(
            (duty.stage, duty.attempts, duty.left),
            (AnswerStage::Submitted, 1, Some(40))
        );
        assert!(matches!(
            harness.duties.stored.lock().values().next().unwrap().state,
            DutyState::Submitted { .. }
        ));
        harness.block();
        assert_eq!(harness.status().duties(), []);
        assert!(harness.duties.stored.lock().is_empty());
        harness.blocks(60);
        assert_eq!(
            (harness.defended(), harness.lost(), submissions(&harness)),
            (1, 0, (1, 1))
        );
        let counted = harness.status().statistics();
        assert_eq!(
            (counted.opened, counted.answered, counted.defended),
            (1, 1, 1)
        );
        harness.assert_nothing_wrong();
    }
}

#[test]
fn challenges_open_at_the_start_are_found() {
    let mut harness = Harness::new(LIMITS, 0);
    harness.add_bucket(ID, 5);
    for leaf in 0..5 {
        harness.challenge(ID, harness.commitment(ID), at(leaf), None);
    }
    harness.blocks(3);
    harness.start();
    harness.blocks(2);
    assert_eq!((harness.defended(), submissions(&harness)), (5, (5, 5)));
}

#[test]
fn an_answer_lost_in_a_reorg_is_resubmitted() {
    let mut harness = running_harness();
    challenge_first_leaf(&mut harness, None);
    let scheduled = harness.chain.best_head().number;
    harness.chain.add_block();
    harness.run_until_idle();
    assert_eq!(harness.status().duties()[0].stage, AnswerStage::InBlock);
    assert_eq!(harness.chain.retract(9), 1);
    harness.run_until_idle();
    assert_eq!(harness.status().duties()[0].stage, AnswerStage::Submitted);
    // The fork's transactions are lost with it, and nobody reports it.
    harness.chain.with_pool(|pool| pool.drop_all(None));
    harness.blocks(12);
    assert!(harness.chain.best_head().number > scheduled);
    assert_eq!((harness.defended(), submissions(&harness)), (1, (2, 2)));
    harness.assert_nothing_wrong();
}

#[test]
fn an_answer_reincluded_after_a_reorg_is_not_resubmitted() {
    let mut harness = running_harness();
    challenge_first_leaf(&mut harness, None);
    harness.chain.add_block();
    harness.run_until_idle();
    harness.chain.retract(1);
    harness.blocks(3);
    assert_eq!((harness.defended(), submissions(&harness)), (1, (1, 2)));
}

#[test]
fn a_dropped_answer_is_resubmitted_at_once_then_with_backoff() {
    let mut harness = running_harness();
    challenge_first_leaf(&mut harness, None);
    for _ in 0..10 {
        harness
            .chain
            .with_pool(|pool| pool.drop_all(Some("dropped")));
        harness.advance_time(Duration::from_millis(1));
    }
    assert_eq!(
        submissions(&harness).0,
        2,
        "no more than twice within one block"
    );
    harness.blocks(3);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
}

#[test]
fn an_answer_that_is_included_twice_counts_once() {
    let mut harness = running_harness();
    challenge_first_leaf(&mut harness, None);
    let head = harness.chain.add_block_with(BlockPlan {
        include_twice: true,
        ..BlockPlan::default()
    });
    harness.chain.finalize_to(head.number);
    harness.blocks(2);
    assert_eq!((harness.defended(), submissions(&harness)), (1, (1, 2)));
    assert_eq!(harness.status().statistics().defended, 1);
}

#[test]
fn open_challenges_are_answered_after_a_long_disconnect() {
    let limits = Limits {
        challenge_period: 130,
        ..LIMITS
    };
    let mut harness = Harness::new(limits, 0);
    harness.add_bucket(ID, 5);
    harness.start();
    harness.block();
    harness.client.disconnect();
    harness.run_until_idle();
    harness.challenge(ID, harness.commitment(ID), at(1), None);
    harness.blocks(100);
    assert_eq!(submissions(&harness).0, 0);
    harness.client.connect();
    harness.blocks(7);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
}

#[test]
fn a_deadline_in_the_next_block_is_met() {
    let mut harness = running_harness();
    challenge_first_leaf(&mut harness, Some(1));
    harness.blocks(3);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
}

#[test]
fn a_thousand_challenges_at_one_deadline_are_answered() {
    let mut harness = running_harness();
    for number in 0..1_000 {
        harness.challenge(ID, harness.commitment(ID), at(number % 5), Some(40));
    }
    harness.chain.advance();
    harness.run_until_idle();
    let counted = harness.status().statistics();
    assert_eq!((counted.open, counted.in_flight), (1_000, 32));
    let mut most = 0;
    for _ in 0..38 {
        harness.block();
        most = most.max(harness.status().statistics().in_flight);
    }
    harness.blocks(10);
    assert!(most <= 32 + 8, "{most} in flight");
    assert_eq!((harness.defended(), harness.lost()), (1_000, 0));
    assert_eq!(submissions(&harness), (1_000, 1_000));
    harness.assert_nothing_wrong();
}

#[test]
fn full_chunks_respect_the_byte_bound_most_urgent_first() {
    let mut harness = running_harness();
    {
        let mut buckets = harness.prover.buckets.lock();
        let bucket = buckets.get_mut(&ID).unwrap();
        for _ in 0..2 {
            bucket.commit(vec![7; CHUNK_BYTES]);
        }
    }
    for period in (20..84).rev() {
        harness.challenge(ID, harness.commitment(ID), at(5), Some(period));
    }
    harness.chain.advance();
    harness.run_until_idle();
    let duties = harness.status().duties();
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
    harness.blocks(10);
    assert_eq!((harness.defended(), harness.lost()), (64, 0));
    let most = harness.chain.submission_record().max_pending_bytes;
    assert!(most > 8_000_000 && most <= 10 << 20, "{most} bytes");
}

#[test]
fn an_anchor_jump_hurries_late_answers() {
    let limits = Limits {
        challenge_period: 60,
        ..LIMITS
    };
    let mut harness = Harness::new(limits, 0);
    harness.add_bucket(ID, 5);
    harness.start();
    harness.chain.with_pool(|pool| pool.delay = 30);
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    harness.block();
    // In the pool, and late; then 50 anchor blocks pass in one block.
    harness.chain.with_pool(|pool| pool.delay = 0);
    let head = harness.chain.add_block_with(BlockPlan {
        anchors: 50,
        ..BlockPlan::default()
    });
    harness.chain.finalize_to(head.number);
    harness.blocks(3);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
    assert_eq!(harness.status().statistics().resubmitted, 1);
}

#[test]
fn a_restart_in_any_state_answers_once() {
    // Kill after each tenth of a second on the way: calls take time, a block arrives after six
    // seconds and is final after nine.
    let mut stages = vec![];
    for tenths in 0..150 {
        let mut harness = Harness::new(LIMITS, tenths);
        harness.clock.lock().latency = Duration::from_millis(1_500);
        harness.add_bucket(ID, 5);
        harness.start();
        harness.block();
        harness.challenge(ID, harness.commitment(ID), at(3), None);
        harness.chain.advance();
        let kill_at = Duration::from_millis(100 * tenths);
        let (block_at, final_at) = (BLOCK_TIME, BLOCK_TIME + BLOCK_TIME / 2);
        harness.advance_time(kill_at.min(block_at));
        if kill_at > block_at {
            let head = harness.chain.add_block();
            harness.advance_time(kill_at.min(final_at) - block_at);
            if kill_at > final_at {
                harness.chain.finalize_to(head.number);
                harness.advance_time(kill_at - final_at);
            }
        }
        let stage = harness.status().duties().first().map(|duty| duty.stage);
        stages.push(stage);
        harness.kill();
        harness.block();
        harness.start();
        harness.blocks(30);
        assert_eq!(
            (harness.defended(), harness.lost()),
            (1, 0),
            "killed in {stage:?}"
        );
        assert_eq!(harness.status().duties(), []);
        assert!(harness.duties.stored.lock().is_empty());
        harness.assert_nothing_wrong();
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
    let mut harness = Harness::new(limits, 0);
    harness.chain.set_dry_run_offered(false);
    harness.add_bucket(ID, 5);
    harness.start();
    harness.block();
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    let asked = harness.block();
    // The best chain is 50 blocks ahead, and finality follows block by block.
    for ahead in 1..=80 {
        let head = harness.chain.add_block();
        if ahead > 50 {
            harness.chain.finalize_to(head.number - 50);
        }
        harness.advance_time(BLOCK_TIME);
    }
    assert_eq!(submissions(&harness), (1, 1));
    assert!(harness.chain.finalized_head().number > asked.number);
    assert_eq!(harness.defended(), 1);
}

#[test]
fn submission_failures_are_retried() {
    let mut harness = running_harness();
    harness.client.set_key_present(false);
    challenge_first_leaf(&mut harness, None);
    let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("no key"), "{alarm}");
    harness.client.set_key_present(true);
    harness
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 2);
    harness.blocks(16);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
}

#[test]
fn failed_jobs_are_retried_without_new_blocks() {
    let mut harness = running_harness();
    harness
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 3);
    challenge_first_leaf(&mut harness, None);
    assert_eq!(submissions(&harness).0, 0);
    // Blocks are made, but none becomes final.
    for _ in 0..12 {
        harness.chain.add_block();
        harness.advance_time(BLOCK_TIME);
    }
    assert_eq!(submissions(&harness), (1, 1));
}

#[test]
fn failing_calls_and_writes_do_not_stop_answers() {
    for failing in 1..12 {
        let mut harness = running_harness();
        *harness.duties.failing.lock() = 2;
        harness.client.fail_next(failing);
        challenge_first_leaf(&mut harness, None);
        harness.blocks(12);
        assert_eq!(
            (harness.defended(), harness.lost()),
            (1, 0),
            "{failing} calls"
        );
        harness.advance_time(BLOCK_TIME);
        assert!(harness.duties.stored.lock().is_empty());
    }
}

#[test]
fn a_deadline_passed_unobserved_is_no_defence() {
    let mut harness = running_harness();
    harness
        .prover
        .faults
        .lock()
        .insert(ID, NoProof::Transient("busy".into()));
    challenge_first_leaf(&mut harness, Some(10));
    harness.advance_time(BLOCK_TIME);
    harness.kill();
    harness.blocks(20);
    harness.start();
    harness.blocks(2);
    let counted = harness.status().statistics();
    assert_eq!(
        (counted.defended, counted.lost, counted.unobserved),
        (0, 0, 1)
    );
    assert_eq!(harness.lost(), 1);
}

#[test]
fn a_row_that_cannot_be_read_hides_no_other_and_closes_nothing() {
    let mut harness = running_harness();
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    harness.challenge(OTHER, harness.commitment(OTHER), at(0), None);
    harness.chain.edit(|pallet| {
        // The row of the second does not decode from here on.
        pallet.unreadable = pallet.open.keys().skip(1).copied().collect();
    });
    // The answers stay in the pool for a while, so that both are open.
    harness.chain.with_pool(|pool| pool.delay = 3);
    harness.block();
    harness.block();
    let status = harness.status();
    assert_eq!(status.not_synced(), Some(NotSynced::UnreadableRow));
    harness.blocks(8);
    assert_eq!(harness.defended(), 1, "the other one is answered");
    harness.chain.edit(|pallet| pallet.unreadable.clear());
    harness.blocks(8);
    assert_eq!((harness.defended(), harness.lost()), (2, 0));
    assert_eq!(harness.status().not_synced(), None);
    harness.assert_nothing_wrong();
}
