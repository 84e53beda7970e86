//! The chain of the node that loads Cairn: queried through the runtime API, with
//! submissions through the node's own transaction pool.

mod submit;

use async_trait::async_trait;
use cairn_chain::{ChainClient, ChainError, DryRunResult, Head, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo};
use cairn_primitives::runtime_api::StorageProviderApi;
use cairn_primitives::{BucketId, H256};
use futures::stream::{BoxStream, StreamExt};
use sc_client_api::BlockchainEvents;
use sc_transaction_pool_api::TransactionPool;
use sp_api::{ApiError, ApiExt, ApiRef, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_keystore::KeystorePtr;
use sp_runtime::traits::Block as BlockT;
use std::marker::PhantomData;
use std::sync::Arc;

/// A node's own client and pool, for one provider's account.
///
/// Must be used within a tokio runtime: the chain's runtime is executed on blocking
/// threads.
pub struct SubstrateClient<Block, Client, Pool> {
    client: Arc<Client>,
    pool: Arc<Pool>,
    keystore: KeystorePtr,
    account: AccountId,
    /// Held from choosing a nonce until the pool has the extrinsic.
    submitting: tokio::sync::Mutex<()>,
    block: PhantomData<fn() -> Block>,
}

impl<Block, Client, Pool> SubstrateClient<Block, Client, Pool> {
    /// Creates a client for the provider whose account is the sr25519 key `account` of
    /// type `stor` in the node's keystore.
    pub fn new(
        client: Arc<Client>,
        pool: Arc<Pool>,
        keystore: KeystorePtr,
        account: AccountId,
    ) -> Self {
        Self {
            client,
            pool,
            keystore,
            account,
            submitting: tokio::sync::Mutex::new(()),
            block: PhantomData,
        }
    }
}

/// Maps an error of the runtime API at a block.
fn api_error(at: H256) -> impl Fn(ApiError) -> ChainError {
    move |error| match error {
        ApiError::UnknownBlock(_) | ApiError::Application(_) => ChainError::NoSuchBlock {
            block: hex::encode(at),
            reason: error.to_string(),
        },
        _ => ChainError::Unsupported(error.to_string()),
    }
}

impl<Block, Client, Pool> SubstrateClient<Block, Client, Pool>
where
    Block: BlockT<Hash = H256>,
    Client: ProvideRuntimeApi<Block, Api: StorageProviderApi<Block> + ApiExt<Block>>
        + Send
        + Sync
        + 'static,
{
    /// Queries the runtime at a block, on a blocking thread.
    async fn query<T: Send + 'static>(
        &self,
        at: H256,
        question: impl FnOnce(ApiRef<'_, Client::Api>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let client = self.client.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let api = client.runtime_api();
            match api.has_api::<dyn StorageProviderApi<Block>>(at) {
                Ok(true) => question(api).map_err(api_error(at)),
                Ok(false) => Err(ChainError::Unsupported(
                    "it has no StorageProviderApi".into(),
                )),
                Err(error) => Err(api_error(at)(error)),
            }
        });
        // The runtime is shutting down, or the call panicked.
        asked
            .await
            .unwrap_or_else(|error| Err(ChainError::Unreachable(error.to_string())))
    }
}

impl<Block, Client, Pool> SubstrateClient<Block, Client, Pool>
where
    Block: BlockT<Hash = H256>,
    Client: HeaderBackend<Block>
        + ProvideRuntimeApi<Block, Api: StorageProviderApi<Block> + ApiExt<Block>>
        + 'static,
{
    async fn head(&self, hash: H256) -> Result<Head, ChainError> {
        let number = match self.client.number(hash) {
            // Block numbers are at most 32 bits on every chain of this kind.
            Ok(Some(number)) => TryInto::<u32>::try_into(number).unwrap_or(u32::MAX),
            Ok(None) => {
                return Err(ChainError::NoSuchBlock {
                    block: hex::encode(hash),
                    reason: "it is not known here".into(),
                });
            }
            Err(error) => return Err(ChainError::Unreachable(error.to_string())),
        };
        let anchor = self.query(hash, move |api| api.anchor_block(hash)).await?;
        Ok(Head {
            hash,
            number,
            anchor,
        })
    }
}

#[async_trait]
impl<Block, Client, Pool> ChainClient for SubstrateClient<Block, Client, Pool>
where
    Block: BlockT<Hash = H256>,
    Client: ProvideRuntimeApi<Block, Api: StorageProviderApi<Block> + ApiExt<Block>>
        + HeaderBackend<Block>
        + BlockchainEvents<Block>
        + Send
        + Sync
        + 'static,
    Pool: TransactionPool<Block = Block, Hash = H256> + 'static,
{
    fn account(&self) -> AccountId {
        self.account
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        Ok(self.client.info().genesis_hash)
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        // Subscribed before the current head is read, so that no head is missed.
        let notified = self.client.finality_notification_stream();
        let first = self.head(self.client.info().finalized_hash).await?;
        let asker = Self::new(
            self.client.clone(),
            self.pool.clone(),
            self.keystore.clone(),
            self.account,
        );
        let later = futures::stream::unfold((notified, asker), move |(mut notified, asker)| {
            async move {
                loop {
                    let hash = notified.next().await?.hash;
                    match asker.head(hash).await {
                        Ok(head) if head.number > first.number => {
                            return Some((head, (notified, asker)));
                        }
                        Ok(_) => {}
                        // The next head covers this one too.
                        Err(error) => {
                            tracing::warn!(%error, "a finalized block is skipped");
                        }
                    }
                }
            }
        });
        Ok(futures::stream::iter([first]).chain(later).boxed())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.head(self.client.info().best_hash).await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.query(at, move |api| api.limits(at)).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        let account = self.account;
        self.query(at, move |api| api.provider(at, account)).await
    }

    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        let account = self.account;
        self.query(at, move |api| api.open_challenges(at, account))
            .await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.query(at, move |api| api.bucket(at, bucket)).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        let account = self.account;
        self.query(at, move |api| api.buckets_of(at, account)).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.query(at, move |api| api.outcomes(at)).await
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        let at = self.client.info().best_hash;
        let (account, response) = (self.account, response.clone());
        let judged = self
            .query(at, move |api| api.judge_response(at, account, id, response))
            .await?;
        Ok(judged.map_or_else(DryRunResult::Refused, |()| DryRunResult::Accepted))
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.sign_and_submit(submission).await
    }
}
