//! A provider that gives false answers is detected, and nothing is written.

use super::fixture::{Fixture, run_at_url};
use crate::support::{REFUSED, USAGE, bytes};
use cairn_primitives::challenge::MultiSignature;
use codec::Encode;
use serde_json::Value;
use sp_core::{Pair, sr25519};

/// A provider with a leaf of two chunks.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let file = fixture.provider.file("file", &bytes(1, 300_000));
    fixture.json(["put", "1", file.to_str().unwrap()]);
    fixture
}

/// Replaces the last hex digit.
fn change(hex: &mut Value) {
    let mut text = hex.as_str().unwrap().to_owned();
    let other = if text.ends_with('0') { '1' } else { '0' };
    text.pop();
    text.push(other);
    *hex = text.into();
}

#[test]
fn a_commitment_with_a_wrong_signature_or_payload_is_refused() {
    let fixture = fixture();
    let file = fixture.provider.file("more", b"content");
    let put = ["put", "1", file.to_str().unwrap()];
    let liar = fixture.falsify("cairnWrite_v1_commit", |answer| {
        change(&mut answer["signed"]["signature"])
    });
    let ended = fixture.run_at(&liar.url, put);
    ended.fails(
        REFUSED,
        &[
            "gave a false answer",
            "the signature over its commitment is invalid",
            "one more commit may have been made",
        ],
    );
    let liar = fixture.falsify("cairnWrite_v1_commit", |answer| {
        change(&mut answer["signed"]["payload"])
    });
    fixture
        .run_at(&liar.url, put)
        .fails(REFUSED, &["not the commitment of bucket 1"]);
    let liar = fixture.falsify("cairnWrite_v1_commit", |answer| {
        answer["firstLeaf"] = 7.into()
    });
    fixture
        .run_at(&liar.url, put)
        .fails(REFUSED, &["without some of those that were sent"]);
    let liar = fixture.falsify("cairnBucket_v1_info", |answer| answer["bucket"] = 2.into());
    fixture
        .run_at(&liar.url, put)
        .fails(REFUSED, &["bucket 2 instead of 1"]);
}

#[test]
fn s14_a_commitment_signed_by_another_key_is_refused() {
    let fixture = fixture();
    let file = fixture.provider.file("more", b"content");
    let put = ["put", "1", file.to_str().unwrap()];
    // A man in the middle signs the same commitment with another key.
    let liar = fixture.falsify("cairnWrite_v1_commit", |answer| {
        let stranger = sr25519::Pair::from_seed(&[9; 32]);
        let signed = &mut answer["signed"];
        let payload = hex::decode(&signed["payload"].as_str().unwrap()[2..]).unwrap();
        let signature = MultiSignature::Sr25519(stranger.sign(&payload).0).encode();
        signed["signature"] = format!("0x{}", hex::encode(signature)).into();
        signed["signer"] = format!("0x{}", hex::encode(stranger.public().0)).into();
    });
    let words = [
        "not the provider's key",
        "one more commit may have been made",
    ];
    fixture.run_at(&liar.url, put).fails(REFUSED, &words);
    // Without a key to compare with, nothing is sent.
    run_at_url(&liar.url, put).fails(USAGE, &["--provider"]);
    // The provider's base path has its keys.
    fixture.write_address(&liar.url);
    fixture.provider.run(put).fails(REFUSED, &words);
}

#[test]
fn s14_leaves_are_proven_before_they_are_reported_stored() {
    let fixture = fixture();
    let file = fixture.provider.file("more", b"content");
    let put = ["put", "1", file.to_str().unwrap()];
    let liar = fixture.falsify("cairnBucket_v1_mmrProof", |answer| {
        change(&mut answer["scale"])
    });
    let ended = fixture.run_at(&liar.url, put);
    assert_eq!(ended.text(), "");
    ended.fails(REFUSED, &["gave a false answer"]);
    // A valid proof of another leaf of the same tree.
    let liar = fixture.falsify("cairnWrite_v1_commit", |answer| {
        answer["firstLeaf"] = 0.into()
    });
    let ended = fixture.run_at(&liar.url, put);
    ended.fails(REFUSED, &["leaf 0", "is not the leaf that was sent"]);
}

#[test]
fn content_that_is_not_of_the_leaf_is_refused() {
    let fixture = fixture();
    let out = fixture.provider.file("got", b"what was there");
    let get = ["get", "1", "--leaf", "0", "-o", out.to_str().unwrap()];
    let other_chunk = |answer: &mut Value| {
        for node in answer["nodes"].as_array_mut().unwrap() {
            if let Some(chunk) = node[1].get_mut("chunk") {
                change(chunk);
            }
        }
    };
    let other_node = |answer: &mut Value| {
        for node in answer["nodes"].as_array_mut().unwrap() {
            if let Some(node) = node[1].get_mut("node") {
                change(&mut node[0]);
            }
        }
    };
    for lie in [other_chunk, other_node] {
        let liar = fixture.falsify("cairnBucket_v1_fetchNodes", lie);
        fixture
            .run_at(&liar.url, get)
            .fails(REFUSED, &["does not match that hash"]);
    }
    let liar = fixture.falsify("cairnBucket_v1_fetchNodes", |answer| {
        answer["nodes"] = Value::Array(vec![])
    });
    fixture
        .run_at(&liar.url, get)
        .fails(REFUSED, &["none of the requested content"]);
    let liar = fixture.falsify("cairnBucket_v1_mmrProof", |answer| {
        change(&mut answer["scale"])
    });
    fixture
        .run_at(&liar.url, get)
        .fails(REFUSED, &["gave a false answer"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"what was there");
}

#[test]
fn invalid_proofs_and_other_states_are_not_written() {
    let fixture = fixture();
    let out = fixture.provider.file("proof", b"").with_file_name("none");
    let file = fixture.provider.file("more", b"content");
    let root = fixture.json(["put", "1", file.to_str().unwrap()]).remove(0);
    let root = root["mmr_root"].as_str().unwrap();
    let prove = ["prove", "1", "--leaf", "0", "-o", out.to_str().unwrap()];
    let chunk = [&prove[..], &["--chunk", "1"]].concat();
    let liar = fixture.falsify("cairnBucket_v1_mmrProof", |answer| {
        change(&mut answer["scale"])
    });
    fixture
        .run_at(&liar.url, prove)
        .fails(REFUSED, &["gave a false answer"]);
    let liar = fixture.falsify("cairnBucket_v1_challengeResponse", |answer| {
        change(&mut answer["response"])
    });
    fixture
        .run_at(&liar.url, &chunk)
        .fails(REFUSED, &["gave a false answer"]);
    let liar = fixture.falsify("cairnBucket_v1_challengeResponse", |answer| {
        change(&mut answer["commitment"]["mmrRoot"]);
    });
    let asked = [&chunk[..], &["--root", root]].concat();
    fixture
        .run_at(&liar.url, asked)
        .fails(REFUSED, &["another state"]);
    assert!(!out.exists());
}

#[test]
fn a_false_deletion_payload_is_not_printed() {
    let fixture = fixture();
    let file = fixture.provider.file("more", b"content");
    fixture.json(["put", "1", file.to_str().unwrap()]);
    let prune = ["bucket", "prune", "1", "--before", "1", "--dry-run"];
    let liar = fixture.falsify("cairnWrite_v1_deletionPayload", |answer| {
        change(&mut answer["payload"])
    });
    let ended = fixture.run_at(&liar.url, prune);
    assert_eq!(ended.text(), "");
    ended.fails(REFUSED, &["are not the deletion of these leaves"]);
}
