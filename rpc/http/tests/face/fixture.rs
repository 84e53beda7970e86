//! A provider with its workers over a simulated chain, its router, and clients that sign.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_bucket::{BasePath, BucketConfig};
use cairn_gadget::{Extension, ExtensionConfig, ExtensionHandle};
use cairn_http::{HttpConfig, HttpLimits, SignedMessage, router};
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, RegisteredKey};
use cairn_primitives::{BucketId, H256, HashingProfile};
use cairn_provider::{Provider, ProviderOptions};
use cairn_rpc_server::{Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::{LIMITS, SimulatedChain, SimulatedClient};
use serde_json::{Value, json};
use sp_core::{Pair, sr25519};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tower::ServiceExt;

/// The bucket that the provider has an agreement for.
pub(crate) const BUCKET: BucketId = BucketId(7);
/// The bytes of the largest chunk.
pub(crate) const CHUNK: usize = 262_144;

/// A member of the bucket, or a stranger.
pub(crate) fn pair(suri: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(suri, None).unwrap()
}

pub(crate) fn account(suri: &str) -> AccountId {
    AccountId(pair(suri).public().0)
}

/// Returns the header of a request, signed now.
pub(crate) fn signed(suri: &str, method: &str, bucket: BucketId) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    signed_at(suri, method, bucket, now.as_secs())
}

pub(crate) fn signed_at(suri: &str, method: &str, bucket: BucketId, seconds: u64) -> String {
    let pair = pair(suri);
    let seconds = seconds.to_string();
    let text = SignedMessage { method, bucket }.at(&seconds);
    let signature = hex::encode(pair.sign(text.as_bytes()).0);
    let key = hex::encode(pair.public().0);
    format!("Web3Storage 0x{key}:0x{signature}:{seconds}")
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns the value, if the status is 200.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Checks a status and an error body.
    pub(crate) fn is_error(&self, status: u16, body: &Value) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.json(), *body);
    }
}

/// A provider that runs. //Owner, //Writer and //Reader are members of its bucket.
pub(crate) struct Face {
    pub(crate) router: Router,
    pub(crate) chain: SimulatedChain,
    pub(crate) client: Arc<SimulatedClient>,
    pub(crate) handle: ExtensionHandle,
    pub(crate) rpc: ProviderRpc,
    /// Kept alive: the workers end with it.
    _stop: tokio::sync::oneshot::Sender<()>,
    _folder: TempDir,
}

/// Limits under which nothing waits long.
pub(crate) fn quick() -> HttpConfig {
    HttpConfig {
        limits: HttpLimits {
            finality_grace: Duration::ZERO,
            ..HttpLimits::default()
        },
        ..HttpConfig::default()
    }
}

impl Face {
    pub(crate) async fn new() -> Self {
        Self::with(quick(), ExtensionConfig::default(), |rpc| rpc).await
    }

    pub(crate) async fn with(
        config: HttpConfig,
        workers: ExtensionConfig,
        set_up: impl FnOnce(ProviderRpc) -> ProviderRpc,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = BasePath::create(folder.path().join("base")).unwrap();
        base.keys().insert("//Alice").unwrap();
        let signer = base.keys().signer(None).unwrap();
        let own = AccountId(signer.public());
        let chain = SimulatedChain::new(LIMITS);
        chain.edit(move |pallet| {
            pallet.register(own, RegisteredKey::from(own.0));
            let record = pallet.providers.get_mut(&own.0).unwrap();
            record.settings.price_per_byte = 3;
            record.endpoint = b"/ip4/192.0.2.1/tcp/3333".to_vec();
            let agreement = Agreement::primary(account("//Owner"), 1 << 30, 1_000);
            pallet.add_bucket(BUCKET, own, agreement);
            let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
            let more = [("//Writer", Role::Writer), ("//Reader", Role::Reader)];
            let more = more.map(|(suri, role)| (account(suri), role));
            bucket.members.extend(more);
        });
        chain.advance();
        let provider = Provider::open(base, ProviderOptions::default()).unwrap();
        let config_of_bucket = BucketConfig::default();
        provider.create_bucket(BUCKET, config_of_bucket).unwrap();
        let cosigners = Arc::new(RpcCosigners::default());
        let provider = Arc::new(provider);
        let client = chain.client(own);
        let extension =
            Extension::new(client.clone(), provider, signer, cosigners, workers).unwrap();
        let handle = extension.handle();
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(extension.run(async {
            let _ = stopping.await;
        }));
        let rpc = ProviderRpc::new(handle.clone(), Limits::default(), Policy::default());
        let rpc = set_up(rpc);
        let face = Self {
            router: router(rpc.clone(), config),
            chain,
            client,
            handle,
            rpc,
            _stop: stop,
            _folder: folder,
        };
        face.follow().await;
        face
    }

