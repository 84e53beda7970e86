//! Whatever is asked of any method is answered, with a result or an error that
//! the table has; and never changes what was signed.

use crate::error::{Code, code_in};
use crate::house::{BUCKET, House};
use crate::{DenyUnsafe, Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_bucket::ProveError;
use cairn_chain::Head;
use cairn_gadget::{Ask, CheckpointRequest, Extension, ExtensionConfig};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{H256, HashingProfile, Sequence};
use cairn_provider::Wanted;
use cairn_testing::StillChain;
use codec::Encode;
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::{Extensions, RpcModule};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A provider whose methods are called without a socket.
struct Asked {
    house: House,
    module: RpcModule<()>,
    tokio: tokio::runtime::Runtime,
    _exports: tempfile::TempDir,
    exports: String,
}

impl Asked {
    fn new() -> Self {
        Self::with(|rpc| rpc)
    }

    fn with(set_up: impl FnOnce(ProviderRpc) -> ProviderRpc) -> Self {
        Self::of(House::of("//Alice"), set_up)
    }

    fn of(house: House, set_up: impl FnOnce(ProviderRpc) -> ProviderRpc) -> Self {
        let chain = StillChain::new(house.account());
        let admin = Some(house.account());
        let extension = Extension::new(
            Arc::new(chain.with_bucket(BUCKET, admin, vec![house.primary("")])),
            house.provider.clone(),
            house.signer.clone(),
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        );
        // Who asks without a listener is trusted here.
        let policy = Policy::of(|_| true);
        let handle = extension.unwrap().handle();
        let rpc = set_up(ProviderRpc::new(handle, Limits::default(), policy));
        let exports = tempfile::tempdir().unwrap();
        Self {
            house,
            module: rpc.into_rpc().unwrap(),
            tokio: tokio::runtime::Runtime::new().unwrap(),
            exports: exports.path().to_str().unwrap().to_owned(),
            _exports: exports,
        }
    }

    /// Asks; the result or the error.
    fn ask(&self, method: &str, params: &Value) -> Result<Value, ErrorObjectOwned> {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let asked = self.module.raw_json_request(&request, 64);
        let (answer, _) = self.tokio.block_on(asked).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match answer.get("error") {
            Some(error) => Err(serde_json::from_value(error.clone()).unwrap()),
            None => Ok(answer["result"].clone()),
        }
    }
}

/// Every method but those that end a subscription, which take its id.
const METHODS: [&str; 29] = [
    "bucket_list",
    "bucket_info",
    "bucket_commitment",
    "bucket_checkpointSignature",
    "bucket_peaks",
    "bucket_leaf",
    "bucket_mmrProof",
    "bucket_chunkProof",
    "bucket_challengeResponse",
    "bucket_generateProof",
    "bucket_ancestryProof",
    "bucket_verifyProof",
    "bucket_exists",
    "bucket_fetchNodes",
    "bucket_subscribeCommitments",
    "bucket_create",
    "bucket_putChunk",
    "bucket_putNode",
    "bucket_commit",
    "bucket_deletionPayload",
    "bucket_prune",
    "bucket_delete",
    "bucket_export",
    "provider_status",
    "provider_health",
    "provider_challenges",
    "provider_holding",
    "provider_signCheckpoint",
    "provider_subscribeChallenges",
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
        1 => any::<u64>().prop_map(|number| json!(crate::Uint(number))),
        1 => Just(json!(crate::Uint(u64::MAX))),
    ]
}

fn any_hex() -> impl Strategy<Value = Value> {
    prop_oneof![
        vec(any::<u8>(), 32..=32),
        vec(any::<u8>(), 0..200),
        // SCALE that begins as it should.
        vec(
            prop_oneof![Just(0u8), Just(1), Just(4), Just(8), any::<u8>()],
            0..120
        ),
    ]
    .prop_map(|bytes| json!(sp_core::Bytes(bytes)))
}

