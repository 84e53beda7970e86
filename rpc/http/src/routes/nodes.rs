//! `/node`, `/exists` and `/fetch_nodes`: single chunks and interior nodes.

use crate::app::App;
use crate::error::HttpError;
use crate::given_hash::{self, GivenHashes, WrittenHash};
use crate::hex_text;
use crate::padding;
use crate::places::Stored;
use crate::schema::{Base64, GivenHash, Hash};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cairn_bucket::{Bucket, IngestError, ProveError, StoredContent};
use cairn_primitives::{BucketId, H256};
use cairn_provider::Lease;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct NodeQuery {
    #[schemars(with = "GivenHash")]
    hash: String,
}

/// A chunk or an interior node. The data of a node are the hashes of its children.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Node {
    /// As the client has written it.
    #[schemars(with = "GivenHash")]
    hash: String,
    #[schemars(with = "Base64")]
    data: String,
    #[schemars(with = "Option<Vec<Hash>>")]
    children: Option<Vec<String>>,
}

impl Node {
    fn new(hash: String, content: &StoredContent) -> Self {
        match content {
            StoredContent::Chunk(bytes) => Self {
                hash,
                data: STANDARD.encode(bytes),
                children: None,
            },
            StoredContent::Node { left, right } => Self {
                hash,
                data: STANDARD.encode([left.as_bytes(), right.as_bytes()].concat()),
                children: Some(hex_text::all_prefixed([left, right])),
            },
        }
    }
}

/// Returns what a bucket holds under a hash; a node rather than a chunk of the same hash.
fn content_of(bucket: &Bucket, hash: &H256) -> Result<Option<StoredContent>, ProveError> {
    match bucket.children_of(hash)? {
        Some((left, right)) => Ok(Some(StoredContent::Node { left, right })),
        None => bucket.fetch(hash),
    }
}

/// Returns the node of a hash that has padding alone below it.
fn padding_node(hash: &H256) -> Option<StoredContent> {
    let child = padding::child_of(hash)?;
    Some(StoredContent::Node {
        left: child,
        right: child,
    })
}

pub(crate) async fn get_node(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<NodeQuery>,
) -> Result<Json<Node>, HttpError> {
    let hash = given_hash::hash(&query.hash)?;
    if let Some(node) = padding_node(&hash) {
        return Ok(Json(Node::new(query.hash, &node)));
    }
    let job = move |lease: &Lease| lease.run(|bucket| content_of(bucket, &hash));
    match app.find((&headers, &method), hash, job).await? {
        Some((_, content)) => Ok(Json(Node::new(query.hash, &content))),
        None => Err(HttpError::NotFound(query.hash)),
    }
}

/// A chunk, or a node with the hashes of its two children as data.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PutNode {
    bucket_id: u64,
    #[schemars(with = "GivenHash")]
    hash: String,
    #[schemars(with = "Base64")]
    data: String,
    #[schemars(with = "Option<Vec<GivenHash>>")]
    children: Option<GivenHashes>,
}

/// The content is stored.
#[derive(JsonSchema, Serialize)]
pub(crate) struct NodeStored {
    stored: bool,
}

/// The content that a request stores.
#[derive(Clone)]
enum NewContent {
    Chunk(Bytes),
    Node(H256, H256),
}

impl NewContent {
    fn decode(data: &str, children: Option<GivenHashes>) -> Result<Self, HttpError> {
        let wrong = |reason: String| HttpError::Decode {
            what: "node data",
            reason,
        };
        let bytes = STANDARD.decode(data);
        let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
        let Some(children) = children else {
            return Ok(Self::Chunk(bytes.into()));
        };
        let count = children.given();
        if count != 2 {
            return Err(wrong(format!("a node has two children, not {count}")));
        }
        let [left, right]: [H256; 2] = children.within(2)?.try_into().unwrap_or_default();
        // Today's provider takes any children with any data, and then proves nothing.
        if bytes != [left.as_bytes(), right.as_bytes()].concat() {
            let reason = "the data of a node are the hashes of its children";
            return Err(wrong(reason.to_owned()));
        }
        Ok(Self::Node(left, right))
    }

    const fn kind(&self) -> Stored {
        match self {
            Self::Chunk(_) => Stored::Chunk,
            Self::Node(..) => Stored::Node,
        }
    }

