//! The parts that objects and files have in common: a body is taken as a stream, and answered as one.

use super::proofs::{Leaf, LeafPath, LeafProof};
use super::ranges;
use crate::app::App;
use crate::error::{HttpError, ObjectFault};
use crate::hex_text::prefixed;
use crate::places::Stored;
use crate::schema::{Hash, Hex};
use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use cairn_object_store::{ByteRange, NewObject, ObjectProof, StoreError};
use cairn_objects::{Attributes, ObjectRecord};
use cairn_primitives::{BucketId, CommitmentPayload};
use codec::DecodeAll;
use schemars::JsonSchema;
use serde::Serialize;

/// Returns the header of a request, if it is text.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Returns the attributes that a request gives to its body.
pub(super) fn attributes(
    headers: &HeaderMap,
    metadata: Vec<(String, String)>,
) -> Result<Attributes, HttpError> {
    let attributes = Attributes::new(text(headers, CONTENT_TYPE), metadata);
    Ok(attributes.map_err(ObjectFault::Attributes)?)
}

/// A request with a body.
pub(super) struct Upload<'r> {
    pub(super) app: &'r App,
    pub(super) headers: &'r HeaderMap,
    pub(super) method: &'r Method,
    pub(super) bucket: BucketId,
}

impl Upload<'_> {
    /// Stores a body, commits it and gives it its name. Who sends it must be a writer before and
    /// after the body, which may take its time.
    pub(super) async fn store(
        &self,
        body: Body,
        new: impl FnOnce() -> Result<NewObject, HttpError>,
    ) -> Result<ObjectRecord, HttpError> {
        let Self { app, bucket, .. } = *self;
        let account = app.signer_of(self.headers, self.method, bucket)?;
        let is_ours = app.check_writer(&account, bucket).await?;
        let new = new()?;
        let store = app.objects();
        let patience = app.patience(is_ours);
        while let Err(error) = store.check(bucket, new.clone()).await {
            let error = HttpError::from(error);
            if !patience.waits_after(&error).await {
                return Err(error);
            }
        }
        let client = prefixed(account.0);
        let body = body.into_data_stream();
        let content = store.upload(bucket, &client, body).await?;
        // Without the role any more, the content is dropped, and so forgotten.
        app.check_writer(&account, bucket).await?;
        let record = store.put(content, new).await?;
        let kind = match record.size > CHUNK_SIZE {
            true => Stored::Node,
            false => Stored::Chunk,
        };
        app.recent().remember(record.data_root, kind, bucket);
        Ok(record)
    }
}

const CHUNK_SIZE: u64 = 262_144;

/// Returns what a bucket that is not made yet has: nothing.
pub(super) fn or_default<T: Default>(found: Result<T, StoreError>) -> Result<T, HttpError> {
    match found.map_err(HttpError::from) {
        Err(HttpError::BucketNotFound(_)) => Ok(T::default()),
        found => found,
    }
}

/// The answer to a read, before its body.
pub(super) struct Content<'r> {
    pub(super) app: &'r App,
    pub(super) bucket: BucketId,
    pub(super) name: &'r str,
    pub(super) record: ObjectRecord,
}

impl Content<'_> {
    /// Answers with the content, or the range that a request asks for.
    pub(super) async fn answer(
        self,
        request: &HeaderMap,
        headers: HeaderMap,
    ) -> Result<Response, HttpError> {
        let size = self.record.size;
        let asked = ranges::asked(request, size);
        let asked = match asked {
            Err(HttpError::Object(ObjectFault::Range { size })) => {
                return Ok(unsatisfiable(size));
            }
            asked => asked?,
        };
        let range = asked.unwrap_or(ByteRange::all(size));
        let store = self.app.objects();
        let content = store
            .content(self.bucket, self.name, self.record, range)
            .await?;
        let mut response = Response::new(Body::from_stream(content.into_stream()));
        *response.headers_mut() = headers;
        let length = HeaderValue::from(range.length());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        if asked.is_some() {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = range.end.saturating_sub(1);
            let of = format!("bytes {}-{last}/{size}", range.start);
            insert(response.headers_mut(), CONTENT_RANGE, &of);
        }
        Ok(response)
    }
}

fn unsatisfiable(size: u64) -> Response {
    use axum::response::IntoResponse;
    let mut response = HttpError::from(ObjectFault::Range { size }).into_response();
    insert(
        response.headers_mut(),
        CONTENT_RANGE,
        &format!("bytes */{size}"),
    );
    response
}

/// Returns the headers that content of any kind has.
pub(super) fn headers_of(record: &ObjectRecord) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let content_type = record.attributes.content_type();
    insert(&mut headers, CONTENT_TYPE, content_type);
    let any = HeaderValue::from_static("application/octet-stream");
    headers.entry(CONTENT_TYPE).or_insert(any);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(record.size));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers
}

/// Adds a header, unless its value is none.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// True for something that was there and is removed.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Removed {
    pub(super) deleted: bool,
}

/// The proof of an object, in the forms of `/commitment` and `/mmr_proof`.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ObjectProof")]
pub(crate) struct Proven {
    #[schemars(with = "Hash")]
    data_root: String,
    size: u64,
    commitment: SignedByKey,
    /// The object's leaves, in order.
    leaves: Vec<ProvenLeaf>,
}

/// A commitment with the provider's signature, and the account that signed.
#[derive(JsonSchema, Serialize)]
struct SignedByKey {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    #[schemars(with = "Hex")]
    provider_signature: String,
    #[schemars(with = "Hash")]
    signer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
}

#[derive(JsonSchema, Serialize)]
struct ProvenLeaf {
    leaf_index: u64,
    leaf: Leaf,
    proof: LeafPath,
}

/// Describes the proof of an object.
pub(super) fn proven(bucket: BucketId, record: &ObjectRecord, proof: ObjectProof) -> Proven {
    let ObjectProof { signed, leaves } = proof;
    let payload = CommitmentPayload::decode_all(&mut signed.payload.0.as_slice());
    let leaves = leaves.into_iter().map(|proven| {
        let LeafProof { leaf, proof } = proven.proof.into();
        ProvenLeaf {
            leaf_index: proven.index,
            leaf,
            proof,
        }
    });
    Proven {
        data_root: prefixed(record.data_root),
        size: record.size,
        commitment: SignedByKey {
            bucket_id: bucket.0,
            mmr_root: prefixed(signed.commitment.mmr_root),
            start_seq: signed.commitment.start_seq.0,
            leaf_count: signed.commitment.leaf_count.0,
            provider_signature: prefixed(&signed.signature.0),
            signer: prefixed(signed.signer),
            nonce: payload.ok().and_then(|payload| payload.nonce),
        },
        leaves: leaves.collect(),
    }
}
