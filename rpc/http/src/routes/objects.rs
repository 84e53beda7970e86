//! `/s3`: objects by key, as today's provider serves them to its S3 clients.

use super::object_body::{
    self, Content, Proven, Removed, Upload, headers_of, insert, or_default, proven,
};
use crate::app::App;
use crate::error::{HttpError, ObjectFault};
use crate::hex_text::prefixed;
use crate::schema::Hash;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{ETAG, LAST_MODIFIED};
use axum::http::{HeaderMap, HeaderName, Method};
use axum::response::Response;
use cairn_object_store::{IndexRoot, NewObject};
use cairn_objects::{Condition, ListRequest, Listed, ObjectName, ObjectRecord, Space};
use cairn_primitives::BucketId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The beginning of the headers of a client's own metadata.
const METADATA: &str = "x-amz-meta-";
/// The data root in the answer to `HEAD`, which the Rust client needs.
const DATA_ROOT: HeaderName = HeaderName::from_static("x-amz-data-root");

#[derive(Deserialize, JsonSchema)]
pub(crate) struct KeyQuery {
    key: String,
}

/// An object that was stored. Its ETag is its data root.
#[derive(JsonSchema, Serialize)]
pub(crate) struct ObjectStored {
    #[schemars(with = "Hash")]
    etag: String,
    #[schemars(with = "Hash")]
    data_root: String,
    size: u64,
    leaf_index: u64,
}

fn metadata(headers: &HeaderMap) -> Vec<(String, String)> {
    let pairs = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(METADATA)?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    pairs.collect()
}

pub(crate) async fn put_object(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<KeyQuery>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ObjectStored>, HttpError> {
    let upload = Upload {
        app: &app,
        headers: &headers,
        method: &method,
        bucket: BucketId(bucket),
    };
    let new = || {
        let name = ObjectName::key(query.key);
        Ok(NewObject {
            space: Space::Keys,
            name: name.map_err(|reason| ObjectFault::Key(reason.to_string()))?,
            attributes: object_body::attributes(&headers, metadata(&headers))?,
            condition: Condition::Any,
        })
    };
    let record = upload.store(body, new).await?;
    let data_root = prefixed(record.data_root);
    Ok(Json(ObjectStored {
        etag: data_root.clone(),
        data_root,
        size: record.size,
        leaf_index: leaf_index(&app, BucketId(bucket), &record).await?,
    }))
}

/// Returns the index of an object's first leaf in the newest tree.
pub(super) async fn leaf_index(
    app: &App,
    bucket: BucketId,
    record: &ObjectRecord,
) -> Result<u64, HttpError> {
    let first = record.first_leaf.0;
    let job = move |lease: &cairn_provider::Lease| {
        let start = lease.commitment().start_seq.0;
        Ok::<_, HttpError>(first.saturating_sub(start))
    };
    app.read(bucket, job).await
}

async fn found(app: &App, bucket: BucketId, key: &str) -> Result<ObjectRecord, HttpError> {
    let found = or_default(app.objects().get(bucket, Space::Keys, key).await)?;
    let absent = || ObjectFault::NoObject {
        bucket,
        key: key.to_owned(),
    };
    Ok(found.ok_or_else(absent)?)
}

fn object_headers(record: &ObjectRecord) -> HeaderMap {
    let mut headers = headers_of(record);
    insert(&mut headers, ETAG, &prefixed(record.data_root));
    // In seconds, as existing clients parse it.
    let modified = record.modified_s.to_string();
    insert(&mut headers, LAST_MODIFIED, &modified);
    for (name, value) in record.attributes.metadata() {
        if let Ok(name) = HeaderName::try_from(format!("{METADATA}{name}")) {
            insert(&mut headers, name, value);
        }
    }
    headers
}

pub(crate) async fn get_object(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<KeyQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    let record = found(&app, bucket, &query.key).await?;
    let answer = object_headers(&record);
    let content = Content {
        app: &app,
        bucket,
        name: &query.key,
        record,
    };
    content.answer(&headers, answer).await
}

pub(crate) async fn head_object(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<KeyQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<(HeaderMap, Body), HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    let record = found(&app, bucket, &query.key).await?;
    let mut answer = object_headers(&record);
    insert(&mut answer, DATA_ROOT, &prefixed(record.data_root));
    Ok((answer, Body::empty()))
}

pub(crate) async fn delete_object(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<KeyQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Removed>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_write(&headers, &method, bucket).await?;
    let deleted = app.objects().delete(bucket, Space::Keys, &query.key).await;
    let deleted = or_default(deleted)?.is_some();
    Ok(Json(Removed { deleted }))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    prefix: Option<String>,
    delimiter: Option<String>,
    start_after: Option<String>,
    continuation_token: Option<String>,
    max_keys: Option<u32>,
}

#[derive(JsonSchema, Serialize)]
struct ListedObject {
    key: String,
    size: u64,
    /// Seconds since 1970.
    last_modified: u64,
    #[schemars(with = "Hash")]
    etag: String,
}

/// A page of a listing.
#[derive(Default, JsonSchema, Serialize)]
pub(crate) struct ObjectPage {
    contents: Vec<ListedObject>,
    common_prefixes: Vec<String>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
    key_count: u32,
}

pub(crate) async fn list_objects(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<ListQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<ObjectPage>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    let request = ListRequest {
        prefix: query.prefix.as_deref().unwrap_or_default(),
        delimiter: query.delimiter.as_deref(),
        start_after: query.start_after.as_deref(),
        token: query.continuation_token.as_deref(),
        most: query.max_keys.unwrap_or(0),
    };
    let listing = or_default(app.objects().list(bucket, Space::Keys, request).await)?;
    let mut page = ObjectPage {
        is_truncated: listing.next.is_some(),
        next_continuation_token: listing.next,
        key_count: u32::try_from(listing.listed.len()).unwrap_or(u32::MAX),
        ..ObjectPage::default()
    };
    for listed in listing.listed {
        match listed {
            Listed::Group(prefix) => page.common_prefixes.push(prefix),
            Listed::Object(key, record) => page.contents.push(ListedObject {
                key,
                size: record.size,
                last_modified: record.modified_s,
                etag: prefixed(record.data_root),
            }),
        }
    }
    Ok(Json(page))
}

/// The root over the index of a bucket's objects.
#[derive(JsonSchema, Serialize)]
pub(crate) struct ObjectIndexRoot {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    metadata_merkle_root: String,
    object_count: u64,
    total_size: u64,
}

pub(crate) async fn index_root(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<ObjectIndexRoot>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    let found = app.objects().index_root(bucket, Space::Keys).await;
    let IndexRoot { root, stats } = or_default(found)?;
    Ok(Json(ObjectIndexRoot {
        bucket_id: bucket.0,
        metadata_merkle_root: prefixed(root),
        object_count: stats.files,
        total_size: stats.total_size,
    }))
}

/// Proves an object: its leaves under the newest signed commitment.
pub(crate) async fn prove_object(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<KeyQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Proven>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    let record = found(&app, bucket, &query.key).await?;
    let proof = app.objects().prove(bucket, &query.key, &record).await?;
    Ok(Json(proven(bucket, &record, proof)))
}
