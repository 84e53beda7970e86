//! A chain that knows less than it should, or a node that lies, releases nothing.

use super::*;

#[tokio::test]
async fn i10_an_unknown_bucket_or_a_lost_chain_releases_nothing() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    network.chain.edit(|pallet| pallet.buckets.clear());
    for _ in 0..3 * LIMITS.challenge_period {
        block(&network, &mut retention, &mut clock).await;
    }
    assert_eq!(retained(&retention), [RetainReason::NoSuchBucket]);
    network.providers[0].client.disconnect();
    let rounds = retention.status.statistics().passes;
    for _ in 0..3 {
        block(&network, &mut retention, &mut clock).await;
    }
    assert_eq!(retention.status.statistics().passes, rounds);
    assert!(retention.status.check_deletable(ID).await.is_err());
    assert!(is_provable(&network, &signed));
}

#[tokio::test]
async fn s2_a_chain_without_our_account_releases_nothing() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    end_membership(&network);
    // Another chain, with a bucket of the same id and a short period.
    network.chain.edit(|pallet| {
        pallet.providers.clear();
        pallet.limits.challenge_period = 5;
    });
    for _ in 0..3 * LIMITS.challenge_period {
        block(&network, &mut retention, &mut clock).await;
    }
    assert_eq!(retained(&retention), [RetainReason::NotRegistered]);
    assert!(is_provable(&network, &signed));
}

#[tokio::test]
async fn s2_one_head_of_a_lying_node_releases_nothing() {
    let (network, signed, mut retention) = pruned_network();
    let mut clock = TestClock::new();
    let provider = network.providers[0].provider().clone();
    let genesis = H256::repeat_byte(1);
    provider.follow(genesis, OnOtherChain::Refuse).unwrap();
    block(&network, &mut retention, &mut clock).await;
    // It shows that nothing holds the bucket, a period of one block, and a head a year ahead.
    end_membership(&network);
    network
        .chain
        .edit(|pallet| pallet.limits.challenge_period = 1);
    let head = block(&network, &mut retention, &mut clock).await;
    for anchor in [u32::MAX - 1, u32::MAX] {
        let lie = Head { anchor, ..head };
        retention.on_finalized_head(lie, clock.next()).await;
        assert!(is_provable(&network, &signed));
    }
    assert!(matches!(
        retained(&retention)[..],
        [RetainReason::TooSoon { .. }]
    ));
    // The real chain holds it, and the record is reset.
    restore_membership(&network, 0);
    block(&network, &mut retention, &mut clock).await;
    assert_eq!(retained(&retention), [RetainReason::PrimaryProvider]);
    end_membership(&network);
    let head = block(&network, &mut retention, &mut clock).await;
    // The longest period ever seen applies.
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(
        retained(&retention),
        [RetainReason::ChallengePeriod { until }]
    );
}

#[tokio::test]
async fn s2_the_chains_clock_alone_releases_nothing() {
    let (network, signed, _) = pruned_network();
    let config = RetentionConfig {
        interval: 0,
        ..RetentionConfig::default()
    };
    let mut retention = worker_with(&network, config);
    let mut clock = TestClock::new();
    end_membership(&network);
    for _ in 0..3 * LIMITS.challenge_period {
        block(&network, &mut retention, &mut clock).await;
    }
    // The chain says a shorter period than production chains have, and is not believed.
    assert!(matches!(
        retained(&retention)[..],
        [RetainReason::ChallengePeriod { .. }]
    ));
    network.chain.add_block_with(BlockPlan {
        anchors: 28_801,
        ..BlockPlan::default()
    });
    block(&network, &mut retention, &mut clock).await;
    assert!(matches!(
        retained(&retention)[..],
        [RetainReason::TooSoon { .. }]
    ));
    // A month without a node does not count as a month of observation.
    let mut checks = 0;
    while is_provable(&network, &signed) {
        clock.0 += Duration::from_secs(30 * 24 * 60 * 60);
        block(&network, &mut retention, &mut clock).await;
        checks += 1;
        assert!(checks < 20);
    }
    assert_eq!(checks, 8);
}
