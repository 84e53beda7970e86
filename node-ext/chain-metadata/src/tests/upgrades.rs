//! A runtime upgrade between two reads.

use super::node::MemoryBlock;
use super::rows::provider_row;
use super::*;
use cairn_chain::{ChainError, DryRunResult};
use cairn_primitives::H256;
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::Outcome;
use codec::{Compact, Encode};
use std::sync::Arc;

const ID: ChallengeId = ChallengeId {
    deadline: 30_000,
    index: 0,
};

/// Puts the code of a runtime into a block's state.
fn set_code(block: &mut MemoryBlock, version: u32, options: Options) {
    block.id.spec_version = version;
    block.id.code = H256::repeat_byte(version as u8);
    block.metadata = Arc::new(crate::testing::metadata(options));
}

/// Notes the runtime that ran.
fn set_last_run(block: &mut MemoryBlock, version: u32) {
    let key = prefix("System", "LastRuntimeUpgrade");
    block
        .storage
        .insert(key, (Compact(version), "made-up").encode());
}

fn defended() -> Vec<u8> {
    let applied = [vec![0], 1_u32.encode()].concat();
    let event = [vec![50, 20], (ID, OURS, 4_u32).encode()].concat();
    [vec![4], applied, event, vec![0]].concat()
}

#[tokio::test]
async fn a_block_with_new_code_is_read_as_the_old_code_wrote_it() {
    let node = MemoryNode::new(Options {
        is_solo: true,
        ..Options::DEPLOYED
    });
    let list = [vec![4], old_challenge(OURS, 1, 2).encode()].concat();
    node.change(|block| {
        set_last_run(block, 1);
        block.storage.insert(list_key(30_000), list.clone());
    });
    let chain = state(&node);
    let before = node.best_hash();
    // The new code is in the state, but has not run: rows and events are the old ones.
    let between = node.next_block(|block| {
        set_code(block, 2, Options::CURRENT);
        block.storage.insert(prefix("System", "Events"), defended());
    });
    // It migrates its rows in the next block.
    let after = node.next_block(|block| {
        set_last_run(block, 2);
        block.storage.remove(&list_key(30_000));
        let row = challenge(OURS, 1, 2).encode();
        block.storage.insert(challenge_key(30_000, 0), row);
    });
    for at in [before, between, after] {
        let open = chain.open_challenges(at, OURS).await.unwrap();
        assert_eq!(open.unreadable, None);
        assert_eq!(open.challenges.len(), 1, "{at:?}");
        assert_eq!(open.challenges[0].id, ID);
    }
    assert!(chain.limits(between).await.unwrap().challenge_ids_shift);
    assert!(!chain.limits(after).await.unwrap().challenge_ids_shift);
    let outcomes = chain.outcomes(between).await.unwrap();
    assert_eq!(
        outcomes,
        [Outcome::Defended {
            id: ID,
            provider: OURS
        }]
    );
    // New code on rows that are not migrated says nothing about an answer.
    let response = ChallengeResponse::Superseded;
    let error = chain
        .dry_run(between, OURS, ID, &response)
        .await
        .unwrap_err();
    assert!(matches!(error, ChainError::NoSuchBlock { .. }), "{error}");
    assert!(error.is_transient());
}

/// Upgrades to code that tells another anchor block, and returns the anchor blocks before, at the
/// block whose state is not migrated yet, and after.
async fn anchors_around_an_upgrade(before: Options) -> [u32; 3] {
    let node = MemoryNode::new(before);
    let own = prefix("System", "Number");
    node.change(|block| {
        set_last_run(block, 1);
        let relay = prefix("ParachainSystem", "LastRelayChainBlockNumber");
        block.storage.insert(relay, 9_000_000_u32.encode());
        block.storage.insert(own.clone(), 50_000_u32.encode());
        // Registered in block 7 of its own: that tells the clock.
        let row = provider_row(&[9], 2, true);
        block.storage.insert(provider_key(OTHER), row);
    });
    let chain = state(&node);
    let mut anchors = [chain.head(node.best_hash()).await.unwrap().anchor, 0, 0];
    let between = node.next_block(|block| {
        set_code(block, 2, Options::CURRENT);
        block.storage.insert(own.clone(), 50_001_u32.encode());
        let tells = "StorageProviderApi_current_anchor_block".to_owned();
        block.functions.insert(tells, 9_000_000_u32.encode());
    });
    anchors[1] = chain.head(between).await.unwrap().anchor;
    let after = node.next_block(|block| set_last_run(block, 2));
    anchors[2] = chain.head(after).await.unwrap().anchor;
    anchors
}

