//! The chain of a remote node, through its JSON-RPC and its runtime's metadata.
//!
//! ```text
//! SubxtClient ─► Link (one connection, reopened when it is lost)
//!                  ├─ state_call StorageProviderApi ─► our types, once compared with the metadata
//!                  ├─ Runtime (one version's metadata) ─► extrinsics by name, signed here
//!                  └─ author_submitAndWatchExtrinsic ──► Progress
//! ```
//!
//! It uses only RPC methods that every Substrate node has: `chain_*`, `state_*`,
//! `author_*`, and `system_accountNextIndex`.

mod call;
mod capabilities;
mod connection;
mod encoding;
mod nonces;
mod rows;
mod runtime;
mod statuses;
#[cfg(test)]
mod tests;
mod transport;

use async_trait::async_trait;
use cairn_chain::{ChainClient, ChainError, DryRunResult, Head, Submission, SubmittedExtrinsic};
use cairn_keys::Signer;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, H256};
use call::Call;
use capabilities::{API, DRY_RUN};
use codec::{Decode, Encode};
use connection::{Connection, Header, request_error};
use futures::future::try_join;
use futures::stream::{BoxStream, StreamExt, once, unfold};
use nonces::Nonces;
use rows::Rows;
use std::future::{Future, ready};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use subxt::rpcs::Error as RpcError;
use transport::{Connector, WsConnector};

/// The timeout of a request to the node. Blocks come every six seconds; a node that
/// needs five of them for an answer is of no use.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The most pending finalized heads that are taken at once; only the newest is used.
const MAX_READY_HEADS: usize = 1024;
/// How many more nonces to try if extrinsics that were sent elsewhere for the account
/// have taken one.
const MAX_NONCE_RETRIES: usize = 8;
/// The pool's error codes for a nonce that another extrinsic in it has.
const NONCE_TAKEN_CODES: [i32; 2] = [1013, 1014];

/// A remote node, for the account of one key.
pub struct SubxtClient {
    account: AccountId,
    signer: Signer,
    connector: Box<dyn Connector>,
    response_timeout: Duration,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// The genesis hash of the first chain that was reached.
    genesis: OnceLock<H256>,
    /// The tip of an urgent extrinsic.
    urgent_tip: u128,
    nonces: Nonces,
    /// Held from choosing a nonce until the pool has the extrinsic, so that a rejected
    /// one leaves no gap below others.
    submitting: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for SubxtClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubxtClient")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl SubxtClient {
    /// Creates a client of the node at a WebSocket URL, `ws://` or `wss://`, for the
    /// account of the signer's key. Connects with the first request.
    pub fn new(url: &str, signer: Signer) -> Self {
        let connector = WsConnector {
            url: url.to_owned(),
            response_timeout: RESPONSE_TIMEOUT,
        };
        Self::with_connector(Box::new(connector), signer, RESPONSE_TIMEOUT)
    }

    /// Creates a client and connects it.
    ///
    /// # Errors
    ///
    /// As [`SubxtClient::ensure_connected`].
    pub async fn connect(url: &str, signer: Signer) -> Result<Self, ChainError> {
        let client = Self::new(url, signer);
        client.ensure_connected().await?;
        Ok(client)
    }

    /// Sets the tip of urgent extrinsics for the author of the block, in the chain's
    /// smallest unit.
    #[must_use]
    pub const fn with_urgent_tip(mut self, tip: u128) -> Self {
        self.urgent_tip = tip;
        self
    }

    /// Connects if it is not connected. Logs everything that the runtime lacks.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`], or [`ChainError::Unsupported`] with everything that
    /// the runtime lacks for answering challenges.
    pub async fn ensure_connected(&self) -> Result<(), ChainError> {
        let link = self.with_timeout(self.connection()).await?;
        link.latest().require_answering()
    }

    fn with_connector(
        connector: Box<dyn Connector>,
        signer: Signer,
        response_timeout: Duration,
    ) -> Self {
        Self {
            account: AccountId(signer.public()),
            signer,
            connector,
            response_timeout,
            connection: tokio::sync::Mutex::default(),
            genesis: OnceLock::new(),
            urgent_tip: 0,
            nonces: Nonces::default(),
            submitting: tokio::sync::Mutex::default(),
        }
    }

    #[cfg(test)]
    async fn connect_with(
        connector: Box<dyn Connector>,
        signer: Signer,
        response_timeout: Duration,
    ) -> Result<Self, ChainError> {
        let client = Self::with_connector(connector, signer, response_timeout);
        client.ensure_connected().await?;
        Ok(client)
    }

    /// Returns the genesis hash of the chain, once it was reached.
    pub fn genesis(&self) -> Option<H256> {
        self.genesis.get().copied()
    }

    /// Returns the connection, reopened if it was lost.
    async fn connection(&self) -> Result<Arc<Connection>, ChainError> {
        let mut held = self.connection.lock().await;
        if let Some(link) = held.as_ref().filter(|link| link.is_open()) {
            return Ok(link.clone());
        }
        // The old connection is dropped before a new one is opened.
        *held = None;
        let link = Arc::new(Connection::open(self.connector.connect().await?).await?);
        let genesis = self.genesis.get_or_init(|| link.genesis);
        if *genesis != link.genesis {
            return Err(ChainError::OtherChain {
                expected: *genesis,
                found: link.genesis,
            });
        }
        connection::log_missing(&link.latest());
        *held = Some(link.clone());
        Ok(link)
    }

