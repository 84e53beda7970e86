//! The methods, for servers and clients alike: one trait for each group.

mod bucket;
mod provider;
mod write;

pub use bucket::{BucketApiClient, BucketApiServer};
pub use provider::{ProviderApiClient, ProviderApiServer};
pub use write::{WriteApiClient, WriteApiServer};
