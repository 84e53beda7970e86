//! The signed roots of a provider, from the output of `cairn put`.

use crate::error::DemoError;
use cairn_devnode_user::{Commitment, Location, Scheme, Signature};
use rand::Rng;
use serde::Deserialize;

/// Bytes of a full chunk.
const CHUNK: u64 = 262_144;

/// A commitment with its signature.
#[derive(Clone, Debug)]
pub(crate) struct SignedRoot {
    pub(crate) commitment: Commitment,
    pub(crate) signature: Signature,
}

/// The signed roots of one bucket at one provider, and the lengths of its leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignedRoots {
    pub(crate) signed: Vec<SignedRoot>,
    /// The lengths of the bucket's leaves, by sequence, in bytes.
    sizes: Vec<u64>,
}

#[derive(Deserialize)]
struct Line {
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    signature: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    data_size: u64,
}

impl SignedRoots {
    /// Adds the output of `cairn put --json`, one line per commit.
    pub(crate) fn add(&mut self, printed: &str) -> Result<(), DemoError> {
        let unreadable = |error: &dyn std::fmt::Display| DemoError::Unreadable(error.to_string());
        for line in printed.lines().filter(|line| line.contains("\"mmr_root\"")) {
            let line: Line = serde_json::from_str(line).map_err(|error| unreadable(&error))?;
            let bytes = |text: &str| hex::decode(text.trim_start_matches("0x"));
            let signature = bytes(&line.signature).map_err(|error| unreadable(&error))?;
            let mmr_root = bytes(&line.mmr_root).map_err(|error| unreadable(&error))?;
            let mmr_root = <[u8; 32]>::try_from(mmr_root.as_slice());
            self.sizes
                .extend(line.files.iter().map(|file| file.data_size));
            self.signed.push(SignedRoot {
                commitment: Commitment {
                    mmr_root: mmr_root.map_err(|error| unreadable(&error))?,
                    start_seq: line.start_seq,
                    leaf_count: line.leaf_count,
                },
                signature: Signature {
                    scheme: Scheme::Sr25519,
                    bytes: signature,
                },
            });
        }
        Ok(())
    }

    /// Returns the number of leaves that the bucket has had.
    pub(crate) fn leaves(&self) -> usize {
        self.sizes.len()
    }

    /// Returns the newest commitment.
    pub(crate) fn newest(&self) -> Option<&Commitment> {
        self.signed
            .last()
            .map(|signed_root| &signed_root.commitment)
    }

    /// Returns a random chunk under a commitment.
    pub(crate) fn random_location(
        &self,
        commitment: &Commitment,
        random: &mut impl Rng,
    ) -> Location {
        let leaf = random.gen_range(0..commitment.leaf_count.max(1));
        let sequence = usize::try_from(commitment.start_seq.saturating_add(leaf));
        let size = sequence.ok().and_then(|sequence| self.sizes.get(sequence));
        // Empty content is one empty chunk.
        let chunks = size.map_or(1, |size| size.div_ceil(CHUNK).max(1));
        Location {
            leaf_index: leaf,
            chunk_index: random.gen_range(0..chunks),
        }
    }

    /// Returns a random signed root.
    pub(crate) fn random_root(
        &self,
        bucket: u64,
        random: &mut impl Rng,
    ) -> Result<&SignedRoot, DemoError> {
        let place = random.gen_range(0..self.signed.len().max(1));
        self.signed
            .get(place)
            .ok_or_else(|| DemoError::Unexpected(format!("nothing was signed of bucket {bucket}")))
    }
}
