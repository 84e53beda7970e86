//! The anchor block where the runtime does not tell it: by which clock, and what happens until rows
//! tell that.

use super::rows::{
    agreement_key, bucket_row, bucket_row_with, key_of, provider_row, provider_row_since,
};
use super::*;
use cairn_chain::ChainError;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::PayloadFormat;
use codec::Encode;

const OWN: u32 = 150_000;
const RELAY: u32 = 200_000;

fn set_clocks(block: &mut node::MemoryBlock, own: u32, relay: u32) {
    let relay_key = prefix("ParachainSystem", "LastRelayChainBlockNumber");
    block
        .storage
        .insert(prefix("System", "Number"), own.encode());
    block.storage.insert(relay_key, relay.encode());
}

/// Puts an open challenge against the account.
fn put_challenge(block: &mut node::MemoryBlock, deadline: u32) {
    let list = [vec![4], old_challenge(OURS, 1, 2).encode()].concat();
    block.storage.insert(list_key(deadline), list);
}

/// Returns the row of a primary provider's agreement.
fn agreement(started_at: u32, expires_at: u32) -> Vec<u8> {
    let head = (OTHER, 64_u64, 1_u128, 2_u128, expires_at, false);
    (head, 0_u8, started_at).encode()
}

/// A chain whose last event is long ago, so that both clocks fit.
fn quiet_chain() -> MemoryNode {
    let node = MemoryNode::new(Options::DEPLOYED);
    node.change(|block| {
        set_clocks(block, OWN, RELAY);
        let row = provider_row_since(120_000, &[9], 2, true);
        block.storage.insert(provider_key(OTHER), row);
    });
    node
}

#[tokio::test]
async fn an_anchor_that_is_absent_is_told_by_the_rows() {
    let node = MemoryNode::new(Options::DEPLOYED);
    node.change(|block| set_clocks(block, 50_000, 9_000_000));
    let chain = state(&node);
    // Nothing shows in which blocks the pallet counts, and nothing depends on it.
    let at = node.best_hash();
    assert_eq!(chain.head(at).await.unwrap().anchor, 9_000_000);
    assert_eq!(chain.limits(at).await.unwrap().payload, PayloadFormat::V1);
    // Rows that cannot be read show nothing either, but something may depend on it.
    let at = node.next_block(|block| {
        block.storage.insert(provider_key(OTHER), vec![1, 2]);
    });
    assert_eq!(chain.head(at).await.unwrap().anchor, 9_000_000);
    let limits = chain.limits(at).await.unwrap();
    assert_eq!(limits.payload, PayloadFormat::Unknown);
    // A provider that was registered in block 7 of the parachain.
    let at = node.next_block(|block| {
        let row = provider_row(&[9], 2, true);
        block.storage.insert(provider_key(OTHER), row);
    });
    assert_eq!(chain.head(at).await.unwrap().anchor, 50_000);
    assert_eq!(chain.limits(at).await.unwrap().payload, PayloadFormat::V1);
    // Once known, it is not asked for again.
    let pages = node.0.lock().pages.len();
    let at = node.next_block(|block| set_clocks(block, 50_001, 9_000_000));
    assert_eq!(chain.head(at).await.unwrap().anchor, 50_001);
    assert_eq!(node.0.lock().pages.len(), pages);
}

#[tokio::test]
async fn an_open_challenge_is_read_after_a_restart_and_tells_the_clock() {
    let node = quiet_chain();
    node.change(|block| put_challenge(block, 170_000));
    let at = node.best_hash();
    let id = ChallengeId {
        deadline: 170_000,
        index: 0,
    };
    // Whichever question comes first.
    let chain = state(&node);
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges[0].id, id);
    assert_eq!(open.unreadable, None);
    assert_eq!(chain.head(at).await.unwrap().anchor, OWN);
    let chain = state(&node);
    assert_eq!(chain.head(at).await.unwrap().anchor, OWN);
    assert_eq!(chain.limits(at).await.unwrap().payload, PayloadFormat::V1);
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges[0].id, id);
}

