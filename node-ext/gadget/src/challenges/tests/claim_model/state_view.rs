//! A state of the model as the code under test queries it: as the prover and as the chain.

use super::{Bytes, Fixture, HEAD, Setting, Snapshot, State, is_valid, kind};
use crate::challenges::answer::Prover;
use crate::challenges::no_proof::NoProof;
use crate::challenges::tests::harness::{OURS, admin};
use async_trait::async_trait;
use cairn_bucket::AuthorisedDeletion;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, Funds, Head, OpenChallenges, Submission,
    SubmittedExtrinsic,
};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse, Role, SlashReason};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{
    Agreement, BucketInfo, Limits, OpenChallenge, Outcome, PrimaryProvider, ProviderInfo,
    RegisteredKey, ResponseRefusal, TermsRules,
};
use cairn_primitives::{Answer, BucketId, Commitment, H256};
use futures::stream::BoxStream;
use sp_core::Pair;

/// A state, as the code under test queries it.
pub(super) struct StateView<'k> {
    pub(super) known: &'k Fixture,
    pub(super) world: Setting,
    pub(super) state: State,
}

impl StateView<'_> {
    fn commitment(&self) -> Option<Commitment> {
        match self.state.snapshot {
            Snapshot::None => None,
            Snapshot::Challenged => Some(self.known.bucket.commitment_at(2)),
            Snapshot::Covers => Some(self.known.bucket.commitment_at(3)),
            Snapshot::Short => Some(self.known.bucket.commitment_at(1)),
        }
    }

    pub(super) fn info(&self) -> BucketInfo {
        let signer = AccountId(admin().public().0);
        let other = AccountId([5; 32]);
        let members = [(self.state.signer, signer), (self.state.other, other)];
        let primary = PrimaryProvider {
            account: OURS,
            key: Some(RegisteredKey::from(OURS.0)),
            endpoint: vec![],
            agreement: None,
        };
        BucketInfo {
            members: (members.iter())
                .filter(|(is_one, _)| *is_one)
                .map(|(_, who)| (*who, Role::Admin))
                .collect(),
            min_providers: if self.world.can_checkpoint { 1 } else { 2 },
            primary_providers: vec![primary],
            frozen_start_seq: None,
            snapshot: self.commitment().map(|commitment| BucketSnapshot {
                commitment,
                checkpoint_block: 1,
                primary_signers: vec![1],
            }),
            historical_roots: vec![],
            window: None,
            last_window: None,
        }
    }
}

#[async_trait]
impl Prover for StateView<'static> {
    async fn prove(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        match self.state.bytes {
            Bytes::Away => Err(NoProof::NotHere("not here".into())),
            Bytes::Never => Err(NoProof::Unprovable("padding".into())),
            Bytes::Here => {
                let (root, start) = (challenge.mmr_root, challenge.start_seq);
                let answer = self.known.bucket.answer(root, start, challenge.location);
                Ok(answer.unwrap())
            }
        }
    }

    async fn prove_another_leaf(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        self.prove(challenge).await
    }

    async fn deletions(&self, _bucket: BucketId) -> Vec<AuthorisedDeletion> {
        let word = self.world.has_deletion.then(|| self.known.deletion.clone());
        word.into_iter().collect()
    }
}

fn not_queried<T>() -> Result<T, ChainError> {
    Err(ChainError::Unreachable("nobody asks that".into()))
}

#[async_trait]
impl ChainClient for StateView<'static> {
    fn account(&self) -> AccountId {
        OURS
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        not_queried()
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        not_queried()
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        not_queried()
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        Ok(HEAD)
    }

    async fn limits(&self, _at: H256) -> Result<Limits, ChainError> {
        not_queried()
    }

    async fn provider(&self, _at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        not_queried()
    }

    async fn terms_rules(&self, _at: H256) -> Result<TermsRules, ChainError> {
        not_queried()
    }

    async fn funds(&self, _at: H256) -> Result<Funds, ChainError> {
        not_queried()
    }

    async fn fee(&self, _submission: &Submission) -> Result<u128, ChainError> {
        not_queried()
    }

    async fn open_challenges(&self, _at: H256) -> Result<OpenChallenges, ChainError> {
        not_queried()
    }

    async fn bucket(&self, _at: H256, _id: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        Ok(Some(self.info()))
    }

    async fn buckets(&self, _at: H256) -> Result<Vec<BucketId>, ChainError> {
        not_queried()
    }

    async fn agreements(&self, _at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        not_queried()
    }

    async fn outcomes(&self, _at: H256) -> Result<Vec<Outcome>, ChainError> {
        not_queried()
    }

    async fn dry_run(
        &self,
        _id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        let wrong = ResponseRefusal::Slashable(Some(SlashReason::InvalidProof));
        Ok(match self.world.judges {
            false => DryRunResult::NotOffered,
            true if is_valid(&self.state, kind(response)) => DryRunResult::Accepted,
            true => DryRunResult::Refused(wrong),
        })
    }

    async fn submit(&self, _submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        not_queried()
    }

    async fn submit_urgently(
        &self,
        _submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        not_queried()
    }
}
