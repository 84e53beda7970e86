//! A client of the other primary providers' RPC, which asks them for signatures. It keeps one
//! connection for each endpoint.

mod endpoint;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use cairn_gadget::{CosignError, Cosigners};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::cosign::{CosignRequest, HeldState};
use cairn_primitives::onchain::PrimaryProvider;
use cairn_replica::connect::{self, ConnectError};
use cairn_rpc_api::{Bytes, ProviderApiClient, U64OrHex, refusal_in};
use codec::{DecodeAll, Encode};
use endpoint::websocket_url;
use jsonrpsee::core::ClientError;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use lru::LruCache;
use parking_lot::Mutex;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The limits of requests to other providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CosignerLimits {
    /// How long a request may take, including connecting: 10 seconds, less than two blocks of
    /// six seconds, so that a provider that is gone does not cost the others their window.
    pub timeout: Duration,
    /// The most connections kept: 64, enough for twelve buckets of five providers each without one
    /// in common. Above it, the least recently used one is closed.
    pub connections: NonZeroUsize,
    /// The most bytes of a response: 16 KiB. A correct one has some hundred.
    pub response_bytes: u32,
    /// True if endpoints may lead to addresses that are not public, as within one network or on
    /// one machine. False by default, since anyone can register an endpoint and so have this
    /// provider connect to it.
    pub allow_private: bool,
}

impl Default for CosignerLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connections: NonZeroUsize::MIN.saturating_add(63),
            response_bytes: 16 << 10,
            allow_private: false,
        }
    }
}

/// A connection, if it is open. Locked while it is opened, so that only one is.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<WsClient>>>>;

/// The other primary providers, over their RPC.
pub struct RpcCosigners {
    limits: CosignerLimits,
    slots: Mutex<LruCache<String, Slot>>,
}

impl std::fmt::Debug for RpcCosigners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcCosigners")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for RpcCosigners {
    fn default() -> Self {
        Self::new(CosignerLimits::default())
    }
}

impl RpcCosigners {
    /// Creates a client without connections. The first request to a provider opens one.
    pub fn new(limits: CosignerLimits) -> Self {
        Self {
            limits,
            slots: Mutex::new(LruCache::new(limits.connections)),
        }
    }

    /// Sends a request to a provider, within the limits. A kept connection may be dead, so a
    /// request that it does not answer is sent again on a new one: signing twice signs the same.
    async fn request<T, F>(
        &self,
        from: &PrimaryProvider,
        request: impl Fn(Arc<WsClient>) -> F + Send + Sync,
    ) -> Result<T, CosignError>
    where
        F: Future<Output = Result<T, ClientError>> + Send,
    {
        let endpoint = || String::from_utf8_lossy(&from.endpoint).into_owned();
        let url = websocket_url(&from.endpoint).map_err(|reason| CosignError::Unreachable {
            endpoint: endpoint(),
            reason: reason.to_string(),
        })?;
        let mut timeout = self.limits.timeout;
        if let Some(client) = self.open_connection(&url) {
            timeout /= 2;
            match response(timeout, request(client)).await {
                Err(RequestError::Unreachable(_)) => self.forget(&url),
                Err(RequestError::Answered(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
        }
        let slot = self.slot(&url);
        let requested = async { request(self.connect(&slot, &url).await?).await };
        match response(timeout, requested).await {
            Ok(answer) => Ok(answer),
            Err(RequestError::Answered(error)) => Err(error),
            Err(RequestError::Unreachable(reason)) => {
                self.forget(&url);
                let endpoint = endpoint();
                Err(CosignError::Unreachable { endpoint, reason })
            }
        }
    }

    fn slot(&self, url: &str) -> Slot {
        let mut slots = self.slots.lock();
        slots.get_or_insert(url.to_owned(), Slot::default).clone()
    }

    /// Returns the open connection, if there is one and it is not being replaced.
    fn open_connection(&self, url: &str) -> Option<Arc<WsClient>> {
        let slot = self.slot(url);
        let held = slot.try_lock().ok()?;
        held.clone().filter(|client| client.is_connected())
    }

    fn forget(&self, url: &str) {
        self.slots.lock().pop(url);
    }

    async fn connect(&self, slot: &Slot, url: &str) -> Result<Arc<WsClient>, ClientError> {
        let mut held = slot.lock().await;
        if let Some(client) = held.as_ref().filter(|client| client.is_connected()) {
            return Ok(client.clone());
        }
        let transport = |error: ConnectError| ClientError::Transport(error.into());
        let parsed = Url::parse(url).map_err(|error| transport(error.into()))?;
        let stream = connect::connect(&parsed, self.limits.allow_private);
        // With a stream of our own, the client follows no redirection.
        let client = WsClientBuilder::new()
            .max_response_size(self.limits.response_bytes)
            .connection_timeout(self.limits.timeout)
            .request_timeout(self.limits.timeout)
            .build_with_stream(url, stream.await.map_err(transport)?)
            .await?;
        let client = Arc::new(client);
        *held = Some(client.clone());
        Ok(client)
    }
}

/// The failure of a request.
enum RequestError {
    /// The provider answered with an error, or with something that is no answer.
    Answered(CosignError),
    /// The provider was not reached, or not in time.
    Unreachable(String),
}

async fn response<T>(
    timeout: Duration,
    request: impl Future<Output = Result<T, ClientError>> + Send,
) -> Result<T, RequestError> {
    match tokio::time::timeout(timeout, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ClientError::Call(error))) => {
            Err(RequestError::Answered(match refusal_in(&error) {
                Some(refusal) => CosignError::Refused(refusal),
                None => CosignError::Malformed(format!("{} ({})", error.message(), error.code())),
            }))
        }
        Ok(Err(ClientError::ParseError(error))) => Err(RequestError::Answered(
            CosignError::Malformed(error.to_string()),
        )),
        Ok(Err(error)) => Err(RequestError::Unreachable(error.to_string())),
        Err(_) => {
            let seconds = timeout.as_secs_f32();
            Err(RequestError::Unreachable(format!(
                "no answer within {seconds} s"
            )))
        }
    }
}

#[async_trait]
impl Cosigners for RpcCosigners {
    async fn held_state(
        &self,
        from: &PrimaryProvider,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<HeldState, CosignError> {
        let (id, window) = (U64OrHex(bucket.0), window.map(U64OrHex));
        let request = |client: Arc<WsClient>| async move { client.held_state(id, window).await };
        let info = self.request(from, request).await?;
        info.held_state()
            .ok_or_else(|| CosignError::Malformed("it has a leaf count above 2^62".into()))
    }

    async fn cosign(
        &self,
        from: &PrimaryProvider,
        ask: &CosignRequest,
    ) -> Result<MultiSignature, CosignError> {
        let ask = Bytes(ask.encode());
        let request = |client: Arc<WsClient>| {
            let ask = ask.clone();
            async move { client.sign_checkpoint(ask).await }
        };
        let signature = self.request(from, request).await?;
        MultiSignature::decode_all(&mut signature.0.as_slice())
            .map_err(|error| CosignError::Malformed(format!("no signature in SCALE: {error}")))
    }
}
