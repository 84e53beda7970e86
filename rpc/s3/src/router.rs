//! The gateway as a router, for the listener of the HTTP API.

use crate::admission;
use crate::gateway::Gateway;
use crate::keys::AccessKeys;
use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use cairn_rpc_server::ProviderRpc;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3Error, S3ErrorCode, S3Result};
use std::sync::Arc;

/// The operations that are served. The body of another one is not read.
const OPERATIONS: [&str; 19] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetObject",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "UploadPart",
    "UploadPartCopy",
];

/// Returns the routes of the S3 dialect over a provider, for the keys of a file.
pub fn router(rpc: ProviderRpc, keys: AccessKeys) -> Router {
    let keys = Arc::new(keys);
    let mut builder = S3ServiceBuilder::new(Gateway::new(rpc, keys.clone()));
    builder.set_auth(Secrets(keys));
    builder.set_access(KnownOperations);
    let mut config = S3Config::default();
    config.xml_max_body_size = admission::MAX_XML_BYTES;
    // Forms of web pages, which would be read before their signature, are refused before.
    config.post_object_max_file_size = 0;
    config.form_max_field_size = 0;
    config.form_max_fields_size = 0;
    config.form_max_parts = 0;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    let service = HandleError::new(builder.build(), failed);
    Router::new()
        .fallback_service(service)
        .layer(from_fn(admission::admit))
}

async fn failed(error: HttpError) -> Response<Body> {
    tracing::debug!(?error, "a request of an S3 client could not be served");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The secrets by which requests are signed.
struct Secrets(Arc<AccessKeys>);

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let secret = self.0.secret(access_key);
        secret.ok_or_else(|| S3Error::new(S3ErrorCode::InvalidAccessKeyId))
    }
}

/// The operations that a signed request may ask for, checked before its body is read.
struct KnownOperations;

#[async_trait::async_trait]
impl S3Access for KnownOperations {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(S3Error::new(S3ErrorCode::AccessDenied));
        }
        match OPERATIONS.contains(&context.s3_op().name()) {
            true => Ok(()),
            false => Err(S3Error::new(S3ErrorCode::NotImplemented)),
        }
    }
}
