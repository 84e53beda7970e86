//! The record of an object, with the bytes that it is stored as.

use cairn_bucket::{Committed, Ingested, NewLeaf};
use cairn_primitives::{H256, Sequence, chunk_tree};
use codec::{Decode, DecodeAll, Encode};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of the bytes.
const VERSION: u8 = 1;
/// The most bytes of a content type: 255, more than any registered one has.
pub const MAX_CONTENT_TYPE_BYTES: usize = 255;
/// The most bytes of all names and values of metadata: 2 KiB, as in S3.
pub const MAX_METADATA_BYTES: usize = 2 << 10;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Kind {
    /// An object or a file, which has content.
    File,
    /// A directory, which has none.
    Directory,
}

/// A reason why attributes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// The content type is too long.
    #[error("a content type may have 255 bytes")]
    ContentType,
    /// The metadata are too long.
    #[error("names and values of metadata may have 2048 bytes in all")]
    Metadata,
}

/// The attributes that a client gives to content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Attributes {
    content_type: String,
    metadata: Vec<(String, String)>,
}

impl Attributes {
    /// Checks attributes. The content type is `application/octet-stream` if none is named.
    ///
    /// # Errors
    ///
    /// [`AttributesError`] if they are too long.
    pub fn new(
        content_type: Option<String>,
        mut metadata: Vec<(String, String)>,
    ) -> Result<Self, AttributesError> {
        let content_type = content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        if content_type.len() > MAX_CONTENT_TYPE_BYTES {
            return Err(AttributesError::ContentType);
        }
        let lengths = metadata
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()));
        if lengths.fold(0, usize::saturating_add) > MAX_METADATA_BYTES {
            return Err(AttributesError::Metadata);
        }
        metadata.sort();
        Ok(Self {
            content_type,
            metadata,
        })
    }

    /// The content type.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The client's own names and values, in order.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }
}

/// The record of an object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// The kind.
    pub kind: Kind,
    /// Root of the padded chunk tree over the whole content, as clients compute it; zero for a
    /// directory.
    pub data_root: H256,
    /// Length of the content in bytes.
    pub size: u64,
    /// The data roots of its leaves, in order: the data root alone, or the largest subtrees of its
    /// tree that have no padding.
    pub leaves: Vec<H256>,
    /// The sequence of the first leaf. The others follow it.
    pub first_leaf: Sequence,
    /// The time of the last change, in seconds since 1970.
    pub modified_s: u64,
    /// The number of parts that it was uploaded in; 0 if it was uploaded as a whole.
    pub parts: u16,
    /// The attributes that the client has given to it.
    pub attributes: Attributes,
}

/// Version, kind, data root, size, leaves, first leaf, time, parts, attributes.
type Stored = (u8, Kind, H256, u64, Vec<H256>, u64, u64, u16, Attributes);

impl ObjectRecord {
    /// Makes the record of committed content, changed now.
    pub fn of_content(content: &Ingested, leaves: &[NewLeaf], committed: &Committed) -> Self {
        let tree = committed.commitment.start_seq;
        Self {
            kind: Kind::File,
            data_root: content.data_root,
            size: content.data_size,
            leaves: leaves.iter().map(|leaf| leaf.data_root).collect(),
            // Commits leave room for the sequence after the last leaf.
            first_leaf: tree.checked_add(committed.first_leaf).unwrap_or(tree),
            modified_s: now_s(),
            parts: 0,
            attributes: Attributes::default(),
        }
    }

    /// Makes the record of a directory, made now.
    pub fn directory() -> Self {
        Self {
            kind: Kind::Directory,
            data_root: H256::zero(),
            size: 0,
            leaves: Vec::new(),
            first_leaf: Sequence(0),
            modified_s: now_s(),
            parts: 0,
            attributes: Attributes::default(),
        }
    }

    /// Returns the record with other attributes.
    pub fn with_attributes(self, attributes: Attributes) -> Self {
        Self { attributes, ..self }
    }

    /// Returns the sizes of its leaves, in order.
    pub fn leaf_sizes(&self) -> Vec<u64> {
        match self.leaves.len() {
            0 => Vec::new(),
            1 => vec![self.size],
            _ => chunk_tree::split_without_padding(self.size).collect(),
        }
    }

    /// Returns the bytes that it is stored as.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        (
            VERSION,
            self.kind,
            self.data_root,
            self.size,
            &self.leaves,
            self.first_leaf.0,
            self.modified_s,
            self.parts,
            &self.attributes,
        )
            .encode()
    }

    /// Parses stored bytes.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let stored = Stored::decode_all(&mut bytes).ok()?;
        let (version, kind, data_root, size, leaves, first_leaf, modified_s, parts, attributes) =
            stored;
        let record = Self {
            kind,
            data_root,
            size,
            leaves,
            first_leaf: Sequence(first_leaf),
            modified_s,
            parts,
            attributes,
        };
        let is_whole = record.leaf_sizes().len() == record.leaves.len();
        (version == VERSION && is_whole).then_some(record)
    }
}

/// Returns the time in seconds since 1970.
pub(crate) fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let chunk = chunk_tree::CHUNK_BYTES as u64;
        let metadata = vec![("b".into(), "2".into()), ("a".into(), "1".into())];
        let record = ObjectRecord {
            size: 13 * chunk,
            leaves: [8u8, 4, 1].map(H256::repeat_byte).to_vec(),
            kind: Kind::File,
            parts: 3,
            first_leaf: Sequence(7),
            ..ObjectRecord::directory()
        };
        let record = record.with_attributes(Attributes::new(None, metadata).unwrap());
        assert_eq!(record.leaf_sizes(), [8 * chunk, 4 * chunk, chunk]);
        let bytes = record.to_bytes();
        assert_eq!(ObjectRecord::parse(&bytes), Some(record.clone()));
        assert_eq!(record.attributes.metadata()[0].0, "a");
        // Another version, another number of leaves, an end that is cut off or too long.
        let mut other = bytes.clone();
        other[0] = 2;
        assert_eq!(ObjectRecord::parse(&other), None);
        let other = ObjectRecord {
            size: 12 * chunk,
            ..record
        };
        assert_eq!(ObjectRecord::parse(&other.to_bytes()), None);
        assert_eq!(ObjectRecord::parse(&bytes[1..]), None);
        assert_eq!(ObjectRecord::parse(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn attributes_are_bounded() {
        let long = Attributes::new(Some("x".repeat(256)), Vec::new());
        assert_eq!(long, Err(AttributesError::ContentType));
        let pairs = |bytes: usize| vec![("n".to_owned(), "v".repeat(bytes))];
        assert!(Attributes::new(None, pairs(2_047)).is_ok());
        let long = Attributes::new(None, pairs(2_048));
        assert_eq!(long, Err(AttributesError::Metadata));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ObjectRecord::parse(&bytes);
        }
    }
}
