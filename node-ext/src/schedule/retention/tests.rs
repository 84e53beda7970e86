//! Retired trees on disk, and a chain that lets them go.

use super::*;
use crate::bucket::At;
use crate::chain::scripted::LIMITS;
use crate::pool::Wanted;
use crate::schedule::CheckpointConfig;
use crate::schedule::village::{ID, Village, commit};
use cairn_primitives::Commitment;
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::{ChunkIndex, LeafIndex};
use substrate_prometheus_endpoint::Registry;

/// A provider whose bucket was pruned to sequence 2 of 4, with what was signed
/// of the old tree.
fn pruned() -> (Village, Commitment, Retention) {
    let village = Village::new(1, 1, None, CheckpointConfig::default());
    let neighbour = &village.neighbours[0];
    (1..=4).for_each(|number| commit(neighbour.provider(), number));
    let lease = neighbour.provider().lease(ID, Wanted::write()).unwrap();
    let signed = lease.commit_signed(&[], &neighbour.signer).unwrap().1;
    lease.prune(Sequence(2), None).unwrap();
    drop(lease);
    let config = RetentionConfig { every: 0 };
    let retention = Retention::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        config,
    );
    (village, signed.payload.commitment, retention)
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

fn end_agreement(village: &Village, after: Option<u32>) {
    village.edit(move |info| {
        let agreement = &mut info.primary_providers[0].agreement;
        match after {
            Some(after) => agreement.as_mut().unwrap().expires_at = after,
            None => *agreement = None,
        }
    });
}

fn kept(retention: &Retention) -> Vec<Kept> {
    let kept = retention.board.kept();
    kept.into_iter().map(|(_, why)| why).collect()
}

#[tokio::test]
async fn i10_a_retired_tree_is_proven_until_the_agreement_and_the_challenge_period_are_over() {
    let (village, signed, mut retention) = pruned();
    retention.saw(village.chain.advance()).await;
    assert_eq!(kept(&retention), [Kept::AgreementLives]);
    let ended = village.chain.finalized_head().anchor + 2;
    end_agreement(&village, Some(ended));
    let until = ended + LIMITS.challenge_period;
    while village.chain.finalized_head().anchor < until {
        retention.saw(village.chain.advance()).await;
        assert!(is_provable(&village, &signed));
    }
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
    retention.saw(village.chain.advance()).await;
    assert!(!is_provable(&village, &signed));
    assert!(kept(&retention).is_empty());
    let counted = retention.board.statistics();
    assert_eq!((counted.released, counted.kept), (1, 0));
    // The bucket itself is an operator's to delete.
    assert_eq!(counted.ended_buckets, 1);
    assert!(village.neighbours[0].provider().summary(ID).is_ok());
}

#[tokio::test]
async fn i10_an_open_challenge_keeps_its_tree_though_all_else_is_over() {
    let (village, signed, mut retention) = pruned();
    let ended = village.chain.finalized_head().anchor + 2;
    end_agreement(&village, Some(ended));
    let ask = crate::chain::scripted::Ask {
        provider: village.neighbours[0].account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment: signed,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        period: Some(LIMITS.challenge_period + 20),
    };
    village.chain.challenge(ask);
    let deadline = village.chain.best_head().anchor + 1 + LIMITS.challenge_period + 20;
    while village.chain.finalized_head().anchor < deadline {
        retention.saw(village.chain.advance()).await;
        assert!(is_provable(&village, &signed));
    }
    assert!(matches!(kept(&retention)[..], [Kept::Challenged(_)]));
}

#[tokio::test]
async fn i10_an_agreement_that_is_told_of_no_more_counts_as_ended_when_that_was_first_seen() {
    let (village, signed, mut retention) = pruned();
    end_agreement(&village, None);
    let head = village.chain.advance();
    retention.saw(head).await;
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
    // Another process goes on from there.
    let neighbour = &village.neighbours[0];
    let mut retention = Retention::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        RetentionConfig { every: 0 },
    );
    while village.chain.finalized_head().anchor < until {
        retention.saw(village.chain.advance()).await;
        assert!(is_provable(&village, &signed));
    }
    retention.saw(village.chain.advance()).await;
    assert!(!is_provable(&village, &signed));
}

#[tokio::test]
async fn an_agreement_that_is_renewed_begins_anew() {
    let (village, signed, mut retention) = pruned();
    end_agreement(&village, None);
    retention.saw(village.chain.advance()).await;
    village.edit(|info| {
        info.primary_providers[0].agreement = Some(cairn_primitives::onchain::Agreement {
            max_bytes: 0,
            expires_at: 9_999,
        });
    });
    for _ in 0..LIMITS.challenge_period {
        retention.saw(village.chain.advance()).await;
    }
    assert_eq!(kept(&retention), [Kept::AgreementLives]);
    end_agreement(&village, None);
    let head = village.chain.advance();
    retention.saw(head).await;
    let until = head.anchor + LIMITS.challenge_period;
    assert_eq!(kept(&retention), [Kept::ChallengePeriod { until }]);
    assert!(is_provable(&village, &signed));
}

#[tokio::test]
async fn i10_a_chain_that_knows_no_such_bucket_or_is_not_reached_lets_nothing_go() {
    let (village, signed, mut retention) = pruned();
    village.chain.edit(|pallet| pallet.buckets.clear());
    for _ in 0..3 * LIMITS.challenge_period {
        retention.saw(village.chain.advance()).await;
    }
    assert_eq!(kept(&retention), [Kept::NoSuchBucket]);
    village.neighbours[0].client.disconnect();
    let rounds = retention.board.statistics().rounds;
    for _ in 0..3 {
        retention.saw(village.chain.advance()).await;
    }
    assert_eq!(retention.board.statistics().rounds, rounds);
    assert!(is_provable(&village, &signed));
}

#[tokio::test]
async fn looks_are_as_far_apart_as_they_are_said_to_be() {
    let (village, _, _) = pruned();
    let neighbour = &village.neighbours[0];
    let mut retention = Retention::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        RetentionConfig { every: 10 },
    );
    for _ in 0..25 {
        retention.saw(village.chain.advance()).await;
    }
    assert_eq!(retention.board.statistics().rounds, 3);
    let registry = Registry::new();
    retention.board().register_metrics(&registry).unwrap();
    assert_eq!(registry.gather().len(), 5);
}
