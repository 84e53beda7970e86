//! Sends an example of each method to a real provider, in an order in which each makes sense.

use super::examples::Example;
use super::methods::{Api, Method};
use crate::fixture::{BUCKET, Fixture, pair};
use crate::wire::Client;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::cosign::{CheckpointRequest, CosignRequest};
use cairn_primitives::{BucketId, HashingProfile};
use cairn_rpc_api::Bytes;
use codec::Encode;
use serde_json::{Value, json};
use sp_core::Pair;

/// The code of the error that signing is off.
const SIGNING_REFUSED: i64 = 12_058;

/// A client, and the examples so far.
struct Session<'a> {
    api: &'a Api,
    client: Client,
    examples: Vec<Example>,
}

impl Session<'_> {
    fn method(&self, name: &str) -> &Method {
        let found = self.api.methods.iter().find(|method| method.name == name);
        found.unwrap_or_else(|| panic!("there is no method {name}"))
    }

    /// Sends a request with parameters by name; returns the result.
    fn ask(&mut self, name: &str, params: Value) -> Value {
        let mut answer = self.client.request(name, params.clone());
        // A provider signs once it has compared what it signed with the chain.
        for _ in 0..1_000 {
            if answer["error"]["code"] != json!(SIGNING_REFUSED) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            answer = self.client.request(name, params.clone());
        }
        let result = answer.get("result").cloned();
        let result = result.unwrap_or_else(|| panic!("{name} {params}: {answer}"));
        self.keep(name, params, result.clone(), None);
        result
    }

    /// Waits until the provider has compared what it signed with the chain: its health says so.
    fn wait_until_signing(&mut self) {
        for _ in 0..1_000 {
            let health = self.client.request("cairnProvider_v1_health", json!({}));
            if health["result"]["signingOff"].is_null() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the provider signs nothing");
    }

    /// Sends a request again until the provider has seen the chain's last blocks.
    fn ask_until_answered(&mut self, name: &str, params: Value) {
        const MAX_ATTEMPTS: usize = 10_000;
        let mut refused = Value::Null;
        for _ in 0..MAX_ATTEMPTS {
            refused = self.client.request(name, params.clone());
            if let Some(result) = refused.get("result").cloned() {
                return self.keep(name, params, result, None);
            }
        }
        panic!("{name} {params}: {refused}");
    }

    fn keep(&mut self, name: &str, params: Value, result: Value, notification: Option<Value>) {
        let names = self
            .method(name)
            .params
            .iter()
            .map(|param| param.name.clone());
        let params = names
            .filter_map(|name| Some((name.clone(), params.get(&name)?.clone())))
            .collect();
        self.examples.push(Example {
            method: name.to_owned(),
            params,
            result,
            notification,
        });
    }

    /// Subscribes over another connection, causes an event, and keeps its notification.
    fn subscribe(
        &mut self,
        stage: &Fixture,
        name: &str,
        params: Value,
        happens: impl FnOnce(&mut Self),
    ) {
        let mut reader = stage.connect();
        let answer = reader.request(name, params.clone());
        happens(self);
        let subscription = self.method(name).subscription.as_ref().unwrap();
        let notification = loop {
            let message: Value = serde_json::from_str(&reader.receive().unwrap()).unwrap();
            if message["method"] == json!(subscription.notification) {
                break message["params"]["result"].clone();
            }
        };
        let ended = reader.request(&subscription.unsubscribe.clone(), json!([answer["result"]]));
        assert_eq!(ended["result"], json!(true), "{ended}");
        self.keep(name, params, answer["result"].clone(), Some(notification));
    }
}

