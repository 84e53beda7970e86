//! A peer over the HTTP API of today's provider, which Cairn serves too. It follows no
//! redirection, sends no header that authorises anything, and reads no more of an answer than a
//! right one can have.

mod wire;

use crate::connect::{ConnectError, connect};
use crate::peer::{ClaimedContent, ClaimedLeaf, ContentQuery, Peer, PeerError};
use async_trait::async_trait;
use bytes::Bytes;
use cairn_primitives::{BucketId, H256, LeafIndex};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::time::Duration;
use url::Url;

/// The most nodes in one question: half of what Cairn answers at once.
const MAX_NODES: usize = 256;
/// The most bytes of the answer with a leaf: 64 siblings, peaks and steps, with room.
const LEAF_ANSWER_BYTES: usize = 32 << 10;
/// The most bytes of an answer for each node or chunk besides its data.
const ENTRY_BYTES: usize = 512;
/// The pauses after an answer that the peer is busy.
const BUSY_PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// The limits of requests to peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpPeerLimits {
    /// How long a request may take, including connecting: 30 seconds, in which 1 MiB arrives at
    /// 300 kbit/s.
    pub request_time: Duration,
    /// The most connections kept for later requests: 4, as many as there are requests at once.
    pub connections: usize,
    /// True if a peer may have an address that is not public.
    pub allow_private: bool,
}

impl Default for HttpPeerLimits {
    fn default() -> Self {
        Self {
            request_time: Duration::from_secs(30),
            connections: 4,
            allow_private: false,
        }
    }
}

type Connection = SendRequest<Full<Bytes>>;

/// Another provider at a URL.
pub struct HttpPeer {
    url: Url,
    limits: HttpPeerLimits,
    idle: Mutex<Vec<Connection>>,
}

impl std::fmt::Debug for HttpPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HttpPeer").field(&self.url.as_str()).finish()
    }
}

impl HttpPeer {
    /// Creates the peer at an `http://` or `https://` URL. The first request connects.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the URL is of another kind.
    pub fn new(url: &str, limits: HttpPeerLimits) -> Result<Self, ConnectError> {
        let url = Url::parse(url.trim())?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(ConnectError::NoHost);
        }
        Ok(Self {
            url,
            limits,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Sends a request, again while the peer is busy, and returns the body of the answer.
    async fn request(
        &self,
        what: &'static str,
        (method, query): (Method, String),
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Bytes, PeerError> {
        let mut pauses = BUSY_PAUSES.into_iter();
        loop {
            let request = (method.clone(), query.as_str());
            let asked = self.request_once(what, request, body.clone(), max_bytes);
            let answered = tokio::time::timeout(self.limits.request_time, asked).await;
            match answered.map_err(|_| PeerError::TooSlow(what))? {
                Err(PeerError::Refused { status, what }) => {
                    let is_busy = status == StatusCode::SERVICE_UNAVAILABLE.as_u16();
                    match pauses.next().filter(|_| is_busy) {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(PeerError::Refused { status, what }),
                    }
                }
                answered => return answered,
            }
        }
    }

    async fn request_once(
        &self,
        what: &'static str,
        (method, query): (Method, &str),
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Bytes, PeerError> {
        let unreachable = |error: &dyn std::fmt::Display| PeerError::Unreachable(error.to_string());
        let path = self.url.path().trim_end_matches('/');
        let authority = self.url.authority().rsplit('@').next().unwrap_or_default();
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{path}/{query}"))
            .header(HOST, authority);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| unreachable(&error))?;
        let mut connection = self.connection().await?;
        let answer = connection.send_request(request).await;
        let answer = answer.map_err(|error| unreachable(&error))?;
        if answer.status() != StatusCode::OK {
            // The connection has the rest of its body, and is not used again.
            let status = answer.status().as_u16();
            return Err(PeerError::Refused { what, status });
        }
        let body = Limited::new(answer.into_body(), max_bytes).collect().await;
        let body = body.map_err(
            |error| match error.is::<http_body_util::LengthLimitError>() {
                true => PeerError::TooLong(what),
                false => unreachable(&error),
            },
        )?;
        let mut idle = self.idle.lock();
        if idle.len() < self.limits.connections {
            idle.push(connection);
        }
        Ok(body.to_bytes())
    }

    /// Returns a connection that is open, or opens one.
    async fn connection(&self) -> Result<Connection, PeerError> {
        loop {
            let Some(mut kept) = self.idle.lock().pop() else {
                break;
            };
            // Ready as long as the peer has not closed it.
            if kept.ready().await.is_ok() {
                return Ok(kept);
            }
        }
        let unreachable = |reason: String| PeerError::Unreachable(reason);
        let stream = connect(&self.url, self.limits.allow_private).await;
        let stream = stream.map_err(|error| unreachable(error.to_string()))?;
        let made = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| unreachable(error.to_string()))?;
        // It ends when the sender is dropped or the peer closes it.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

#[async_trait]
impl Peer for HttpPeer {
    fn name(&self) -> String {
        // Others choose endpoints: no credentials of theirs are logged.
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{}://{host}:{port}", self.url.scheme()),
            None => format!("{}://{host}", self.url.scheme()),
        }
    }

    async fn leaf(&self, bucket: BucketId, index: LeafIndex) -> Result<ClaimedLeaf, PeerError> {
        let what = "/mmr_proof";
        let query = format!("mmr_proof?bucket_id={}&leaf_index={}", bucket.0, index.0);
        let request = (Method::GET, query);
        let body = self.request(what, request, Bytes::new(), LEAF_ANSWER_BYTES);
        wire::leaf(&body.await?)
    }

    async fn content(
        &self,
        bucket: BucketId,
        wanted: &[ContentQuery],
    ) -> Result<Vec<(H256, ClaimedContent)>, PeerError> {
        let what = "/fetch_nodes";
        let asked = wanted.get(..MAX_NODES).unwrap_or(wanted);
        let question = wire::question(bucket, asked);
        let data = asked.iter().map(|one| one.chunk_bytes.unwrap_or(64));
        // Base64 takes four bytes for three.
        let bytes = data.fold(ENTRY_BYTES, |all, data| {
            let encoded = data.div_ceil(3).saturating_mul(4);
            all.saturating_add(encoded).saturating_add(ENTRY_BYTES)
        });
        let request = (Method::POST, "fetch_nodes".to_owned());
        let body = self.request(what, request, question.into(), bytes).await?;
        wire::content(asked, &body)
    }
}
