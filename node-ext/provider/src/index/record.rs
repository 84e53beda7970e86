//! The index's record of one bucket.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use cairn_bucket::charge;
use cairn_bucket::{Bucket, BucketConfig, SignedRoot};
use cairn_engine::layout::StorageUsage;
use cairn_keys::DurableCommitment;
use cairn_primitives::{Commitment, H256, HashingProfile, Sequence};
use codec::{Decode, Encode};

/// The status of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum BucketStatus {
    /// No damage is known.
    #[codec(index = 0)]
    Sound,
    /// It failed a check, for this reason, and takes no writes (I7).
    #[codec(index = 1)]
    Quarantined(String),
    /// Its folder is missing, but it was not deleted.
    #[codec(index = 2)]
    Lost,
}

/// A bucket's record, readable without opening the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRecord {
    /// The configuration that it was created with.
    pub config: BucketConfig,
    /// Its newest commitment when this was recorded, which need not be signed.
    pub commitment: Commitment,
    /// The commitment's peaks, left to right.
    pub peaks: Vec<H256>,
    /// The sum of `data_size` over all leaves ever committed, in bytes.
    pub total_size: u64,
    /// The size of its content.
    pub usage: StorageUsage,
    /// The last commitment that was signed.
    pub signed: Option<SignedRoot>,
    /// Its status.
    pub status: BucketStatus,
    /// The fingerprint of its files when this was recorded and the bucket was closed;
    /// `None` while it is open, or if its content is not fully recorded.
    pub(crate) fingerprint: Option<u64>,
    /// The number of leaves of its current tree whose proofs the chain cannot verify;
    /// `None` if not counted.
    pub(crate) flagged: Option<u64>,
}

impl BucketRecord {
    /// Makes the record of an open bucket from its state and its earlier record.
    pub(crate) fn from_bucket(bucket: &Bucket, before: Option<&Self>) -> Self {
        // Read together, so that the peaks match the commitment.
        let (commitment, peaks, total_size) = bucket.newest_state();
        let last_signed = bucket.last_signed_root();
        Self {
            config: bucket.config(),
            commitment,
            peaks,
            total_size,
            usage: bucket.usage(),
            signed: SignedRoot::most_advanced(before.and_then(|before| before.signed), last_signed),
            status: match before.map(|before| &before.status) {
                Some(BucketStatus::Quarantined(reason)) => {
                    BucketStatus::Quarantined(reason.clone())
                }
                // Its folder is back.
                Some(BucketStatus::Sound | BucketStatus::Lost) | None => BucketStatus::Sound,
            },
            fingerprint: None,
            flagged: bucket.flagged_leaf_count().ok(),
        }
    }

    /// Returns the bytes that the bucket is charged, without its retired trees; see
    /// [`Bucket::charged_bytes`].
    pub fn charged_bytes(&self) -> u64 {
        let leaves = charge::of_leaves(self.commitment.leaf_count.get());
        charge::of_content(self.usage).saturating_add(leaves)
    }

    /// Returns the number of leaves of its current tree that were imported in a shape
    /// which the chain cannot verify; `None` if not counted.
    pub fn unprovable_leaves(&self) -> Option<u64> {
        self.flagged
    }

    /// Returns its newest commitment if that was signed here before and so is recorded
    /// durably.
    pub(crate) fn signed_newest(&self) -> Option<DurableCommitment> {
        let signed_root = self.signed?;
        let is_newest = signed_root.commitment == self.commitment;
        signed_root.signed_here().filter(|_| is_newest)
    }

    /// Returns true if nothing of the bucket could be read: only the status is known.
    pub fn is_blank(&self) -> bool {
        *self == Self::unknown(self.status.clone())
    }

    /// Makes the record of a bucket of which nothing could be read.
    pub(crate) fn unknown(status: BucketStatus) -> Self {
        Self {
            config: BucketConfig::default(),
            commitment: Commitment {
                mmr_root: H256::zero(),
                start_seq: Sequence(0),
                leaf_count: Default::default(),
            },
            peaks: Vec::new(),
            total_size: 0,
            usage: StorageUsage::default(),
            signed: None,
            status,
            fingerprint: None,
            flagged: None,
        }
    }
}

/// The fields of the record in SCALE order. The number of flagged leaves, a `u64`,
/// follows them if it was counted; earlier versions did not count it.
type Fields = (
    (HashingProfile, u64),
    (Commitment, Vec<H256>, u64),
    StorageUsage,
    Option<(Commitment, u64)>,
    BucketStatus,
    Option<u64>,
);

impl Encode for BucketRecord {
    fn encode_to<O: codec::Output + ?Sized>(&self, output: &mut O) {
        let signed = self
            .signed
            .map(|signed_root| (signed_root.commitment, signed_root.signed_ms));
        (self.config.profile, self.config.max_bytes).encode_to(output);
        (self.commitment, &self.peaks, self.total_size).encode_to(output);
        (self.usage, signed, &self.status, self.fingerprint).encode_to(output);
        if let Some(flagged) = self.flagged {
            flagged.encode_to(output);
        }
    }
}

impl Decode for BucketRecord {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        let (config, newest, usage, signed, status, files) = Fields::decode(input)?;
        let flagged = match input.remaining_len()? {
            Some(0) => None,
            _ => Some(u64::decode(input)?),
        };
        let (profile, max_bytes) = config;
        let (commitment, peaks, total_size) = newest;
        Ok(Self {
            config: BucketConfig { profile, max_bytes },
            commitment,
            peaks,
            total_size,
            usage,
            signed: signed.map(|(commitment, signed_ms)| SignedRoot {
                commitment,
                signed_ms,
            }),
            status,
            fingerprint: files,
            flagged,
        })
    }
}
