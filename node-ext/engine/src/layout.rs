//! All names, keys and values on disk, each with its builder and its parser.
//! `docs/format.md` describes the same bytes for other implementations.
//!
//! Numbers in keys are `u64`, big-endian, so that keys sort as numbers do.

mod nonconforming;
mod objects;
mod retired;
#[cfg(test)]
mod tests;

pub use nonconforming::ShapeDefect;
pub use nonconforming::{
    Child, FLAGS, FlagValue, NONCONFORMING, NodeKind, NonconformingValue, flag_key,
    nonconforming_key, parse_flag_key,
};
pub use objects::{OBJECTS, object_key, object_prefix, parse_object_key};
pub use retired::Deletion;
pub use retired::{
    DELETIONS, DeletionValue, RELEASE_LIST, RELEASE_LIST_COMPLETE_KEY, RELEASE_LIST_END, RETIRED,
    RetiredRecord, TOMBSTONES, TombstoneValue, all_nodes, deletion_key, nodes_of,
    parse_deletion_key, parse_release_list_key, parse_retired_key, parse_tombstone_key,
    release_list_key, retired_key, tombstone_key,
};

use cairn_primitives::chunk_tree::Subtree;
use cairn_primitives::{BucketId, H256, HashingProfile, LeafCount, Position, Sequence, mmr};
use codec::{Compact, Decode, Encode, Input};

/// The format version that this file describes. A bucket of any other version is
/// rejected.
pub const FORMAT_VERSION: u32 = 1;

/// The column family of leaves, nodes, signed roots and the state.
pub const TREE_FAMILY: &str = "default";
/// The column family of chunks and interior nodes.
pub const CONTENT_FAMILY: &str = "content";

/// The folder of all buckets within the base path.
pub const BUCKETS_DIR: &str = "buckets";
/// The folder of the Global Index within the base path.
pub const INDEX_DIR: &str = "index";
/// The folder of deleted buckets within the base path.
pub const TRASH_DIR: &str = "trash";
/// The folder within the base path in which lost buckets are rebuilt, each in a folder named like
/// its own. They are kept when that is interrupted, and continued.
pub const HEALING_DIR: &str = "healing";
/// The folder of the provider's keys within the base path.
pub const KEYSTORE_DIR: &str = "keystore";
/// The folder within the base path for the positions of scrubs.
pub const SCRUB_DIR: &str = "scrub";
/// The file in [`SCRUB_DIR`] for the progress of the pass over all buckets.
pub const SCRUB_PASS_FILE: &str = "round";
/// The file within the base path that names the chain it belongs to.
pub const CHAIN_FILE: &str = "chain";
/// The file within the base path, and within [`INDEX_DIR`], that holds its own creation
/// time. A copy of it has another creation time, which reveals a copied folder.
pub const LOCATION_FILE: &str = "location";
/// The folder within the base path for the tombstones of signed roots.
pub const TOMBSTONES_DIR: &str = "tombstones";
/// The folder within the base path for the last commitments of a legacy provider, one file for each
/// bucket, named as its folder.
pub const LEGACY_COMMITMENTS_DIR: &str = "legacy-commitments";
/// The file within the base path that the process using it has locked.
pub const LOCK_FILE: &str = "LOCK";

/// Key of the bucket's state, in [`TREE_FAMILY`].
pub const STATE_KEY: &[u8] = b"s";
/// Key of the number of the last write in a bucket's journal, in [`TREE_FAMILY`]:
/// `u64`, big-endian.
pub const JOURNAL_KEY: &[u8] = b"j";
/// Chunks shorter than this, in bytes, are in tables; longer ones are in blob files.
pub const SMALL_CHUNK_BYTES: usize = 1 << 10;
/// Key of the bucket's usage, in [`CONTENT_FAMILY`].
pub const USAGE_KEY: &[u8] = b"u";

