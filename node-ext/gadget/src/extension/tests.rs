//! A worker that fails does not stop the others.

use super::*;
use crate::network::{MemoryCosigners, open, signer_of};
use cairn_bucket::{BucketConfig, NewLeaf};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::onchain::RegisteredKey;
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};
use cairn_provider::LeaseRequest;
use cairn_testing::{LIMITS, NewChallenge, SimulatedChain};

const ID: BucketId = BucketId(7);

/// Runs all workers of a provider with one leaf, and challenges that leaf. The client's `panicking_methods`
/// methods panic; its `missing_methods` methods are unsupported.
async fn assert_defends(panicking_methods: &[&'static str], missing_methods: &[&'static str]) {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    let signer = signer_of(folder.path(), "//Alice");
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let signed = {
        let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
        let stored = lease.run(|bucket| bucket.ingest(&b"content"[..])).unwrap();
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        lease.commit_signed(&[leaf], &signer).unwrap().1
    };
    let account = AccountId(signer.public());
    let chain = SimulatedChain::new(LIMITS);
    chain.edit(move |pallet| pallet.register(account, RegisteredKey::from(account.0)));
    chain.advance();
    let client = chain.client(account);
    client.panic_in(panicking_methods);
    client.remove_methods(missing_methods);
    let config = ExtensionConfig {
        retention: RetentionConfig {
            interval: 0,
            ..RetentionConfig::default()
        },
        ..ExtensionConfig::default()
    };
    let wire = Arc::<MemoryCosigners>::default();
    let extension = Extension::new(client, provider.clone(), signer, wire, config).unwrap();
    let mut events = extension.handle().challenges.events();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(extension.run(stopped.map(drop)));
    chain.challenge(NewChallenge {
        provider: account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment: signed.payload.commitment,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        // A head may arrive before the answer to the previous one is made.
        period: Some(5_000),
    });
    // Each head is an event of the challenge worker, the only one that does not panic. Ten heads
    // suffice for the others to be restarted and to panic again. A challenge that is not answered
    // is lost at its deadline.
    let is_judged = || {
        let info = chain.finalized().providers[&account.0].clone();
        info.defended + info.lost > 0
    };
    while !is_judged() || chain.best_head().number <= 10 {
        chain.advance();
        events.changed().await.unwrap();
    }
    let info = chain.finalized().providers[&account.0].clone();
    assert_eq!(
        (info.defended, info.lost),
        (1, 0),
        "{panicking_methods:?} {missing_methods:?}"
    );
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s15_challenges_survive_panics_of_other_workers() {
    // The challenge worker calls none of these.
    assert_defends(&["buckets", "agreements", "funds"], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_a_minimal_runtime_suffices_to_answer_challenges() {
    let missing = ["buckets", "provider", "outcomes", "agreements", "funds"];
    assert_defends(&[], &missing).await;
}