    fn store(&self, lease: &Lease, hash: H256) -> Result<(), HttpError> {
        let stored = lease.run(|bucket| match self {
            Self::Chunk(bytes) => bucket.put_chunk(hash, bytes),
            Self::Node(left, right) => bucket.put_node(hash, *left, *right),
        });
        match (stored, self) {
            (Err(IngestError::MissingChild { child, .. }), Self::Node(left, right)) => {
                let mut missing = vec![child];
                // The bucket names the first that it does not find.
                for other in [left, right] {
                    let is_held = *other == H256::zero()
                        || padding::child_of(other).is_some()
                        || lease.run(|bucket| bucket.contains(other)).unwrap_or(true);
                    if !is_held && !missing.contains(other) {
                        missing.push(*other);
                    }
                }
                Err(HttpError::ChildrenMissing(missing))
            }
            (stored, _) => Ok(stored.map(drop)?),
        }
    }
}

pub(crate) async fn put_node(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Json(request): Json<PutNode>,
) -> Result<Json<NodeStored>, HttpError> {
    let bucket = BucketId(request.bucket_id);
    let is_ours = app.authorise_write(&headers, &method, bucket).await?;
    let hash = given_hash::hash(&request.hash)?;
    let content = NewContent::decode(&request.data, request.children)?;
    let kind = content.kind();
    let job = move |lease: &Lease| content.store(lease, hash);
    app.write(bucket, is_ours, job).await?;
    app.recent().remember(hash, kind, bucket);
    Ok(Json(NodeStored { stored: true }))
}

/// Hashes of content of a bucket.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Hashes {
    bucket_id: u64,
    #[schemars(with = "Vec<GivenHash>")]
    hashes: GivenHashes,
}

/// Hashes of content of a bucket, which the answer repeats as they are written.
#[derive(Deserialize)]
pub(crate) struct WrittenHashes {
    bucket_id: u64,
    hashes: GivenHashes<WrittenHash>,
}

/// Hashes by whether the bucket holds their content.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Existence {
    #[schemars(with = "Vec<Hash>")]
    exists: Vec<String>,
    #[schemars(with = "Vec<Hash>")]
    missing: Vec<String>,
}

/// Tells what a bucket holds. A bucket that is not here holds nothing.
pub(crate) async fn exists(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Json(request): Json<Hashes>,
) -> Result<Json<Existence>, HttpError> {
    let bucket = BucketId(request.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let hashes = request.hashes.within(app.rpc().limits().hashes)?;
    let asked = hashes.clone();
    let job = move |lease: &Lease| {
        let held = asked.iter().map(|hash| {
            if padding::child_of(hash).is_some() {
                return Ok((*hash, true));
            }
            let contains = lease.run(|bucket| bucket.contains(hash));
            Ok::<_, HttpError>((*hash, contains.map_err(ProveError::from)?))
        });
        held.collect::<Result<Vec<_>, _>>()
    };
    let held = match app.read(bucket, job).await {
        Err(HttpError::BucketNotFound(_)) => hashes.iter().map(|hash| (*hash, false)).collect(),
        held => held?,
    };
    let of = |wanted: bool| {
        let matching = held.iter().filter(|(_, is_held)| *is_held == wanted);
        hex_text::all_prefixed(matching.map(|(hash, _)| hash))
    };
    Ok(Json(Existence {
        exists: of(true),
        missing: of(false),
    }))
}

/// The content of hashes; unknown ones are left out.
#[derive(JsonSchema, Serialize)]
pub(crate) struct FetchedNodes {
    nodes: Vec<Node>,
}

/// Returns the content of hashes, up to the size of one answer; unknown hashes are left out, and
/// so are those that do not fit.
pub(crate) async fn fetch_nodes(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Json(request): Json<WrittenHashes>,
) -> Result<Json<FetchedNodes>, HttpError> {
    let bucket = BucketId(request.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let limits = *app.rpc().limits();
    let hashes = request.hashes.within(limits.fetched)?;
    let job = move |lease: &Lease| {
        let mut found = Vec::new();
        let mut bytes = 0u64;
        for written in &hashes {
            let hash = &written.hash;
            if let Some(node) = padding_node(hash) {
                found.push(Node::new(written.to_string(), &node));
                continue;
            }
            let length = lease.run(|bucket| bucket.content_length(hash))?;
            bytes = bytes.saturating_add(length.unwrap_or(0));
            if bytes > limits.fetched_bytes && !found.is_empty() {
                break;
            }
            let content = lease.run(|bucket| content_of(bucket, hash))?;
            found.extend(content.map(|content| Node::new(written.to_string(), &content)));
        }
        Ok::<_, ProveError>(found)
    };
    let nodes = match app.read(bucket, job).await {
        Err(HttpError::BucketNotFound(_)) => Vec::new(),
        nodes => nodes?,
    };
    Ok(Json(FetchedNodes { nodes }))
}
