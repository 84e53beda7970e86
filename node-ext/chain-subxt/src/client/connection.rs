//! One connection to a node, with the runtime versions loaded over it.

use super::runtime::{ExtrinsicContext, Runtime};
use super::transport::Transport;
use cairn_chain::ChainError;
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use codec::{Decode, DecodeLimit, Encode};
use futures::future::{try_join, try_join4};
use parking_lot::Mutex;
use std::sync::Arc;
use subxt::config::substrate::SubstrateHeader;
use subxt::config::{RpcConfigFor, SubstrateConfig};
use subxt::rpcs::methods::LegacyRpcMethods;
use subxt::rpcs::methods::legacy::RuntimeVersion;
use subxt::rpcs::{Error as RpcError, UserError};
use subxt::utils::AccountId32;

type Methods = LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>;
pub(super) type Header = SubstrateHeader<H256>;

/// Metadata versions that describe runtime APIs, the best first.
const METADATA_VERSIONS: [u32; 2] = [16, 15];
/// The deepest nesting accepted in a response. Our types nest five deep.
const MAX_DEPTH: u32 = 16;
/// The largest lag of finality, in blocks, for which an extrinsic's era starts at the
/// finalized block, which is safe from reorganisations. With a larger lag it would
/// expire too soon, so its era starts at the best block.
const MAX_FINALITY_LAG: u64 = 16;
/// The number of runtime versions kept: the finalized block's and the best block's.
const MAX_RUNTIMES: usize = 2;
/// JSON-RPC's code for a method that the node does not have.
const NO_SUCH_METHOD: i32 = -32601;

/// A connection to a node.
pub(super) struct Connection {
    pub(super) methods: Methods,
    pub(super) genesis: H256,
    is_open: Box<dyn Fn() -> bool + Send + Sync>,
    /// Locked while a version is loaded, so that it is loaded once.
    runtimes: tokio::sync::Mutex<Vec<Arc<Runtime>>>,
    latest: Mutex<Arc<Runtime>>,
}

