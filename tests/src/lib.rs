//! Code that the tests across crates share with the processes that they kill.

#![forbid(unsafe_code)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Returns the content of the `k`-th leaf of the bucket that the killed process commits to.
/// Sizes range from 0 to more than is logged, and are mostly small.
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
