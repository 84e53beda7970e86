//! Retired trees on disk, and a chain that stops holding them.

mod misinformed;

use super::*;
use crate::network::{ID, Network, commit, open};
use crate::signed_roots::SignedRootWorker;
use crate::{CheckpointConfig, SignedRootConfig, SignedRootProblem};
use cairn_bucket::StateRef;
use cairn_engine::layout::leaf_key;
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{Agreement, PrimaryProvider, RegisteredKey};
use cairn_primitives::{ChunkIndex, Commitment, H256, LeafIndex};
use cairn_provider::{LeaseRequest, OnOtherChain};
use cairn_testing::{BlockPlan, LIMITS, NewChallenge, overwrite};
use substrate_prometheus_endpoint::Registry;

/// Creates a provider whose bucket was pruned to sequence 2 of 4, with the signed root of the old
/// tree.
fn pruned_network() -> (Network, Commitment, RetentionWorker) {
    let network = Network::new(1, 1, None, CheckpointConfig::default());
    let peer = &network.providers[0];
    (1..=4).for_each(|number| commit(peer.provider(), number));
    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::write())
        .unwrap();
    let signed = lease.commit_signed(&[], &peer.signer).unwrap().1;
    lease.run(|bucket| bucket.prune(Sequence(2), None)).unwrap();
    drop(lease);
    let retention = worker_of(&network);
    (network, signed.payload.commitment, retention)
}

/// A retention that runs a pass at every head.
fn worker_of(network: &Network) -> RetentionWorker {
    worker_with(
        network,
        RetentionConfig {
            interval: 0,
            min_wait: Duration::ZERO,
        },
    )
}

fn worker_with(network: &Network, config: RetentionConfig) -> RetentionWorker {
    let peer = &network.providers[0];
    RetentionWorker::new(peer.client.clone(), peer.provider().clone(), config)
}

/// A clock that advances by an anchor block's time at each reading.
struct TestClock(Instant);

impl TestClock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn next(&mut self) -> Instant {
        self.0 += Duration::from_secs(6);
        self.0
    }
}

/// Adds a block and runs a pass.
async fn block(network: &Network, retention: &mut RetentionWorker, clock: &mut TestClock) -> Head {
    let head = network.chain.advance();
    retention.on_finalized_head(head, clock.next()).await;
    head
}

/// Removes the account from the primary providers, with its agreement.
fn end_membership(network: &Network) {
    network.edit(|info| info.primary_providers.clear());
}

/// Adds the account again, as one that signed nothing.
fn restore_membership(network: &Network, at: usize) {
    let account = network.providers[at].account;
    let key = RegisteredKey::from(network.providers[at].signer.public());
    network.edit(move |info| {
        info.primary_providers.push(PrimaryProvider {
            account,
            key: Some(key.clone()),
            endpoint: vec![],
            agreement: Some(Agreement::primary(AccountId([8; 32]), 0, 9_999)),
        });
    });
}

fn is_provable(network: &Network, signed: &Commitment) -> bool {
    let location = ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    };
    let at = StateRef::RootOf {
        root: signed.mmr_root,
        tree: signed.start_seq,
    };
    let answer = network.providers[0].provider().answer(ID, at, location);
    answer.is_ok()
}

fn expire(network: &Network, after: u32) {
    network.edit(move |info| {
        let agreement = &mut info.primary_providers[0].agreement;
        agreement.as_mut().unwrap().expires_at = after;
    });
}

fn retained(retention: &RetentionWorker) -> Vec<RetainReason> {
    let kept = retention.status.retained();
    kept.into_iter().map(|(_, why)| why).collect()
}

fn location() -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    }
}

fn challenge_request(network: &Network, commitment: Commitment) -> NewChallenge {
    NewChallenge {
        provider: network.providers[0].account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment,
        location: location(),
        period: None,
    }
}

#[tokio::test]
async fn i10_a_retired_tree_is_proven_until_nothing_holds_it() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    block(&network, &mut retention, &mut clock).await;
    assert_eq!(retained(&retention), [RetainReason::PrimaryProvider]);
    end_membership(&network);
    let head = block(&network, &mut retention, &mut clock).await;
    let until = head.anchor + LIMITS.challenge_period;
    while network.chain.finalized_head().anchor < until {
        block(&network, &mut retention, &mut clock).await;
        assert!(is_provable(&network, &signed));
        assert_ne!(retention.status.check_deletable(ID).await.unwrap(), Ok(()));
    }
    assert_eq!(
        retained(&retention),
        [RetainReason::ChallengePeriod { until }]
    );
    block(&network, &mut retention, &mut clock).await;
    assert!(!is_provable(&network, &signed));
    assert!(retained(&retention).is_empty());
    let counted = retention.status.statistics();
    assert_eq!((counted.released, counted.retained), (1, 0));
    // Only an operator may delete the bucket itself.
    assert_eq!(counted.deletable_buckets, 1);
    assert_eq!(retention.status.check_deletable(ID).await.unwrap(), Ok(()));
    assert!(network.providers[0].provider().summary(ID).is_ok());
}

