//! Comparing what the chain has of this account's signatures with what is here.
//!
//! A base path that was restored from an older backup knows nothing of what it
//! signed since, and would sign on: only the chain can tell. So at the first
//! finalized head, and often from then on, every root on chain that bears this
//! account's signature must be noted here as signed, and its tree must have it.
//! What is not is told to the operator, and its bucket signs nothing any more.
//! Whatever else runs or does not: this needs the chain and the index alone.

mod board;
#[cfg(test)]
mod tests;

pub use board::{PromiseBoard, PromiseStatistics, PromiseTrouble};

use super::heads::Heads;
use crate::chain::{ChainClient, ChainError, Head};
use crate::provider::{Found, Provider, ProviderError};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Commitment};
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

/// Anchor blocks between two looks at all buckets: ten minutes. Challenges are
/// looked at with every head.
const USUAL_EVERY: u32 = 100;

/// How the chain's word is compared with what is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromiseConfig {
    /// Anchor blocks from one look at all buckets to the next; 0 for at every
    /// finalized block.
    pub every: u32,
}

impl Default for PromiseConfig {
    fn default() -> Self {
        Self { every: USUAL_EVERY }
    }
}

/// Why a look was broken off. The next head looks again.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("the work was broken off: {0}")]
    BrokenOff(#[from] tokio::task::JoinError),
}

/// What the chain has of an account's signatures over a bucket: the checkpoint
/// that stands, if the account's bit is set in it. Those behind historical roots
/// are not told apart from others'.
pub(crate) fn signed_on_chain(info: &BucketInfo, account: &AccountId) -> Option<Commitment> {
    let place = info.place_of(account)?;
    let snapshot = info.snapshot.as_ref()?;
    snapshot.signed_by(place).then_some(snapshot.commitment)
}

/// The commitment that a challenge says was signed. Older chains do not tell for how many
/// leaves, which is 0 here.
fn signed_in(challenge: &OpenChallenge) -> Commitment {
    Commitment {
        mmr_root: challenge.mmr_root,
        start_seq: challenge.start_seq,
        leaf_count: challenge.leaf_count.unwrap_or_default(),
    }
}

/// Compares one bucket with what the chain has of our signatures over it, and
/// sets it apart where it has less. Blocks.
pub(crate) fn compare(
    provider: &Provider,
    id: BucketId,
    on_chain: &[Commitment],
) -> Result<Option<PromiseTrouble>, ProviderError> {
    let mut trouble = None;
    for commitment in provider.keep_on_chain(id, on_chain)? {
        match provider.find_signed(id, &commitment)? {
            Found::Provable => {}
            // Of no account as long as the chain does not ask for it.
            Found::LetGo if on_chain.contains(&commitment) => {
                trouble.get_or_insert(PromiseTrouble::LetGo);
            }
            Found::LetGo => {}
            Found::NoBucket => return Ok(Some(PromiseTrouble::NoBucket { commitment })),
            Found::Missing => {
                let missing = PromiseTrouble::Missing { commitment };
                provider.set_apart(id, missing.to_string());
                return Ok(Some(missing));
            }
        }
    }
    Ok(trouble)
}

/// Compares the chain's word with what is here, and tells of what is not.
pub struct PromiseWatch {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    config: PromiseConfig,
    board: Arc<PromiseBoard>,
    /// When all buckets are looked at next.
    next_at: u32,
}

impl std::fmt::Debug for PromiseWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromiseWatch")
            .field("config", &self.config)
            .field("next_at", &self.next_at)
            .finish_non_exhaustive()
    }
}

