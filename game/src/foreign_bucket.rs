//! Buckets that somebody else made, for an operator to import: sound ones, and ones built to be
//! signed for but never answered.

use crate::copies::bucket_folder;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_engine::SharedResources;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, H256, HashingProfile};
use codec::{Decode, Encode};
use rocksdb::{ColumnFamilyDescriptor, DB, IteratorMode, Options};
use std::path::{Path, PathBuf};

/// The defect of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignBucket {
    /// No defect.
    Sound,
    /// Its content is missing, and its leaves are flagged as padding.
    Hollow,
    /// It has a hashing profile that this chain does not verify.
    Tagged,
    /// Its leaf is unanswerable and flagged so, but its content is complete: a full check finds
    /// nothing wrong.
    Flagged,
}

impl ForeignBucket {
    pub(crate) const ALL: [Self; 4] = [Self::Hollow, Self::Sound, Self::Tagged, Self::Flagged];
}

/// Builds such a bucket below `scratch`, and returns its folder.
pub(crate) fn make(scratch: &Path, id: BucketId, what: ForeignBucket, content: &[u8]) -> PathBuf {
    let base = BasePath::create(scratch).unwrap();
    let config = BucketConfig {
        profile: match what {
            ForeignBucket::Tagged => HashingProfile::Tagged,
            _ => HashingProfile::Plain,
        },
        ..BucketConfig::default()
    };
    let shared = SharedResources::default();
    let bucket = base.create_bucket(id, config, &shared).unwrap();
    let whole = two_chunks(content);
    let stored = match what {
        ForeignBucket::Flagged => bucket.ingest(&chunk_hashes(&whole)[..]).unwrap(),
        _ => bucket.ingest(content).unwrap(),
    };
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    bucket
        .commit(&[leaf], cairn_engine::Durability::Synced)
        .unwrap();
    if what == ForeignBucket::Flagged {
        let node = bucket.ingest(&whole[..]).unwrap().data_root;
        assert_eq!(node, leaf.data_root);
    }
    bucket.close().unwrap();
    let path = bucket_folder(scratch, id);
    match what {
        ForeignBucket::Hollow => remove_content(&path),
        ForeignBucket::Flagged => remove_root_chunk(&path, leaf.data_root),
        ForeignBucket::Sound | ForeignBucket::Tagged => {}
    }
    path
}

/// Returns content of two chunks.
fn two_chunks(content: &[u8]) -> Vec<u8> {
    let mut whole = vec![7; CHUNK_BYTES];
    whole.extend(content.iter().take(CHUNK_BYTES));
    whole
}

/// Returns the hashes of the two chunks. With plain hashing, their concatenation is a chunk with
/// the same hash as the node over both.
fn chunk_hashes(whole: &[u8]) -> Vec<u8> {
    let chunks = whole.chunks(CHUNK_BYTES);
    let names = chunks.map(|chunk| HashingProfile::Plain.chunk(chunk));
    names.flat_map(|name| name.0).collect()
}

/// Removes the chunk that is the leaf's data root, so that the data root is a node, under which
/// everything is present, and flags it as having another length.
fn remove_root_chunk(path: &Path, root: H256) {
    let db = open_db(path);
    let content = db.cf_handle("content").unwrap();
    for kind in [b'c', b'h'] {
        db.delete_cf(content, [&[kind], root.as_bytes()].concat())
            .unwrap();
    }
    let usage = db.get_cf(content, b"u").unwrap().unwrap();
    let (bytes, chunks, nodes) = <(u64, u64, u64)>::decode(&mut &usage[..]).unwrap();
    let usage = (bytes - 64, chunks - 1, nodes);
    db.put_cf(content, b"u", usage.encode()).unwrap();
    let (a_node, of_another_length) = (2, 5);
    put_flag(&db, [a_node, of_another_length]);
    close(&db);
}

/// Removes all content, and flags the leaf as if there never was any.
fn remove_content(path: &Path) {
    let db = open_db(path);
    let content = db.cf_handle("content").unwrap();
    let keys = db.iterator_cf(content, IteratorMode::Start);
    for key in keys.map(|entry| entry.unwrap().0) {
        if matches!(key.first(), Some(b'c' | b'h' | b'i')) {
            db.delete_cf(content, &key).unwrap();
        }
    }
    db.put_cf(content, b"u", (0u64, 0u64, 0u64).encode())
        .unwrap();
    let (padding, not_padded) = (0, 3);
    put_flag(&db, [padding, not_padded]);
    close(&db);
}

fn open_db(path: &Path) -> DB {
    let families = ["default", "content"];
    let families = families.map(|name| ColumnFamilyDescriptor::new(name, Options::default()));
    DB::open_cf_descriptors(&Options::default(), path, families).unwrap()
}

/// Flags the first leaf with the kind of its data root and its defect.
fn put_flag(db: &DB, flag: [u8; 2]) {
    let tree = db.cf_handle("default").unwrap();
    let mut key = [b'f'; 9];
    key[1..].copy_from_slice(&0u64.to_be_bytes());
    db.put_cf(tree, key, flag).unwrap();
}

fn close(db: &DB) {
    for name in ["default", "content"] {
        db.flush_cf(db.cf_handle(name).unwrap()).unwrap();
    }
}
