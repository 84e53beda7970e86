//! `/buckets` and `/stats`: all buckets, page by page from the index. No bucket is opened, and one
//! page is in memory at a time, however many buckets there are.
//!
//! Where only members may read, no bucket is named: a header is signed for one bucket.

use crate::app::App;
use crate::config::ReadAccess;
use crate::error::HttpError;
use crate::hex_text::prefixed;
use crate::schema::{Address, Hash};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cairn_primitives::BucketId;
use cairn_provider::{BucketRecord, IndexedBucket};
use cairn_rpc_server::{MethodError, WorkClass};
use futures::stream;
use schemars::JsonSchema;
use serde::Serialize;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;

/// The bytes of an interior node: the hashes of its children.
const NODE_BYTES: u64 = 64;

/// A bucket with its newest commitment, which need not be signed.
#[derive(JsonSchema, Serialize)]
pub(crate) struct ListedBucket {
    bucket_id: u64,
    #[schemars(with = "Hash")]
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
}

/// The size of a bucket. Nodes are chunks and interior nodes.
#[derive(JsonSchema, Serialize)]
pub(crate) struct BucketStats {
    bucket_id: u64,
    leaf_count: u64,
    node_count: u64,
    bytes_stored: u64,
}

/// Nothing but a list.
#[derive(JsonSchema, Serialize)]
pub(crate) struct NoTotals {}

/// The sums over all buckets.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Totals {
    #[schemars(with = "Address")]
    provider_id: String,
    total_buckets: u64,
    total_nodes: u64,
    total_bytes: u64,
}

/// The list that is asked for.
#[derive(Clone, Copy)]
enum Listing {
    Buckets,
    Stats,
}

fn nodes(record: &BucketRecord) -> u64 {
    let usage = record.usage;
    usage.chunks.saturating_add(usage.interior_nodes)
}

fn bytes(record: &BucketRecord) -> u64 {
    let usage = record.usage;
    let of_nodes = usage.interior_nodes.saturating_mul(NODE_BYTES);
    usage.bytes.saturating_add(of_nodes)
}

fn json(value: &impl Serialize) -> Result<String, HttpError> {
    let text = serde_json::to_string(value);
    text.map_err(|error| HttpError::Decode {
        what: "a bucket",
        reason: error.to_string(),
    })
}

/// The state of a stream.
struct Pages {
    app: App,
    listing: Listing,
    /// The page to send next; `None` at the end.
    page: Option<Vec<IndexedBucket>>,
    has_begun: bool,
    has_items: bool,
    totals: Totals,
}

impl Pages {
    async fn begin(app: App, listing: Listing) -> Result<Self, HttpError> {
        let account = app.rpc().handle().account;
        let totals = Totals {
            provider_id: sr25519::Public::from_raw(account.0).to_ss58check(),
            total_buckets: 0,
            total_nodes: 0,
            total_bytes: 0,
        };
        let mut pages = Self {
            app,
            listing,
            page: None,
            has_begun: false,
            has_items: false,
            totals,
        };
        pages.page = Some(pages.after(None).await?);
        Ok(pages)
    }

    async fn after(&self, last: Option<BucketId>) -> Result<Vec<IndexedBucket>, HttpError> {
        let provider = self.app.rpc().handle().provider.clone();
        let limit = usize::try_from(self.app.rpc().limits().page).unwrap_or(usize::MAX);
        let look = move |_| {
            provider
                .indexed_buckets(last, limit)
                .map_err(MethodError::from)
        };
        let lanes = self.app.rpc().lanes();
        let page = lanes
            .serve(WorkClass::Read, "listing buckets", look)
            .await?;
        Ok(page?)
    }

    /// Returns the next piece of the body.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, HttpError> {
        let Some(page) = self.page.take() else {
            return Ok(None);
        };
        let mut text = String::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            text.push_str(r#"{"buckets":["#);
        }
        let are_told = self.app.reads() == ReadAccess::Everyone;
        for noted in &page {
            self.count(&noted.record);
            if are_told {
                if std::mem::replace(&mut self.has_items, true) {
                    text.push(',');
                }
                text.push_str(&self.describe(noted)?);
            }
        }
        match page.last() {
            Some(last) => self.page = Some(self.after(Some(last.id)).await?),
            None => text.push_str(&self.end()?),
        }
        Ok(Some((text.into(), self)))
    }

    fn count(&mut self, record: &BucketRecord) {
        let totals = &mut self.totals;
        totals.total_buckets = totals.total_buckets.saturating_add(1);
        totals.total_nodes = totals.total_nodes.saturating_add(nodes(record));
        totals.total_bytes = totals.total_bytes.saturating_add(bytes(record));
    }

    fn describe(&self, noted: &IndexedBucket) -> Result<String, HttpError> {
        let (id, record) = (noted.id.0, &noted.record);
        let commitment = record.commitment;
        match self.listing {
            Listing::Buckets => json(&ListedBucket {
                bucket_id: id,
                mmr_root: prefixed(commitment.mmr_root),
                start_seq: commitment.start_seq.0,
                leaf_count: commitment.leaf_count.get(),
            }),
            Listing::Stats => json(&BucketStats {
                bucket_id: id,
                leaf_count: commitment.leaf_count.get(),
                node_count: nodes(record),
                bytes_stored: bytes(record),
            }),
        }
    }

    /// Returns the end of the body: today's provider has the sums first, which no JSON depends on.
    fn end(&self) -> Result<String, HttpError> {
        match self.listing {
            Listing::Buckets => Ok("]}".to_owned()),
            Listing::Stats => Ok(json(&self.totals)?.replacen('{', "],", 1)),
        }
    }

    fn into_response(self) -> Response {
        let body = Body::from_stream(stream::try_unfold(self, Self::next));
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

pub(crate) async fn buckets(State(app): State<App>) -> Result<Response, HttpError> {
    let pages = Pages::begin(app, Listing::Buckets).await?;
    Ok(pages.into_response())
}

pub(crate) async fn stats(State(app): State<App>) -> Result<Response, HttpError> {
    let pages = Pages::begin(app, Listing::Stats).await?;
    Ok(pages.into_response())
}
