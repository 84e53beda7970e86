//! Copies the content under a data root from the source into a bucket. Every hash is
//! checked, and no node is stored before its children.
//!
//! A tree is first read in the shape that its size implies: under the plain profile,
//! nothing else distinguishes a chunk of 64 bytes from a node. If that fails, it is read in
//! its stored shape. If it is then complete but not padded, it is kept and the leaf is
//! flagged. Nodes that are in the bucket already are not read again, so a tree that repeats
//! itself takes no longer than its distinct nodes.

use super::decode::{self, LegacyNode};
use super::era::LegacyEra;
use super::error::ContentFault;
use cairn_bucket::Builder;
use cairn_engine::EngineError;
use cairn_engine::layout::{Child, FlagValue, NodeKind, NonconformingValue, ShapeDefect};
use cairn_primitives::chunk_tree::{self, InteriorNode, ShapeError, Subtree, padding};
use cairn_primitives::{ChunkIndex, H256, HashingProfile, MmrLeaf, Sequence};

/// Upper bound on the levels of a tree that is not padded.
const MAX_LEVELS: u32 = 64;

/// A source of nodes.
pub(super) trait NodeSource {
    /// Returns the value stored for a hash.
    fn node(&self, hash: &H256) -> Result<Option<Vec<u8>>, EngineError>;
}

/// The reasons why a leaf's content was not copied.
pub(super) enum ContentError {
    /// The content is incomplete or wrong.
    Fault(ContentFault),
    /// The new bucket's database failed.
    Target(EngineError),
}

impl From<EngineError> for ContentError {
    fn from(error: EngineError) -> Self {
        Self::Target(error)
    }
}

impl From<ContentFault> for ContentError {
    fn from(fault: ContentFault) -> Self {
        Self::Fault(fault)
    }
}

/// The reasons why a tree cannot be read in the shape that its size implies.
enum PaddedReadError {
    /// It has another shape, or is incomplete.
    Other,
    /// The new bucket's database failed.
    Target(EngineError),
}

impl From<EngineError> for PaddedReadError {
    fn from(error: EngineError) -> Self {
        Self::Target(error)
    }
}

impl From<ContentFault> for PaddedReadError {
    /// The fault may concern a node that never existed, if a chunk was taken for a node.
    fn from(_: ContentFault) -> Self {
        Self::Other
    }
}

impl From<ShapeError> for PaddedReadError {
    fn from(_: ShapeError) -> Self {
        Self::Other
    }
}

/// A node that was read in its stored shape.
#[derive(Clone, Copy)]
enum StoredTree {
    Padding,
    Shaped { kind: NodeKind, subtree: Subtree },
    Nonconforming { kind: NodeKind, defect: ShapeDefect },
}

impl StoredTree {
    fn new(kind: NodeKind, shape: Result<Subtree, ShapeDefect>) -> Self {
        match shape {
            Ok(subtree) => Self::Shaped { kind, subtree },
            Err(defect) => Self::Nonconforming { kind, defect },
        }
    }

    const fn kind(self) -> NodeKind {
        match self {
            Self::Padding => NodeKind::Padding,
            Self::Shaped { kind, .. } | Self::Nonconforming { kind, .. } => kind,
        }
    }
}

/// The position of a node in a padded tree.
#[derive(Clone, Copy)]
struct TreePosition {
    /// Levels above the chunks.
    height: u32,
    /// The first chunk under it.
    slot: u64,
    /// Bytes of the whole content.
    data_size: u64,
}

impl TreePosition {
    /// Returns the positions of the two children; `None` for a chunk.
    fn children(self) -> Option<(Self, Self)> {
        let height = self.height.checked_sub(1)?;
        let left = Self { height, ..self };
        // Below 2^47, since no tree is deeper than 46 levels.
        let slot = self.slot | 1u64.checked_shl(height)?;
        Some((left, Self { slot, ..left }))
    }
}

/// A walk that copies content from the source into a bucket.
pub(super) struct ContentCopy<'w, N> {
    nodes: &'w N,
    era: LegacyEra,
    profile: HashingProfile,
    into: &'w mut Builder,
    /// The hashes of subtrees of padding, by height.
    padding_hashes: Vec<H256>,
}

impl<'w, N: NodeSource> ContentCopy<'w, N> {
    pub(super) fn new(nodes: &'w N, era: LegacyEra, into: &'w mut Builder) -> Self {
        let profile = era.profile();
        Self {
            nodes,
            era,
            profile,
            into,
            padding_hashes: (0..=MAX_LEVELS)
                .map(|height| padding(profile, height))
                .collect(),
        }
    }

