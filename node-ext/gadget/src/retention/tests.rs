//! Retired trees on disk, and a chain that stops holding them.

use super::*;
use crate::village::{ID, Village, commit, open};
use crate::{CheckpointConfig, PromiseConfig, PromiseTrouble, PromiseWatch};
use cairn_bucket::At;
use cairn_engine::layout::leaf_key;
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{Agreement, MultiSigner, PrimaryProvider};
use cairn_primitives::{ChunkIndex, Commitment, H256, LeafIndex};
use cairn_provider::{OnOtherChain, Wanted};
use cairn_testing::{Ask, LIMITS, overwrite};
use substrate_prometheus_endpoint::Registry;

/// Creates a provider whose bucket was pruned to sequence 2 of 4, with the signed root of the old
/// tree.
fn pruned() -> (Village, Commitment, Retention) {
    let village = Village::new(1, 1, None, CheckpointConfig::default());
    let neighbour = &village.neighbours[0];
    (1..=4).for_each(|number| commit(neighbour.provider(), number));
    let lease = neighbour.provider().lease(ID, Wanted::write()).unwrap();
    let signed = lease.commit_signed(&[], &neighbour.signer).unwrap().1;
    lease.run(|bucket| bucket.prune(Sequence(2), None)).unwrap();
    drop(lease);
    let retention = retention_of(&village);
    (village, signed.payload.commitment, retention)
}

/// A retention that runs a pass at every head.
fn retention_of(village: &Village) -> Retention {
    retention_by(
        village,
        RetentionConfig {
            every: 0,
            least_wait: Duration::ZERO,
        },
    )
}

fn retention_by(village: &Village, config: RetentionConfig) -> Retention {
    let neighbour = &village.neighbours[0];
    Retention::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        config,
    )
}

/// A clock that advances by an anchor block's time at each reading.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn next(&mut self) -> Instant {
        self.0 += Duration::from_secs(6);
        self.0
    }
}

/// Adds a block and runs a pass.
async fn block(village: &Village, retention: &mut Retention, clock: &mut Clock) -> Head {
    let head = village.chain.advance();
    retention.saw(head, clock.next()).await;
    head
}

/// Removes the account from the primary providers, with its agreement.
fn leave(village: &Village) {
    village.edit(|info| info.primary_providers.clear());
}

/// Adds the account again, as one that signed nothing.
fn come_back(village: &Village, at: usize) {
    let account = village.neighbours[at].account;
    let key = MultiSigner::Sr25519(village.neighbours[at].signer.public());
    village.edit(move |info| {
        info.primary_providers.push(PrimaryProvider {
            account,
            key: Some(key),
            endpoint: vec![],
            agreement: Some(Agreement {
                max_bytes: 0,
                expires_at: 9_999,
            }),
        });
    });
}

fn is_provable(village: &Village, signed: &Commitment) -> bool {
    let location = ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    };
    let at = At::RootOf {
        root: signed.mmr_root,
        tree: signed.start_seq,
    };
    let answer = village.neighbours[0].provider().answer(ID, at, location);
    answer.is_ok()
}

fn expire(village: &Village, after: u32) {
    village.edit(move |info| {
        let agreement = &mut info.primary_providers[0].agreement;
        agreement.as_mut().unwrap().expires_at = after;
    });
}

fn kept(retention: &Retention) -> Vec<Kept> {
    let kept = retention.board.kept();
    kept.into_iter().map(|(_, why)| why).collect()
}

fn location() -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    }
}

fn ask(village: &Village, commitment: Commitment) -> Ask {
    Ask {
        provider: village.neighbours[0].account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment,
        location: location(),
        period: None,
    }
}

