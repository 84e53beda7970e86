//! Providers that submit checkpoints to a simulated chain: when one is due, whose turn it is, what
//! gets lost on the way, and what never happens.

use super::*;
use crate::BlockedReason;
use crate::network::{ID, Network, commit};
use cairn_primitives::checkpoint::leader;
use cairn_primitives::onchain::CheckpointWindow;
use cairn_primitives::{LeafCount, Sequence};
use std::time::Duration;

mod dishonest_providers;
mod lost_extrinsics;
mod random_runs;
mod windows;

/// Due at once with anything new, and retried at every block.
const EAGER: CheckpointConfig = CheckpointConfig {
    leaves: 1,
    bytes: u64::MAX,
    age: 1_000_000,
    stagger: 2,
    retry: 1,
    submission_timeout: 6,
    refresh: 1,
    answer_timeout: Duration::from_secs(20),
    concurrency: 4,
};

fn leaves(network: &Network) -> Option<u64> {
    let last = network.checkpointed();
    last.map(|commitment| commitment.leaf_count.get())
}

fn statistics(network: &mut Network, who: usize) -> CheckpointStatistics {
    network.providers[who].worker().status().statistics()
}

fn stage(network: &mut Network, who: usize) -> CheckpointStage {
    let status = network.providers[who].worker().status();
    let buckets = status.buckets();
    assert_eq!(buckets.len(), 1);
    buckets[0].1.clone()
}

#[tokio::test]
async fn enough_new_leaves_trigger_a_checkpoint() {
    let config = CheckpointConfig { leaves: 3, ..EAGER };
    let mut network = Network::new(1, 1, None, config);
    network.block().await;
    assert_eq!(stage(&mut network, 0), CheckpointStage::UpToDate);
    // The first is due at once, since the chain has none.
    network.commit(1);
    network.block().await;
    network.block().await;
    assert_eq!(leaves(&network), Some(1));
    (2..=3).for_each(|number| network.commit(number));
    for _ in 0..5 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
    assert!(matches!(
        stage(&mut network, 0),
        CheckpointStage::Waiting(_)
    ));
    network.commit(4);
    network.block().await;
    let submitted_at = network.chain.finalized_head().anchor;
    assert_eq!(
        stage(&mut network, 0),
        CheckpointStage::Submitted(submitted_at)
    );
    network.block().await;
    assert_eq!(leaves(&network), Some(4));
    assert_eq!(stage(&mut network, 0), CheckpointStage::UpToDate);
    let counted = statistics(&mut network, 0);
    assert_eq!((counted.submitted, counted.finalized), (2, 2));
    assert_eq!((counted.lost, counted.too_few_signers), (0, 0));
}

#[tokio::test]
async fn enough_new_bytes_trigger_a_checkpoint() {
    let config = CheckpointConfig {
        leaves: u64::MAX,
        bytes: 60,
        ..EAGER
    };
    let mut network = Network::new(1, 1, None, config);
    network.commit(1);
    network.block().await;
    network.block().await;
    // Each leaf has 21 bytes.
    for (number, expected) in [(2, 1), (3, 1), (4, 4)] {
        network.commit(number);
        for _ in 0..3 {
            network.block().await;
        }
        assert_eq!(leaves(&network), Some(expected));
    }
}

#[tokio::test]
async fn age_triggers_a_checkpoint_only_of_new_leaves() {
    let config = CheckpointConfig {
        leaves: u64::MAX,
        age: 20,
        ..EAGER
    };
    let mut network = Network::new(1, 1, None, config);
    network.commit(1);
    network.block().await;
    network.block().await;
    let first = network.info().snapshot.unwrap();
    network.blocks_to(first.checkpoint_block + 30).await;
    assert_eq!(network.info().snapshot.unwrap(), first, "nothing was new");
    network.commit(2);
    network.block().await;
    network.block().await;
    assert_eq!(leaves(&network), Some(2));
    let second = network.info().snapshot.unwrap().checkpoint_block;
    network.commit(3);
    network.blocks_to(second + 19).await;
    assert_eq!(leaves(&network), Some(2));
    network.blocks_to(second + 21).await;
    assert_eq!(leaves(&network), Some(3));
}

#[tokio::test]
async fn both_sign_and_one_of_the_two_submits() {
    let mut network = Network::new(2, 2, None, EAGER);
    for number in 1..=5 {
        network.commit(number);
        for _ in 0..4 {
            network.block().await;
        }
        assert_eq!(leaves(&network), Some(number));
        let snapshot = network.info().snapshot.unwrap();
        assert!(snapshot.signed_by(0) && snapshot.signed_by(1));
    }
    assert_eq!(network.submitters().len(), 5);
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
    let signed: u64 = (0..2)
        .map(|who| statistics(&mut network, who).countersigned)
        .sum();
    assert_eq!(signed, 5);
}

