//! Upgrades of a running chain's rows, each from the variant before.

use frame_support::traits::StorageVersion;

/// The storage version, which says nothing about the layout of the older variants.
pub const VERSION: StorageVersion = StorageVersion::new(if cfg!(leaf_binding) { 1 } else { 0 });
