//! Extrinsics that are lost, dropped, retracted or refused: the checkpoint succeeds nevertheless.

use super::*;

#[tokio::test]
async fn a_dropped_or_rejected_checkpoint_is_retried() {
    let mut network = Network::new(1, 1, None, EAGER);
    network.commit(1);
    network
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 1);
    network.block().await;
    assert!(network.submitters().is_empty());
    assert!(matches!(
        stage(&mut network, 0),
        CheckpointStage::Failed { .. }
    ));
    network.block().await;
    assert_eq!(network.submitters(), [0]);
    network
        .chain
        .with_pool(|pool| pool.drop_all(Some("usurped")));
    network.block().await;
    network.block().await;
    network.block().await;
    assert_eq!(leaves(&network), Some(1));
    let counted = statistics(&mut network, 0);
    assert_eq!(
        (counted.submitted, counted.finalized, counted.lost),
        (2, 1, 1)
    );
}

#[tokio::test]
async fn a_silently_lost_checkpoint_is_retried() {
    let mut network = Network::new(1, 1, None, EAGER);
    network.commit(1);
    network.block().await;
    network.chain.with_pool(|pool| pool.drop_all(None));
    for _ in 0..EAGER.submission_timeout - 1 {
        network.block().await;
    }
    assert_eq!(network.submitters(), [0]);
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(network.submitters(), [0, 0]);
    assert_eq!(leaves(&network), Some(1));
}

#[tokio::test]
async fn a_checkpoint_lost_in_a_reorg_is_retried() {
    let mut network = Network::new(2, 2, None, EAGER);
    network.commit(1);
    network.block().await;
    for _ in 0..2 {
        // In a block that is not final, which is retracted with it; this time the pool has
        // forgotten it.
        network.chain.add_block();
        network.evaluate().await;
        assert_eq!(network.chain.retract(1), 1);
        network
            .chain
            .with_pool(|pool| pool.drop_all(Some("retracted")));
        assert_eq!(leaves(&network), None);
        for _ in 0..3 {
            network.chain.add_block();
        }
        let best = network.chain.best_head().number;
        network.chain.finalize_to(best);
        network.evaluate().await;
        network.evaluate().await;
    }
    for _ in 0..6 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(1));
    assert!(network.submitters().len() > 1);
}

#[tokio::test]
async fn a_retracted_checkpoint_still_in_the_pool_is_not_repeated() {
    let mut network = Network::new(1, 1, None, EAGER);
    network.commit(1);
    network.block().await;
    network.chain.add_block();
    network.chain.retract(1);
    network.evaluate().await;
    network.block().await;
    network.block().await;
    assert_eq!(leaves(&network), Some(1));
    assert_eq!(network.submitters(), [0]);
}

#[tokio::test]
async fn an_included_but_refused_checkpoint_counts_as_lost() {
    let config = CheckpointConfig {
        submission_timeout: 1_000,
        ..EAGER
    };
    let mut network = Network::new(1, 1, None, config);
    network.commit(1);
    network.chain.with_pool(|pool| pool.delay = 2);
    network.block().await;
    assert_eq!(network.submitters(), [0]);
    // Between its submission and its inclusion.
    network.edit(|info| info.frozen_start_seq = Some(Sequence(9)));
    for _ in 0..6 {
        network.block().await;
    }
    assert_eq!(leaves(&network), None);
    assert_eq!(
        network.chain.submission_record().refused_checkpoints.len(),
        1
    );
    assert_eq!(statistics(&mut network, 0).lost, 1);
    assert_eq!(
        stage(&mut network, 0),
        CheckpointStage::Blocked(BlockedReason::Frozen(Sequence(9)))
    );
}

#[tokio::test]
async fn checkpoints_resume_after_a_disconnect() {
    let mut network = Network::new(2, 2, None, EAGER);
    network.commit(1);
    network
        .providers
        .iter()
        .for_each(|one| one.client.disconnect());
    for _ in 0..100 {
        network.block().await;
    }
    assert_eq!(leaves(&network), None);
    network
        .providers
        .iter()
        .for_each(|one| one.client.connect());
    network.commit(2);
    for _ in 0..4 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(2));
}

#[tokio::test]
async fn single_failing_calls_only_cost_time() {
    let mut network = Network::new(1, 1, None, EAGER);
    for number in 1..=6 {
        network.commit(number);
        network.providers[0]
            .client
            .fail_next(u32::try_from(number).unwrap() - 1);
        for _ in 0..9 {
            network.block().await;
        }
        assert_eq!(leaves(&network), Some(number));
    }
    let count = network.checkpointed().unwrap().leaf_count;
    assert_eq!(count, LeafCount::new(6).unwrap());
}

#[tokio::test]
async fn a_failure_is_followed_by_a_pause() {
    let config = CheckpointConfig { retry: 5, ..EAGER };
    let mut network = Network::new(1, 1, None, config);
    network.commit(1);
    network
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 1);
    network.block().await;
    for _ in 1..5 {
        network.block().await;
        assert_eq!(statistics(&mut network, 0).attempts, 1);
    }
    network.block().await;
    assert_eq!(statistics(&mut network, 0).attempts, 2);
    assert_eq!(network.submitters(), [0]);
}

#[tokio::test]
async fn a_resubmitted_older_checkpoint_is_replaced() {
    let config = CheckpointConfig { age: 10, ..EAGER };
    let mut network = Network::new(1, 1, None, config);
    network.commit(1);
    network.block().await;
    network.block().await;
    let older = network.info().snapshot;
    network.commit(2);
    network.block().await;
    network.block().await;
    assert_eq!(leaves(&network), Some(2));
    network.edit(move |info| info.snapshot = older.clone());
    network.block().await;
    assert_eq!(leaves(&network), Some(1));
    for _ in 0..12 {
        network.block().await;
    }
    assert_eq!(leaves(&network), Some(2));
}
