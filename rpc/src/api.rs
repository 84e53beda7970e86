//! The methods, for server and client alike.

mod bucket;
mod provider;
mod store;

pub use bucket::{BucketApiClient, BucketApiServer};
pub use provider::{ProviderApiClient, ProviderApiServer};
pub use store::{BucketStoreApiClient, BucketStoreApiServer};