/// Returns the examples of a provider with one bucket. It has two signed leaves at first, and gets
/// more on the way.
pub(crate) fn of(api: &Api) -> Vec<Example> {
    let exports = tempfile::tempdir().unwrap();
    let stage = Fixture::new(&[
        "--export-dir",
        exports.path().to_str().unwrap(),
        "--accept-agreements",
        "--price-per-byte",
        "10",
    ]);
    let mut session = Session {
        api,
        client: stage.connect(),
        examples: Vec::new(),
    };
    let bucket = BUCKET;
    let root = json!(stage.signed_root());

    session.wait_until_signing();
    session.ask("cairnProvider_v1_status", json!({}));
    session.ask("cairnProvider_v1_health", json!({}));
    session.ask("cairnProvider_v1_challenges", json!({}));
    session.subscribe(
        &stage,
        "cairnProvider_v1_subscribeChallenges",
        json!({}),
        |_| {},
    );

    let content = b"three small words";
    let hash = HashingProfile::Plain.chunk(content);
    let beside = HashingProfile::Plain.chunk(b"");
    let data = json!(Bytes(content.to_vec()));
    session.ask(
        "cairnBucket_v1_missingNodes",
        json!({ "bucket": bucket, "hashes": [hash] }),
    );
    session.ask(
        "cairnWrite_v1_putChunk",
        json!({ "bucket": bucket, "hash": hash, "data": data }),
    );
    let full = vec![7; cairn_primitives::chunk_tree::CHUNK_BYTES];
    let full = HashingProfile::Plain.chunk(&full);
    let node = HashingProfile::Plain.node(&full, &hash);
    let nodes = json!({ "bucket": bucket, "hash": node, "left": full, "right": hash });
    session.ask("cairnWrite_v1_putNode", nodes);
    let leaf = json!({ "dataRoot": hash, "dataSize": content.len() });
    session.subscribe(
        &stage,
        "cairnBucket_v1_subscribeCommitments",
        json!({ "bucket": bucket }),
        |session| {
            session.ask(
                "cairnWrite_v1_commit",
                json!({ "bucket": bucket, "leaves": [leaf] }),
            );
        },
    );

    session.ask("cairnBucket_v1_list", json!({ "limit": 10 }));
    session.ask("cairnBucket_v1_info", json!({ "bucket": bucket }));
    let signed = session.ask("cairnBucket_v1_commitment", json!({ "bucket": bucket }));
    session.ask(
        "cairnBucket_v1_checkpointSignature",
        json!({ "bucket": bucket, "leafCount": 2 }),
    );
    session.ask(
        "cairnBucket_v1_peaks",
        json!({ "bucket": bucket, "at": { "root": root } }),
    );
    session.ask(
        "cairnBucket_v1_leaf",
        json!({ "bucket": bucket, "leafIndex": 2 }),
    );
    let at = json!({ "root": root });
    session.ask(
        "cairnBucket_v1_mmrProof",
        json!({ "bucket": bucket, "leafIndex": 1, "at": at }),
    );
    let chunk = json!({ "bucket": bucket, "leafIndex": 0, "chunkIndex": 1, "at": at });
    session.ask("cairnBucket_v1_chunkProof", chunk.clone());
    session.ask("cairnBucket_v1_challengeResponse", chunk);
    let proof = session.ask(
        "cairnBucket_v1_generateProof",
        json!({ "bucket": bucket, "leafIndices": [0, 2] }),
    );
    session.ask(
        "cairnBucket_v1_verifyProof",
        json!({ "bucket": bucket, "proof": proof }),
    );
    session.ask(
        "cairnBucket_v1_ancestryProof",
        json!({ "bucket": bucket, "prevLeafCount": 2 }),
    );
    session.ask(
        "cairnBucket_v1_fetchNodes",
        json!({ "bucket": bucket, "hashes": [hash, node, beside] }),
    );
    session.ask("cairnProvider_v1_heldState", json!({ "bucket": bucket }));
    session.ask(
        "cairnProvider_v1_signCheckpoint",
        json!({ "ask": ask(&signed) }),
    );

    session.ask(
        "cairnWrite_v1_createBucket",
        json!({ "bucket": 8, "config": { "maxBytes": 1 << 30 } }),
    );
    session.ask("cairnWrite_v1_deleteBucket", json!({ "bucket": 8 }));
    let path = exports.path().join("bucket");
    session.ask(
        "cairnWrite_v1_exportBucket",
        json!({ "bucket": bucket, "path": path, "form": "folder" }),
    );
    let before = json!({ "bucket": bucket, "beforeSeq": 1 });
    let deletion = session.ask("cairnWrite_v1_deletionPayload", before);
    let admin = pair("//Alice");
    let payload: Bytes = serde_json::from_value(deletion["payload"].clone()).unwrap();
    let signature = MultiSignature::Sr25519(admin.sign(&payload.0).0);
    let authorisation = json!({
        "admin": sp_core::H256(admin.public().0),
        "signature": Bytes(signature.encode()),
        "leafCount": deletion["commitment"]["leafCount"],
    });
    let prune = json!({ "bucket": bucket, "beforeSeq": 1, "authorisation": authorisation });
    session.ask("cairnWrite_v1_pruneBucket", prune);

    // A provider signs terms once the anchor block has advanced since its start.
    for _ in 0..8 {
        stage.make_block();
    }
    let terms = json!({
        "owner": sp_core::H256(admin.public().0),
        "maxBytes": 1 << 20,
        "duration": 14_400,
        "maxPrice": 20,
    });
    session.ask_until_answered("cairnProvider_v1_negotiate", json!({ "request": terms }));
    session.ask("cairnProvider_v1_offer", json!({}));
    session.examples
}

/// Returns a request as another primary provider would send it; here it is the same one.
fn ask(signed: &Value) -> Value {
    let commitment: cairn_rpc_api::CommitmentInfo =
        serde_json::from_value(signed["commitment"].clone()).unwrap();
    let commitment = commitment.commitment().unwrap();
    let request = CheckpointRequest::new(BucketId(BUCKET), commitment, None);
    let asker = pair("//Charlie");
    let ask = CosignRequest {
        request,
        requester: AccountId(asker.public().0),
        signature: MultiSignature::Sr25519(asker.sign(&request.signed_bytes()).0),
    };
    json!(Bytes(ask.encode()))
}
