//! The bucket that a request names, and whether its key may do what it asks.

use crate::gateway::Gateway;
use crate::keys::Access;
use cairn_primitives::BucketId;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

impl Gateway {
    /// Returns the access key of a request.
    pub(crate) fn key_of<'r, T>(&self, request: &'r S3Request<T>) -> S3Result<&'r str> {
        let credentials = request.credentials.as_ref();
        let key = credentials.map(|credentials| credentials.access_key.as_str());
        key.ok_or_else(|| S3Error::new(S3ErrorCode::AccessDenied))
    }

    fn granted<T>(&self, request: &S3Request<T>, name: &str, access: Access) -> S3Result<BucketId> {
        let key = self.key_of(request)?;
        match self.keys().grant(key, name) {
            // Another key's bucket is not told from one that nobody has.
            None => Err(S3Error::new(S3ErrorCode::NoSuchBucket)),
            Some(grant) if grant.access < access => Err(S3Error::new(S3ErrorCode::AccessDenied)),
            Some(grant) => Ok(grant.bucket),
        }
    }

    /// Returns a bucket that the request's key may read.
    pub(crate) fn readable<T>(&self, request: &S3Request<T>, name: &str) -> S3Result<BucketId> {
        self.granted(request, name, Access::Read)
    }

    /// Returns a bucket that the request's key may write to.
    pub(crate) fn writable<T>(&self, request: &S3Request<T>, name: &str) -> S3Result<BucketId> {
        self.granted(request, name, Access::Write)
    }
}
