//! References to a state of a bucket.

use crate::ids::{LeafCount, Sequence};
use primitive_types::H256;

/// A reference to a state of a bucket, for which a proof can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRef {
    /// The newest state.
    Newest,
    /// The current tree as of this leaf count.
    LeafCount(LeafCount),
    /// The newest root, or any root that was ever signed. Of two trees that had
    /// the same root, the newer one.
    Root(H256),
    /// A signed root of a particular tree.
    RootOf {
        /// The root.
        root: H256,
        /// The tree's `start_seq`.
        tree: Sequence,
    },
}
