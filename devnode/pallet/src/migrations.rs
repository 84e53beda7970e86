//! Upgrades of a running chain's rows, each from the variant before.
//!
//! The chain itself shipped none for most of these steps: its operators removed rows by
//! hand, or left them undecodable. So a runtime decides whether a step runs. The step to
//! `leaf-binding` is the chain's: it drops all open challenges.

#[cfg(leaf_binding)]
mod from_current;
#[cfg(commitment_nonce)]
mod from_deployed;
#[cfg(all(challenger_tiers, not(leaf_binding)))]
mod from_nonce;

#[cfg(leaf_binding)]
pub use from_current::upgrade;
#[cfg(commitment_nonce)]
pub use from_deployed::upgrade;
#[cfg(all(challenger_tiers, not(leaf_binding)))]
pub use from_nonce::upgrade;

use frame_support::traits::StorageVersion;

/// The storage version. Only the step to `leaf-binding` raised it, so it does not tell the
/// layout of the other variants.
pub const VERSION: StorageVersion = StorageVersion::new(if cfg!(leaf_binding) { 1 } else { 0 });
