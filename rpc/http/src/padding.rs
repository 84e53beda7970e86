//! Nodes with nothing but padding below them.
//!
//! Clients store them with the other nodes of a tree, and ask for them when they walk it. No bucket
//! keeps them, since they follow from their height.

use cairn_primitives::{H256, HashingProfile};
use std::collections::HashMap;
use std::iter::successors;
use std::sync::LazyLock;

/// The levels of a chunk tree.
const LEVELS: usize = 64;

/// The child of each node over padding, by its hash. Strangers ask for thousands of hashes in one
/// request, so that a look must cost no hashing.
static CHILDREN: LazyLock<HashMap<H256, H256>> = LazyLock::new(|| {
    let profiles = [HashingProfile::Plain, HashingProfile::Tagged];
    profiles.into_iter().flat_map(nodes).collect()
});

/// Returns the nodes over padding of a profile, each with its child.
fn nodes(profile: HashingProfile) -> impl Iterator<Item = (H256, H256)> {
    let above = move |child: &H256| Some(profile.node(child, child));
    let children = successors(Some(H256::zero()), above).take(LEVELS);
    children.map(move |child| (profile.node(&child, &child), child))
}

/// Returns the child that a node over padding has twice, if the hash is that of one.
pub(crate) fn child_of(hash: &H256) -> Option<H256> {
    CHILDREN.get(hash).copied()
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
        assert_eq!(CHILDREN.len(), 2 * LEVELS, "each node is known once");
        assert_eq!(child_of(&H256::zero()), None);
        assert_eq!(child_of(&H256::repeat_byte(1)), None);
    }
}
