//! Verdicts of a dry run, in SCALE as the runtime returns it.

use super::*;
use cairn_chain::{ChainError, DryRunResult};
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse, SlashReason};
use cairn_primitives::onchain::ResponseRefusal;
use codec::{Compact, Encode};

const FUNCTION: &str = "DryRunApi_dry_run_call";
const ID: ChallengeId = ChallengeId {
    deadline: 9,
    index: 2,
};
const NEXT: ChallengeId = ChallengeId {
    deadline: 9,
    index: 3,
};
/// `Ok` of the effects, and `Ok` of the call with no weight.
const DONE: [u8; 3] = [0, 0, 0];
/// No local XCM program.
const NO_XCM: u8 = 0;

fn events(events: &[Vec<u8>]) -> Vec<u8> {
    [Compact(events.len() as u32).encode(), events.concat()].concat()
}

fn defended(id: ChallengeId, provider: AccountId) -> Vec<u8> {
    [vec![50, 20], (id, provider, 4_u32).encode()].concat()
}

fn slashed(id: ChallengeId) -> Vec<u8> {
    let fields = (id, OURS, 5_u128, 6_u128, 1_u8);
    [vec![50, 21], fields.encode()].concat()
}

/// An error of a pallet: no weight, the pallet's index, and the error's.
fn failed(pallet: u8, error: u8) -> Vec<u8> {
    [
        vec![0, 1, 0, 3, pallet, error, 0, 0, 0],
        events(&[]),
        vec![NO_XCM],
    ]
    .concat()
}

async fn judge(options: Options, result: Vec<u8>) -> DryRunResult {
    let node = MemoryNode::new(options);
    node.answer_bytes(FUNCTION, result);
    let response = ChallengeResponse::Superseded;
    let at = node.best_hash();
    state(&node).dry_run(at, OURS, ID, &response).await.unwrap()
}

#[tokio::test]
async fn the_verdict_is_the_event_with_the_challenges_id() {
    let done = |list: &[Vec<u8>]| [DONE.to_vec(), events(list), vec![NO_XCM]].concat();
    for options in [Options::CURRENT, Options::NONCE, Options::LEAF_BINDING] {
        let accepted = judge(options, done(&[defended(ID, OURS)])).await;
        assert_eq!(accepted, DryRunResult::Accepted);
        let lost = judge(options, done(&[slashed(ID)])).await;
        let invalid = ResponseRefusal::Slashable(Some(SlashReason::InvalidProof));
        assert_eq!(lost, DryRunResult::Refused(invalid.clone()));
        // A slash counts, whatever else is said.
        let both = judge(options, done(&[defended(ID, OURS), slashed(ID)])).await;
        assert_eq!(both, DryRunResult::Refused(invalid));
        // Success without an event is no defence; nor is another's, or another challenge's.
        for list in [
            vec![],
            vec![defended(NEXT, OURS)],
            vec![defended(ID, OTHER)],
            vec![slashed(NEXT)],
        ] {
            let judged = judge(options, done(&list)).await;
            assert_eq!(judged, DryRunResult::NotOffered, "{list:?}");
        }
    }
}

#[tokio::test]
async fn errors_of_the_pallet_are_told_by_name() {
    let pallet = crate::testing::PALLET_INDEX;
    for error in 0..3 {
        let judged = judge(Options::CURRENT, failed(pallet, error)).await;
        let none = DryRunResult::Refused(ResponseRefusal::NoSuchChallenge);
        assert_eq!(judged, none);
    }
    // On the oldest chains a wrong answer is an error.
    let judged = judge(Options::DEPLOYED, failed(pallet, 4)).await;
    let rejected = ResponseRefusal::Rejected("InvalidChallengeProof".to_owned());
    assert_eq!(judged, DryRunResult::Refused(rejected));
    // An error of another pallet, an unknown one, and one that is no pallet's.
    for result in [
        failed(10, 0),
        failed(pallet, 99),
        [vec![0, 1, 0, 2], events(&[]), vec![NO_XCM]].concat(),
    ] {
        let judged = judge(Options::CURRENT, result).await;
        assert_eq!(judged, DryRunResult::NotOffered);
    }
}

#[tokio::test]
async fn what_follows_the_events_is_not_read() {
    let head = [DONE.to_vec(), events(&[defended(ID, OURS)])].concat();
    for tail in [vec![], vec![0xff; 40], vec![1, 99]] {
        let result = [head.clone(), tail].concat();
        let judged = judge(Options::CURRENT, result).await;
        assert_eq!(judged, DryRunResult::Accepted);
    }
    for result in [
        // The chain could not make it.
        vec![1, 0],
        vec![],
        vec![7],
        head[..head.len() - 1].to_vec(),
        vec![0; 3],
        [DONE.to_vec(), vec![0xff; 60]].concat(),
    ] {
        let judged = judge(Options::CURRENT, result.clone()).await;
        assert_eq!(judged, DryRunResult::NotOffered, "{result:?}");
    }
}

#[tokio::test]
async fn the_arguments_are_those_that_the_metadata_lists() {
    let call = [vec![50, 41], ID.encode(), vec![2]].concat();
    let origin = [vec![0, 1], OURS.encode()].concat();
    for (arguments, version) in [(2, vec![]), (3, 5_u32.encode())] {
        let node = MemoryNode::new(Options {
            dry_run_arguments: arguments,
            ..Options::CURRENT
        });
        node.answer_bytes(FUNCTION, vec![1, 0]);
        let chain = state(&node);
        let response = ChallengeResponse::Superseded;
        chain
            .dry_run(node.best_hash(), OURS, ID, &response)
            .await
            .unwrap();
        let called = node.0.lock().called.clone();
        let (_, sent) = called.iter().find(|(name, _)| name == FUNCTION).unwrap();
        // The newest version of XCM that the result can have.
        assert_eq!(*sent, [origin.clone(), call.clone(), version].concat());
    }
}

#[tokio::test]
async fn without_a_dry_run_there_is_no_verdict() {
    for dry_run_arguments in [0, 1] {
        let node = MemoryNode::new(Options {
            dry_run_arguments,
            ..Options::CURRENT
        });
        let chain = state(&node);
        let response = ChallengeResponse::Superseded;
        let judged = chain.dry_run(node.best_hash(), OURS, ID, &response).await;
        assert_eq!(judged.unwrap(), DryRunResult::NotOffered);
        assert_eq!(node.calls_of(FUNCTION), 0);
    }
    // Metadata lists it, but the runtime has none: an error, and no verdict.
    let node = MemoryNode::new(Options::CURRENT);
    let response = ChallengeResponse::Superseded;
    let judged = state(&node)
        .dry_run(node.best_hash(), OURS, ID, &response)
        .await;
    assert!(matches!(judged, Err(ChainError::Unsupported(_))));
}
