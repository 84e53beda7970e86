//! Reasons for the lack of a proof, and what may help.

/// Reasons for the lack of a proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoProof {
    /// A transient failure, such as a busy bucket: trying again may help.
    #[error("{0}")]
    Transient(String),
    /// The bucket must be repaired first.
    #[error("{0}")]
    NeedsRepair(String),
    /// This provider's data has no proof; a backup may have it.
    #[error("{0}")]
    NotHere(String),
    /// No data can prove it: the challenge is of a leaf that the root has not, of a padding slot, or
    /// of a tree whose shape the chain cannot verify.
    #[error("{0}")]
    Unprovable(String),
}
