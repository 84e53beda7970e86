//! `/read`: whole chunks of content by its data root, as a stream.
//!
//! One chunk is in memory at a time, however much is asked for. The first one is read before the
//! status is sent. A failure after that breaks the connection off: a body that ended early would
//! look complete.

use crate::app::App;
use crate::error::HttpError;
use crate::given_hash;
use crate::hex_text::{all_prefixed, prefixed};
use crate::schema::{Base64, GivenHash, Hash};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cairn_bucket::{ChunkUnderRoot, ProveError};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, ChunkIndex, H256};
use cairn_provider::Lease;
use futures::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The chunks after which the right to read is checked again: 16 MiB.
const CHECKED_CHUNKS: u32 = 64;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct ReadQuery {
    #[schemars(with = "GivenHash")]
    data_root: String,
    offset: u64,
    length: u64,
}

impl ReadQuery {
    /// Returns the first chunk of the range, and the first after it.
    fn chunks(&self) -> (u64, u64) {
        let size = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        let end = self.offset.saturating_add(self.length);
        (self.offset / size, end.div_ceil(size))
    }
}

/// A whole chunk, with its siblings on the way to the data root.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Chunk {
    #[schemars(with = "Hash")]
    hash: String,
    #[schemars(with = "Base64")]
    data: String,
    #[schemars(with = "Vec<Hash>")]
    proof: Vec<String>,
}

impl From<&ChunkUnderRoot> for Chunk {
    fn from(chunk: &ChunkUnderRoot) -> Self {
        Self {
            hash: prefixed(chunk.hash),
            data: STANDARD.encode(&chunk.bytes),
            proof: all_prefixed(&chunk.proof.siblings),
        }
    }
}

/// The state of a stream.
struct Reading {
    app: App,
    bucket: BucketId,
    root: H256,
    /// The account that reads, where only members may.
    reader: Option<AccountId>,
    /// The chunks that were read since its right was checked.
    unchecked: u32,
    /// The piece to send next; `None` at the end.
    piece: Option<Piece>,
    end: u64,
}

enum Piece {
    /// The beginning of the body, with the first chunk if there is one.
    First(u64, Option<ChunkUnderRoot>),
    Chunk(u64),
    Last,
}

impl Reading {
    async fn chunk(&mut self, index: u64) -> Result<Option<ChunkUnderRoot>, HttpError> {
        self.unchecked = self.unchecked.saturating_add(1);
        if let Some(reader) = &self.reader
            && self.unchecked >= CHECKED_CHUNKS
        {
            self.app.check_still_reads(reader, self.bucket).await?;
            self.unchecked = 0;
        }
        let (root, index) = (self.root, ChunkIndex(index));
        let job = move |lease: &Lease| lease.run(|bucket| bucket.chunk_under(&root, index));
        self.app.read(self.bucket, job).await
    }

    /// Returns the next piece of the body.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, HttpError> {
        let Some(piece) = self.piece.take() else {
            return Ok(None);
        };
        let (text, following) = match piece {
            Piece::First(_, None) => (r#"{"chunks":["#.to_owned(), Piece::Last),
            Piece::First(index, Some(chunk)) => {
                let text = format!(r#"{{"chunks":[{}"#, json(&chunk)?);
                (text, self.after(index))
            }
            Piece::Chunk(index) => match self.chunk(index).await? {
                Some(chunk) => (format!(",{}", json(&chunk)?), self.after(index)),
                // The content has no more.
                None => ("]}".to_owned(), Piece::Last),
            },
            Piece::Last => ("]}".to_owned(), Piece::Last),
        };
        let is_end = text == "]}";
        self.piece = (!is_end).then_some(following);
        Ok(Some((text.into(), self)))
    }

    fn after(&self, index: u64) -> Piece {
        match index.checked_add(1).filter(|next| *next < self.end) {
            Some(next) => Piece::Chunk(next),
            None => Piece::Last,
        }
    }
}

fn json(chunk: &ChunkUnderRoot) -> Result<String, HttpError> {
    let text = serde_json::to_string(&Chunk::from(chunk));
    text.map_err(|error| HttpError::Decode {
        what: "a chunk",
        reason: error.to_string(),
    })
}

/// The part of a range that a bucket has: the first chunk, if the content goes that far.
type Found = Option<Option<ChunkUnderRoot>>;

pub(crate) async fn read(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<ReadQuery>,
) -> Result<Response, HttpError> {
    let root = given_hash::hash(&query.data_root)?;
    let (first, end) = query.chunks();
    let job = move |lease: &Lease| -> Result<Found, ProveError> {
        lease.run(|bucket| {
            if bucket.size_under(&root)?.is_none() {
                return Ok(None);
            }
            match first < end {
                true => bucket.chunk_under(&root, ChunkIndex(first)).map(Some),
                false => Ok(Some(None)),
            }
        })
    };
    let found = app.find((&headers, &method), root, job).await?;
    // Today's provider answers with no chunks, which looks like empty content.
    let (bucket, chunk) = found.ok_or(HttpError::RootNotFound(root))?;
    let reader = app.reader(&headers)?;
    let reading = Reading {
        app,
        bucket,
        root,
        reader,
        unchecked: 0,
        piece: Some(Piece::First(first, chunk)),
        end,
    };
    let body = Body::from_stream(stream::try_unfold(reading, Reading::next));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_of_whole_chunks_and_never_overflows() {
        let chunks = |offset, length| {
            let data_root = String::new();
            let query = ReadQuery {
                data_root,
                offset,
                length,
            };
            query.chunks()
        };
        assert_eq!(chunks(0, 0), (0, 0));
        assert_eq!(chunks(0, 1), (0, 1));
        assert_eq!(chunks(262_143, 1), (0, 1));
        assert_eq!(chunks(262_143, 2), (0, 2));
        assert_eq!(chunks(262_144, 262_144), (1, 2));
        assert_eq!(chunks(5, u64::MAX), (0, 1 << 46));
    }
}
