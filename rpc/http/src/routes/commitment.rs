//! `/commitment` and `/checkpoint-signature`: the newest signed commitment of a bucket.

use crate::app::App;
use crate::error::HttpError;
use crate::hex_text::prefixed;
use crate::schema::{Hash, Hex};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use cairn_primitives::{BucketId, CommitmentPayload};
use cairn_rpc_api::{BucketApiServer, Code, Error, U64OrHex};
use codec::DecodeAll;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct BucketQuery {
    pub(super) bucket_id: u64,
}

/// A commitment with the provider's signature over it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SignedCommitment")]
pub(crate) struct Signed {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    #[schemars(with = "Hex")]
    provider_signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
}

/// Answers an error of the JSON-RPC about a bucket.
pub(super) fn about(bucket: BucketId) -> impl Fn(Error) -> HttpError {
    move |error| match &error {
        Error::Coded { code, .. } if *code == Code::NoSuchBucket => {
            HttpError::BucketNotFound(bucket)
        }
        _ => error.into(),
    }
}

pub(crate) async fn commitment(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<BucketQuery>,
) -> Result<Json<Signed>, HttpError> {
    let bucket = BucketId(query.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let signed = BucketApiServer::commitment(app.rpc(), U64OrHex(bucket.0)).await;
    let signed = signed.map_err(|error| match &error {
        // As today's provider answers before the first write. Its clients take a 404 for an empty
        // bucket, and a 503 for one to ask again, and then for an error.
        Error::Coded { code, .. } if *code == Code::NothingToSign => {
            HttpError::BucketNotFound(bucket)
        }
        _ => about(bucket)(error),
    })?;
    let payload = CommitmentPayload::decode_all(&mut signed.payload.0.as_slice());
    Ok(Json(Signed {
        bucket_id: bucket.0,
        mmr_root: prefixed(signed.commitment.mmr_root),
        start_seq: signed.commitment.start_seq.0,
        leaf_count: signed.commitment.leaf_count.0,
        provider_signature: prefixed(signed.signature.0),
        nonce: payload.ok().and_then(|payload| payload.nonce),
    }))
}
