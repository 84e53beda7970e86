//! The chunk tree: content, cut at fixed places, under one `data_root`.
//!
//! All chunks but the last are [`CHUNK_BYTES`] long. Their hashes, padded with
//! zero hashes to the next power of two, are hashed pairwise; one chunk is its
//! own root, and empty content is one empty chunk.
//!
//! A [`Subtree`] is what can be known of a node without its bytes. Joining two
//! tells whether the node above them can be part of a tree that the chain can
//! verify, so that a tree of another shape is refused as soon as its first
//! wrong node arrives, and a whole tree is known to be sound by its root alone.

use crate::hash::HashingProfile;
use crate::ids::ChunkIndex;
use alloc::vec::Vec;
use primitive_types::H256;

/// The chain's limit for a chunk, in bytes, and where content is cut.
pub const CHUNK_BYTES: usize = 262_144;

/// [`CHUNK_BYTES`] as sizes are counted: 2^18.
const CHUNK_SIZE: u64 = 1 << CHUNK_SHIFT;
const CHUNK_SHIFT: u32 = 18;
/// The deepest a tree can be: 2^64 - 1 bytes are 2^46 chunks.
const MAX_DEPTH: u32 = 46;

/// The number of chunks that content of `data_size` bytes is cut into: at
/// least one, at most 2^46.
pub fn chunk_count(data_size: u64) -> u64 {
    data_size.div_ceil(CHUNK_SIZE).max(1)
}

/// Whether the tree of content of `data_size` bytes has slots that only pad it.
///
/// Such a slot has no preimage, and chains do not bound the index of a chunk that
/// they ask for: anyone who asks for one asks for what nobody can answer.
pub fn has_padding(data_size: u64) -> bool {
    !chunk_count(data_size).is_power_of_two()
}

/// The sizes of leaves that content of `data_size` bytes is cut into, in its
/// order, so that none of their trees has padding: powers of two of chunks, the
/// largest first. At most 46.
pub fn without_padding(data_size: u64) -> impl Iterator<Item = u64> {
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

/// The levels above the chunks: log2 of the padded number of chunks. The
/// length of every proof within the tree.
pub fn depth(data_size: u64) -> u32 {
    depth_of(chunk_count(data_size))
}

/// The levels above `chunks` chunks, at most 2^46.
fn depth_of(chunks: u64) -> u32 {
    chunks.next_power_of_two().trailing_zeros()
}

/// The length of chunk `index` of content of `data_size` bytes, or `None` when
/// there is no such chunk.
pub fn chunk_len(index: ChunkIndex, data_size: u64) -> Option<usize> {
    let last = chunk_count(data_size).checked_sub(1)?;
    if index.0 < last {
        return Some(CHUNK_BYTES);
    }
    let before = last.checked_mul(CHUNK_SIZE)?;
    let rest = data_size.checked_sub(before)?;
    (index.0 == last).then(|| usize::try_from(rest).ok())?
}

/// The slot that the chain means by `index`: it reads as many low bits as the
/// tree is deep, so an index past the padded size names a slot within it.
pub fn slot(index: ChunkIndex, data_size: u64) -> ChunkIndex {
    let padded = 1u64.checked_shl(depth(data_size)).unwrap_or(u64::MAX);
    ChunkIndex(index.0 & padded.saturating_sub(1))
}

/// The node of `height` under which there is nothing but padding: 32 zero bytes
/// at height 0, hashed with itself once for each level.
pub fn padding(profile: HashingProfile, height: u32) -> H256 {
    (0..height).fold(H256::zero(), |below, _| profile.node(&below, &below))
}

/// What is known of a node of a chunk tree that holds content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    height: u32,
    chunks: u64,
    bytes: u64,
}

/// Why a node cannot be part of a tree that the chain can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A chunk above the chain's limit.
    #[error("a chunk of {length} bytes is above the chain's limit of 262144")]
    ChunkTooLong {
        /// The chunk's length in bytes.
        length: usize,
    },
    /// Two children at unequal distance from the chunks.
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
    /// An empty chunk beside others, where fixed cutting would leave none.
    #[error("it holds an empty chunk, which stands alone for empty content and nowhere else")]
    EmptyChunk,
    /// More than 2^64 - 1 bytes.
    #[error("it holds more bytes than a data size can say")]
    TooLarge,
}

impl Subtree {
    /// A chunk of `length` bytes.
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

    /// A node as it was recorded; `None` unless such a node can exist.
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

    /// The node above `self` and `right`, where `None` is a right half of
    /// nothing but padding.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when no padded tree has such a node.
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

    /// Whether the node can be a `data_root`: no deeper than its chunks need.
    pub fn is_whole(&self) -> bool {
        self.height == depth_of(self.chunks)
    }

    /// Levels between the node and its chunks.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Chunks under the node, padding not counted.
    pub const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Bytes of content under the node.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// An interior node as it arises, with its children and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InteriorNode {
    /// The node's hash.
    pub hash: H256,
    /// Its left child.
    pub left: H256,
    /// Its right child; padding where there is no more content.
    pub right: H256,
    /// What stands under it.
    pub subtree: Subtree,
}

/// What content came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRoot {
    /// The `data_root`.
    pub root: H256,
    /// The size and shape.
    pub subtree: Subtree,
}

/// Builds a chunk tree from its chunks in order, holding one node for each
/// level: memory does not grow with the content.
#[derive(Clone, Debug)]
pub struct TreeBuilder {
    profile: HashingProfile,
    /// Subtrees that wait for their right sibling, highest first.
    waiting: Vec<(H256, Subtree)>,
}

impl TreeBuilder {
    /// A tree without chunks.
    pub const fn new(profile: HashingProfile) -> Self {
        Self {
            profile,
            waiting: Vec::new(),
        }
    }

    /// Adds the next chunk by hash and length, and hands each interior node
    /// that is now complete to `emit`, children before parents.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] for a chunk above the limit or after one that was not
    /// full; the builder is then of no further use.
    pub fn push(
        &mut self,
        hash: H256,
        length: usize,
        mut emit: impl FnMut(InteriorNode),
    ) -> Result<(), ShapeError> {
        let mut node = (hash, Subtree::chunk(length)?);
        while let Some((_, waiting)) = self.waiting.last() {
            if waiting.height != node.1.height {
                break;
            }
            let Some(left) = self.waiting.pop() else {
                break;
            };
            node = join(self.profile, left, Some(node), &mut emit)?;
        }
        // A merge checks that what stands left of it is full; a chunk that
        // waits beside higher subtrees must be checked as well.
        if let Some((_, waiting)) = self.waiting.last() {
            if length == 0 {
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

    /// Pads the tree and gives its root, handing the remaining interior nodes
    /// to `emit`. `None` when no chunk was added: empty content is one empty
    /// chunk, which is the caller's to add.
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

/// Hashes content that is kept elsewhere: the `data_root` and size of what a
/// client is about to upload, or of a file that an outsider checks.
#[derive(Clone, Debug)]
pub struct ContentHasher {
    tree: TreeBuilder,
    profile: HashingProfile,
}

impl ContentHasher {
    /// Content without bytes so far.
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

    /// The root and size; without any chunk, those of empty content.
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
