//! Providers that submit checkpoints to a simulated chain: when one is due, whose turn it is, what
//! gets lost on the way, and what never happens.

use super::*;
use crate::Stopped;
use crate::village::{ID, Village, commit};
use cairn_primitives::checkpoint::leader;
use cairn_primitives::onchain::CheckpointWindow;
use cairn_primitives::{LeafCount, Sequence};
use std::time::Duration;

mod liars;
mod losses;
mod seeds;
mod windows;

/// Due at once with anything new, and retried at every block.
const EAGER: CheckpointConfig = CheckpointConfig {
    leaves: 1,
    bytes: u64::MAX,
    age: 1_000_000,
    stagger: 2,
    retry: 1,
    patience: 6,
    refresh: 1,
    limit: Duration::from_secs(20),
    concurrency: 4,
};

fn leaves(village: &Village) -> Option<u64> {
    let last = village.checkpointed();
    last.map(|commitment| commitment.leaf_count.get())
}

fn statistics(village: &mut Village, who: usize) -> CheckpointStatistics {
    village.neighbours[who].scheduler().board().statistics()
}

fn stage(village: &mut Village, who: usize) -> CheckpointStage {
    let board = village.neighbours[who].scheduler().board();
    let buckets = board.buckets();
    assert_eq!(buckets.len(), 1);
    buckets[0].1.clone()
}

#[tokio::test]
async fn growth_brings_a_checkpoint_and_less_does_not() {
    let config = CheckpointConfig { leaves: 3, ..EAGER };
    let mut village = Village::new(1, 1, None, config);
    village.block().await;
    assert_eq!(stage(&mut village, 0), CheckpointStage::UpToDate);
    // The first is due at once, since the chain has none.
    village.commit(1);
    village.block().await;
    village.block().await;
    assert_eq!(leaves(&village), Some(1));
    (2..=3).for_each(|number| village.commit(number));
    for _ in 0..5 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
    assert!(matches!(
        stage(&mut village, 0),
        CheckpointStage::Waiting(_)
    ));
    village.commit(4);
    village.block().await;
    let submitted_at = village.chain.finalized_head().anchor;
    assert_eq!(
        stage(&mut village, 0),
        CheckpointStage::Submitted(submitted_at)
    );
    village.block().await;
    assert_eq!(leaves(&village), Some(4));
    assert_eq!(stage(&mut village, 0), CheckpointStage::UpToDate);
    let counted = statistics(&mut village, 0);
    assert_eq!((counted.submitted, counted.finalized), (2, 2));
    assert_eq!((counted.lost, counted.short), (0, 0));
}

#[tokio::test]
async fn bytes_bring_a_checkpoint_too() {
    let config = CheckpointConfig {
        leaves: u64::MAX,
        bytes: 60,
        ..EAGER
    };
    let mut village = Village::new(1, 1, None, config);
    village.commit(1);
    village.block().await;
    village.block().await;
    // Each leaf has 21 bytes.
    for (number, expected) in [(2, 1), (3, 1), (4, 4)] {
        village.commit(number);
        for _ in 0..3 {
            village.block().await;
        }
        assert_eq!(leaves(&village), Some(expected));
    }
}

#[tokio::test]
async fn age_brings_a_checkpoint_of_what_is_new_and_none_of_what_is_not() {
    let config = CheckpointConfig {
        leaves: u64::MAX,
        age: 20,
        ..EAGER
    };
    let mut village = Village::new(1, 1, None, config);
    village.commit(1);
    village.block().await;
    village.block().await;
    let first = village.info().snapshot.unwrap();
    village.blocks_to(first.checkpoint_block + 30).await;
    assert_eq!(village.info().snapshot.unwrap(), first, "nothing was new");
    village.commit(2);
    village.block().await;
    village.block().await;
    assert_eq!(leaves(&village), Some(2));
    let second = village.info().snapshot.unwrap().checkpoint_block;
    village.commit(3);
    village.blocks_to(second + 19).await;
    assert_eq!(leaves(&village), Some(2));
    village.blocks_to(second + 21).await;
    assert_eq!(leaves(&village), Some(3));
}

#[tokio::test]
async fn both_signatures_are_on_chain_and_one_of_the_two_submits() {
    let mut village = Village::new(2, 2, None, EAGER);
    for number in 1..=5 {
        village.commit(number);
        for _ in 0..4 {
            village.block().await;
        }
        assert_eq!(leaves(&village), Some(number));
        let snapshot = village.info().snapshot.unwrap();
        assert!(snapshot.signed_by(0) && snapshot.signed_by(1));
    }
    assert_eq!(village.submitters().len(), 5);
    assert!(village.chain.seen().refused_checkpoints.is_empty());
    let signed: u64 = (0..2)
        .map(|who| statistics(&mut village, who).countersigned)
        .sum();
    assert_eq!(signed, 5);
}

