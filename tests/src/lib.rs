//! Tests that cross the crates of Cairn, and what they share with the process
//! that some of them kill.

#![forbid(unsafe_code)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The content of the `k`-th leaf of the bucket that is committed to and
/// killed: of every size from nothing to two chunks, mostly small.
pub fn content_of_leaf(k: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(k);
    let longest = if k % 37 == 5 { 300_000 } else { 200 };
    let mut content = vec![0; random.gen_range(0..=longest)];
    random.fill(&mut content[..]);
    content
}
