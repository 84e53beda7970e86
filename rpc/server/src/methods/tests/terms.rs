//! Terms over the RPC, by a provider whose workers run over a simulated chain.

use super::*;
use cairn_gadget::TermsPolicy;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::RegisteredKey;
use cairn_primitives::terms::{AgreementTerms, SignedTerms, TermsRefusal};
use cairn_rpc_api::{SignedTermsInfo, terms_refusal_in};
use cairn_testing::{LIMITS, SimulatedChain};
use codec::DecodeAll;
use parking_lot::Mutex;
use std::time::Duration;

const OWNER: [u8; 32] = [8; 32];

/// A request for a MiB.
fn request(max_price: u32) -> Value {
    json!([{
        "owner": H256(OWNER), "maxBytes": 1 << 20, "duration": 500_000, "maxPrice": max_price,
    }])
}

#[test]
fn by_default_no_terms_are_offered() {
    let rpc = TestRpc::new();
    for (method, params) in [
        ("cairnProvider_v1_offer", json!([])),
        ("cairnProvider_v1_negotiate", request(9)),
    ] {
        let refused = rpc.call(method, &params).unwrap_err();
        assert_eq!(refused.code(), 12_200);
        assert_eq!(terms_refusal_in(&refused), Some(TermsRefusal::NotOffered));
    }
}

#[test]
fn signed_terms_are_what_the_chain_takes() {
    let fixture = Fixture::new("//Alice");
    let (provider, account) = (fixture.provider.clone(), fixture.account());
    let chain = SimulatedChain::new(LIMITS);
    chain.edit(move |pallet| {
        pallet.register(account, RegisteredKey::from(account.0));
        let record = pallet.providers.get_mut(&account.0).unwrap();
        record.settings.price_per_byte = 3;
    });
    chain.advance();
    let config = ExtensionConfig {
        terms: TermsPolicy {
            accepts_primary: true,
            price_per_byte: Some(3),
            ..TermsPolicy::default()
        },
        ..ExtensionConfig::default()
    };
    let extension = Extension::new(
        chain.client(account),
        provider.clone(),
        fixture.signer.clone(),
        Arc::new(RpcCosigners::default()),
        config,
    )
    .unwrap();
    let handle = extension.handle();
    let rpc = ProviderRpc::new(handle.clone(), Limits::default(), Policy::new(|_| true));
    let module = rpc.into_rpc().unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let _entered = tokio.enter();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio.spawn(extension.run(async move { _ = stopped.await }));
    let rpc = TestRpc {
        fixture,
        module,
        tokio,
        exports: String::new(),
        _exports: tempfile::tempdir().unwrap(),
    };
    // The workers read some heads first. The chain gives them time: an agreement that is over
    // before they see it makes no bucket.
    let signed = loop {
        chain.advance();
        match rpc.call("cairnProvider_v1_negotiate", &request(3)) {
            Ok(signed) => break signed,
            Err(error) => {
                let refusal = terms_refusal_in(&error);
                let is_early =
                    matches!(refusal, Some(TermsRefusal::NotReady | TermsRefusal::Unable));
                assert!(is_early, "{error:?}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    };
    let info: SignedTermsInfo = serde_json::from_value(signed).unwrap();
    let terms = AgreementTerms::decode_all(&mut &*info.terms.0).unwrap();
    assert_eq!((terms.owner, terms.price_per_byte), (AccountId(OWNER), 3));
    assert_eq!(terms.nonce, info.nonce.0);
    let refused = rpc
        .call("cairnProvider_v1_negotiate", &request(2))
        .unwrap_err();
    assert_eq!(
        terms_refusal_in(&refused),
        Some(TermsRefusal::Price { price: 3 })
    );
    let offer = rpc.call("cairnProvider_v1_offer", &json!([])).unwrap();
    assert_eq!(offer["pricePerByte"], json!(3));

    // The owner redeems them, and the provider makes the bucket.
    let signature = MultiSignature::decode_all(&mut &*info.signature.0).unwrap();
    let signed = SignedTerms { terms, signature };
    let made = Arc::new(Mutex::new(None));
    let result = made.clone();
    chain.edit(move |pallet| {
        *result.lock() = Some(pallet.redeem(AccountId(OWNER), account, &signed));
    });
    chain.advance();
    let bucket: BucketId = made.lock().take().unwrap().unwrap();
    while provider.indexed_bucket(bucket).is_none() {
        chain.advance();
        std::thread::sleep(Duration::from_millis(5));
    }
    let info = json!([bucket.0]);
    let info = rpc.call("cairnBucket_v1_info", &info).unwrap();
    assert!(info["maxBytes"].as_u64().unwrap() > 1 << 20);
    let status = rpc.call("cairnProvider_v1_status", &json!([])).unwrap();
    assert_eq!(status["unserved"], json!([]));
    let health = rpc.call("cairnProvider_v1_health", &json!([])).unwrap();
    assert_eq!(health["fundsLow"], json!(false));
    stop.send(()).unwrap();
    rpc.tokio.block_on(running).unwrap();
}
