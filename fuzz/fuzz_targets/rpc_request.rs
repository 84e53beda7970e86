//! Arbitrary bytes as a request to any method, and as its parameters, to a provider with one
//! bucket: no panic, no unknown error code, and signed roots stay provable.
#![no_main]

use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{RegisteredKey, PrimaryProvider};
use cairn_primitives::{BucketId, H256};
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use cairn_rpc_api::{Code, REFUSED};
use cairn_rpc_server::{Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::StaticChain;
use jsonrpsee::RpcModule;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BUCKET: BucketId = BucketId(7);

/// The provider under test. It is created once, because that takes longer than a request.
struct ProviderUnderTest {
    module: RpcModule<()>,
    methods: Vec<&'static str>,
    root: H256,
    tokio: Runtime,
    _folder: TempDir,
}

static PROVIDER: LazyLock<ProviderUnderTest> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for buckets");
    let base = BasePath::create(folder.path()).expect("a base path");
    base.keys().insert("//Alice").expect("a key");
    let signer = base.keys().signer(None).expect("a signer");
    let provider = Provider::open(base, ProviderOptions::default()).expect("a provider");
    provider
        .create_bucket(BUCKET, BucketConfig::default())
        .expect("a bucket");
    let lease = provider
        .blocking_lease(BUCKET, LeaseRequest::write())
        .expect("its bucket");
    let content = lease
        .run(|bucket| bucket.ingest(&[7; 300_000][..]))
        .expect("content");
    let leaf = NewLeaf {
        data_root: content.data_root,
        data_size: content.data_size,
    };
    let (_, signed) = lease.commit_signed(&[leaf], &signer).expect("a commitment");
    drop(lease);
    let account = AccountId(signer.public());
    let itself = PrimaryProvider {
        account,
        key: Some(RegisteredKey::from(signer.public())),
        endpoint: Vec::new(),
        agreement: None,
    };
    let chain = StaticChain::new(account).with_bucket(BUCKET, Some(account), vec![itself]);
    let extension = Extension::new(
        Arc::new(chain),
        Arc::new(provider),
        signer,
        Arc::new(RpcCosigners::default()),
        ExtensionConfig::default(),
    );
    let handle = extension.expect("an extension").handle();
    let rpc = ProviderRpc::new(handle, Limits::default(), Policy::new(|_| true));
    let module = rpc.into_rpc().expect("a module");
    // Methods that write files are left out, and so are subscriptions, which need a
    // reader.
    let is_tested =
        |name: &&str| *name != "cairnWrite_v1_exportBucket" && !name.contains("ubscribe");
    ProviderUnderTest {
        methods: module.method_names().filter(is_tested).collect(),
        module,
        root: signed.payload.commitment.mmr_root,
        tokio: Runtime::new().expect("threads"),
        _folder: folder,
    }
});

impl ProviderUnderTest {
    fn request(&self, request: &str) -> Option<Value> {
        let response = self.module.raw_json_request(request, 16);
        let (answer, _) = self.tokio.block_on(response).ok()?;
        Some(serde_json::from_str(&answer).expect("an answer is JSON"))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let provider = &*PROVIDER;
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if !text.contains("cairnWrite_v1_exportBucket") && !text.contains("ubscribe") {
        provider.request(text);
    }
    let Some((first, params)) = text.split_at_checked(1) else {
        return;
    };
    let place = usize::from(first.as_bytes()[0]) % provider.methods.len();
    let method = provider.methods[place];
    let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    if let Some(answer) = provider.request(&request)
        && let Some(code) = answer["error"]["code"].as_i64()
    {
        let code = i32::try_from(code).expect("a code is of 32 bits");
        let is_ours = Code::ALL.iter().any(|known| known.number() == code);
        let is_refusal = (REFUSED..REFUSED + 100).contains(&code);
        let is_json_rpcs = (-32_700..=-32_600).contains(&code);
        assert!(is_ours || is_refusal || is_json_rpcs, "{request}: {answer}");
        let is_fault = code == Code::Failed.number() || code == Code::Damaged.number();
        assert!(!is_fault, "{request}: {answer}");
    }
    let root = provider.root;
    let challenge = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"cairnBucket_v1_mmrProof","params":[7,0,{{"root":"{root:?}"}}]}}"#
    );
    let answer = provider.request(&challenge).expect("an answer");
    assert!(
        answer["result"]["peaks"].is_array(),
        "after {request}: {answer}"
    );
});
