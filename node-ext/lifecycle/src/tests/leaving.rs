//! A provider leaves: nothing is cut short, and each wait says until when.

use super::fixture::{ACCOUNT, Fixture};
use crate::{LeaveStep, Wait, call_name, next_step};
use cairn_chain::ProviderCall;
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::onchain::ProviderSettings;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, H256, LeafCount, LeafIndex, Sequence};
use cairn_testing::NewChallenge;

/// Takes the next step, if it is a call, and returns its name or the wait.
fn step(fixture: &Fixture) -> Result<&'static str, Wait> {
    match next_step(&fixture.facts()) {
        LeaveStep::Gone => Ok("gone"),
        LeaveStep::Submit(call) => {
            fixture.submit(&call).unwrap();
            Ok(call_name(&call))
        }
        LeaveStep::Wait(wait) => Err(wait),
    }
}

fn challenge(fixture: &Fixture, bucket: u64) {
    fixture.chain.challenge(NewChallenge {
        provider: ACCOUNT,
        challenger: AccountId([3; 32]),
        bucket: BucketId(bucket),
        commitment: Commitment {
            mmr_root: H256::repeat_byte(5),
            start_seq: Sequence(0),
            leaf_count: LeafCount::ZERO,
        },
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        period: None,
    });
    fixture.chain.advance();
}

#[test]
fn agreements_run_out_before_anything_is_announced() {
    let fixture = Fixture::registered();
    let start = fixture.facts().head.anchor;
    fixture.agree(1, start + 30);
    fixture.agree(2, start + 60);
    assert_eq!(step(&fixture), Ok("update_provider_settings"));
    let settings = fixture.facts().provider.unwrap().settings;
    assert!(!settings.accepting_primary && !settings.accepting_extensions);
    assert_eq!(settings.price_per_byte, 3);
    let until = start + 60;
    assert_eq!(step(&fixture), Err(Wait::Agreements { count: 2, until }));
    // The first one is claimed while the second still runs.
    fixture.advance_to(start + 30 + 21);
    assert_eq!(step(&fixture), Ok("claim_expired_agreement"));
    assert_eq!(step(&fixture), Err(Wait::Agreements { count: 1, until }));
    fixture.advance_to(until);
    let bucket = BucketId(2);
    let settled = until + 21;
    assert_eq!(
        step(&fixture),
        Err(Wait::Settlement {
            bucket,
            until: settled
        })
    );
    fixture.advance_to(settled);
    assert_eq!(step(&fixture), Ok("claim_expired_agreement"));
    assert_eq!(step(&fixture), Ok("deregister_provider"));
    let until = fixture.facts().provider.unwrap().deregister_at.unwrap();
    assert_eq!(step(&fixture), Err(Wait::Notice { until }));
    fixture.advance_to(until);
    let held = fixture.facts().funds;
    assert_eq!(step(&fixture), Ok("complete_deregister"));
    assert_eq!(step(&fixture), Ok("gone"));
    let freed = fixture.facts().funds;
    assert_eq!((held.held, freed.held), (5_000, 0));
    let refused = fixture.chain.submission_record().refused_provider_calls;
    assert_eq!(refused, []);
}

/// Leaves, and returns the calls, whatever has to be waited for.
fn leave(fixture: &Fixture) -> Vec<&'static str> {
    let mut calls = Vec::new();
    loop {
        match step(fixture) {
            Ok("gone") => return calls,
            Ok(call) => calls.push(call),
            Err(
                Wait::Agreements { until, .. }
                | Wait::Settlement { until, .. }
                | Wait::Notice { until },
            ) => fixture.advance_to(until),
            Err(wait) => panic!("{wait:?} after {calls:?}"),
        }
    }
}

