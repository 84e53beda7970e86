//! The rules as tables and as properties.

use super::*;
use crate::CheckpointConfig;
use cairn_primitives::H256;
use cairn_primitives::challenge::Role;
use cairn_primitives::onchain::{Agreement, PrimaryProvider};
use proptest::prelude::*;

const ID: BucketId = BucketId(7);
/// The first primary provider, and a writer of the bucket.
const ACCOUNT: AccountId = AccountId([0; 32]);

fn commitment(start: u64, count: u64) -> Commitment {
    Commitment {
        mmr_root: H256::from_low_u64_be(start ^ count),
        start_seq: Sequence(start),
        leaf_count: LeafCount::new(count).unwrap(),
    }
}

fn local(start: u64, count: u64) -> LocalState {
    LocalState {
        id: ID,
        commitment: commitment(start, count),
        total_size: 10 * (start + count),
    }
}

fn snapshot(start: u64, count: u64, block: u32) -> BucketSnapshot {
    BucketSnapshot {
        commitment: commitment(start, count),
        checkpoint_block: block,
        primary_signers: vec![0b11],
    }
}

fn info(primaries: u8) -> BucketInfo {
    let primary = |who| PrimaryProvider {
        account: AccountId([who; 32]),
        key: None,
        endpoint: vec![],
        agreement: Some(Agreement::primary(AccountId([8; 32]), 0, 1_000)),
    };
    BucketInfo {
        members: vec![(ACCOUNT, Role::Writer)],
        min_providers: 1,
        primary_providers: (0..primaries).map(primary).collect(),
        frozen_start_seq: None,
        snapshot: None,
        historical_roots: vec![],
        window: None,
        last_window: None,
    }
}

fn plan() -> CheckpointPolicy {
    let config = CheckpointConfig {
        leaves: 10,
        bytes: 1_000,
        age: 100,
        stagger: 4,
        ..CheckpointConfig::default()
    };
    config.validate().unwrap()
}

fn evaluation<'q>(
    plan: &'q CheckpointPolicy,
    info: &'q BucketInfo,
    local: &'q LocalState,
    anchor: u32,
) -> Evaluation<'q> {
    Evaluation {
        plan,
        info,
        account: &ACCOUNT,
        position: 0,
        local,
        snapshot_size: None,
        anchor,
        due_since: None,
        is_urgent: false,
    }
}

#[test]
fn a_checkpoint_is_due_by_leaves_bytes_or_age() {
    let plan = plan();
    let with = |snapshot| BucketInfo {
        snapshot,
        ..info(1)
    };
    let cases = [
        // Nothing here and nothing on chain.
        (local(0, 0), None, None, 1, CheckpointDue::Nothing),
        // The chain has no checkpoint of it.
        (local(0, 1), None, None, 1, CheckpointDue::Now(None)),
        (
            local(0, 5),
            Some(snapshot(0, 5, 20)),
            None,
            500,
            CheckpointDue::Nothing,
        ),
        // Others are ahead.
        (
            local(0, 5),
            Some(snapshot(0, 6, 20)),
            None,
            500,
            CheckpointDue::Nothing,
        ),
        // By age, at the very block.
        (
            local(0, 6),
            Some(snapshot(0, 5, 20)),
            None,
            119,
            CheckpointDue::NotBefore(120),
        ),
        (
            local(0, 6),
            Some(snapshot(0, 5, 20)),
            None,
            120,
            CheckpointDue::Now(None),
        ),
        // By leaves.
        (
            local(0, 14),
            Some(snapshot(0, 5, 20)),
            None,
            21,
            CheckpointDue::NotBefore(120),
        ),
        (
            local(0, 15),
            Some(snapshot(0, 5, 20)),
            None,
            21,
            CheckpointDue::Now(None),
        ),
        // By bytes: 60 are here.
        (
            local(0, 6),
            Some(snapshot(0, 5, 20)),
            Some(0),
            21,
            CheckpointDue::NotBefore(120),
        ),
        // Pruned, with the end of the last checkpoint.
        (
            local(3, 2),
            Some(snapshot(0, 5, 20)),
            None,
            120,
            CheckpointDue::Now(None),
        ),
        // Pruned, and behind the last checkpoint.
        (
            local(3, 1),
            Some(snapshot(0, 5, 20)),
            None,
            120,
            CheckpointDue::Nothing,
        ),
        // The others have pruned, but we have not.
        (
            local(0, 9),
            Some(snapshot(3, 2, 20)),
            None,
            120,
            CheckpointDue::Nothing,
        ),
    ];
    for (local, snapshot, snapshot_size, anchor, due) in cases {
        let info = with(snapshot);
        let question = Evaluation {
            snapshot_size,
            ..evaluation(&plan, &info, &local, anchor)
        };
        assert_eq!(question.decide(), due, "{local:?} {:?}", info.snapshot);
    }
    let grown = LocalState {
        total_size: 1_000,
        ..local(0, 6)
    };
    let info = with(Some(snapshot(0, 5, 20)));
    let question = Evaluation {
        snapshot_size: Some(0),
        ..evaluation(&plan, &info, &grown, 21)
    };
    assert_eq!(question.decide(), CheckpointDue::Now(None));
}

