//! `/delete`: drops the leaves of a bucket before a sequence, by an admin's header, and signs the
//! commitment to the rest.
//!
//! Clients of this route do not sign the deletion itself, so the chain would take it from nobody:
//! what was signed of the dropped leaves can still be challenged, and only a proof answers. So
//! nothing of it is removed. The old tree stays with its content and its signed roots until the
//! rules of retention let it go (I10).
//!
//! What would be signed must be as safe as what was signed before. A state without leaves is never
//! signed. Nor, unless the operator accepts leaves with padding, is one in which no leaf could answer a
//! challenge of a padding slot any more.

use crate::app::App;
use crate::error::HttpError;
use crate::hex_text::prefixed;
use crate::schema::{Hash, Hex};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use cairn_bucket::PruneError;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{Lease, ProviderError};
use cairn_rpc_server::{GuardError, MemberGuard};
use codec::Encode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The leaves to drop: those before a sequence. Some clients send a nonce as well, which the
/// provider chooses itself.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Delete {
    bucket_id: u64,
    new_start_seq: u64,
}

/// The commitment to the leaves that are left.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Deleted {
    #[schemars(with = "Hash")]
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    #[schemars(with = "Hex")]
    provider_signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
}

/// Drops the leaves before a sequence, unless that was done already: a client may repeat a request
/// whose answer was lost.
fn drop_leaves(lease: &Lease, guard: MemberGuard, before: Sequence) -> Result<(), HttpError> {
    match guard.prune(lease, before, None) {
        // It was done before, or another request was first.
        Ok(_) | Err(GuardError::Prune(PruneError::NothingBefore { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn delete(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Json(request): Json<Delete>,
) -> Result<Json<Deleted>, HttpError> {
    let bucket = BucketId(request.bucket_id);
    let is_ours = app.authorise_delete(&headers, &method, bucket).await?;
    let before = Sequence(request.new_start_seq);
    let guard = app.rpc().guard();
    let signer = app.rpc().handle().signer.clone();
    let job = move |lease: &Lease| {
        // Before anything changes: a deletion without a signature would look failed.
        lease.permit(&signer).map_err(ProviderError::from)?;
        drop_leaves(lease, guard, before)?;
        // Where nothing was dropped, the newest commitment may never have been signed.
        guard.check_newest(lease)?;
        let (_, signed) = lease.commit_signed(&[], &signer)?;
        Ok::<_, HttpError>(signed)
    };
    let signed = app.write(bucket, is_ours, job).await?;
    let payload = signed.payload;
    Ok(Json(Deleted {
        mmr_root: prefixed(payload.commitment.mmr_root),
        start_seq: payload.commitment.start_seq.0,
        leaf_count: payload.commitment.leaf_count.get(),
        provider_signature: prefixed(signed.signature.encode()),
        nonce: payload.nonce,
    }))
}
