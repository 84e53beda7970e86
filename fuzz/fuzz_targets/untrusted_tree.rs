//! A client's nodes in any order and shape: every tree that is accepted is the tree that the
//! builder makes of the same chunks.
#![no_main]

use cairn_primitives::chunk_tree::{self, CHUNK_BYTES, Subtree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|steps: Vec<(u8, u8, u32)>| {
    let mut known: Vec<Subtree> = Vec::new();
    for (kind, other, number) in steps.into_iter().take(200) {
        let pick = |place: u8| known.get(usize::from(place) % known.len().max(1)).copied();
        let made = match kind % 4 {
            0 => Subtree::chunk(CHUNK_BYTES).ok(),
            1 => Subtree::chunk(number as usize % (CHUNK_BYTES + 2)).ok(),
            2 => pick(other).and_then(|left| left.join(None).ok()),
            _ => pick(other)
                .zip(pick(number as u8))
                .and_then(|(left, right)| left.join(Some(right)).ok()),
        };
        let Some(subtree) = made else { continue };
        let again = Subtree::from_parts(subtree.height(), subtree.chunks(), subtree.bytes());
        assert_eq!(again, Some(subtree), "what was made can be recorded");
        if subtree.can_be_data_root() {
            // An accepted data root is that of chunks with fixed length, so its tree
            // has the shape that the strict verifier requires.
            assert_eq!(chunk_tree::chunk_count(subtree.bytes()), subtree.chunks());
            assert_eq!(chunk_tree::depth(subtree.bytes()), subtree.height());
        }
        known.push(subtree);
    }
});
