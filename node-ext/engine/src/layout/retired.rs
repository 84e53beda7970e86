//! Records that a prune leaves: retired trees, deletions, tombstones, and the list
//! of content that a release will remove.

use super::TreeKey;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::{H256, LeafCount, Sequence};
use codec::{Decode, Encode};

/// An admin's authorisation of a prune. A challenged provider submits it in place of
/// a proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Deletion {
    /// An admin of the bucket.
    pub admin: AccountId,
    /// The admin's signature over the payload of
    /// [`Commitment::deletion`](cairn_primitives::Commitment::deletion).
    pub signature: MultiSignature,
}

/// Prefix of the keys of retired trees.
pub const RETIRED: &[u8] = b"t";

/// Returns the key of a retired tree's record.
pub fn retired_key(tree: Sequence) -> [u8; 9] {
    let mut key = [b't'; 9];
    key[1..].copy_from_slice(&tree.0.to_be_bytes());
    key
}

/// Parses the tree from the key of a retired tree.
pub fn parse_retired_key(key: &[u8]) -> Option<Sequence> {
    let (tag, tree) = key.split_first()?;
    let tree = u64::from_be_bytes(tree.try_into().ok()?);
    (*tag == b't').then_some(Sequence(tree))
}

/// A tree that a prune retired, in SCALE.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RetiredRecord {
    /// Its leaf count and root when it was retired.
    pub count: LeafCount,
    /// Its root when it was retired.
    pub root: H256,
    /// The tree that replaced it, and that tree's root: the one that the admin signed,
    /// or otherwise the one that it had then.
    pub new_start_seq: Sequence,
    /// The root of the tree that replaced it.
    pub new_root: H256,
    /// The admin's signed deletion, if the prune had one.
    pub deletion: Option<Deletion>,
    /// Set while it is being removed; then nothing is proven from it.
    pub is_releasing: bool,
}

impl RetiredRecord {
    /// Parses the record; `None` if it does not decode.
    pub fn parse(mut value: &[u8]) -> Option<Self> {
        let record = Self::decode(&mut value).ok()?;
        value.is_empty().then_some(record)
    }
}

/// Prefix of the keys of deletions that outlive their trees.
pub const DELETIONS: &[u8] = b"a";

/// Returns the key of the deletion of all leaves before a sequence. It outlives the
/// tree that the prune retired.
pub fn deletion_key(new_start_seq: Sequence) -> [u8; 9] {
    let mut key = [b'a'; 9];
    key[1..].copy_from_slice(&new_start_seq.0.to_be_bytes());
    key
}

/// Parses the sequence from the key of a deletion.
pub fn parse_deletion_key(key: &[u8]) -> Option<Sequence> {
    let (tag, start) = key.split_first()?;
    let start = u64::from_be_bytes(start.try_into().ok()?);
    (*tag == b'a').then_some(Sequence(start))
}

/// An admin's deletion whose tree is gone, in SCALE.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeletionValue {
    /// The root that the admin signed.
    pub new_root: H256,
    /// The admin's signed deletion, if the prune had one.
    pub deletion: Deletion,
}

impl DeletionValue {
    /// Parses the record; `None` if it does not decode.
    pub fn parse(mut value: &[u8]) -> Option<Self> {
        let kept = Self::decode(&mut value).ok()?;
        value.is_empty().then_some(kept)
    }
}

/// Prefix of the keys of tombstones.
pub const TOMBSTONES: &[u8] = b"g";

/// Returns the key of a tombstone, by tree and root.
pub fn tombstone_key(tree: Sequence, root: &H256) -> [u8; 41] {
    let mut key = [b'g'; 41];
    key[1..9].copy_from_slice(&tree.0.to_be_bytes());
    key[9..].copy_from_slice(root.as_bytes());
    key
}

/// Parses the tree and root from the key of a tombstone.
pub fn parse_tombstone_key(key: &[u8]) -> Option<(Sequence, H256)> {
    let (tag, rest) = key.split_first()?;
    let (tree, root) = rest.split_at_checked(8)?;
    let tree = u64::from_be_bytes(tree.try_into().ok()?);
    let root = <[u8; 32]>::try_from(root).ok()?;
    (*tag == b'g').then_some((Sequence(tree), H256(root)))
}

/// The tombstone of a signed root: its leaf count, and when it was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TombstoneValue {
    /// Number of leaves under the root.
    pub count: LeafCount,
    /// Milliseconds since the Unix epoch.
    pub released_ms: u64,
}

impl TombstoneValue {
    /// Encodes the leaf count and the time in 8 bytes each, big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut value = [0; 16];
        value[..8].copy_from_slice(&self.count.get().to_be_bytes());
        value[8..].copy_from_slice(&self.released_ms.to_be_bytes());
        value
    }

    /// Parses the record; `None` if it does not decode.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (count, gone) = value.split_at_checked(8)?;
        Some(Self {
            count: LeafCount::new(u64::from_be_bytes(count.try_into().ok()?))?,
            released_ms: u64::from_be_bytes(gone.try_into().ok()?),
        })
    }
}

/// Returns the prefix of the keys of a tree's nodes, and the first key after them;
/// `None` for a tree that starts at the highest number.
pub fn nodes_of(tree: Sequence) -> Option<(TreeKey, TreeKey)> {
    Some((
        nodes_from(tree),
        nodes_from(Sequence(tree.0.checked_add(1)?)),
    ))
}

