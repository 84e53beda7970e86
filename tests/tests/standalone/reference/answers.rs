//! Asks a real provider every example, in an order in which each makes sense.

use super::examples::Example;
use super::source::{Api, Method};
use crate::stage::{BUCKET, Stage, pair};
use crate::wire::Client;
use cairn_gadget::{Ask, CheckpointRequest};
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::{BucketId, HashingProfile};
use codec::Encode;
use serde_json::{Value, json};
use sp_core::{Bytes, Pair};

/// Whoever asks, and what was answered so far.
struct Asking<'a> {
    api: &'a Api,
    client: Client,
    examples: Vec<Example>,
}

impl Asking<'_> {
    fn method(&self, name: &str) -> &Method {
        let found = self.api.methods.iter().find(|method| method.name == name);
        found.unwrap_or_else(|| panic!("there is no method {name}"))
    }

    /// Asks by name, as people do; the answer.
    fn ask(&mut self, name: &str, params: Value) -> Value {
        let answer = self.client.ask(name, params.clone());
        let result = answer.get("result").cloned();
        let result = result.unwrap_or_else(|| panic!("{name} {params}: {answer}"));
        self.keep(name, params, result.clone(), None);
        result
    }

    fn keep(&mut self, name: &str, params: Value, result: Value, news: Option<Value>) {
        let names = self
            .method(name)
            .params
            .iter()
            .map(|field| field.name.clone());
        let params = names
            .filter_map(|name| Some((name.clone(), params.get(&name)?.clone())))
            .collect();
        self.examples.push(Example {
            method: name.to_owned(),
            params,
            result,
            news,
        });
    }

    /// Subscribes over a connection of its own, has something happen, and keeps
    /// what is told of it.
    fn subscribe(
        &mut self,
        stage: &Stage,
        name: &str,
        params: Value,
        happens: impl FnOnce(&mut Self),
    ) {
        let mut reader = stage.connect();
        let answer = reader.ask(name, params.clone());
        happens(self);
        let subscription = self.method(name).subscription.as_ref().unwrap();
        let news = loop {
            let message: Value = serde_json::from_str(&reader.receive().unwrap()).unwrap();
            if message["method"] == json!(subscription.notification) {
                break message["params"]["result"].clone();
            }
        };
        let ended = reader.ask(&subscription.unsubscribe.clone(), json!([answer["result"]]));
        assert_eq!(ended["result"], json!(true), "{ended}");
        self.keep(name, params, answer["result"].clone(), Some(news));
    }
}

