//! What the chain can verify, as far as this base path knows: kept in the index,
//! so that a restart and the offline commands know it too.

use cairn_primitives::HashingProfile;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::Limits;
use codec::{Decode, Encode};

/// What answers have to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ChainRules {
    /// How the chain hashes.
    pub(crate) profile: HashingProfile,
    /// The most bytes that a chunk in an answer may have.
    pub(crate) chunk_bytes: u32,
    /// Whether the chain said so itself, and not its operator beforehand.
    pub(crate) by_chain: bool,
}

impl ChainRules {
    /// What the chain says.
    pub(crate) const fn of_chain(limits: &Limits) -> Self {
        Self {
            profile: limits.profile,
            chunk_bytes: limits.chunk_bytes,
            by_chain: true,
        }
    }

    /// What the operator says before the chain was ever seen.
    pub(crate) fn of_operator(profile: HashingProfile) -> Self {
        Self {
            profile,
            chunk_bytes: u32::try_from(CHUNK_BYTES).unwrap_or(u32::MAX),
            by_chain: false,
        }
    }
}
