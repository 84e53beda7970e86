//! `/commit`: makes stored content leaves, and signs the new commitment.

use crate::app::App;
use crate::error::HttpError;
use crate::given_hash::GivenHashes;
use crate::hex_text::prefixed;
use crate::schema::{GivenHash, Hash, Hex};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use cairn_bucket::NewLeaf;
use cairn_primitives::{BucketId, H256, chunk_tree};
use cairn_provider::Lease;
use codec::Encode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Content to commit: each data root becomes a leaf. Some clients send a nonce as well, which the provider chooses itself.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Commit {
    bucket_id: u64,
    #[schemars(with = "Vec<GivenHash>")]
    data_roots: GivenHashes,
}

/// The new commitment, with the indices of the new leaves in its tree.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Committed {
    #[schemars(with = "Hash")]
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    leaf_indices: Vec<u64>,
    #[schemars(with = "Hex")]
    provider_signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
}

/// Returns a data root as a leaf, with the size of the content that the bucket holds under it.
fn leaf(lease: &Lease, data_root: H256, refuses_padding: bool) -> Result<NewLeaf, HttpError> {
    let size = lease.run(|bucket| bucket.size_under(&data_root))?;
    let data_size = size.ok_or(HttpError::RootNotFound(data_root))?;
    if refuses_padding && chunk_tree::has_padding(data_size) {
        let chunks = chunk_tree::chunk_count(data_size);
        return Err(HttpError::Padding { data_root, chunks });
    }
    Ok(NewLeaf {
        data_root,
        data_size,
    })
}

pub(crate) async fn commit(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Json(request): Json<Commit>,
) -> Result<Json<Committed>, HttpError> {
    let bucket = BucketId(request.bucket_id);
    let is_ours = app.authorise_write(&headers, &method, bucket).await?;
    let roots = request.data_roots.within(app.rpc().limits().leaves)?;
    let signer = app.rpc().handle().signer.clone();
    let (refuses_padding, guard) = (app.rpc().refuses_padding(), app.rpc().guard());
    let count = u64::try_from(roots.len()).unwrap_or(u64::MAX);
    let job = move |lease: &Lease| {
        let leaves = roots
            .iter()
            .map(|root| leaf(lease, *root, refuses_padding))
            .collect::<Result<Vec<_>, _>>()?;
        // Without data roots, today's provider answers with its newest commitment, signed.
        if leaves.is_empty() {
            guard.check_newest(lease)?;
        }
        Ok::<_, HttpError>(lease.commit_signed(&leaves, &signer)?)
    };
    let (committed, signed) = app.write(bucket, is_ours, job).await?;
    let payload = signed.payload;
    let first = committed.first_leaf.0;
    Ok(Json(Committed {
        mmr_root: prefixed(payload.commitment.mmr_root),
        start_seq: payload.commitment.start_seq.0,
        leaf_count: payload.commitment.leaf_count.get(),
        leaf_indices: (first..first.saturating_add(count)).collect(),
        provider_signature: prefixed(signed.signature.encode()),
        nonce: payload.nonce,
    }))
}
