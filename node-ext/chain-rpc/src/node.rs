//! A node over JSON-RPC, with one connection that is reopened when it is lost.

use crate::rpc::{Connector, NO_SUCH_METHOD, Rpc, RpcError};
use crate::transport::WsConnector;
use crate::wire::{self, Meaning, Status, StorageChanges, Version, hex};
use async_trait::async_trait;
use cairn_chain::{ChainError, ExtrinsicStatus};
use cairn_chain_metadata::{Header, Node, NodeState, RuntimeId, SubmitError};
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use codec::{DecodeAll, Encode};
use futures::future::try_join;
use futures::stream::{BoxStream, StreamExt, unfold};
use serde_json::{Value, json};
use sp_core::crypto::{AccountId32, Ss58Codec};
use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, OnceLock};

/// The most storage keys in a request.
const MAX_KEYS: usize = 1000;
/// The storage key of the runtime's code.
const CODE_KEY: &[u8] = b":code";
/// The pool's error codes for a nonce that another extrinsic in it has.
const NONCE_TAKEN_CODES: [i32; 2] = [1013, 1014];

/// A remote node.
pub struct RpcNode {
    connector: Box<dyn Connector>,
    connection: tokio::sync::Mutex<Option<Arc<dyn Rpc>>>,
    /// The genesis hash of the only chain that is to be reached, if the caller knows it.
    expected: Option<H256>,
    /// The genesis hash of the chain that was reached first, and is the expected one if there is
    /// one.
    genesis: OnceLock<H256>,
}

impl std::fmt::Debug for RpcNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcNode")
            .field("genesis", &self.genesis)
            .finish_non_exhaustive()
    }
}

impl RpcNode {
    /// Creates a client of the node at a WebSocket URL, `ws://` or `wss://`. Connects with the
    /// first request.
    pub fn new(url: &str) -> Self {
        Self::with_connector(Box::new(WsConnector {
            url: url.to_owned(),
        }))
    }

    pub(crate) fn with_connector(connector: Box<dyn Connector>) -> Self {
        Self {
            connector,
            connection: tokio::sync::Mutex::default(),
            expected: None,
            genesis: OnceLock::new(),
        }
    }

    /// Expects the chain of a genesis hash. Otherwise the first chain that is reached is the
    /// expected one from then on, which is a wrong one if the node's address serves that first.
    #[must_use]
    pub const fn expecting(mut self, genesis: Option<H256>) -> Self {
        self.expected = genesis;
        self
    }

    /// Returns the genesis hash of the chain, once it was reached.
    pub fn known_genesis(&self) -> Option<H256> {
        self.genesis.get().copied()
    }

    /// Returns the name that the node gives its chain.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`] if the node is lost.
    pub async fn chain_name(&self) -> Result<String, ChainError> {
        wire::read(self.request("system_chain", vec![]).await?)
    }

    /// Returns the connection, reopened if it was lost.
    async fn connection(&self) -> Result<Arc<dyn Rpc>, ChainError> {
        let mut held = self.connection.lock().await;
        if let Some(open) = held.as_ref().filter(|open| open.is_open()) {
            return Ok(open.clone());
        }
        // The old connection is dropped before a new one is opened.
        *held = None;
        let new: Arc<dyn Rpc> = self.connector.connect().await?.into();
        let genesis = new.request("chain_getBlockHash", vec![json!(0)]).await?;
        let found = wire::read(genesis)?;
        let expected = match self.expected {
            Some(expected) => expected,
            None => *self.genesis.get_or_init(|| found),
        };
        if expected != found {
            return Err(ChainError::OtherChain { expected, found });
        }
        // It is the same if it was set before.
        let _ = self.genesis.set(found);
        *held = Some(new.clone());
        Ok(new)
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        params: Vec<Value>,
    ) -> Result<Value, ChainError> {
        let connection = self.connection().await?;
        connection
            .request(method, params)
            .await
            .map_err(ChainError::from)
    }

    /// Sends a request about a block.
    async fn ask(&self, at: H256, method: &str, params: Vec<Value>) -> Result<Value, ChainError> {
        let connection = self.connection().await?;
        let answer = connection.request(method, params).await;
        answer.map_err(|error| error.about_block(at))
    }

    /// Reads the values of keys, at most [`MAX_KEYS`].
    async fn values_of(
        &self,
        at: H256,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        if let [only] = keys {
            let params = vec![hex(only), json!(at)];
            let value = self.ask(at, "state_getStorage", params).await?;
            let value: Option<String> = wire::read(value)?;
            return Ok(vec![value.map(|text| wire::bytes(&text)).transpose()?]);
        }
        let params = vec![keys.iter().map(|key| hex(key)).collect(), json!(at)];
        let sets: Vec<StorageChanges> =
            wire::read(self.ask(at, "state_queryStorageAt", params).await?)?;
        let mut found = HashMap::new();
        for (key, value) in sets.into_iter().flat_map(|set| set.changes) {
            let value = value.map(|text| wire::bytes(&text)).transpose()?;
            found.insert(wire::bytes(&key)?, value);
        }
        // A key that is left out was not answered, which is not the same as absent.
        keys.iter()
            .map(|key| {
                found.get(key).cloned().ok_or_else(|| {
                    ChainError::Unreachable("the node's response leaves out a key".to_owned())
                })
            })
            .collect()
    }
}