impl PromiseWatch {
    /// A watch over a provider's buckets, by what a chain says.
    pub fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        config: PromiseConfig,
    ) -> Self {
        Self {
            chain,
            provider,
            config,
            board: Arc::default(),
            next_at: 0,
        }
    }

    /// How it stands, to be read at any time.
    pub fn board(&self) -> Arc<PromiseBoard> {
        self.board.clone()
    }

    /// Compares until `shutdown` is there.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::of(self.chain.clone(), "promises");
        loop {
            let mut looked = pin!(
                async {
                    let head = heads.next().await;
                    self.saw(head).await;
                }
                .fuse()
            );
            futures::select_biased! {
                () = shutdown => return,
                () = looked => {}
            }
        }
    }

    pub(crate) async fn saw(&mut self, head: Head) {
        // A chain that seems to go back is looked at too.
        let rest = self.next_at.saturating_sub(self.config.every)..self.next_at;
        let looks_at_all = !rest.contains(&head.anchor);
        match self.look(head, looks_at_all).await {
            Ok(()) if looks_at_all => {
                self.next_at = head.anchor.saturating_add(self.config.every);
                self.board.looked();
                self.provider.is_compared();
            }
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(
                    %error,
                    "what the chain has of this provider's signatures is not all compared; it is \
                     tried again"
                );
                // What does not pass is not told at every block.
                if let Failure::Chain(error) = error
                    && !error.is_passing()
                {
                    self.next_at = head.anchor.saturating_add(self.config.every);
                    // A runtime that does not tell will not do so later.
                    if let ChainError::Unsupported(_) = error {
                        self.provider.is_compared();
                    }
                }
            }
        }
    }

    async fn look(&self, head: Head, looks_at_all: bool) -> Result<(), Failure> {
        // These first, whatever else a runtime does not offer.
        let mut asked: BTreeMap<BucketId, Vec<Commitment>> = BTreeMap::new();
        for challenge in self.chain.open_challenges(head.hash).await? {
            let of_bucket = asked.entry(challenge.bucket_id).or_default();
            of_bucket.push(signed_in(&challenge));
        }
        if !looks_at_all {
            return self.compare_all(asked, &BTreeSet::new(), false).await;
        }
        self.compare_all(asked.clone(), &BTreeSet::new(), false)
            .await?;
        let mut signed = asked;
        let mut held: BTreeSet<_> = self.chain.buckets(head.hash).await?.into_iter().collect();
        let provider = self.provider.clone();
        let gone = tokio::task::spawn_blocking(move || provider.buckets_let_go());
        let account = self.chain.account();
        let all: BTreeSet<_> = held.iter().copied().chain(gone.await??).collect();
        for id in all {
            let Some(info) = self.chain.bucket(head.hash, id).await? else {
                continue;
            };
            if info.place_of(&account).is_some() {
                held.insert(id);
            }
            let of_bucket = signed.entry(id).or_default();
            // First, since what is kept begins with the newest checkpoint.
            of_bucket.splice(..0, signed_on_chain(&info, &account));
        }
        self.compare_all(signed, &held, true).await
    }

    async fn compare_all(
        &self,
        signed: BTreeMap<BucketId, Vec<Commitment>>,
        held: &BTreeSet<BucketId>,
        is_of_all: bool,
    ) -> Result<(), Failure> {
        if is_of_all {
            self.board.forget_all_but(|id| signed.contains_key(id));
        }
        for (id, on_chain) in signed {
            let is_held = held.contains(&id);
            let provider = self.provider.clone();
            let compared = tokio::task::spawn_blocking(move || {
                let trouble = compare(&provider, id, &on_chain)?;
                match trouble {
                    None if is_held && provider.has_let_go(id)? => Ok(Some(PromiseTrouble::LetGo)),
                    trouble => Ok(trouble),
                }
            });
            match compared.await? {
                Ok(trouble) if is_of_all || trouble.is_some() => self.board.stands(id, trouble),
                Ok(_) => {}
                // Busy, or unreadable: the latter has been set apart.
                Err::<_, ProviderError>(error) => {
                    tracing::warn!(bucket = %id, %error, "a bucket is not compared with the chain");
                }
            }
        }
        Ok(())
    }
}
