//! Nodes with nothing but padding below them.
//!
//! Clients store them with the other nodes of a tree, and ask for them when they walk it. No bucket
//! keeps them, since they follow from their height.

use cairn_primitives::{H256, HashingProfile};
use std::iter::successors;

/// The levels of a chunk tree.
const LEVELS: usize = 64;

/// Returns the child that a node over padding has twice, if the hash is that of one.
pub(crate) fn child_of(hash: &H256) -> Option<H256> {
    let below = |profile: HashingProfile| {
        let above = move |child: &H256| Some(profile.node(child, child));
        let mut children = successors(Some(H256::zero()), above).take(LEVELS);
        children.find(|child| profile.node(child, child) == *hash)
    };
    below(HashingProfile::Plain).or_else(|| below(HashingProfile::Tagged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::chunk_tree::padding;

    #[test]
    fn padding_of_each_height_is_known_and_nothing_else() {
        for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
            for height in 1..47 {
                let child = child_of(&padding(profile, height));
                assert_eq!(child, Some(padding(profile, height - 1)), "{height}");
            }
        }
        assert_eq!(child_of(&H256::zero()), None);
        assert_eq!(child_of(&H256::repeat_byte(1)), None);
    }
}
