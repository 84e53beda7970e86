//! I10 as a table, against a model of the ways to a challenge now, and (`exhaustive`) of what anybody
//! can do to the chain's state later.

mod exhaustive;

use super::*;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{Agreement, PrimaryProvider};
use cairn_primitives::{ChunkIndex, Commitment, LeafCount, LeafIndex};
use proptest::prelude::*;

const US: AccountId = AccountId([1; 32]);
const ID: BucketId = BucketId(7);
const PERIOD: u32 = 40;
/// The duration of a period by this provider's clock.
const WAIT: Duration = Duration::from_secs(6 * 41);

fn root(of: u64) -> H256 {
    H256::from_low_u64_be(of)
}

/// A tree from sequence 0, whose roots 1 to 3 were signed.
fn candidate() -> DeletionCandidate {
    DeletionCandidate {
        trees: HashSet::from([Sequence(0)]),
        signed_roots: (1..=3).map(root).collect(),
    }
}

fn primary(account: AccountId, expires_at: Option<u32>) -> PrimaryProvider {
    PrimaryProvider {
        account,
        key: None,
        endpoint: vec![],
        agreement: expires_at
            .map(|expires_at| Agreement::primary(AccountId([8; 32]), 0, expires_at)),
    }
}

/// Creates a bucket of other providers, and optionally of us.
fn info(us: Option<PrimaryProvider>) -> BucketInfo {
    let mut primary_providers = vec![primary(AccountId([2; 32]), Some(9_000))];
    primary_providers.extend(us);
    BucketInfo {
        members: vec![],
        min_providers: 1,
        primary_providers,
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

fn chain_state<'c>(
    anchor: u32,
    info: Option<&'c BucketInfo>,
    open: &'c [OpenChallenge],
) -> ChainState<'c> {
    ChainState {
        bucket: ID,
        account: US,
        is_registered: true,
        anchor,
        challenge_period: PERIOD,
        min_wait: Duration::ZERO,
        open,
        info,
        is_listed: false,
    }
}

fn since_100(passed: Duration) -> Option<FreeSince> {
    Some(FreeSince {
        since: 100,
        elapsed: passed,
    })
}

#[test]
fn i10_each_way_to_a_challenge_retains_what_was_signed() {
    let free = info(None);
    let open = challenge(ID, 0, 1);
    let by_root = challenge(ID, 5, 2);
    let elsewhere = challenge(BucketId(8), 0, 1);
    let other_tree = challenge(ID, 5, 9);
    let with = |snapshot| BucketInfo {
        snapshot,
        ..free.clone()
    };
    let historical = |of| BucketInfo {
        historical_roots: vec![(3, 60, root(9)), (7, 28, root(of))],
        ..free.clone()
    };
    let listed = |expires| info(Some(primary(US, expires)));
    /// The name, the anchor block, the chain's state, and the expected result.
    type Case<'c> = (
        &'c str,
        u32,
        BucketInfo,
        &'c [OpenChallenge],
        Result<(), RetainReason>,
    );
    let period = RetainReason::ChallengePeriod { until: 140 };
    let cases: [Case<'_>; 15] = [
        ("all is over", 141, free.clone(), &[], Ok(())),
        (
            "the period's last block",
            140,
            free.clone(),
            &[],
            Err(period),
        ),
        (
            "alive",
            141,
            listed(Some(200)),
            &[],
            Err(RetainReason::PrimaryProvider),
        ),
        (
            "s1a: expired, and listed",
            900,
            listed(Some(100)),
            &[],
            Err(RetainReason::PrimaryProvider),
        ),
        (
            "s1b: without an agreement, and listed",
            900,
            listed(None),
            &[],
            Err(RetainReason::PrimaryProvider),
        ),
        (
            "challenged",
            141,
            free.clone(),
            &[open],
            Err(RetainReason::Challenged(open.id)),
        ),
        (
            "challenged and listed",
            141,
            listed(None),
            &[open],
            Err(RetainReason::Challenged(open.id)),
        ),
        (
            "challenged by root",
            141,
            free.clone(),
            &[by_root],
            Err(RetainReason::Challenged(by_root.id)),
        ),
        (
            "another bucket's challenge",
            141,
            free.clone(),
            &[elsewhere],
            Ok(()),
        ),
        (
            "another tree's challenge",
            141,
            free.clone(),
            &[other_tree],
            Err(RetainReason::Challenged(open.id)),
        ),
        (
            "a snapshot of it",
            141,
            with(snapshot(0, 9, 0b00)),
            &[],
            Err(RetainReason::Snapshot),
        ),
        (
            "a snapshot of a root of it",
            141,
            with(snapshot(5, 3, 0b01)),
            &[],
            Err(RetainReason::Snapshot),
        ),
        (
            "a snapshot of another tree",
            141,
            with(snapshot(5, 9, 0b11)),
            &[],
            Ok(()),
        ),
        (
            "a historical root",
            141,
            historical(2),
            &[],
            Err(RetainReason::HistoricalRoot),
        ),
        ("another historical root", 141, historical(8), &[], Ok(())),
    ];
    for (what, anchor, info, open, expected) in cases {
        let says = chain_state(anchor, Some(&info), open);
        let found = says.check_deletable(&candidate(), since_100(WAIT));
        assert_eq!(found, expected, "{what}");
    }
    let says = chain_state(900, Some(&free), &[]);
    let judge = |says: ChainState<'_>, free| says.check_deletable(&candidate(), free);
    assert_eq!(
        judge(ChainState { info: None, ..says }, since_100(WAIT)),
        Err(RetainReason::NoSuchBucket)
    );
    let replica = ChainState {
        is_listed: true,
        ..says
    };
    assert_eq!(
        judge(replica, since_100(WAIT)),
        Err(RetainReason::ActiveAgreement)
    );
    let nobody = ChainState {
        is_registered: false,
        ..says
    };
    assert_eq!(
        judge(nobody, since_100(WAIT)),
        Err(RetainReason::NotRegistered)
    );
    // The first observation.
    let until = 900 + PERIOD;
    assert_eq!(
        judge(says, None),
        Err(RetainReason::ChallengePeriod { until })
    );
    let second = Duration::from_secs(1);
    assert_eq!(
        judge(says, since_100(WAIT - second)),
        Err(RetainReason::TooSoon { left: second })
    );
    let patient = ChainState {
        min_wait: 3 * WAIT,
        ..says
    };
    assert_eq!(
        judge(patient, since_100(WAIT)),
        Err(RetainReason::TooSoon { left: 2 * WAIT })
    );
}