/// In the state that the old code wrote, the new clock would make agreements look expired.
#[tokio::test]
async fn the_new_clock_never_meets_rows_of_the_old_one() {
    let anchors = anchors_around_an_upgrade(Options::DEPLOYED).await;
    assert_eq!(anchors, [50_000, 50_001, 9_000_000]);
    let anchors = anchors_around_an_upgrade(Options::NONCE).await;
    assert_eq!(anchors, [100, 100, 9_000_000]);
}

#[tokio::test]
async fn old_code_that_was_never_seen_is_asked_for_at_the_parent() {
    let node = MemoryNode::new(Options {
        is_solo: true,
        ..Options::DEPLOYED
    });
    let list = [vec![4], old_challenge(OURS, 1, 2).encode()].concat();
    node.change(|block| {
        set_last_run(block, 1);
        block.storage.insert(list_key(30_000), list.clone());
    });
    let between = node.next_block(|block| set_code(block, 2, Options::CURRENT));
    // The first block that this client sees.
    let open = state(&node).open_challenges(between, OURS).await.unwrap();
    assert_eq!(open.challenges.len(), 1);
    // A state that some other version wrote cannot be read.
    let strange = node.next_block(|block| {
        set_code(block, 5, Options::CURRENT);
        set_last_run(block, 4);
    });
    let error = state(&node)
        .open_challenges(strange, OURS)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("version 4"), "{error}");
}

#[tokio::test]
async fn two_runtimes_of_one_version_are_told_apart_by_their_code() {
    let node = MemoryNode::new(Options::CURRENT);
    let chain = state(&node);
    let before = node.best_hash();
    assert!(!chain.limits(before).await.unwrap().strict_leaf_binding);
    let after = node.next_block(|block| {
        block.id.code = H256::repeat_byte(9);
        block.metadata = Arc::new(crate::testing::metadata(Options::LEAF_BINDING));
    });
    assert!(chain.limits(after).await.unwrap().strict_leaf_binding);
    assert!(!chain.limits(before).await.unwrap().strict_leaf_binding);
    // Each was loaded once.
    assert_eq!(node.calls_of("Metadata_metadata_at_version"), 2);
}

#[tokio::test]
async fn an_older_runtime_reads_its_own_rows_though_a_newer_one_ran_before() {
    let node = MemoryNode::new(Options::CURRENT);
    node.change(|block| {
        set_last_run(block, 7);
        let row = challenge(OURS, 1, 2).encode();
        block.storage.insert(challenge_key(30_000, 0), row);
    });
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    assert_eq!(open.challenges.len(), 1);
}

#[tokio::test]
async fn an_upgrade_to_what_is_not_understood_stops_answers_only() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    let chain = state(&node);
    chain.limits(node.best_hash()).await.unwrap();
    let after = node.next_block(|block| {
        let changed = Options {
            dry_run_arguments: 0,
            has_chunk_range: true,
            ..Options::CURRENT
        };
        set_code(block, 2, changed);
    });
    let open = chain.open_challenges(after, OURS).await.unwrap();
    assert_eq!(open.challenges.len(), 1);
    let judged = chain
        .dry_run(after, OURS, ID, &ChallengeResponse::Superseded)
        .await;
    assert_eq!(judged.unwrap(), DryRunResult::NotOffered);
    let described = chain.describe(after).await.unwrap();
    let missing: Vec<_> = described
        .missing()
        .iter()
        .map(|one| one.capability)
        .collect();
    assert_eq!(missing, [crate::Capability::Answer]);
}
