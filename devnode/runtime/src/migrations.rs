//! The step from the variant before, when a running chain is upgraded.
//!
//! It runs if the last runtime was exactly that variant. A test can let the rows stay as they
//! are, as operators did: with `System.set_storage` of `true` to the key
//! `twox_128(":SkipMigrations:")` before the upgrade.

/// The step.
pub struct FromVariantBefore;

/// The oldest variant has none before it.
#[cfg(deployed)]
impl frame_support::traits::OnRuntimeUpgrade for FromVariantBefore {}

#[cfg(not(deployed))]
mod step {
    use super::FromVariantBefore;
    use crate::Runtime;
    use frame_support::parameter_types;
    use frame_support::traits::OnRuntimeUpgrade;
    use frame_support::weights::Weight;

    parameter_types! {
        /// True if rows stay as they are.
        pub storage SkipMigrations: bool = false;
    }

    /// The spec version of the variant before.
    const BEFORE: u32 = if cfg!(commitment_nonce) {
        4_001
    } else if cfg!(leaf_binding) {
        4_008
    } else {
        4_003
    };

    impl OnRuntimeUpgrade for FromVariantBefore {
        fn on_runtime_upgrade() -> Weight {
            let last = frame_system::LastRuntimeUpgrade::<Runtime>::get();
            let is_step = last.is_some_and(|last| last.spec_version.0 == BEFORE);
            if is_step && !SkipMigrations::get() {
                pallet_storage_provider::migrations::upgrade::<Runtime>()
            } else {
                Weight::zero()
            }
        }
    }
}
