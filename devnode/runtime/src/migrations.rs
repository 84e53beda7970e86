//! The step from the variant before, when a running chain is upgraded.

/// The step.
pub(crate) type FromVariantBefore = ();
