//! `/replica/historical_roots` and `/replica/sync_status`: what a replica of a bucket may confirm,
//! and what this provider has of it.

use super::commitment::BucketQuery;
use crate::app::App;
use crate::error::HttpError;
use crate::hex_text::prefixed;
use crate::schema::Hash;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use cairn_bucket::ProveError;
use cairn_primitives::BucketId;
use cairn_primitives::checkpoint::REPLICA_PRIMES;
use cairn_provider::Lease;
use cairn_rpc_server::WorkClass;
use schemars::JsonSchema;
use serde::Serialize;

/// The roots that the chain compares a replica's confirmation with, place by place.
#[derive(JsonSchema, Serialize)]
pub(crate) struct HistoricalRoots {
    bucket_id: u64,
    /// The root of the last checkpoint; empty before the first.
    current_root: String,
    /// The root for each prime; empty where there is none.
    historical_roots: [String; REPLICA_PRIMES.len()],
    snapshot_block: u32,
}

pub(crate) async fn historical_roots(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<BucketQuery>,
) -> Result<Json<HistoricalRoots>, HttpError> {
    let bucket = BucketId(query.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let asked = app.rpc().handle().countersigner.on_chain(bucket);
    let lanes = app.rpc().lanes();
    // Strangers ask too, and each bucket is a question to the chain.
    let on_chain = lanes.serve_waiting(WorkClass::Read, asked).await?;
    let on_chain = on_chain.map_err(|_| HttpError::ChainStateNotReady)?;
    let info = on_chain.ok_or(HttpError::BucketNotFound(bucket))?;
    let root_of = |prime: u32| {
        let mut roots = info.historical_roots.iter();
        let found = roots.find(|(of, _, _)| *of == prime);
        found.map_or_else(String::new, |(_, _, root)| prefixed(root))
    };
    let snapshot = info.snapshot.as_ref();
    Ok(Json(HistoricalRoots {
        bucket_id: bucket.0,
        current_root: snapshot.map_or_else(String::new, |snapshot| {
            prefixed(snapshot.commitment.mmr_root)
        }),
        historical_roots: REPLICA_PRIMES.map(root_of),
        snapshot_block: snapshot.map_or(0, |snapshot| snapshot.checkpoint_block),
    }))
}

/// The state of this provider's copy of a bucket.
#[derive(JsonSchema, Serialize)]
pub(crate) struct SyncStatus {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    local_mmr_root: String,
    local_leaf_count: u64,
    /// The anchor block of the last synchronisation that the chain has confirmed.
    last_sync_block: Option<u32>,
    syncing: bool,
}

pub(crate) async fn sync_status(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<BucketQuery>,
) -> Result<Json<SyncStatus>, HttpError> {
    let bucket = BucketId(query.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let job = |lease: &Lease| Ok::<_, ProveError>(lease.commitment());
    let newest = app.read(bucket, job).await?;
    let replicas = &app.rpc().handle().replicas;
    Ok(Json(SyncStatus {
        bucket_id: bucket.0,
        local_mmr_root: prefixed(newest.mmr_root),
        local_leaf_count: newest.leaf_count.get(),
        last_sync_block: replicas.report(bucket).and_then(|report| report.last_sync),
        syncing: replicas.is_syncing(bucket),
    }))
}
