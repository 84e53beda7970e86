//! Clients that send one request after the other, over a number of connections.

use crate::Fallible;
use crate::stats::Samples;
use jsonrpsee::core::client::ClientT;
use jsonrpsee::core::params::ArrayParams;
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// One connection.
pub(super) struct Client(WsClient);

/// Parameters in order, as JSON.
struct Params(Value);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        serde_json::value::to_raw_value(&self.0).map(Some)
    }
}

impl Client {
    pub(super) async fn connect(url: &str) -> Fallible<Self> {
        let client = WsClientBuilder::new()
            .max_response_size(16 << 20)
            .request_timeout(Duration::from_secs(120));
        Ok(Self(client.build(url).await?))
    }

    /// Sends a request. Returns the bytes of the response, unparsed.
    pub(super) async fn request(&self, method: &str, params: Value) -> Fallible<Box<RawValue>> {
        Ok(self.0.request(method, Params(params)).await?)
    }

    /// Sends a request without parameters.
    pub(super) async fn request_without_params(&self, method: &str) -> Fallible<Box<RawValue>> {
        Ok(self.0.request(method, ArrayParams::new()).await?)
    }
}

/// The result of sending requests for a time.
#[derive(Default)]
pub(super) struct RequestStats {
    pub(super) times: Samples,
    pub(super) bytes: usize,
    pub(super) lasted: Duration,
}

impl RequestStats {
    pub(super) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.lasted.as_secs_f64()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.times.append(other.times);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.lasted = self.lasted.saturating_add(other.lasted);
    }
}

/// Sends requests over all connections at once for a time. `question` makes the request for a
/// number.
pub(super) async fn run_requests(
    clients: &[Client],
    lasting: Duration,
    question: impl Fn(u64) -> (&'static str, Value) + Send + Sync,
) -> Fallible<RequestStats> {
    let since = Instant::now();
    let asking = (0u64..).zip(clients).map(|(place, client)| {
        let question = &question;
        async move {
            let mut asked = RequestStats::default();
            // Each connection has numbers of its own.
            let mut number = place << 40;
            while since.elapsed() < lasting {
                let (method, params) = question(number);
                let start = Instant::now();
                let answer = match params {
                    Value::Null => client.request_without_params(method).await?,
                    params => client.request(method, params).await?,
                };
                asked.times.push(start.elapsed().as_secs_f64() * 1e9);
                asked.bytes = asked.bytes.saturating_add(answer.get().len());
                number = number.saturating_add(1);
            }
            Fallible::Ok(asked)
        }
    });
    let mut all = RequestStats::default();
    for asked in futures::future::try_join_all(asking).await? {
        all.add(asked);
    }
    all.lasted = since.elapsed();
    Ok(all)
}

/// Opens connections of one kind.
pub(super) async fn connect(url: &str, count: usize) -> Fallible<Vec<Client>> {
    let connecting = (0..count).map(|_| Client::connect(url));
    futures::future::try_join_all(connecting).await
}

/// Returns the parameters of a proof of a leaf.
pub(super) fn leaf(bucket: u64, leaf: u64) -> Value {
    json!([bucket, leaf])
}