#[tokio::test]
async fn s1a_a_bucket_with_a_live_checkpoint_is_not_free() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    // The agreement expires, nobody ends it, and the last checkpoint has our bit.
    let newest = network.providers[0].commitment();
    network.edit(move |info| {
        info.snapshot = Some(BucketSnapshot {
            commitment: newest,
            checkpoint_block: 1,
            primary_signers: vec![1],
        });
    });
    let expires = network.chain.finalized_head().anchor + 2;
    expire(&network, expires);
    let over = expires + LIMITS.challenge_period + 20;
    while network.chain.finalized_head().anchor < over {
        block(&network, &mut retention, &mut clock).await;
    }
    let judged = retention.status.check_deletable(ID).await.unwrap();
    assert_eq!(judged, Err(RetainReason::PrimaryProvider));
    assert_eq!(retention.status.statistics().deletable_buckets, 0);
    assert!(is_provable(&network, &signed));
    // The same if nobody is listed, as long as the checkpoint stands.
    end_membership(&network);
    for _ in 0..LIMITS.challenge_period + 20 {
        block(&network, &mut retention, &mut clock).await;
    }
    let judged = retention.status.check_deletable(ID).await.unwrap();
    assert_eq!(judged, Err(RetainReason::Snapshot));
}

#[tokio::test]
async fn s1b_a_resubmitted_old_checkpoint_can_be_answered() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    let newest = network.providers[0].commitment();
    let snapshot = |commitment, bits| BucketSnapshot {
        commitment,
        checkpoint_block: 1,
        primary_signers: vec![bits],
    };
    let new = snapshot(newest, 1);
    network.edit(move |info| info.snapshot = Some(new.clone()));
    let expires = network.chain.finalized_head().anchor + 2;
    expire(&network, expires);
    for _ in 0..2 * LIMITS.challenge_period {
        block(&network, &mut retention, &mut clock).await;
    }
    // Anybody may do it: `checkpoint` with the old signature, or `extend_checkpoint` of one that
    // others signed.
    for bits in [1, 0] {
        let old = snapshot(signed, bits);
        network.edit(move |info| info.snapshot = Some(old.clone()));
        for _ in 0..LIMITS.challenge_period {
            block(&network, &mut retention, &mut clock).await;
        }
        assert!(is_provable(&network, &signed), "{bits}");
    }
    assert_eq!(retained(&retention), [RetainReason::PrimaryProvider]);
}

#[tokio::test]
async fn s1c_an_agreement_over_tombstones_raises_an_alarm() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    let peer = &network.providers[0];
    let mut watch = SignedRootWorker::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.public(),
        SignedRootConfig { interval: 0 },
    );
    end_membership(&network);
    for _ in 0..LIMITS.challenge_period + 2 {
        let head = block(&network, &mut retention, &mut clock).await;
        watch.on_finalized_head(head).await;
    }
    assert!(!is_provable(&network, &signed));
    assert_eq!(watch.status().problems(), []);
    let let_go = peer.provider().tombstones(ID).unwrap();
    let (roots, most) = let_go.trees[&signed.start_seq];
    assert_eq!((roots, most), (1, signed.leaf_count));
    // The account agrees to the bucket again, which exposes all that it signed.
    restore_membership(&network, 0);
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(
        watch.status().problems(),
        [(ID, SignedRootProblem::Released)]
    );
    // It alarms again when the bucket itself is gone.
    peer.provider().delete_bucket(ID).unwrap();
    let let_go = peer.provider().tombstones(ID).unwrap();
    assert_eq!(let_go.trees[&signed.start_seq].0, 1);
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(
        watch.status().problems(),
        [(ID, SignedRootProblem::Released)]
    );
    end_membership(&network);
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().problems(), []);
}

