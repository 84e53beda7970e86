//! Records of content that the chain cannot verify. Only an import writes them. They
//! are kept and read, and nothing else refers to them.
//!
//! | family    | key          | value                                                |
//! |-----------|--------------|------------------------------------------------------|
//! | `default` | `f` sequence | flag of a leaf: kind of its root, its defect         |
//! | `content` | `x` hash     | a node: its defect, kind and hash of each child; or a chunk above the limit: its length |

use super::hash_key;
use cairn_primitives::chunk_tree::ShapeError;
use cairn_primitives::{H256, Sequence};

/// A defect that keeps the chain from verifying answers for a leaf's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeDefect {
    /// A chunk above the chain's limit.
    ChunkTooLong,
    /// A chunk that is not full and not the last.
    ChunkNotFull,
    /// A tree that is not padded to a power of two, or deeper than its chunks need.
    NotPadded,
    /// An empty chunk among others.
    EmptyChunk,
    /// Content whose length differs from that in the leaf.
    SizeDiffers,
}

impl std::fmt::Display for ShapeDefect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ChunkTooLong => "a chunk exceeds the chain's limit of 262144 bytes",
            Self::ChunkNotFull => "a chunk before the last is shorter than 262144 bytes",
            Self::NotPadded => "its tree is not padded as the chain requires",
            Self::EmptyChunk => "it has an empty chunk among others",
            Self::SizeDiffers => "its length differs from that in the leaf",
        })
    }
}

impl From<ShapeError> for ShapeDefect {
    fn from(error: ShapeError) -> Self {
        match error {
            ShapeError::ChunkTooLong { .. } => Self::ChunkTooLong,
            ShapeError::LeftNotFull { .. } => Self::ChunkNotFull,
            ShapeError::EmptyChunk => Self::EmptyChunk,
            ShapeError::UnequalHeight { .. } | ShapeError::TooLarge => Self::NotPadded,
        }
    }
}

impl ShapeDefect {
    const fn code(self) -> u8 {
        match self {
            Self::ChunkTooLong => 1,
            Self::ChunkNotFull => 2,
            Self::NotPadded => 3,
            Self::EmptyChunk => 4,
            Self::SizeDiffers => 5,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [
            Self::ChunkTooLong,
            Self::ChunkNotFull,
            Self::NotPadded,
            Self::EmptyChunk,
            Self::SizeDiffers,
        ];
        all.into_iter().find(|defect| defect.code() == code)
    }
}

/// The kind of record under a hash. Under the plain profile the hash does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// Padding, without a record.
    Padding,
    /// A chunk.
    Chunk,
    /// An interior node, of provable shape or not.
    Node,
}

impl NodeKind {
    const fn code(self) -> u8 {
        match self {
            Self::Padding => 0,
            Self::Chunk => 1,
            Self::Node => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Padding, Self::Chunk, Self::Node];
        all.into_iter().find(|kind| kind.code() == code)
    }
}

/// Returns the key of a leaf's flag, by its sequence.
pub fn flag_key(sequence: Sequence) -> [u8; 9] {
    let mut key = [b'f'; 9];
    key[1..].copy_from_slice(&sequence.0.to_be_bytes());
    key
}

/// Parses the leaf's sequence from the key of a flag.
pub fn parse_flag_key(key: &[u8]) -> Option<Sequence> {
    let (tag, sequence) = key.split_first()?;
    let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
    (*tag == b'f').then_some(Sequence(sequence))
}

/// Prefix of the keys of flags.
pub const FLAGS: &[u8] = b"f";

/// The flag of a leaf whose content the chain cannot verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagValue {
    /// The kind of the leaf's data root.
    pub root: NodeKind,
    /// The first defect under it.
    pub defect: ShapeDefect,
}

impl FlagValue {
    /// Encodes the record as `docs/format.md` says.
    pub fn to_bytes(self) -> [u8; 2] {
        [self.root.code(), self.defect.code()]
    }

    /// Parses the record; `None` if it does not decode.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let [root, defect] = *value else { return None };
        Some(Self {
            root: NodeKind::from_code(root)?,
            defect: ShapeDefect::from_code(defect)?,
        })
    }
}

