//! A provider that runs, asked over its RPC by commands that wait for answers.
//!
//! Nothing that it says is taken on trust where it can be checked: content is
//! hashed on its way in and out, proofs are judged by both rules, and a
//! commitment is one only with a signature that holds.

mod content;
mod error;
mod proofs;
mod signed;
mod upload;

pub(crate) use error::RemoteError;
pub(crate) use upload::RemoteUpload;

use crate::failure::Failure;
use cairn_primitives::BucketId;
use cairn_rpc::{
    BucketApiClient, BucketInfo, BucketPage, BucketStanding, ProviderApiClient, Token, Uint,
};
use jsonrpsee::core::ClientError;
use jsonrpsee::ws_client::{HeaderMap, HeaderValue, PingConfig, WsClient, WsClientBuilder};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may take: four times what a provider gives a request. One
/// that is gone is noticed sooner, since it answers no pings.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// How long a write may take that goes over a whole bucket, and that no provider
/// cuts off: copying 100 GiB takes a slow disk most of an hour.
const WORK_WITHIN: Duration = Duration::from_secs(3_600);
/// The largest answer in bytes: 16 MiB, four times what a provider gives unless
/// it was told otherwise.
const ANSWER_BYTES: u32 = 16 << 20;
/// Requests in flight: as many as a provider stores or reads at once.
const IN_FLIGHT: usize = 8;
/// How long one question is asked again where all places are taken, in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// One try, at the address itself: what the library counts are tries.
const NO_REDIRECTION: usize = 1;
/// The most buckets in a page that a provider gives.
const PAGE: u32 = 1_000;

/// A provider's WebSocket, as the command line names it.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let url = text.trim();
    let host = url
        .strip_prefix("ws://")
        .or_else(|| url.strip_prefix("wss://"));
    match host {
        Some(host) if !host.is_empty() => Ok(url.to_owned()),
        _ => Err("a provider's WebSocket is needed, as ws://127.0.0.1:9955".to_owned()),
    }
}

/// Whether what goes to a URL can be read by nobody on the way.
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

fn warn_of_listeners(url: &str) {
    if !is_private(url) {
        // What cannot be told is no reason to do less.
        let _ = writeln!(
            std::io::stderr(),
            "warning: the token goes to {url} for everybody on the way to read: wss:// or a \
             tunnel keeps it secret"
        );
    }
}

/// A provider that is reached.
pub(crate) struct Client {
    connection: Connection,
    /// Has one thread of its own, so that pings are answered while a command
    /// waits for a file or a pipe.
    runtime: Runtime,
}

impl Client {
    pub(crate) fn connect(url: &str, token: Option<&Token>) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            warn_of_listeners(url);
            let value = HeaderValue::from_str(&token.header());
            let mut value =
                value.map_err(|_| Failure::Failed("the token does not fit a header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cairn-rpc")
            .enable_all()
            .build()
            .map_err(|error| Failure::Failed(format!("a thread cannot be started: {error}")))?;
        let connected = WsClientBuilder::new()
            .max_response_size(ANSWER_BYTES)
            // Nobody is to send the token, or what is stored, anywhere else.
            .max_redirections(NO_REDIRECTION)
            .set_headers(headers)
            .connection_timeout(CONNECT_WITHIN)
            // Each question has a time of its own.
            .request_timeout(WORK_WITHIN)
            .enable_ws_ping(PingConfig::new())
            .build(url);
        let bounded = async { tokio::time::timeout(CONNECT_WITHIN, connected).await };
        let rpc = match runtime.block_on(bounded) {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nothing within {} s", CONNECT_WITHIN.as_secs())),
        };
        let rpc = rpc.map_err(|reason| RemoteError::Unreached {
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

    /// Where it is reached.
    pub(crate) fn url(&self) -> &str {
        &self.connection.url
    }

    /// Asks what is answered soon.
    pub(crate) fn ask<T, F>(&self, question: impl Fn(Arc<WsClient>) -> F) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.wait(self.connection.ask(ANSWER_WITHIN, question))
    }

    /// Asks for work that takes as long as the bucket is large.
    pub(crate) fn order<T, F>(&self, work: impl Fn(Arc<WsClient>) -> F) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.wait(self.connection.ask(WORK_WITHIN, work))
    }

    fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// What the provider knows of a bucket.
    pub(crate) fn bucket(&self, bucket: BucketId) -> Result<BucketInfo, RemoteError> {
        let id = Uint(bucket.0);
        let info = self.ask(|rpc| async move { BucketApiClient::info(&*rpc, id).await })?;
        if info.bucket == id {
            return Ok(info);
        }
        Err(self.untrue(format!(
            "it tells of bucket {} and not of {bucket}",
            info.bucket
        )))
    }

    /// Hands each of the provider's buckets to `each`, in the order of their ids.
    pub(crate) fn for_each_bucket(
        &self,
        mut each: impl FnMut(&BucketInfo) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = |rpc: Arc<WsClient>| async move {
                BucketApiClient::list(&*rpc, after, Some(PAGE)).await
            };
            let BucketPage { buckets, next } = self.ask(page)?;
            for noted in &buckets {
                match noted.standing {
                    // It is looked at when it is asked about by itself.
                    BucketStanding::Learning => match self.bucket(BucketId(noted.bucket.0)) {
                        Ok(info) => each(&info)?,
                        Err(RemoteError::Refused { .. }) => each(noted)?,
                        Err(error) => return Err(error.into()),
                    },
                    _ => each(noted)?,
                }
            }
            match next {
                None => return Ok(()),
                next if next > after => after = next,
                Some(_) => return Err(self.untrue("its pages of buckets go round").into()),
            }
        }
    }

    /// Whether one of these keys is the provider's account.
    pub(crate) fn is_one_of(&self, keys: &[[u8; 32]]) -> Result<bool, RemoteError> {
        let status = self.ask(|rpc| async move { ProviderApiClient::status(&*rpc).await })?;
        Ok(keys.contains(&status.account.0))
    }

    /// What the provider says does not hold.
    pub(crate) fn untrue(&self, reason: impl Into<String>) -> RemoteError {
        self.connection.untrue(reason)
    }
}

/// What questions go over.
struct Connection {
    url: Arc<str>,
    rpc: Arc<WsClient>,
}

impl Connection {
    /// Asks, and asks again where the provider has no place for it right now:
    /// then it has done nothing of it.
    async fn ask<T, F>(
        &self,
        within: Duration,
        question: impl Fn(Arc<WsClient>) -> F,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut patience = PATIENCE;
        loop {
            let answered = tokio::time::timeout(within, question(self.rpc.clone())).await;
            let error = match answered {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => {
                    let url = self.url.to_string();
                    return Err(RemoteError::Late { url, within });
                }
            };
            let pause = error::ask_again_after(&error).filter(|pause| *pause <= patience);
            let Some(pause) = pause else {
                return Err(RemoteError::told(&self.url, error));
            };
            patience = patience.saturating_sub(pause);
            tokio::time::sleep(pause).await;
        }
    }

    fn untrue(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::Untrue {
            url: self.url.to_string(),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_by_nobody_on_the_way_with_tls_or_on_this_machine() {
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
    fn a_provider_is_reached_by_websocket_alone() {
        assert_eq!(url(" wss://a.example ").unwrap(), "wss://a.example");
        for text in ["http://127.0.0.1:9955", "127.0.0.1:9955", "ws://", ""] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