#[test]
fn outside_of_windows_only_writers_and_admins_submit() {
    let (plan, local) = (plan(), local(0, 20));
    for (role, due) in [
        (Some(Role::Admin), CheckpointDue::Now(None)),
        (Some(Role::Writer), CheckpointDue::Now(None)),
        (Some(Role::Reader), CheckpointDue::ByWriters),
        (None, CheckpointDue::ByWriters),
    ] {
        let mut bucket = BucketInfo {
            members: role.map(|role| (ACCOUNT, role)).into_iter().collect(),
            ..info(2)
        };
        assert_eq!(evaluation(&plan, &bucket, &local, 50).decide(), due);
        // In windows every primary provider submits.
        bucket.window = Some(CheckpointWindow {
            interval: 100,
            grace: 0,
        });
        let in_window = evaluation(&plan, &bucket, &local, 50).decide();
        assert_eq!(in_window, CheckpointDue::Now(Some(0)));
    }
}

#[test]
fn a_bucket_that_does_not_involve_us_is_blocked() {
    let us = AccountId([0; 32]);
    let of =
        |info: &BucketInfo, start, anchor| primary_position(info, &us, &local(start, 1), anchor);
    assert_eq!(of(&info(2), 0, 999), Ok(0));
    assert_eq!(of(&info(2), 0, 1_000), Err(BlockedReason::AgreementEnded));
    let mut without = info(2);
    without.primary_providers[0].agreement = None;
    assert_eq!(of(&without, 0, 1), Err(BlockedReason::AgreementEnded));
    assert_eq!(of(&info(0), 0, 1), Err(BlockedReason::NotPrimary));
    let frozen = BucketInfo {
        frozen_start_seq: Some(Sequence(5)),
        ..info(2)
    };
    assert_eq!(of(&frozen, 4, 1), Err(BlockedReason::Frozen(Sequence(5))));
    assert_eq!(of(&frozen, 5, 1), Ok(0));
}

#[test]
fn each_window_has_one_checkpoint() {
    let plan = plan();
    let windowed = BucketInfo {
        window: Some(CheckpointWindow {
            interval: 20,
            grace: 6,
        }),
        last_window: Some(3),
        ..info(1)
    };
    let local = local(0, 1);
    let due = |anchor| evaluation(&plan, &windowed, &local, anchor).decide();
    assert_eq!(due(79), CheckpointDue::NotBefore(80));
    assert_eq!(due(80), CheckpointDue::Now(Some(4)));
    // A window that the chain saw already, on another fork.
    assert_eq!(due(40), CheckpointDue::NotBefore(60));
}

#[test]
fn an_idle_bucket_is_due_in_the_windows_that_we_lead() {
    let plan = plan();
    let idle = local(0, 5);
    // The chain has the same, or more than there is.
    for last in [snapshot(0, 5, 20), snapshot(0, 1 << 40, 20)] {
        let windowed = BucketInfo {
            window: Some(CheckpointWindow {
                interval: 20,
                grace: 6,
            }),
            snapshot: Some(last),
            last_window: Some(3),
            ..info(2)
        };
        for (place, window) in (0..2u8).flat_map(|place| (3..12u32).map(move |at| (place, at))) {
            let account = AccountId([place; 32]);
            let due = |anchor| {
                let asked = Evaluation {
                    account: &account,
                    position: place.into(),
                    ..evaluation(&plan, &windowed, &idle, anchor)
                };
                asked.decide()
            };
            let is_leader = leader(ID, window.into(), 2) == Some(place.into());
            let expected = match is_leader && window > 3 {
                true => CheckpointDue::Now(Some(window.into())),
                false => CheckpointDue::Nothing,
            };
            // In the whole window: nobody stands in for the leader.
            assert_eq!(due(window * 20), expected, "{place} {window}");
            assert_eq!(due(window * 20 + 19), expected, "{place} {window}");
        }
        let empty = local(0, 0);
        let due = evaluation(&plan, &windowed, &empty, 100).decide();
        assert_eq!(due, CheckpointDue::Nothing);
    }
}

