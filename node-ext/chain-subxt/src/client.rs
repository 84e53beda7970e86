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
mod encoding;
mod link;
mod nonces;
mod offers;
mod progress;
mod rows;
mod runtime;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use cairn_chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
use cairn_keys::Signer;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, H256};
use call::Call;
use codec::{Decode, Encode};
use futures::future::try_join;
use futures::stream::{BoxStream, StreamExt, once, unfold};
use link::{Header, Link, fault};
use nonces::Nonces;
use offers::{API, JUDGE};
use rows::Rows;
use std::future::{Future, ready};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use subxt::rpcs::Error as RpcError;
use wire::{Dial, WsDial};

/// The timeout of a request to the node. Blocks come every six seconds; a node that
/// needs five of them for an answer is of no use.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The most pending finalized heads that are taken at once; only the newest is used.
const MAX_HEADS: usize = 1024;
/// How many more nonces to try if extrinsics that were sent elsewhere for the account
/// have taken one.
const NONCES_TRIED: usize = 8;
/// The pool's error codes for a nonce that another extrinsic in it has.
const NONCE_IS_TAKEN: [i32; 2] = [1013, 1014];

/// A remote node, for the account of one key.
pub struct SubxtClient {
    account: AccountId,
    signer: Signer,
    dial: Box<dyn Dial>,
    answer_within: Duration,
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
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
        let dial = WsDial {
            url: url.to_owned(),
            answer_within: ANSWER_WITHIN,
        };
        Self::by(Box::new(dial), signer, ANSWER_WITHIN)
    }

    /// Creates a client and connects it.
    ///
    /// # Errors
    ///
    /// As [`SubxtClient::reach`].
    pub async fn connect(url: &str, signer: Signer) -> Result<Self, ChainError> {
        let client = Self::new(url, signer);
        client.reach().await?;
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
    pub async fn reach(&self) -> Result<(), ChainError> {
        let link = self.within(self.link()).await?;
        link.latest().offers_answering()
    }

    fn by(dial: Box<dyn Dial>, signer: Signer, answer_within: Duration) -> Self {
        Self {
            account: AccountId(signer.public()),
            signer,
            dial,
            answer_within,
            link: tokio::sync::Mutex::default(),
            genesis: OnceLock::new(),
            urgent_tip: 0,
            nonces: Nonces::default(),
            submitting: tokio::sync::Mutex::default(),
        }
    }

    #[cfg(test)]
    async fn connect_by(
        dial: Box<dyn Dial>,
        signer: Signer,
        answer_within: Duration,
    ) -> Result<Self, ChainError> {
        let client = Self::by(dial, signer, answer_within);
        client.reach().await?;
        Ok(client)
    }

    /// Returns the genesis hash of the chain, once it was reached.
    pub fn genesis(&self) -> Option<H256> {
        self.genesis.get().copied()
    }

    /// Returns the connection, reopened if it was lost.
    async fn link(&self) -> Result<Arc<Link>, ChainError> {
        let mut held = self.link.lock().await;
        if let Some(link) = held.as_ref().filter(|link| link.is_open()) {
            return Ok(link.clone());
        }
        // The old connection is dropped before a new one is opened.
        *held = None;
        let link = Arc::new(Link::open(self.dial.dial().await?).await?);
        let genesis = self.genesis.get_or_init(|| link.genesis);
        if *genesis != link.genesis {
            return Err(ChainError::OtherChain {
                expected: *genesis,
                found: link.genesis,
            });
        }
        link::tell_missing(&link.latest());
        *held = Some(link.clone());
        Ok(link)
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ChainError>> + Send,
    ) -> Result<T, ChainError> {
        match tokio::time::timeout(self.answer_within, work).await {
            Ok(done) => done,
            Err(_) => Err(no_answer(self.answer_within)),
        }
    }

    /// Calls a method of the storage pallet's runtime API.
    async fn ask<R: Decode>(
        &self,
        at: H256,
        method: &str,
        arguments: impl Encode + Send,
    ) -> Result<R, ChainError> {
        let arguments = arguments.encode();
        self.within(async move {
            let link = self.link().await?;
            ask(&link, at, method, &arguments).await
        })
        .await
    }

    async fn submit_call(&self, call: &Call, tip: u128) -> Result<Ticket, ChainError> {
        let _turn = self.submitting.lock().await;
        let link = self.link().await?;
        let (runtime, mut standing) = link.standing(self.account).await?;
        let next = standing.nonce;
        let mut taken = Vec::new();
        loop {
            let nonce = self.nonces.take(next);
            standing.nonce = nonce.get();
            let extrinsic = runtime.sign(call, &self.signer, &standing, tip)?;
            let handed = link
                .methods
                .author_submit_and_watch_extrinsic(&extrinsic.bytes)
                .await;
            match handed {
                Ok(statuses) => {
                    return Ok(Ticket {
                        hash: extrinsic.hash,
                        progress: progress::follow(statuses, nonce),
                    });
                }
                Err(RpcError::User(refusal))
                    if NONCE_IS_TAKEN.contains(&refusal.code) && taken.len() < NONCES_TRIED =>
                {
                    taken.push(nonce);
                }
                Err(RpcError::User(refusal)) => {
                    let data = refusal.data.as_ref().map_or("", |data| data.get());
                    return Err(ChainError::NotTaken(format!("{refusal} {data}")));
                }
                Err(error) => return Err(fault(error)),
            }
        }
    }
}

