//! The JSON of a node's answers, as far as it is needed. A malformed one says nothing about the
//! chain: it counts as none.

use cairn_chain::{ChainError, ExtrinsicStatus};
use cairn_primitives::H256;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A header.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) number: String,
    pub(crate) parent_hash: H256,
}

impl Header {
    /// Returns the block's number.
    pub(crate) fn number(&self) -> Result<u32, ChainError> {
        let digits = self.number.strip_prefix("0x").unwrap_or(&self.number);
        u32::from_str_radix(digits, 16).map_err(|_| {
            ChainError::Unreachable(format!("block {} is not a number of 32 bits", self.number))
        })
    }
}

/// A runtime's version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    pub(crate) spec_name: String,
    pub(crate) spec_version: u32,
    pub(crate) transaction_version: u32,
}

/// Values of storage keys at a block.
#[derive(Deserialize)]
pub(crate) struct StorageChanges {
    pub(crate) changes: Vec<(String, Option<String>)>,
}

/// A status of an extrinsic.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Status {
    Future,
    Ready,
    Broadcast(#[expect(dead_code, reason = "peers do not matter")] Vec<String>),
    InBlock(H256),
    Retracted(H256),
    FinalityTimeout(#[expect(dead_code, reason = "its block may become final")] H256),
    Finalized(H256),
    Usurped(H256),
    Dropped,
    Invalid,
}

/// The meaning of a status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It has no meaning here.
    Ignored,
    /// No more statuses will follow, and it says nothing about the extrinsic.
    End,
    Status(ExtrinsicStatus),
}

impl Status {
    pub(crate) fn meaning(self) -> Meaning {
        let gone = |why: &str| Meaning::Status(ExtrinsicStatus::Dropped(why.to_owned()));
        match self {
            Self::Future | Self::Ready | Self::Broadcast(_) => Meaning::Ignored,
            Self::InBlock(block) => Meaning::Status(ExtrinsicStatus::InBlock(block)),
            Self::Retracted(block) => Meaning::Status(ExtrinsicStatus::Retracted(block)),
            Self::Finalized(block) => Meaning::Status(ExtrinsicStatus::Finalized(block)),
            // It is in a block, but the pool has stopped waiting for finality.
            Self::FinalityTimeout(_) => Meaning::End,
            Self::Usurped(by) => gone(&format!("extrinsic {by:?} replaced it")),
            Self::Dropped => gone("the pool was full and dropped it"),
            Self::Invalid => gone("it is no longer valid"),
        }
    }
}

/// Reads an answer.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ChainError> {
    serde_json::from_value(value).map_err(|error| {
        ChainError::Unreachable(format!("the node's response has another form: {error}"))
    })
}

/// Reads bytes in hex.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, ChainError> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|error| {
        ChainError::Unreachable(format!("the node's response is not hex: {error}"))
    })
}

/// Writes bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> Value {
    Value::String(format!("0x{}", hex::encode(bytes)))
}
