//! The vectors that clients in other languages are tested with: `clients/vectors/proofs.json`.
//!
//! This test writes each case with this crate, judges it with the verifiers, and compares the
//! result with the file. With `CAIRN_WRITE_DOCS` set it writes the file instead.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "a test that truncates fails, as it should"
)]

#[cfg(test)]
mod vectors;

use cairn_primitives::HashingProfile;
use serde_json::{Value, json};
use std::path::Path;
use vectors::{content, leaves, refused};

const FILE: &str = "../clients/vectors/proofs.json";
const WRITE: &str = "CAIRN_WRITE_DOCS";
const PROFILES: [HashingProfile; 2] = [HashingProfile::Plain, HashingProfile::Tagged];

fn of_both(cases: fn(HashingProfile) -> Vec<Value>) -> Value {
    PROFILES.into_iter().flat_map(cases).collect()
}

#[test]
fn the_vectors_of_clients_are_what_this_crate_computes() {
    let vectors = json!({
        "about": "Written by primitives/tests/client_vectors.rs. Hashes and bytes are hex; numbers \
                  of 64 bits are decimal strings. Byte i of content is \
                  (7 * i + 13 * (i >> 8) + 101 * (i >> 18)) mod 256.",
        "hashes": of_both(content::hashes),
        "splits": content::splits(),
        "contents": of_both(content::contents),
        "leaves": of_both(leaves::proofs),
        "responses": of_both(leaves::responses),
        "payloads": leaves::payloads(),
        "refusedLeaves": of_both(refused::leaves),
        "refusedChunks": of_both(refused::chunks),
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os(WRITE).is_some() {
        let text = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    // As values: the order of keys depends on features that other crates ask for.
    assert!(
        serde_json::from_str::<Value>(&written).unwrap() == vectors,
        "{} is not what this crate computes; {WRITE}=1 writes it",
        path.display()
    );
}
