//! The variants of the storage pallet, and the traits that set them apart. The build scripts
//! of the pallet's and the runtime's packages include this file: it is the only place that
//! knows which variant has which trait.
//!
//! Each trait becomes a `cfg` of its package. Inside of FRAME's macros, which do not
//! evaluate `cfg` everywhere, `cairn_devnode_select::select` evaluates it beforehand.

/// A variant: what a package's name ends in after the common part, and its traits.
pub(crate) struct Variant {
    /// The name in documents, files and test names.
    pub(crate) name: &'static str,
    /// The traits that it has, of [`TRAITS`].
    pub(crate) traits: &'static [&'static str],
}

/// All traits.
///
/// - `deployed`: challenges of a deadline are a list, so that their indices shift;
///   commitments and locations are flat; a wrong answer is an error and costs only its fee.
/// - `checkpoint_windows`: providers submit checkpoints in windows.
/// - `commitment_nonce`: what providers sign has a nonce, the anchor block of the signing.
/// - `challenger_tiers`: a challenger is authorised or not, and a bucket public or private;
///   an answer never costs stake.
/// - `leaf_binding`: a challenge knows the leaf count, and a proof must prove its leaf.
/// - `relay_clock`: anchor blocks are the relay chain's, and the sweep catches up with jumps.
pub(crate) const TRAITS: [&str; 6] = [
    "deployed",
    "checkpoint_windows",
    "commitment_nonce",
    "challenger_tiers",
    "leaf_binding",
    "relay_clock",
];

/// All variants, oldest first.
pub(crate) const VARIANTS: [Variant; 4] = [
    Variant {
        name: "deployed",
        traits: &["deployed", "checkpoint_windows"],
    },
    Variant {
        name: "nonce",
        traits: &["checkpoint_windows", "commitment_nonce", "relay_clock"],
    },
    Variant {
        name: "current",
        traits: &["challenger_tiers", "relay_clock"],
    },
    Variant {
        name: "leaf-binding",
        traits: &["challenger_tiers", "leaf_binding", "relay_clock"],
    },
];

impl Variant {
    /// Returns the package's name: the current variant has the common name itself.
    pub(crate) fn package(&self, common: &str) -> String {
        match self.name {
            "current" => common.to_owned(),
            name => format!("{common}-{name}"),
        }
    }
}

/// Sets the `cfg`s of the package that is being built, of those with a `common` name.
///
/// # Errors
///
/// The reason, if it is none of them.
pub(crate) fn configure(common: &str) -> Result<&'static Variant, String> {
    let package = std::env::var("CARGO_PKG_NAME").map_err(|_| "build with cargo")?;
    let variant = VARIANTS
        .iter()
        .find(|variant| variant.package(common) == package)
        .ok_or_else(|| format!("{package} is no variant of {common}"))?;
    let mut evaluated = Vec::new();
    for name in TRAITS {
        println!("cargo:rustc-check-cfg=cfg({name})");
        let has = variant.traits.contains(&name);
        if has {
            println!("cargo:rustc-cfg={name}");
        }
        evaluated.push(format!("{name}={has}"));
    }
    println!("cargo:rustc-env=CAIRN_TRAITS={}", evaluated.join(","));
    println!("cargo:rustc-env=CAIRN_VARIANT={}", variant.name);
    Ok(variant)
}