#[tokio::test]
async fn i10_a_retired_tree_is_proven_until_nothing_holds_it_and_the_challenge_period_is_over() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    block(&village, &mut retention, &mut clock).await;
    assert_eq!(kept(&retention), [Kept::Primary]);
    leave(&village);
    let head = block(&village, &mut retention, &mut clock).await;
    let until = head.anchor + LIMITS.challenge_period;
    while village.chain.finalized_head().anchor < until {
        block(&village, &mut retention, &mut clock).await;
        assert!(is_provable(&village, &signed));
        assert_ne!(retention.board.may_delete(ID).await.unwrap(), Ok(()));
    }
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
    block(&village, &mut retention, &mut clock).await;
    assert!(!is_provable(&village, &signed));
    assert!(kept(&retention).is_empty());
    let counted = retention.board.statistics();
    assert_eq!((counted.released, counted.kept), (1, 0));
    // Only an operator may delete the bucket itself.
    assert_eq!(counted.ended_buckets, 1);
    assert_eq!(retention.board.may_delete(ID).await.unwrap(), Ok(()));
    assert!(village.neighbours[0].provider().summary(ID).is_ok());
}

#[tokio::test]
async fn s1a_a_bucket_whose_checkpoint_can_be_challenged_is_not_said_to_be_free() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    // The agreement expires, nobody ends it, and the last checkpoint has our bit.
    let newest = village.neighbours[0].commitment();
    village.edit(move |info| {
        info.snapshot = Some(BucketSnapshot {
            commitment: newest,
            checkpoint_block: 1,
            primary_signers: vec![1],
        });
    });
    let expires = village.chain.finalized_head().anchor + 2;
    expire(&village, expires);
    let over = expires + LIMITS.challenge_period + 20;
    while village.chain.finalized_head().anchor < over {
        block(&village, &mut retention, &mut clock).await;
    }
    let judged = retention.board.may_delete(ID).await.unwrap();
    assert_eq!(judged, Err(Kept::Primary));
    assert_eq!(retention.board.statistics().ended_buckets, 0);
    assert!(is_provable(&village, &signed));
    // The same if nobody is listed, as long as the checkpoint stands.
    leave(&village);
    for _ in 0..LIMITS.challenge_period + 20 {
        block(&village, &mut retention, &mut clock).await;
    }
    let judged = retention.board.may_delete(ID).await.unwrap();
    assert_eq!(judged, Err(Kept::Snapshot));
}

#[tokio::test]
async fn s1b_an_old_checkpoint_that_is_brought_back_after_the_agreement_can_be_answered() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    let newest = village.neighbours[0].commitment();
    let snapshot = |commitment, bits| BucketSnapshot {
        commitment,
        checkpoint_block: 1,
        primary_signers: vec![bits],
    };
    let new = snapshot(newest, 1);
    village.edit(move |info| info.snapshot = Some(new.clone()));
    let expires = village.chain.finalized_head().anchor + 2;
    expire(&village, expires);
    for _ in 0..2 * LIMITS.challenge_period {
        block(&village, &mut retention, &mut clock).await;
    }
    // Anybody may do it: `checkpoint` with the old signature, or `extend_checkpoint` of one that
    // others signed.
    for bits in [1, 0] {
        let old = snapshot(signed, bits);
        village.edit(move |info| info.snapshot = Some(old.clone()));
        for _ in 0..LIMITS.challenge_period {
            block(&village, &mut retention, &mut clock).await;
        }
        assert!(is_provable(&village, &signed), "{bits}");
    }
    assert_eq!(kept(&retention), [Kept::Primary]);
}

#[tokio::test]
async fn s1c_what_is_let_go_leaves_tombstones_and_an_agreement_over_them_raises_the_alarm() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    let neighbour = &village.neighbours[0];
    let mut watch = PromiseWatch::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        PromiseConfig { every: 0 },
    );
    leave(&village);
    for _ in 0..LIMITS.challenge_period + 2 {
        let head = block(&village, &mut retention, &mut clock).await;
        watch.saw(head).await;
    }
    assert!(!is_provable(&village, &signed));
    assert_eq!(watch.board().troubles(), []);
    let let_go = neighbour.provider().let_go(ID).unwrap();
    let (roots, most) = let_go.trees[&signed.start_seq];
    assert_eq!((roots, most), (1, signed.leaf_count));
    // The account agrees to the bucket again, which exposes all that it signed.
    come_back(&village, 0);
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), [(ID, PromiseTrouble::LetGo)]);
    // It alarms again when the bucket itself is gone.
    neighbour.provider().delete_bucket(ID).unwrap();
    let let_go = neighbour.provider().let_go(ID).unwrap();
    assert_eq!(let_go.trees[&signed.start_seq].0, 1);
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), [(ID, PromiseTrouble::LetGo)]);
    leave(&village);
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), []);
}

