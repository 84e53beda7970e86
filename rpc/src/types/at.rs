//! Which state of a bucket is asked about.

use super::Uint;
use crate::error::Error;
use cairn_bucket::At;
use cairn_primitives::{H256, LeafCount, Sequence};
use serde::{Deserialize, Serialize};

/// A state of a bucket: without any of the fields the newest; with `root`, the
/// one that had that root, of the tree that starts at `startSeq` if that is
/// given; with `leafCount`, the current tree when it had so many leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AtState {
    /// A root that was signed, or is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<H256>,
    /// The tree of the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_seq: Option<Uint>,
    /// Leaves of the current tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_count: Option<Uint>,
}

impl AtState {
    /// The state that had a root.
    pub fn of_root(root: H256) -> Self {
        Self {
            root: Some(root),
            ..Self::default()
        }
    }

    /// The current tree at a leaf count.
    pub fn of_leaf_count(leaf_count: u64) -> Self {
        Self {
            leaf_count: Some(Uint(leaf_count)),
            ..Self::default()
        }
    }

    /// What a bucket is asked for.
    pub(crate) fn at(&self) -> Result<At, Error> {
        let invalid = |reason| Error::invalid("at", reason);
        match (self.root, self.start_seq, self.leaf_count) {
            (None, None, None) => Ok(At::Newest),
            (Some(root), None, None) => Ok(At::Root(root)),
            (Some(root), Some(tree), None) => Ok(At::RootOf {
                root,
                tree: Sequence(tree.0),
            }),
            (None, None, Some(count)) => LeafCount::new(count.0)
                .map(At::LeafCount)
                .ok_or_else(|| invalid("no tree has more than 2^62 leaves")),
            (Some(_), _, Some(_)) => Err(invalid("a root names its leaf count: give one of them")),
            (None, Some(_), _) => Err(invalid(
                "startSeq tells which tree's root is meant: give the root",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_is_named_one_way_and_no_other() {
        let root = H256::repeat_byte(7);
        let at = |value| serde_json::from_value::<AtState>(value).unwrap().at();
        assert_eq!(at(json!({})), Ok(At::Newest));
        assert_eq!(at(json!({ "root": root })), Ok(At::Root(root)));
        let tree = Sequence(3);
        let given = at(json!({ "root": root, "startSeq": 3 }));
        assert_eq!(given, Ok(At::RootOf { root, tree }));
        let count = LeafCount::new(5).unwrap();
        assert_eq!(at(json!({ "leafCount": "0x5" })), Ok(At::LeafCount(count)));
        for wrong in [
            json!({ "root": root, "leafCount": 5 }),
            json!({ "startSeq": 3 }),
            json!({ "startSeq": 3, "leafCount": 5 }),
            json!({ "leafCount": "0xffffffffffffffff" }),
        ] {
            assert!(at(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(serde_json::from_value::<AtState>(json!({ "block": 1 })).is_err());
    }
}
