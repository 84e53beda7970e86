//! A proof as a file: all that a stranger needs to judge it, in JSON, with the
//! chain's own encoding in hex.

use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::hex_text::{self, to_hex};
use cairn_node_ext::Answer;
use cairn_primitives::{
    BucketId, Commitment, H256, HashingProfile, LeafCount, LeafIndex, MmrProof, Sequence,
};
use codec::{DecodeAll, Encode};
use serde::{Deserialize, Serialize};
use std::io::Read;

/// What `format` says in every proof file.
const FORMAT: &str = "cairn-proof";
/// The version of the fields below.
const VERSION: u32 = 1;
/// The most bytes of a proof file that are read. The longest answer is a chunk
/// of 2^18 bytes and some 8 KiB of hashes, twice as long in hex.
const MAX_BYTES: u64 = 1 << 20;

/// The fields of a proof file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofFile {
    format: String,
    version: u32,
    pub(crate) bucket: u64,
    pub(crate) hashing: Hashing,
    commitment: CommitmentFields,
    pub(crate) location: LocationFields,
    /// The slot that the chain means by the chunk's index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slot: Option<u64>,
    #[serde(flatten)]
    evidence: EvidenceField,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentFields {
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    scale: String,
}

/// What is proven.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocationFields {
    pub(crate) leaf_index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_index: Option<u64>,
}
