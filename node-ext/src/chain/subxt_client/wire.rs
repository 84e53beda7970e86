//! A WebSocket to a node: jsonrpsee, of the version that nodes have, behind the
//! trait that subxt calls by.

use crate::chain::ChainError;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use jsonrpsee::core::client::{ClientT, Error as ClientError, SubscriptionClientT};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::ws_client::{PingConfig, WsClient, WsClientBuilder};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use subxt::rpcs::client::{RawRpcFuture, RawRpcSubscription, RpcClient, RpcClientT};
use subxt::rpcs::{Error as RpcError, UserError};

/// The largest request in bytes: a response with a full chunk takes 262,144
/// bytes and its proofs a few thousand, twice that in hex.
const MAX_REQUEST: u32 = 1 << 20;
/// The largest answer in bytes. Metadata is the largest by far, and a big
/// chain's takes some two million, twice that in hex.
const MAX_ANSWER: u32 = 32 << 20;
/// How long a connection may take to stand.
const CONNECTING: Duration = Duration::from_secs(10);
/// How often the node is asked for a sign of life.
const PING: Duration = Duration::from_secs(15);
/// How long it may give none, and how often, before the connection is lost: a
/// node that is gone without a word is noticed within four blocks of six seconds.
const SILENCE: (Duration, usize) = (Duration::from_secs(20), 1);
/// Requests under way at once, with each extrinsic that is being followed.
const MAX_REQUESTS: usize = 1024;

/// A connection that stands, or stood.
pub(super) struct Wire {
    pub(super) rpc: RpcClient,
    /// Whether it stands still.
    pub(super) is_open: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Makes connections to one node.
#[async_trait]
pub(super) trait Dial: Send + Sync + 'static {
    async fn dial(&self) -> Result<Wire, ChainError>;
}

/// Connects to a URL.
pub(super) struct WsDial {
    pub(super) url: String,
    /// How long an answer may take.
    pub(super) answer_within: Duration,
}

#[async_trait]
impl Dial for WsDial {
    async fn dial(&self) -> Result<Wire, ChainError> {
        let ping = PingConfig::new()
            .ping_interval(PING)
            .inactive_limit(SILENCE.0)
            .max_failures(SILENCE.1);
        let client = WsClientBuilder::new()
            .max_request_size(MAX_REQUEST)
            .max_response_size(MAX_ANSWER)
            .connection_timeout(CONNECTING)
            .request_timeout(self.answer_within)
            .max_concurrent_requests(MAX_REQUESTS)
            .enable_ws_ping(ping)
            .build(&self.url)
            .await
            .map_err(|error| ChainError::Unreachable(format!("{}: {error}", self.url)))?;
        let client = Arc::new(client);
        let watched = client.clone();
        Ok(Wire {
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

/// Tells what the node refused from what did not reach it.
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
