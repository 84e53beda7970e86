//! One attempt at a checkpoint: query what the others hold, choose what enough can sign, sign it,
//! gather their signatures, and submit.

use super::AttemptContext;
use crate::checkpoint_rules::{SignableState, advances, choose_signable, leads};
use crate::cosign::{CheckpointRequest, CosignError, CosignRequest, HeldState, Refusal, verify};
use cairn_bucket::StateRef;
use cairn_chain::{ChainError, Head, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, PrimaryProvider, PrimarySignature};
use cairn_primitives::{BucketId, Commitment, LeafCount};
use cairn_provider::{LeaseRequest, ProviderError};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

/// The checkpoint to attempt.
pub(super) struct Job {
    pub(super) id: BucketId,
    pub(super) head: Head,
    /// The bucket's on-chain state at that head.
    pub(super) info: BucketInfo,
    pub(super) window: Option<u64>,
    /// Providers to leave out: they said that they could sign, but did not.
    pub(super) excluded: Vec<AccountId>,
}

/// A submitted checkpoint.
pub(super) struct SubmittedCheckpoint {
    pub(super) commitment: Commitment,
    pub(super) signers: usize,
    pub(super) ticket: SubmittedExtrinsic,
}

/// The reason why an attempt submitted nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttemptError {
    /// This provider does not sign it.
    #[error("this provider does not sign it: {0}")]
    NotSigned(#[from] Refusal),
    /// Too few providers have anything new in common.
    #[error(
        "{least} primary providers must sign, but that many have nothing new in common: see which \
         of them do not answer or have other leaves"
    )]
    NothingInCommon { least: u32 },
    /// Too few providers signed.
    #[error("got {have} of {least} signatures")]
    TooFewSignatures {
        have: usize,
        least: u32,
        /// Providers that said they could sign this, but did not.
        unsigned: Vec<AccountId>,
    },
    /// The bucket can no longer be read.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The chain rejected the extrinsic.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

type PendingAnswer<'j, T> = BoxFuture<'j, Result<T, CosignError>>;
/// The answer of a provider.
type ProviderAnswer<'j, T> = (&'j PrimaryProvider, Option<T>);

impl AttemptContext {
    pub(super) async fn attempt(&self, job: &Job) -> Result<SubmittedCheckpoint, AttemptError> {
        self.status.count(|counts| counts.attempts += 1);
        let least = job.info.min_providers.max(1);
        let (commitment, willing) = self.choose_commitment(job, least).await?;
        let request = CheckpointRequest::new(job.id, commitment, job.window)
            .with_nonce(self.provider.payload_nonce());
        // From here on the signature binds us, even if the checkpoint fails.
        let own = self
            .countersigner
            .sign_at(job.head, &job.info, request)
            .await?;
        let ask = CosignRequest {
            request,
            requester: self.account,
            signature: own.clone(),
        };
        let mut signatures = vec![(self.account, own)];
        signatures.extend(self.gather_signatures(job, &ask).await);
        // In the chain's order, so that the same signers make the same extrinsic.
        signatures.sort_unstable_by_key(|(account, _)| job.info.primary_index_of(account));
        let have = signatures.len();
        if u32::try_from(have).is_ok_and(|have| have < least) {
            let has_signed =
                |account: &AccountId| signatures.iter().any(|(signer, _)| signer == account);
            let unsigned = willing.into_iter().filter(|one| !has_signed(one));
            return Err(AttemptError::TooFewSignatures {
                have,
                least,
                unsigned: unsigned.collect(),
            });
        }
        let submission = Submission::Checkpoint {
            bucket: job.id,
            commitment,
            window: job.window,
            nonce: request.nonce(),
            signatures,
        };
        let ticket = self.chain.submit(submission).await?;
        Ok(SubmittedCheckpoint {
            commitment,
            signers: have,
            ticket,
        })
    }

    /// Returns the largest commitment that enough primary providers can sign, and which of the
    /// others say that they can. It must be new, except in a window that this account leads: that
    /// needs a checkpoint in any case, and the chain accepts an older one.
    async fn choose_commitment(
        &self,
        job: &Job,
        least: u32,
    ) -> Result<(Commitment, Vec<AccountId>), AttemptError> {
        let own = self.countersigner.held_state(job.id, job.window).await?;
        let mut reported = Vec::new();
        for (account, held_state) in self.query_held_states(job).await {
            if self.is_plausible(job, &own, &held_state).await? {
                reported.push((account, held_state));
            } else {
                let (bucket, by) = (job.id, account_hex(&account));
                tracing::warn!(
                    %bucket, %by, "ignoring another provider's answer: what it claims to have \
                        signed is impossible"
                );
            }
        }
        let trusted: Vec<_> = reported
            .iter()
            .filter(|(account, _)| !job.excluded.contains(account))
            .copied()
            .collect();
        let must_fill = job
            .window
            .is_some_and(|window| leads(&job.info, job.id, &self.account, window));
        let mut not_new = None;
        // If too few are left, consider all of them.
        for reported in [&trusted, &reported] {
            let others: Vec<_> = reported.iter().map(|(_, held_state)| *held_state).collect();
            let commitment = match choose_signable(&own, &others, least) {
                None => continue,
                Some(SignableState::Signed(commitment)) => commitment,
                Some(SignableState::AtCount(count)) => self.commitment_at(job.id, count).await?,
            };
            let willing = reported
                .iter()
                .filter(|(_, held_state)| held_state.can_sign(&commitment));
            let willing = willing.map(|(account, _)| *account).collect();
            if advances(&commitment, job.info.snapshot.as_ref()) {
                return Ok((commitment, willing));
            }
            not_new = not_new.or(Some((commitment, willing)));
        }
        not_new
            .filter(|_| must_fill)
            .ok_or(AttemptError::NothingInCommon { least })
    }

