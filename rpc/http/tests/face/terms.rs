//! Negotiating terms: what is signed, what is refused, and how often one may ask.

use crate::fixture::*;
use axum::body::Body;
use axum::http::{Method, Request};
use cairn_gadget::{ExtensionConfig, TermsPolicy};
use cairn_http::Peer;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::terms::{AgreementTerms, BucketTarget};
use codec::DecodeAll;
use serde_json::{Value, json};
use sp_core::{Pair, crypto::Ss58Codec, sr25519};

fn workers() -> ExtensionConfig {
    ExtensionConfig {
        terms: TermsPolicy {
            accepts_primary: true,
            price_per_byte: Some(3),
            min_duration: 1,
            min_bucket_bytes: 1,
            validity: 50,
            ..TermsPolicy::default()
        },
        ..ExtensionConfig::default()
    }
}

fn owner() -> String {
    sr25519::Public::from_raw(account("//Owner").0).to_ss58check()
}

fn request() -> Value {
    json!({
        "owner": owner(),
        "max_bytes": 1_048_576,
        "duration": 100,
        "price_per_byte": 5,
        "bucket_id": null,
        "replica_params": null,
    })
}

async fn ask(face: &Face, request: &Value) -> Answer {
    face.send_json((Method::POST, "/negotiate"), None, request)
        .await
}

/// Waits until the provider signs terms: not in the block in which it starts.
async fn signing() -> Face {
    let face = Face::with(quick(), workers(), |rpc| rpc).await;
    for _ in 0..500 {
        if ask(&face, &request()).await.status == 200 {
            return face;
        }
        face.chain.advance();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{}", ask(&face, &request()).await.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_signed_at_the_providers_price() {
    let face = signing().await;
    let answer = ask(&face, &request()).await;
    let signed = answer.ok();
    let terms = &signed["terms"];
    assert_eq!(terms["owner"], owner());
    assert_eq!(terms["price_per_byte"], 3);
    assert_eq!(terms["bucket_id"], json!(null));
    assert_eq!(terms["replica_params"], json!(null));
    assert_eq!(terms.as_object().unwrap().len(), 8);
    // Existing clients refuse a signature with 0x.
    let signature = hex::decode(signed["signature"].as_str().unwrap()).unwrap();
    let decoded = MultiSignature::decode_all(&mut &signature[..]).unwrap();
    let MultiSignature::Sr25519(signature) = decoded else {
        panic!("{decoded:?}");
    };
    let number = |name: &str| terms[name].as_u64().unwrap();
    let signed = AgreementTerms {
        owner: AccountId(account("//Owner").0),
        max_bytes: number("max_bytes"),
        duration: number("duration") as u32,
        price_per_byte: number("price_per_byte").into(),
        valid_until: number("valid_until") as u32,
        nonce: number("nonce"),
        bucket: BucketTarget::New,
        replica: None,
    };
    assert!(sr25519::Pair::verify(
        &sr25519::Signature::from_raw(signature),
        signed.signing_hash(),
        &sr25519::Public::from_raw(face.handle.account.0),
    ));
    // Large numbers as text, as JavaScript sends them.
    let mut text = request();
    text["max_bytes"] = json!("1048576");
    text["price_per_byte"] = json!(u128::MAX.to_string());
    let again = ask(&face, &text).await.ok();
    assert_ne!(again["terms"]["nonce"], terms["nonce"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_terms_say_what_would_be_signed() {
    let face = signing().await;
    let refused = async |name: &str, value: Value| {
        let mut request = request();
        request[name] = value;
        let answer = ask(&face, &request).await;
        (answer.status.as_u16(), answer.json())
    };
    let (status, body) = refused("price_per_byte", json!(2)).await;
    let details = json!({ "proposed": "2", "listed": "3" });
    let expected = json!({ "error": "price_below_listed", "details": details });
    assert_eq!((status, body), (422, expected));
    let (status, body) = refused("duration", json!(0)).await;
    assert_eq!(
        (status, &body["error"]),
        (422, &json!("duration_out_of_bounds"))
    );
    let (status, body) = refused("max_bytes", json!(0)).await;
    assert_eq!(
        (status, &body["error"]),
        (422, &json!("invalid_max_bytes_request"))
    );
    let (status, body) = refused("max_bytes", json!(u64::MAX)).await;
    assert_eq!((status, &body["error"]), (422, &json!("capacity_exceeded")));
    assert_eq!(body["details"]["requested"], json!(u64::MAX));
    let replica = json!({ "sync_balance": "9", "min_sync_interval": 1 });
    let (status, body) = refused("replica_params", replica).await;
    let expected = json!({ "error": "not_accepting_replicas" });
    assert_eq!((status, body), (422, expected));
    // No account, as axum refuses it at today's provider.
    let mut wrong = request();
    wrong["owner"] = json!("5Grwva");
    assert_eq!(ask(&face, &wrong).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_an_offer_refuses() {
    let face = Face::new().await;
    let expected = json!({ "error": "not_accepting_primary" });
    ask(&face, &request()).await.is_error(422, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_asks_at_most_sixteen_times_at_once() {
    let face = Face::new().await;
    let from = async |ip: &str| {
        let request = Request::post("/negotiate")
            .header("content-type", "application/json")
            .extension(Peer(ip.parse().unwrap()))
            .body(Body::from(request().to_string()))
            .unwrap();
        face.send(request).await
    };
    let mut refused = None;
    // Slow machines refill meanwhile.
    for _ in 0..400 {
        let answer = from("192.0.2.1").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let expected = json!({ "error": "rate_limited" });
    refused.unwrap().is_error(429, &expected);
    assert_eq!(from("192.0.2.2").await.status, 422);
    assert_eq!(from("127.0.0.1").await.status, 422);
}
