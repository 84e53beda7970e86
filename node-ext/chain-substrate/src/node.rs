//! A node's own state, read on blocking threads.

use crate::pool;
use async_trait::async_trait;
use cairn_chain::{ChainError, ExtrinsicStatus};
use cairn_chain_metadata::{Header, Node, NodeState, RuntimeId, SubmitError};
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use codec::{DecodeAll, Encode};
use futures::stream::{BoxStream, StreamExt};
use sc_client_api::BlockchainEvents;
use sc_transaction_pool_api::TransactionPool;
use sp_api::{ApiError, CallApiAt, CallApiAtParams, CallContext};
use sp_blockchain::HeaderBackend;
use sp_runtime::traits::{Block as BlockT, HashingFor, Header as _};
use sp_state_machine::{Backend, IterArgs, OverlayedChanges};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

/// The storage key of the runtime's code.
const CODE_KEY: &[u8] = b":code";
/// The function that returns an account's nonce.
const NONCE_FUNCTION: &str = "AccountNonceApi_account_nonce";

/// Returns true while the node imports old blocks.
type SyncOracle = dyn Fn() -> bool + Send + Sync;

/// A node's own client and pool.
///
/// Must be used within a tokio runtime: state is read and runtimes are executed on blocking
/// threads.
pub struct LocalNode<Block, Client, Pool> {
    client: Arc<Client>,
    pool: Arc<Pool>,
    sync_oracle: Option<Arc<SyncOracle>>,
    block: PhantomData<fn() -> Block>,
}

impl<Block, Client, Pool> std::fmt::Debug for LocalNode<Block, Client, Pool> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalNode").finish_non_exhaustive()
    }
}

impl<Block, Client, Pool> LocalNode<Block, Client, Pool> {
    /// Creates a view of a node's client and pool.
    pub const fn new(client: Arc<Client>, pool: Arc<Pool>) -> Self {
        Self {
            client,
            pool,
            sync_oracle: None,
            block: PhantomData,
        }
    }

    /// Sets what tells that the node imports old blocks: `is_major_syncing` of the node's
    /// `SyncingService`. Without it, the node counts as one that does not, and its finalized head
    /// as the chain's.
    #[must_use]
    pub fn with_sync_oracle(mut self, oracle: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        self.sync_oracle = Some(oracle);
        self
    }
}

fn no_such_block(at: H256, reason: impl ToString) -> ChainError {
    ChainError::NoSuchBlock {
        block: hex::encode(at),
        reason: reason.to_string(),
    }
}

/// Maps an error of the node's client at a block.
fn api_error(at: H256, error: &ApiError) -> ChainError {
    let text = match error {
        // Its own text says only that there was an error.
        ApiError::Application(inner) => inner.to_string(),
        other => other.to_string(),
    };
    match text.contains("Exported method") {
        true => ChainError::Unsupported(text),
        false => no_such_block(at, text),
    }
}

impl<Block, Client, Pool> LocalNode<Block, Client, Pool>
where
    Client: Send + Sync + 'static,
{
    /// Reads from the client on a blocking thread.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Client) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let client = self.client.clone();
        let asked = tokio::task::spawn_blocking(move || read(&client));
        // The runtime is shutting down, or the call panicked.
        asked
            .await
            .unwrap_or_else(|error| Err(ChainError::Unreachable(error.to_string())))
    }
}

