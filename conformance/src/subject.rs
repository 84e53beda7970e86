//! The provider to judge, and what the operator gives the suite for that.

use crate::client::Endpoint;
use crate::key::Key;
use std::time::Duration;

/// The provider to judge.
///
/// The suite stores content in `bucket` and commits it, which no later run removes: take a bucket of
/// its own for it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its address.
    pub endpoint: Endpoint,
    /// A bucket on chain for which it has an agreement.
    pub bucket: u64,
    /// The key of a writer of the bucket, or of an admin.
    pub writer: Key,
    /// The key of an admin of the bucket.
    pub admin: Option<Key>,
    /// The key of a reader of the bucket.
    pub reader: Option<Key>,
    /// Another bucket with an agreement, of which `writer` is a writer too.
    pub other_bucket: Option<u64>,
    /// A bucket with an agreement in which nothing was committed, of which `writer` is a writer. The
    /// suite commits nothing in it.
    pub empty_bucket: Option<u64>,
    /// A bucket on chain of which `writer` is a writer, and for which the provider has no agreement.
    pub foreign_bucket: Option<u64>,
    /// An origin of web pages that the provider's operator has listed.
    pub listed_origin: Option<String>,
    /// True if leaves of `bucket` may be deleted.
    pub may_delete: bool,
    /// How long an answer may take. Today's provider waits 12 seconds for a bucket that the chain
    /// does not have.
    pub patience: Duration,
}

impl Subject {
    /// Creates a subject with what every case needs.
    pub const fn new(endpoint: Endpoint, bucket: u64, writer: Key) -> Self {
        Self {
            endpoint,
            bucket,
            writer,
            admin: None,
            reader: None,
            other_bucket: None,
            empty_bucket: None,
            foreign_bucket: None,
            listed_origin: None,
            may_delete: false,
            patience: Duration::from_secs(60),
        }
    }
}