/// Returns the name of a bucket's folder: its id in 16 hex digits.
pub fn bucket_dir_name(id: BucketId) -> String {
    format!("{:016x}", id.0)
}

/// Parses the name of a bucket's folder; `None` for any other name.
pub fn parse_bucket_dir_name(name: &str) -> Option<BucketId> {
    let id = u64::from_str_radix(name, 16).map(BucketId).ok()?;
    (bucket_dir_name(id) == name).then_some(id)
}

/// Returns the name of a deleted bucket's folder. The nonce distinguishes it from
/// others that were deleted under the same id.
pub fn trash_dir_name(id: BucketId, nonce: u32) -> String {
    format!("{}-{nonce:08x}", bucket_dir_name(id))
}

/// Parses the name of a folder in the trash.
pub fn parse_trash_dir_name(name: &str) -> Option<(BucketId, u32)> {
    let (id, nonce) = name.split_once('-')?;
    let id = parse_bucket_dir_name(id)?;
    let nonce = u32::from_str_radix(nonce, 16).ok()?;
    (trash_dir_name(id, nonce) == name).then_some((id, nonce))
}

/// Suffix of the folder of a bucket that is being created.
pub const CREATING_SUFFIX: &str = ".creating";
/// Suffix of the folder of a bucket that is being imported.
pub const IMPORTING_SUFFIX: &str = ".importing";
/// Name for an imported bucket while its id is unknown.
pub const UNNAMED_BUCKET: &str = "unnamed";
/// Suffix of the folder of a bucket that is being exported.
pub const EXPORTING_SUFFIX: &str = ".exporting";

/// Suffix of the working copy of a bucket's folder during a repair.
pub const REPAIRING_SUFFIX: &str = ".repairing";

/// Returns whether an entry in the folder of buckets is unfinished work, which is
/// useless once its process has ended.
pub fn is_unfinished(name: &str) -> bool {
    let of_bucket = [
        CREATING_SUFFIX,
        IMPORTING_SUFFIX,
        EXPORTING_SUFFIX,
        REPAIRING_SUFFIX,
    ]
    .iter()
    .filter_map(|end| name.strip_suffix(end))
    .any(|bucket| parse_bucket_dir_name(bucket).is_some());
    of_bucket || name.strip_suffix(IMPORTING_SUFFIX) == Some(UNNAMED_BUCKET)
}

fn hash_key(tag: u8, hash: &H256) -> [u8; 33] {
    let mut key = [tag; 33];
    key[1..].copy_from_slice(hash.as_bytes());
    key
}

/// Returns the key of a leaf, by its sequence in the bucket.
pub fn leaf_key(sequence: Sequence) -> TreeKey {
    let mut key = [0; 18];
    key[0] = b'l';
    key[1..9].copy_from_slice(&sequence.0.to_be_bytes());
    TreeKey { key, length: 9 }
}

/// Prefix of the keys of leaves.
pub const LEAVES: &[u8] = b"l";

/// Levels of nodes that are stored together.
///
/// A proof needs one node of each level. In the order of positions, nodes of the
/// higher levels are far apart, each in a block of its own. Sorted by bands of levels,
/// the nodes of one proof are in few blocks.
const BAND_LEVELS: u32 = 6;

/// Returns the key of a node, by its tree, band and position.
pub fn node_key(tree: Sequence, position: Position) -> TreeKey {
    let band = u8::try_from(mmr::height(position) / BAND_LEVELS).unwrap_or(u8::MAX);
    let mut key = [0; 18];
    key[0] = b'n';
    key[1..9].copy_from_slice(&tree.0.to_be_bytes());
    key[9] = band;
    key[10..].copy_from_slice(&position.0.to_be_bytes());
    TreeKey { key, length: 18 }
}

/// A key of a leaf or node without a heap allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeKey {
    key: [u8; 18],
    length: usize,
}

impl AsRef<[u8]> for TreeKey {
    fn as_ref(&self) -> &[u8] {
        self.key.get(..self.length).unwrap_or(&self.key)
    }
}