fn any_info() -> impl Strategy<Value = BucketInfo> {
    let us = proptest::option::of(proptest::option::of(0u32..300));
    let shot = proptest::option::of((0u64..3, 0u64..6, 0u8..4));
    let historical = proptest::collection::vec((0u32..9, 0u32..9, 0u64..8), 0..3);
    (us, shot, historical).prop_map(|(us, shot, historical)| BucketInfo {
        snapshot: shot.and_then(|(start, of, signers)| snapshot(start, of, signers)),
        historical_roots: historical
            .into_iter()
            .map(|(prime, quotient, of)| (prime, quotient, root(of)))
            .collect(),
        ..info(us.map(|expires| primary(US, expires)))
    })
}

proptest! {
    /// For any chain state: if a tree may be released, no way to a challenge leads to it, and none
    /// was open for it.
    #[test]
    fn i10_no_challengeable_tree_is_released(
        anchor in 0u32..400,
        info in any_info(),
        open in proptest::collection::vec((6u64..9, 0u64..3, 0u64..6), 0..3),
        is_listed in any::<bool>(),
        is_registered in proptest::bool::weighted(0.9),
        since in 0u32..300,
        passed in 0u64..400,
    ) {
        let open: Vec<_> = open
            .into_iter()
            .map(|(bucket, start, of)| challenge(BucketId(bucket), start, of))
            .collect();
        let going = candidate();
        let says = ChainState { is_listed, is_registered, ..chain_state(anchor, Some(&info), &open) };
        let free = FreeSince { since, elapsed: Duration::from_secs(passed) };
        if says.check_deletable(&going, Some(free)).is_err() {
            return Ok(());
        }
        prop_assert!(is_registered);
        // By our signatures: an agreement, even an expired one, stays until somebody ends it, and
        // may be renewed until then.
        prop_assert!(info.primary_index_of(&US).is_none());
        prop_assert!(!is_listed);
        // By the last checkpoint, or an extended one.
        let is_of_it = info.snapshot.as_ref().is_some_and(|snapshot| {
            going.trees.contains(&snapshot.commitment.start_seq)
                || going.signed_roots.contains(&snapshot.commitment.mmr_root)
        });
        prop_assert!(!is_of_it);
        // By a replica's last sync.
        prop_assert!(!info.historical_roots.iter().any(|(_, _, root)| going.signed_roots.contains(root)));
        // No challenge is open, and none was made at the last moment.
        prop_assert!(!open.iter().any(|one| one.bucket_id == ID));
        prop_assert!(anchor > since + PERIOD && free.elapsed >= WAIT);
    }
}
