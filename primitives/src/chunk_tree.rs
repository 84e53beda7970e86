//! The chunk tree: content, cut into chunks of fixed length, under one `data_root`.
//!
//! All chunks but the last are [`CHUNK_BYTES`] long. Their hashes, padded with
//! zero hashes to the next power of two, are hashed pairwise; one chunk is its
//! own root, and empty content is one empty chunk.
//!
//! A [`Subtree`] is the shape of a node: its height, chunks and bytes. Joining two shows
//! whether the node above them can be part of a tree that the chain can verify. So a tree
//! of another shape is refused at its first wrong node, and the shape of its root alone
//! shows that a whole tree is sound.

use crate::hash::HashingProfile;
use crate::ids::ChunkIndex;
use alloc::vec::Vec;
use primitive_types::H256;

/// The length of all chunks but the last, and the chain's limit for a chunk, in bytes.
pub const CHUNK_BYTES: usize = 262_144;

/// [`CHUNK_BYTES`] as sizes are counted: 2^18.
const CHUNK_SIZE: u64 = 1 << CHUNK_SHIFT;
const CHUNK_SHIFT: u32 = 18;
/// The deepest a tree can be: 2^64 - 1 bytes are 2^46 chunks.
const MAX_DEPTH: u32 = 46;

/// Returns the number of chunks of content of `data_size` bytes: at least one, at most
/// 2^46.
pub fn chunk_count(data_size: u64) -> u64 {
    data_size.div_ceil(CHUNK_SIZE).max(1)
}

/// Returns whether the tree of content of `data_size` bytes has padding slots.
///
/// Such a slot has no preimage, and chains do not bound the chunk index of a challenge: a
/// challenge of a padding slot cannot be answered.
pub fn has_padding(data_size: u64) -> bool {
    !chunk_count(data_size).is_power_of_two()
}

/// Splits content of `data_size` bytes into leaves whose trees have no padding, and
/// returns their sizes in order: powers of two of chunks, the largest first. At most 46.
pub fn split_without_padding(data_size: u64) -> impl Iterator<Item = u64> {
    let mut left = Some(data_size);
    core::iter::from_fn(move || {
        let size = left?;
        // Of the chunks that are left, as many as the highest bit says.
        let whole = chunk_count(size).checked_ilog2().unwrap_or(0);
        let whole = 1u64.checked_shl(whole).unwrap_or(u64::MAX);
        let bytes = CHUNK_SIZE.saturating_mul(whole);
        match size.checked_sub(bytes).filter(|rest| *rest > 0) {
            None => {
                left = None;
                Some(size)
            }
            rest => {
                left = rest;
                Some(bytes)
            }
        }
    })
}

/// Returns the number of levels above the chunks, log2 of the padded number of chunks. It
/// is the length of every proof within the tree.
pub fn depth(data_size: u64) -> u32 {
    depth_of(chunk_count(data_size))
}

/// Returns the number of levels above `chunks` chunks, which are at most 2^46.
fn depth_of(chunks: u64) -> u32 {
    chunks.next_power_of_two().trailing_zeros()
}

/// Returns the length of chunk `index` of content of `data_size` bytes, or `None` if there
/// is no such chunk.
pub fn chunk_len(index: ChunkIndex, data_size: u64) -> Option<usize> {
    let last = chunk_count(data_size).checked_sub(1)?;
    if index.0 < last {
        return Some(CHUNK_BYTES);
    }
    let before = last.checked_mul(CHUNK_SIZE)?;
    let rest = data_size.checked_sub(before)?;
    (index.0 == last).then(|| usize::try_from(rest).ok())?
}

/// Returns the slot that the chain reads from `index`. It uses as many low bits as the
/// tree is deep, so an index past the padded size names a slot within it.
pub fn slot(index: ChunkIndex, data_size: u64) -> ChunkIndex {
    let padded = 1u64.checked_shl(depth(data_size)).unwrap_or(u64::MAX);
    ChunkIndex(index.0 & padded.saturating_sub(1))
}

/// Returns the node of `height` with nothing but padding below it: 32 zero bytes at height
/// 0, hashed with itself once for each level.
pub fn padding(profile: HashingProfile, height: u32) -> H256 {
    (0..height).fold(H256::zero(), |below, _| profile.node(&below, &below))
}

/// The shape of a node of a chunk tree that has content below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    height: u32,
    chunks: u64,
    bytes: u64,
}