    /// Copies a leaf's content. Returns the leaf's flag if the chain cannot verify the
    /// content.
    pub(super) fn copy_leaf(&mut self, leaf: &MmrLeaf) -> Result<Option<FlagValue>, ContentError> {
        let root = TreePosition {
            height: chunk_tree::depth(leaf.data_size),
            slot: 0,
            data_size: leaf.data_size,
        };
        match self.copy_padded(&leaf.data_root, root) {
            Ok(subtree) if subtree.can_be_data_root() && subtree.bytes() == leaf.data_size => {
                return Ok(None);
            }
            Ok(_) | Err(PaddedReadError::Other) => {}
            Err(PaddedReadError::Target(error)) => return Err(error.into()),
        }
        let found = self.copy_stored(&leaf.data_root, MAX_LEVELS)?;
        let defect = match found {
            StoredTree::Padding if leaf.data_size > 0 => {
                return Err(ContentFault::Missing(leaf.data_root).into());
            }
            StoredTree::Nonconforming { defect, .. } => defect,
            StoredTree::Shaped { subtree, .. } if subtree.bytes() != leaf.data_size => {
                ShapeDefect::SizeDiffers
            }
            // Deeper than its chunks need.
            StoredTree::Shaped { .. } | StoredTree::Padding => ShapeDefect::NotPadded,
        };
        let root = found.kind();
        Ok(Some(FlagValue { root, defect }))
    }

    /// Flags a leaf whose content was copied.
    pub(super) fn flag(&mut self, leaf: Sequence, flag: FlagValue) -> Result<(), EngineError> {
        self.into.flag(leaf, flag)
    }

    fn value(&self, hash: &H256) -> Result<Vec<u8>, ContentFault> {
        let value = self.nodes.node(hash).map_err(unreadable_fault(hash))?;
        value.ok_or(ContentFault::Missing(*hash))
    }

