//! Any request to any method gets a result or an error of the table, and never changes what was
//! signed.

mod replicas;
mod terms;

use crate::fixture::{BUCKET, Fixture};
use crate::{DenyUnsafe, Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_bucket::ProveError;
use cairn_chain::Head;
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::cosign::{CheckpointRequest, CosignRequest};
use cairn_primitives::{H256, HashingProfile, Sequence};
use cairn_provider::LeaseRequest;
use cairn_rpc_api::{Bytes, Code, REFUSED, U64OrHex, code_in};
use cairn_testing::StaticChain;
use codec::Encode;
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::{Extensions, RpcModule};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A provider whose methods are called without a socket.
struct TestRpc {
    fixture: Fixture,
    module: RpcModule<()>,
    tokio: tokio::runtime::Runtime,
    _exports: tempfile::TempDir,
    exports: String,
}

impl TestRpc {
    fn new() -> Self {
        Self::with(|rpc| rpc)
    }

    fn with(set_up: impl FnOnce(ProviderRpc) -> ProviderRpc) -> Self {
        Self::of(Fixture::new("//Alice"), set_up)
    }

    fn of(fixture: Fixture, set_up: impl FnOnce(ProviderRpc) -> ProviderRpc) -> Self {
        let chain = StaticChain::new(fixture.account());
        let admin = Some(fixture.account());
        let extension = Extension::new(
            Arc::new(chain.with_bucket(BUCKET, admin, vec![fixture.primary("")])),
            fixture.provider.clone(),
            fixture.signer.clone(),
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        );
        // Every caller may call unsafe methods.
        let policy = Policy::new(|_| true);
        let handle = extension.unwrap().handle();
        let rpc = set_up(ProviderRpc::new(handle, Limits::default(), policy));
        let exports = tempfile::tempdir().unwrap();
        Self {
            fixture,
            module: rpc.into_rpc().unwrap(),
            tokio: tokio::runtime::Runtime::new().unwrap(),
            exports: exports.path().to_str().unwrap().to_owned(),
            _exports: exports,
        }
    }

    /// Calls a method; returns the result or the error.
    fn call(&self, method: &str, params: &Value) -> Result<Value, ErrorObjectOwned> {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let called = self.module.raw_json_request(&request, 64);
        let (answer, _) = self.tokio.block_on(called).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match answer.get("error") {
            Some(error) => Err(serde_json::from_value(error.clone()).unwrap()),
            None => Ok(answer["result"].clone()),
        }
    }
}

/// Every method except those that end a subscription, which take its id.
const METHODS: [&str; 32] = [
    "cairnBucket_v1_list",
    "cairnBucket_v1_info",
    "cairnBucket_v1_commitment",
    "cairnBucket_v1_checkpointSignature",
    "cairnBucket_v1_peaks",
    "cairnBucket_v1_leaf",
    "cairnBucket_v1_mmrProof",
    "cairnBucket_v1_chunkProof",
    "cairnBucket_v1_challengeResponse",
    "cairnBucket_v1_generateProof",
    "cairnBucket_v1_ancestryProof",
    "cairnBucket_v1_verifyProof",
    "cairnBucket_v1_missingNodes",
    "cairnBucket_v1_fetchNodes",
    "cairnBucket_v1_subscribeCommitments",
    "cairnWrite_v1_createBucket",
    "cairnWrite_v1_putChunk",
    "cairnWrite_v1_putNode",
    "cairnWrite_v1_commit",
    "cairnWrite_v1_deletionPayload",
    "cairnWrite_v1_pruneBucket",
    "cairnWrite_v1_deleteBucket",
    "cairnWrite_v1_exportBucket",
    "cairnProvider_v1_status",
    "cairnProvider_v1_health",
    "cairnProvider_v1_challenges",
    "cairnProvider_v1_heldState",
    "cairnProvider_v1_signCheckpoint",
    "cairnProvider_v1_offer",
    "cairnProvider_v1_negotiate",
    "cairnProvider_v1_subscribeChallenges",
    "rpc.discover",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((".{0,8}", inner), 0..4)
                .prop_map(|entries| { Value::Object(entries.into_iter().collect::<Map<_, _>>()) }),
        ]
    })
}

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => Just(json!(BUCKET.0)),
        2 => (0u64..5).prop_map(Value::from),
        1 => any::<u64>().prop_map(|number| json!(U64OrHex(number))),
        1 => Just(json!(U64OrHex(u64::MAX))),
    ]
}

