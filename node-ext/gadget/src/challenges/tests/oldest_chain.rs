//! The oldest chains: an id is a position among the challenges of its deadline, any provider's
//! answer moves the later ones, and a wrong answer costs its fee, or the stake.

use super::harness::*;
use super::scenarios::{ID, submissions};
use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::Limits;
use cairn_testing::{BlockPlan, LIMITS, NewChallenge};

const LIMITS_OF_IT: Limits = Limits {
    wrong_answers_slash: false,
    challenge_ids_shift: true,
    ..LIMITS
};

const OTHER_PROVIDER: AccountId = AccountId([5; 32]);

/// Starts a process with a bucket of eight leaves, each challenged for one deadline, with a
/// challenge of another provider before each of ours.
fn challenged_harness() -> (Harness, u32) {
    let mut harness = Harness::new(LIMITS_OF_IT, 0);
    harness.add_bucket(ID, 8);
    harness
        .chain
        .edit(|pallet| pallet.register(OTHER_PROVIDER, OTHER_PROVIDER.0.into()));
    harness.block();
    harness.start();
    let commitment = harness.commitment(ID);
    for leaf in 0..8 {
        for provider in [OTHER_PROVIDER, OURS] {
            harness.chain.challenge(NewChallenge {
                provider,
                challenger: AccountId([9; 32]),
                bucket: ID,
                commitment,
                location: at(leaf),
                period: None,
            });
        }
    }
    harness.block();
    let deadline = harness
        .chain
        .finalized()
        .open
        .keys()
        .next()
        .unwrap()
        .deadline;
    (harness, deadline)
}

/// Lets the other provider answer its first challenge of a deadline in the next block.
fn answer_of_the_other(harness: &Harness, deadline: u32) {
    let bucket = harness.prover.buckets.lock()[&ID].clone();
    harness.chain.edit(move |pallet| {
        let theirs =
            |(id, challenge): (&ChallengeId, &cairn_primitives::onchain::OpenChallenge)| {
                (id.deadline == deadline && challenge.provider == OTHER_PROVIDER)
                    .then_some((*id, *challenge))
            };
        let Some((id, challenge)) = pallet.open.iter().find_map(theirs) else {
            return;
        };
        let answer = bucket.answer(challenge.mmr_root, challenge.start_seq, challenge.location);
        let response = answer.unwrap().into_response();
        pallet.respond(OTHER_PROVIDER, id, &response).unwrap();
    });
}

/// An attacker's own provider answers in front of each of our answers, in the same block: our id
/// then names another challenge, which must not be ours.
#[test]
fn i5_an_answer_in_front_of_ours_costs_no_stake() {
    let limits = Limits {
        wrong_answers_slash: true,
        ..LIMITS_OF_IT
    };
    let mut harness = Harness::new(limits, 0);
    harness.add_bucket(ID, 8);
    harness
        .chain
        .edit(|pallet| pallet.register(OTHER_PROVIDER, OTHER_PROVIDER.0.into()));
    harness.block();
    harness.start();
    let theirs = (0..4).map(|leaf| (OTHER_PROVIDER, leaf));
    for (provider, leaf) in theirs.chain((0..8).map(|leaf| (OURS, leaf))) {
        // Each is of another root: the chain takes a proof of another leaf under the same root.
        let commitment = harness.prover.buckets.lock()[&ID].commitment_at(leaf + 1);
        harness.chain.challenge(NewChallenge {
            provider,
            challenger: AccountId([9; 32]),
            bucket: ID,
            commitment,
            location: at(leaf),
            period: None,
        });
    }
    let deadline = harness.chain.advance().anchor + limits.challenge_period;
    for _ in 0..4 {
        // In the pool before the process sees the block, and so before its answer.
        answer_of_the_other(&harness, deadline);
        harness.advance_time(BLOCK_TIME);
        harness.chain.advance();
    }
    assert!(submissions(&harness).0 > 0);
    harness.advance_time(BLOCK_TIME);
    harness.blocks(25);
    assert_eq!((harness.defended(), harness.lost()), (8, 0));
    assert!(harness.chain.finalized().open.is_empty());
    harness.assert_nothing_wrong();
}

#[test]
fn answers_of_others_move_ours_and_none_is_lost() {
    let (mut harness, deadline) = challenged_harness();
    for _ in 0..8 {
        // In the block that has an answer of ours: its id names another challenge by then.
        answer_of_the_other(&harness, deadline);
        harness.blocks(3);
    }
    harness.blocks(20);
    assert_eq!((harness.defended(), harness.lost()), (8, 0));
    assert!(harness.chain.finalized().open.is_empty());
    let counted = harness.status().statistics();
    assert_eq!((counted.opened, counted.open), (8, 0));
    assert_eq!((counted.defended, counted.lost), (8, 0));
    assert!(harness.duties.stored.lock().is_empty());
    // The chain refused answers under moved ids, and took each right one once.
    harness.assert_nothing_wrong();
}

#[test]
fn one_answer_of_a_deadline_is_on_its_way_at_a_time() {
    let (mut harness, _) = challenged_harness();
    assert_eq!(submissions(&harness), (1, 0));
    harness.chain.add_block_with(BlockPlan::default());
    harness.run_until_idle();
    assert_eq!(submissions(&harness), (1, 1), "the first is not final");
    harness.blocks(20);
    assert_eq!((harness.defended(), harness.lost()), (8, 0));
    assert_eq!(submissions(&harness), (8, 8));
}

#[test]
fn a_kill_in_the_middle_loses_no_moved_challenge() {
    let (mut harness, deadline) = challenged_harness();
    harness.kill();
    for _ in 0..4 {
        answer_of_the_other(&harness, deadline);
    }
    harness.blocks(2);
    harness.start();
    harness.blocks(30);
    assert_eq!((harness.defended(), harness.lost()), (8, 0));
    assert!(harness.duties.stored.lock().is_empty());
}
