//! Makes proofs from a provider's buckets on blocking threads.

use super::answer::Prover;
use super::no_proof::NoProof;
use async_trait::async_trait;
use cairn_bucket::{AuthorisedDeletion, Bucket, ProveError, StateRef};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{Answer, BucketId};
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
        let at = state_of(challenge);
        // Quarantine stops writes only; a proof is still tried, and verified as usual.
        self.run_blocking(move |provider| provider.answer(id, at, location))
            .await
    }

    async fn prove_another_leaf(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        let (id, location) = (challenge.bucket_id, challenge.location);
        let at = state_of(challenge);
        self.run_blocking(move |provider| provider.answer_unbound(id, at, location))
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

const fn state_of(challenge: &OpenChallenge) -> StateRef {
    StateRef::RootOf {
        root: challenge.mmr_root,
        tree: challenge.start_seq,
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
