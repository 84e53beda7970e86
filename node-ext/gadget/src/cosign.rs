//! Joint signing: how one primary provider asks another for a checkpoint signature.
//!
//! The asker queries what the others hold, chooses what enough of them can sign, signs it first,
//! and sends its own signature with each request, so that only primary providers have anything
//! signed.

mod countersigner;
mod verify;
mod windows;

pub use cairn_primitives::cosign::{CheckpointRequest, CosignRequest, HeldState, Refusal};
pub use countersigner::Countersigner;
pub(crate) use verify::verify;

use crate::printable::printable;
use async_trait::async_trait;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::PrimaryProvider;

/// Errors when asking another provider for a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// The provider refuses.
    #[error("the provider refuses: {0}")]
    Refused(#[from] Refusal),
    /// The provider is unreachable or too slow.
    #[error(
        "the provider is unreachable at \"{}\" ({}): is it running, and is its endpoint right?",
        printable(.endpoint), printable(.reason)
    )]
    Unreachable {
        /// The endpoint that was tried.
        endpoint: String,
        /// The reason.
        reason: String,
    },
    /// The answer cannot be decoded.
    #[error(
        "the provider's answer cannot be decoded ({}): does it run a compatible version of Cairn?",
        printable(.0)
    )]
    Malformed(String),
}

/// A client to the other primary providers, at the endpoints that they registered.
///
/// Answers are not trusted: the caller verifies each signature.
#[async_trait]
pub trait Cosigners: Send + Sync + 'static {
    /// Queries what a provider could sign of a bucket and, given a window, what it has signed for
    /// that one. See [`Countersigner::held_state`].
    async fn held_state(
        &self,
        from: &PrimaryProvider,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<HeldState, CosignError>;

    /// Requests a provider's signature over [`CheckpointRequest::signed_bytes`]. See
    /// [`Countersigner::countersign`].
    async fn cosign(
        &self,
        from: &PrimaryProvider,
        ask: &CosignRequest,
    ) -> Result<MultiSignature, CosignError>;
}
