//! A WebSocket to a node: jsonrpsee, in the version that nodes use, as subxt's transport.

use crate::UserError;
use jsonrpsee::core::client::{ClientT, Error as ClientError, SubscriptionClientT};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::ws_client::WsClientBuilder;
use serde_json::value::RawValue;
use std::time::Duration;
use subxt::ext::futures::{StreamExt, TryStreamExt};
use subxt::rpcs::client::{RawRpcFuture, RawRpcSubscription, RpcClient, RpcClientT};
use subxt::rpcs::{Error as RpcError, UserError as CallError};

/// The largest message in bytes: a block of answers with their chunks, in hex.
const MAX_MESSAGE_BYTES: u32 = 64 << 20;
/// The timeout of a request, on a machine that does other work as well.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Connects to a node.
pub(crate) async fn connect(url: &str) -> Result<RpcClient, UserError> {
    let client = WsClientBuilder::new()
        .max_request_size(MAX_MESSAGE_BYTES)
        .max_response_size(MAX_MESSAGE_BYTES)
        .request_timeout(REQUEST_TIMEOUT)
        .build(url)
        .await
        .map_err(|error| UserError::node("connect", error))?;
    Ok(RpcClient::new(JsonRpc(client)))
}

struct JsonRpc(jsonrpsee::ws_client::WsClient);

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

fn rpc_error(error: ClientError) -> RpcError {
    match error {
        ClientError::Call(refusal) => RpcError::User(CallError {
            code: refusal.code(),
            message: refusal.message().to_owned(),
            data: refusal.data().map(ToOwned::to_owned),
        }),
        other => RpcError::Client(Box::new(other)),
    }
}