#[tokio::test]
async fn s1c_an_agreement_that_only_the_best_block_has_holds_what_was_signed() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    leave(&village);
    let mut finalized = block(&village, &mut retention, &mut clock).await;
    for _ in 0..LIMITS.challenge_period {
        finalized = block(&village, &mut retention, &mut clock).await;
    }
    assert!(is_provable(&village, &signed));
    // At the next finalized head it may be released; the block after that has a new agreement.
    let next = village.chain.add_block();
    come_back(&village, 0);
    village.chain.add_block();
    village.chain.finalize_to(next.number);
    assert_eq!(next.number, finalized.number + 1);
    for _ in 0..3 {
        retention.saw(next, clock.next()).await;
    }
    assert!(is_provable(&village, &signed));
    assert_eq!(kept(&retention), [Kept::Primary]);
}

#[tokio::test]
async fn s1c_a_challenge_that_names_what_was_let_go_raises_the_alarm() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    leave(&village);
    for _ in 0..LIMITS.challenge_period + 2 {
        block(&village, &mut retention, &mut clock).await;
    }
    let neighbour = &village.neighbours[0];
    let mut watch = PromiseWatch::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        PromiseConfig::default(),
    );
    watch.saw(village.chain.advance()).await;
    village.chain.challenge(ask(&village, signed));
    // At the next head, independent of the pass over all buckets.
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), [(ID, PromiseTrouble::LetGo)]);
    assert_eq!(watch.board().statistics().looks, 1);
}

#[tokio::test]
async fn i10_an_open_challenge_keeps_its_tree_though_all_else_is_over() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    village.chain.challenge(Ask {
        period: Some(LIMITS.challenge_period + 20),
        ..ask(&village, signed)
    });
    leave(&village);
    let deadline = village.chain.best_head().anchor + 1 + LIMITS.challenge_period + 20;
    while village.chain.finalized_head().anchor < deadline {
        block(&village, &mut retention, &mut clock).await;
        assert!(is_provable(&village, &signed));
    }
    assert!(matches!(kept(&retention)[..], [Kept::Challenged(_)]));
}

#[tokio::test]
async fn i10_the_time_that_nothing_holds_a_bucket_counts_on_over_a_restart() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    leave(&village);
    let head = block(&village, &mut retention, &mut clock).await;
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
    // Another process continues from there: the time in between does not count.
    let mut retention = retention_of(&village);
    while village.chain.finalized_head().anchor <= until {
        block(&village, &mut retention, &mut clock).await;
        assert!(is_provable(&village, &signed));
    }
    let left = Duration::from_secs(6);
    assert_eq!(kept(&retention), [Kept::TooSoon { left }]);
    block(&village, &mut retention, &mut clock).await;
    assert!(!is_provable(&village, &signed));
}

#[tokio::test]
async fn a_place_or_an_agreement_that_is_renewed_begins_anew() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    leave(&village);
    block(&village, &mut retention, &mut clock).await;
    come_back(&village, 0);
    for _ in 0..LIMITS.challenge_period {
        block(&village, &mut retention, &mut clock).await;
    }
    assert_eq!(kept(&retention), [Kept::Primary]);
    leave(&village);
    let head = block(&village, &mut retention, &mut clock).await;
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
    assert!(is_provable(&village, &signed));
}

#[tokio::test]
async fn i10_a_chain_that_knows_no_such_bucket_or_is_not_reached_lets_nothing_go() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    village.chain.edit(|pallet| pallet.buckets.clear());
    for _ in 0..3 * LIMITS.challenge_period {
        block(&village, &mut retention, &mut clock).await;
    }
    assert_eq!(kept(&retention), [Kept::NoSuchBucket]);
    village.neighbours[0].client.disconnect();
    let rounds = retention.board.statistics().rounds;
    for _ in 0..3 {
        block(&village, &mut retention, &mut clock).await;
    }
    assert_eq!(retention.board.statistics().rounds, rounds);
    assert!(retention.board.may_delete(ID).await.is_err());
    assert!(is_provable(&village, &signed));
}