#[tokio::test]
async fn nothing_is_submitted_with_too_few_signatures_and_all_is_once_there_are_enough() {
    let mut village = Village::new(3, 2, None, EAGER);
    let accounts: Vec<_> = village.neighbours.iter().map(|one| one.account.0).collect();
    let down = [accounts[1], accounts[2]];
    village.wire.down.lock().extend(accounts);
    village.commit(1);
    for _ in 0..6 {
        village.block().await;
    }
    assert!(village.submitters().is_empty());
    assert!(matches!(
        stage(&mut village, 0),
        CheckpointStage::Failed { .. }
    ));
    assert!(statistics(&mut village, 0).short > 0);
    for account in &down {
        village.wire.down.lock().remove(account);
    }
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
}

#[tokio::test]
async fn a_signature_that_does_not_hold_is_left_out() {
    let mut village = Village::new(2, 2, None, EAGER);
    let accounts: Vec<_> = village.neighbours.iter().map(|one| one.account.0).collect();
    village.wire.forging.lock().extend(accounts);
    village.commit(1);
    for _ in 0..4 {
        village.block().await;
    }
    assert!(village.submitters().is_empty());
    let forged = statistics(&mut village, 0).forged + statistics(&mut village, 1).forged;
    assert!(forged > 0);
    village.wire.forging.lock().clear();
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
}

#[tokio::test]
async fn a_provider_that_is_listed_twice_is_asked_and_counted_once() {
    let mut village = Village::new(2, 3, None, EAGER);
    village.edit(|info| {
        let twice = info.primary_providers.clone();
        info.primary_providers.extend(twice);
    });
    village.commit(1);
    for _ in 0..8 {
        village.block().await;
    }
    assert!(village.submitters().is_empty(), "two are not three");
    village.edit(|info| info.min_providers = 2);
    for _ in 0..8 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
    let signers = village.info().snapshot.unwrap().primary_signers;
    assert_eq!(signers.iter().map(|byte| byte.count_ones()).sum::<u32>(), 2);
    assert!(village.chain.seen().refused_checkpoints.is_empty());
}

#[tokio::test]
async fn one_that_never_answers_holds_the_others_up_no_longer_than_the_limit() {
    let config = CheckpointConfig {
        limit: Duration::from_millis(20),
        ..EAGER
    };
    let mut village = Village::new(3, 2, None, config);
    let silent = village.neighbours[2].account.0;
    village.wire.silent.lock().insert(silent);
    village.kill(2);
    village.commit(1);
    for _ in 0..8 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
    let snapshot = village.info().snapshot.unwrap();
    assert!(snapshot.signed_by(0) && snapshot.signed_by(1) && !snapshot.signed_by(2));
}

#[tokio::test]
async fn where_others_lag_what_enough_of_them_have_is_checkpointed() {
    let mut village = Village::new(3, 2, None, EAGER);
    for (who, number) in [(0, 5), (1, 3), (2, 1)] {
        for leaf in 1..=number {
            commit(village.neighbours[who].provider(), leaf);
        }
    }
    for _ in 0..8 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(3));
    // The others catch up.
    for leaf in 2..=5 {
        commit(village.neighbours[2].provider(), leaf);
    }
    for _ in 0..8 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(5));
    assert!(village.chain.seen().refused_checkpoints.is_empty());
}

#[tokio::test]
async fn providers_whose_leaves_differ_checkpoint_nothing_together() {
    let mut village = Village::new(2, 2, None, EAGER);
    for (who, number) in [(0, 1), (1, 2)] {
        commit(village.neighbours[who].provider(), number);
    }
    for _ in 0..8 {
        village.block().await;
    }
    assert!(village.submitters().is_empty());
    let CheckpointStage::Failed { reason, .. } = stage(&mut village, 0) else {
        panic!("{:?}", stage(&mut village, 0));
    };
    assert!(reason.contains("got 1 of"), "{reason}");
}

#[tokio::test]
async fn a_frozen_an_ended_and_a_quarantined_bucket_get_no_checkpoint() {
    let mut village = Village::new(1, 1, None, EAGER);
    village.commit(1);
    village.block().await;
    village.block().await;

    village.edit(|info| info.frozen_start_seq = Some(Sequence(1)));
    village.chain.advance();
    village.commit(2);
    village.block().await;
    assert_eq!(
        stage(&mut village, 0),
        CheckpointStage::Stopped(Stopped::Frozen(Sequence(1)))
    );
    // Pruned to the freeze, it continues.
    let lease = village.neighbours[0]
        .provider()
        .lease(ID, cairn_provider::Wanted::write());
    let pruned = lease.unwrap().run(|bucket| bucket.prune(Sequence(1), None));
    pruned.unwrap();
    village.block().await;
    village.block().await;
    assert_eq!(village.checkpointed().unwrap().start_seq, Sequence(1));

    let anchor = village.chain.finalized_head().anchor;
    village.edit(move |info| {
        let agreement = info.primary_providers[0].agreement.as_mut();
        agreement.unwrap().expires_at = anchor;
    });
    village.chain.advance();
    village.commit(3);
    let before = village.submitters().len();
    village.block().await;
    village.block().await;
    assert_eq!(
        stage(&mut village, 0),
        CheckpointStage::Stopped(Stopped::Ended)
    );
    village.edit(|info| {
        info.primary_providers[0]
            .agreement
            .as_mut()
            .unwrap()
            .expires_at = 9_999
    });
    village.chain.advance();

    let lease = village.neighbours[0]
        .provider()
        .lease(ID, cairn_provider::Wanted::read());
    let damage = cairn_bucket::ProveError::MissingContent {
        bucket: ID,
        hash: Default::default(),
    };
    let _ = lease.unwrap().run::<(), _>(|_| Err(damage));
    village.block().await;
    assert_eq!(
        stage(&mut village, 0),
        CheckpointStage::Stopped(Stopped::Quarantined)
    );
    assert_eq!(statistics(&mut village, 0).stopped, 1);
    assert_eq!(village.submitters().len(), before);
}

