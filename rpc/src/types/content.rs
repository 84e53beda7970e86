//! Content on its way in and out, and what changes a bucket.

use super::{CommitmentInfo, Hashing, SignedCommitmentInfo, Uint};
use cairn_primitives::H256;
use serde::{Deserialize, Serialize};
use sp_core::Bytes;
use std::path::PathBuf;

/// What a bucket holds under a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeContent {
    /// A chunk's bytes.
    Chunk(Bytes),
    /// An interior node's children, left and right.
    Node([H256; 2]),
}

/// Content by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedNodes {
    /// What was found, each beside the hash that was asked for.
    pub nodes: Vec<(H256, NodeContent)>,
    /// Hashes that the bucket does not hold.
    pub missing: Vec<H256>,
    /// Hashes to ask for again: what they name did not fit into this answer.
    pub rest: Vec<H256>,
}

/// What a bucket is made with; what is left out is as for a bucket of the
/// deployed pallet without a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBucket {
    /// How it hashes, for its whole life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashing: Option<Hashing>,
    /// Bytes of content that it may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Uint>,
}

/// Content that is to become a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeafToCommit {
    /// Root of its chunk tree.
    pub data_root: H256,
    /// Its length, in bytes.
    pub data_size: Uint,
}

/// What a commit came to: durable, and signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommittedInfo {
    /// Index of the first of the new leaves.
    pub first_leaf: Uint,
    /// The bucket right after them.
    pub signed: SignedCommitmentInfo,
}

/// What an admin signs to have leaves deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionInfo {
    /// The tree that there would be.
    pub commitment: CommitmentInfo,
    /// The `CommitmentPayload` of the deletion in SCALE, to be signed as it is.
    pub payload: Bytes,
}

/// An admin's authorisation of a prune.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PruneAuthorisation {
    /// The admin's account.
    pub admin: H256,
    /// Their `MultiSignature` in SCALE over the deletion's payload.
    pub signature: Bytes,
    /// Leaves of the new tree when that payload was given.
    pub leaf_count: Uint,
}

/// What a prune came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedInfo {
    /// The tree that it ended. It stays provable until the chain lets it go.
    pub retired: CommitmentInfo,
    /// The tree that took its place.
    pub commitment: CommitmentInfo,
}

/// How a bucket is copied out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportForm {
    /// A folder.
    Folder,
    /// A tar archive.
    Archive,
}

/// A bucket that was copied out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportInfo {
    /// Where it is, on the provider's machine.
    pub path: PathBuf,
    /// What it is a copy of.
    pub commitment: CommitmentInfo,
    /// Its files.
    pub files: Uint,
    /// Their bytes.
    pub bytes: Uint,
}