/// A reason why a node cannot be part of a tree that the chain can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The chunk is longer than the chain's limit.
    #[error("a chunk of {length} bytes is above the chain's limit of 262144")]
    ChunkTooLong {
        /// The chunk's length in bytes.
        length: usize,
    },
    /// The two children have different heights.
    #[error(
        "its left child stands {left} levels above the chunks and its right child {right}: \
         every chunk must be at the same depth"
    )]
    UnequalHeight {
        /// Height of the left child.
        left: u32,
        /// Height of the right child.
        right: u32,
    },
    /// Content follows a chunk that is not full.
    #[error(
        "its left child holds {bytes} bytes where {expected} are needed before more content may \
         follow: all chunks but the last are 262144 bytes long"
    )]
    LeftNotFull {
        /// Bytes under the left child.
        bytes: u64,
        /// Bytes under a full one.
        expected: u64,
    },
    /// There is an empty chunk in content that is not empty.
    #[error("it has an empty chunk, which only empty content may have")]
    EmptyChunk,
    /// More than 2^64 - 1 bytes.
    #[error("it has more than 2^64 - 1 bytes")]
    TooLarge,
}

impl Subtree {
    /// Creates the shape of a chunk of `length` bytes.
    ///
    /// # Errors
    ///
    /// [`ShapeError::ChunkTooLong`] above [`CHUNK_BYTES`].
    pub fn chunk(length: usize) -> Result<Self, ShapeError> {
        match u64::try_from(length) {
            Ok(bytes) if bytes <= CHUNK_SIZE => Ok(Self {
                height: 0,
                chunks: 1,
                bytes,
            }),
            _ => Err(ShapeError::ChunkTooLong { length }),
        }
    }

    /// Creates a shape from its recorded parts, or returns `None` if no tree has such a
    /// node.
    pub fn from_parts(height: u32, chunks: u64, bytes: u64) -> Option<Self> {
        let full_before = chunks.checked_sub(1)?.checked_mul(CHUNK_SIZE)?;
        let last = bytes.checked_sub(full_before)?;
        let alone = chunks == 1 && height == 0;
        let fits = height <= MAX_DEPTH
            && chunks <= 1u64.checked_shl(height)?
            && last <= CHUNK_SIZE
            && (last > 0 || alone);
        fits.then_some(Self {
            height,
            chunks,
            bytes,
        })
    }

    /// Joins `self` with its right sibling to the shape of their parent; `None` is a right
    /// sibling of nothing but padding.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if no padded tree has such a node.
    pub fn join(self, right: Option<Self>) -> Result<Self, ShapeError> {
        if self.bytes == 0 || right.is_some_and(|right| right.bytes == 0) {
            return Err(ShapeError::EmptyChunk);
        }
        let height = self.height.saturating_add(1);
        if height > MAX_DEPTH {
            return Err(ShapeError::TooLarge);
        }
        let Some(right) = right else {
            return Ok(Self { height, ..self });
        };
        if self.height != right.height {
            return Err(ShapeError::UnequalHeight {
                left: self.height,
                right: right.height,
            });
        }
        let expected =
            CHUNK_SIZE.checked_mul(1u64.checked_shl(self.height).ok_or(ShapeError::TooLarge)?);
        let expected = expected.ok_or(ShapeError::TooLarge)?;
        if self.bytes != expected {
            return Err(ShapeError::LeftNotFull {
                bytes: self.bytes,
                expected,
            });
        }
        let bytes = self
            .bytes
            .checked_add(right.bytes)
            .ok_or(ShapeError::TooLarge)?;
        Ok(Self {
            height,
            chunks: self.chunks.saturating_add(right.chunks),
            bytes,
        })
    }

    /// Returns whether the node can be a `data_root`: no higher than its chunks need.
    pub fn can_be_data_root(&self) -> bool {
        self.height == depth_of(self.chunks)
    }

    /// Returns the number of levels between the node and its chunks.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Returns the number of chunks below the node, without padding.
    pub const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Returns the number of bytes of content below the node.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A completed interior node, with its children and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InteriorNode {
    /// The node's hash.
    pub hash: H256,
    /// Its left child.
    pub left: H256,
    /// Its right child; padding where there is no more content.
    pub right: H256,
    /// Its shape.
    pub subtree: Subtree,
}

/// The result of hashing content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRoot {
    /// The `data_root`.
    pub root: H256,
    /// The size and shape.
    pub subtree: Subtree,
}

/// Builds a chunk tree from its chunks in order. Keeps one node for each level, so memory
/// does not grow with the content.
#[derive(Clone, Debug)]
pub struct TreeBuilder {
    profile: HashingProfile,
    /// Subtrees without a right sibling yet, highest first.
    waiting: Vec<(H256, Subtree)>,
}

impl TreeBuilder {
    /// Creates a builder without chunks.
    pub const fn new(profile: HashingProfile) -> Self {
        Self {
            profile,
            waiting: Vec::new(),
        }
    }

