//! The group `cairnProvider_v1`: the provider as a whole. All of its methods are safe.

use crate::bytes::Bytes;
use crate::error::Error;
use crate::types::{
    ChallengeEvent, ChallengeInfo, HeldStateInfo, OfferInfo, ProviderHealth, ProviderStatus,
    SignedTermsInfo, TermsToSign, U64OrHex,
};
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::proc_macros::rpc;

/// Reads the state of the provider as a whole, signs for other primary providers, and signs terms
/// of new agreements. Everybody may call these methods.
#[rpc(client, server, namespace = "cairnProvider_v1")]
pub trait ProviderApi {
    /// Returns the provider's account and version, and the buckets that need its operator.
    #[method(name = "status")]
    async fn status(&self) -> Result<ProviderStatus, Error>;

    /// Returns whether the provider does what its stake depends on.
    #[method(name = "health")]
    async fn health(&self) -> Result<ProviderHealth, Error>;

    /// Returns the open challenges against the provider, nearest deadline first, with the
    /// progress of each answer.
    #[method(name = "challenges")]
    async fn challenges(&self) -> Result<Vec<ChallengeInfo>, Error>;

    /// Returns the state of a bucket that the provider could sign; with a window, also the
    /// commitment that it has signed for that window.
    #[method(name = "heldState")]
    async fn held_state(
        &self,
        bucket: U64OrHex,
        window: Option<U64OrHex>,
    ) -> Result<HeldStateInfo, Error>;

    /// Returns the provider's signature for a checkpoint, a `MultiSignature` in SCALE. `ask` is a
    /// request in SCALE that another primary provider of the bucket has signed. The provider
    /// signs only a commitment that is durable here and matches its own tree.
    #[method(name = "signCheckpoint")]
    async fn sign_checkpoint(&self, ask: Bytes) -> Result<Bytes, Error>;

    /// Returns the terms that the provider would sign now.
    #[method(name = "offer")]
    async fn offer(&self) -> Result<OfferInfo, Error>;

    /// Signs terms of an agreement, at the provider's price. The owner redeems them on chain until
    /// they expire. Each call uses up a nonce and keeps the space, so a client asks once.
    #[method(name = "negotiate")]
    async fn negotiate(&self, request: TermsToSign) -> Result<SignedTermsInfo, Error>;

    /// Notifies of the open challenges, and then of each change: a new challenge, progress of an
    /// answer, and a challenge that the chain no longer has. Changes of one challenge between two
    /// notifications are merged.
    #[subscription(
        name = "subscribeChallenges" => "challengeEvent",
        unsubscribe = "unsubscribeChallenges",
        item = ChallengeEvent
    )]
    async fn subscribe_challenges(&self) -> SubscriptionResult;
}
