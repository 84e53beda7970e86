//! The four eras of today's provider database: which one a database is of, and
//! how it encodes and hashes.

use super::decode;
use cairn_primitives::HashingProfile;

/// When a provider database was written, which says how it is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyEra {
    /// No format version; states and nodes in bincode 1.
    A,
    /// No format version; states and nodes in SCALE.
    B,
    /// Format version 1: nodes are an enum.
    C,
    /// Format version 2: hashed with tags.
    D,
}

/// How a bucket's value of era A begins: the root as text of 66 bytes, `0x`
/// first.
const TEXT_ROOT: &[u8] = &[66, 0, 0, 0, 0, 0, 0, 0, b'0', b'x'];

impl LegacyEra {
    /// The era of a format version; `None` for one that nobody has written.
    pub(crate) fn of_version(version: u32) -> Option<Self> {
        match version {
            1 => Some(Self::C),
            2 => Some(Self::D),
            _ => None,
        }
    }

    /// The era of a database without a format version, as one bucket's value
    /// tells it; `None` where it tells nothing.
    pub(crate) fn of_value(value: &[u8]) -> Option<Self> {
        if value.starts_with(TEXT_ROOT) {
            Some(Self::A)
        } else {
            decode::state(Self::B, value).is_ok().then_some(Self::B)
        }
    }

    /// How it hashes.
    pub fn profile(self) -> HashingProfile {
        match self {
            Self::A | Self::B | Self::C => HashingProfile::Plain,
            Self::D => HashingProfile::Tagged,
        }
    }

    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
        }
    }
}
