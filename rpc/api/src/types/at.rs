//! The parameter `at`, which names a state of a bucket.

use super::U64OrHex;
use crate::error::Error;
use cairn_primitives::{H256, LeafCount, Sequence, StateRef};
use serde::{Deserialize, Serialize};

/// A state of a bucket. Without any field, the newest one; with `root`, the one that had that
/// root, of the tree that starts at `startSeq` if that is given; with `leafCount`, the current
/// tree as of that leaf count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AtState {
    /// The newest root, or one that was signed.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::hex_schema::HexHash>")
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<H256>,
    /// The first sequence of the root's tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_seq: Option<U64OrHex>,
    /// A leaf count of the current tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_count: Option<U64OrHex>,
}

impl AtState {
    /// Returns the state that had a root.
    pub fn of_root(root: H256) -> Self {
        Self {
            root: Some(root),
            ..Self::default()
        }
    }

    /// Returns the current tree as of a leaf count.
    pub fn of_leaf_count(leaf_count: u64) -> Self {
        Self {
            leaf_count: Some(U64OrHex(leaf_count)),
            ..Self::default()
        }
    }

    /// Returns the state as the provider names it.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](crate::Code::Invalid) for fields that contradict each other, and for a
    /// leaf count above 2^62.
    pub fn state_ref(&self) -> Result<StateRef, Error> {
        let invalid = |reason| Error::invalid("at", reason);
        match (self.root, self.start_seq, self.leaf_count) {
            (None, None, None) => Ok(StateRef::Newest),
            (Some(root), None, None) => Ok(StateRef::Root(root)),
            (Some(root), Some(tree), None) => Ok(StateRef::RootOf {
                root,
                tree: Sequence(tree.0),
            }),
            (None, None, Some(count)) => LeafCount::new(count.0)
                .map(StateRef::LeafCount)
                .ok_or_else(|| invalid("no tree has more than 2^62 leaves")),
            (Some(_), _, Some(_)) => Err(invalid(
                "a root determines its leaf count: give one of the two",
            )),
            (None, Some(_), _) => Err(invalid("startSeq needs a root: give the root")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_is_named_in_one_way_only() {
        let root = H256::repeat_byte(7);
        let at = |value| {
            serde_json::from_value::<AtState>(value)
                .unwrap()
                .state_ref()
        };
        assert_eq!(at(json!({})), Ok(StateRef::Newest));
        assert_eq!(at(json!({ "root": root })), Ok(StateRef::Root(root)));
        let tree = Sequence(3);
        let given = at(json!({ "root": root, "startSeq": 3 }));
        assert_eq!(given, Ok(StateRef::RootOf { root, tree }));
        let count = LeafCount::new(5).unwrap();
        let given = at(json!({ "leafCount": "0x5" }));
        assert_eq!(given, Ok(StateRef::LeafCount(count)));
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
