//! The facts about a provider at one finalized block, from which everything here decides.

use crate::answer_cost::full_size_answer;
use cairn_chain::{ChainError, Funds, Head, RegistrationClient, RegistrationRules};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{Agreement, Limits, OpenChallenge, PayloadFormat, ProviderInfo};
use cairn_primitives::{BucketId, H256};
use futures::StreamExt;

/// The chain's knowledge of an account, at one finalized block.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The account.
    pub account: AccountId,
    /// The hash of the chain's first block.
    pub genesis: H256,
    /// The finalized block.
    pub head: Head,
    /// The chain's limits for answers.
    pub limits: Limits,
    /// The chain's rules for providers' records.
    pub rules: RegistrationRules,
    /// The provider's record, if the account is registered.
    pub provider: Option<ProviderInfo>,
    /// The account's funds.
    pub funds: Funds,
    /// Its agreements, also those that have expired.
    pub agreements: Vec<(BucketId, Agreement)>,
    /// The open challenges against it.
    pub challenges: Vec<OpenChallenge>,
    /// The fee of the largest answer to a challenge, in the chain's smallest unit.
    pub answer_fee: u128,
}

impl Facts {
    /// Reads the facts at the finalized head.
    ///
    /// # Errors
    ///
    /// [`ChainError`]. A row that cannot be read is an error too: it could be another
    /// challenge.
    pub async fn read(chain: &dyn RegistrationClient) -> Result<Self, ChainError> {
        let head = finalized_head(chain).await?;
        let limits = chain.limits(head.hash).await?;
        Ok(Self {
            account: chain.account(),
            genesis: chain.genesis().await?,
            head,
            limits,
            rules: chain.registration_rules(head.hash).await?,
            provider: chain.provider(head.hash).await?,
            funds: chain.funds(head.hash).await?,
            agreements: chain.agreements(head.hash).await?,
            challenges: chain.open_challenges(head.hash).await?.complete()?,
            answer_fee: chain.fee(&full_size_answer(limits.chunk_bytes)).await?,
        })
    }

    /// Returns the agreements that hold at the finalized block.
    pub fn live_agreements(&self) -> impl Iterator<Item = &(BucketId, Agreement)> {
        let anchor = self.head.anchor;
        let all = self.agreements.iter();
        all.filter(move |(_, agreement)| agreement.holds_at(anchor))
    }

    /// Returns the agreements as a primary provider of which something can be challenged: those
    /// that hold, and on the older chains also those that have expired and are not ended. There
    /// anybody may extend them, or challenge their last checkpoint as it is.
    pub fn binding_agreements(&self) -> impl Iterator<Item = &(BucketId, Agreement)> {
        // Both are features of the older chains alone.
        let is_older =
            self.limits.challenge_ids_shift || !matches!(self.limits.payload, PayloadFormat::V1);
        let anchor = self.head.anchor;
        let primary = self.agreements.iter().filter(|(_, one)| !one.is_replica);
        primary.filter(move |(_, one)| is_older || one.holds_at(anchor))
    }

    /// Returns the open challenges of a bucket.
    pub fn challenges_of(&self, bucket: BucketId) -> usize {
        let all = self.challenges.iter();
        all.filter(|open| open.bucket_id == bucket).count()
    }

    /// Returns the first anchor block at which the provider may claim the payment of an
    /// agreement that has ended: until then its owner may settle it.
    pub fn claimable_from(&self, agreement: &Agreement) -> u32 {
        let settled_by_owner = agreement
            .expires_at
            .saturating_add(self.rules.settlement_period);
        settled_by_owner.saturating_add(1)
    }
}

/// Returns the finalized head.
pub(crate) async fn finalized_head(chain: &dyn RegistrationClient) -> Result<Head, ChainError> {
    let head = chain.finalized_heads().await?.next().await;
    head.ok_or_else(|| ChainError::Unreachable("there is no finalized head".to_owned()))
}
