//! Makes proofs from a provider's buckets on blocking threads.

use super::answer::{Prover, tells_root_alone};
use super::no_proof::NoProof;
use async_trait::async_trait;
use cairn_bucket::{AuthorisedDeletion, Bucket, ProveError, StateRef};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{Answer, BucketId, H256, Sequence};
use cairn_provider::{LeaseRequest, Provider, ProviderError};
use std::sync::Arc;

/// The [`Prover`] over a provider's buckets.
pub(super) struct ProviderProver {
    provider: Arc<Provider>,
}

impl ProviderProver {
    pub(super) fn new(provider: Arc<Provider>) -> Self {
        Self { provider }
    }

    /// Runs a query on a blocking thread.
    async fn run_blocking<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Provider) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, NoProof> {
        let provider = self.provider.clone();
        match tokio::task::spawn_blocking(move || what(&provider)).await {
            Ok(answered) => answered.map_err(NoProof::from),
            Err(stopped) => Err(NoProof::Transient(stopped.to_string())),
        }
    }
}

#[async_trait]
impl Prover for ProviderProver {
    async fn prove(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        let (id, location) = (challenge.bucket_id, challenge.location);
        let asked = AskedState::of(challenge);
        // Quarantine stops writes only; a proof is still tried, and verified as usual.
        self.run_blocking(move |provider| asked.answer(|at| provider.answer(id, at, location)))
            .await
    }

    async fn prove_another_leaf(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        let (id, location) = (challenge.bucket_id, challenge.location);
        let asked = AskedState::of(challenge);
        self.run_blocking(move |provider| {
            asked.answer(|at| provider.answer_unbound(id, at, location))
        })
        .await
    }

    async fn deletions(&self, bucket: BucketId) -> Vec<AuthorisedDeletion> {
        let read = self.run_blocking(move |provider| {
            let lease = provider.blocking_lease(bucket, LeaseRequest::challenge())?;
            Ok(lease.run(Bucket::deletions)?)
        });
        read.await.unwrap_or_else(|error| {
            tracing::warn!(%bucket, %error, "the deletions that admins authorised cannot be read");
            Vec::new()
        })
    }
}

/// The state that a challenge asks for.
#[derive(Clone, Copy)]
struct AskedState {
    root: H256,
    tree: Sequence,
    tells_root_alone: bool,
}

impl AskedState {
    fn of(challenge: &OpenChallenge) -> Self {
        Self {
            root: challenge.mmr_root,
            tree: challenge.start_seq,
            tells_root_alone: tells_root_alone(challenge),
        }
    }

    /// Answers from the tree that the challenge names. If that has no such root and the challenge
    /// tells the root alone, answers from whichever tree has it: a replica's confirmation may be of
    /// a tree that starts anywhere.
    fn answer(
        self,
        answer: impl Fn(StateRef) -> Result<Answer, ProviderError>,
    ) -> Result<Answer, ProviderError> {
        let (root, tree) = (self.root, self.tree);
        match answer(StateRef::RootOf { root, tree }) {
            Err(
                ProviderError::Prove(ProveError::UnknownRoot { .. }) | ProviderError::Behind { .. },
            ) if self.tells_root_alone => answer(StateRef::Root(root)),
            answered => answered,
        }
    }
}

impl From<ProviderError> for NoProof {
    fn from(error: ProviderError) -> Self {
        let reason = error.to_string();
        match error {
            ProviderError::Prove(error) => Self::from_prove_error(&error),
            ProviderError::NoSuchBucket { .. } => Self::NotHere(reason),
            ProviderError::Lost { .. }
            | ProviderError::Quarantined { .. }
            | ProviderError::Open { .. }
            | ProviderError::Behind { .. } => Self::NeedsRepair(reason),
            ProviderError::Busy { .. }
            | ProviderError::Reserved { .. }
            | ProviderError::Aborted { .. }
            | ProviderError::ReadOnly { .. }
            | ProviderError::Io(_)
            | ProviderError::Index(_)
            | ProviderError::OtherChain { .. }
            | ProviderError::MissingSignedRoots { .. }
            | ProviderError::BasePath(_)
            | ProviderError::Budget(_)
            | ProviderError::Signing(_)
            | ProviderError::Create(_)
            | ProviderError::Commit(_)
            | ProviderError::Transfer(_)
            | ProviderError::Ingest(_) => Self::Transient(reason),
        }
    }
}

impl NoProof {
    fn from_prove_error(error: &ProveError) -> Self {
        let reason = error.to_string();
        match error {
            ProveError::UnknownRoot { .. }
            | ProveError::Released { .. }
            | ProveError::NoSuchCount { .. }
            | ProveError::PlainHashingOnly { .. }
            | ProveError::SpPlan { .. } => Self::NotHere(reason),
            // A leaf beyond the root's count, a padding slot, and a tree whose shape the chain
            // cannot verify.
            ProveError::NoSuchLeaf { .. }
            | ProveError::NoSuchChunk { .. }
            | ProveError::Unprovable { .. } => Self::Unprovable(reason),
            ProveError::MissingNode { .. }
            | ProveError::MissingLeaf { .. }
            | ProveError::MissingContent { .. }
            | ProveError::Damaged { .. } => Self::NeedsRepair(reason),
            ProveError::Engine(error) if error.is_damage() => Self::NeedsRepair(reason),
            ProveError::Engine(_) | ProveError::Sink(_) => Self::Transient(reason),
        }
    }
}
