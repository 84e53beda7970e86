//! A WebSocket to a node: jsonrpsee, in the version that nodes use, behind subxt's
//! transport trait.

use async_trait::async_trait;
use cairn_chain::ChainError;
use futures::{StreamExt, TryStreamExt};
use jsonrpsee::core::client::{ClientT, Error as ClientError, SubscriptionClientT};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::ws_client::{PingConfig, WsClient, WsClientBuilder};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use subxt::rpcs::client::{RawRpcFuture, RawRpcSubscription, RpcClient, RpcClientT};
use subxt::rpcs::{Error as RpcError, UserError};

/// The largest request in bytes: an answer to a challenge has a chunk of up to 262,144
/// bytes and proofs of a few thousand, and takes twice that in hex.
const MAX_REQUEST_BYTES: u32 = 1 << 20;
/// The largest response in bytes. Metadata is the largest by far: about two million bytes
/// for a big chain, twice that in hex.
const MAX_RESPONSE_BYTES: u32 = 32 << 20;
/// The timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval of pings.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// The longest silence, and how often it may occur, before the connection counts as lost:
/// a node that vanished is noticed within four blocks of six seconds.
const INACTIVITY_LIMIT: (Duration, usize) = (Duration::from_secs(20), 1);
/// The most requests at once, including each extrinsic that is being followed.
const MAX_CONCURRENT_REQUESTS: usize = 1024;

/// A connection, which may have been lost.
pub(super) struct Transport {
    pub(super) rpc: RpcClient,
    /// Returns whether the connection is still open.
    pub(super) is_open: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Opens connections to one node.
#[async_trait]
pub(super) trait Connector: Send + Sync + 'static {
    async fn connect(&self) -> Result<Transport, ChainError>;
}

/// Connects to a URL.
pub(super) struct WsConnector {
    pub(super) url: String,
    /// The timeout of a request.
    pub(super) response_timeout: Duration,
}

#[async_trait]
impl Connector for WsConnector {
    async fn connect(&self) -> Result<Transport, ChainError> {
        let ping = PingConfig::new()
            .ping_interval(PING_INTERVAL)
            .inactive_limit(INACTIVITY_LIMIT.0)
            .max_failures(INACTIVITY_LIMIT.1);
        let client = WsClientBuilder::new()
            .max_request_size(MAX_REQUEST_BYTES)
            .max_response_size(MAX_RESPONSE_BYTES)
            .connection_timeout(CONNECT_TIMEOUT)
            .request_timeout(self.response_timeout)
            .max_concurrent_requests(MAX_CONCURRENT_REQUESTS)
            .enable_ws_ping(ping)
            .build(&self.url)
            .await
            .map_err(|error| ChainError::Unreachable(format!("{}: {error}", self.url)))?;
        let client = Arc::new(client);
        let watched = client.clone();
        Ok(Transport {
            rpc: RpcClient::new(JsonRpc(client)),
            is_open: Box::new(move || watched.is_connected()),
        })
    }
}

struct JsonRpc(Arc<WsClient>);

struct Params(Option<Box<RawValue>>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0)
    }
}

impl RpcClientT for JsonRpc {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(async move {
            let answer = self.0.request(method, Params(params)).await;
            answer.map_err(rpc_error)
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            let stream = self
                .0
                .subscribe::<Box<RawValue>, _>(sub, Params(params), unsub)
                .await
                .map_err(rpc_error)?;
            Ok(RawRpcSubscription {
                stream: stream.map_err(RpcError::Deserialization).boxed(),
                id: None,
            })
        })
    }
}

/// Distinguishes errors returned by the node from errors of the transport.
fn rpc_error(error: ClientError) -> RpcError {
    match error {
        ClientError::Call(refusal) => RpcError::User(UserError {
            code: refusal.code(),
            message: refusal.message().to_owned(),
            data: refusal.data().map(ToOwned::to_owned),
        }),
        other => RpcError::Client(Box::new(other)),
    }
}
