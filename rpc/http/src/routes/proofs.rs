//! `/mmr_peaks`, `/mmr_proof` and `/chunk_proof`: what an answer to a challenge is made of.

use super::commitment::{BucketQuery, about};
use crate::app::App;
use crate::error::HttpError;
use crate::given_hash;
use crate::hex_text::{all_prefixed, prefixed};
use crate::schema::{Base64, GivenHash, Hash};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{BucketId, ChunkIndex, MerkleProof};
use cairn_provider::Lease;
use cairn_rpc_api::{BucketApiServer, Code, Error, MmrProofInfo, U64OrHex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(JsonSchema, Serialize)]
pub(crate) struct Peaks {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    mmr_root: String,
    #[schemars(with = "Vec<Hash>")]
    peaks: Vec<String>,
}

pub(crate) async fn mmr_peaks(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<BucketQuery>,
) -> Result<Json<Peaks>, HttpError> {
    let bucket = BucketId(query.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let found = BucketApiServer::peaks(app.rpc(), U64OrHex(bucket.0), None).await;
    let found = found.map_err(about(bucket))?;
    Ok(Json(Peaks {
        bucket_id: bucket.0,
        mmr_root: prefixed(found.commitment.mmr_root),
        peaks: all_prefixed(&found.peaks),
    }))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct LeafQuery {
    bucket_id: u64,
    leaf_index: u64,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct LeafProof {
    pub(super) leaf: Leaf,
    pub(super) proof: LeafPath,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Leaf {
    #[schemars(with = "Hash")]
    data_root: String,
    data_size: u64,
    total_size: u64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct LeafPath {
    #[schemars(with = "Vec<Hash>")]
    peaks: Vec<String>,
    #[schemars(with = "Vec<Hash>")]
    siblings: Vec<String>,
    path: Vec<bool>,
}

impl From<MmrProofInfo> for LeafProof {
    fn from(proven: MmrProofInfo) -> Self {
        Self {
            leaf: Leaf {
                data_root: prefixed(proven.leaf.data_root),
                data_size: proven.leaf.data_size.0,
                total_size: proven.leaf.total_size.0,
            },
            proof: LeafPath {
                peaks: all_prefixed(&proven.peaks),
                siblings: all_prefixed(&proven.leaf_proof.siblings),
                path: proven.leaf_proof.path,
            },
        }
    }
}

pub(crate) async fn mmr_proof(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<LeafQuery>,
) -> Result<Json<LeafProof>, HttpError> {
    let (bucket, index) = (BucketId(query.bucket_id), query.leaf_index);
    app.authorise_read(&headers, &method, bucket).await?;
    let proven = BucketApiServer::mmr_proof(app.rpc(), U64OrHex(bucket.0), U64OrHex(index), None);
    let proven = proven.await.map_err(|error| match &error {
        Error::Coded { code, .. } if *code == Code::NoSuchLeaf => {
            HttpError::NotFound(format!("leaf_{index}"))
        }
        _ => about(bucket)(error),
    })?;
    Ok(Json(proven.into()))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct ChunkQuery {
    #[schemars(with = "GivenHash")]
    data_root: String,
    chunk_index: u64,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct ChunkProof {
    #[schemars(with = "Hash")]
    chunk_hash: String,
    #[schemars(with = "Base64")]
    chunk_data: String,
    proof: ChunkPath,
}

#[derive(JsonSchema, Serialize)]
struct ChunkPath {
    #[schemars(with = "Vec<Hash>")]
    siblings: Vec<String>,
    path: Vec<bool>,
}

impl From<MerkleProof> for ChunkPath {
    fn from(proof: MerkleProof) -> Self {
        Self {
            siblings: all_prefixed(&proof.siblings),
            path: proof.path,
        }
    }
}

pub(crate) async fn chunk_proof(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<ChunkQuery>,
) -> Result<Json<ChunkProof>, HttpError> {
    let root = given_hash::hash(&query.data_root)?;
    let index = ChunkIndex(query.chunk_index);
    let job = move |lease: &Lease| lease.run(|bucket| bucket.chunk_under(&root, index));
    let found = app.find((&headers, &method), root, job).await?;
    let Some((_, chunk)) = found else {
        return Err(HttpError::NotFound(format!("chunk_{index}")));
    };
    Ok(Json(ChunkProof {
        chunk_hash: prefixed(chunk.hash),
        chunk_data: STANDARD.encode(&chunk.bytes),
        proof: chunk.proof.into(),
    }))
}
