//! I10 as a table, and against a model of how a challenge comes about.

use super::*;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{Agreement, PrimaryProvider};
use cairn_primitives::{ChunkIndex, Commitment, LeafCount, LeafIndex};
use proptest::prelude::*;

const US: AccountId = AccountId([1; 32]);
const ID: BucketId = BucketId(7);
const PERIOD: u32 = 40;

fn root(of: u64) -> H256 {
    H256::from_low_u64_be(of)
}

/// A tree from sequence 0, of which the roots 1 to 3 were signed.
fn retired() -> Retired {
    Retired {
        bucket: ID,
        tree: Sequence(0),
        promised: (1..=3).map(root).collect(),
    }
}

fn primary(account: AccountId, expires_at: Option<u32>) -> PrimaryProvider {
    PrimaryProvider {
        account,
        key: None,
        endpoint: vec![],
        agreement: expires_at.map(|expires_at| Agreement {
            max_bytes: 0,
            expires_at,
        }),
    }
}

fn info(expires_at: Option<u32>) -> BucketInfo {
    BucketInfo {
        members: vec![],
        min_providers: 1,
        primary_providers: vec![
            primary(AccountId([2; 32]), Some(9_000)),
            primary(US, expires_at),
        ],
        frozen_start_seq: None,
        snapshot: None,
        historical_roots: vec![],
        window: None,
        last_window: None,
    }
}

fn snapshot(start: u64, of: u64, signers: u8) -> Option<BucketSnapshot> {
    Some(BucketSnapshot {
        commitment: Commitment {
            mmr_root: root(of),
            start_seq: Sequence(start),
            leaf_count: LeafCount::new(1).unwrap(),
        },
        checkpoint_block: 1,
        primary_signers: vec![signers],
    })
}

fn challenge(bucket: BucketId, start: u64, of: u64) -> OpenChallenge {
    OpenChallenge {
        id: ChallengeId {
            deadline: 500,
            index: 0,
        },
        bucket_id: bucket,
        provider: US,
        challenger: AccountId([9; 32]),
        mmr_root: root(of),
        start_seq: Sequence(start),
        leaf_count: None,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        asked_at: 460,
    }
}

fn says<'c>(anchor: u32, info: Option<&'c BucketInfo>, open: &'c [OpenChallenge]) -> ChainSays<'c> {
    ChainSays {
        account: US,
        anchor,
        challenge_period: PERIOD,
        open,
        info,
        is_listed: true,
    }
}

#[test]
fn i10_a_retired_tree_goes_when_nothing_can_challenge_it_and_stays_for_each_that_may() {
    let ended = info(Some(100));
    let open = challenge(ID, 0, 1);
    let by_root = challenge(ID, 5, 2);
    let elsewhere = challenge(BucketId(8), 0, 1);
    let other_tree = challenge(ID, 5, 9);
    let with = |snapshot| BucketInfo {
        snapshot,
        ..ended.clone()
    };
    let historical = |of| BucketInfo {
        historical_roots: vec![(3, 60, root(9)), (7, 28, root(of))],
        ..ended.clone()
    };
    let period = Kept::ChallengePeriod { until: 140 };
    /// What is tried, the anchor block, what the chain says, and what follows.
    type Case = (
        &'static str,
        u32,
        Option<BucketInfo>,
        Vec<OpenChallenge>,
        Result<(), Kept>,
    );
    let cases: [Case; 19] = [
        (
            "alive",
            99,
            Some(ended.clone()),
            vec![],
            Err(Kept::AgreementLives),
        ),
        (
            "its last block",
            100,
            Some(ended.clone()),
            vec![],
            Err(Kept::AgreementLives),
        ),
        ("just ended", 101, Some(ended.clone()), vec![], Err(period)),
        (
            "the period's last block",
            140,
            Some(ended.clone()),
            vec![],
            Err(period),
        ),
        ("all is over", 141, Some(ended.clone()), vec![], Ok(())),
        ("no such bucket", 141, None, vec![], Err(Kept::NoSuchBucket)),
        (
            "challenged",
            141,
            Some(ended.clone()),
            vec![open],
            Err(Kept::Challenged(open.id)),
        ),
        (
            "challenged by root",
            141,
            Some(ended.clone()),
            vec![by_root],
            Err(Kept::Challenged(by_root.id)),
        ),
        (
            "another bucket's challenge",
            141,
            Some(ended.clone()),
            vec![elsewhere],
            Ok(()),
        ),
        (
            "another tree's challenge",
            141,
            Some(ended.clone()),
            vec![other_tree],
            Ok(()),
        ),
        (
            "our bit in a snapshot of it",
            141,
            Some(with(snapshot(0, 3, 0b10))),
            vec![],
            Err(Kept::Snapshot),
        ),
        (
            "a snapshot of a root of it",
            141,
            Some(with(snapshot(5, 3, 0b10))),
            vec![],
            Err(Kept::Snapshot),
        ),
        (
            "others' bit in a snapshot of it",
            141,
            Some(with(snapshot(0, 3, 0b01))),
            vec![],
            Ok(()),
        ),
        (
            "a snapshot of another tree",
            141,
            Some(with(snapshot(5, 9, 0b11))),
            vec![],
            Ok(()),
        ),
        (
            "a historical root",
            141,
            Some(historical(2)),
            vec![],
            Err(Kept::Historical),
        ),
        (
            "another historical root",
            141,
            Some(historical(8)),
            vec![],
            Ok(()),
        ),
        (
            "no agreement is kept",
            140,
            Some(info(None)),
            vec![],
            Err(Kept::ChallengePeriod { until: 140 }),
        ),
        ("nor for a period", 142, Some(info(None)), vec![], Ok(())),
        (
            "not a primary one, and listed",
            900,
            Some(BucketInfo {
                primary_providers: vec![],
                ..ended.clone()
            }),
            vec![],
            Err(Kept::AgreementLives),
        ),
    ];
    for (what, anchor, info, open, expected) in cases {
        // Where the chain does not say, it was seen to have ended at 101.
        let seen = Some(if what == "no agreement is kept" {
            100
        } else {
            101
        });
        let found = says(anchor, info.as_ref(), &open).may_go(&retired(), seen);
        assert_eq!(found, expected, "{what}");
    }
    // Not listed and not primary: the bit of nobody is taken for ours.
    let unlisted = BucketInfo {
        primary_providers: vec![],
        ..with(snapshot(0, 3, 0b10))
    };
    let unlisted = ChainSays {
        is_listed: false,
        ..says(900, Some(&unlisted), &[])
    };
    assert_eq!(unlisted.may_go(&retired(), Some(1)), Err(Kept::Snapshot));
    // First seen just now.
    let unlisted = ChainSays {
        is_listed: false,
        ..says(900, Some(&ended), &[])
    };
    assert_eq!(unlisted.agreed(), Agreed::Ended(100));
}