/// Returns the key of a signed root. It includes the tree, since two trees may have
/// the same root: a leaf of empty content leaves `total_size` unchanged.
pub fn signed_root_key(root: &H256, tree: Sequence) -> [u8; 41] {
    let mut key = [0; 41];
    key[..33].copy_from_slice(&hash_key(b'r', root));
    key[33..].copy_from_slice(&tree.0.to_be_bytes());
    key
}

/// Returns the prefix of the keys for one root.
pub fn signed_root_prefix(root: &H256) -> [u8; 33] {
    hash_key(b'r', root)
}

/// Prefix of the keys of signed roots.
pub const SIGNED_ROOTS: &[u8] = b"r";

/// Parses the root and tree from the key of a signed root.
pub fn parse_signed_root_key(key: &[u8]) -> Option<(H256, Sequence)> {
    let (tag, rest) = key.split_first()?;
    let (root, tree) = rest.split_at_checked(32)?;
    let tree = u64::from_be_bytes(tree.try_into().ok()?);
    (*tag == b'r').then(|| (H256::from_slice(root), Sequence(tree)))
}

/// Returns the key of a chunk's bytes.
pub fn chunk_key(hash: &H256) -> [u8; 33] {
    hash_key(b'c', hash)
}

/// Returns the key of a chunk's length. It is a separate record so that reading it
/// reads no content.
pub fn chunk_length_key(hash: &H256) -> [u8; 33] {
    hash_key(b'h', hash)
}

/// Prefix of the keys of nodes.
pub const NODES: &[u8] = b"n";
/// Prefix of the keys of chunks' bytes.
pub const CHUNKS: &[u8] = b"c";
/// Prefix of the keys of chunks' lengths.
pub const CHUNK_LENGTHS: &[u8] = b"h";
/// Prefix of the keys of interior nodes.
pub const INTERIOR_NODES: &[u8] = b"i";

/// Returns the key of an interior node of a chunk tree.
pub fn interior_key(hash: &H256) -> [u8; 33] {
    hash_key(b'i', hash)
}

/// Parses the tag and hash from a key in [`CONTENT_FAMILY`].
pub fn parse_content_key(key: &[u8]) -> Option<(u8, H256)> {
    let (tag, hash) = key.split_first()?;
    <[u8; 32]>::try_from(hash)
        .ok()
        .map(|hash| (*tag, H256(hash)))
}

/// Encodes a chunk's length: `u32`, big-endian.
pub fn chunk_length_value(length: u32) -> [u8; 4] {
    length.to_be_bytes()
}

/// Parses a chunk's length.
pub fn parse_chunk_length(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// The record of an interior node: both children, and the shape of its subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InteriorValue {
    /// Hash of the left child.
    pub left: H256,
    /// Hash of the right child.
    pub right: H256,
    /// Height, chunks and bytes of the subtree.
    pub subtree: Subtree,
}

impl InteriorValue {
    /// Encodes left, right, height, chunks and bytes in 32, 32, 4, 8 and 8 bytes, with
    /// big-endian numbers.
    pub fn to_bytes(self) -> [u8; 84] {
        let mut value = [0; 84];
        value[..32].copy_from_slice(self.left.as_bytes());
        value[32..64].copy_from_slice(self.right.as_bytes());
        value[64..68].copy_from_slice(&self.subtree.height().to_be_bytes());
        value[68..76].copy_from_slice(&self.subtree.chunks().to_be_bytes());
        value[76..].copy_from_slice(&self.subtree.bytes().to_be_bytes());
        value
    }

    /// Parses the record; the inverse of the encoding.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (left, rest) = value.split_at_checked(32)?;
        let (right, rest) = rest.split_at_checked(32)?;
        let (height, rest) = rest.split_at_checked(4)?;
        let (chunks, bytes) = rest.split_at_checked(8)?;
        Some(Self {
            left: H256::from_slice(left),
            right: H256::from_slice(right),
            subtree: Subtree::from_parts(
                u32::from_be_bytes(height.try_into().ok()?),
                u64::from_be_bytes(chunks.try_into().ok()?),
                u64::from_be_bytes(bytes.try_into().ok()?),
            )?,
        })
    }
}

