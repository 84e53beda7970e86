//! Fields of answers, each with the encoding that clients read.

use crate::outcome::{Checked, ensure, failed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{H256, MerkleProof, MmrLeaf, MmrProof};
use serde_json::Value;

/// Returns a field, which must be there.
pub(crate) fn field<'v>(value: &'v Value, name: &str) -> Checked<&'v Value> {
    match value.get(name) {
        Some(found) => Ok(found),
        None => failed(format!("the field `{name}` is missing in {}", short(value))),
    }
}

/// Returns the beginning of a value's text.
pub(crate) fn short(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

/// Returns an integer that is a JSON number.
pub(crate) fn number(value: &Value, name: &str) -> Checked<u64> {
    let found = field(value, name)?;
    let number = found.as_u64();
    number.map_or_else(
        || failed(format!("`{name}` is no JSON integer: {found}")),
        Ok,
    )
}

pub(crate) fn text<'v>(value: &'v Value, name: &str) -> Checked<&'v str> {
    let found = field(value, name)?;
    let text = found.as_str();
    text.map_or_else(|| failed(format!("`{name}` is no text: {found}")), Ok)
}

pub(crate) fn flag(value: &Value, name: &str) -> Checked<bool> {
    let found = field(value, name)?;
    let flag = found.as_bool();
    flag.map_or_else(
        || failed(format!("`{name}` is neither true nor false: {found}")),
        Ok,
    )
}

pub(crate) fn list<'v>(value: &'v Value, name: &str) -> Checked<&'v Vec<Value>> {
    let found = field(value, name)?;
    let list = found.as_array();
    list.map_or_else(|| failed(format!("`{name}` is no list: {found}")), Ok)
}

/// Returns a hash: `0x` and 64 lower-case digits.
pub(crate) fn as_hash(value: &Value) -> Checked<H256> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let is_lower = |digits: &&str| !digits.bytes().any(|digit| digit.is_ascii_uppercase());
    let bytes = digits
        .filter(is_lower)
        .and_then(|one| hex::decode(one).ok());
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    match bytes {
        Some(bytes) => Ok(H256(bytes)),
        None => failed(format!(
            "expected 0x and 64 lower-case hex digits: {}",
            short(value)
        )),
    }
}

pub(crate) fn hash(value: &Value, name: &str) -> Checked<H256> {
    as_hash(field(value, name)?)
}

pub(crate) fn hashes(value: &Value, name: &str) -> Checked<Vec<H256>> {
    list(value, name)?.iter().map(as_hash).collect()
}

/// Returns bytes in padded base64.
pub(crate) fn bytes(value: &Value, name: &str) -> Checked<Vec<u8>> {
    let decoded = STANDARD.decode(text(value, name)?);
    decoded.or_else(|error| failed(format!("`{name}` is no padded base64: {error}")))
}

/// Returns a path: `siblings` and `path`.
pub(crate) fn path(value: &Value) -> Checked<MerkleProof> {
    let bits = list(value, "path")?.iter().map(Value::as_bool);
    let Some(bits) = bits.collect::<Option<Vec<_>>>() else {
        return failed("a path's turns are neither true nor false");
    };
    Ok(MerkleProof {
        siblings: hashes(value, "siblings")?,
        path: bits,
    })
}

/// Returns the answer of `/mmr_proof` as the proof that the chain reads.
pub(crate) fn mmr_proof(answer: &Value) -> Checked<MmrProof> {
    let (leaf, proof) = (field(answer, "leaf")?, field(answer, "proof")?);
    Ok(MmrProof {
        peaks: hashes(proof, "peaks")?,
        leaf: MmrLeaf {
            data_root: hash(leaf, "data_root")?,
            data_size: number(leaf, "data_size")?,
            total_size: number(leaf, "total_size")?,
        },
        leaf_proof: path(proof)?,
    })
}

/// Checks that a text equals another.
pub(crate) fn is_text(value: &Value, name: &str, expected: &str) -> Checked {
    let found = text(value, name)?;
    ensure!(found == expected, "`{name}` is {found:?}, not {expected:?}");
    Ok(())
}

/// Writes a hash as clients do.
pub(crate) fn hex0(hash: H256) -> String {
    format!("0x{}", hex::encode(hash))
}
