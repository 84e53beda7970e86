//! The chain's count of challenges against the account: what it spares, and when it is wrong.

use super::challenges::expected;
use super::*;
use codec::Encode;

#[tokio::test]
async fn a_count_of_none_spares_the_scan_once_it_was_true() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OTHER, 1, 2));
    let chain = state(&node);
    for _ in 0..3 {
        let open = chain.open_challenges(node.best_hash(), OURS).await.unwrap();
        assert!(open.challenges.is_empty());
    }
    // One scan: a page, and the end.
    assert_eq!(node.0.lock().pages.len(), 2);
    let at = node.next_block(|block| {
        let own = challenge(OURS, 1, 2).encode();
        block.storage.insert(challenge_key(30_000, 1), own);
        block.storage.insert(pending_key(OURS), 1_u32.encode());
    });
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges, [expected(30_000, 1, 1, 2)]);
}

#[tokio::test]
async fn a_count_that_began_too_late_is_not_believed() {
    let node = MemoryNode::new(Options::CURRENT);
    // A challenge from before the chain counted.
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    node.put(pending_key(OURS), 0_u32);
    let chain = state(&node);
    for _ in 0..2 {
        let open = chain.open_challenges(node.best_hash(), OURS).await.unwrap();
        assert_eq!(open.challenges, [expected(30_000, 0, 1, 2)]);
    }
}

#[tokio::test]
async fn a_scan_ends_with_the_last_challenge_that_the_chain_counts() {
    let node = MemoryNode::new(Options::CURRENT);
    let chain = state(&node);
    let at = node.best_hash();
    chain.open_challenges(at, OURS).await.unwrap();
    let at = node.next_block(|block| {
        for index in 0..5_000_u16 {
            let row = challenge(if index == 7 { OURS } else { OTHER }, 1, 2).encode();
            block.storage.insert(challenge_key(30_000, index), row);
        }
        block.storage.insert(pending_key(OURS), 1_u32.encode());
    });
    let before = node.0.lock().pages.len();
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges, [expected(30_000, 7, 1, 2)]);
    assert!(node.0.lock().pages.len() - before <= 6);
}

/// Asks twice in each of `heads` blocks, as two workers do, of which one answers. Returns how many
/// challenges each answer has.
async fn ask_twice_a_head(
    chain: &ChainState<MemoryNode>,
    node: &MemoryNode,
    heads: usize,
    blocks_per_head: usize,
) -> Vec<[usize; 2]> {
    let mut found = Vec::new();
    for _ in 0..heads {
        for _ in 0..blocks_per_head {
            node.next_block(|_| ());
        }
        let at = node.best_hash();
        let first = chain.open_challenges(at, OURS).await.unwrap();
        let second = chain.open_challenges(at, OURS).await.unwrap();
        found.push([first.challenges.len(), second.challenges.len()]);
    }
    found
}

#[tokio::test]
async fn a_count_that_is_wrong_is_noticed_within_32_blocks_and_never_believed_again() {
    // Also if each head is an even block.
    for blocks_per_head in [1, 2] {
        let node = MemoryNode::new(Options::CURRENT);
        let chain = state(&node);
        node.next_block(|_| ());
        chain.open_challenges(node.best_hash(), OURS).await.unwrap();
        node.next_block(|block| {
            let own = challenge(OURS, 1, 2).encode();
            block.storage.insert(challenge_key(30_000, 1), own);
        });
        let found = ask_twice_a_head(&chain, &node, 70, blocks_per_head).await;
        let first = found.iter().position(|both| both.contains(&1)).unwrap();
        assert!((1..32).contains(&first), "{first}");
        // Each worker finds it, in this block and in all later ones.
        assert!(found[first..].iter().all(|both| *both == [1, 1]));
    }
}

#[tokio::test]
async fn a_count_that_is_too_low_is_noticed_and_never_believed_again() {
    let node = MemoryNode::new(Options::CURRENT);
    let chain = state(&node);
    chain.open_challenges(node.best_hash(), OURS).await.unwrap();
    let mut keys: Vec<_> = (0..3_000)
        .map(|index| challenge_key(30_000, index))
        .collect();
    keys.sort();
    node.next_block(|block| {
        let last = keys.len() - 1;
        for (place, key) in keys.into_iter().enumerate() {
            // One in the first page, with which the count is reached, and one in the last.
            let provider = if place == 0 || place == last {
                OURS
            } else {
                OTHER
            };
            let row = challenge(provider, 1, 2).encode();
            block.storage.insert(key, row);
        }
        block.storage.insert(pending_key(OURS), 1_u32.encode());
    });
    let found = ask_twice_a_head(&chain, &node, 34, 1).await;
    assert_eq!(found[0], [1, 1]);
    let first = found.iter().position(|both| both.contains(&2)).unwrap();
    assert!(first < 32, "{first}");
    assert!(found[first..].iter().all(|both| *both == [2, 2]));
}

#[tokio::test]
async fn a_count_that_cannot_be_read_is_none() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    node.put(pending_key(OURS), 7_u8);
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    assert_eq!(open.challenges, [expected(30_000, 0, 1, 2)]);
}
