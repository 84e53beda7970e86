//! The other primary providers over their RPC: one connection for each
//! endpoint, kept while it stands.

mod endpoint;
mod reach;
#[cfg(test)]
mod tests;

use crate::api::ProviderApiClient;
use crate::error::refusal_in;
use crate::types::Uint;
use async_trait::async_trait;
use cairn_gadget::{Ask, CosignError, Cosigners, Holding};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::PrimaryProvider;
use codec::{DecodeAll, Encode};
use endpoint::websocket;
use jsonrpsee::core::ClientError;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use lru::LruCache;
use parking_lot::Mutex;
use reach::ReachError;
use sp_core::Bytes;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What asking another provider may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CosignerLimits {
    /// How long one question may take, with connecting. Shorter than two blocks
    /// of six seconds, so that a provider that is gone does not cost the others
    /// their window.
    pub within: Duration,
    /// Connections that are kept: 64, for twelve buckets of five providers
    /// each without one in common. With more, the one that was used least
    /// recently goes.
    pub connections: NonZeroUsize,
    /// The largest answer in bytes. The largest that is right has some hundred.
    pub answer_bytes: u32,
    /// Whether endpoints may lead to addresses that are not public, as within one
    /// network or on one machine: they do not, unless an operator says so, since
    /// anyone who registers one has this provider connect to it.
    pub allow_private: bool,
}

impl Default for CosignerLimits {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(10),
            connections: NonZeroUsize::MIN.saturating_add(63),
            answer_bytes: 16 << 10,
            allow_private: false,
        }
    }
}

/// A connection, if one stands. Locked while it is made, so that one is made.
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
    /// Nobody is connected to before they are asked.
    pub fn new(limits: CosignerLimits) -> Self {
        Self {
            limits,
            slots: Mutex::new(LruCache::new(limits.connections)),
        }
    }

    /// Asks a provider, within the limits. A connection that was kept may have
    /// died unnoticed, so a question that it does not get answered is asked once
    /// more on a new one: nobody signs another thing for being asked twice.
    async fn ask<T, F>(
        &self,
        from: &PrimaryProvider,
        question: impl Fn(Arc<WsClient>) -> F + Send + Sync,
    ) -> Result<T, CosignError>
    where
        F: Future<Output = Result<T, ClientError>> + Send,
    {
        let endpoint = || String::from_utf8_lossy(&from.endpoint).into_owned();
        let url = websocket(&from.endpoint).map_err(|why| CosignError::Unreachable {
            endpoint: endpoint(),
            reason: why.to_owned(),
        })?;
        let mut within = self.limits.within;
        if let Some(kept) = self.kept(&url) {
            within /= 2;
            match answered(within, question(kept)).await {
                Err(Failed::Reaching(_)) => self.forget(&url),
                Err(Failed::Answered(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
        }
        let slot = self.slot(&url);
        let asked = async { question(self.connected(&slot, &url).await?).await };
        match answered(within, asked).await {
            Ok(answer) => Ok(answer),
            Err(Failed::Answered(error)) => Err(error),
            Err(Failed::Reaching(reason)) => {
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

    /// The connection that stands, unless it is being made right now.
    fn kept(&self, url: &str) -> Option<Arc<WsClient>> {
        let slot = self.slot(url);
        let held = slot.try_lock().ok()?;
        held.clone().filter(|client| client.is_connected())
    }

    fn forget(&self, url: &str) {
        self.slots.lock().pop(url);
    }

    async fn connected(&self, slot: &Slot, url: &str) -> Result<Arc<WsClient>, ClientError> {
        let mut held = slot.lock().await;
        if let Some(client) = held.as_ref().filter(|client| client.is_connected()) {
            return Ok(client.clone());
        }
        let transport = |error: ReachError| ClientError::Transport(error.into());
        let parsed = Url::parse(url).map_err(|error| transport(error.into()))?;
        let wire = reach::connect(&parsed, self.limits.allow_private);
        // Over a connection of ours nothing is redirected.
        let client = WsClientBuilder::new()
            .max_response_size(self.limits.answer_bytes)
            .connection_timeout(self.limits.within)
            .request_timeout(self.limits.within)
            .build_with_stream(url, wire.await.map_err(transport)?)
            .await?;
        let client = Arc::new(client);
        *held = Some(client.clone());
        Ok(client)
    }
}

/// How a question failed.
enum Failed {
    /// The provider has said so, in whatever words.
    Answered(CosignError),
    /// It was not reached, or not in time.
    Reaching(String),
}

async fn answered<T>(
    within: Duration,
    question: impl Future<Output = Result<T, ClientError>> + Send,
) -> Result<T, Failed> {
    match tokio::time::timeout(within, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ClientError::Call(error))) => Err(Failed::Answered(match refusal_in(&error) {
            Some(refusal) => CosignError::Refused(refusal),
            None => CosignError::Malformed(format!("{} ({})", error.message(), error.code())),
        })),
        Ok(Err(ClientError::ParseError(error))) => {
            Err(Failed::Answered(CosignError::Malformed(error.to_string())))
        }
        Ok(Err(error)) => Err(Failed::Reaching(error.to_string())),
        Err(_) => {
            let seconds = within.as_secs_f32();
            Err(Failed::Reaching(format!("no answer within {seconds} s")))
        }
    }
}

#[async_trait]
impl Cosigners for RpcCosigners {
    async fn holding(
        &self,
        from: &PrimaryProvider,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<Holding, CosignError> {
        let (id, window) = (Uint(bucket.0), window.map(Uint));
        let question = |client: Arc<WsClient>| async move { client.holding(id, window).await };
        let info = self.ask(from, question).await?;
        info.holding()
            .ok_or_else(|| CosignError::Malformed("it tells of a leaf count above 2^62".into()))
    }

    async fn cosign(
        &self,
        from: &PrimaryProvider,
        ask: &Ask,
    ) -> Result<MultiSignature, CosignError> {
        let ask = Bytes(ask.encode());
        let question = |client: Arc<WsClient>| {
            let ask = ask.clone();
            async move { client.sign_checkpoint(ask).await }
        };
        let signature = self.ask(from, question).await?;
        MultiSignature::decode_all(&mut signature.0.as_slice())
            .map_err(|error| CosignError::Malformed(format!("no signature in SCALE: {error}")))
    }
}