proptest! {
    /// All providers agree on the leader, and the others follow one after the other within the
    /// window.
    #[test]
    fn providers_agree_on_the_order_in_a_window(
        bucket in any::<u64>(),
        primaries in 1u8..=5,
        (interval, grace) in (1u32..200).prop_flat_map(|interval| (Just(interval), 0..=interval)),
        window in 0u32..1_000,
    ) {
        let plan = plan();
        let windowed = BucketInfo {
            window: Some(CheckpointWindow { interval, grace }),
            ..info(primaries)
        };
        let local = LocalState { id: BucketId(bucket), ..local(0, 1) };
        let elected = leader(local.id, window.into(), primaries.into()).unwrap();
        let start = window * interval;
        for place in 0..usize::from(primaries) {
            let due = |anchor| Evaluation {
                position: place,
                ..evaluation(&plan, &windowed, &local, anchor)
            }.decide();
            let first = (start..start + interval).find(|anchor| due(*anchor) == CheckpointDue::Now(Some(window.into())));
            if place == elected as usize {
                prop_assert_eq!(first, Some(start));
            } else if grace < interval {
                let first = first.unwrap();
                prop_assert!(first >= start + grace);
            } else {
                prop_assert_eq!(first, None);
            }
            // Until its turn, each learns when that is.
            if let Some(first) = first && first > start {
                prop_assert_eq!(due(start), CheckpointDue::NotBefore(first));
            }
        }
    }

    /// Without windows, too, each waits for those before it.
    #[test]
    fn without_windows_providers_take_turns(
        bucket in any::<u64>(),
        primaries in 1u8..=5,
        block in 0u32..1_000,
    ) {
        let plan = plan();
        let info = BucketInfo { snapshot: Some(snapshot(0, 1, block)), ..info(primaries) };
        let local = LocalState { id: BucketId(bucket), ..local(0, 50) };
        let mut turns: Vec<_> = (0..usize::from(primaries)).map(|place| {
            let due = |anchor| Evaluation {
                position: place,
                due_since: Some(block),
                ..evaluation(&plan, &info, &local, anchor)
            }.decide();
            (block..).find(|anchor| due(*anchor) == CheckpointDue::Now(None)).unwrap()
        }).collect();
        turns.sort_unstable();
        let expected: Vec<_> = (0..u32::from(primaries)).map(|rank| block + rank * plan.stagger).collect();
        prop_assert_eq!(turns, expected);
    }

    /// Enough providers can sign the choice, and none could sign more.
    #[test]
    fn the_largest_signable_state_is_chosen(
        own in held_state(),
        others in proptest::collection::vec(held_state(), 0..5),
        least in 0u32..5,
    ) {
        let signers = |commitment: &Commitment| {
            std::iter::once(&own).chain(&others).filter(|one| {
                one.start_seq == commitment.start_seq && match one.signed {
                    Some(signed) => signed == *commitment,
                    None => one.leaf_count >= commitment.leaf_count,
                }
            }).count()
        };
        let we_can = |commitment: &Commitment| {
            own.start_seq == commitment.start_seq
                && own.leaf_count >= commitment.leaf_count
                && own.signed.is_none_or(|signed| signed == *commitment)
        };
        let enough = least.max(1) as usize;
        let possible = (1..=8)
            .map(|count| commitment(own.start_seq.0, count))
            .filter(|commitment| we_can(commitment) && signers(commitment) >= enough)
            .map(|commitment| commitment.leaf_count)
            .max();
        let chosen = choose_signable(&own, &others, least);
        prop_assert_eq!(chosen.as_ref().map(SignableState::leaf_count), possible);
        if let Some(SignableState::Signed(signed)) = chosen {
            prop_assert!(we_can(&signed) && signers(&signed) >= enough);
        }
    }
}

fn held_state() -> impl Strategy<Value = HeldState> {
    let signed = proptest::option::weighted(0.3, 1u64..6);
    (0u64..2, 0u64..8, signed).prop_map(|(start, count, signed)| HeldState {
        start_seq: Sequence(start),
        leaf_count: LeafCount::new(count).unwrap(),
        // Nobody signs for more than it has.
        signed: signed
            .filter(|signed| *signed <= count)
            .map(|signed| commitment(start, signed)),
    })
}

#[test]
fn s18_an_urgent_checkpoint_does_not_wait_for_growth() {
    let plan = plan();
    let info = BucketInfo {
        snapshot: Some(snapshot(0, 5, 20)),
        ..info(1)
    };
    let (newer, same) = (local(0, 6), local(0, 5));
    let due = |local, is_urgent| {
        let asked = Evaluation {
            is_urgent,
            ..evaluation(&plan, &info, local, 21)
        };
        asked.decide()
    };
    assert_eq!(due(&newer, false), CheckpointDue::NotBefore(120));
    assert_eq!(due(&newer, true), CheckpointDue::Now(None));
    assert_eq!(due(&same, true), CheckpointDue::Nothing);
}