fn any_info() -> impl Strategy<Value = BucketInfo> {
    let expires = proptest::option::of(0u32..300);
    let shot = proptest::option::of((0u64..3, 0u64..6, 0u8..4));
    let historical = proptest::collection::vec((0u32..9, 0u32..9, 0u64..8), 0..3);
    (expires, shot, historical, any::<bool>()).prop_map(|(expires, shot, historical, listed)| {
        let mut all = info(expires);
        if !listed {
            all.primary_providers.pop();
        }
        BucketInfo {
            snapshot: shot.and_then(|(start, of, signers)| snapshot(start, of, signers)),
            historical_roots: historical
                .into_iter()
                .map(|(prime, quotient, of)| (prime, quotient, root(of)))
                .collect(),
            ..all
        }
    })
}

proptest! {
    /// Whatever the chain says: when a tree may go, none of the ways by which a
    /// challenge comes leads to it, and none was open for it.
    #[test]
    fn i10_no_tree_goes_that_a_challenge_can_name(
        anchor in 0u32..400,
        info in any_info(),
        open in proptest::collection::vec((6u64..9, 0u64..3, 0u64..6), 0..3),
        is_listed in any::<bool>(),
        ended in proptest::option::of(0u32..300),
    ) {
        let open: Vec<_> = open
            .into_iter()
            .map(|(bucket, start, of)| challenge(BucketId(bucket), start, of))
            .collect();
        let retired = retired();
        let says = ChainSays { is_listed, ..says(anchor, Some(&info), &open) };
        if says.may_go(&retired, ended).is_err() {
            return Ok(());
        }
        let place = info.place_of(&US);
        let agreement = place.and_then(|place| info.primary_providers[place].agreement);
        // By what we signed, while our agreement lives.
        prop_assert!(agreement.is_none_or(|agreement| agreement.expires_at < anchor));
        prop_assert!(place.is_some() || !is_listed);
        // By the last checkpoint.
        let by_checkpoint = info.snapshot.as_ref().is_some_and(|snapshot| {
            place.is_some_and(|place| snapshot.signed_by(place))
                && (snapshot.commitment.start_seq == retired.tree
                    || retired.promised.contains(&snapshot.commitment.mmr_root))
        });
        prop_assert!(!by_checkpoint);
        // By a replica's last sync.
        prop_assert!(!info.historical_roots.iter().any(|(_, _, root)| retired.promised.contains(root)));
        // And none that is open.
        prop_assert!(!open.iter().any(|one| one.bucket_id == ID
            && (one.start_seq == retired.tree || retired.promised.contains(&one.mmr_root))));
    }
}
