//! The cases, by what they are about.

pub(crate) mod content;
pub(crate) mod leaves;
pub(crate) mod refused;

use cairn_primitives::{H256, MerkleProof};
use serde_json::{Value, json};

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub(crate) fn hashes<'h>(hashes: impl IntoIterator<Item = &'h H256>) -> Vec<String> {
    hashes.into_iter().map(hex).collect()
}

pub(crate) fn path(proof: &MerkleProof) -> Value {
    json!({ "siblings": hashes(&proof.siblings), "path": proof.path })
}

/// The code of an error: its variant's name in camel case.
pub(crate) fn code(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let name = text.split([' ', '(']).next().unwrap();
    let (first, rest) = name.split_at(1);
    first.to_lowercase() + rest
}