impl Connection {
    /// Reads the node's genesis hash and loads its runtime's metadata.
    pub(super) async fn open(wire: Transport) -> Result<Self, ChainError> {
        let methods = Methods::new(wire.rpc);
        let genesis = methods.genesis_hash().await.map_err(request_error)?;
        let best = best(&methods).await?;
        let version = version_at(&methods, best).await?;
        let runtime = Arc::new(load_runtime(&methods, genesis, best, version).await?);
        Ok(Self {
            methods,
            genesis,
            is_open: wire.is_open,
            runtimes: tokio::sync::Mutex::new(vec![runtime.clone()]),
            latest: Mutex::new(runtime),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        (self.is_open)()
    }

    /// Returns the runtime that was used last.
    pub(super) fn latest(&self) -> Arc<Runtime> {
        self.latest.lock().clone()
    }

    /// Returns the runtime in a block's state, which executes the next block.
    pub(super) async fn runtime_at(&self, at: H256) -> Result<Arc<Runtime>, ChainError> {
        let version = version_at(&self.methods, at).await?;
        let mut versions = self.runtimes.lock().await;
        let known = versions
            .iter()
            .find(|known| known.spec_version == version.spec_version);
        if let Some(known) = known {
            *self.latest.lock() = known.clone();
            return Ok(known.clone());
        }
        let runtime = Arc::new(load_runtime(&self.methods, self.genesis, at, version).await?);
        tracing::info!(
            spec_version = runtime.spec_version,
            "the chain has a new runtime"
        );
        log_missing(&runtime);
        if versions.len() >= MAX_RUNTIMES {
            versions.remove(0);
        }
        versions.push(runtime.clone());
        *self.latest.lock() = runtime.clone();
        Ok(runtime)
    }

    /// Calls a function of the runtime at a block.
    pub(super) async fn call<R: Decode>(
        &self,
        function: &str,
        arguments: &[u8],
        at: H256,
    ) -> Result<R, ChainError> {
        call(&self.methods, function, arguments, at).await
    }

    pub(super) async fn best(&self) -> Result<H256, ChainError> {
        best(&self.methods).await
    }

    pub(super) async fn finalized(&self) -> Result<H256, ChainError> {
        let hash = self.methods.chain_get_finalized_head().await;
        hash.map_err(request_error)
    }

    pub(super) async fn header(&self, hash: H256) -> Result<Header, ChainError> {
        let header = self.methods.chain_get_header(Some(hash)).await;
        header
            .map_err(request_error)?
            .ok_or_else(|| ChainError::NoSuchBlock {
                block: hex::encode(hash),
                reason: "the node has no such header".to_owned(),
            })
    }

    /// Returns the runtime, nonce and birth block for a new extrinsic of `account`.
    pub(super) async fn extrinsic_context(
        &self,
        account: AccountId,
    ) -> Result<(Arc<Runtime>, ExtrinsicContext), ChainError> {
        let (best, finalized) = try_join(self.best(), self.finalized()).await?;
        let (runtime, best_header, finalized_header, nonce) = try_join4(
            self.runtime_at(best),
            self.header(best),
            self.header(finalized),
            self.next_nonce(account, best),
        )
        .await?;
        let lag = best_header.number.saturating_sub(finalized_header.number);
        let era_start = match lag <= MAX_FINALITY_LAG {
            true => (finalized_header.number, finalized),
            false => (best_header.number, best),
        };
        Ok((runtime, ExtrinsicContext { nonce, era_start }))
    }

    /// Returns an account's next nonce, counting the node's pool if the node supports
    /// that.
    async fn next_nonce(&self, account: AccountId, best: H256) -> Result<u64, ChainError> {
        let asked = self
            .methods
            .system_account_next_index(&AccountId32(account.0))
            .await;
        match asked {
            Err(RpcError::User(UserError { code, .. })) if code == NO_SUCH_METHOD => {
                let function = "AccountNonceApi_account_nonce";
                let nonce: u32 = self.call(function, &account.encode(), best).await?;
                Ok(nonce.into())
            }
            answer => answer.map_err(request_error),
        }
    }
}

/// Logs everything that a runtime lacks. The rest is used: challenges do not wait for an
/// update.
pub(super) fn log_missing(runtime: &Runtime) {
    if let Err(error) = runtime.require_answering() {
        tracing::error!(
            %error,
            "CHALLENGES CANNOT BE ANSWERED: Cairn does not fit the chain's runtime; update Cairn"
        );
    } else if let Err(error) = runtime.require_all() {
        tracing::error!(
            %error,
            "Cairn does not fit the chain's runtime; update Cairn. Challenges are answered, but \
             everything else that needs these methods is stopped"
        );
    }
}

async fn best(methods: &Methods) -> Result<H256, ChainError> {
    let hash = methods
        .chain_get_block_hash(None)
        .await
        .map_err(request_error)?;
    hash.ok_or_else(|| ChainError::Unreachable("the node has no block yet".to_owned()))
}

async fn version_at(methods: &Methods, at: H256) -> Result<RuntimeVersion, ChainError> {
    let version = methods.state_get_runtime_version(Some(at)).await;
    version.map_err(|error| block_error(at, error))
}

async fn call<R: Decode>(
    methods: &Methods,
    function: &str,
    arguments: &[u8],
    at: H256,
) -> Result<R, ChainError> {
    let answer = methods
        .state_call(function, Some(arguments), Some(at))
        .await
        .map_err(|error| block_error(at, error))?;
    R::decode_all_with_depth_limit(MAX_DEPTH, &mut answer.as_slice()).map_err(|error| {
        ChainError::Unsupported(format!(
            "the result of {function} cannot be decoded: {error}"
        ))
    })
}

async fn load_runtime(
    methods: &Methods,
    genesis: H256,
    at: H256,
    version: RuntimeVersion,
) -> Result<Runtime, ChainError> {
    let offered: Vec<u32> = call(methods, "Metadata_metadata_versions", &[], at).await?;
    let wanted = METADATA_VERSIONS
        .into_iter()
        .find(|version| offered.contains(version));
    let wanted = wanted.ok_or_else(|| {
        ChainError::Unsupported(format!(
            "it offers metadata versions {offered:?}, but 15 or 16 is needed, which describe runtime \
             APIs"
        ))
    })?;
    let function = "Metadata_metadata_at_version";
    let metadata: Option<Vec<u8>> = call(methods, function, &wanted.encode(), at).await?;
    let metadata = metadata.ok_or_else(|| {
        ChainError::Unsupported(format!(
            "{function} returns nothing for version {wanted}, which is listed"
        ))
    })?;
    // On a blocking thread: the metadata takes megabytes.
    tokio::task::spawn_blocking(move || Runtime::from_metadata(genesis, &version, &metadata))
        .await
        .map_err(|error| ChainError::Unsupported(format!("reading its metadata failed: {error}")))?
}

/// Maps an error of a request about a block.
fn block_error(at: H256, error: RpcError) -> ChainError {
    match error {
        RpcError::User(refusal) if refusal.message.contains("Exported method") => {
            ChainError::Unsupported(refusal.message)
        }
        RpcError::User(refusal) if refusal.code != NO_SUCH_METHOD => ChainError::NoSuchBlock {
            block: hex::encode(at),
            reason: refusal.to_string(),
        },
        other => request_error(other),
    }
}

/// Maps an error of any other request.
pub(super) fn request_error(error: RpcError) -> ChainError {
    match error {
        RpcError::User(refusal) => {
            ChainError::Unsupported(format!("the node refuses the request: {refusal}"))
        }
        RpcError::Deserialization(error) => {
            ChainError::Unsupported(format!("the node's response has another form: {error}"))
        }
        other => ChainError::Unreachable(other.to_string()),
    }
}