fn any_hex() -> impl Strategy<Value = Value> {
    prop_oneof![
        vec(any::<u8>(), 32..=32),
        vec(any::<u8>(), 0..200),
        // SCALE with a valid beginning.
        vec(
            prop_oneof![Just(0u8), Just(1), Just(4), Just(8), any::<u8>()],
            0..120
        ),
    ]
    .prop_map(|bytes| json!(Bytes(bytes)))
}

/// Any JSON as a parameter, mostly of a type that some parameter has.
fn any_parameter() -> impl Strategy<Value = Value> {
    let number = any_number().boxed();
    let hex = any_hex().boxed();
    prop_oneof![
        4 => number.clone(),
        3 => hex.clone(),
        1 => Just(Value::Null),
        1 => vec(prop_oneof![number.clone(), hex.clone()], 0..5).prop_map(Value::from),
        1 => (hex.clone(), number.clone()).prop_map(|(root, seq)| {
            json!({ "root": root, "startSeq": seq })
        }),
        1 => number.clone().prop_map(|count| json!({ "leafCount": count })),
        1 => (hex.clone(), hex.clone(), hex.clone()).prop_map(|(hash, leaves, proof)| {
            json!({ "blockHash": hash, "leaves": leaves, "proof": proof })
        }),
        1 => (hex.clone(), hex.clone(), number.clone()).prop_map(|(admin, signature, count)| {
            json!({ "admin": admin, "signature": signature, "leafCount": count })
        }),
        1 => (hex, number).prop_map(|(root, size)| json!([{ "dataRoot": root, "dataSize": size }])),
        2 => any_json(),
    ]
}

#[test]
fn the_table_has_every_method() {
    let rpc = TestRpc::new();
    let mut methods: Vec<_> = rpc.module.method_names().collect();
    methods.retain(|method| !method.contains("_unsubscribe"));
    methods.sort_unstable();
    let mut named = METHODS.to_vec();
    named.sort_unstable();
    assert_eq!(methods, named);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Sends many requests to one provider, since creating one takes time.
    #[test]
    fn any_request_is_answered_and_changes_nothing_signed(
        requests in vec((0..METHODS.len(), vec(any_parameter(), 0..5)), 500),
    ) {
        let rpc = TestRpc::new();
        let signed = rpc.fixture.commitment();
        for (method, params) in requests {
            let method = METHODS[method];
            let mut params = Value::from(params);
            if method == "cairnWrite_v1_exportBucket" {
                // It writes to a temporary folder only.
                params = json!([params[0], format!("{}/{}", rpc.exports, params[1].as_str().unwrap_or("x")), params[2]]);
            }
            let Err(error) = rpc.call(method, &params) else {
                continue;
            };
            let is_refusal = (REFUSED..12_300).contains(&error.code());
            let is_known = code_in(&error).is_some() || error.code() == -32_602 || is_refusal;
            prop_assert!(is_known, "{} {}: {}", method, params, error);
            // No panic, no damage, no failure of the disk.
            let code = code_in(&error);
            let is_fault = matches!(code, Some(Code::Failed | Code::Damaged | Code::Quarantined));
            prop_assert!(!is_fault, "{} {}: {}", method, params, error);
        }
        let at = json!([BUCKET.0, 0, 0, { "root": signed.mmr_root }]);
        let answer = rpc.call("cairnBucket_v1_challengeResponse", &at).unwrap();
        prop_assert_eq!(&answer["strictRule"]["accepted"], &json!(true));
    }

    /// Flips a bit anywhere in a valid request: it is refused, or asks for something else, for
    /// which its signature is invalid.
    #[test]
    fn an_altered_request_gets_no_signature(at in 0usize..400, bit in 0u8..8) {
        let rpc = TestRpc::new();
        let request = CheckpointRequest::Commitment(cairn_primitives::CommitmentPayload::new(
            BUCKET,
            rpc.fixture.commitment(),
        ));
        let ask = CosignRequest {
            request,
            requester: rpc.fixture.account(),
            signature: MultiSignature::Sr25519([1; 64]),
        };
        let mut bytes = ask.encode();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let refused = rpc.call("cairnProvider_v1_signCheckpoint", &json!([Bytes(bytes)]));
        prop_assert!(refused.is_err());
    }
}

