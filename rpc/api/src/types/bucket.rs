//! A bucket and its commitments.

use super::U64OrHex;
use crate::bytes::Bytes;
use cairn_primitives::{
    Commitment, H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Sequence, chunk_tree,
};
use serde::{Deserialize, Serialize};

/// A commitment in readable form. The signed bytes are in `payload` of `SignedCommitmentInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CommitmentInfo {
    /// The root of the MMR.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub mmr_root: H256,
    /// The sequence of the tree's first leaf.
    pub start_seq: U64OrHex,
    /// The number of leaves under the root.
    pub leaf_count: U64OrHex,
}

impl From<Commitment> for CommitmentInfo {
    fn from(commitment: Commitment) -> Self {
        Self {
            mmr_root: commitment.mmr_root,
            start_seq: U64OrHex(commitment.start_seq.0),
            leaf_count: U64OrHex(commitment.leaf_count.get()),
        }
    }
}

impl CommitmentInfo {
    /// Returns the commitment, or `None` for a leaf count above 2^62, which no tree has.
    pub fn commitment(&self) -> Option<Commitment> {
        Some(Commitment {
            mmr_root: self.mmr_root,
            start_seq: Sequence(self.start_seq.0),
            leaf_count: LeafCount::new(self.leaf_count.0)?,
        })
    }
}

/// A bucket's hashing profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Hashing {
    /// As the deployed pallet verifies.
    Plain,
    /// With a prefix for leaves, nodes and bagging.
    Tagged,
}

impl From<HashingProfile> for Hashing {
    fn from(profile: HashingProfile) -> Self {
        match profile {
            HashingProfile::Plain => Self::Plain,
            HashingProfile::Tagged => Self::Tagged,
        }
    }
}

impl From<Hashing> for HashingProfile {
    fn from(hashing: Hashing) -> Self {
        match hashing {
            Hashing::Plain => Self::Plain,
            Hashing::Tagged => Self::Tagged,
        }
    }
}

/// The status of a bucket. Details of a failed check are for the operator only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum BucketStatusInfo {
    /// No damage is known.
    Sound,
    /// The bucket has failed a check. It can be read and proven, and takes no writes.
    Quarantined,
    /// The bucket's folder is gone.
    Lost,
    /// The provider has not read the bucket since its start. The fields show what was recorded
    /// before, if anything was. `cairnBucket_v1_info` opens the bucket.
    Learning,
}

/// A commitment that was signed, with the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SignedInfo {
    /// The signed commitment.
    pub commitment: CommitmentInfo,
    /// When it was signed, in milliseconds since the Unix epoch.
    pub signed_ms: U64OrHex,
}

/// A commitment of a bucket that was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CommitmentEvent {
    /// The bucket.
    pub bucket: U64OrHex,
    /// The signed commitment.
    pub commitment: CommitmentInfo,
    /// When it was signed, in milliseconds since the Unix epoch.
    pub signed_ms: U64OrHex,
}

/// A bucket's state, settings and usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketInfo {
    /// The bucket's id on chain.
    pub bucket: U64OrHex,
    /// The bucket's status.
    pub standing: BucketStatusInfo,
    /// The bucket's hashing profile.
    pub hashing: Hashing,
    /// The newest commitment, which need not be signed.
    pub commitment: CommitmentInfo,
    /// The last signed commitment. Its time is 0 where an import brought the commitment along,
    /// which others may have signed, or nobody.
    pub signed: Option<SignedInfo>,
    /// The reason why nothing is signed for a sound bucket, if so.
    pub not_signed: Option<String>,
    /// The number of leaves that the chain cannot verify answers for, which an import brought
    /// along. Null where they have not been counted.
    pub unprovable_leaves: Option<U64OrHex>,
    /// The sum of the sizes of all leaves that were ever committed, in bytes.
    pub total_size: U64OrHex,
    /// The bytes of content held, each chunk counted once.
    pub used_bytes: U64OrHex,
    /// The bytes charged against `maxBytes`: the content, and the records that keep content and
    /// leaves, except those of retired trees.
    #[serde(default)]
    pub charged_bytes: U64OrHex,
    /// The most bytes that the bucket may be charged.
    pub max_bytes: U64OrHex,
    /// The number of chunks held.
    pub chunks: U64OrHex,
}

/// A page of buckets, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketPage {
    /// The buckets.
    pub buckets: Vec<BucketInfo>,
    /// The value of `after` for the next page; null after the last page.
    pub next: Option<U64OrHex>,
}

/// A commitment with the provider's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SignedCommitmentInfo {
    /// The bucket.
    pub bucket: U64OrHex,
    /// The signed commitment.
    pub commitment: CommitmentInfo,
    /// The signed bytes: the `CommitmentPayload` in SCALE.
    pub payload: Bytes,
    /// The sr25519 public key of the signer.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub signer: H256,
    /// A `MultiSignature` in SCALE.
    pub signature: Bytes,
}

/// A state's commitment with its peaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PeaksInfo {
    /// The state.
    pub commitment: CommitmentInfo,
    /// Its peaks, left to right.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::hex_schema::HexHash>"))]
    pub peaks: Vec<H256>,
    /// The root that the same peaks have in `pallet-mmr`, which differs from the signed one. Null
    /// for a bucket with tagged hashing.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::hex_schema::HexHash>")
    )]
    pub pallet_mmr_root: Option<H256>,
}

/// A leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LeafInfo {
    /// Its index in the tree.
    pub leaf_index: U64OrHex,
    /// Its sequence, which a prune does not change.
    pub sequence: U64OrHex,
    /// The root of its content's chunk tree.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub data_root: H256,
    /// The length of its content, in bytes.
    pub data_size: U64OrHex,
    /// The sum of `dataSize` over this leaf and all before it in the bucket's life.
    pub total_size: U64OrHex,
    /// The number of chunks of its content.
    pub chunks: U64OrHex,
}

impl LeafInfo {
    /// Describes a leaf by its index in the tree and its sequence.
    pub fn new(index: LeafIndex, sequence: Sequence, leaf: &MmrLeaf) -> Self {
        Self {
            leaf_index: U64OrHex(index.0),
            sequence: U64OrHex(sequence.0),
            data_root: leaf.data_root,
            data_size: U64OrHex(leaf.data_size),
            total_size: U64OrHex(leaf.total_size),
            chunks: U64OrHex(chunk_tree::chunk_count(leaf.data_size)),
        }
    }
}