/// The record of a signed root: its leaf count, and the time of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedRootValue {
    /// Number of leaves.
    pub count: LeafCount,
    /// Time of the newest signature, in milliseconds since the Unix epoch.
    pub signed_ms: u64,
}

impl SignedRootValue {
    /// Encodes the leaf count and the time in 8 bytes each, big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut value = [0; 16];
        value[..8].copy_from_slice(&self.count.get().to_be_bytes());
        value[8..].copy_from_slice(&self.signed_ms.to_be_bytes());
        value
    }

    /// Parses the record; the inverse of the encoding.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (count, since) = value.split_at_checked(8)?;
        Some(Self {
            count: LeafCount::new(u64::from_be_bytes(count.try_into().ok()?))?,
            signed_ms: u64::from_be_bytes(since.try_into().ok()?),
        })
    }
}

/// A bucket's state, in SCALE; every commit changes it.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct StateRecord {
    /// Version of the format, see `FORMAT_VERSION`.
    pub format: u32,
    /// The bucket's id.
    pub bucket: BucketId,
    /// How the bucket hashes.
    pub profile: HashingProfile,
    /// Quota, in bytes.
    pub max_bytes: u64,
    /// Sequence of the first leaf of the current tree.
    pub tree: Sequence,
    /// Number of leaves.
    pub count: LeafCount,
    /// Bytes of content under all leaves.
    pub total_size: u64,
    /// Root of the current tree.
    pub root: H256,
    /// From left to right; one for each set bit of `count`.
    pub peaks: Vec<H256>,
}

/// The reasons why a state record cannot be parsed.
#[derive(Debug, PartialEq, Eq)]
pub enum StateRecordError {
    /// The record has a format that this version does not read.
    Format {
        /// The version that it names.
        found: u32,
    },
    /// The record does not decode.
    Damaged,
}

impl StateRecord {
    /// Parses the record; the inverse of the encoding.
    pub fn parse(value: &[u8]) -> Result<Self, StateRecordError> {
        let input = &mut &value[..];
        let format = u32::decode(input).map_err(|_| StateRecordError::Damaged)?;
        if format != FORMAT_VERSION {
            return Err(StateRecordError::Format { found: format });
        }
        let record = Self::decode_rest(format, input).map_err(|_| StateRecordError::Damaged)?;
        if input.is_empty() {
            Ok(record)
        } else {
            Err(StateRecordError::Damaged)
        }
    }

    fn decode_rest(format: u32, input: &mut &[u8]) -> Result<Self, codec::Error> {
        Ok(Self {
            format,
            bucket: BucketId::decode(input)?,
            profile: HashingProfile::decode(input)?,
            max_bytes: u64::decode(input)?,
            tree: Sequence::decode(input)?,
            count: LeafCount::decode(input)?,
            total_size: u64::decode(input)?,
            root: H256::decode(input)?,
            peaks: decode_peaks(input)?,
        })
    }
}

fn decode_peaks(input: &mut &[u8]) -> Result<Vec<H256>, codec::Error> {
    let length = Compact::<u32>::decode(input)?.0;
    if length > u64::BITS {
        return Err("more than 64 peaks".into());
    }
    if input.remaining_len()?.is_none_or(|rest| rest % 32 != 0) {
        return Err("peaks of another length".into());
    }
    (0..length).map(|_| H256::decode(input)).collect()
}

/// The storage used by a bucket's content. Each chunk is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct StorageUsage {
    /// Bytes of all chunks.
    pub bytes: u64,
    /// Number of chunks.
    pub chunks: u64,
    /// Number of interior nodes.
    pub interior_nodes: u64,
}