/// A prune reads each leaf that stays, and so does its payload.
#[test]
fn i7_a_prune_that_reads_damage_quarantines_the_bucket() {
    let signature = MultiSignature::Sr25519([1; 64]).encode();
    let admin = Fixture::new("//Alice").account();
    let authorisation = json!({
        "admin": H256(admin.0),
        "signature": Bytes(signature),
        "leafCount": 1,
    });
    for (method, params) in [
        ("cairnWrite_v1_deletionPayload", json!([BUCKET.0, 1])),
        (
            "cairnWrite_v1_pruneBucket",
            json!([BUCKET.0, 1, authorisation]),
        ),
    ] {
        let fixture = Fixture::new("//Alice").with_a_damaged_leaf();
        let rpc = TestRpc::of(fixture, |rpc| {
            rpc.handle.countersigner.on_finalized_head(Head {
                hash: H256::zero(),
                number: 1,
                anchor: 1,
            });
            rpc
        });
        let refused = rpc.call(method, &params).unwrap_err();
        let quarantined = rpc.fixture.provider.quarantined();
        assert_eq!(quarantined.len(), 1, "{method}: {refused}");
        assert_eq!(quarantined[0].0, BUCKET, "{method}: {refused}");
    }
}

#[test]
fn s13_a_stranger_gets_no_first_signature_of_a_state() {
    let rpc = TestRpc::new();
    let call = |method, params: Value| rpc.call(method, &params);
    let signed = call("cairnBucket_v1_commitment", json!([BUCKET.0])).unwrap();
    assert_eq!(signed["commitment"]["leafCount"], json!(3));
    let lease = rpc
        .fixture
        .provider
        .blocking_lease(BUCKET, LeaseRequest::write())
        .unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    let promises = || {
        let promises = lease.run(|bucket| Ok::<_, ProveError>(bucket.signed_roots()?.count()));
        promises.unwrap()
    };
    let before = promises();
    for (method, params) in [
        ("cairnBucket_v1_commitment", json!([BUCKET.0])),
        ("cairnBucket_v1_checkpointSignature", json!([BUCKET.0, 2])),
        ("cairnBucket_v1_checkpointSignature", json!([BUCKET.0, 1])),
    ] {
        let refused = call(method, params).unwrap_err();
        assert_eq!(code_in(&refused), Some(Code::NotSigned), "{refused}");
        assert!(refused.message().contains("commit first"), "{refused}");
    }
    assert_eq!(promises(), before, "nothing was signed for the first time");
    // A writer gets the first signature, and then anybody gets it again.
    let (_, signed) = lease.commit_signed(&[], &rpc.fixture.signer).unwrap();
    drop(lease);
    for (method, params) in [
        ("cairnBucket_v1_commitment", json!([BUCKET.0])),
        ("cairnBucket_v1_checkpointSignature", json!([BUCKET.0, 2])),
    ] {
        let again = call(method, params).unwrap();
        let root = json!(signed.payload.commitment.mmr_root);
        assert_eq!(again["commitment"]["mmrRoot"], root);
    }
    call("cairnWrite_v1_createBucket", json!([8])).unwrap();
    let empty = call("cairnBucket_v1_commitment", json!([8])).unwrap_err();
    assert_eq!(code_in(&empty), Some(Code::NothingToSign));
}