    async fn with_timeout<T>(
        &self,
        work: impl Future<Output = Result<T, ChainError>> + Send,
    ) -> Result<T, ChainError> {
        match tokio::time::timeout(self.response_timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(timeout_error(self.response_timeout)),
        }
    }

    /// Calls a method of the storage pallet's runtime API.
    async fn query<R: Decode>(
        &self,
        at: H256,
        method: &str,
        arguments: impl Encode + Send,
    ) -> Result<R, ChainError> {
        let arguments = arguments.encode();
        self.with_timeout(async move {
            let link = self.connection().await?;
            query(&link, at, method, &arguments).await
        })
        .await
    }

    async fn submit_call(&self, call: &Call, tip: u128) -> Result<SubmittedExtrinsic, ChainError> {
        let _turn = self.submitting.lock().await;
        let link = self.connection().await?;
        let (runtime, mut context) = link.extrinsic_context(self.account).await?;
        let next = context.nonce;
        let mut taken = Vec::new();
        loop {
            let nonce = self.nonces.take(next);
            context.nonce = nonce.get();
            let extrinsic = runtime.sign(call, &self.signer, &context, tip)?;
            let submitted = link
                .methods
                .author_submit_and_watch_extrinsic(&extrinsic.bytes)
                .await;
            match submitted {
                Ok(statuses) => {
                    return Ok(SubmittedExtrinsic {
                        hash: extrinsic.hash,
                        statuses: statuses::follow(statuses, nonce),
                    });
                }
                Err(RpcError::User(refusal))
                    if NONCE_TAKEN_CODES.contains(&refusal.code)
                        && taken.len() < MAX_NONCE_RETRIES =>
                {
                    taken.push(nonce);
                }
                Err(RpcError::User(refusal)) => {
                    let data = refusal.data.as_ref().map_or("", |data| data.get());
                    return Err(ChainError::PoolRejected(format!("{refusal} {data}")));
                }
                Err(error) => return Err(request_error(error)),
            }
        }
    }
}

fn timeout_error(within: Duration) -> ChainError {
    ChainError::Unreachable(format!("no answer within {} s", within.as_secs_f32()))
}

async fn query<R: Decode>(
    link: &Connection,
    at: H256,
    method: &str,
    arguments: &[u8],
) -> Result<R, ChainError> {
    link.latest().require(method)?;
    link.call(&format!("{API}_{method}"), arguments, at).await
}

/// Reads the anchor block of a block, and loads its runtime if that is new.
async fn read_head(link: &Connection, hash: H256, header: &Header) -> Result<Head, ChainError> {
    let number = u32::try_from(header.number)
        .map_err(|_| ChainError::Unsupported(format!("block {} is past 32 bits", header.number)))?;
    let anchor = query(link, hash, "anchor_block", &[]);
    let (_, anchor) = try_join(link.runtime_at(hash), anchor).await?;
    Ok(Head {
        hash,
        number,
        anchor,
    })
}

#[async_trait]
impl ChainClient for SubxtClient {
    fn account(&self) -> AccountId {
        self.account
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        let link = self.with_timeout(self.connection()).await?;
        Ok(link.genesis)
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        let limit = self.response_timeout;
        let (link, headers, present) = self
            .with_timeout(async {
                let link = self.connection().await?;
                // Subscribed before the current head is read, so that no head is missed.
                let headers = link.methods.chain_subscribe_finalized_heads().await;
                let headers = headers.map_err(request_error)?;
                let hash = link.finalized().await?;
                let header = link.header(hash).await?;
                let present = read_head(&link, hash, &header).await?;
                Ok((link, headers, present))
            })
            .await?;
        let from = (link, headers.ready_chunks(MAX_READY_HEADS), present.number);
        let later = unfold(from, move |(link, mut headers, last)| async move {
            loop {
                // The newest of the pending heads.
                let header = headers.next().await?.pop()?.ok()?;
                if header.number <= u64::from(last) {
                    continue;
                }
                let hash = link.latest().hash_of(&header);
                let head = tokio::time::timeout(limit, read_head(&link, hash, &header)).await;
                match head.unwrap_or_else(|_| Err(timeout_error(limit))) {
                    Ok(head) => return Some((head, (link, headers, head.number))),
                    Err(error) => {
                        tracing::warn!(%error, "the subscription to finalized heads ended");
                        return None;
                    }
                }
            }
        });
        Ok(once(ready(present)).chain(later).boxed())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.with_timeout(async {
            let link = self.connection().await?;
            let hash = link.best().await?;
            let header = link.header(hash).await?;
            read_head(&link, hash, &header).await
        })
        .await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.query(at, "limits", ()).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.query(at, "provider", self.account).await
    }

    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        let rows: Rows = self.query(at, "open_challenges", self.account).await?;
        Ok(rows.into())
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.query(at, "bucket", bucket).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.query(at, "buckets_of", self.account).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.query(at, "outcomes", ()).await
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        let arguments = (self.account, id, response).encode();
        self.with_timeout(async move {
            let link = self.connection().await?;
            if link.latest().require(DRY_RUN).is_err() {
                return Ok(DryRunResult::NotOffered);
            }
            let best = link.best().await?;
            let verdict: Result<(), ResponseRefusal> =
                query(&link, best, DRY_RUN, &arguments).await?;
            Ok(verdict.map_or_else(DryRunResult::Refused, |()| DryRunResult::Accepted))
        })
        .await
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        let call = Call::from_submission(&submission);
        self.with_timeout(self.submit_call(&call, 0)).await
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        let call = Call::from_submission(&submission);
        self.with_timeout(self.submit_call(&call, self.urgent_tip))
            .await
    }
}
