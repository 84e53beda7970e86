//! The signed-root worker: compares this account's signatures on chain with what this provider
//! holds.
//!
//! A base path that was restored from an older backup does not know what it signed since, and would
//! sign on: only the chain can tell. So at the first finalized head, and often after it, every root
//! on chain with this account's signature must be recorded here as signed, and its tree must have
//! it. A bucket that lacks one is reported to the operator and signs nothing more. This worker
//! needs only the chain and the index, whatever else runs.

mod status;
#[cfg(test)]
mod tests;

pub use status::{SignedRootProblem, SignedRootStatistics, SignedRootStatus};

use super::heads::{HeadFollower, follow};
use cairn_chain::{ChainClient, ChainError, Head, ReplicaClient};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{Provider, ProviderError, SignedRootState};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

/// Anchor blocks between comparisons of all buckets: ten minutes. Challenges are compared at every
/// head.
const DEFAULT_INTERVAL: u32 = 100;

/// The cause of a stop of signing because the chain has another key.
const OTHER_KEY: &str = "key";

/// The cause of a stop of signing because a challenge of this provider cannot be read.
const UNREADABLE_CHALLENGE: &str = "unreadable challenge";

/// The configuration of the signed-root worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedRootConfig {
    /// Anchor blocks between comparisons of all buckets; 0 compares at every finalized block.
    pub interval: u32,
}

impl Default for SignedRootConfig {
    fn default() -> Self {
        Self {
            interval: DEFAULT_INTERVAL,
        }
    }
}

/// Errors that abort a comparison. It is retried at the next head.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("the comparison was aborted: {0}")]
    Aborted(#[from] tokio::task::JoinError),
}

/// Returns the current checkpoint if the account's bit is set in it. Signatures behind historical
/// roots cannot be told apart from others'.
pub(crate) fn signed_on_chain(info: &BucketInfo, account: &AccountId) -> Option<Commitment> {
    let place = info.primary_index_of(account)?;
    let snapshot = info.snapshot.as_ref()?;
    snapshot.signed_by(place).then_some(snapshot.commitment)
}

/// Returns the commitment that a challenge says was signed. Older chains do not tell the leaf
/// count; it is then 0.
fn challenged_commitment(challenge: &OpenChallenge) -> Commitment {
    Commitment {
        mmr_root: challenge.mmr_root,
        start_seq: challenge.start_seq,
        leaf_count: challenge.leaf_count.unwrap_or_default(),
    }
}

/// Compares one bucket with our signatures on chain, and quarantines it if it lacks one. Blocks.
pub(crate) fn compare_bucket(
    provider: &Provider,
    id: BucketId,
    on_chain: &[Commitment],
) -> Result<Option<SignedRootProblem>, ProviderError> {
    let mut problem = None;
    for commitment in provider.record_on_chain(id, on_chain)? {
        match provider.find_signed(id, &commitment)? {
            SignedRootState::Provable => {}
            // Irrelevant while the chain does not have it.
            SignedRootState::Tombstoned if on_chain.contains(&commitment) => {
                problem.get_or_insert(SignedRootProblem::Released);
            }
            SignedRootState::Tombstoned => {}
            SignedRootState::NoBucket => {
                return Ok(Some(SignedRootProblem::BucketMissing { commitment }));
            }
            SignedRootState::Missing => {
                let missing = SignedRootProblem::Missing { commitment };
                provider.quarantine(id, missing.to_string());
                return Ok(Some(missing));
            }
        }
    }
    Ok(problem)
}

/// Compares the copy of a replica with what it has confirmed and is challenged for. It does not go
/// into quarantine: it is copied again, and nothing else is signed of it. What was confirmed before
/// counts no more. Blocks.
fn compare_replica(
    provider: &Provider,
    id: BucketId,
    on_chain: &[Commitment],
) -> Result<Option<SignedRootProblem>, ProviderError> {
    for commitment in on_chain.iter().copied() {
        let problem = match provider.find_signed(id, &commitment)? {
            SignedRootState::Provable => continue,
            SignedRootState::Tombstoned => SignedRootProblem::Released,
            SignedRootState::NoBucket => SignedRootProblem::BucketMissing { commitment },
            SignedRootState::Missing => SignedRootProblem::Missing { commitment },
        };
        return Ok(Some(problem));
    }
    Ok(None)
}