#[test]
fn s4_a_bucket_that_the_chain_cannot_verify_is_refused() {
    let rpc = TestRpc::new();
    let call = |method, params: Value| rpc.call(method, &params);
    let tagged = json!([8, { "hashing": "tagged" }]);
    let refused = call("cairnWrite_v1_createBucket", tagged).unwrap_err();
    assert_eq!(code_in(&refused), Some(Code::SigningRefused), "{refused}");
    let missing = call("cairnBucket_v1_info", json!([8])).unwrap_err();
    assert_eq!(code_in(&missing), Some(Code::NoSuchBucket));
    assert_eq!(
        call("cairnBucket_v1_info", json!([BUCKET.0])).unwrap()["notSigned"],
        json!(null)
    );

    let provider = &rpc.fixture.provider;
    provider
        .assume_chain_hashing(HashingProfile::Tagged)
        .unwrap();
    let info = call("cairnBucket_v1_info", json!([BUCKET.0])).unwrap();
    let reason = info["notSigned"].as_str().unwrap();
    assert!(reason.contains("tagged hashing alone"), "{reason}");
    let refused = call("cairnBucket_v1_commitment", json!([BUCKET.0])).unwrap_err();
    assert_eq!(code_in(&refused), Some(Code::SigningRefused), "{refused}");
    provider
        .assume_chain_hashing(HashingProfile::Plain)
        .unwrap();

    provider.stop_signing("test", "as the test has it");
    let health = call("cairnProvider_v1_health", json!([])).unwrap();
    assert_eq!(health["signingOff"], json!("as the test has it"));
    let refused = call("cairnBucket_v1_commitment", json!([BUCKET.0])).unwrap_err();
    assert!(
        refused.message().contains("as the test has it"),
        "{refused}"
    );
    provider.resume_signing("test");
    call("cairnBucket_v1_commitment", json!([BUCKET.0])).unwrap();
}

#[test]
fn cached_proofs_need_no_blocking_thread() {
    let rpc = TestRpc::new();
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    // The one blocking thread is occupied.
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let taken = threads.spawn_blocking(move || held.recv());
    let from_memory = [
        ("cairnBucket_v1_mmrProof", json!([BUCKET.0, 0])),
        (
            "cairnBucket_v1_mmrProof",
            json!([BUCKET.0, 0, { "leafCount": 1 }]),
        ),
        ("cairnBucket_v1_leaf", json!([BUCKET.0, 0])),
        ("cairnBucket_v1_peaks", json!([BUCKET.0])),
    ];
    let call = |(method, params): &(&str, Value)| {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let module = rpc.module.clone();
        async move {
            let rpc = module.raw_json_request(&request.to_string(), 1).await;
            serde_json::from_str::<Value>(&rpc.unwrap().0).unwrap()
        }
    };
    threads.block_on(async {
        for what in &from_memory {
            let answer = call(what).await;
            assert!(answer["result"].is_object(), "{answer}");
        }
        // A missing leaf is looked up again on a blocking thread, and content always is.
        for what in [
            ("cairnBucket_v1_mmrProof", json!([BUCKET.0, 9])),
            ("cairnBucket_v1_chunkProof", json!([BUCKET.0, 0, 0])),
        ] {
            let waits = tokio::time::timeout(std::time::Duration::from_millis(50), call(&what));
            assert!(waits.await.is_err(), "{what:?}");
        }
        drop(hold);
        let _ = taken.await;
        let answer = call(&("cairnBucket_v1_mmrProof", json!([BUCKET.0, 9]))).await;
        assert_eq!(answer["error"]["code"], json!(Code::NoSuchLeaf.number()));
    });
}

