//! What a provider is asked as a whole. Anybody may ask.

use crate::error::Error;
use crate::types::{
    ChallengeInfo, ChallengeNews, HoldingInfo, ProviderHealth, ProviderStatus, Uint,
};
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::proc_macros::rpc;
use sp_core::Bytes;

/// What a provider is asked as a whole. Anybody may ask.
#[rpc(client, server, namespace = "provider")]
pub trait ProviderApi {
    /// Who answers here, and what needs its operator.
    #[method(name = "status")]
    async fn status(&self) -> Result<ProviderStatus, Error>;

    /// Whether the provider does what its stake depends on.
    #[method(name = "health")]
    async fn health(&self) -> Result<ProviderHealth, Error>;

    /// The open challenges against the provider, the nearest deadline first, and
    /// how far each answer has come.
    #[method(name = "challenges")]
    async fn challenges(&self) -> Result<Vec<ChallengeInfo>, Error>;

    /// What the provider could sign of a bucket; with a window, also what it
    /// has signed for that one.
    #[method(name = "holding")]
    async fn holding(&self, bucket: Uint, window: Option<Uint>) -> Result<HoldingInfo, Error>;

    /// The provider's signature for a checkpoint: a `MultiSignature` in SCALE,
    /// for an `Ask` in SCALE that another primary provider of the bucket has
    /// signed. Only for what is durable here and matches.
    #[method(name = "signCheckpoint")]
    async fn sign_checkpoint(&self, ask: Bytes) -> Result<Bytes, Error>;

    /// The open challenges, and then each change: a challenge that is new, how
    /// far an answer has come, and what the chain has no more. Changes that come
    /// faster than they are read are told as one.
    #[subscription(
        name = "subscribeChallenges" => "challengeNews",
        unsubscribe = "unsubscribeChallenges",
        item = ChallengeNews
    )]
    async fn subscribe_challenges(&self) -> SubscriptionResult;
}