#[tokio::test]
async fn nothing_is_submitted_with_too_few_signatures() {
    let mut network = Network::new(3, 2, None, EAGER);
    let accounts: Vec<_> = network.providers.iter().map(|one| one.account.0).collect();
    let down = [accounts[1], accounts[2]];
    network.cosigners.unreachable.lock().extend(accounts);
    network.commit(1);
    for _ in 0..6 {
        network.block().await;
    }
    assert!(network.submitters().is_empty());
    assert!(matches!(
        stage(&mut network, 0),
        CheckpointStage::Failed { .. }
    ));
    assert!(statistics(&mut network, 0).too_few_signers > 0);
    for account in &down {
        network.cosigners.unreachable.lock().remove(account);
    }
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
}

#[tokio::test]
async fn an_invalid_signature_is_left_out() {
    let mut network = Network::new(2, 2, None, EAGER);
    let accounts: Vec<_> = network.providers.iter().map(|one| one.account.0).collect();
    network.cosigners.forging.lock().extend(accounts);
    network.commit(1);
    for _ in 0..4 {
        network.block().await;
    }
    assert!(network.submitters().is_empty());
    let forged = statistics(&mut network, 0).invalid_signatures
        + statistics(&mut network, 1).invalid_signatures;
    assert!(forged > 0);
    network.cosigners.forging.lock().clear();
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
}

#[tokio::test]
async fn a_provider_listed_twice_is_counted_once() {
    let mut network = Network::new(2, 3, None, EAGER);
    network.edit(|info| {
        let twice = info.primary_providers.clone();
        info.primary_providers.extend(twice);
    });
    network.commit(1);
    for _ in 0..8 {
        network.block().await;
    }
    assert!(network.submitters().is_empty(), "two are not three");
    network.edit(|info| info.min_providers = 2);
    for _ in 0..8 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
    let signers = network.info().snapshot.unwrap().primary_signers;
    assert_eq!(signers.iter().map(|byte| byte.count_ones()).sum::<u32>(), 2);
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
}

#[tokio::test]
async fn a_silent_provider_delays_others_up_to_the_timeout() {
    let config = CheckpointConfig {
        answer_timeout: Duration::from_millis(20),
        ..EAGER
    };
    let mut network = Network::new(3, 2, None, config);
    let silent = network.providers[2].account.0;
    network.cosigners.silent.lock().insert(silent);
    network.kill(2);
    network.commit(1);
    for _ in 0..8 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
    let snapshot = network.info().snapshot.unwrap();
    assert!(snapshot.signed_by(0) && snapshot.signed_by(1) && !snapshot.signed_by(2));
}

#[tokio::test]
async fn the_common_state_is_checkpointed_if_others_lag() {
    let mut network = Network::new(3, 2, None, EAGER);
    for (who, number) in [(0, 5), (1, 3), (2, 1)] {
        for leaf in 1..=number {
            commit(network.providers[who].provider(), leaf);
        }
    }
    for _ in 0..8 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(3));
    // The others catch up.
    for leaf in 2..=5 {
        commit(network.providers[2].provider(), leaf);
    }
    for _ in 0..8 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(5));
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
}

#[tokio::test]
async fn providers_with_different_leaves_share_no_checkpoint() {
    let mut network = Network::new(2, 2, None, EAGER);
    for (who, number) in [(0, 1), (1, 2)] {
        commit(network.providers[who].provider(), number);
    }
    for _ in 0..8 {
        network.block().await;
    }
    assert!(network.submitters().is_empty());
    let CheckpointStage::Failed { reason, .. } = stage(&mut network, 0) else {
        panic!("{:?}", stage(&mut network, 0));
    };
    assert!(reason.contains("got 1 of"), "{reason}");
}

#[tokio::test]
async fn frozen_ended_and_quarantined_buckets_are_blocked() {
    let mut network = Network::new(1, 1, None, EAGER);
    network.commit(1);
    network.block().await;
    network.block().await;

    network.edit(|info| info.frozen_start_seq = Some(Sequence(1)));
    network.chain.advance();
    network.commit(2);
    network.block().await;
    assert_eq!(
        stage(&mut network, 0),
        CheckpointStage::Blocked(BlockedReason::Frozen(Sequence(1)))
    );
    // Pruned to the freeze, it continues.
    let lease = network.providers[0]
        .provider()
        .blocking_lease(ID, cairn_provider::LeaseRequest::write());
    let pruned = lease.unwrap().run(|bucket| bucket.prune(Sequence(1), None));
    pruned.unwrap();
    network.block().await;
    network.block().await;
    assert_eq!(network.checkpointed().unwrap().start_seq, Sequence(1));

    let anchor = network.chain.finalized_head().anchor;
    network.edit(move |info| {
        let agreement = info.primary_providers[0].agreement.as_mut();
        agreement.unwrap().expires_at = anchor;
    });
    network.chain.advance();
    network.commit(3);
    let before = network.submitters().len();
    network.block().await;
    network.block().await;
    assert_eq!(
        stage(&mut network, 0),
        CheckpointStage::Blocked(BlockedReason::AgreementEnded)
    );
    network.edit(|info| {
        info.primary_providers[0]
            .agreement
            .as_mut()
            .unwrap()
            .expires_at = 9_999
    });
    network.chain.advance();

    let lease = network.providers[0]
        .provider()
        .blocking_lease(ID, cairn_provider::LeaseRequest::read());
    let damage = cairn_bucket::ProveError::MissingContent {
        bucket: ID,
        hash: Default::default(),
    };
    let _ = lease.unwrap().run::<(), _>(|_| Err(damage));
    network.block().await;
    assert_eq!(
        stage(&mut network, 0),
        CheckpointStage::Blocked(BlockedReason::Quarantined)
    );
    assert_eq!(statistics(&mut network, 0).blocked, 1);
    assert_eq!(network.submitters().len(), before);
}

