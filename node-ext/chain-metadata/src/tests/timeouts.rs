//! The timeout of a question, and of each request of one that reads many rows.

use super::*;
use crate::MetadataClient;
use cairn_chain::{ChainClient, ChainError};
use codec::Encode;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn each_page_has_the_timeout_and_not_all_of_them() {
    let node = MemoryNode::new(Options::CURRENT);
    node.change(|block| {
        for index in 0..6_500_u16 {
            let row = challenge(OTHER, 1, 2).encode();
            block.storage.insert(challenge_key(30_000, index), row);
        }
        let own = challenge(OURS, 1, 2).encode();
        block.storage.insert(challenge_key(30_000, 6_500), own);
    });
    let client = MetadataClient::watching(node.clone(), OURS).with_timeout(TIMEOUT);
    let at = node.best_hash();
    client.limits(at).await.unwrap();
    // Seven pages and the end.
    node.0.lock().page_delay = TIMEOUT / 5;
    let began = Instant::now();
    let open = client.open_challenges(at).await.unwrap();
    assert_eq!(open.challenges.len(), 1);
    assert!(began.elapsed() > TIMEOUT);
    assert_eq!(client.buckets(at).await.unwrap(), []);
    // A node that is slower than that is of no use.
    node.0.lock().page_delay = TIMEOUT * 3;
    for error in [
        client.open_challenges(at).await.unwrap_err(),
        client.buckets(at).await.unwrap_err(),
        client.agreements(at).await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("no answer within 1 s"),
            "{error}"
        );
        assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    }
}

#[tokio::test]
async fn a_node_says_whether_it_synchronises() {
    let node = MemoryNode::new(Options::CURRENT);
    let client = MetadataClient::watching(node.clone(), OURS);
    assert_eq!(client.is_syncing().await, Ok(false));
    node.0.lock().is_syncing = true;
    assert_eq!(client.is_syncing().await, Ok(true));
}
