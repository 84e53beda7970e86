//! The blocking RPC client by which commands use a running provider.
//!
//! Everything that can be checked is checked: content is hashed on its way in and out,
//! proofs are verified by both rules, and a commitment needs a valid signature.

mod commitments;
mod content;
mod proofs;
mod upload;

pub(crate) use upload::RemoteUpload;

use crate::failure::Failure;
use crate::remote_error::{RemoteError, retry_delay};
use cairn_primitives::BucketId;
use cairn_rpc_api::{
    BucketApiClient, BucketInfo, BucketPage, BucketStatusInfo, ProviderApiClient, U64OrHex,
};
use cairn_rpc_listener::Token;
use jsonrpsee::core::ClientError;
use jsonrpsee::ws_client::{HeaderMap, HeaderValue, PingConfig, WsClient, WsClientBuilder};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for a response: four times a provider's own limit for a request. A
/// provider that is gone is noticed sooner, because it answers no pings.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);
/// The time limit for work on a whole bucket, which a provider does not limit: copying
/// 100 GiB takes a slow disk most of an hour.
const BUCKET_WORK_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The maximum size of a response in bytes: 16 MiB, four times a provider's default.
const MAX_RESPONSE_BYTES: u32 = 16 << 20;
/// Requests in flight: as many as a provider executes at once by default.
const MAX_IN_FLIGHT: usize = 8;
/// The total time for which a request is retried while the provider is busy.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// No redirection: the library counts the first attempt.
const NO_REDIRECTION: usize = 1;
/// Buckets per page, the maximum that a provider returns.
const PAGE_SIZE: u32 = 1_000;

/// Parses the URL of a provider's WebSocket.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let url = text.trim();
    let host = url
        .strip_prefix("ws://")
        .or_else(|| url.strip_prefix("wss://"));
    match host {
        Some(host) if !host.is_empty() => Ok(url.to_owned()),
        _ => Err("expected a provider's WebSocket, such as ws://127.0.0.1:9955".to_owned()),
    }
}