#[async_trait]
impl<Block, Client, Pool> NodeState for LocalNode<Block, Client, Pool>
where
    Block: BlockT<Hash = H256>,
    Client: CallApiAt<Block> + HeaderBackend<Block> + Send + Sync + 'static,
    Pool: Send + Sync + 'static,
{
    async fn genesis(&self) -> Result<H256, ChainError> {
        Ok(self.client.info().genesis_hash)
    }

    async fn best(&self) -> Result<H256, ChainError> {
        Ok(self.client.info().best_hash)
    }

    async fn finalized(&self) -> Result<H256, ChainError> {
        Ok(self.client.info().finalized_hash)
    }

    async fn header(&self, at: H256) -> Result<Header, ChainError> {
        let header = match self.client.header(at) {
            Ok(Some(header)) => header,
            Ok(None) => return Err(no_such_block(at, "it is not known here")),
            Err(error) => return Err(ChainError::Unreachable(error.to_string())),
        };
        let number = TryInto::<u32>::try_into(*header.number()).map_err(|_| {
            ChainError::Unsupported("its block numbers are past 32 bits".to_owned())
        })?;
        Ok(Header {
            number,
            parent: *header.parent_hash(),
        })
    }

    async fn runtime(&self, at: H256) -> Result<RuntimeId, ChainError> {
        self.blocking(move |client| {
            let version = client
                .runtime_version_at(at, CallContext::Offchain)
                .map_err(|error| api_error(at, &error))?;
            let state = client.state_at(at).map_err(|error| api_error(at, &error))?;
            let code = state
                .storage_hash(CODE_KEY)
                .map_err(|error| no_such_block(at, error))?;
            Ok(RuntimeId {
                code: code.unwrap_or_default(),
                spec_name: version.spec_name.to_string(),
                spec_version: version.spec_version,
                transaction_version: version.transaction_version,
            })
        })
        .await
    }

    async fn values(
        &self,
        at: H256,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        self.blocking(move |client| {
            let state = client.state_at(at).map_err(|error| api_error(at, &error))?;
            let values = keys.iter().map(|key| state.storage(key));
            let values: Result<Vec<_>, _> = values.collect();
            values.map_err(|error| no_such_block(at, error))
        })
        .await
    }

    async fn keys(
        &self,
        at: H256,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        count: u32,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        self.blocking(move |client| {
            let state = client.state_at(at).map_err(|error| api_error(at, &error))?;
            let mut args = IterArgs::default();
            args.prefix = Some(&prefix);
            args.start_at = after.as_deref();
            args.start_at_exclusive = after.is_some();
            let keys = state.keys(args).map_err(|error| no_such_block(at, error))?;
            let page: Result<Vec<_>, _> = keys.take(usize::try_from(count).unwrap_or(0)).collect();
            page.map_err(|error| no_such_block(at, error))
        })
        .await
    }

    async fn call(
        &self,
        at: H256,
        function: &'static str,
        arguments: Vec<u8>,
    ) -> Result<Vec<u8>, ChainError> {
        self.blocking(move |client| {
            let mut extensions = sp_externalities::Extensions::default();
            client
                .initialize_extensions(at, &mut extensions)
                .map_err(|error| api_error(at, &error))?;
            let changes: RefCell<OverlayedChanges<HashingFor<Block>>> = RefCell::default();
            client
                .call_api_at(CallApiAtParams {
                    at,
                    function,
                    arguments,
                    overlayed_changes: &changes,
                    call_context: CallContext::Offchain,
                    recorder: &None,
                    extensions: &RefCell::new(extensions),
                })
                .map_err(|error| api_error(at, &error))
        })
        .await
    }
}

#[async_trait]
impl<Block, Client, Pool> Node for LocalNode<Block, Client, Pool>
where
    Block: BlockT<Hash = H256>,
    Client:
        CallApiAt<Block> + HeaderBackend<Block> + BlockchainEvents<Block> + Send + Sync + 'static,
    Pool: TransactionPool<Block = Block, Hash = H256> + 'static,
{
    async fn finality(&self) -> Result<BoxStream<'static, ()>, ChainError> {
        let finalized = self.client.finality_notification_stream();
        Ok(finalized.map(|_| ()).boxed())
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        Ok(self.sync_oracle.as_ref().is_some_and(|oracle| oracle()))
    }

    async fn next_nonce(&self, account: AccountId) -> Result<u64, ChainError> {
        let best = self.client.info().best_hash;
        let nonce = self.call(best, NONCE_FUNCTION, account.encode()).await?;
        let nonce = u32::decode_all(&mut &*nonce).map_err(|error| {
            ChainError::Unsupported(format!(
                "the result of {NONCE_FUNCTION} cannot be decoded: {error}"
            ))
        })?;
        Ok(pool::next_free_nonce(&*self.pool, account, nonce).into())
    }

    async fn submit(
        &self,
        extrinsic: Vec<u8>,
    ) -> Result<BoxStream<'static, ExtrinsicStatus>, SubmitError> {
        pool::submit(&*self.pool, self.client.info().best_hash, &extrinsic).await
    }
}