    /// Adds the next chunk by hash and length, and passes each completed interior node to
    /// `emit`, children before parents.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] for a chunk above the limit or after one that is not full; the
    /// builder must not be used after that.
    pub fn push(
        &mut self,
        hash: H256,
        length: usize,
        emit: impl FnMut(InteriorNode),
    ) -> Result<(), ShapeError> {
        self.push_subtree(hash, Subtree::chunk(length)?, emit)
    }

    /// Adds the next chunks as a subtree without padding, whose nodes are known: as many as a
    /// power of two, after a multiple of that number. Passes each completed interior node above it
    /// to `emit`, children before parents.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] for a subtree with padding or at another place, or after a chunk that is not
    /// full; the builder must not be used after that.
    pub fn push_subtree(
        &mut self,
        hash: H256,
        subtree: Subtree,
        mut emit: impl FnMut(InteriorNode),
    ) -> Result<(), ShapeError> {
        let slots = 1u64
            .checked_shl(subtree.height)
            .ok_or(ShapeError::TooLarge)?;
        if subtree.chunks != slots {
            return Err(ShapeError::LeftNotFull {
                bytes: subtree.bytes,
                expected: slots.saturating_mul(CHUNK_SIZE),
            });
        }
        if let Some((_, waiting)) = self.waiting.last()
            && waiting.height < subtree.height
        {
            return Err(ShapeError::UnequalHeight {
                left: waiting.height,
                right: subtree.height,
            });
        }
        let mut node = (hash, subtree);
        while let Some((_, waiting)) = self.waiting.last() {
            if waiting.height != node.1.height {
                break;
            }
            let Some(left) = self.waiting.pop() else {
                break;
            };
            node = join(self.profile, left, Some(node), &mut emit)?;
        }
        // A merge checks that the subtree to its left is full; a subtree that is next to a
        // higher one must be checked here.
        if let Some((_, waiting)) = self.waiting.last() {
            if subtree.bytes == 0 {
                return Err(ShapeError::EmptyChunk);
            }
            let expected = waiting.chunks.saturating_mul(CHUNK_SIZE);
            if waiting.bytes != expected {
                return Err(ShapeError::LeftNotFull {
                    bytes: waiting.bytes,
                    expected,
                });
            }
        }
        self.waiting.push(node);
        Ok(())
    }

    /// Pads the tree and returns its root, passing the remaining interior nodes to `emit`.
    /// Returns `None` if no chunk was added: empty content is one empty chunk, which the
    /// caller must add.
    pub fn finish(mut self, mut emit: impl FnMut(InteriorNode)) -> Option<ContentRoot> {
        let mut node = self.waiting.pop()?;
        while let Some((_, left)) = self.waiting.last() {
            if left.height > node.1.height {
                node = join(self.profile, node, None, &mut emit).ok()?;
            } else {
                let left = self.waiting.pop()?;
                node = join(self.profile, left, Some(node), &mut emit).ok()?;
            }
        }
        Some(ContentRoot {
            root: node.0,
            subtree: node.1,
        })
    }
}

fn join(
    profile: HashingProfile,
    (left, left_tree): (H256, Subtree),
    right: Option<(H256, Subtree)>,
    emit: &mut impl FnMut(InteriorNode),
) -> Result<(H256, Subtree), ShapeError> {
    let subtree = left_tree.join(right.map(|(_, tree)| tree))?;
    let right = right.map_or_else(|| padding(profile, left_tree.height), |(hash, _)| hash);
    let hash = profile.node(&left, &right);
    emit(InteriorNode {
        hash,
        left,
        right,
        subtree,
    });
    Ok((hash, subtree))
}

/// Hashes content that is not stored here, such as a client's upload or a file to check:
/// computes its `data_root` and size.
#[derive(Clone, Debug)]
pub struct ContentHasher {
    tree: TreeBuilder,
    profile: HashingProfile,
}

impl ContentHasher {
    /// Creates a hasher without content.
    pub const fn new(profile: HashingProfile) -> Self {
        Self {
            tree: TreeBuilder::new(profile),
            profile,
        }
    }

    /// Adds the next chunk.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] for a chunk above the limit, or after one that was not full.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ShapeError> {
        self.tree
            .push(self.profile.chunk(chunk), chunk.len(), |_| {})
    }

    /// Returns the root and size. Without any chunk, those of empty content.
    pub fn finish(self) -> ContentRoot {
        let empty = ContentRoot {
            root: self.profile.chunk(&[]),
            subtree: Subtree {
                height: 0,
                chunks: 1,
                bytes: 0,
            },
        };
        self.tree.finish(|_| {}).unwrap_or(empty)
    }
}

#[cfg(test)]
pub(crate) mod tests;
