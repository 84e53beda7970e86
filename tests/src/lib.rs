//! Tests that cross the crates of Cairn, and what they share with the process
//! that some of them kill.

#![forbid(unsafe_code)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The content of the `k`-th leaf of the bucket that is committed to and
/// killed: of every size from nothing to more than is logged, mostly small.
pub fn content_of_leaf(k: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(k);
    let length = match k % 61 {
        7 => random.gen_range(5_000_000..9_000_000),
        20 | 40 => random.gen_range(0..600_000),
        _ => random.gen_range(0..200),
    };
    let mut content = vec![0; length];
    random.fill(&mut content[..]);
    content
}
