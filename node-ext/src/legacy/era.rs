//! The four eras of the v0 provider's database: how to recognise each, and how it
//! encodes and hashes.

use super::decode;
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

/// Start of a bucket's value in era A: the root as text of 66 bytes, which starts with
/// `0x`.
const TEXT_ROOT: &[u8] = &[66, 0, 0, 0, 0, 0, 0, 0, b'0', b'x'];

impl LegacyEra {
    /// Returns the era of a format version; `None` for an unknown version.
    pub(crate) fn of_version(version: u32) -> Option<Self> {
        match version {
            1 => Some(Self::C),
            2 => Some(Self::D),
            _ => None,
        }
    }

    /// Recognises the era of a database without a format version from the value of one
    /// bucket; `None` if the value is of neither era.
    pub(crate) fn of_value(value: &[u8]) -> Option<Self> {
        if value.starts_with(TEXT_ROOT) {
            Some(Self::A)
        } else {
            decode::state(Self::B, value).is_ok().then_some(Self::B)
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
