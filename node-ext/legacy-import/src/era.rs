//! The four eras of the v0 provider's database: how to recognise each, and how it
//! encodes and hashes.

use cairn_primitives::HashingProfile;

/// The version of a v0 provider's database, which determines its encoding and hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyEra {
    /// No format version; states and nodes in bincode 1.
    A,
    /// No format version; states and nodes in SCALE.
    B,
    /// Format version 1: nodes are an enum.
    C,
    /// Format version 2: tagged hashing.
    D,
}

impl LegacyEra {
    /// Returns the era of a format version; `None` for an unknown version.
    pub(crate) fn from_version(version: u32) -> Option<Self> {
        match version {
            1 => Some(Self::C),
            2 => Some(Self::D),
            _ => None,
        }
    }

    /// Returns the hashing profile of the era.
    pub fn profile(self) -> HashingProfile {
        match self {
            Self::A | Self::B | Self::C => HashingProfile::Plain,
            Self::D => HashingProfile::Tagged,
        }
    }

    /// Returns the letter of the era.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
        }
    }
}
