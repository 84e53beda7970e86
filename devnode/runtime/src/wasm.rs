//! The runtimes as WASM, embedded by the build.

include!(concat!(env!("OUT_DIR"), "/wasm.rs"));

/// A variant of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// That of the deployed chain, spec version 4_001.
    Deployed,
    /// That whose commitments have nonces, spec version 4_003.
    Nonce,
    /// That in development, spec version 4_008.
    Current,
    /// That which binds proofs to leaves, spec version 4_009.
    LeafBinding,
}

impl Variant {
    /// All variants, oldest first: a chain can be upgraded from each to the next.
    pub const ALL: [Self; 4] = [
        Self::Deployed,
        Self::Nonce,
        Self::Current,
        Self::LeafBinding,
    ];

    /// Returns the name in documents and files, such as `leaf-binding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Nonce => "nonce",
            Self::Current => "current",
            Self::LeafBinding => "leaf-binding",
        }
    }

    /// Returns the variant with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// Returns the runtime as WASM; none if the build was told to leave it out.
    pub const fn wasm(self) -> Option<&'static [u8]> {
        let [deployed, nonce, current, leaf_binding] = WASM;
        match self {
            Self::Deployed => deployed,
            Self::Nonce => nonce,
            Self::Current => current,
            Self::LeafBinding => leaf_binding,
        }
    }
}