/// Returns the key of a chunk or node that occurs in no provable tree.
pub fn nonconforming_key(hash: &H256) -> [u8; 33] {
    hash_key(b'x', hash)
}

/// Prefix of the keys of such chunks and nodes.
pub const NONCONFORMING: &[u8] = b"x";

/// A chunk or node that occurs in no provable tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonconformingValue {
    /// A chunk above the limit; its bytes are stored like those of any chunk.
    LongChunk {
        /// Its length in bytes.
        length: u64,
    },
    /// A node, with a defect under it and the kinds of its children.
    Node {
        /// The first defect under it.
        defect: ShapeDefect,
        /// The left child.
        left: Child,
        /// The right child.
        right: Child,
    },
}

/// A child of such a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Child {
    /// Padding, a chunk or a node.
    pub kind: NodeKind,
    /// Its hash.
    pub hash: H256,
}

impl NonconformingValue {
    /// Encodes the record as `docs/format.md` says.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::LongChunk { length } => length.to_be_bytes().to_vec(),
            Self::Node {
                defect,
                left,
                right,
            } => {
                let mut value = vec![defect.code()];
                for child in [left, right] {
                    value.push(child.kind.code());
                    value.extend(child.hash.0);
                }
                value
            }
        }
    }

    /// Parses the record; `None` if it does not decode.
    pub fn parse(value: &[u8]) -> Option<Self> {
        if let Ok(length) = value.try_into() {
            let length = u64::from_be_bytes(length);
            return Some(Self::LongChunk { length });
        }
        let (defect, children) = value.split_first()?;
        let (left, right) = children.split_at_checked(33)?;
        let child = |bytes: &[u8]| {
            let (kind, hash) = bytes.split_first()?;
            Some(Child {
                kind: NodeKind::from_code(*kind)?,
                hash: H256(<[u8; 32]>::try_from(hash).ok()?),
            })
        };
        Some(Self::Node {
            defect: ShapeDefect::from_code(*defect)?,
            left: child(left)?,
            right: child(right)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_match_the_documented_format() {
        let key = flag_key(Sequence(258));
        assert_eq!(hex::encode(key), "660000000000000102");
        assert_eq!(parse_flag_key(&key), Some(Sequence(258)));
        let flag = FlagValue {
            root: NodeKind::Node,
            defect: ShapeDefect::NotPadded,
        };
        assert_eq!(flag.to_bytes(), [2, 3]);
        let child = |kind, byte| Child {
            kind,
            hash: H256::repeat_byte(byte),
        };
        let node = NonconformingValue::Node {
            defect: ShapeDefect::EmptyChunk,
            left: child(NodeKind::Chunk, 0xaa),
            right: child(NodeKind::Padding, 0),
        };
        let expected = format!("0401{}00{}", "aa".repeat(32), "00".repeat(32));
        assert_eq!(hex::encode(node.to_bytes()), expected);
        let long = NonconformingValue::LongChunk { length: 262_145 };
        assert_eq!(hex::encode(long.to_bytes()), "0000000000040001");
        let key = nonconforming_key(&H256::repeat_byte(0xaa));
        assert_eq!(hex::encode(key), format!("78{}", "aa".repeat(32)));
        assert!(key.starts_with(NONCONFORMING) && flag_key(Sequence(0)).starts_with(FLAGS));
    }

    proptest! {
        #[test]
        fn decode_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            if let Some(value) = NonconformingValue::parse(&bytes) {
                prop_assert_eq!(value.to_bytes(), bytes.clone());
            }
            if let Some(value) = FlagValue::parse(&bytes) {
                prop_assert_eq!(&value.to_bytes()[..], &bytes[..]);
            }
        }

        #[test]
        fn a_node_round_trips(kinds in (0u8..3, 0u8..3), hashes: ([u8; 32], [u8; 32])) {
            let child = |kind, hash| Child {
                kind: NodeKind::from_code(kind).unwrap(),
                hash: H256(hash),
            };
            let node = NonconformingValue::Node {
                defect: ShapeDefect::SizeDiffers,
                left: child(kinds.0, hashes.0),
                right: child(kinds.1, hashes.1),
            };
            prop_assert_eq!(NonconformingValue::parse(&node.to_bytes()), Some(node));
        }
    }
}