#[tokio::test]
async fn s1c_an_agreement_in_the_best_block_alone_counts() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    end_membership(&network);
    let mut finalized = block(&network, &mut retention, &mut clock).await;
    for _ in 0..LIMITS.challenge_period {
        finalized = block(&network, &mut retention, &mut clock).await;
    }
    assert!(is_provable(&network, &signed));
    // At the next finalized head it may be released; the block after that has a new agreement.
    let next = network.chain.add_block();
    restore_membership(&network, 0);
    network.chain.add_block();
    network.chain.finalize_to(next.number);
    assert_eq!(next.number, finalized.number + 1);
    for _ in 0..3 {
        retention.on_finalized_head(next, clock.next()).await;
    }
    assert!(is_provable(&network, &signed));
    assert_eq!(retained(&retention), [RetainReason::PrimaryProvider]);
}

#[tokio::test]
async fn s1c_a_challenge_of_a_released_tree_raises_an_alarm() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    end_membership(&network);
    for _ in 0..LIMITS.challenge_period + 2 {
        block(&network, &mut retention, &mut clock).await;
    }
    let peer = &network.providers[0];
    let mut watch = SignedRootWorker::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.public(),
        SignedRootConfig::default(),
    );
    watch.on_finalized_head(network.chain.advance()).await;
    network.chain.challenge(challenge_request(&network, signed));
    // At the next head, independent of the pass over all buckets.
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(
        watch.status().problems(),
        [(ID, SignedRootProblem::Released)]
    );
    assert_eq!(watch.status().statistics().comparisons, 1);
}

#[tokio::test]
async fn i10_an_open_challenge_retains_its_tree() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    network.chain.challenge(NewChallenge {
        period: Some(LIMITS.challenge_period + 20),
        ..challenge_request(&network, signed)
    });
    end_membership(&network);
    let deadline = network.chain.best_head().anchor + 1 + LIMITS.challenge_period + 20;
    while network.chain.finalized_head().anchor < deadline {
        block(&network, &mut retention, &mut clock).await;
        assert!(is_provable(&network, &signed));
    }
    assert!(matches!(
        retained(&retention)[..],
        [RetainReason::Challenged(_)]
    ));
}

#[tokio::test]
async fn i10_the_wait_continues_across_a_restart() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    end_membership(&network);
    let head = block(&network, &mut retention, &mut clock).await;
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(
        retained(&retention),
        [RetainReason::ChallengePeriod { until }]
    );
    // Another process continues from there: the time in between does not count.
    let mut retention = worker_of(&network);
    while network.chain.finalized_head().anchor <= until {
        block(&network, &mut retention, &mut clock).await;
        assert!(is_provable(&network, &signed));
    }
    let left = Duration::from_secs(6);
    assert_eq!(retained(&retention), [RetainReason::TooSoon { left }]);
    block(&network, &mut retention, &mut clock).await;
    assert!(!is_provable(&network, &signed));
}

#[tokio::test]
async fn a_renewed_membership_resets_the_wait() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    end_membership(&network);
    block(&network, &mut retention, &mut clock).await;
    restore_membership(&network, 0);
    for _ in 0..LIMITS.challenge_period {
        block(&network, &mut retention, &mut clock).await;
    }
    assert_eq!(retained(&retention), [RetainReason::PrimaryProvider]);
    end_membership(&network);
    let head = block(&network, &mut retention, &mut clock).await;
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(
        retained(&retention),
        [RetainReason::ChallengePeriod { until }]
    );
    assert!(is_provable(&network, &signed));
}

#[tokio::test]
async fn passes_keep_the_configured_interval() {
    let (network, _, _) = pruned_network();
    let config = RetentionConfig {
        interval: 10,
        ..RetentionConfig::default()
    };
    let mut retention = worker_with(&network, config);
    let mut clock = TestClock::new();
    for _ in 0..25 {
        block(&network, &mut retention, &mut clock).await;
    }
    assert_eq!(retention.status.statistics().passes, 3);
    let registry = Registry::new();
    retention.status().register_metrics(&registry).unwrap();
    assert_eq!(registry.gather().len(), 5);
}

#[test]
fn i7_damage_during_a_release_quarantines_the_bucket() {
    let (mut network, _, retention) = pruned_network();
    drop(retention);
    let path = network.providers[0].path().to_owned();
    network.kill(0);
    overwrite(&path, ID, leaf_key(Sequence(2)));
    let provider = open(&path);
    assert_eq!(provider.quarantined(), []);
    storage::release(&provider, ID, Sequence(0)).unwrap_err();
    let [(id, reason)] = &provider.quarantined()[..] else {
        panic!("{:?}", provider.quarantined());
    };
    assert_eq!(*id, ID, "{reason}");
}
