//! Rows of the chain that cannot be read, and queries that it does not answer.

use super::*;
use async_trait::async_trait;
use cairn_bucket::{BucketConfig, CommitError, NewLeaf};
use cairn_chain::{DryRunResult, Funds, OpenChallenges, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{Agreement, Limits, Outcome, ProviderInfo, TermsRules};
use cairn_testing::SimulatedClient;
use futures::stream::BoxStream;
use parking_lot::Mutex;

const GOOD: BucketId = BucketId(8);

/// A client for which reading the row of bucket [`ID`] fails with an error, if there is one.
struct FailingRow {
    client: Arc<SimulatedClient>,
    error: Mutex<Option<ChainError>>,
}

#[async_trait]
impl ChainClient for FailingRow {
    fn account(&self) -> AccountId {
        self.client.account()
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.client.genesis().await
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        self.client.is_syncing().await
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        self.client.finalized_heads().await
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.client.best_head().await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.client.limits(at).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.client.provider(at).await
    }

    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError> {
        self.client.terms_rules(at).await
    }

    async fn funds(&self, at: H256) -> Result<Funds, ChainError> {
        self.client.funds(at).await
    }

    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError> {
        self.client.fee(submission).await
    }

    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError> {
        self.client.open_challenges(at).await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        let error = self.error.lock().clone();
        match error.filter(|_| bucket == ID) {
            Some(error) => Err(error),
            None => self.client.bucket(at, bucket).await,
        }
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.client.buckets(at).await
    }

    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        self.client.agreements(at).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.client.outcomes(at).await
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        self.client.dry_run(id, response).await
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.client.submit(submission).await
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        self.client.submit_urgently(submission).await
    }
}

/// A provider with two buckets on chain, for which nothing was compared yet, and its worker.
fn uncompared() -> (Network, Arc<FailingRow>, SignedRootWorker) {
    let network = network();
    let peer = &network.providers[0];
    let config = BucketConfig::default();
    peer.provider().create_bucket(GOOD, config).unwrap();
    network.chain.edit(|pallet| {
        let info = pallet.buckets[&ID].clone();
        pallet.buckets.insert(GOOD, info);
    });
    peer.provider().defer_signing_until_compared();
    let chain = Arc::new(FailingRow {
        client: peer.client.clone(),
        error: Mutex::new(None),
    });
    let watch = SignedRootWorker::new(
        chain.clone(),
        peer.provider().clone(),
        peer.signer.public(),
        SignedRootConfig { interval: 0 },
    );
    (network, chain, watch)
}

/// Commits a leaf to a bucket, with a signature.
fn sign_in(peer: &NetworkProvider, id: BucketId) -> Result<(), CommitError> {
    let lease = peer.provider().blocking_lease(id, LeaseRequest::write());
    let lease = lease.unwrap();
    let stored = lease.run(|bucket| bucket.ingest(&b"content"[..])).unwrap();
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    lease.commit_signed(&[leaf], &peer.signer).map(drop)
}

fn refusal(peer: &NetworkProvider, id: BucketId) -> String {
    sign_in(peer, id).unwrap_err().to_string()
}

#[tokio::test]
async fn a_row_that_does_not_decode_stops_signing_for_its_bucket_alone() {
    let (network, chain, mut watch) = uncompared();
    let peer = &network.providers[0];
    let error = ChainError::Undecodable {
        item: "StorageProvider.Buckets 7".into(),
        reason: "as the test has it".into(),
    };
    *chain.error.lock() = Some(error.clone());
    watch.on_finalized_head(network.chain.advance()).await;
    assert!(watch.status().has_compared());
    assert_eq!(watch.status().unreadable(), [(ID, error.to_string())]);
    assert_eq!(watch.status().statistics().unreadable, 1);
    assert_eq!(watch.status().problems(), []);
    sign_in(peer, GOOD).unwrap();
    let refused = refusal(peer, ID);
    assert!(refused.contains("rows of this bucket"), "{refused}");
    // It is read again.
    *chain.error.lock() = None;
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().unreadable(), []);
    sign_in(peer, ID).unwrap();
}

#[tokio::test]
async fn s6_a_query_that_is_not_answered_leaves_signing_off() {
    for method in ["bucket", "buckets", "open_challenges"] {
        let (network, chain, mut watch) = uncompared();
        let peer = &network.providers[0];
        match method {
            "bucket" => {
                *chain.error.lock() = Some(ChainError::Unsupported("there is no bucket".into()));
            }
            method => peer.client.remove_methods(&[method]),
        }
        for _ in 0..3 {
            watch.on_finalized_head(network.chain.advance()).await;
        }
        assert!(!watch.status().has_compared());
        for id in [ID, GOOD] {
            let refused = refusal(peer, id);
            assert!(
                refused.contains("not yet been compared"),
                "{method}: {refused}"
            );
        }
        *chain.error.lock() = None;
        peer.client.remove_methods(&[]);
        watch.on_finalized_head(network.chain.advance()).await;
        sign_in(peer, ID).unwrap();
    }
}

#[tokio::test]
async fn an_unreadable_challenge_stops_signing_until_it_is_read() {
    let network = network();
    let peer = &network.providers[0];
    peer.provider().defer_signing_until_compared();
    // After the first head, only challenges are compared.
    let mut watch = SignedRootWorker::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.public(),
        SignedRootConfig::default(),
    );
    watch.on_finalized_head(network.chain.advance()).await;
    network.chain.challenge(NewChallenge {
        provider: peer.account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment: sign(peer, 1),
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        period: None,
    });
    watch.on_finalized_head(network.chain.advance()).await;
    sign_in(peer, ID).unwrap();
    network
        .chain
        .edit(|pallet| pallet.unreadable = pallet.open.keys().copied().collect());
    for _ in 0..2 {
        watch.on_finalized_head(network.chain.advance()).await;
        let refused = refusal(peer, ID);
        let reason = "a challenge against this provider cannot be read";
        assert!(refused.contains(reason), "{refused}");
        let cosigned = peer.countersigner().held_state(ID, None).await;
        assert_eq!(cosigned, Err(crate::Refusal::Unable));
    }
    network.chain.edit(|pallet| pallet.unreadable.clear());
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(peer.provider().signing_off_reason(), None);
    sign_in(peer, ID).unwrap();
}
