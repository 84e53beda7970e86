//! The chain's rules for answers, kept in the index so that they are known after a
//! restart and to offline commands.

use cairn_primitives::HashingProfile;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::Limits;
use codec::{Decode, Encode};

/// The chain's rules that an answer must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChainRules {
    /// The chain's hashing profile, as the operator states it.
    pub profile: HashingProfile,
    /// The largest chunk that an answer may have, in bytes.
    pub(crate) chunk_bytes: u32,
    /// True if the chain's limits have been read.
    pub is_from_chain: bool,
}

impl ChainRules {
    /// Takes the rules from the chain's limits.
    pub const fn from_limits(limits: &Limits) -> Self {
        Self {
            profile: limits.profile,
            chunk_bytes: limits.chunk_bytes,
            is_from_chain: true,
        }
    }

    /// Returns the rules with another hashing profile.
    #[must_use]
    pub const fn with_profile(mut self, profile: HashingProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Creates the rules that the operator states before the chain was ever reached.
    pub fn from_operator(profile: HashingProfile) -> Self {
        Self {
            profile,
            chunk_bytes: u32::try_from(CHUNK_BYTES).unwrap_or(u32::MAX),
            is_from_chain: false,
        }
    }
}
