//! The variants of the storage chain, and how they differ as the opponent sees them.

use std::fmt;
use std::str::FromStr;

/// A variant of the storage chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As deployed first: ids of challenges shift, and a wrong answer costs its fee.
    Deployed,
    /// The commitments that providers sign have a nonce.
    Nonce,
    /// As developed now.
    Current,
    /// Challenges know the leaf count.
    LeafBinding,
}

impl Variant {
    /// All variants, oldest first.
    pub const ALL: [Self; 4] = [
        Self::Deployed,
        Self::Nonce,
        Self::Current,
        Self::LeafBinding,
    ];

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Nonce => "nonce",
            Self::Current => "current",
            Self::LeafBinding => "leaf-binding",
        }
    }

    /// Returns whether commitments and locations are flat, challenges are lists, and anchor blocks
    /// are the chain's own.
    pub(crate) const fn is_deployed(self) -> bool {
        matches!(self, Self::Deployed)
    }

    /// Returns whether what providers sign has a nonce.
    pub(crate) const fn has_nonce(self) -> bool {
        matches!(self, Self::Nonce)
    }

    /// Returns whether providers submit checkpoints in windows.
    pub(crate) const fn has_windows(self) -> bool {
        matches!(self, Self::Deployed | Self::Nonce)
    }

    /// Returns whether a bucket is public or private.
    pub(crate) const fn has_visibility(self) -> bool {
        matches!(self, Self::Current | Self::LeafBinding)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|variant| variant.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{name:?} is no variant: expected one of {names}")
        })
    }
}