    /// Waits until the workers have seen a finalized block.
    pub(crate) async fn follow(&self) {
        for _ in 0..2_000 {
            let is_known = self.handle.countersigner.on_chain(BUCKET).await.is_ok();
            let is_synced = self.handle.challenges.is_synced();
            if is_known && is_synced && self.handle.quoter.record().await.is_ok() {
                return;
            }
            self.chain.advance();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the workers do not follow the chain");
    }

    /// Cuts the provider off from its chain, until the workers have noticed.
    pub(crate) async fn disconnect(&self) {
        self.client.disconnect();
        for _ in 0..2_000 {
            if !self.handle.challenges.is_synced() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the workers have not noticed");
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let answered = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answered.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        };
        // Each suite that shares this fixture says what it holds answers to.
        crate::check_answer(&method, &path, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    /// Sends JSON, signed for a bucket if somebody signs.
    pub(crate) async fn send_json(
        &self,
        (method, path): (Method, &str),
        by: Option<(&str, BucketId)>,
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder().method(&method).uri(path);
        request = request.header("content-type", "application/json");
        if let Some((suri, bucket)) = by {
            request = request.header("authorization", signed(suri, method.as_str(), bucket));
        }
        let body = Body::from(body.to_string());
        self.send(request.body(body).unwrap()).await
    }

    /// Sends JSON to the bucket as its writer.
    pub(crate) async fn put(&self, body: &Value) -> Answer {
        let by = Some(("//Writer", BUCKET));
        self.send_json((Method::PUT, "/node"), by, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let by = Some(("//Writer", BUCKET));
        self.send_json((Method::POST, path), by, body).await
    }

    /// Stores content as existing clients do: its chunks, and then its nodes from the bottom.
    /// Returns its data root.
    pub(crate) async fn upload(&self, content: &[u8]) -> H256 {
        let mut level = Vec::new();
        for chunk in content.chunks(CHUNK) {
            let hash = HashingProfile::Plain.chunk(chunk);
            self.put(&put_chunk(chunk)).await.ok();
            level.push(hash);
        }
        level.resize(level.len().next_power_of_two(), H256::zero());
        while level.len() > 1 {
            let mut above = Vec::new();
            for pair in level.chunks(2) {
                let node = HashingProfile::Plain.node(&pair[0], &pair[1]);
                let both = [pair[0].as_bytes(), pair[1].as_bytes()].concat();
                let body = json!({
                    "bucket_id": BUCKET.0,
                    "hash": hex0(node),
                    "data": STANDARD.encode(both),
                    "children": [hex0(pair[0]), hex0(pair[1])],
                });
                self.put(&body).await.ok();
                above.push(node);
            }
            level = above;
        }
        level[0]
    }

    /// Commits a data root, and returns the answer.
    pub(crate) async fn commit(&self, root: H256) -> Value {
        let body = json!({ "bucket_id": BUCKET.0, "data_roots": [hex0(root)] });
        self.post("/commit", &body).await.ok()
    }
}

/// Returns the body that stores a chunk.
pub(crate) fn put_chunk(chunk: &[u8]) -> Value {
    json!({
        "bucket_id": BUCKET.0,
        "hash": hex0(HashingProfile::Plain.chunk(chunk)),
        "data": STANDARD.encode(chunk),
        "children": null,
    })
}

/// Writes a hash as the provider does.
pub(crate) fn hex0(hash: H256) -> String {
    format!("0x{}", hex::encode(hash))
}

/// Returns content of some chunks, the last of them not full.
pub(crate) fn content(chunks: usize) -> Vec<u8> {
    (0..chunks * CHUNK - 5)
        .map(|at| (at / 1_000 % 251) as u8)
        .collect()
}
