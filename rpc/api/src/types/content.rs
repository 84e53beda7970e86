//! Content on its way in and out, and what changes a bucket.

use super::{CommitmentInfo, Hashing, SignedCommitmentInfo, U64OrHex};
use crate::bytes::Bytes;
use cairn_primitives::H256;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The content of a bucket under a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum NodeContent {
    /// A chunk's bytes.
    Chunk(Bytes),
    /// An interior node's children, left and right.
    Node(
        #[cfg_attr(feature = "schema", schemars(with = "[crate::hex_schema::HexHash; 2]"))]
        [H256; 2],
    ),
}

/// Chunks and interior nodes by their hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FetchedNodes {
    /// The requested hashes that were found, with their content.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Vec<(crate::hex_schema::HexHash, NodeContent)>")
    )]
    pub nodes: Vec<(H256, NodeContent)>,
    /// Hashes that the bucket does not hold.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::hex_schema::HexHash>"))]
    pub missing: Vec<H256>,
    /// Hashes to request again: their content did not fit into this answer.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::hex_schema::HexHash>"))]
    pub rest: Vec<H256>,
}

/// Settings of a new bucket. Fields that are left out have the values of a bucket of the deployed
/// pallet without a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBucket {
    /// The hashing profile, for the bucket's whole life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashing: Option<Hashing>,
    /// The most bytes that the bucket may be charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<U64OrHex>,
}

/// Content that a commit makes a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeafToCommit {
    /// The root of its chunk tree.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub data_root: H256,
    /// Its length, in bytes.
    pub data_size: U64OrHex,
}

/// The result of a commit: durable and signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CommittedInfo {
    /// The index of the first of the new leaves.
    pub first_leaf: U64OrHex,
    /// The commitment right after them.
    pub signed: SignedCommitmentInfo,
}

/// The payload of a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeletionInfo {
    /// The commitment of the tree after the deletion.
    pub commitment: CommitmentInfo,
    /// The bytes to sign: the `CommitmentPayload` of the deletion in SCALE.
    pub payload: Bytes,
}

/// An admin's authorisation of a prune.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PruneAuthorisation {
    /// The admin's account.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub admin: H256,
    /// The admin's `MultiSignature` in SCALE over the deletion's payload.
    pub signature: Bytes,
    /// The leaf count of the new tree when that payload was returned.
    pub leaf_count: U64OrHex,
}

/// The result of a prune.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PrunedInfo {
    /// The tree that ended. It stays provable until the chain no longer holds the provider to it.
    pub retired: CommitmentInfo,
    /// The new current tree.
    pub commitment: CommitmentInfo,
}

/// The form of an exported copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ExportForm {
    /// A folder.
    Folder,
    /// A tar archive.
    Archive,
}

/// An exported copy of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ExportInfo {
    /// Where it is, on the provider's machine.
    pub path: PathBuf,
    /// The state that was copied.
    pub commitment: CommitmentInfo,
    /// The number of its files.
    pub files: U64OrHex,
    /// The size of its files, in bytes.
    pub bytes: U64OrHex,
}
