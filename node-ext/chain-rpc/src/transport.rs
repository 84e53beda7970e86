//! A WebSocket to a node: jsonrpsee, in the version that nodes use.

use crate::rpc::{Connector, Rpc, RpcError};
use async_trait::async_trait;
use cairn_chain::ChainError;
use futures::StreamExt;
use futures::stream::BoxStream;
use jsonrpsee::core::client::{ClientT, Error as ClientError, SubscriptionClientT};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::ws_client::{PingConfig, WsClient, WsClientBuilder};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::future::ready;
use std::time::Duration;

/// The largest request in bytes: an answer to a challenge has a chunk of up to 262,144
/// bytes and proofs of a few thousand, and takes twice that in hex.
const MAX_REQUEST_BYTES: u32 = 1 << 20;
/// The largest response in bytes. Metadata is the largest by far: about two million bytes
/// for a big chain, twice that in hex.
const MAX_RESPONSE_BYTES: u32 = 32 << 20;
/// The timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a request. The client of the chain has one of its own for a question, which
/// may take several requests.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval of pings.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// The longest silence, and how often it may occur, before the connection counts as lost:
/// a node that vanished is noticed within four blocks of six seconds.
const INACTIVITY_LIMIT: (Duration, usize) = (Duration::from_secs(20), 1);
/// The most requests at once, including each extrinsic that is being followed.
const MAX_CONCURRENT_REQUESTS: usize = 1024;

/// Connects to a URL.
pub(crate) struct WsConnector {
    pub(crate) url: String,
}

#[async_trait]
impl Connector for WsConnector {
    async fn connect(&self) -> Result<Box<dyn Rpc>, ChainError> {
        let ping = PingConfig::new()
            .ping_interval(PING_INTERVAL)
            .inactive_limit(INACTIVITY_LIMIT.0)
            .max_failures(INACTIVITY_LIMIT.1);
        let client = WsClientBuilder::new()
            .max_request_size(MAX_REQUEST_BYTES)
            .max_response_size(MAX_RESPONSE_BYTES)
            .connection_timeout(CONNECT_TIMEOUT)
            .request_timeout(REQUEST_TIMEOUT)
            .max_concurrent_requests(MAX_CONCURRENT_REQUESTS)
            .enable_ws_ping(ping)
            .build(&self.url)
            .await
            .map_err(|error| ChainError::Unreachable(format!("{}: {error}", self.url)))?;
        Ok(Box::new(WebSocket(client)))
    }
}

struct WebSocket(WsClient);

struct Params(Vec<Value>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        to_raw_value(&self.0).map(Some)
    }
}

#[async_trait]
impl Rpc for WebSocket {
    async fn request(&self, method: &str, params: Vec<Value>) -> Result<Value, RpcError> {
        self.0
            .request(method, Params(params))
            .await
            .map_err(rpc_error)
    }

    async fn subscribe(
        &self,
        method: &str,
        params: Vec<Value>,
        unsubscribe: &str,
    ) -> Result<BoxStream<'static, Value>, RpcError> {
        let stream = self
            .0
            .subscribe::<Value, _>(method, Params(params), unsubscribe)
            .await
            .map_err(rpc_error)?;
        // What is no JSON ends the stream, as a lost connection does.
        Ok(stream
            .take_while(|item| ready(item.is_ok()))
            .filter_map(|item| ready(item.ok()))
            .boxed())
    }

    fn is_open(&self) -> bool {
        self.0.is_connected()
    }
}

/// Distinguishes errors returned by the node from errors of the transport.
fn rpc_error(error: ClientError) -> RpcError {
    match error {
        ClientError::Call(refusal) => RpcError::Refused {
            code: refusal.code(),
            message: refusal.message().to_owned(),
            data: refusal
                .data()
                .map_or_else(String::new, |data| data.get().to_owned()),
        },
        other => RpcError::Lost(other.to_string()),
    }
}