fn no_answer(within: Duration) -> ChainError {
    ChainError::Unreachable(format!("no answer within {} s", within.as_secs_f32()))
}

async fn ask<R: Decode>(
    link: &Link,
    at: H256,
    method: &str,
    arguments: &[u8],
) -> Result<R, ChainError> {
    link.latest().offers(method)?;
    link.call(&format!("{API}_{method}"), arguments, at).await
}

/// Reads the anchor block of a block, and loads its runtime if that is new.
async fn head_of(link: &Link, hash: H256, header: &Header) -> Result<Head, ChainError> {
    let number = u32::try_from(header.number)
        .map_err(|_| ChainError::Unsupported(format!("block {} is past 32 bits", header.number)))?;
    let anchor = ask(link, hash, "anchor_block", &[]);
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
        let link = self.within(self.link()).await?;
        Ok(link.genesis)
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        let limit = self.answer_within;
        let (link, headers, present) = self
            .within(async {
                let link = self.link().await?;
                // Subscribed before the current head is read, so that no head is missed.
                let headers = link.methods.chain_subscribe_finalized_heads().await;
                let headers = headers.map_err(fault)?;
                let hash = link.finalized().await?;
                let header = link.header(hash).await?;
                let present = head_of(&link, hash, &header).await?;
                Ok((link, headers, present))
            })
            .await?;
        let from = (link, headers.ready_chunks(MAX_HEADS), present.number);
        let later = unfold(from, move |(link, mut headers, last)| async move {
            loop {
                // The newest of the pending heads.
                let header = headers.next().await?.pop()?.ok()?;
                if header.number <= u64::from(last) {
                    continue;
                }
                let hash = link.latest().hash_of(&header);
                let head = tokio::time::timeout(limit, head_of(&link, hash, &header)).await;
                match head.unwrap_or_else(|_| Err(no_answer(limit))) {
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
        self.within(async {
            let link = self.link().await?;
            let hash = link.best().await?;
            let header = link.header(hash).await?;
            head_of(&link, hash, &header).await
        })
        .await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.ask(at, "limits", ()).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.ask(at, "provider", self.account).await
    }

    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        let rows: Rows = self.ask(at, "open_challenges", self.account).await?;
        Ok(rows.into())
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.ask(at, "bucket", bucket).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.ask(at, "buckets_of", self.account).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.ask(at, "outcomes", ()).await
    }

    async fn judge(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError> {
        let arguments = (self.account, id, response).encode();
        self.within(async move {
            let link = self.link().await?;
            if link.latest().offers(JUDGE).is_err() {
                return Ok(Verdict::NotOffered);
            }
            let best = link.best().await?;
            let verdict: Result<(), ResponseRefusal> = ask(&link, best, JUDGE, &arguments).await?;
            Ok(verdict.map_or_else(Verdict::Refused, |()| Verdict::Accepted))
        })
        .await
    }

    async fn submit(&self, submission: Submission) -> Result<Ticket, ChainError> {
        let call = Call::of(&submission);
        self.within(self.submit_call(&call, 0)).await
    }

    async fn submit_urgently(&self, submission: Submission) -> Result<Ticket, ChainError> {
        let call = Call::of(&submission);
        self.within(self.submit_call(&call, self.urgent_tip)).await
    }
}