#[test]
fn the_write_group_and_no_other_obeys_the_policy() {
    let fixture = Fixture::new("//Alice");
    let chain = StaticChain::new(fixture.account());
    let extension = Extension::new(
        Arc::new(chain.with_bucket(BUCKET, None, Vec::new())),
        fixture.provider.clone(),
        fixture.signer.clone(),
        Arc::new(RpcCosigners::default()),
        ExtensionConfig::default(),
    );
    let rpc = ProviderRpc::new(
        extension.unwrap().handle(),
        Limits::default(),
        Policy::default(),
    );
    let hash = json!(fixture.commitment().mmr_root);
    let authorisation = json!({ "admin": hash, "signature": "0x", "leafCount": 1 });
    let unsafe_methods = [
        ("cairnWrite_v1_createBucket", json!([9])),
        ("cairnWrite_v1_putChunk", json!([BUCKET.0, hash, "0x00"])),
        ("cairnWrite_v1_putNode", json!([BUCKET.0, hash, hash, hash])),
        ("cairnWrite_v1_commit", json!([BUCKET.0, []])),
        ("cairnWrite_v1_deletionPayload", json!([BUCKET.0, 1])),
        (
            "cairnWrite_v1_pruneBucket",
            json!([BUCKET.0, 1, authorisation]),
        ),
        ("cairnWrite_v1_deleteBucket", json!([BUCKET.0])),
        (
            "cairnWrite_v1_exportBucket",
            json!([BUCKET.0, "/nowhere/at/all"]),
        ),
    ];
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let codes = |denied: Option<DenyUnsafe>| {
        let mut extensions = Extensions::new();
        if let Some(denied) = denied {
            extensions.insert(denied);
        }
        let mut module = rpc.clone().into_rpc().unwrap();
        *module.extensions_mut() = extensions;
        let code = |(method, params): &(&str, Value)| {
            let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            let request = request.to_string();
            let (answer, _) = tokio
                .block_on(module.raw_json_request(&request, 1))
                .unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            answer["error"]["code"].as_i64()
        };
        unsafe_methods.iter().map(code).collect::<Vec<_>>()
    };
    for denied in [None, Some(DenyUnsafe::Yes)] {
        assert_eq!(codes(denied), vec![Some(-32_601); unsafe_methods.len()]);
    }
    let allowed = codes(Some(DenyUnsafe::No));
    assert!(!allowed.contains(&Some(-32_601)), "{allowed:?}");
    // The group tells the policy: its methods, and none else, are unsafe.
    let group = METHODS
        .iter()
        .filter(|name| name.starts_with("cairnWrite_v1_"));
    let named: Vec<_> = unsafe_methods.iter().map(|(name, _)| name).collect();
    assert_eq!(named, group.collect::<Vec<_>>());
}

#[test]
fn s18_a_leaf_with_padding_is_refused_with_advice() {
    let commit = |rpc: &TestRpc, size: u64| {
        let root = format!("0x{}", "07".repeat(32));
        let leaves = json!([{ "dataRoot": root, "dataSize": size }]);
        let refused = rpc.call("cairnWrite_v1_commit", &json!([BUCKET.0, leaves]));
        let error = refused.unwrap_err();
        (error.code(), error.message().to_owned())
    };
    let careful = TestRpc::with(ProviderRpc::refusing_padding);
    let (code, message) = commit(&careful, 700_000);
    assert_eq!(code, Code::Shape as i32);
    assert!(
        message.contains("as 2 leaves, of 524288, 175712 bytes"),
        "{message}"
    );
    // The content is missing, and its shape is accepted.
    let unknown = Code::UnknownDataRoot as i32;
    assert_eq!(commit(&careful, 600).0, unknown);
    assert_eq!(commit(&TestRpc::new(), 700_000).0, unknown);
}