    /// Returns false if another provider's statement is impossible, as far as this provider can
    /// tell: nobody has signed for a window that was not asked about, and whatever was signed of
    /// our tree is a root of it. A false statement would make this provider choose what it never
    /// signs itself.
    async fn is_plausible(
        &self,
        job: &Job,
        own: &HeldState,
        other: &HeldState,
    ) -> Result<bool, ProviderError> {
        let Some(signed) = other.signed else {
            return Ok(true);
        };
        if job.window.is_none() {
            return Ok(false);
        }
        let is_of_ours = signed.start_seq == own.start_seq && signed.leaf_count <= own.leaf_count;
        if !is_of_ours || own.signed == Some(signed) {
            // It is chosen only if it equals what this provider signed.
            return Ok(true);
        }
        if signed.leaf_count.get() == 0 {
            return Ok(false);
        }
        Ok(self.commitment_at(job.id, signed.leaf_count).await? == signed)
    }

    async fn query_held_states(&self, job: &Job) -> Vec<(AccountId, HeldState)> {
        let mut asked = self.query_each(job, |primary| {
            self.cosigners.held_state(primary, job.id, job.window)
        });
        let mut held_states = Vec::new();
        while let Some((primary, answer)) = asked.next().await {
            held_states.extend(answer.map(|held_state| (primary.account, held_state)));
        }
        held_states
    }

    /// Returns the valid signatures of others, one for each provider.
    async fn gather_signatures(&self, job: &Job, ask: &CosignRequest) -> Vec<PrimarySignature> {
        let message = ask.request.signed_bytes();
        let mut asked = self.query_each(job, |primary| self.cosigners.cosign(primary, ask));
        let mut signatures = Vec::new();
        while let Some((primary, answer)) = asked.next().await {
            let (Some(signature), Some(key)) = (answer, &primary.key) else {
                continue;
            };
            match verify(key, &message, &signature) {
                Ok(()) => {
                    self.status.count(|counts| counts.cosigned += 1);
                    signatures.push((primary.account, signature));
                }
                Err(error) => {
                    self.status.count(|counts| counts.invalid_signatures += 1);
                    let (bucket, by) = (job.id, account_hex(&primary.account));
                    tracing::warn!(
                        %bucket, %by, %error,
                        "ignoring another provider's signature for a checkpoint"
                    );
                }
            }
        }
        signatures
    }

    /// Queries all other primary providers at once, each account once and within the time limit.
    /// Those without a key are skipped: their signatures would not count.
    fn query_each<'j, T: Send + 'j>(
        &'j self,
        job: &'j Job,
        ask: impl Fn(&'j PrimaryProvider) -> PendingAnswer<'j, T>,
    ) -> FuturesUnordered<BoxFuture<'j, ProviderAnswer<'j, T>>> {
        let mut seen = vec![self.account];
        let asked = FuturesUnordered::new();
        for primary in &job.info.primary_providers {
            if primary.key.is_some() && !seen.contains(&primary.account) {
                seen.push(primary.account);
                let answer = self.with_timeout(job.id, primary, ask(primary));
                asked.push(answer.map(move |answer| (primary, answer)).boxed());
            }
        }
        asked
    }

    async fn with_timeout<T>(
        &self,
        bucket: BucketId,
        primary: &PrimaryProvider,
        asking: PendingAnswer<'_, T>,
    ) -> Option<T> {
        let answer = tokio::time::timeout(self.policy.answer_timeout, asking).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(CosignError::Unreachable {
                endpoint: String::from_utf8_lossy(&primary.endpoint).into_owned(),
                reason: format!("no answer within {:.1?}", self.policy.answer_timeout),
            })
        });
        let unanswered = |error: &CosignError| {
            self.status.count(|counts| counts.unanswered += 1);
            let by = account_hex(&primary.account);
            tracing::warn!(%bucket, %by, %error, "another provider did not sign");
        };
        answer.inspect_err(unanswered).ok()
    }

    async fn commitment_at(
        &self,
        id: BucketId,
        count: LeafCount,
    ) -> Result<Commitment, ProviderError> {
        let provider = self.provider.clone();
        let found = tokio::task::spawn_blocking(move || {
            let lease = provider.blocking_lease(id, LeaseRequest::read())?;
            let at = StateRef::LeafCount(count);
            Ok(lease.run(|bucket| bucket.view(at)?.commitment())?)
        });
        let aborted = |source| ProviderError::Aborted { bucket: id, source };
        found.await.map_err(aborted)?
    }
}

/// Formats an account for the log.
fn account_hex(account: &AccountId) -> String {
    hex::encode(account.0)
}
