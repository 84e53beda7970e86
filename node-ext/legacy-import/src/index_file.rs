//! The files in which a legacy provider keeps the names of a bucket's objects and files, as JSON.
//!
//! Anyone who could write to a bucket has chosen what is in them. A file is read entry by entry: one
//! that makes no sense costs no other, and what comes before a fault in the file is kept. Its size,
//! the number of its names and the size of each entry are bounded.

use cairn_objects::{Kind, Space};
use cairn_primitives::{BucketId, H256};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// The most bytes of a file: 256 MiB. The legacy provider writes all of it for each object that it
/// stores, so none comes close.
const MAX_INDEX_BYTES: u64 = 256 << 20;
/// The most names that are read from a file. As an object takes some 300 bytes there, a file of the
/// greatest size has fewer.
const MAX_INDEX_NAMES: usize = 1_000_000;
/// The most bytes of an entry: 64 KiB. Attributes that fit into a record take less than a third,
/// with each character escaped.
const MAX_ENTRY_BYTES: usize = 64 << 10;
/// The most characters of the reason why a file could not be read.
const MAX_FAULT_CHARS: usize = 300;

/// An object, a file or a directory, as a legacy provider describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegacyEntry {
    pub(crate) kind: Kind,
    pub(crate) data_root: H256,
    pub(crate) size: u64,
    pub(crate) content_type: String,
    pub(crate) modified_s: u64,
    pub(crate) metadata: Vec<(String, String)>,
    /// The index of its leaf when it was committed. A deletion of leaves has changed it since.
    pub(crate) leaf_index: u64,
}

/// The entries of an index file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LegacyIndex {
    /// An entry that makes no sense is `None`.
    pub(crate) entries: BTreeMap<String, Option<Box<LegacyEntry>>>,
    /// The reason why the file could not be read, or not to its end.
    pub(crate) fault: Option<String>,
}

/// Returns the folder that holds the index files of a space.
pub(crate) const fn folder(space: Space) -> &'static str {
    match space {
        Space::Keys => "s3_indices",
        Space::Paths => "fs_indices",
    }
}

/// Returns the name of a bucket's index file.
pub(crate) fn file_name(space: Space, bucket: BucketId) -> String {
    let BucketId(id) = bucket;
    match space {
        Space::Keys => format!("bucket_{id}_index.json"),
        Space::Paths => format!("drive_{id}_index.json"),
    }
}

/// Returns the bucket of an index file by its name.
pub(crate) fn bucket_of(space: Space, name: &str) -> Option<BucketId> {
    let begin = match space {
        Space::Keys => "bucket_",
        Space::Paths => "drive_",
    };
    let id = name.strip_prefix(begin)?.strip_suffix("_index.json")?;
    let bucket = BucketId(id.parse().ok()?);
    (file_name(space, bucket) == name).then_some(bucket)
}

/// Reads an index file; `None` if there is none.
pub(crate) fn read(path: &Path, space: Space) -> Option<LegacyIndex> {
    let unreadable = |fault: String| LegacyIndex {
        fault: Some(fault),
        ..LegacyIndex::default()
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return Some(unreadable(error.to_string())),
    };
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Some(unreadable("it is not a file".to_owned()));
    }
    if metadata.len() > MAX_INDEX_BYTES {
        let bytes = metadata.len();
        let fault = format!("it has {bytes} bytes, and {MAX_INDEX_BYTES} are read at most");
        return Some(unreadable(fault));
    }
    Some(match File::open(path) {
        Ok(file) => parse(BufReader::new(file.take(MAX_INDEX_BYTES)), space),
        Err(error) => unreadable(error.to_string()),
    })
}

/// Parses an index.
pub(crate) fn parse(source: impl Read, space: Space) -> LegacyIndex {
    let mut index = LegacyIndex::default();
    let mut json = serde_json::Deserializer::from_reader(source);
    let entries = &mut index.entries;
    let parsed = IndexSeed { space, entries }.deserialize(&mut json);
    let fault = parsed.and_then(|()| json.end()).err();
    // It may have a text of the file's.
    let bounded = |text: String| text.chars().take(MAX_FAULT_CHARS).collect();
    index.fault = fault.map(|error| bounded(error.to_string()));
    index
}

/// The whole index: an object with a field of entries. Others are counts, which are counted again.
struct IndexSeed<'i> {
    space: Space,
    entries: &'i mut BTreeMap<String, Option<Box<LegacyEntry>>>,
}

impl<'de> DeserializeSeed<'de> for IndexSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for IndexSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let wanted = match self.space {
            Space::Keys => "objects",
            Space::Paths => "entries",
        };
        let mut is_there = false;
        while let Some(field) = fields.next_key::<String>()? {
            if field == wanted {
                is_there = true;
                fields.next_value_seed(EntriesSeed {
                    space: self.space,
                    entries: &mut *self.entries,
                })?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        match is_there {
            true => Ok(()),
            false => Err(A::Error::missing_field(wanted)),
        }
    }
}

/// The entries by name.
struct EntriesSeed<'i> {
    space: Space,
    entries: &'i mut BTreeMap<String, Option<Box<LegacyEntry>>>,
}

impl<'de> DeserializeSeed<'de> for EntriesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some((name, value)) = entries.next_entry::<String, Box<RawValue>>()? {
            if self.entries.len() >= MAX_INDEX_NAMES {
                let fault = format!("it has more than {MAX_INDEX_NAMES} names");
                return Err(A::Error::custom(fault));
            }
            // The last of two entries counts, as for the legacy provider.
            let parsed = entry(self.space, value.get()).map(Box::new);
            self.entries.insert(name, parsed);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct ObjectFields {
    data_root: String,
    size: u64,
    content_type: String,
    last_modified: u64,
    user_metadata: Vec<(String, String)>,
    leaf_index: u64,
}

#[derive(Deserialize)]
struct FileFields {
    entry_type: FileKind,
    data_root: String,
    size: u64,
    content_type: String,
    mtime: u64,
    leaf_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileKind {
    File,
    Directory,
}

fn entry(space: Space, text: &str) -> Option<LegacyEntry> {
    if text.len() > MAX_ENTRY_BYTES {
        return None;
    }
    Some(match space {
        Space::Keys => {
            let fields: ObjectFields = serde_json::from_str(text).ok()?;
            LegacyEntry {
                kind: Kind::File,
                data_root: hash(&fields.data_root)?,
                size: fields.size,
                content_type: fields.content_type,
                modified_s: fields.last_modified,
                metadata: fields.user_metadata,
                leaf_index: fields.leaf_index,
            }
        }
        Space::Paths => {
            let fields: FileFields = serde_json::from_str(text).ok()?;
            LegacyEntry {
                kind: match fields.entry_type {
                    FileKind::File => Kind::File,
                    FileKind::Directory => Kind::Directory,
                },
                data_root: hash(&fields.data_root)?,
                size: fields.size,
                content_type: fields.content_type,
                modified_s: fields.mtime,
                metadata: Vec::new(),
                leaf_index: fields.leaf_index,
            }
        }
    })
}

fn hash(text: &str) -> Option<H256> {
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(H256(bytes))
}

#[cfg(test)]
mod tests;