#[async_trait]
impl NodeState for RpcNode {
    async fn genesis(&self) -> Result<H256, ChainError> {
        self.connection().await?;
        self.known_genesis()
            .ok_or_else(|| ChainError::Unreachable("the node has no block".to_owned()))
    }

    async fn best(&self) -> Result<H256, ChainError> {
        let hash: Option<H256> = wire::read(self.request("chain_getBlockHash", vec![]).await?)?;
        hash.ok_or_else(|| ChainError::Unreachable("the node has no block yet".to_owned()))
    }

    async fn finalized(&self) -> Result<H256, ChainError> {
        wire::read(self.request("chain_getFinalizedHead", vec![]).await?)
    }

    async fn header(&self, at: H256) -> Result<Header, ChainError> {
        let header = self.ask(at, "chain_getHeader", vec![json!(at)]).await?;
        let header: Option<wire::Header> = wire::read(header)?;
        let header = header.ok_or_else(|| ChainError::NoSuchBlock {
            block: hex::encode(at),
            reason: "the node has no such header".to_owned(),
        })?;
        Ok(Header {
            number: header.number()?,
            parent: header.parent_hash,
        })
    }

    async fn runtime(&self, at: H256) -> Result<RuntimeId, ChainError> {
        let version = self.ask(at, "state_getRuntimeVersion", vec![json!(at)]);
        let code = self.ask(at, "state_getStorageHash", vec![hex(CODE_KEY), json!(at)]);
        let (version, code) = try_join(version, code).await?;
        let version: Version = wire::read(version)?;
        // A light node may not have the code.
        let code: Option<H256> = wire::read(code)?;
        Ok(RuntimeId {
            code: code.unwrap_or_default(),
            spec_name: version.spec_name,
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
        })
    }

    async fn values(
        &self,
        at: H256,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let mut values = Vec::new();
        for keys in keys.chunks(MAX_KEYS) {
            values.extend(self.values_of(at, keys).await?);
        }
        Ok(values)
    }

    async fn keys(
        &self,
        at: H256,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        count: u32,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        let after = after.map_or(Value::Null, |after| hex(&after));
        let params = vec![hex(&prefix), json!(count), after, json!(at)];
        let page: Vec<String> = wire::read(self.ask(at, "state_getKeysPaged", params).await?)?;
        page.iter().map(|key| wire::bytes(key)).collect()
    }

    async fn call(
        &self,
        at: H256,
        function: &'static str,
        arguments: Vec<u8>,
    ) -> Result<Vec<u8>, ChainError> {
        let params = vec![json!(function), hex(&arguments), json!(at)];
        let answer: String = wire::read(self.ask(at, "state_call", params).await?)?;
        wire::bytes(&answer)
    }
}

#[async_trait]
impl Node for RpcNode {
    async fn finality(&self) -> Result<BoxStream<'static, ()>, ChainError> {
        let connection = self.connection().await?;
        let heads = connection
            .subscribe(
                "chain_subscribeFinalizedHeads",
                vec![],
                "chain_unsubscribeFinalizedHeads",
            )
            .await?;
        Ok(heads.map(|_| ()).boxed())
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        Ok(self.health().await?.is_syncing)
    }

    async fn next_nonce(&self, account: AccountId) -> Result<u64, ChainError> {
        let address = AccountId32::from(account.0).to_ss58check();
        let connection = self.connection().await?;
        let asked = connection
            .request("system_accountNextIndex", vec![json!(address)])
            .await;
        match asked {
            // Such a node does not count its pool.
            Err(RpcError::Refused { code, .. }) if code == NO_SUCH_METHOD => {
                let best = self.best().await?;
                let function = "AccountNonceApi_account_nonce";
                let nonce = self.call(best, function, account.encode()).await?;
                u32::decode_all(&mut &*nonce)
                    .map(u64::from)
                    .map_err(|error| {
                        ChainError::Unreachable(format!(
                            "the result of {function} cannot be decoded: {error}"
                        ))
                    })
            }
            answer => wire::read(answer.map_err(ChainError::from)?),
        }
    }

    async fn submit(
        &self,
        extrinsic: Vec<u8>,
    ) -> Result<BoxStream<'static, ExtrinsicStatus>, SubmitError> {
        let connection = self.connection().await?;
        let submitted = connection
            .subscribe(
                "author_submitAndWatchExtrinsic",
                vec![hex(&extrinsic)],
                "author_unwatchExtrinsic",
            )
            .await;
        match submitted {
            Ok(statuses) => Ok(follow(statuses)),
            Err(error) => Err(match &error {
                RpcError::Refused { code, .. } if NONCE_TAKEN_CODES.contains(code) => {
                    SubmitError::NonceTaken(error.to_string())
                }
                RpcError::Refused { .. } => ChainError::PoolRejected(error.to_string()).into(),
                RpcError::Lost(_) => ChainError::from(error).into(),
            }),
        }
    }
}

/// Maps a node's status stream, which ends at a status of another form.
fn follow(statuses: BoxStream<'static, Value>) -> BoxStream<'static, ExtrinsicStatus> {
    let meanings = unfold(statuses, |mut statuses| async move {
        let status: Status = wire::read(statuses.next().await?).ok()?;
        match status.meaning() {
            Meaning::End => None,
            meaning => Some((meaning, statuses)),
        }
    });
    meanings
        .filter_map(|meaning| {
            ready(match meaning {
                Meaning::Status(status) => Some(status),
                Meaning::Ignored | Meaning::End => None,
            })
        })
        .boxed()
}