#[test]
fn a_stake_below_the_capacity_keeps_nobody_from_leaving() {
    // As little as is agreed is covered, or not even that.
    for (stake, capacity) in [(4_999, 100), (99, 0)] {
        let fixture = Fixture::registered();
        let start = fixture.facts().head.anchor;
        fixture.agree(1, start + 30);
        fixture.chain.edit(move |pallet| {
            let record = pallet.providers.get_mut(&ACCOUNT.0).unwrap();
            record.stake = stake;
            record.settings.max_capacity = 5_000;
        });
        fixture.chain.advance();
        assert_eq!(step(&fixture), Ok("update_provider_settings"));
        let settings = fixture.facts().provider.unwrap().settings;
        assert!(!settings.accepting_primary && !settings.accepting_extensions);
        assert_eq!(settings.max_capacity, capacity);
        let calls = [
            "claim_expired_agreement",
            "deregister_provider",
            "complete_deregister",
        ];
        assert_eq!(leave(&fixture), calls);
        let refused = fixture.chain.submission_record().refused_provider_calls;
        assert_eq!(refused, []);
    }
}

#[test]
fn what_has_ended_is_claimed_before_the_record_is_closed() {
    let fixture = Fixture::registered();
    let end = fixture.facts().head.anchor + 10;
    fixture.agree(1, end);
    fixture.advance_to(end + 21);
    assert_eq!(step(&fixture), Ok("claim_expired_agreement"));
    assert_eq!(step(&fixture), Ok("update_provider_settings"));
    assert_eq!(
        leave(&fixture),
        ["deregister_provider", "complete_deregister"]
    );
}

#[test]
fn a_challenge_is_waited_for() {
    let fixture = Fixture::registered();
    let end = fixture.facts().head.anchor + 10;
    fixture.agree(1, end);
    assert_eq!(step(&fixture), Ok("update_provider_settings"));
    fixture.advance_to(end + 15);
    challenge(&fixture, 1);
    let deadline = fixture.facts().challenges[0].id.deadline;
    fixture.advance_to(end + 21);
    let wait = Wait::Challenges {
        count: 1,
        until: deadline,
    };
    assert_eq!(step(&fixture), Err(wait));
}

#[test]
fn a_challenge_in_the_notice_is_waited_for() {
    let fixture = Fixture::registered();
    assert_eq!(step(&fixture), Ok("update_provider_settings"));
    assert_eq!(step(&fixture), Ok("deregister_provider"));
    let until = fixture.facts().provider.unwrap().deregister_at.unwrap();
    fixture.advance_to(until - 5);
    challenge(&fixture, 1);
    fixture.advance_to(until);
    assert!(matches!(
        step(&fixture),
        Err(Wait::Challenges { count: 1, .. })
    ));
}

#[test]
fn bytes_that_no_agreement_explains_are_told() {
    let fixture = Fixture::registered();
    assert_eq!(step(&fixture), Ok("update_provider_settings"));
    fixture.chain.edit(|pallet| {
        pallet
            .providers
            .get_mut(&ACCOUNT.0)
            .unwrap()
            .committed_bytes = 9;
    });
    fixture.chain.advance();
    assert_eq!(step(&fixture), Err(Wait::Miscounted { committed: 9 }));
}

#[test]
fn leaving_can_be_cancelled_and_the_settings_put_back() {
    let fixture = Fixture::registered();
    assert_eq!(step(&fixture), Ok("update_provider_settings"));
    let closed: ProviderSettings = fixture.facts().provider.unwrap().settings;
    assert_eq!(step(&fixture), Ok("deregister_provider"));
    let facts = fixture.submit(&ProviderCall::CancelDeregister).unwrap();
    // The chain opens both, whatever they were.
    let opened = facts.provider.unwrap().settings;
    assert!(opened.accepting_primary && opened.accepting_extensions);
    fixture
        .submit(&ProviderCall::UpdateSettings(closed))
        .unwrap();
    assert_eq!(step(&fixture), Ok("deregister_provider"));
}

#[test]
fn an_account_without_a_record_has_left() {
    assert_eq!(next_step(&Fixture::new().facts()), LeaveStep::Gone);
}