/// Returns true if nobody on the network path can read what is sent to a URL.
fn is_private(url: &str) -> bool {
    let Some(plain) = url.strip_prefix("ws://") else {
        return true;
    };
    let authority = plain.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        host.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

fn warn_if_token_is_readable(url: &str) {
    if !is_private(url) {
        // If stderr fails, the command continues.
        let _ = writeln!(
            std::io::stderr(),
            "warning: anyone on the network path to {url} can read the token: use wss:// or a \
             tunnel to keep it secret"
        );
    }
}

/// A connection to a running provider.
pub(crate) struct Client {
    connection: Connection,
    /// A runtime with one thread of its own, so that pings are answered while a command
    /// waits for a file or a pipe.
    runtime: Runtime,
}

impl Client {
    pub(crate) fn connect(url: &str, token: Option<&Token>) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            warn_if_token_is_readable(url);
            let value = HeaderValue::from_str(&token.header());
            let mut value = value
                .map_err(|_| Failure::Failed("the token is not valid in a header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cairn-rpc")
            .enable_all()
            .build()
            .map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
        let connected = WsClientBuilder::new()
            .max_response_size(MAX_RESPONSE_BYTES)
            // A redirection would send the token, or content, somewhere else.
            .max_redirections(NO_REDIRECTION)
            .set_headers(headers)
            .connection_timeout(CONNECT_TIMEOUT)
            // Each request has a time limit of its own.
            .request_timeout(BUCKET_WORK_TIMEOUT)
            .enable_ws_ping(PingConfig::new())
            .build(url);
        let bounded = async { tokio::time::timeout(CONNECT_TIMEOUT, connected).await };
        let rpc = match runtime.block_on(bounded) {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
        };
        let rpc = rpc.map_err(|reason| RemoteError::Unreachable {
            url: url.to_owned(),
            reason,
        })?;
        let connection = Connection {
            url: url.into(),
            rpc: Arc::new(rpc),
        };
        Ok(Self {
            connection,
            runtime,
        })
    }

    /// Returns the provider's URL.
    pub(crate) fn url(&self) -> &str {
        &self.connection.url
    }

    /// Sends a request that is answered soon.
    pub(crate) fn request<T, F>(
        &self,
        question: impl Fn(Arc<WsClient>) -> F,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.block_on(self.connection.request(RESPONSE_TIMEOUT, question))
    }

    /// Sends a request whose execution time grows with the bucket.
    pub(crate) fn request_bucket_work<T, F>(
        &self,
        work: impl Fn(Arc<WsClient>) -> F,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.block_on(self.connection.request(BUCKET_WORK_TIMEOUT, work))
    }

    fn block_on<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// Returns the provider's information about a bucket.
    pub(crate) fn bucket(&self, bucket: BucketId) -> Result<BucketInfo, RemoteError> {
        let id = U64OrHex(bucket.0);
        let info = self.request(|rpc| async move { BucketApiClient::info(&*rpc, id).await })?;
        if info.bucket == id {
            return Ok(info);
        }
        Err(self.false_answer(format!(
            "it describes bucket {} instead of {bucket}",
            info.bucket
        )))
    }

    /// Returns the information about a listed bucket as of now: the provider indexes a bucket
    /// whose files changed when it is requested by itself, and opens it for that.
    pub(crate) fn refreshed(&self, listed: &BucketInfo) -> Result<BucketInfo, RemoteError> {
        if listed.standing != BucketStatusInfo::Learning {
            return Ok(listed.clone());
        }
        match self.bucket(BucketId(listed.bucket.0)) {
            Err(RemoteError::Refused { .. }) => Ok(listed.clone()),
            asked => asked,
        }
    }

    /// Calls `each` with each of the provider's buckets as its index has them, in the order
    /// of their ids. The provider opens none for it.
    pub(crate) fn for_each_bucket(
        &self,
        mut each: impl FnMut(&BucketInfo) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = |rpc: Arc<WsClient>| async move {
                BucketApiClient::list(&*rpc, after, Some(PAGE_SIZE)).await
            };
            let BucketPage { buckets, next } = self.request(page)?;
            buckets.iter().try_for_each(&mut each)?;
            match next {
                None => return Ok(()),
                next if next > after => after = next,
                Some(_) => {
                    return Err(self
                        .false_answer("its pages of buckets are not in order")
                        .into());
                }
            }
        }
    }

    /// Returns true if one of the keys is the provider's account.
    pub(crate) fn has_account_in(&self, keys: &[[u8; 32]]) -> Result<bool, RemoteError> {
        let status = self.request(|rpc| async move { ProviderApiClient::status(&*rpc).await })?;
        Ok(keys.contains(&status.account.0))
    }

    /// Returns the error for an answer that is not true.
    pub(crate) fn false_answer(&self, reason: impl Into<String>) -> RemoteError {
        self.connection.false_answer(reason)
    }
}

/// The connection that requests are sent over.
struct Connection {
    url: Arc<str>,
    rpc: Arc<WsClient>,
}

impl Connection {
    /// Sends a request, and retries it while the provider is busy: a request that is
    /// refused as busy was not executed.
    async fn request<T, F>(
        &self,
        within: Duration,
        question: impl Fn(Arc<WsClient>) -> F,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut time_left = RETRY_TIMEOUT;
        loop {
            let answered = tokio::time::timeout(within, question(self.rpc.clone())).await;
            let error = match answered {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => {
                    let url = self.url.to_string();
                    return Err(RemoteError::TimedOut { url, within });
                }
            };
            let pause = retry_delay(&error).filter(|pause| *pause <= time_left);
            let Some(pause) = pause else {
                return Err(RemoteError::from_client_error(&self.url, error));
            };
            time_left = time_left.saturating_sub(pause);
            tokio::time::sleep(pause).await;
        }
    }

    fn false_answer(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::FalseAnswer {
            url: self.url.to_string(),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_and_loopback_keep_a_token_secret() {
        for url in [
            "wss://a.example",
            "ws://localhost",
            "ws://127.0.0.1:9955/x",
            "ws://[::1]:1",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "ws://a.example:9955",
            "ws://localhost.a.example",
            "ws://127.0.0.1.a.example",
            "ws://localhost@a.example",
            "ws://127.0.0.10",
            "ws://10.0.0.1",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }

    #[test]
    fn only_websocket_urls_are_accepted() {
        assert_eq!(url(" wss://a.example ").unwrap(), "wss://a.example");
        for text in ["http://127.0.0.1:9955", "127.0.0.1:9955", "ws://", ""] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
