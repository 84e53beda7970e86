//! The names by which the storage pallet is found.

/// The storage pallet.
pub(crate) const PALLET: &str = "StorageProvider";
/// The storage pallet's runtime API. Its name identifies nothing: another chain uses it for
/// another API.
pub(crate) const API: &str = "StorageProviderApi";
/// The function that tells the anchor block, the only one of the API that is called.
pub(crate) const ANCHOR_FUNCTION: &str = "StorageProviderApi_current_anchor_block";
