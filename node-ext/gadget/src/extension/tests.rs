//! A worker that fails does not stop the others.

use super::*;
use crate::village::{Wire, open, signer_of};
use cairn_bucket::{BucketConfig, NewLeaf};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::onchain::MultiSigner;
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};
use cairn_provider::Wanted;
use cairn_testing::{Ask, LIMITS, ScriptedChain};

const ID: BucketId = BucketId(7);

/// Runs all workers of a provider with one leaf, and challenges that leaf. The client's `breaking`
/// methods panic; its `lacking` methods are unsupported.
async fn defends(breaking: &[&'static str], lacking: &[&'static str]) {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    let signer = signer_of(folder.path(), "//Alice");
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let signed = {
        let lease = provider.lease(ID, Wanted::write()).unwrap();
        let stored = lease.run(|bucket| bucket.ingest(&b"content"[..])).unwrap();
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        lease.commit_signed(&[leaf], &signer).unwrap().1
    };
    let account = AccountId(signer.public());
    let chain = ScriptedChain::new(LIMITS);
    chain.edit(move |pallet| pallet.register(account, MultiSigner::Sr25519(account.0)));
    chain.advance();
    let client = chain.client(account);
    client.break_off(breaking);
    client.lack(lacking);
    let config = ExtensionConfig {
        retention: RetentionConfig {
            every: 0,
            ..RetentionConfig::default()
        },
        ..ExtensionConfig::default()
    };
    let wire = Arc::<Wire>::default();
    let extension = Extension::new(client, provider.clone(), signer, wire, config).unwrap();
    let mut events = extension.handle().challenges.events();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(extension.run(stopped.map(drop)));
    chain.challenge(Ask {
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
        "{breaking:?} {lacking:?}"
    );
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s15_challenges_are_answered_while_checkpoints_and_retention_break_off() {
    // Both query the account's buckets; the challenge worker does not.
    defends(&["buckets"], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_challenges_are_answered_by_a_runtime_that_has_nothing_else() {
    defends(&[], &["buckets", "provider", "outcomes"]).await;
}
