//! The hashing profiles by the names that people and proof files give them.

use cairn_primitives::HashingProfile;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How a bucket hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Hashing {
    /// What the deployed pallet verifies
    Plain,
    /// What a later pallet verifies
    Tagged,
}

impl From<HashingProfile> for Hashing {
    fn from(profile: HashingProfile) -> Self {
        match profile {
            HashingProfile::Plain => Self::Plain,
            HashingProfile::Tagged => Self::Tagged,
        }
    }
}

impl From<Hashing> for HashingProfile {
    fn from(hashing: Hashing) -> Self {
        match hashing {
            Hashing::Plain => Self::Plain,
            Hashing::Tagged => Self::Tagged,
        }
    }
}