    fn decoded<'v>(&self, hash: &H256, value: &'v [u8]) -> Result<LegacyNode<'v>, ContentFault> {
        decode::node(self.era, value).map_err(unreadable_fault(hash))
    }

    /// Copies a node at its position in a padded tree.
    fn copy_padded(
        &mut self,
        hash: &H256,
        place: TreePosition,
    ) -> Result<Subtree, PaddedReadError> {
        let Some((left_place, right_place)) = place.children() else {
            return self.copy_padded_chunk(hash, place);
        };
        if let Some(known) = self.into.stored_interior(hash)?
            && known.height() == place.height
        {
            return Ok(known);
        }
        if hash.is_zero() {
            return Err(PaddedReadError::Other);
        }
        let value = self.value(hash)?;
        let (left, right) = match self.decoded(hash, &value)? {
            LegacyNode::Interior { left, right } => (left, right),
            LegacyNode::Chunk(bytes) => {
                let halves = bytes.split_at_checked(32);
                let halves = halves.filter(|_| self.profile == HashingProfile::Plain);
                match halves.map(|(left, right)| (left, <[u8; 32]>::try_from(right))) {
                    Some((left, Ok(right))) => (H256::from_slice(left), H256(right)),
                    _ => return Err(PaddedReadError::Other),
                }
            }
        };
        drop(value);
        check_hash(hash, self.profile.node(&left, &right))?;
        let left_tree = self.copy_padded(&left, left_place)?;
        let right_tree = if self.is_padding(&right, right_place.height) {
            None
        } else {
            Some(self.copy_padded(&right, right_place)?)
        };
        let subtree = left_tree.join(right_tree)?;
        self.into.interior(&InteriorNode {
            hash: *hash,
            left,
            right,
            subtree,
        })?;
        Ok(subtree)
    }

    fn copy_padded_chunk(
        &mut self,
        hash: &H256,
        place: TreePosition,
    ) -> Result<Subtree, PaddedReadError> {
        let expected = chunk_tree::chunk_len(ChunkIndex(place.slot), place.data_size);
        let expected = expected.ok_or(PaddedReadError::Other)?;
        if let Some(known) = self.into.stored_chunk(hash)?
            && u64::try_from(expected) == Ok(known.bytes())
        {
            return Ok(known);
        }
        if hash.is_zero() {
            return Err(PaddedReadError::Other);
        }
        let value = self.value(hash)?;
        let joined;
        let bytes = match self.decoded(hash, &value)? {
            LegacyNode::Chunk(bytes) => bytes,
            LegacyNode::Interior { left, right } if self.profile == HashingProfile::Plain => {
                joined = [left.0, right.0].concat();
                &joined
            }
            LegacyNode::Interior { .. } => return Err(PaddedReadError::Other),
        };
        // Before anything is stored: a value of the wrong length may be no chunk at
        // all.
        if bytes.len() != expected {
            return Err(PaddedReadError::Other);
        }
        let subtree = Subtree::chunk(bytes.len())?;
        check_hash(hash, self.profile.chunk(bytes))?;
        self.into.chunk(hash, bytes)?;
        Ok(subtree)
    }

    /// Copies a node in its stored shape.
    fn copy_stored(&mut self, hash: &H256, levels: u32) -> Result<StoredTree, ContentError> {
        if hash.is_zero() || self.padding_hashes.contains(hash) {
            return Ok(StoredTree::Padding);
        }
        let value = self.value(hash)?;
        let (left, right) = match self.decoded(hash, &value)? {
            LegacyNode::Chunk(bytes) => {
                check_hash(hash, self.profile.chunk(bytes))?;
                self.into.chunk(hash, bytes)?;
                let shape = Subtree::chunk(bytes.len()).map_err(ShapeDefect::from);
                return Ok(StoredTree::new(NodeKind::Chunk, shape));
            }
            LegacyNode::Interior { left, right } => (left, right),
        };
        drop(value);
        check_hash(hash, self.profile.node(&left, &right))?;
        if let Some(known) = self.into.stored_interior(hash)? {
            return Ok(StoredTree::new(NodeKind::Node, Ok(known)));
        }
        if let Some(defect) = self.into.stored_defect(hash)? {
            return Ok(StoredTree::new(NodeKind::Node, Err(defect)));
        }
        let Some(levels) = levels.checked_sub(1) else {
            return Err(ContentFault::TooDeep(*hash).into());
        };
        let found_left = self.copy_stored(&left, levels)?;
        let found_right = self.copy_stored(&right, levels)?;
        let shape = self.join_shapes(found_left, found_right, &right);
        match shape {
            Ok(subtree) => self.into.interior(&InteriorNode {
                hash: *hash,
                left,
                right,
                subtree,
            })?,
            Err(defect) => {
                let child = |found: StoredTree, hash| Child {
                    kind: found.kind(),
                    hash,
                };
                let node = NonconformingValue::Node {
                    defect,
                    left: child(found_left, left),
                    right: child(found_right, right),
                };
                self.into.nonconforming(hash, node)?;
            }
        }
        Ok(StoredTree::new(NodeKind::Node, shape))
    }

    /// Returns the shape of a node over two children, if a padded tree can have such a node.
    fn join_shapes(
        &self,
        left: StoredTree,
        right: StoredTree,
        right_hash: &H256,
    ) -> Result<Subtree, ShapeDefect> {
        let joined = match (left, right) {
            (StoredTree::Nonconforming { defect, .. }, _)
            | (_, StoredTree::Nonconforming { defect, .. }) => return Err(defect),
            (StoredTree::Shaped { subtree, .. }, StoredTree::Padding)
                if self.is_padding(right_hash, subtree.height()) =>
            {
                subtree.join(None)
            }
            (_, StoredTree::Padding) | (StoredTree::Padding, _) => {
                return Err(ShapeDefect::NotPadded);
            }
            (StoredTree::Shaped { subtree, .. }, StoredTree::Shaped { subtree: right, .. }) => {
                subtree.join(Some(right))
            }
        };
        joined.map_err(ShapeDefect::from)
    }

    fn is_padding(&self, hash: &H256, height: u32) -> bool {
        let height = usize::try_from(height).unwrap_or(usize::MAX);
        self.padding_hashes.get(height) == Some(hash)
    }
}

fn check_hash(hash: &H256, found: H256) -> Result<(), ContentFault> {
    if found == *hash {
        Ok(())
    } else {
        Err(ContentFault::WrongHash(*hash))
    }
}

fn unreadable_fault<E: std::fmt::Display>(hash: &H256) -> impl Fn(E) -> ContentFault {
    let hash = *hash;
    move |error| ContentFault::Unreadable {
        hash,
        reason: error.to_string(),
    }
}
