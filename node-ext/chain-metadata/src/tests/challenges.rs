//! Open challenges: layouts, rows that do not decode, and many rows.

use super::*;
use cairn_chain::ChainError;
use cairn_primitives::challenge::{ChallengeId, ChunkLocation};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafCount, LeafIndex, Sequence};
use codec::Encode;

pub(super) fn expected(deadline: u32, index: u16, bucket: u64, chunk: u64) -> OpenChallenge {
    OpenChallenge {
        id: ChallengeId { deadline, index },
        bucket_id: BucketId(bucket),
        provider: OURS,
        challenger: CHALLENGER,
        mmr_root: H256(ROOT),
        start_seq: Sequence(5),
        leaf_count: None,
        location: ChunkLocation {
            leaf_index: LeafIndex(1),
            chunk_index: ChunkIndex(chunk),
        },
        asked_at: deadline - 28_800,
    }
}

#[tokio::test]
async fn each_challenge_of_the_account_is_read_from_a_row_of_its_own() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(40_000, 2), challenge(OURS, 1, 2));
    node.put(challenge_key(30_000, 9), challenge(OURS, 4, 5));
    node.put(challenge_key(30_000, 8), challenge(OTHER, 4, 5));
    // Overdue: the chain has not swept it yet.
    node.put(challenge_key(99, 0), challenge(OURS, 1, 2));
    node.put(challenge_key(100, 0), challenge(OTHER, 1, 2));
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    assert_eq!(open.unreadable, None);
    assert_eq!(
        open.challenges,
        [expected(30_000, 9, 4, 5), expected(40_000, 2, 1, 2)]
    );
}

#[tokio::test]
async fn a_leaf_count_is_read_where_the_chain_keeps_it() {
    let node = MemoryNode::new(Options::LEAF_BINDING);
    let row = (
        (1_u64, OURS, CHALLENGER, ROOT, 5_u64, 6_u64),
        (1_u64, 2_u64, 77_u128, false),
    );
    node.put(challenge_key(30_000, 0), row);
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    let with_count = OpenChallenge {
        leaf_count: LeafCount::new(6),
        ..expected(30_000, 0, 1, 2)
    };
    assert_eq!(open.challenges, [with_count]);
}

#[tokio::test]
async fn in_a_list_the_index_is_a_position_and_shifts() {
    let node = MemoryNode::new(Options::DEPLOYED);
    node.change(|block| {
        block
            .storage
            .insert(prefix("System", "Number"), 100_u32.encode());
        block.storage.insert(
            prefix("ParachainSystem", "LastRelayChainBlockNumber"),
            150_u32.encode(),
        );
    });
    let rows = vec![
        old_challenge(OURS, 1, 0).encode(),
        old_challenge(OTHER, 2, 0).encode(),
        old_challenge(OURS, 3, 0).encode(),
    ];
    let list = |rows: &[Vec<u8>]| [vec![rows.len() as u8 * 4], rows.concat()].concat();
    node.change(|block| {
        block.storage.insert(list_key(30_000), list(&rows));
    });
    let chain = state(&node);
    let open = chain.open_challenges(node.best_hash(), OURS).await.unwrap();
    assert_eq!(
        open.challenges,
        [expected(30_000, 0, 1, 0), expected(30_000, 2, 3, 0)]
    );
    // The first one is answered: the others move up.
    let at = node.next_block(|block| {
        block.storage.insert(list_key(30_000), list(&rows[1..]));
    });
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges, [expected(30_000, 1, 3, 0)]);
    assert!(chain.limits(at).await.unwrap().challenge_ids_shift);
}

#[tokio::test]
async fn an_unreadable_row_of_the_account_is_an_error_and_hides_no_other() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    // As the chain kept it before: one byte less.
    node.put(challenge_key(30_000, 1), old_challenge(OURS, 4, 4));
    node.put(challenge_key(30_000, 2), challenge(OURS, 2, 3));
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    assert_eq!(
        open.challenges,
        [expected(30_000, 0, 1, 2), expected(30_000, 2, 2, 3)]
    );
    let Some(ChainError::Undecodable { item, .. }) = open.unreadable else {
        panic!("{:?}", open.unreadable);
    };
    let key = hex::encode(challenge_key(30_000, 1));
    assert_eq!(item, format!("StorageProvider.Challenges 0x{key}"));
}

