//! A proof that was tampered with is refused, with the reason, by a program that has only the
//! proof.

use crate::support::{FAILED, Provider, REFUSED, bytes, text_field, verify};
use serde_json::Value;

/// A proof of the second chunk of one leaf among five, and its root.
fn proof() -> (Value, String) {
    let provider = Provider::with_bucket("1");
    let mut root = String::new();
    for seed in 0..5 {
        let file = provider.file("file", &bytes(seed, 600_000));
        root = text_field(&provider.put("1", &file)[0], "mmr_root");
    }
    let proof = provider.run(["prove", "1", "--leaf", "2", "--chunk", "1"]);
    (
        serde_json::from_slice(&proof.succeeds().stdout).unwrap(),
        root,
    )
}

fn judge(proof: &Value, args: &[&str], code: i32, words: &[&str]) {
    verify(proof.to_string().as_bytes(), args).fails(code, words);
}

/// Replaces the hex digit at `place` after `0x` by another one.
fn flipped(hex: &Value, place: usize) -> Value {
    let mut text = hex.as_str().unwrap().to_owned();
    let digit = text[place + 2..place + 3].to_owned();
    let other = if digit == "0" { "1" } else { "0" };
    text.replace_range(place + 2..place + 3, other);
    text.into()
}

#[test]
fn the_untouched_proof_passes() {
    let (proof, root) = proof();
    verify(
        proof.to_string().as_bytes(),
        &["--root", &root, "--leaf-count", "5"],
    )
    .succeeds();
}

#[test]
fn another_root_is_refused() {
    let (proof, root) = proof();
    let mut tampered = proof.clone();
    tampered["commitment"]["mmr_root"] = flipped(&proof["commitment"]["mmr_root"], 7);
    judge(&tampered, &[], REFUSED, &["contradicts itself"]);
    // If the file is consistent, the peaks still do not match.
    tampered["commitment"]["scale"] = flipped(&proof["commitment"]["scale"], 7);
    judge(
        &tampered,
        &[],
        REFUSED,
        &["the bagged peaks do not match the root"],
    );
    judge(
        &tampered,
        &["--root", &root],
        REFUSED,
        &["and not for", &root],
    );
}

#[test]
fn another_root_or_leaf_count_than_challenged_is_refused() {
    let (proof, _) = proof();
    let other = format!("0x{}", "17".repeat(32));
    judge(&proof, &["--root", &other], REFUSED, &["not for", &other]);
    judge(
        &proof,
        &["--leaf-count", "6"],
        REFUSED,
        &["5 leaves, and not for 6"],
    );
    judge(
        &proof,
        &["--leaf", "1"],
        REFUSED,
        &["leaf 2, and not for leaf 1"],
    );
    judge(
        &proof,
        &["--leaf", "2", "--chunk", "0"],
        REFUSED,
        &["not for chunk 0"],
    );
}

#[test]
fn a_byte_flipped_anywhere_in_the_response_is_refused() {
    let (proof, _) = proof();
    let digits = proof["response"].as_str().unwrap().len() - 2;
    let ends = (0..12).chain(digits - 12..digits);
    let within = (12..digits - 12).step_by(digits / 40);
    for place in ends.chain(within) {
        let mut tampered = proof.clone();
        tampered["response"] = flipped(&proof["response"], place);
        judge(&tampered, &[], REFUSED, &["the proof is refused: "]);
    }
    let mut longer = proof.clone();
    longer["response"] = format!("{}00", proof["response"].as_str().unwrap()).into();
    judge(&longer, &[], REFUSED, &["cannot be decoded"]);
}

#[test]
fn another_location_is_refused() {
    let (proof, _) = proof();
    for (field, value, reason) in [
        ("leaf_index", 3, "turns to another leaf"),
        ("leaf_index", 5, "not within the 5 leaves"),
        ("chunk_index", 0, "turns to another chunk"),
        ("chunk_index", 3, "pads the tree"),
    ] {
        let mut tampered = proof.clone();
        tampered["location"][field] = value.into();
        judge(&tampered, &[], REFUSED, &[reason]);
    }
    let mut tampered = proof.clone();
    tampered["slot"] = 0.into();
    judge(&tampered, &[], REFUSED, &["its slot is not the one"]);
}

#[test]
fn another_hashing_is_refused() {
    let (mut proof, _) = proof();
    proof["hashing"] = "tagged".into();
    judge(&proof, &[], REFUSED, &["the proof is refused: "]);
}

#[test]
fn an_answer_that_holds_no_proof_is_refused() {
    let (mut proof, _) = proof();
    proof["response"] = "0x02".into();
    judge(&proof, &[], REFUSED, &["only the chain can judge"]);
}

#[test]
fn an_invalid_proof_file_is_unreadable_not_refused() {
    for garbage in ["", "hello", "{}", "[1, 2", "\u{0}\u{1}", "null"] {
        verify(garbage.as_bytes(), &[]).fails(FAILED, &["stdin", "not a proof file"]);
    }
    let endless = vec![b' '; 3 << 20];
    verify(&endless, &[]).fails(FAILED, &["at most 1048576 bytes"]);

    let (proof, _) = proof();
    for (field, value, words) in [
        ("version", Value::from(2), "of version 2"),
        ("format", "recipe".into(), "\"recipe\""),
        ("response", "0xzz".into(), "not a hex digit"),
        (
            "response",
            Value::Null,
            "either a chunk_index and a response",
        ),
        ("surplus", 1.into(), "unknown field `surplus`"),
    ] {
        let mut tampered = proof.clone();
        tampered[field] = value;
        judge(&tampered, &[], FAILED, &[words]);
    }
    let mut tampered = proof.clone();
    tampered["commitment"]["mmr_root"] = "0x00".into();
    judge(
        &tampered,
        &[],
        FAILED,
        &["mmr_root", "expected 32 bytes in hex"],
    );
}