/// What may stand where a parameter does: mostly of a kind that some parameter has.
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
fn every_method_is_named_here() {
    let asked = Asked::new();
    let mut methods: Vec<_> = asked.module.method_names().collect();
    methods.retain(|method| !method.contains("_unsubscribe"));
    methods.sort_unstable();
    let mut named = METHODS.to_vec();
    named.sort_unstable();
    assert_eq!(methods, named);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Many questions to one provider, which takes some time to make.
    #[test]
    fn whatever_is_asked_is_answered_from_the_table_and_what_was_signed_stays(
        questions in vec((0..METHODS.len(), vec(any_parameter(), 0..5)), 500),
    ) {
        let asked = Asked::new();
        let signed = asked.house.commitment();
        for (method, params) in questions {
            let method = METHODS[method];
            let mut params = Value::from(params);
            if method == "bucket_export" {
                // What it would write must not be found among somebody's files.
                params = json!([params[0], format!("{}/{}", asked.exports, params[1].as_str().unwrap_or("x")), params[2]]);
            }
            let Err(error) = asked.ask(method, &params) else {
                continue;
            };
            let is_refusal = (crate::error::REFUSED..12_200).contains(&error.code());
            let is_known = code_in(&error).is_some() || error.code() == -32_602 || is_refusal;
            prop_assert!(is_known, "{} {}: {}", method, params, error);
            // Nothing has failed here: no panic, no damage, no disk.
            let code = code_in(&error);
            let is_fault = matches!(code, Some(Code::Failed | Code::Damaged | Code::Quarantined));
            prop_assert!(!is_fault, "{} {}: {}", method, params, error);
        }
        let at = json!([BUCKET.0, 0, 0, { "root": signed.mmr_root }]);
        let answer = asked.ask("bucket_challengeResponse", &at).unwrap();
        prop_assert_eq!(&answer["strictRule"]["accepted"], &json!(true));
    }

    /// The bytes of an ask that is right, bent anywhere: it is refused, or it is
    /// for another thing and its signature does not hold.
    #[test]
    fn an_ask_that_is_bent_gets_no_signature(at in 0usize..400, bit in 0u8..8) {
        let asked = Asked::new();
        let request = CheckpointRequest::Commitment(cairn_primitives::CommitmentPayload::new(
            BUCKET,
            asked.house.commitment(),
        ));
        let ask = Ask {
            request,
            asker: asked.house.account(),
            signature: MultiSignature::Sr25519([1; 64]),
        };
        let mut bytes = ask.encode();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let refused = asked.ask("provider_signCheckpoint", &json!([sp_core::Bytes(bytes)]));
        prop_assert!(refused.is_err());
    }
}

/// A prune reads each leaf that stays, and so does the look at what it would leave.
#[test]
fn i7_a_prune_that_comes_upon_damage_sets_the_bucket_apart() {
    let signature = MultiSignature::Sr25519([1; 64]).encode();
    let admin = House::of("//Alice").account();
    let authorisation = json!({
        "admin": H256(admin.0),
        "signature": sp_core::Bytes(signature),
        "leafCount": 1,
    });
    for (method, params) in [
        ("bucket_deletionPayload", json!([BUCKET.0, 1])),
        ("bucket_prune", json!([BUCKET.0, 1, authorisation])),
    ] {
        let house = House::of("//Alice").with_a_damaged_leaf();
        let asked = Asked::of(house, |rpc| {
            rpc.handle.desk.saw(Head {
                hash: H256::zero(),
                number: 1,
                anchor: 1,
            });
            rpc
        });
        let refused = asked.ask(method, &params).unwrap_err();
        let apart = asked.house.provider.quarantined();
        assert_eq!(apart.len(), 1, "{method}: {refused}");
        assert_eq!(apart[0].0, BUCKET, "{method}: {refused}");
    }
}

