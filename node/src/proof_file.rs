//! The proof file: JSON with everything that is needed to verify a proof, and the chain's
//! encoding in hex.

use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::hex_text::{self, to_hex};
use cairn_primitives::{
    Answer, BucketId, Commitment, H256, HashingProfile, LeafCount, ProvenLeaf, Sequence,
};
use codec::{DecodeAll, Encode};
use serde::{Deserialize, Serialize};
use std::io::Read;

/// The value of `format` in every proof file.
const FORMAT: &str = "cairn-proof";
/// The version of the fields below.
const VERSION: u32 = 1;
/// The maximum size of a proof file, in bytes. The longest answer is a chunk of 2^18 bytes
/// and about 8 KiB of hashes, twice as long in hex.
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
    /// The slot that the chain maps the chunk's index to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slot: Option<u64>,
    /// The full answer to a challenge: a `ChallengeResponse` in SCALE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    /// Without a chunk, the leaf's `MmrProof` in SCALE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mmr_proof: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentFields {
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    scale: String,
}

/// The leaf, or the chunk of a leaf, that is proven.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocationFields {
    pub(crate) leaf_index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_index: Option<u64>,
}

/// The evidence in a proof file, in SCALE.
#[derive(Clone, Debug)]
pub(crate) enum Evidence {
    /// A `ChallengeResponse`.
    Response(Vec<u8>),
    /// An `MmrProof`.
    Leaf(Vec<u8>),
}

impl ProofFile {
    pub(crate) fn from_answer(bucket: BucketId, answer: Answer) -> Self {
        let asked = answer.location();
        let location = LocationFields {
            leaf_index: asked.leaf_index.0,
            chunk_index: Some(asked.chunk_index.0),
        };
        let (profile, commitment) = (answer.profile(), answer.commitment());
        let slot = answer.slot();
        Self {
            slot: Some(slot.0),
            response: Some(to_hex(answer.into_response().encode())),
            ..Self::empty(bucket, profile, commitment, location)
        }
    }

    pub(crate) fn from_leaf(bucket: BucketId, leaf: &ProvenLeaf) -> Self {
        let location = LocationFields {
            leaf_index: leaf.index().0,
            chunk_index: None,
        };
        Self {
            mmr_proof: Some(to_hex(leaf.proof().encode())),
            ..Self::empty(bucket, leaf.profile(), leaf.commitment(), location)
        }
    }

    fn empty(
        bucket: BucketId,
        profile: HashingProfile,
        commitment: Commitment,
        location: LocationFields,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            bucket: bucket.0,
            hashing: profile.into(),
            commitment: CommitmentFields {
                mmr_root: to_hex(commitment.mmr_root),
                start_seq: commitment.start_seq.0,
                leaf_count: commitment.leaf_count.get(),
                scale: to_hex(commitment.encode()),
            },
            location,
            slot: None,
            response: None,
            mmr_proof: None,
        }
    }

    /// Reads a proof file; `name` names it in errors.
    pub(crate) fn read(source: impl Read, name: &str) -> Result<Self, Failure> {
        let unreadable = |reason: String| Failure::Failed(format!("cannot read {name}: {reason}"));
        let mut text = Vec::new();
        let mut bounded = source.take(MAX_BYTES.saturating_add(1));
        let read = bounded.read_to_end(&mut text);
        read.map_err(|error| unreadable(error.to_string()))?;
        if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
            return Err(unreadable(format!(
                "a proof file has at most {MAX_BYTES} bytes"
            )));
        }
        let file: Self = serde_json::from_slice(&text)
            .map_err(|error| unreadable(format!("it is not a proof file: {error}")))?;
        if file.format != FORMAT || file.version != VERSION {
            let Self {
                format, version, ..
            } = file;
            return Err(unreadable(format!(
                "it is a {format:?} of version {version}, and this program reads {FORMAT:?} of \
                 version {VERSION}"
            )));
        }
        Ok(file)
    }

    /// Returns the evidence.
    ///
    /// # Errors
    ///
    /// Fails if the file has no evidence, or evidence that does not match its location.
    pub(crate) fn evidence(&self) -> Result<Evidence, Failure> {
        let bytes = |field: &str, text: &str| {
            hex_text::from_hex(text)
                .map_err(|reason| Failure::Failed(format!("cannot read the {field}: {reason}")))
        };
        match (&self.response, &self.mmr_proof, self.location.chunk_index) {
            (Some(text), None, Some(_)) => Ok(Evidence::Response(bytes("response", text)?)),
            (None, Some(text), None) => Ok(Evidence::Leaf(bytes("mmr_proof", text)?)),
            _ => Err(Failure::Failed(
                "cannot read the proof: it needs either a chunk_index and a response, or neither \
                 and an mmr_proof"
                    .into(),
            )),
        }
    }

    /// Returns the commitment that the proof claims to be under. The inner error is a
    /// claim that contradicts itself.
    pub(crate) fn commitment(&self) -> Result<Result<Commitment, String>, Failure> {
        let fields = &self.commitment;
        let unreadable = |field: &str, reason: String| {
            Failure::Failed(format!("cannot read the commitment's {field}: {reason}"))
        };
        let mmr_root: H256 = hex_text::parse_hash(&fields.mmr_root)
            .map_err(|reason| unreadable("mmr_root", reason))?;
        let scale =
            hex_text::from_hex(&fields.scale).map_err(|reason| unreadable("scale", reason))?;
        let (Ok(encoded), Some(leaf_count)) = (
            Commitment::decode_all(&mut &scale[..]),
            LeafCount::new(fields.leaf_count),
        ) else {
            return Ok(Err("the commitment cannot be decoded".into()));
        };
        let claimed = Commitment {
            mmr_root,
            start_seq: Sequence(fields.start_seq),
            leaf_count,
        };
        Ok(if claimed == encoded {
            Ok(claimed)
        } else {
            Err(
                "the file contradicts itself: the commitment's fields differ from its encoding"
                    .into(),
            )
        })
    }

    pub(crate) fn mmr_root(&self) -> &str {
        &self.commitment.mmr_root
    }
}
