//! Signing together: what one primary provider asks of another for a
//! checkpoint, and how the other may say no.
//!
//! The asker finds out what the others hold, chooses what enough of them can
//! sign, signs it first, and asks them with its own signature in hand, so that
//! nobody but a primary provider has anything signed.

mod desk;
mod verify;
mod windows;

pub use cairn_primitives::cosign::{Ask, CheckpointRequest, Holding, Refusal};
pub use desk::Countersigner;
pub(crate) use verify::verify;

use crate::printable::printable;
use async_trait::async_trait;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::PrimaryProvider;

/// Why another provider's signature was not had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// It says no.
    #[error("it refuses: {0}")]
    Refused(#[from] Refusal),
    /// It is not reached, or not in time.
    #[error(
        "it is not reached at \"{}\" ({}): is it running, and its endpoint right?",
        printable(.endpoint), printable(.reason)
    )]
    Unreachable {
        /// Where it was sought.
        endpoint: String,
        /// What went wrong.
        reason: String,
    },
    /// What it says is not understood.
    #[error(
        "its answer is not understood ({}): is it a Cairn of about the same version?",
        printable(.0)
    )]
    Malformed(String),
}

/// The other primary providers, each reached at the endpoint that it registered.
///
/// What they answer is not trusted: whoever asks verifies each signature.
#[async_trait]
pub trait Cosigners: Send + Sync + 'static {
    /// What a provider could sign of a bucket; with a window, also what it has
    /// signed for that one. See [`Countersigner::holding`].
    async fn holding(
        &self,
        from: &PrimaryProvider,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<Holding, CosignError>;

    /// A provider's signature over [`CheckpointRequest::signed_bytes`]. See
    /// [`Countersigner::countersign`].
    async fn cosign(
        &self,
        from: &PrimaryProvider,
        ask: &Ask,
    ) -> Result<MultiSignature, CosignError>;
}
