//! Errors of a chain client.

use cairn_primitives::H256;

/// An error of a query to a chain, or of a submission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The chain cannot be reached now; a later attempt may succeed.
    #[error("cannot reach the chain ({0}): check that the node runs and is in sync")]
    Unreachable(String),
    /// The state of the block is pruned, or the block is not known yet.
    #[error("the node has no answer for block {block}: {reason}")]
    NoSuchBlock {
        /// The block's hash, in hex.
        block: String,
        /// The node's reason.
        reason: String,
    },
    /// The chain's runtime has no storage pallet, or a version of it that Cairn does not
    /// support.
    #[error(
        "the chain's runtime lacks something that a provider needs ({0}): is this the right chain, \
         and is Cairn as new as its runtime?"
    )]
    Unsupported(String),
    /// A row of the chain's state does not decode by the runtime's own metadata. It is there,
    /// so nothing may be concluded from what can be read.
    #[error(
        "{item} does not decode by the runtime's metadata ({reason}): the chain has not migrated it"
    )]
    Undecodable {
        /// The storage item, with its key.
        item: String,
        /// The decoder's reason.
        reason: String,
    },
    /// The node is on another chain than the one that is followed.
    #[error(
        "the node is on the chain with genesis {found:?}, but the provider follows the chain with \
         genesis {expected:?}: use a node of that chain"
    )]
    OtherChain {
        /// The genesis hash of the chain that is followed.
        expected: H256,
        /// The genesis hash of the node's chain.
        found: H256,
    },
    /// The keystore lacks the account's key.
    #[error("the keystore has no key of type `stor` for account {account}")]
    NoKey {
        /// The account, in hex.
        account: String,
    },
    /// The transaction pool rejected the extrinsic.
    #[error("the transaction pool rejected the extrinsic: {0}")]
    PoolRejected(String),
}

impl ChainError {
    /// Returns whether the same request may succeed later with nothing changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NoSuchBlock { .. } | Self::PoolRejected(_) => true,
            Self::Unsupported(_)
            | Self::Undecodable { .. }
            | Self::OtherChain { .. }
            | Self::NoKey { .. } => false,
        }
    }
}
