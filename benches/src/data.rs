//! The content of the benchmarks: bytes from one seed, the same in every run.

use crate::Fallible;
use cairn_bucket::NewLeaf;
use cairn_primitives::chunk_tree::ContentHasher;
use cairn_primitives::{H256, HashingProfile, MmrLeaf};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Read;

/// The seed of all random values.
pub(crate) const SEED: u64 = 13_371_337;

/// The number of different contents. Leaves also differ by `total_size`, so a few contents make
/// any number of different leaves.
const PIECES: u64 = 16;

/// Returns an independent stream of random values.
pub(crate) fn random(stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    rng
}

/// Returns a random value below `bound`, which must not be 0.
pub(crate) fn random_below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    rng.next_u64().checked_rem(bound).unwrap_or(0)
}

/// Returns a random hash, which is not stored.
pub(crate) fn random_hash(rng: &mut ChaCha8Rng) -> H256 {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    H256(bytes)
}

/// Returns random bytes.
pub(crate) fn random_bytes(stream: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random(stream).fill_bytes(&mut bytes);
    bytes
}

/// Random content that is generated while it is read.
pub(crate) struct RandomContent {
    rng: ChaCha8Rng,
    left: usize,
}

impl RandomContent {
    pub(crate) fn new(stream: u64, length: usize) -> Self {
        Self {
            rng: random(stream),
            left: length,
        }
    }
}

impl Read for RandomContent {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.left);
        if let Some(part) = buffer.get_mut(..length) {
            self.rng.fill_bytes(part);
        }
        self.left = self.left.saturating_sub(length);
        Ok(length)
    }
}

/// One small content.
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) leaf: NewLeaf,
}

/// The small contents of leaves.
pub(crate) struct Pieces(Vec<Piece>);

impl Pieces {
    pub(crate) fn new() -> Fallible<Self> {
        let piece = |stream: u64| -> Fallible<Piece> {
            let bytes = random_bytes(stream, 1 << 10);
            let mut hasher = ContentHasher::new(HashingProfile::Plain);
            hasher.push(&bytes)?;
            let leaf = NewLeaf {
                data_root: hasher.finish().root,
                data_size: u64::try_from(bytes.len())?,
            };
            Ok(Piece { bytes, leaf })
        };
        (0..PIECES).map(piece).collect::<Fallible<_>>().map(Self)
    }

    pub(crate) fn all(&self) -> &[Piece] {
        &self.0
    }

    /// Returns the content of leaf `index` in every store's bucket.
    pub(crate) fn leaf(&self, index: u64) -> Fallible<NewLeaf> {
        let place = usize::try_from(index.checked_rem(PIECES).unwrap_or(0))?;
        Ok(self.0.get(place).ok_or("no content to commit")?.leaf)
    }
}

/// Returns the next leaf after a given `total_size`.
pub(crate) fn next_leaf(total_size: u64, new: NewLeaf) -> MmrLeaf {
    MmrLeaf {
        data_root: new.data_root,
        data_size: new.data_size,
        total_size: total_size.saturating_add(new.data_size),
    }
}
