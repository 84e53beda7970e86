//! A client that knows nothing of Cairn but its RPC, and nothing of the chain but its metadata:
//! it agrees on terms that Cairn signed, uploads, makes a checkpoint and challenges.

use crate::world::STAKE;
use cairn_devnode::{InMemoryConfig, InMemoryNode, ProviderOptions, Sealing, Variant};
use cairn_devnode_user::{Chain, Key, Location, Settings, Signature, Signed, Terms};
use cairn_node_ext::ExtensionConfig;
use cairn_node_ext::gadget::TermsPolicy;
use jsonrpsee::core::client::ClientT;
use jsonrpsee::rpc_params;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// The price of a byte for an anchor block.
const PRICE: u128 = 3;
/// The quota that is asked for.
const MAX_BYTES: u64 = 1 << 20;
/// The content of the only leaf, of one chunk.
const CONTENT: &[u8] = b"a stranger's content";

fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn bytes(answer: &Value, field: &str) -> Vec<u8> {
    let text = answer[field].as_str().unwrap();
    hex::decode(text.trim_start_matches("0x")).unwrap()
}

/// Asks until the provider answers: it follows the chain a block behind.
async fn ask(rpc: &WsClient, chain: &Chain, method: &str, params: Value) -> Value {
    let mut last = chain.finalized().await.unwrap();
    let until = last + 100;
    loop {
        let Value::Array(list) = params.clone() else {
            panic!("parameters are a list");
        };
        let mut given = rpc_params![];
        for one in list {
            given.insert(one).unwrap();
        }
        match rpc.request::<Value, _>(method, given).await {
            Ok(answer) => return answer,
            Err(error) if last > until => {
                panic!(
                    "{method} at {}: {error}",
                    chain.spec_version().await.unwrap()
                )
            }
            Err(_) => last = chain.finalized_after(last).await.unwrap(),
        }
    }
}

/// Returns the terms that Cairn signed for an owner, as the chain takes them.
async fn negotiate(rpc: &WsClient, chain: &Chain, owner: &Key) -> (Terms, Signature) {
    let request = json!([{
        "owner": hex(owner.account()), "maxBytes": MAX_BYTES, "duration": 5_000,
    }]);
    let signed = ask(rpc, chain, "cairnProvider_v1_negotiate", request).await;
    let number = |field: &str| match &signed[field] {
        Value::String(text) => u128::from_str_radix(text.trim_start_matches("0x"), 16).unwrap(),
        number => number.as_u64().unwrap().into(),
    };
    let terms = Terms {
        owner: owner.account(),
        max_bytes: number("maxBytes") as u64,
        duration: number("duration") as u32,
        price_per_byte: number("pricePerByte"),
        valid_until: number("validUntil") as u32,
        nonce: number("nonce") as u64,
        bucket: None,
        replica: None,
    };
    let signature = Signature::decode(&bytes(&signed, "signature")).unwrap();
    (terms, signature)
}

async fn is_served(variant: Variant) {
    let folder = tempfile::tempdir().unwrap();
    let node = InMemoryNode::start(InMemoryConfig {
        variant,
        sealing: Sealing::Interval(Duration::from_millis(200)),
        provider: Some(ProviderOptions {
            base_path: folder.path().to_owned(),
            suri: Some("//Charlie".into()),
            extension: ExtensionConfig {
                terms: TermsPolicy {
                    accepts_primary: true,
                    ..TermsPolicy::default()
                },
                ..ExtensionConfig::default()
            },
            ..Default::default()
        }),
        ..Default::default()
    })
    .await
    .unwrap();
    let chain = Chain::connect(&node.rpc_url()).await.unwrap();
    let rpc = WsClientBuilder::default()
        .build(node.rpc_url())
        .await
        .unwrap();
    let (owner, provider) = (
        Key::new("//Ferdie").unwrap(),
        Key::new("//Charlie").unwrap(),
    );
    let endpoint = "/ip4/127.0.0.1/tcp/9944";
    chain
        .register_provider(&provider, &provider.public(), endpoint, STAKE)
        .await
        .unwrap();
    let settings = Settings {
        price_per_byte: PRICE,
        ..Settings::default()
    };
    chain.update_settings(&provider, &settings).await.unwrap();

    let (terms, signature) = negotiate(&rpc, &chain, &owner).await;
    assert_eq!(terms.price_per_byte, PRICE);
    let account = provider.account();
    let bucket = chain
        .establish(&owner, account, &terms, &signature)
        .await
        .unwrap();
    // Nobody redeems them a second time.
    let again = chain.establish(&owner, account, &terms, &signature).await;
    assert!(again.unwrap_err().storage_error().is_some());

    // The provider makes the bucket by itself.
    let hash = sp_crypto_hashing::blake2_256(CONTENT);
    let put = json!([bucket, hex(hash), hex(CONTENT)]);
    ask(&rpc, &chain, "cairnWrite_v1_putChunk", put).await;
    let leaf = json!([{ "dataRoot": hex(hash), "dataSize": CONTENT.len() }]);
    ask(&rpc, &chain, "cairnWrite_v1_commit", json!([bucket, leaf])).await;
    let answer = ask(
        &rpc,
        &chain,
        "cairnBucket_v1_checkpointSignature",
        json!([bucket, 1]),
    )
    .await;
    let signed = Signed::decode(&bytes(&answer, "payload"), &bytes(&answer, "signature")).unwrap();
    let signatures = [(account, signed.signature.clone())];
    chain
        .checkpoint(
            &owner,
            bucket,
            &signed.commitment,
            signed.nonce,
            &signatures,
        )
        .await
        .unwrap();
    let first = Location {
        leaf_index: 0,
        chunk_index: 0,
    };
    let sent = chain
        .challenge_checkpoint(&owner, bucket, account, first)
        .await
        .unwrap();
    let asked = chain.included(&sent).await.unwrap().number;
    let mut last = asked;
    while chain.open_challenges(account).await.unwrap() > 0 {
        last = chain.finalized_after(last).await.unwrap();
    }
    let answers = chain.accepted_answers(asked).await.unwrap();
    assert_eq!(answers, ["Proof"]);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_served_on_each_variant() {
    for variant in Variant::ALL {
        is_served(variant).await;
    }
}