/// The answers of a provider with one bucket, of two leaves that were signed and
/// more that are added on the way.
pub(crate) fn of(api: &Api) -> Vec<Example> {
    let exports = tempfile::tempdir().unwrap();
    let stage = Stage::new(&["--export-dir", exports.path().to_str().unwrap()]);
    let mut asking = Asking {
        api,
        client: stage.connect(),
        examples: Vec::new(),
    };
    let bucket = BUCKET;
    let root = json!(stage.signed_root());

    asking.ask("provider_status", json!({}));
    asking.ask("provider_health", json!({}));
    asking.ask("provider_challenges", json!({}));
    asking.subscribe(&stage, "provider_subscribeChallenges", json!({}), |_| {});

    let content = b"three small words";
    let hash = HashingProfile::Plain.chunk(content);
    let beside = HashingProfile::Plain.chunk(b"");
    let data = json!(Bytes(content.to_vec()));
    asking.ask(
        "bucket_exists",
        json!({ "bucket": bucket, "hashes": [hash] }),
    );
    asking.ask(
        "bucket_putChunk",
        json!({ "bucket": bucket, "hash": hash, "data": data }),
    );
    let full = vec![7; cairn_primitives::chunk_tree::CHUNK_BYTES];
    let full = HashingProfile::Plain.chunk(&full);
    let node = HashingProfile::Plain.node(&full, &hash);
    let nodes = json!({ "bucket": bucket, "hash": node, "left": full, "right": hash });
    asking.ask("bucket_putNode", nodes);
    let leaf = json!({ "dataRoot": hash, "dataSize": content.len() });
    asking.subscribe(
        &stage,
        "bucket_subscribeCommitments",
        json!({ "bucket": bucket }),
        |asking| {
            asking.ask(
                "bucket_commit",
                json!({ "bucket": bucket, "leaves": [leaf] }),
            );
        },
    );

    asking.ask("bucket_list", json!({ "limit": 10 }));
    asking.ask("bucket_info", json!({ "bucket": bucket }));
    let signed = asking.ask("bucket_commitment", json!({ "bucket": bucket }));
    asking.ask(
        "bucket_checkpointSignature",
        json!({ "bucket": bucket, "leafCount": 2 }),
    );
    asking.ask(
        "bucket_peaks",
        json!({ "bucket": bucket, "at": { "root": root } }),
    );
    asking.ask("bucket_leaf", json!({ "bucket": bucket, "leafIndex": 2 }));
    let at = json!({ "root": root });
    asking.ask(
        "bucket_mmrProof",
        json!({ "bucket": bucket, "leafIndex": 1, "at": at }),
    );
    let chunk = json!({ "bucket": bucket, "leafIndex": 0, "chunkIndex": 1, "at": at });
    asking.ask("bucket_chunkProof", chunk.clone());
    asking.ask("bucket_challengeResponse", chunk);
    let proof = asking.ask(
        "bucket_generateProof",
        json!({ "bucket": bucket, "leafIndices": [0, 2] }),
    );
    asking.ask(
        "bucket_verifyProof",
        json!({ "bucket": bucket, "proof": proof }),
    );
    asking.ask(
        "bucket_ancestryProof",
        json!({ "bucket": bucket, "prevLeafCount": 2 }),
    );
    asking.ask(
        "bucket_fetchNodes",
        json!({ "bucket": bucket, "hashes": [hash, node, beside] }),
    );
    asking.ask("provider_holding", json!({ "bucket": bucket }));
    asking.ask("provider_signCheckpoint", json!({ "ask": ask(&signed) }));

    asking.ask(
        "bucket_create",
        json!({ "bucket": 8, "config": { "maxBytes": 1 << 30 } }),
    );
    asking.ask("bucket_delete", json!({ "bucket": 8 }));
    let path = exports.path().join("bucket");
    asking.ask(
        "bucket_export",
        json!({ "bucket": bucket, "path": path, "form": "folder" }),
    );
    let before = json!({ "bucket": bucket, "beforeSeq": 1 });
    let deletion = asking.ask("bucket_deletionPayload", before);
    let admin = pair("//Alice");
    let payload: Bytes = serde_json::from_value(deletion["payload"].clone()).unwrap();
    let signature = MultiSignature::Sr25519(admin.sign(&payload.0).0);
    let authorisation = json!({
        "admin": sp_core::H256(admin.public().0),
        "signature": Bytes(signature.encode()),
        "leafCount": deletion["commitment"]["leafCount"],
    });
    let prune = json!({ "bucket": bucket, "beforeSeq": 1, "authorisation": authorisation });
    asking.ask("bucket_prune", prune);
    asking.examples
}

/// What another primary provider would send; here it is the same one.
fn ask(signed: &Value) -> Value {
    let commitment: cairn_rpc::CommitmentInfo =
        serde_json::from_value(signed["commitment"].clone()).unwrap();
    let commitment = commitment.commitment().unwrap();
    let request = CheckpointRequest::new(BucketId(BUCKET), commitment, None);
    let asker = pair("//Charlie");
    let ask = Ask {
        request,
        asker: AccountId(asker.public().0),
        signature: MultiSignature::Sr25519(asker.sign(&request.signed_bytes()).0),
    };
    json!(Bytes(ask.encode()))
}
