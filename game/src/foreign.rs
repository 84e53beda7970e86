//! Buckets that somebody else made, for an operator to import: sound ones, and
//! such as are made to be signed for and never answered.

use crate::images::folder;
use cairn_node_ext::{BasePath, BucketConfig, NewLeaf, Shared};
use cairn_primitives::{BucketId, HashingProfile};
use codec::Encode;
use rocksdb::{ColumnFamilyDescriptor, DB, IteratorMode, Options};
use std::path::{Path, PathBuf};

/// What is wrong with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Nothing.
    Sound,
    /// Its content is gone, and its leaves are flagged as padding.
    Hollow,
    /// It is hashed as this chain does not.
    Tagged,
}

impl Foreign {
    pub(crate) const ALL: [Self; 3] = [Self::Hollow, Self::Sound, Self::Tagged];
}

/// Makes such a bucket below `scratch`, and returns its folder.
pub(crate) fn make(scratch: &Path, id: BucketId, what: Foreign, content: &[u8]) -> PathBuf {
    let base = BasePath::create(scratch).unwrap();
    let config = BucketConfig {
        profile: match what {
            Foreign::Tagged => HashingProfile::Tagged,
            _ => HashingProfile::Plain,
        },
        ..BucketConfig::default()
    };
    let shared = Shared::default();
    let bucket = base.create_bucket(id, config, &shared).unwrap();
    let content = bucket.ingest(content).unwrap();
    let leaf = NewLeaf {
        data_root: content.data_root,
        data_size: content.data_size,
    };
    bucket
        .commit(&[leaf], cairn_node_ext::Durability::Synced)
        .unwrap();
    bucket.close().unwrap();
    let path = folder(scratch, id);
    if what == Foreign::Hollow {
        hollow(&path);
    }
    path
}

/// Takes the content out, and says that there never was any.
fn hollow(path: &Path) {
    let families = ["default", "content"];
    let families = families.map(|name| ColumnFamilyDescriptor::new(name, Options::default()));
    let db = DB::open_cf_descriptors(&Options::default(), path, families).unwrap();
    let content = db.cf_handle("content").unwrap();
    let keys = db.iterator_cf(content, IteratorMode::Start);
    for key in keys.map(|entry| entry.unwrap().0) {
        if matches!(key.first(), Some(b'c' | b'h' | b'i')) {
            db.delete_cf(content, &key).unwrap();
        }
    }
    db.put_cf(content, b"u", (0u64, 0u64, 0u64).encode())
        .unwrap();
    let tree = db.cf_handle("default").unwrap();
    let mut flag = [b'f'; 9];
    flag[1..].copy_from_slice(&0u64.to_be_bytes());
    db.put_cf(tree, flag, [0, 3]).unwrap();
    db.flush_cf(tree).unwrap();
    db.flush_cf(content).unwrap();
}
