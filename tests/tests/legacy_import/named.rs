//! A legacy provider's bucket with names: objects by key and files by path, in the files in which that
//! provider keeps them, with the root over them by its rule.

use crate::support::{LegacyFixture, bytes};
use crate::writer::{CHUNK, Era, Node, Writer};
use cairn_bucket::{Bucket, fsck};
use cairn_engine::Access;
use cairn_legacy_import::LegacyReport;
use cairn_objects::{Index, Kind, Space, read_chunk};
use cairn_primitives::{H256, Sequence};
use serde_json::{Value, json};
use sp_runtime::traits::{BlakeTwo256, Hash};
use std::collections::BTreeMap;
use std::path::Path;

const START: u64 = 41;

/// The content of the bucket's leaves: empty, of one chunk, of two, and of trees with padding.
fn contents() -> Vec<Vec<u8>> {
    let sizes = [0, 17, 64, 2 * CHUNK - 1, 3 * CHUNK, 13 * CHUNK - 5];
    (0u64..)
        .zip(sizes)
        .map(|(seed, size)| bytes(seed, size))
        .collect()
}

pub fn key(number: usize) -> String {
    ["", "a/", "b/c/", "ä ", "Z", "a"][number].to_owned() + "key"
}

pub fn root_text(root: H256) -> String {
    format!("{root:?}")
}

pub fn object(root: H256, size: usize, leaf_index: usize) -> Value {
    json!({
        "data_root": root_text(root),
        "size": size,
        "content_type": format!("text/{size}"),
        "etag": root_text(root),
        "last_modified": 1_700_000_000 + size as u64,
        "user_metadata": [["z", "1"], ["colour", "blue"]],
        "leaf_index": leaf_index,
    })
}

pub fn file(kind: &str, root: H256, size: usize) -> Value {
    json!({
        "entry_type": kind,
        "data_root": root_text(root),
        "size": size,
        "content_type": "text/plain",
        "mtime": 9,
        "leaf_index": 0,
    })
}

/// Writes an index as the legacy provider does.
pub fn write_index(folder: &Path, space: Space, bucket: u64, entries: &Value) {
    let (folder, name, field) = match space {
        Space::Keys => (folder.join("s3_indices"), "bucket", "objects"),
        Space::Paths => (folder.join("fs_indices"), "drive", "entries"),
    };
    std::fs::create_dir_all(&folder).unwrap();
    let index = json!({ field: entries, "total_size": 0 });
    let text = serde_json::to_string_pretty(&index).unwrap();
    std::fs::write(folder.join(format!("{name}_{bucket}_index.json")), text).unwrap();
}

/// The root over names, by the rule of the legacy provider.
fn metadata_root(era: Era, entries: &Value) -> H256 {
    // The order of names in a map of that provider, which is that of their bytes.
    let entries: BTreeMap<String, Value> = serde_json::from_value(entries.clone()).unwrap();
    let mut level: Vec<H256> = entries
        .iter()
        .map(|(name, entry)| {
            let root = hex::decode(&entry["data_root"].as_str().unwrap()[2..]).unwrap();
            let size = entry["size"].as_u64().unwrap().to_le_bytes();
            BlakeTwo256::hash(&[name.as_bytes(), &root[..], &size].concat())
        })
        .collect();
    level.resize(level.len().next_power_of_two(), H256::zero());
    while level.len() > 1 {
        let pairs = level.chunks(2);
        level = pairs
            .map(|pair| era.hash(&Node::Interior(pair[0], pair[1])))
            .collect();
    }
    level[0]
}

/// A database with bucket 7, with an object and a file for each leaf, and directories.
pub struct Named {
    pub fixture: LegacyFixture,
    pub era: Era,
    pub objects: Value,
    pub files: Value,
}

impl Named {
    pub fn new(era: Era) -> Self {
        let mut roots = Vec::new();
        let fixture = LegacyFixture::new(era, |writer| roots = write_bucket(writer));
        let (mut objects, mut files) = (json!({}), json!({}));
        for (number, (root, content)) in roots.into_iter().zip(contents()).enumerate() {
            // After a deletion of leaves, the index of some leaves is another.
            let index = number * 2 % 7;
            objects[key(number)] = object(root, content.len(), index);
            files[format!("/d/{number}")] = file("file", root, content.len());
        }
        for path in ["/d", "/empty", "/d/in"] {
            files[path] = file("directory", H256::zero(), 0);
        }
        let named = Self {
            fixture,
            era,
            objects,
            files,
        };
        named.write(&named.fixture.source());
        named
    }

    pub fn write(&self, folder: &Path) {
        write_index(folder, Space::Keys, 7, &self.objects);
        write_index(folder, Space::Paths, 7, &self.files);
    }

    pub fn import(&self) -> LegacyReport {
        self.fixture.import()
    }

    pub fn open(&self) -> Bucket {
        self.fixture.open(7, Access::ReadOnly)
    }

    /// Asserts that the bucket has all names, with their content and attributes.
    pub fn check(&self) {
        let bucket = self.open();
        let keys = Index::new(&bucket, Space::Keys);
        for (number, content) in contents().iter().enumerate() {
            let key = key(number);
            let record = keys.get(&key).unwrap().unwrap();
            assert_eq!(record.size, content.len() as u64);
            assert_eq!(record.leaves, [record.data_root]);
            assert_eq!(record.modified_s, 1_700_000_000 + record.size);
            assert_eq!((record.kind, record.parts), (Kind::File, 0));
            assert_eq!(
                record.attributes.content_type(),
                format!("text/{}", record.size)
            );
            let metadata = [("colour", "blue"), ("z", "1")];
            let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(record.attributes.metadata(), metadata);
            assert_eq!(record.first_leaf, Sequence(START + number as u64));
            let chunks = content.len().div_ceil(CHUNK).max(1) as u64;
            let read =
                (0..chunks).flat_map(|chunk| read_chunk(&bucket, &key, &record, chunk).unwrap());
            assert!(read.collect::<Vec<_>>() == *content, "{key}");
        }
        let paths = Index::new(&bucket, Space::Paths);
        let directory = paths.get("/empty").unwrap().unwrap();
        assert_eq!((directory.kind, directory.modified_s), (Kind::Directory, 9));
        assert_eq!(keys.root().unwrap(), metadata_root(self.era, &self.objects));
        assert_eq!(paths.root().unwrap(), metadata_root(self.era, &self.files));
        let (keys, paths) = (keys.stats().unwrap(), paths.stats().unwrap());
        assert_eq!((keys.files, keys.directories), (6, 0));
        assert_eq!((paths.files, paths.directories), (6, 3));
        let total: usize = contents().iter().map(Vec::len).sum();
        assert_eq!(
            (keys.total_size, paths.total_size),
            (total as u64, total as u64)
        );
        assert!(fsck(&bucket, |_| {}).unwrap().is_clean());
    }
}

fn write_bucket(writer: &Writer) -> Vec<H256> {
    let contents = contents();
    let leaf = |content: &Vec<u8>| (writer.content(content), content.len() as u64);
    let leaves: Vec<_> = contents.iter().map(leaf).collect();
    writer.bucket(7, START, 0, &leaves);
    leaves.into_iter().map(|(root, _)| root).collect()
}
