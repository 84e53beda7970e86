//! Why a chain could not be asked.

use cairn_primitives::H256;

/// Why a chain did not answer, or did not take a submission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It is not reached now; asking again later may help.
    #[error("the chain is not reached ({0}): check that the node runs and is in sync")]
    Unreachable(String),
    /// The state of that block is not kept any more, or not yet known.
    #[error("the chain does not answer for block {block}: {reason}")]
    NoSuchBlock {
        /// The block's hash, in hex.
        block: String,
        /// What it said.
        reason: String,
    },
    /// It runs another runtime than one with the storage pallet, or a version
    /// of it that is not understood.
    #[error(
        "the chain's runtime does not offer what a provider needs ({0}): is this the right chain, \
         and is Cairn as new as its runtime?"
    )]
    Unsupported(String),
    /// It is another chain than the one that is followed.
    #[error(
        "the chain that begins with {found:?} is served here, and {expected:?} is the one that is \
         followed: name a node of that chain"
    )]
    OtherChain {
        /// The genesis hash of the chain that is followed.
        expected: H256,
        /// That of the one that was met.
        found: H256,
    },
    /// The key that signs for the account is not at hand.
    #[error(
        "the keystore has no key of type `stor` for account {account}: insert it with `cairn key \
         insert`"
    )]
    NoKey {
        /// The account, in hex.
        account: String,
    },
    /// The pool did not take the extrinsic.
    #[error("the chain's pool did not take the extrinsic: {0}")]
    NotTaken(String),
}

impl ChainError {
    /// Whether asking again, with nothing changed, may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NoSuchBlock { .. } | Self::NotTaken(_) => true,
            Self::Unsupported(_) | Self::OtherChain { .. } | Self::NoKey { .. } => false,
        }
    }
}