#[tokio::test]
async fn s4_an_unverifiable_bucket_gets_no_checkpoint() {
    for chunk_bytes in [None, Some(262_143)] {
        let mut network = Network::new(1, 1, None, EAGER);
        network.commit(1);
        network.chain.edit(move |pallet| match chunk_bytes {
            Some(bytes) => pallet.limits.chunk_bytes = bytes,
            None => pallet.limits.profile = cairn_primitives::HashingProfile::Tagged,
        });
        for _ in 0..4 {
            network.block().await;
        }
        let stopped = CheckpointStage::Blocked(BlockedReason::SigningRefused);
        assert_eq!(stage(&mut network, 0), stopped);
        assert_eq!(network.submitters(), [] as [usize; 0]);
        let provider = network.providers[0].provider();
        assert_eq!(provider.summary(ID).unwrap().signed, None);
        let held_state = network.providers[0]
            .countersigner()
            .held_state(ID, None)
            .await;
        assert_eq!(held_state, Err(crate::Refusal::Unable));
        let lease = provider
            .blocking_lease(ID, cairn_provider::LeaseRequest::write())
            .unwrap();
        let signed = lease.commit_signed(&[], &network.providers[0].signer);
        let refused = signed.unwrap_err().to_string();
        assert!(
            refused.contains("nothing is signed for bucket"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn s2_nothing_is_signed_while_signing_is_off() {
    let mut network = Network::new(2, 1, None, EAGER);
    let provider = network.providers[0].provider().clone();
    provider.stop_signing("test", "as the test has it");
    network.providers[1]
        .provider()
        .stop_signing("test", "as the test has it");
    network.commit(1);
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(network.submitters(), [] as [usize; 0]);
    assert_eq!(provider.summary(ID).unwrap().signed, None);
    provider.resume_signing("test");
    for _ in 0..8 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
}

#[tokio::test]
async fn nothing_is_signed_that_is_not_durable() {
    let mut network = Network::new(1, 1, None, EAGER);
    network.commit(1);
    network.block().await;
    let (provider, last) = (
        network.providers[0].provider(),
        network.providers[0].commitment(),
    );
    let lease = provider
        .blocking_lease(ID, cairn_provider::LeaseRequest::read())
        .unwrap();
    let signed_roots = lease.run(|bucket| bucket.signed_roots()?.collect::<Result<Vec<_>, _>>());
    let signed_roots = signed_roots.unwrap();
    assert_eq!(signed_roots.len(), 1);
    assert_eq!(signed_roots[0].commitment, last);
}

#[tokio::test]
async fn the_loop_submits_a_checkpoint_and_shuts_down() {
    let mut network = Network::new(1, 1, None, EAGER);
    network.commit(1);
    let config = EAGER;
    let peer = &network.providers[0];
    let mut scheduler = CheckpointWorker::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.clone(),
        network.cosigners.clone(),
        config,
    )
    .unwrap();
    let status = scheduler.status();
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let running = tokio::spawn(async move { scheduler.run(stopped.map(drop)).await });
    while status.statistics().finalized == 0 {
        // A submission is in the next block.
        if !network
            .chain
            .with_pool(|pool| pool.submissions().is_empty())
        {
            network.chain.advance();
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(leaves(&network), Some(1));
    stop.send(()).unwrap();
    running.await.unwrap();
    network.evaluate().await;
}

#[test]
fn metrics_are_registered_once() {
    let network = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async { Network::new(1, 1, None, EAGER) });
    let mut network = network;
    let status = network.providers[0].worker().status();
    let registry = substrate_prometheus_endpoint::Registry::new();
    status.register_metrics(&registry).unwrap();
    let names: Vec<_> = registry
        .gather()
        .iter()
        .map(|family| family.get_name().to_owned())
        .collect();
    assert_eq!(names.len(), 12);
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("cairn_checkpoint_"))
    );
    assert!(status.register_metrics(&registry).is_err());
}
