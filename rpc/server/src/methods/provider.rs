//! The group `cairnProvider_v1`.

use super::{ProviderRpc, events};
use crate::convert::{challenge_info, offer_info, replica_info, terms_request};
use crate::error::undecodable;
use crate::lanes::WorkClass;
use cairn_gadget::{AgreementState, FundsLevel, SignedRootProblem};
use cairn_primitives::cosign::CosignRequest;
use cairn_primitives::{BucketId, H256};
use cairn_rpc_api::{
    Bytes, ChallengeInfo, Error, HeldStateInfo, OfferInfo, ProviderApiServer, ProviderHealth,
    ProviderStatus, ReplicaInfo, SignedTermsInfo, TermsToSign, U64OrHex,
};
use codec::{DecodeAll, Encode};
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::core::{SubscriptionResult, async_trait};

impl ProviderRpc {
    /// Returns the buckets with a problem of some kind.
    fn buckets_with(&self, is_of_kind: impl Fn(&SignedRootProblem) -> bool) -> Vec<U64OrHex> {
        let problems = self.handle.signed_roots.problems().into_iter();
        let of_kind = problems.filter(|(_, problem)| is_of_kind(problem));
        of_kind.map(|(bucket, _)| U64OrHex(bucket.0)).collect()
    }
}

impl ProviderRpc {
    /// Returns the buckets whose agreements are in some state. The reasons are for the operator.
    fn agreements_in(&self, is_in: impl Fn(&AgreementState) -> bool) -> Vec<U64OrHex> {
        let reports = self.handle.agreements.reports().into_iter();
        let in_state = reports.filter(|(_, report)| is_in(&report.state));
        in_state.map(|(bucket, _)| U64OrHex(bucket.0)).collect()
    }

    /// Returns the states of the agreements as a replica, without the reasons.
    fn replica_states(&self) -> Vec<ReplicaInfo> {
        let replicas = &self.handle.replicas;
        let reports = replicas.reports().into_iter();
        reports
            .map(|(bucket, report)| replica_info(bucket, &report, replicas.is_syncing(bucket)))
            .collect()
    }
}

#[async_trait]
impl ProviderApiServer for ProviderRpc {
    async fn status(&self) -> Result<ProviderStatus, Error> {
        let provider = &self.handle.provider;
        // The reasons of quarantine name files, which are not for strangers.
        let quarantined = provider.quarantined();
        Ok(ProviderStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            account: H256(self.handle.account.0),
            open_buckets: U64OrHex(provider.statistics().open),
            max_open_buckets: U64OrHex(provider.budget().max_open.into()),
            quarantined: quarantined
                .iter()
                .map(|(bucket, _)| U64OrHex(bucket.0))
                .collect(),
            uploads_stopped: provider.disk().is_stopped,
            missing_promises: self.buckets_with(|problem| *problem != SignedRootProblem::Released),
            let_go: self.buckets_with(|problem| *problem == SignedRootProblem::Released),
            unserved: self.agreements_in(|state| matches!(state, AgreementState::Unserved(_))),
            ended: self.agreements_in(|state| *state == AgreementState::Ended),
            replicas: self.agreements_in(|state| *state == AgreementState::Replica),
            replica_states: self.replica_states(),
        })
    }

    async fn health(&self) -> Result<ProviderHealth, Error> {
        let challenges = self.handle.challenges.statistics();
        let quarantined = self.handle.provider.quarantined().len();
        let not_ready_because = self.not_ready();
        let broken = self.handle.signed_roots.problems().len();
        let funds = self.handle.funds.reading();
        let is_known = funds.level != FundsLevel::Unknown;
        Ok(ProviderHealth {
            is_ready: not_ready_because.is_none(),
            not_ready_because,
            follows_chain: self.handle.challenges.is_synced(),
            anchor: U64OrHex(challenges.anchor),
            open_challenges: U64OrHex(challenges.open),
            alarmed_challenges: U64OrHex(challenges.alarmed),
            nearest_deadline: U64OrHex(challenges.nearest_deadline),
            quarantined_buckets: U64OrHex(u64::try_from(quarantined).unwrap_or(u64::MAX)),
            broken_promises: U64OrHex(u64::try_from(broken).unwrap_or(u64::MAX)),
            payable_answers: is_known.then_some(U64OrHex(funds.payable_answers)),
            funds_low: matches!(funds.level, FundsLevel::Low | FundsLevel::Critical),
            signing_off: self.handle.provider.signing_off_reason(),
            waiting_requests: U64OrHex(self.lanes.waiting()),
        })
    }

    async fn challenges(&self) -> Result<Vec<ChallengeInfo>, Error> {
        // A thousand challenges take time to copy, so the lane bounds it.
        let board = &self.handle.challenges;
        let listed = async { Ok(board.duties().into_iter().map(challenge_info).collect()) };
        self.lanes.wait(WorkClass::Read, listed).await
    }

    async fn held_state(
        &self,
        bucket: U64OrHex,
        window: Option<U64OrHex>,
    ) -> Result<HeldStateInfo, Error> {
        let window = window.map(|window| window.0);
        let asked = async {
            let held = self
                .handle
                .countersigner
                .held_state(BucketId(bucket.0), window)
                .await?;
            Ok(held.into())
        };
        self.lanes.wait(WorkClass::Signature, asked).await
    }

    async fn sign_checkpoint(&self, ask: Bytes) -> Result<Bytes, Error> {
        let ask = CosignRequest::decode_all(&mut ask.0.as_slice())
            .map_err(|_| undecodable("ask", "CosignRequest"))?;
        let asked = async {
            let signature = self.handle.countersigner.countersign(&ask).await?;
            Ok(Bytes(signature.encode()))
        };
        self.lanes.wait(WorkClass::Signature, asked).await
    }

    async fn offer(&self) -> Result<OfferInfo, Error> {
        let asked = async { Ok(offer_info(&self.handle.quoter.offer().await?)) };
        self.lanes.wait(WorkClass::Read, asked).await
    }

    async fn negotiate(&self, request: TermsToSign) -> Result<SignedTermsInfo, Error> {
        let request = terms_request(&request);
        let asked = async { Ok(self.handle.quoter.negotiate(request).await?.into()) };
        self.lanes.wait(WorkClass::Signature, asked).await
    }

    async fn subscribe_challenges(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        events::stream_challenges(pending, self.handle.challenges.clone()).await
    }
}
