//! `/fs`: files by path, as today's provider serves them to its file-system clients.
//!
//! Paths are names in an index, and nothing of the machine's own files. A listing of any length is a
//! stream of pages.

use super::object_body::{self, Content, Proven, Removed, Upload, headers_of, or_default, proven};
use super::objects::leaf_index;
use crate::app::App;
use crate::error::{HttpError, ObjectFault};
use crate::hex_text::prefixed;
use crate::schema::Hash;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use cairn_object_store::{IndexRoot, NewObject};
use cairn_objects::{
    Condition, Kind, ListRequest, Listed, Listing, ObjectName, ObjectRecord, Space, Stats,
};
use cairn_primitives::BucketId;
use futures::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct PathQuery {
    path: String,
}

/// A file that was stored.
#[derive(JsonSchema, Serialize)]
pub(crate) struct FileStored {
    #[schemars(with = "Hash")]
    data_root: String,
    size: u64,
    leaf_index: u64,
}

fn name_of(path: &str) -> Result<ObjectName, HttpError> {
    let name = ObjectName::path(path);
    Ok(name.map_err(|reason| ObjectFault::Path(reason.to_string()))?)
}

pub(crate) async fn put_file(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<PathQuery>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<FileStored>, HttpError> {
    let upload = Upload {
        app: &app,
        headers: &headers,
        method: &method,
        bucket: BucketId(bucket),
    };
    let new = || {
        Ok(NewObject {
            space: Space::Paths,
            name: name_of(&query.path)?,
            attributes: object_body::attributes(&headers, Vec::new())?,
            condition: Condition::Any,
        })
    };
    let record = upload.store(body, new).await?;
    Ok(Json(FileStored {
        data_root: prefixed(record.data_root),
        size: record.size,
        leaf_index: leaf_index(&app, BucketId(bucket), &record).await?,
    }))
}

async fn found(app: &App, bucket: BucketId, path: &str) -> Result<ObjectRecord, HttpError> {
    let found = or_default(app.objects().get(bucket, Space::Paths, path).await)?;
    let path = path.to_owned();
    match found {
        None => Err(ObjectFault::NoFile { bucket, path }.into()),
        Some(record) if record.kind != Kind::File => {
            Err(ObjectFault::NotAFile { bucket, path }.into())
        }
        Some(record) => Ok(record),
    }
}

pub(crate) async fn get_file(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<PathQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    name_of(&query.path)?;
    let record = found(&app, bucket, &query.path).await?;
    let answer = headers_of(&record);
    let content = Content {
        app: &app,
        bucket,
        name: &query.path,
        record,
    };
    content.answer(&headers, answer).await
}

pub(crate) async fn delete_file(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<PathQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Removed>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_write(&headers, &method, bucket).await?;
    name_of(&query.path)?;
    let store = app.objects();
    let deleted = store.delete(bucket, Space::Paths, &query.path).await;
    let deleted = or_default(deleted)?.is_some();
    Ok(Json(Removed { deleted }))
}

/// A directory that was made, or was there.
#[derive(JsonSchema, Serialize)]
pub(crate) struct DirectoryMade {
    path: String,
    created: bool,
}

pub(crate) async fn make_directory(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<PathQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<DirectoryMade>, HttpError> {
    let bucket = BucketId(bucket);
    let is_ours = app.authorise_write(&headers, &method, bucket).await?;
    let name = name_of(&query.path)?;
    let store = app.objects();
    let patience = app.patience(is_ours);
    while let Err(error) = store.make_directory(bucket, name.clone()).await {
        let error = HttpError::from(error);
        if !patience.waits_after(&error).await {
            return Err(error);
        }
    }
    Ok(Json(DirectoryMade {
        path: query.path,
        created: true,
    }))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct DirectoryQuery {
    #[serde(default = "root_path")]
    path: String,
    #[serde(default)]
    recursive: bool,
}

fn root_path() -> String {
    "/".to_owned()
}

/// An entry of a directory.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Entry<'e> {
    name: &'e str,
    path: &'e str,
    entry_type: &'static str,
    size: u64,
    /// Seconds since 1970.
    mtime: u64,
}

/// A listing of a directory without its entries. The numbers are of all files of the bucket.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it describes what is sent piece by piece")]
pub(crate) struct DirectoryTotals {
    path: String,
    file_count: u64,
    dir_count: u64,
    total_size: u64,
}

impl<'e> Entry<'e> {
    fn new(path: &'e str, record: &ObjectRecord) -> Self {
        Self {
            name: path.rsplit('/').next().unwrap_or(path),
            path,
            entry_type: match record.kind {
                Kind::File => "file",
                Kind::Directory => "directory",
            },
            size: record.size,
            mtime: record.modified_s,
        }
    }
}

/// A listing that is being sent.
struct DirectoryListing {
    app: App,
    bucket: BucketId,
    path: String,
    prefix: String,
    recursive: bool,
    /// The next step; `None` at the end.
    next: Option<Step>,
    stats: Stats,
    is_first_entry: bool,
}

enum Step {
    Begin(Listing),
    Page(String),
    End,
}

impl DirectoryListing {
    async fn page(&self, token: Option<&str>) -> Result<Listing, HttpError> {
        let request = ListRequest {
            prefix: &self.prefix,
            delimiter: (!self.recursive).then_some("/"),
            start_after: None,
            token,
            most: 0,
        };
        let store = self.app.objects();
        or_default(store.list(self.bucket, Space::Paths, request).await)
    }

    /// Writes the entries of a page. What only has entries below it is not an entry itself.
    fn entries(&mut self, listing: &Listing) -> Result<String, HttpError> {
        let mut text = String::new();
        for listed in &listing.listed {
            let Listed::Object(path, record) = listed else {
                continue;
            };
            if !std::mem::replace(&mut self.is_first_entry, false) {
                text.push(',');
            }
            text.push_str(&json_of(&Entry::new(path, record))?);
        }
        Ok(text)
    }

    fn end(&self) -> String {
        let Stats {
            files,
            directories,
            total_size,
            ..
        } = self.stats;
        format!(r#"],"file_count":{files},"dir_count":{directories},"total_size":{total_size}}}"#)
    }

    /// Returns the next piece of the body.
    async fn next(mut self) -> Result<Option<(String, Self)>, HttpError> {
        let (listing, mut text) = match self.next.take() {
            None => return Ok(None),
            Some(Step::End) => {
                let end = self.end();
                return Ok(Some((end, self)));
            }
            Some(Step::Begin(listing)) => {
                let path = json_of(&self.path)?;
                (listing, format!(r#"{{"path":{path},"entries":["#))
            }
            Some(Step::Page(token)) => (self.page(Some(&token)).await?, String::new()),
        };
        text.push_str(&self.entries(&listing)?);
        self.next = Some(listing.next.map_or(Step::End, Step::Page));
        Ok(Some((text, self)))
    }
}

fn json_of(value: &impl Serialize) -> Result<String, HttpError> {
    let text = serde_json::to_string(value);
    text.map_err(|error| HttpError::Decode {
        what: "an entry",
        reason: error.to_string(),
    })
}

pub(crate) async fn list_directory(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<DirectoryQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    name_of(&query.path)?;
    let stats = or_default(app.objects().stats(bucket, Space::Paths).await)?;
    let mut listing = DirectoryListing {
        app,
        bucket,
        prefix: format!("{}/", query.path.trim_end_matches('/')),
        path: query.path,
        recursive: query.recursive,
        next: None,
        stats,
        is_first_entry: true,
    };
    listing.next = Some(Step::Begin(listing.page(None).await?));
    let body = Body::from_stream(stream::try_unfold(listing, DirectoryListing::next));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// The root over the index of a bucket's files.
#[derive(JsonSchema, Serialize)]
pub(crate) struct FileIndexRoot {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    metadata_merkle_root: String,
    file_count: u64,
    dir_count: u64,
    total_size: u64,
}

pub(crate) async fn index_root(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<FileIndexRoot>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    let found = app.objects().index_root(bucket, Space::Paths).await;
    let IndexRoot { root, stats } = or_default(found)?;
    Ok(Json(FileIndexRoot {
        bucket_id: bucket.0,
        metadata_merkle_root: prefixed(root),
        file_count: stats.files,
        dir_count: stats.directories,
        total_size: stats.total_size,
    }))
}

/// Proves a file: its leaves under the newest signed commitment.
pub(crate) async fn prove_file(
    State(app): State<App>,
    Path(bucket): Path<u64>,
    Query(query): Query<PathQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Proven>, HttpError> {
    let bucket = BucketId(bucket);
    app.authorise_member(&headers, &method, bucket).await?;
    name_of(&query.path)?;
    let record = found(&app, bucket, &query.path).await?;
    let proof = app.objects().prove(bucket, &query.path, &record).await?;
    Ok(Json(proven(bucket, &record, proof)))
}