#[tokio::test]
async fn s2_a_chain_on_which_the_account_is_nobody_lets_nothing_go() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    leave(&village);
    // Another chain, with a bucket of the same id and a short period.
    village.chain.edit(|pallet| {
        pallet.providers.clear();
        pallet.limits.challenge_period = 5;
    });
    for _ in 0..3 * LIMITS.challenge_period {
        block(&village, &mut retention, &mut clock).await;
    }
    assert_eq!(kept(&retention), [Kept::NotRegistered]);
    assert!(is_provable(&village, &signed));
}

#[tokio::test]
async fn s2_one_head_of_a_node_that_lies_lets_nothing_go() {
    let (village, signed, mut retention) = pruned();
    let mut clock = Clock::new();
    let provider = village.neighbours[0].provider().clone();
    let genesis = H256::repeat_byte(1);
    provider.follow(genesis, OnOtherChain::Refuse).unwrap();
    block(&village, &mut retention, &mut clock).await;
    // It shows that nothing holds the bucket, a period of one block, and a head a year ahead.
    leave(&village);
    village
        .chain
        .edit(|pallet| pallet.limits.challenge_period = 1);
    let head = block(&village, &mut retention, &mut clock).await;
    for anchor in [u32::MAX - 1, u32::MAX] {
        let lie = Head { anchor, ..head };
        retention.saw(lie, clock.next()).await;
        assert!(is_provable(&village, &signed));
    }
    assert!(matches!(kept(&retention)[..], [Kept::TooSoon { .. }]));
    // The real chain holds it, and the record is reset.
    come_back(&village, 0);
    block(&village, &mut retention, &mut clock).await;
    assert_eq!(kept(&retention), [Kept::Primary]);
    leave(&village);
    let head = block(&village, &mut retention, &mut clock).await;
    // The longest period ever seen applies.
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
}

#[tokio::test]
async fn s2_the_chains_clock_alone_lets_nothing_go_and_no_look_counts_for_days() {
    let (village, signed, _) = pruned();
    let config = RetentionConfig {
        every: 0,
        ..RetentionConfig::default()
    };
    let mut retention = retention_by(&village, config);
    let mut clock = Clock::new();
    leave(&village);
    for _ in 0..3 * LIMITS.challenge_period {
        block(&village, &mut retention, &mut clock).await;
    }
    assert!(matches!(kept(&retention)[..], [Kept::TooSoon { .. }]));
    // A month without a node does not count as a month of observation.
    let mut looks = 0;
    while is_provable(&village, &signed) {
        clock.0 += Duration::from_secs(30 * 24 * 60 * 60);
        block(&village, &mut retention, &mut clock).await;
        looks += 1;
        assert!(looks < 20);
    }
    assert_eq!(looks, 8);
}

#[tokio::test]
async fn looks_are_as_far_apart_as_they_are_said_to_be() {
    let (village, _, _) = pruned();
    let config = RetentionConfig {
        every: 10,
        ..RetentionConfig::default()
    };
    let mut retention = retention_by(&village, config);
    let mut clock = Clock::new();
    for _ in 0..25 {
        block(&village, &mut retention, &mut clock).await;
    }
    assert_eq!(retention.board.statistics().rounds, 3);
    let registry = Registry::new();
    retention.board().register_metrics(&registry).unwrap();
    assert_eq!(registry.gather().len(), 5);
}

#[test]
fn i7_a_release_that_comes_upon_damage_sets_the_bucket_apart() {
    let (mut village, _, retention) = pruned();
    drop(retention);
    let path = village.neighbours[0].path().to_owned();
    village.kill(0);
    overwrite(&path, ID, leaf_key(Sequence(2)));
    let provider = open(&path);
    assert_eq!(provider.quarantined(), []);
    trees::release(&provider, ID, Sequence(0)).unwrap_err();
    let [(id, reason)] = &provider.quarantined()[..] else {
        panic!("{:?}", provider.quarantined());
    };
    assert_eq!(*id, ID, "{reason}");
}