#[tokio::test]
async fn an_unreadable_row_of_another_account_is_no_error() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    node.put(challenge_key(30_000, 1), old_challenge(OTHER, 4, 4));
    node.put(challenge_key(30_000, 2), Vec::<u8>::new());
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    assert_eq!(open.unreadable, None);
    assert_eq!(open.challenges, [expected(30_000, 0, 1, 2)]);
}

#[tokio::test]
async fn one_unreadable_item_of_a_list_hides_no_other_list() {
    let node = MemoryNode::new(Options {
        is_solo: true,
        ..Options::DEPLOYED
    });
    node.put(list_key(30_000), vec![(1_u64, OURS, 2_u8)]);
    node.change(|block| {
        let row = [vec![4], old_challenge(OURS, 1, 0).encode()].concat();
        block.storage.insert(list_key(30_001), row);
    });
    let open = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap();
    assert!(open.unreadable.is_some());
    assert_eq!(open.challenges, [expected(30_001, 0, 1, 0)]);
}

#[tokio::test]
async fn ten_thousand_challenges_of_others_are_read_in_pages() {
    let node = MemoryNode::new(Options::CURRENT);
    node.change(|block| {
        for index in 0..10_000_u16 {
            let row = challenge(OTHER, 1, 2).encode();
            block.storage.insert(challenge_key(30_000, index), row);
        }
        let own = challenge(OURS, 1, 2).encode();
        block.storage.insert(challenge_key(30_000, 10_000), own);
        block.storage.insert(pending_key(OURS), 1_u32.encode());
    });
    let chain = state(&node);
    let open = chain.open_challenges(node.best_hash(), OURS).await.unwrap();
    assert_eq!(open.challenges, [expected(30_000, 10_000, 1, 2)]);
    let pages = node.0.lock().pages.clone();
    // Ten full pages, one row, and the end.
    assert_eq!(pages.len(), 12);
    assert!(pages.iter().all(|(_, keys)| *keys <= 1000));
}

#[tokio::test]
async fn a_changed_period_moves_no_deadline() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    // `System.set_storage` of the constant, without a new runtime.
    let key = hex::decode("f9d872bee99dc2ce8d32b673102353a4").unwrap();
    let before = node.best_hash();
    let at = node.next_block(|block| {
        block.storage.insert(key, 10_u32.encode());
    });
    let chain = state(&node);
    assert_eq!(chain.limits(before).await.unwrap().challenge_period, 28_800);
    assert_eq!(chain.limits(at).await.unwrap().challenge_period, 10);
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges[0].id.deadline, 30_000);
    assert_eq!(open.challenges[0].asked_at, 29_990);
    // As the chain reads it: what follows a value is not looked at, and a value that does not
    // decode is none.
    for (bytes, period) in [
        ([11_u32.encode(), vec![9, 9]].concat(), 11),
        (vec![1, 2], 28_800),
        (Vec::new(), 28_800),
    ] {
        let key = hex::decode("f9d872bee99dc2ce8d32b673102353a4").unwrap();
        let at = node.next_block(|block| {
            block.storage.insert(key, bytes);
        });
        assert_eq!(chain.limits(at).await.unwrap().challenge_period, period);
        let open = chain.open_challenges(at, OURS).await.unwrap();
        assert_eq!(open.challenges[0].id.deadline, 30_000);
        assert_eq!(open.challenges[0].asked_at, 30_000 - period);
    }
}

#[tokio::test]
async fn a_node_that_leaves_out_a_value_says_nothing_about_the_runtime() {
    let node = MemoryNode::new(Options::CURRENT);
    node.put(challenge_key(30_000, 0), challenge(OURS, 1, 2));
    let chain = state(&node);
    let at = node.best_hash();
    chain.limits(at).await.unwrap();
    node.0.lock().leaves_out_values = true;
    for error in [
        chain.open_challenges(at, OURS).await.unwrap_err(),
        chain.limits(at).await.unwrap_err(),
    ] {
        assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    }
    node.0.lock().leaves_out_values = false;
    let open = chain.open_challenges(at, OURS).await.unwrap();
    assert_eq!(open.challenges, [expected(30_000, 0, 1, 2)]);
}

#[tokio::test]
async fn keys_that_cannot_be_read_back_are_refused() {
    let node = MemoryNode::new(Options {
        hides_keys: true,
        ..Options::CURRENT
    });
    let error = state(&node)
        .open_challenges(node.best_hash(), OURS)
        .await
        .unwrap_err();
    let why = "the keys of StorageProvider.Challenges cannot be read back";
    assert_eq!(error, ChainError::Unsupported(why.to_owned()));
}
