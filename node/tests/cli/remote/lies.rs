//! A provider that says what is not so is found out, and nothing is written.

use super::house::{House, at};
use crate::support::{REFUSED, bytes};
use serde_json::Value;

/// A provider with a leaf of two chunks.
fn house() -> House {
    let house = House::new();
    house.run(["bucket", "create", "1"]).succeeds();
    let file = house.provider.file("file", &bytes(1, 300_000));
    house.json(["put", "1", file.to_str().unwrap()]);
    house
}

/// Puts another last digit in place of one in hex.
fn change(hex: &mut Value) {
    let mut text = hex.as_str().unwrap().to_owned();
    let other = if text.ends_with('0') { '1' } else { '0' };
    text.pop();
    text.push(other);
    *hex = text.into();
}

#[test]
fn a_commitment_whose_signature_or_payload_is_another_is_refused() {
    let house = house();
    let file = house.provider.file("more", b"content");
    let put = ["put", "1", file.to_str().unwrap()];
    let liar = house.liar("bucket_commit", |told| {
        change(&mut told["signed"]["signature"])
    });
    let ended = at(&liar.url, put);
    ended.fails(
        REFUSED,
        &[
            "does not hold",
            "the signature is not its signer's",
            "whether one more commit was made",
        ],
    );
    let liar = house.liar("bucket_commit", |told| {
        change(&mut told["signed"]["payload"])
    });
    at(&liar.url, put).fails(REFUSED, &["not the commitment of bucket 1"]);
    let liar = house.liar("bucket_commit", |told| told["firstLeaf"] = 7.into());
    at(&liar.url, put).fails(REFUSED, &["leaves out some"]);
    let liar = house.liar("bucket_info", |told| told["bucket"] = 2.into());
    at(&liar.url, put).fails(REFUSED, &["bucket 2 and not of 1"]);
}

#[test]
fn content_that_is_not_of_the_leaf_is_refused() {
    let house = house();
    let out = house.provider.file("got", b"what was there");
    let get = ["get", "1", "--leaf", "0", "-o", out.to_str().unwrap()];
    let other_chunk = |told: &mut Value| {
        for node in told["nodes"].as_array_mut().unwrap() {
            if let Some(chunk) = node[1].get_mut("chunk") {
                change(chunk);
            }
        }
    };
    let other_node = |told: &mut Value| {
        for node in told["nodes"].as_array_mut().unwrap() {
            if let Some(node) = node[1].get_mut("node") {
                change(&mut node[0]);
            }
        }
    };
    for lie in [other_chunk, other_node] {
        let liar = house.liar("bucket_fetchNodes", lie);
        at(&liar.url, get).fails(REFUSED, &["is something else"]);
    }
    let liar = house.liar("bucket_fetchNodes", |told| {
        told["nodes"] = Value::Array(vec![])
    });
    at(&liar.url, get).fails(REFUSED, &["nothing of the content"]);
    let liar = house.liar("bucket_mmrProof", |told| change(&mut told["scale"]));
    at(&liar.url, get).fails(REFUSED, &["does not hold"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"what was there");
}

#[test]
fn proofs_that_do_not_pass_or_are_of_another_state_are_not_written() {
    let house = house();
    let out = house.provider.file("proof", b"").with_file_name("none");
    let file = house.provider.file("more", b"content");
    let root = house.json(["put", "1", file.to_str().unwrap()]).remove(0);
    let root = root["mmr_root"].as_str().unwrap();
    let prove = ["prove", "1", "--leaf", "0", "-o", out.to_str().unwrap()];
    let chunk = [&prove[..], &["--chunk", "1"]].concat();
    let liar = house.liar("bucket_mmrProof", |told| change(&mut told["scale"]));
    at(&liar.url, prove).fails(REFUSED, &["does not hold"]);
    let liar = house.liar("bucket_challengeResponse", |told| {
        change(&mut told["response"])
    });
    at(&liar.url, &chunk).fails(REFUSED, &["does not hold"]);
    let liar = house.liar("bucket_challengeResponse", |told| {
        change(&mut told["commitment"]["mmrRoot"]);
    });
    let asked = [&chunk[..], &["--root", root]].concat();
    at(&liar.url, asked).fails(REFUSED, &["another state"]);
    assert!(!out.exists());
}

#[test]
fn bytes_to_sign_that_say_something_else_are_not_shown() {
    let house = house();
    let file = house.provider.file("more", b"content");
    house.json(["put", "1", file.to_str().unwrap()]);
    let prune = ["bucket", "prune", "1", "--before", "1", "--dry-run"];
    let liar = house.liar("bucket_deletionPayload", |told| {
        change(&mut told["payload"])
    });
    let ended = at(&liar.url, prune);
    assert_eq!(ended.text(), "");
    ended.fails(REFUSED, &["do not say that these leaves are deleted"]);
}
