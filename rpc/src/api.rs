//! The methods, for server and client alike.

use crate::error::Error;
use crate::types::{ChallengeInfo, HoldingInfo, ProviderStatus};
use jsonrpsee::proc_macros::rpc;
use sp_core::Bytes;

/// What a provider is asked as a whole. Anybody may ask.
#[rpc(client, server, namespace = "provider")]
pub trait ProviderApi {
    /// Who answers here, and what needs its operator.
    #[method(name = "status")]
    async fn status(&self) -> Result<ProviderStatus, Error>;

    /// The open challenges against the provider, the nearest deadline first, and
    /// how far each answer has come.
    #[method(name = "challenges")]
    async fn challenges(&self) -> Result<Vec<ChallengeInfo>, Error>;

    /// What the provider could sign of a bucket; with a window, also what it
    /// has signed for that one.
    #[method(name = "holding")]
    async fn holding(&self, bucket: u64, window: Option<u64>) -> Result<HoldingInfo, Error>;

    /// The provider's signature for a checkpoint: a `MultiSignature` in SCALE,
    /// for an [`Ask`](cairn_node_ext::schedule::Ask) in SCALE. Only for another
    /// primary provider of the bucket, and only for what is durable here.
    #[method(name = "signCheckpoint")]
    async fn sign_checkpoint(&self, ask: Bytes) -> Result<Bytes, Error>;
}
