//! Errors of a synchronisation.

use crate::peer::PeerError;
use crate::store::StoreError;
use cairn_primitives::{LeafCount, MmrLeaf, Sequence};

/// An error that ends the work with one peer, or all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    NotPadded(String),
    #[error("no tree has a leaf like {0:?}")]
    Unprovable(MmrLeaf),
    #[error("it was stopped")]
    Stopped,
    #[error(transparent)]
    Final(#[from] SyncFailure),
}

/// A reason why a bucket was not brought to its target. What was fetched stays, and the next
/// attempt continues from there.
#[derive(Debug, thiserror::Error)]
pub enum SyncFailure {
    /// No peer is known.
    #[error("no provider to fetch it from is known")]
    NoPeer,
    /// Every peer failed.
    #[error("no provider could be used: {}", listed(.0))]
    Peers(Vec<(String, PeerError)>),
    /// The target has no leaves.
    #[error("there is nothing to fetch: the commitment has no leaves")]
    NoLeaves,
    /// This copy has leaves that are not those of the target.
    #[error(
        "this copy has {have} leaves that are not the first ones of the wanted tree: it has \
         diverged, and is left as it is"
    )]
    Diverged {
        /// The leaves of the copy.
        have: LeafCount,
    },
    /// This copy's tree starts after the target's.
    #[error("this copy starts at sequence {have}, and the wanted tree at {wanted}, which is older")]
    Newer {
        /// The start of the copy's tree.
        have: Sequence,
        /// The start of the wanted tree.
        wanted: Sequence,
    },
    /// All leaves of this copy were pruned elsewhere, and leaves between them are gone.
    #[error(
        "this copy ends before sequence {wanted}, at which the wanted tree starts, and the leaves in \
         between are gone. Keep it: what was confirmed of it can still be challenged, and nothing \
         else answers that"
    )]
    LeftBehind {
        /// The start of the wanted tree.
        wanted: Sequence,
    },
    /// A leaf is larger than the agreement pays for.
    #[error("a leaf has {bytes} bytes, and {max} are allowed")]
    TooLarge {
        /// The leaf's bytes.
        bytes: u64,
        /// The most that are allowed.
        max: u64,
    },
    /// A leaf cannot be stored so that the chain verifies it.
    #[error("leaf {index} cannot be proven to the chain: {reason}")]
    Unprovable {
        /// The leaf's index.
        index: u64,
        /// The reason.
        reason: String,
    },
    /// This provider's own copy failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process is stopping.
    #[error("it was stopped")]
    Stopped,
}

fn listed(failures: &[(String, PeerError)]) -> String {
    let each = failures
        .iter()
        .map(|(peer, error)| format!("{peer}: {error}"));
    each.collect::<Vec<_>>().join("; ")
}
