//! Extrinsics that are lost, dropped, retracted or refused: the checkpoint succeeds nevertheless.

use super::*;

#[tokio::test]
async fn a_checkpoint_that_the_pool_drops_or_does_not_take_is_brought_again() {
    let mut village = Village::new(1, 1, None, EAGER);
    village.commit(1);
    village.chain.with_pool(|pool| pool.rejecting = 1);
    village.block().await;
    assert!(village.submitters().is_empty());
    assert!(matches!(
        stage(&mut village, 0),
        CheckpointStage::Failed { .. }
    ));
    village.block().await;
    assert_eq!(village.submitters(), [0]);
    village
        .chain
        .with_pool(|pool| pool.drop_all(Some("usurped")));
    village.block().await;
    village.block().await;
    village.block().await;
    assert_eq!(leaves(&village), Some(1));
    let counted = statistics(&mut village, 0);
    assert_eq!(
        (counted.submitted, counted.finalized, counted.lost),
        (2, 1, 1)
    );
}

#[tokio::test]
async fn a_checkpoint_of_which_nothing_is_heard_is_brought_again_in_the_end() {
    let mut village = Village::new(1, 1, None, EAGER);
    village.commit(1);
    village.block().await;
    village.chain.with_pool(|pool| pool.drop_all(None));
    for _ in 0..EAGER.patience - 1 {
        village.block().await;
    }
    assert_eq!(village.submitters(), [0]);
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(village.submitters(), [0, 0]);
    assert_eq!(leaves(&village), Some(1));
}

#[tokio::test]
async fn a_reorganisation_takes_a_checkpoint_back_and_it_is_brought_again() {
    let mut village = Village::new(2, 2, None, EAGER);
    village.commit(1);
    village.block().await;
    for _ in 0..2 {
        // In a block that is not final, which is retracted with it; this time the pool has
        // forgotten it.
        village.chain.add_block();
        village.look().await;
        assert_eq!(village.chain.retract(1), 1);
        village
            .chain
            .with_pool(|pool| pool.drop_all(Some("retracted")));
        assert_eq!(leaves(&village), None);
        for _ in 0..3 {
            village.chain.add_block();
        }
        let best = village.chain.best_head().number;
        village.chain.finalize_to(best);
        village.look().await;
        village.look().await;
    }
    for _ in 0..6 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
    assert!(village.submitters().len() > 1);
}

#[tokio::test]
async fn a_retracted_checkpoint_that_the_pool_kept_is_not_brought_twice() {
    let mut village = Village::new(1, 1, None, EAGER);
    village.commit(1);
    village.block().await;
    village.chain.add_block();
    village.chain.retract(1);
    village.look().await;
    village.block().await;
    village.block().await;
    assert_eq!(leaves(&village), Some(1));
    assert_eq!(village.submitters(), [0]);
}

#[tokio::test]
async fn a_checkpoint_that_the_chain_includes_and_refuses_is_known_to_be_lost() {
    let config = CheckpointConfig {
        patience: 1_000,
        ..EAGER
    };
    let mut village = Village::new(1, 1, None, config);
    village.commit(1);
    village.chain.with_pool(|pool| pool.delay = 2);
    village.block().await;
    assert_eq!(village.submitters(), [0]);
    // Between its submission and its inclusion.
    village.edit(|info| info.frozen_start_seq = Some(Sequence(9)));
    for _ in 0..6 {
        village.block().await;
    }
    assert_eq!(leaves(&village), None);
    assert_eq!(village.chain.seen().refused_checkpoints.len(), 1);
    assert_eq!(statistics(&mut village, 0).lost, 1);
    assert_eq!(
        stage(&mut village, 0),
        CheckpointStage::Stopped(Stopped::Frozen(Sequence(9)))
    );
}

#[tokio::test]
async fn a_chain_that_is_away_for_a_while_is_brought_up_to_date_afterwards() {
    let mut village = Village::new(2, 2, None, EAGER);
    village.commit(1);
    village
        .neighbours
        .iter()
        .for_each(|one| one.client.disconnect());
    for _ in 0..100 {
        village.block().await;
    }
    assert_eq!(leaves(&village), None);
    village
        .neighbours
        .iter()
        .for_each(|one| one.client.connect());
    village.commit(2);
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(2));
}

#[tokio::test]
async fn single_calls_that_fail_cost_time_and_nothing_else() {
    let mut village = Village::new(1, 1, None, EAGER);
    for number in 1..=6 {
        village.commit(number);
        village.neighbours[0]
            .client
            .fail_next(u32::try_from(number).unwrap() - 1);
        for _ in 0..9 {
            village.block().await;
        }
        assert_eq!(leaves(&village), Some(number));
    }
    let count = village.checkpointed().unwrap().leaf_count;
    assert_eq!(count, LeafCount::new(6).unwrap());
}

#[tokio::test]
async fn after_a_failure_it_waits_before_it_tries_again() {
    let config = CheckpointConfig { retry: 5, ..EAGER };
    let mut village = Village::new(1, 1, None, config);
    village.commit(1);
    village.chain.with_pool(|pool| pool.rejecting = 1);
    village.block().await;
    for _ in 1..5 {
        village.block().await;
        assert_eq!(statistics(&mut village, 0).attempts, 1);
    }
    village.block().await;
    assert_eq!(statistics(&mut village, 0).attempts, 2);
    assert_eq!(village.submitters(), [0]);
}

#[tokio::test]
async fn an_older_checkpoint_that_somebody_brings_back_is_found_and_replaced() {
    let config = CheckpointConfig { age: 10, ..EAGER };
    let mut village = Village::new(1, 1, None, config);
    village.commit(1);
    village.block().await;
    village.block().await;
    let older = village.info().snapshot;
    village.commit(2);
    village.block().await;
    village.block().await;
    assert_eq!(leaves(&village), Some(2));
    village.edit(move |info| info.snapshot = older.clone());
    village.block().await;
    assert_eq!(leaves(&village), Some(1));
    for _ in 0..12 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(2));
}
