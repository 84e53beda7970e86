//! A bucket and its commitments.

use super::Uint;
use cairn_bucket::Promise;
use cairn_keys::SignedCommitment;
use cairn_primitives::{
    BucketId, Commitment, H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Sequence, chunk_tree,
};
use cairn_provider::{BucketRecord, Provider, Standing};
use codec::Encode;
use serde::{Deserialize, Serialize};
use sp_core::Bytes;

/// A commitment, to be read and not to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitmentInfo {
    /// Root of the MMR.
    pub mmr_root: H256,
    /// Sequence of the tree's first leaf.
    pub start_seq: Uint,
    /// Leaves under the root.
    pub leaf_count: Uint,
}

impl From<Commitment> for CommitmentInfo {
    fn from(commitment: Commitment) -> Self {
        Self {
            mmr_root: commitment.mmr_root,
            start_seq: Uint(commitment.start_seq.0),
            leaf_count: Uint(commitment.leaf_count.get()),
        }
    }
}

impl CommitmentInfo {
    /// The commitment; `None` where no tree has so many leaves.
    pub fn commitment(&self) -> Option<Commitment> {
        Some(Commitment {
            mmr_root: self.mmr_root,
            start_seq: Sequence(self.start_seq.0),
            leaf_count: LeafCount::new(self.leaf_count.0)?,
        })
    }
}

/// How a bucket hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// How a bucket stands. What it has failed is told to the operator alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BucketStanding {
    /// As far as is known, all is well.
    Sound,
    /// It has failed a check: it is read and proven, and takes nothing more.
    Quarantined,
    /// Its folder is gone.
    Lost,
    /// It is still to be looked at since the provider's start: what is said of it is
    /// what was noted before, if anything was. `bucket_info` opens it.
    Learning,
}

/// A commitment that was signed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedInfo {
    /// What was signed.
    pub commitment: CommitmentInfo,
    /// When, in milliseconds since the Unix epoch.
    pub signed_ms: Uint,
}

/// A commitment of a bucket that was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitmentNews {
    /// The bucket.
    pub bucket: Uint,
    /// What was signed.
    pub commitment: CommitmentInfo,
    /// When, in milliseconds since the Unix epoch.
    pub signed_ms: Uint,
}

impl CommitmentNews {
    pub(crate) fn new(bucket: BucketId, promise: &Promise) -> Self {
        Self {
            bucket: Uint(bucket.0),
            commitment: promise.commitment.into(),
            signed_ms: Uint(promise.signed_ms),
        }
    }
}

/// What is known of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketInfo {
    /// Its id on chain.
    pub bucket: Uint,
    /// How it stands.
    pub standing: BucketStanding,
    /// How it hashes.
    pub hashing: Hashing,
    /// Its newest commitment, which need not be signed.
    pub commitment: CommitmentInfo,
    /// The last commitment that was signed; at the time 0, by others or not at all,
    /// as an import brought it along.
    pub signed: Option<SignedInfo>,
    /// Why nothing is signed for it, where it is sound and that is so.
    pub not_signed: Option<String>,
    /// Leaves of its tree that the chain cannot verify answers for, as an import
    /// brought them along; none where they have not been counted.
    pub unprovable_leaves: Option<Uint>,
    /// Sizes of all leaves that were ever committed, summed, in bytes.
    pub total_size: Uint,
    /// Bytes of content that it holds, each chunk counted once.
    pub used_bytes: Uint,
    /// Bytes that it is charged, of those that it may be: its content and the
    /// records that keep content and leaves, but for those of retired trees.
    #[serde(default)]
    pub charged_bytes: Uint,
    /// Bytes that it may be charged.
    pub max_bytes: Uint,
    /// Chunks that it holds.
    pub chunks: Uint,
}

impl BucketInfo {
    /// What was noted of a bucket, where nobody has looked at it yet.
    pub(crate) fn learning(provider: &Provider, bucket: BucketId, record: &BucketRecord) -> Self {
        Self {
            standing: BucketStanding::Learning,
            // What decides about it is not known yet.
            not_signed: None,
            ..Self::new(provider, bucket, record)
        }
    }

    pub(crate) fn new(provider: &Provider, bucket: BucketId, record: &BucketRecord) -> Self {
        // Why a bucket is in quarantine is the operator's alone to know.
        let is_sound = record.standing == Standing::Sound;
        let refused = provider.signing_refused(bucket, record);
        Self {
            bucket: Uint(bucket.0),
            not_signed: refused
                .filter(|_| is_sound)
                .map(|refused| refused.to_string()),
            unprovable_leaves: record.unprovable_leaves().map(Uint),
            standing: match record.standing {
                Standing::Sound => BucketStanding::Sound,
                Standing::Quarantined(_) => BucketStanding::Quarantined,
                Standing::Lost => BucketStanding::Lost,
            },
            hashing: record.config.profile.into(),
            commitment: record.commitment.into(),
            signed: record.signed.map(|promise| SignedInfo {
                commitment: promise.commitment.into(),
                signed_ms: Uint(promise.signed_ms),
            }),
            total_size: Uint(record.total_size),
            used_bytes: Uint(record.usage.bytes),
            charged_bytes: Uint(record.charged_bytes()),
            max_bytes: Uint(record.config.max_bytes),
            chunks: Uint(record.usage.chunks),
        }
    }
}

/// Some of the buckets, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketPage {
    /// The buckets.
    pub buckets: Vec<BucketInfo>,
    /// What to ask for the next page with, as `after`; none after the last.
    pub next: Option<Uint>,
}

/// A commitment with the provider's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedCommitmentInfo {
    /// The bucket.
    pub bucket: Uint,
    /// What is signed.
    pub commitment: CommitmentInfo,
    /// The `CommitmentPayload` in SCALE: the very bytes that are signed.
    pub payload: Bytes,
    /// The sr25519 public key that signed.
    pub signer: H256,
    /// A `MultiSignature` in SCALE.
    pub signature: Bytes,
}

impl From<SignedCommitment> for SignedCommitmentInfo {
    fn from(signed: SignedCommitment) -> Self {
        Self {
            bucket: Uint(signed.payload.bucket_id.0),
            commitment: signed.payload.commitment.into(),
            payload: Bytes(signed.payload.encode()),
            signer: H256(signed.signer),
            signature: Bytes(signed.signature.encode()),
        }
    }
}

/// A state's commitment with its peaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeaksInfo {
    /// The state.
    pub commitment: CommitmentInfo,
    /// Its peaks, left to right.
    pub peaks: Vec<H256>,
    /// The root that the same peaks have in `pallet-mmr`, which is another than
    /// the signed one; none for a bucket that hashes tagged.
    pub pallet_mmr_root: Option<H256>,
}

/// A leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeafInfo {
    /// Its index in the tree.
    pub leaf_index: Uint,
    /// Its sequence, which a prune does not change.
    pub sequence: Uint,
    /// Root of its content's chunk tree.
    pub data_root: H256,
    /// Length of its content, in bytes.
    pub data_size: Uint,
    /// `dataSize` summed over this leaf and all before it in the bucket's life.
    pub total_size: Uint,
    /// Chunks of its content.
    pub chunks: Uint,
}

impl LeafInfo {
    pub(crate) fn new(index: LeafIndex, sequence: Sequence, leaf: &MmrLeaf) -> Self {
        Self {
            leaf_index: Uint(index.0),
            sequence: Uint(sequence.0),
            data_root: leaf.data_root,
            data_size: Uint(leaf.data_size),
            total_size: Uint(leaf.total_size),
            chunks: Uint(chunk_tree::chunk_count(leaf.data_size)),
        }
    }
}
