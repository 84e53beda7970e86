//! The methods about the provider as a whole.

use super::{ProviderRpc, news};
use crate::api::ProviderApiServer;
use crate::error::Error;
use crate::lanes::Work;
use crate::types::{ChallengeInfo, HoldingInfo, ProviderHealth, ProviderStatus, Uint};
use cairn_gadget::{Ask, PromiseTrouble};
use cairn_primitives::{BucketId, H256};
use codec::{DecodeAll, Encode};
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::core::{SubscriptionResult, async_trait};
use sp_core::Bytes;

impl ProviderRpc {
    /// The buckets with a trouble of some kind.
    fn troubled(&self, is_of_kind: impl Fn(&PromiseTrouble) -> bool) -> Vec<Uint> {
        let troubles = self.handle.promises.troubles().into_iter();
        let of_kind = troubles.filter(|(_, trouble)| is_of_kind(trouble));
        of_kind.map(|(bucket, _)| Uint(bucket.0)).collect()
    }
}

#[async_trait]
impl ProviderApiServer for ProviderRpc {
    async fn status(&self) -> Result<ProviderStatus, Error> {
        let provider = &self.handle.provider;
        // Reasons of quarantine name files, which are nobody else's business.
        let quarantined = provider.quarantined();
        Ok(ProviderStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            account: H256(self.handle.account.0),
            open_buckets: Uint(provider.statistics().open),
            max_open_buckets: Uint(provider.budget().max_open.into()),
            quarantined: quarantined
                .iter()
                .map(|(bucket, _)| Uint(bucket.0))
                .collect(),
            uploads_stopped: provider.disk().is_stopped,
            missing_promises: self.troubled(|trouble| *trouble != PromiseTrouble::LetGo),
            let_go: self.troubled(|trouble| *trouble == PromiseTrouble::LetGo),
        })
    }

    async fn health(&self) -> Result<ProviderHealth, Error> {
        let challenges = self.handle.challenges.statistics();
        let quarantined = self.handle.provider.quarantined().len();
        let not_ready_because = self.not_ready();
        let broken = self.handle.promises.troubles().len();
        Ok(ProviderHealth {
            is_ready: not_ready_because.is_none(),
            not_ready_because,
            follows_chain: self.handle.challenges.follows_the_chain(),
            anchor: Uint(challenges.anchor),
            open_challenges: Uint(challenges.open),
            alarmed_challenges: Uint(challenges.alarmed),
            nearest_deadline: Uint(challenges.nearest),
            quarantined_buckets: Uint(u64::try_from(quarantined).unwrap_or(u64::MAX)),
            broken_promises: Uint(u64::try_from(broken).unwrap_or(u64::MAX)),
            signing_off: self.handle.provider.signing_off(),
            waiting_requests: Uint(self.lanes.waiting()),
        })
    }

    async fn challenges(&self) -> Result<Vec<ChallengeInfo>, Error> {
        // There may be a thousand of them, for whoever asks how often.
        let board = &self.handle.challenges;
        let listed = async { Ok(board.duties().into_iter().map(Into::into).collect()) };
        self.lanes.wait(Work::Read, listed).await
    }

    async fn holding(&self, bucket: Uint, window: Option<Uint>) -> Result<HoldingInfo, Error> {
        let window = window.map(|window| window.0);
        let asked = async {
            let holding = self.handle.desk.holding(BucketId(bucket.0), window).await?;
            Ok(holding.into())
        };
        self.lanes.wait(Work::Signature, asked).await
    }

    async fn sign_checkpoint(&self, ask: Bytes) -> Result<Bytes, Error> {
        let ask =
            Ask::decode_all(&mut ask.0.as_slice()).map_err(|_| Error::undecodable("ask", "Ask"))?;
        let asked = async {
            let signature = self.handle.desk.countersign(&ask).await?;
            Ok(Bytes(signature.encode()))
        };
        self.lanes.wait(Work::Signature, asked).await
    }

    async fn subscribe_challenges(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        news::of_challenges(pending, self.handle.challenges.clone()).await
    }
}