#[tokio::test]
async fn while_both_clocks_fit_nothing_is_signed_and_no_challenge_is_hidden() {
    let node = quiet_chain();
    let chain = state(&node);
    let undecided = [
        node.best_hash(),
        // Open by both clocks.
        node.next_block(|block| put_challenge(block, 210_000)),
    ];
    for (open, at) in undecided.into_iter().enumerate() {
        let found = chain.open_challenges(at, OURS).await.unwrap();
        assert_eq!(found.challenges.len(), open);
        // Deadlines are as near as they may be.
        assert_eq!(chain.head(at).await.unwrap().anchor, RELAY);
        let limits = chain.limits(at).await.unwrap();
        assert_eq!(limits.payload, PayloadFormat::Unknown);
        let error = chain.terms_rules(at, OURS).await.unwrap_err();
        assert!(matches!(error, ChainError::Unsupported(_)), "{error}");
    }
    // A challenge that is overdue by one clock alone is open, and not overdue at the head.
    let at = node.next_block(|block| {
        block.storage.remove(&list_key(210_000));
        put_challenge(block, 199_000);
    });
    let found = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(found.challenges[0].id.deadline, 199_000);
    assert_eq!(chain.head(at).await.unwrap().anchor, 199_000);
}

/// By the later clock alone it would look expired, and its content would be released in the end.
#[tokio::test]
async fn while_both_clocks_fit_an_agreement_holds_until_it_has_ended_by_both() {
    let node = quiet_chain();
    node.change(|block| {
        let row = agreement(119_000, 180_000);
        block.storage.insert(agreement_key(3, OURS), row);
        let row = agreement(119_000, OWN);
        block.storage.insert(agreement_key(4, OURS), row);
        let bucket = bucket_row(Options::DEPLOYED);
        block.storage.insert(key_of("Buckets", &3_u64), bucket);
    });
    let chain = state(&node);
    let at = node.best_hash();
    let anchor = chain.head(at).await.unwrap().anchor;
    assert_eq!(anchor, RELAY);
    let agreements = chain.agreements(at, OURS).await.unwrap();
    let holds: Vec<_> = agreements
        .iter()
        .map(|(bucket, agreement)| (bucket.0, agreement.holds_at(anchor)))
        .collect();
    assert_eq!(holds, [(3, true), (4, false)]);
    let bucket = chain.bucket(at, BucketId(3)).await.unwrap().unwrap();
    let ours = bucket.primary_providers[0].agreement.unwrap();
    assert!(ours.holds_at(anchor));
    // Once the clock is known, it ends where its row says.
    let at = node.next_block(|block| put_challenge(block, 170_000));
    assert_eq!(chain.head(at).await.unwrap().anchor, OWN);
    let agreements = chain.agreements(at, OURS).await.unwrap();
    assert_eq!(agreements[0].1.expires_at, 180_000);
}

#[tokio::test]
async fn agreements_and_checkpoints_tell_the_clock_too() {
    for (happened_at, anchor) in [(149_000, OWN), (199_000, RELAY)] {
        let node = quiet_chain();
        node.change(|block| {
            let row = agreement(happened_at, 300_000);
            block.storage.insert(agreement_key(3, OTHER), row);
        });
        let at = node.best_hash();
        assert_eq!(state(&node).head(at).await.unwrap().anchor, anchor);
        let node = quiet_chain();
        node.change(|block| {
            let row = bucket_row_with(Options::DEPLOYED, 9, happened_at);
            block.storage.insert(key_of("Buckets", &3_u64), row);
        });
        let at = node.best_hash();
        assert_eq!(state(&node).head(at).await.unwrap().anchor, anchor);
    }
}

#[tokio::test]
async fn of_two_near_clocks_the_later_counts_unless_a_challenge_is_open() {
    let node = MemoryNode::new(Options::DEPLOYED);
    node.change(|block| {
        set_clocks(block, 100_000, 101_000);
        let row = provider_row_since(99_000, &[9], 2, true);
        block.storage.insert(provider_key(OTHER), row);
    });
    let chain = state(&node);
    let at = node.best_hash();
    assert_eq!(chain.head(at).await.unwrap().anchor, 101_000);
    assert_eq!(chain.limits(at).await.unwrap().payload, PayloadFormat::V1);
    let at = node.next_block(|block| put_challenge(block, 100_500));
    assert_eq!(chain.head(at).await.unwrap().anchor, 100_500);
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges.len(), 1);
}