/// The worker that compares our signatures on chain with what this provider holds.
pub(crate) struct SignedRootWorker {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    config: SignedRootConfig,
    status: Arc<SignedRootStatus>,
    /// The key that signs commitments here.
    public: [u8; 32],
    /// True if signing was stopped because the chain has another key.
    has_other_key: bool,
    /// True if signing was stopped because a challenge cannot be read.
    has_unreadable_challenge: bool,
    /// The anchor block of the next comparison of all buckets.
    next_at: u32,
    replicas: Option<Arc<dyn ReplicaClient>>,
    /// The buckets of which the account is a replica, with what it has confirmed last.
    confirmed: BTreeMap<BucketId, Option<Commitment>>,
}

impl std::fmt::Debug for SignedRootWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedRootWorker")
            .field("config", &self.config)
            .field("next_at", &self.next_at)
            .finish_non_exhaustive()
    }
}

impl HeadFollower for SignedRootWorker {
    const NAME: &'static str = "signed roots";

    fn chain(&self) -> Arc<dyn ChainClient> {
        self.chain.clone()
    }

    fn on_head(&mut self, head: Head) -> impl Future<Output = ()> + Send {
        self.on_finalized_head(head)
    }
}

impl SignedRootWorker {
    /// Creates the worker for a provider and a chain. `public` is the key that signs commitments
    /// here.
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        public: [u8; 32],
        config: SignedRootConfig,
    ) -> Self {
        Self {
            chain,
            provider,
            config,
            status: Arc::default(),
            public,
            has_other_key: false,
            has_unreadable_challenge: false,
            next_at: 0,
            replicas: None,
            confirmed: BTreeMap::new(),
        }
    }

    /// Also compares what the account has confirmed as a replica.
    #[must_use]
    pub(crate) fn with_replicas(mut self, replicas: Arc<dyn ReplicaClient>) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// Returns a view of the worker's state.
    pub(crate) fn status(&self) -> Arc<SignedRootStatus> {
        self.status.clone()
    }

    /// Compares until `shutdown` completes.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        follow(self, shutdown).await;
    }

    pub(crate) async fn on_finalized_head(&mut self, head: Head) {
        self.compare_key(head).await;
        // Also compares if the chain seems to go back.
        let rest = self.next_at.saturating_sub(self.config.interval)..self.next_at;
        let looks_at_all = !rest.contains(&head.anchor);
        match self.compare(head, looks_at_all).await {
            Ok(()) if looks_at_all => {
                self.next_at = head.anchor.saturating_add(self.config.interval);
                self.status.record_comparison();
                self.provider.mark_compared();
            }
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(
                    %error,
                    "not all signatures on chain could be compared; trying again"
                );
                // No error shows that the chain has nothing to compare with. A node may not serve
                // a query, and a runtime that lost a row's type still holds this account to what
                // it signed: a base path from an older backup would sign on. So nothing new is
                // signed until a comparison is complete. Waiting costs the penalty of a window at
                // most.
                //
                // A permanent error is not logged at every block.
                if let CompareError::Chain(error) = error
                    && !error.is_transient()
                {
                    self.next_at = head.anchor.saturating_add(self.config.interval);
                }
            }
        }
    }

    /// Stops signing while the chain verifies this account's signatures with another key: they
    /// would count for nothing, and the client would learn it only on chain. An account that is not
    /// registered may yet register this key.
    async fn compare_key(&mut self, head: Head) {
        // A node that cannot tell says nothing against the key.
        let Ok(Some(info)) = self.chain.provider(head.hash).await else {
            return;
        };
        let has_other_key = !info.key.is(&self.public);
        match (self.has_other_key, has_other_key) {
            (false, true) => self.provider.stop_signing(
                OTHER_KEY,
                format!(
                    "the chain has the key 0x{} for this provider, but signatures are made with \
                     0x{}",
                    hex::encode(&info.key.0),
                    hex::encode(self.public)
                ),
            ),
            (true, false) => self.provider.resume_signing(OTHER_KEY),
            (true, true) | (false, false) => {}
        }
        self.has_other_key = has_other_key;
    }

    /// Signs nothing new while a challenge of this provider cannot be read: it may be of a root
    /// that is missing here.
    fn stop_for_unreadable_challenge(&mut self, error: &ChainError) {
        if !self.has_unreadable_challenge {
            self.has_unreadable_challenge = true;
            self.provider.stop_signing(
                UNREADABLE_CHALLENGE,
                format!(
                    "a challenge against this provider cannot be read ({error}), and may be of \
                     something that is missing here"
                ),
            );
        }
    }

    /// Resumes signing once all challenges are read and compared again.
    fn resume_after_unreadable_challenge(&mut self) {
        if std::mem::take(&mut self.has_unreadable_challenge) {
            self.provider.resume_signing(UNREADABLE_CHALLENGE);
        }
    }

    /// Reads the agreements as a replica that hold, and what was confirmed of them.
    async fn read_confirmed(&mut self, head: Head) -> Result<(), ChainError> {
        let Some(replicas) = &self.replicas else {
            return Ok(());
        };
        let rows = replicas.replica_agreements(head.hash).await?.into_iter();
        let holding = rows.filter(|(_, row)| head.anchor < row.expires_at);
        self.confirmed = holding
            .map(|(id, row)| (id, row.last_sync.map(|last| last.commitment)))
            .collect();
        self.status
            .set_replicas(self.confirmed.keys().copied().collect());
        Ok(())
    }

    async fn compare(&mut self, head: Head, looks_at_all: bool) -> Result<(), CompareError> {
        // Challenges first, even if the runtime lacks the other queries.
        let mut asked: BTreeMap<BucketId, Vec<Commitment>> = BTreeMap::new();
        let open = self.chain.open_challenges(head.hash).await?;
        if let Some(error) = &open.unreadable {
            self.stop_for_unreadable_challenge(error);
        }
        // If they cannot be read, those that were last seen decide about challenges.
        let confirmed = match looks_at_all || !open.challenges.is_empty() {
            true => self.read_confirmed(head).await,
            false => Ok(()),
        };
        for challenge in open.challenges {
            let of_bucket = asked.entry(challenge.bucket_id).or_default();
            of_bucket.push(challenged_commitment(&challenge));
        }
        self.compare_buckets(asked.clone(), &BTreeSet::new(), false)
            .await?;
        match open.unreadable {
            // A row that cannot be read may name another root that was signed.
            Some(error) if looks_at_all => return Err(error.into()),
            Some(_) => {}
            None => self.resume_after_unreadable_challenge(),
        }
        if !looks_at_all {
            return Ok(());
        }
        confirmed?;
        let mut signed = asked;
        for (id, commitment) in &self.confirmed {
            signed.entry(*id).or_default().extend(commitment);
        }
        let mut held: BTreeSet<_> = self.chain.buckets(head.hash).await?.into_iter().collect();
        let provider = self.provider.clone();
        let gone = tokio::task::spawn_blocking(move || provider.buckets_with_tombstones());
        let account = self.chain.account();
        let all: BTreeSet<_> = held.iter().copied().chain(gone.await??).collect();
        let mut unreadable = BTreeMap::new();
        for id in all {
            let info = match self.chain.bucket(head.hash, id).await {
                Ok(Some(info)) => info,
                Ok(None) => continue,
                // Nobody knows what the chain has of it. It stops signing for this bucket alone:
                // no other row depends on it, and a row may stay like that for good.
                Err(error @ ChainError::Undecodable { .. }) => {
                    unreadable.insert(id, error.to_string());
                    // It is compared with what was last seen on chain.
                    signed.entry(id).or_default();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if info.primary_index_of(&account).is_some() {
                held.insert(id);
            }
            let of_bucket = signed.entry(id).or_default();
            // First, since the stored list begins with the newest checkpoint.
            of_bucket.splice(..0, signed_on_chain(&info, &account));
        }
        self.compare_buckets(signed, &held, true).await?;
        let uncompared = unreadable.keys().copied().collect();
        self.provider.set_uncompared_buckets(uncompared);
        self.status.set_unreadable(unreadable);
        Ok(())
    }

    async fn compare_buckets(
        &self,
        signed: BTreeMap<BucketId, Vec<Commitment>>,
        held: &BTreeSet<BucketId>,
        is_of_all: bool,
    ) -> Result<(), CompareError> {
        if is_of_all {
            self.status.retain_only(|id| signed.contains_key(id));
        }
        for (id, on_chain) in signed {
            let is_replica = self.confirmed.contains_key(&id);
            let is_held = held.contains(&id) && !is_replica;
            let provider = self.provider.clone();
            let compared = tokio::task::spawn_blocking(move || {
                let problem = match is_replica {
                    true => compare_replica(&provider, id, &on_chain)?,
                    false => compare_bucket(&provider, id, &on_chain)?,
                };
                match problem {
                    None if is_held && provider.has_tombstones(id)? => {
                        Ok(Some(SignedRootProblem::Released))
                    }
                    problem => Ok(problem),
                }
            });
            match compared.await? {
                Ok(problem) if is_of_all || problem.is_some() => {
                    self.status.set_problem(id, problem)
                }
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
