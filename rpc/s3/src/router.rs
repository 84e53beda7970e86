//! The gateway as a router, for the listener of the HTTP API.

use crate::gateway::Gateway;
use crate::keys::AccessKeys;
use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cairn_rpc_server::ProviderRpc;
use s3s::auth::{S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3Error, S3ErrorCode, S3Result};
use std::sync::Arc;

/// The most bytes of a body of XML: 2 MiB, in which 10,000 parts fit, and 1,000 keys to delete.
const XML_BYTES: usize = 2 << 20;

/// Returns the routes of the S3 dialect over a provider, for the keys of a file.
pub fn router(rpc: ProviderRpc, keys: AccessKeys) -> Router {
    let keys = Arc::new(keys);
    let mut builder = S3ServiceBuilder::new(Gateway::new(rpc, keys.clone()));
    builder.set_auth(Secrets(keys));
    let mut config = S3Config::default();
    config.xml_max_body_size = XML_BYTES;
    // Uploads by a form of a web page are not served.
    config.form_max_fields_size = XML_BYTES;
    config.form_max_parts = 32;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    let service = HandleError::new(builder.build(), failed);
    Router::new().fallback_service(service)
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
