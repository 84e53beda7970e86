//! What the index says of one bucket.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use crate::bucket::{Bucket, BucketConfig, Promise, charge};
use crate::layout::Usage;
use crate::signing::DurableCommitment;
use cairn_primitives::{Commitment, H256, HashingProfile};
use codec::{Decode, Encode};

/// How a bucket stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    /// As far as is known, all is well.
    #[codec(index = 0)]
    Sound,
    /// It failed a check, for this reason, and takes no more writes (I7).
    #[codec(index = 1)]
    Quarantined(String),
    /// Its folder is gone, and nobody has deleted it.
    #[codec(index = 2)]
    Lost,
}

/// What is known of a bucket without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRecord {
    /// What it was made with.
    pub config: BucketConfig,
    /// Its newest commitment when this was noted, which need not be signed.
    pub commitment: Commitment,
    /// The commitment's peaks, left to right.
    pub peaks: Vec<H256>,
    /// `data_size` summed over all leaves that were ever committed, in bytes.
    pub total_size: u64,
    /// What its content takes.
    pub usage: Usage,
    /// The last commitment that was signed.
    pub signed: Option<Promise>,
    /// How it stands.
    pub standing: Standing,
    /// What its files were when this was noted and the bucket was closed; none
    /// while it is open, or not all of it is noted.
    pub(crate) files: Option<u64>,
    /// Leaves of its current tree that the chain cannot verify answers for; none
    /// where they have not been counted.
    pub(crate) flagged: Option<u64>,
}

impl BucketRecord {
    /// What an open bucket says of itself.
    pub(crate) fn of(bucket: &Bucket, before: Option<&Self>) -> Self {
        // The commitment and the peaks are of one moment.
        let (commitment, peaks, total_size) = bucket.newest();
        let promised = bucket.last_promised();
        Self {
            config: bucket.config(),
            commitment,
            peaks,
            total_size,
            usage: bucket.usage(),
            signed: Promise::greater(before.and_then(|before| before.signed), promised),
            standing: match before.map(|before| &before.standing) {
                Some(Standing::Quarantined(reason)) => Standing::Quarantined(reason.clone()),
                // Its folder is back.
                Some(Standing::Sound | Standing::Lost) | None => Standing::Sound,
            },
            files: None,
            flagged: bucket.flagged_leaves().ok(),
        }
    }

    /// Bytes that the bucket is charged, but for what its retired trees take; see
    /// [`Bucket::charged_bytes`].
    pub fn charged_bytes(&self) -> u64 {
        let leaves = charge::of_leaves(self.commitment.leaf_count.get());
        charge::of_content(self.usage).saturating_add(leaves)
    }

    /// Leaves of its current tree that came with an import, in a shape that the
    /// chain cannot verify; none where they have not been counted.
    pub fn unprovable_leaves(&self) -> Option<u64> {
        self.flagged
    }

    /// Its newest commitment, where that was signed here before, so that its
    /// promise is durable.
    pub(crate) fn promised_newest(&self) -> Option<DurableCommitment> {
        let promise = self.signed?;
        let is_newest = promise.commitment == self.commitment;
        promise.made_here().filter(|_| is_newest)
    }

    /// A bucket of which nothing could be read.
    pub(crate) fn unknown(standing: Standing) -> Self {
        Self {
            config: BucketConfig::default(),
            commitment: Commitment {
                mmr_root: H256::zero(),
                start_seq: 0.into(),
                leaf_count: Default::default(),
            },
            peaks: Vec::new(),
            total_size: 0,
            usage: Usage::default(),
            signed: None,
            standing,
            files: None,
            flagged: None,
        }
    }
}

/// The record as it is written: SCALE, in the order of the fields. Behind them is
/// how many leaves are flagged, a `u64`, where they have been counted: earlier
/// versions did not.
type Fields = (
    (HashingProfile, u64),
    (Commitment, Vec<H256>, u64),
    Usage,
    Option<(Commitment, u64)>,
    Standing,
    Option<u64>,
);

impl Encode for BucketRecord {
    fn encode_to<O: codec::Output + ?Sized>(&self, output: &mut O) {
        let signed = self
            .signed
            .map(|promise| (promise.commitment, promise.signed_ms));
        (self.config.profile, self.config.max_bytes).encode_to(output);
        (self.commitment, &self.peaks, self.total_size).encode_to(output);
        (self.usage, signed, &self.standing, self.files).encode_to(output);
        if let Some(flagged) = self.flagged {
            flagged.encode_to(output);
        }
    }
}

impl Decode for BucketRecord {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        let (config, newest, usage, signed, standing, files) = Fields::decode(input)?;
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
            signed: signed.map(|(commitment, signed_ms)| Promise {
                commitment,
                signed_ms,
            }),
            standing,
            files,
            flagged,
        })
    }
}
