//! The hashing profiles, with their names on the command line and in proof files.

use cairn_primitives::HashingProfile;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The hashing profile of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Hashing {
    /// Without prefixes, as deployed pallets verify
    Plain,
    /// With a prefix byte for each kind of input; only for chains that verify it
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