/// Returns the first key of any tree's nodes, and the first key after all of them.
pub fn all_nodes() -> (TreeKey, TreeKey) {
    let mut end = [0; 18];
    end[0] = b'n'.saturating_add(1);
    let end = TreeKey {
        key: end,
        length: 1,
    };
    (nodes_from(Sequence(0)), end)
}

fn nodes_from(tree: Sequence) -> TreeKey {
    let mut key = [0; 18];
    key[0] = b'n';
    key[1..9].copy_from_slice(&tree.0.to_be_bytes());
    TreeKey { key, length: 9 }
}

/// Prefix of the keys in the list of content to remove.
pub const RELEASE_LIST: &[u8] = b"d";
/// The first key after the list.
pub const RELEASE_LIST_END: &[u8] = b"e";
/// Marks the list as complete, so that the content in it may be removed.
pub const RELEASE_LIST_COMPLETE_KEY: &[u8] = b"d";

/// Returns the key in the list for a record of content at a height above the chunks.
/// The highest sort first, so that a node is removed before its children.
pub fn release_list_key(height: u8, key: &[u8; 33]) -> [u8; 35] {
    let mut listed = [b'd'; 35];
    listed[1] = u8::MAX ^ height;
    listed[2..].copy_from_slice(key);
    listed
}

/// Parses the height and key of content from a key in the list.
pub fn parse_release_list_key(listed: &[u8]) -> Option<(u8, [u8; 33])> {
    let (tag, rest) = listed.split_first()?;
    let (height, key) = rest.split_first()?;
    let key = key.try_into().ok()?;
    (*tag == b'd').then_some((u8::MAX ^ *height, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{chunk_length_key, interior_key, node_key};
    use cairn_primitives::Position;

    /// Pinned, so that a change of format does not go unnoticed.
    #[test]
    fn a_retired_record_matches_the_documented_format() {
        let deletion = Deletion {
            admin: AccountId([4; 32]),
            signature: MultiSignature::Sr25519([5; 64]),
        };
        let record = RetiredRecord {
            count: LeafCount::new(258).unwrap(),
            root: H256::repeat_byte(2),
            new_start_seq: Sequence(259),
            new_root: H256::repeat_byte(3),
            deletion: Some(deletion),
            is_releasing: true,
        };
        let expected = [
            "0201000000000000",
            &"02".repeat(32),
            "0301000000000000",
            &"03".repeat(32),
            "01",
            &"04".repeat(32),
            "01",
            &"05".repeat(64),
            "01",
        ];
        let bytes = record.encode();
        assert_eq!(hex::encode(&bytes), expected.concat());
        assert_eq!(RetiredRecord::parse(&bytes), Some(record));
        for cut in 0..bytes.len() {
            assert_eq!(RetiredRecord::parse(&bytes[..cut]), None, "{cut} bytes");
        }
        assert_eq!(RetiredRecord::parse(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(
            hex::encode(retired_key(Sequence(258))),
            "740000000000000102"
        );
        assert_eq!(
            parse_retired_key(&retired_key(Sequence(258))),
            Some(Sequence(258))
        );
    }

    #[test]
    fn a_deletion_value_matches_the_documented_format() {
        let kept = DeletionValue {
            new_root: H256::repeat_byte(3),
            deletion: Deletion {
                admin: AccountId([4; 32]),
                signature: MultiSignature::Sr25519([5; 64]),
            },
        };
        let expected = [
            &"03".repeat(32)[..],
            &"04".repeat(32),
            "01",
            &"05".repeat(64),
        ];
        let bytes = kept.encode();
        assert_eq!(hex::encode(&bytes), expected.concat());
        assert_eq!(DeletionValue::parse(&bytes), Some(kept));
        assert_eq!(DeletionValue::parse(&bytes[..bytes.len() - 1]), None);
        assert_eq!(DeletionValue::parse(&[&bytes[..], &[0]].concat()), None);
        let key = deletion_key(Sequence(258));
        assert_eq!(hex::encode(key), "610000000000000102");
        assert_eq!(parse_deletion_key(&key), Some(Sequence(258)));
        assert_eq!(parse_deletion_key(&retired_key(Sequence(258))), None);
    }

    #[test]
    fn a_trees_node_range_holds_exactly_its_nodes() {
        let (from, to) = nodes_of(Sequence(255)).unwrap();
        let holds = |tree, position| {
            let key = node_key(Sequence(tree), Position(position));
            from.as_ref() <= key.as_ref() && key.as_ref() < to.as_ref()
        };
        assert!(holds(255, 0) && holds(255, u64::MAX >> 2));
        assert!(!holds(254, u64::MAX >> 2) && !holds(256, 0));
        assert_eq!(nodes_of(Sequence(u64::MAX)), None);
    }

    #[test]
    fn the_release_list_begins_with_the_highest_nodes() {
        let hash = H256::repeat_byte(9);
        let (chunk, node) = (chunk_length_key(&hash), interior_key(&hash));
        let (low, high) = (release_list_key(0, &chunk), release_list_key(46, &node));
        assert!(high < low && low.starts_with(RELEASE_LIST) && &low[..] < RELEASE_LIST_END);
        assert!(RELEASE_LIST_COMPLETE_KEY < &high[..]);
        assert_eq!(parse_release_list_key(&high), Some((46, node)));
        assert_eq!(parse_release_list_key(RELEASE_LIST_COMPLETE_KEY), None);
    }
}
