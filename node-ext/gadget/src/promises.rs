//! The signed-root worker: compares this account's signatures on chain with what this provider
//! holds.
//!
//! A base path that was restored from an older backup does not know what it signed since, and would
//! sign on: only the chain can tell. So at the first finalized head, and often after it, every root
//! on chain with this account's signature must be recorded here as signed, and its tree must have
//! it. A bucket that lacks one is reported to the operator and signs nothing more. This worker
//! needs only the chain and the index, whatever else runs.

mod board;
#[cfg(test)]
mod tests;

pub use board::{PromiseBoard, PromiseStatistics, PromiseTrouble};

use super::heads::Heads;
use cairn_chain::{ChainClient, ChainError, Head};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{Found, Provider, ProviderError};
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

/// Anchor blocks between comparisons of all buckets: ten minutes. Challenges are compared at every
/// head.
const USUAL_EVERY: u32 = 100;

/// The configuration of the signed-root worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromiseConfig {
    /// Anchor blocks between comparisons of all buckets; 0 compares at every finalized block.
    pub every: u32,
}

impl Default for PromiseConfig {
    fn default() -> Self {
        Self { every: USUAL_EVERY }
    }
}

/// Errors that abort a comparison. It is retried at the next head.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("the comparison was aborted: {0}")]
    BrokenOff(#[from] tokio::task::JoinError),
}

/// Returns the current checkpoint if the account's bit is set in it. Signatures behind historical
/// roots cannot be told apart from others'.
pub(crate) fn signed_on_chain(info: &BucketInfo, account: &AccountId) -> Option<Commitment> {
    let place = info.place_of(account)?;
    let snapshot = info.snapshot.as_ref()?;
    snapshot.signed_by(place).then_some(snapshot.commitment)
}

/// Returns the commitment that a challenge says was signed. Older chains do not tell the leaf
/// count; it is then 0.
fn signed_in(challenge: &OpenChallenge) -> Commitment {
    Commitment {
        mmr_root: challenge.mmr_root,
        start_seq: challenge.start_seq,
        leaf_count: challenge.leaf_count.unwrap_or_default(),
    }
}

/// Compares one bucket with our signatures on chain, and quarantines it if it lacks one. Blocks.
pub(crate) fn compare(
    provider: &Provider,
    id: BucketId,
    on_chain: &[Commitment],
) -> Result<Option<PromiseTrouble>, ProviderError> {
    let mut trouble = None;
    for commitment in provider.keep_on_chain(id, on_chain)? {
        match provider.find_signed(id, &commitment)? {
            Found::Provable => {}
            // Irrelevant while the chain does not have it.
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

/// The worker that compares our signatures on chain with what this provider holds.
pub struct PromiseWatch {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    config: PromiseConfig,
    board: Arc<PromiseBoard>,
    /// The anchor block of the next comparison of all buckets.
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
    /// Creates the worker for a provider and a chain.
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

    /// Returns a view of the worker's state.
    pub fn board(&self) -> Arc<PromiseBoard> {
        self.board.clone()
    }

    /// Compares until `shutdown` completes.
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
        // Also compares if the chain seems to go back.
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
                    "not all signatures on chain could be compared; trying again"
                );
                // A permanent error is not logged at every block.
                if let Failure::Chain(error) = error
                    && !error.is_passing()
                {
                    self.next_at = head.anchor.saturating_add(self.config.every);
                    // A runtime without the query will not gain it.
                    if let ChainError::Unsupported(_) = error {
                        self.provider.is_compared();
                    }
                }
            }
        }
    }

    async fn look(&self, head: Head, looks_at_all: bool) -> Result<(), Failure> {
        // Challenges first, even if the runtime lacks the other queries.
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
            // First, since the stored list begins with the newest checkpoint.
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
                // Busy or unreadable; in the latter case it is already in quarantine.
                Err::<_, ProviderError>(error) => {
                    tracing::warn!(bucket = %id, %error, "a bucket cannot be compared with the \
                        chain");
                }
            }
        }
        Ok(())
    }
}