#[test]
fn s13_a_stranger_gets_no_first_signature_of_a_state() {
    let asked = Asked::new();
    let ask = |method, params: Value| asked.ask(method, &params);
    let signed = ask("bucket_commitment", json!([BUCKET.0])).unwrap();
    assert_eq!(signed["commitment"]["leafCount"], json!(3));
    let lease = asked.house.provider.lease(BUCKET, Wanted::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    let promises = || {
        let promises = lease.run(|bucket| Ok::<_, ProveError>(bucket.promises()?.count()));
        promises.unwrap()
    };
    let before = promises();
    for (method, params) in [
        ("bucket_commitment", json!([BUCKET.0])),
        ("bucket_checkpointSignature", json!([BUCKET.0, 2])),
        ("bucket_checkpointSignature", json!([BUCKET.0, 1])),
    ] {
        let refused = ask(method, params).unwrap_err();
        assert_eq!(code_in(&refused), Some(Code::NotSigned), "{refused}");
        assert!(refused.message().contains("commit first"), "{refused}");
    }
    assert_eq!(promises(), before, "nothing was promised for it");
    // A writer's is the first, and is given again to anybody.
    let (_, signed) = lease.commit_signed(&[], &asked.house.signer).unwrap();
    drop(lease);
    for (method, params) in [
        ("bucket_commitment", json!([BUCKET.0])),
        ("bucket_checkpointSignature", json!([BUCKET.0, 2])),
    ] {
        let again = ask(method, params).unwrap();
        let root = json!(signed.payload.commitment.mmr_root);
        assert_eq!(again["commitment"]["mmrRoot"], root);
    }
    ask("bucket_create", json!([8])).unwrap();
    let empty = ask("bucket_commitment", json!([8])).unwrap_err();
    assert_eq!(code_in(&empty), Some(Code::NothingToSign));
}

#[test]
fn s4_a_bucket_that_the_chain_cannot_verify_is_not_made_and_the_reason_is_told() {
    let asked = Asked::new();
    let ask = |method, params: Value| asked.ask(method, &params);
    let tagged = json!([8, { "hashing": "tagged" }]);
    let refused = ask("bucket_create", tagged).unwrap_err();
    assert_eq!(code_in(&refused), Some(Code::SigningRefused), "{refused}");
    let missing = ask("bucket_info", json!([8])).unwrap_err();
    assert_eq!(code_in(&missing), Some(Code::NoSuchBucket));
    assert_eq!(
        ask("bucket_info", json!([BUCKET.0])).unwrap()["notSigned"],
        json!(null)
    );

    let provider = &asked.house.provider;
    provider
        .assume_chain_hashing(HashingProfile::Tagged)
        .unwrap();
    let told = ask("bucket_info", json!([BUCKET.0])).unwrap();
    let reason = told["notSigned"].as_str().unwrap();
    assert!(reason.contains("tagged hashing alone"), "{reason}");
    let refused = ask("bucket_commitment", json!([BUCKET.0])).unwrap_err();
    assert_eq!(code_in(&refused), Some(Code::SigningRefused), "{refused}");
    provider
        .assume_chain_hashing(HashingProfile::Plain)
        .unwrap();

    provider.stop_signing("test", "as the test has it");
    let health = ask("provider_health", json!([])).unwrap();
    assert_eq!(health["signingOff"], json!("as the test has it"));
    let refused = ask("bucket_commitment", json!([BUCKET.0])).unwrap_err();
    assert!(
        refused.message().contains("as the test has it"),
        "{refused}"
    );
    provider.resume_signing("test");
    ask("bucket_commitment", json!([BUCKET.0])).unwrap();
}

#[test]
fn proofs_from_memory_wait_for_no_thread_and_others_do() {
    let asked = Asked::new();
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    // The one thread that may block is taken.
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let taken = threads.spawn_blocking(move || held.recv());
    let from_memory = [
        ("bucket_mmrProof", json!([BUCKET.0, 0])),
        ("bucket_mmrProof", json!([BUCKET.0, 0, { "leafCount": 1 }])),
        ("bucket_leaf", json!([BUCKET.0, 0])),
        ("bucket_peaks", json!([BUCKET.0])),
    ];
    let ask = |(method, params): &(&str, Value)| {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let module = asked.module.clone();
        async move {
            let asked = module.raw_json_request(&request.to_string(), 1).await;
            serde_json::from_str::<Value>(&asked.unwrap().0).unwrap()
        }
    };
    threads.block_on(async {
        for what in &from_memory {
            let answer = ask(what).await;
            assert!(answer["result"].is_object(), "{answer}");
        }
        // A leaf that is not there is looked for again where errors are told of,
        // and content is never read here.
        for what in [
            ("bucket_mmrProof", json!([BUCKET.0, 9])),
            ("bucket_chunkProof", json!([BUCKET.0, 0, 0])),
        ] {
            let waits = tokio::time::timeout(std::time::Duration::from_millis(50), ask(&what));
            assert!(waits.await.is_err(), "{what:?}");
        }
        drop(hold);
        let _ = taken.await;
        let answer = ask(&("bucket_mmrProof", json!([BUCKET.0, 9]))).await;
        assert_eq!(answer["error"]["code"], json!(Code::NoSuchLeaf.number()));
    });
}

#[test]
fn what_changes_buckets_asks_the_policy_first() {
    let house = House::of("//Alice");
    let chain = StillChain::new(house.account());
    let extension = Extension::new(
        Arc::new(chain.with_bucket(BUCKET, None, Vec::new())),
        house.provider.clone(),
        house.signer.clone(),
        Arc::new(RpcCosigners::default()),
        ExtensionConfig::default(),
    );
    let rpc = ProviderRpc::new(
        extension.unwrap().handle(),
        Limits::default(),
        Policy::default(),
    );
    let hash = json!(house.commitment().mmr_root);
    let authorisation = json!({ "admin": hash, "signature": "0x", "leafCount": 1 });
    let unsafe_ones = [
        ("bucket_create", json!([9])),
        ("bucket_putChunk", json!([BUCKET.0, hash, "0x00"])),
        ("bucket_putNode", json!([BUCKET.0, hash, hash, hash])),
        ("bucket_commit", json!([BUCKET.0, []])),
        ("bucket_deletionPayload", json!([BUCKET.0, 1])),
        ("bucket_prune", json!([BUCKET.0, 1, authorisation])),
        ("bucket_delete", json!([BUCKET.0])),
        ("bucket_export", json!([BUCKET.0, "/nowhere/at/all"])),
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
        unsafe_ones.iter().map(code).collect::<Vec<_>>()
    };
    for denied in [None, Some(DenyUnsafe::Yes)] {
        assert_eq!(codes(denied), vec![Some(-32_601); unsafe_ones.len()]);
    }
    let let_through = codes(Some(DenyUnsafe::No));
    assert!(!let_through.contains(&Some(-32_601)), "{let_through:?}");
}

#[test]
fn s18_a_leaf_with_padding_is_refused_with_the_leaves_to_commit_instead() {
    let commit = |asked: &Asked, size: u64| {
        let root = format!("0x{}", "07".repeat(32));
        let leaves = json!([{ "dataRoot": root, "dataSize": size }]);
        let refused = asked.ask("bucket_commit", &json!([BUCKET.0, leaves]));
        let error = refused.unwrap_err();
        (error.code(), error.message().to_owned())
    };
    let careful = Asked::with(ProviderRpc::refusing_padding);
    let (code, message) = commit(&careful, 700_000);
    assert_eq!(code, Code::Shape as i32);
    assert!(
        message.contains("as 2 leaves, of 524288, 175712 bytes"),
        "{message}"
    );
    // Nobody has that content; but it is not refused for its shape.
    let unknown = Code::UnknownDataRoot as i32;
    assert_eq!(commit(&careful, 600).0, unknown);
    assert_eq!(commit(&Asked::new(), 700_000).0, unknown);
}