#[tokio::test]
async fn s4_no_checkpoint_is_brought_of_a_bucket_that_the_chain_cannot_verify() {
    for chunk_bytes in [None, Some(262_143)] {
        let mut village = Village::new(1, 1, None, EAGER);
        village.commit(1);
        village.chain.edit(move |pallet| match chunk_bytes {
            Some(bytes) => pallet.limits.chunk_bytes = bytes,
            None => pallet.limits.profile = cairn_primitives::HashingProfile::Tagged,
        });
        for _ in 0..4 {
            village.block().await;
        }
        let stopped = CheckpointStage::Stopped(Stopped::NotSigned);
        assert_eq!(stage(&mut village, 0), stopped);
        assert_eq!(village.submitters(), [] as [usize; 0]);
        let provider = village.neighbours[0].provider();
        assert_eq!(provider.summary(ID).unwrap().signed, None);
        let holding = village.neighbours[0].desk().holding(ID, None).await;
        assert_eq!(holding, Err(crate::Refusal::Unable));
        let lease = provider.lease(ID, cairn_provider::Wanted::write()).unwrap();
        let signed = lease.commit_signed(&[], &village.neighbours[0].signer);
        let refused = signed.unwrap_err().to_string();
        assert!(
            refused.contains("nothing is signed for bucket"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn s2_nothing_is_signed_for_anybody_while_signing_is_off() {
    let mut village = Village::new(2, 1, None, EAGER);
    let provider = village.neighbours[0].provider().clone();
    provider.stop_signing("test", "as the test has it");
    village.neighbours[1]
        .provider()
        .stop_signing("test", "as the test has it");
    village.commit(1);
    for _ in 0..4 {
        village.block().await;
    }
    assert_eq!(village.submitters(), [] as [usize; 0]);
    assert_eq!(provider.summary(ID).unwrap().signed, None);
    provider.resume_signing("test");
    for _ in 0..8 {
        village.block().await;
    }
    assert_eq!(leaves(&village), Some(1));
}

#[tokio::test]
async fn what_is_not_durable_is_not_signed() {
    let mut village = Village::new(1, 1, None, EAGER);
    village.commit(1);
    village.block().await;
    let (provider, last) = (
        village.neighbours[0].provider(),
        village.neighbours[0].commitment(),
    );
    let lease = provider.lease(ID, cairn_provider::Wanted::read()).unwrap();
    let promised = lease.run(|bucket| bucket.promises()?.collect::<Result<Vec<_>, _>>());
    let promised = promised.unwrap();
    assert_eq!(promised.len(), 1);
    assert_eq!(promised[0].commitment, last);
}

#[tokio::test]
async fn the_loop_brings_a_checkpoint_and_ends_when_told_to() {
    let mut village = Village::new(1, 1, None, EAGER);
    village.commit(1);
    let config = EAGER;
    let neighbour = &village.neighbours[0];
    let mut scheduler = CheckpointScheduler::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        neighbour.signer.clone(),
        village.wire.clone(),
        config,
    )
    .unwrap();
    let board = scheduler.board();
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let running = tokio::spawn(async move { scheduler.run(stopped.map(drop)).await });
    while board.statistics().finalized == 0 {
        // A submission is in the next block.
        if !village
            .chain
            .with_pool(|pool| pool.submissions().is_empty())
        {
            village.chain.advance();
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(leaves(&village), Some(1));
    stop.send(()).unwrap();
    running.await.unwrap();
    village.look().await;
}

#[test]
fn everything_that_is_counted_is_registered_once() {
    let village = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async { Village::new(1, 1, None, EAGER) });
    let mut village = village;
    let board = village.neighbours[0].scheduler().board();
    let registry = substrate_prometheus_endpoint::Registry::new();
    board.register_metrics(&registry).unwrap();
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
    assert!(board.register_metrics(&registry).is_err());
}
