//! One RocksDB for all buckets, with the bucket as key prefix and with Cairn's tuning: the
//! alternative to a database for each bucket.

use super::rows::{Filled, Row, Rows, Tree};
use super::store::Store;
use crate::Fallible;
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::{Commitment, LeafIndex, MmrProof};
use parking_lot::Mutex;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, Options, WriteBatch,
    WriteOptions,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

const TREE: &str = "tree";
const CONTENT: &str = "content";
const CACHE: usize = 64 << 20;
/// The memtable's size, RocksDB's default, for all buckets.
const WRITE_BUFFER: usize = 64 << 20;
const MIN_BLOB: u64 = 1 << 10;

/// Rows of one bucket.
struct SharedRows {
    db: Arc<DB>,
    bucket: u64,
}

fn family<'d>(db: &'d DB, name: &str) -> Fallible<&'d ColumnFamily> {
    db.cf_handle(name)
        .ok_or_else(|| format!("there is no family {name}").into())
}

fn family_of(row: Row) -> &'static str {
    match row {
        Row::Tip | Row::Leaf(_) | Row::Node(_) => TREE,
        Row::Record(_) | Row::Chunk(_) => CONTENT,
    }
}

impl SharedRows {
    fn key(&self, row: Row) -> Vec<u8> {
        [&self.bucket.to_be_bytes(), &*row.key()].concat()
    }
}

impl Rows for SharedRows {
    fn get_many(&self, rows: &[Row]) -> Fallible<Vec<Option<Vec<u8>>>> {
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        // Keys that are read together are in one family.
        let family = family(&self.db, family_of(*first))?;
        let keys: Vec<_> = rows.iter().map(|row| self.key(*row)).collect();
        let found = self.db.batched_multi_get_cf(family, &keys, false);
        found
            .into_iter()
            .map(|value| Ok(value?.map(|value| value.to_vec())))
            .collect()
    }

    fn put_all(&self, rows: Filled, durability: Durability) -> Fallible<()> {
        let mut batch = WriteBatch::default();
        for (row, value) in rows {
            let family = family(&self.db, family_of(row))?;
            batch.put_cf(family, self.key(row), value);
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        Ok(self.db.write_opt(batch, &options)?)
    }
}

/// All buckets in one database; the newest peaks of each in memory.
pub(crate) struct SharedStore {
    db: Arc<DB>,
    trees: Mutex<HashMap<u64, Arc<Tree<SharedRows>>>>,
}

impl SharedStore {
    pub(crate) fn open(folder: &Path) -> Fallible<Self> {
        let cache = Cache::new_lru_cache(CACHE);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let families = [TREE, CONTENT].map(|name| {
            let mut options = Options::default();
            let mut table = BlockBasedOptions::default();
            table.set_block_cache(&cache);
            table.set_bloom_filter(10.0, false);
            options.set_block_based_table_factory(&table);
            options.set_write_buffer_size(WRITE_BUFFER);
            if name == CONTENT {
                options.set_enable_blob_files(true);
                options.set_min_blob_size(MIN_BLOB);
            }
            ColumnFamilyDescriptor::new(name, options)
        });
        let db = DB::open_cf_descriptors(&options, folder, families)?;
        Ok(Self {
            db: Arc::new(db),
            trees: Mutex::default(),
        })
    }

    fn rows(&self, bucket: u64) -> SharedRows {
        let db = self.db.clone();
        SharedRows { db, bucket }
    }

    fn tree(&self, id: u64) -> Fallible<Arc<Tree<SharedRows>>> {
        if let Some(tree) = self.trees.lock().get(&id) {
            return Ok(tree.clone());
        }
        let tree = Arc::new(Tree::open(self.rows(id))?);
        // The first thread's peaks are used.
        let mut trees = self.trees.lock();
        Ok(trees.entry(id).or_insert(tree).clone())
    }
}

impl Store for SharedStore {
    fn create(&self, id: u64) -> Fallible<()> {
        Tree::create(self.rows(id))
    }

    fn put(&self, id: u64, content: &[u8]) -> Fallible<NewLeaf> {
        self.tree(id)?.put(content)
    }

    fn commit(&self, id: u64, leaves: &[NewLeaf], durability: Durability) -> Fallible<Commitment> {
        self.tree(id)?.commit(leaves, durability)
    }

    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof> {
        self.tree(id)?.prove(leaf)
    }

    /// Writes one range tombstone over the bucket's keys in each family.
    fn delete(&self, id: u64) -> Fallible<()> {
        self.trees.lock().remove(&id);
        let after = id.checked_add(1).ok_or("no bucket may have that id")?;
        let mut batch = WriteBatch::default();
        for name in [TREE, CONTENT] {
            let family = family(&self.db, name)?;
            batch.delete_range_cf(family, id.to_be_bytes(), after.to_be_bytes());
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        Ok(self.db.write_opt(batch, &options)?)
    }

    /// Compacts everything, and collects blobs of any age.
    fn reclaim(&self) -> Fallible<()> {
        self.flush()?;
        let collecting = [
            ("enable_blob_garbage_collection", "true"),
            ("blob_garbage_collection_age_cutoff", "1.0"),
        ];
        self.db
            .set_options_cf(family(&self.db, CONTENT)?, &collecting)?;
        for name in [TREE, CONTENT] {
            let family = family(&self.db, name)?;
            self.db
                .compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
        }
        let resting = [("enable_blob_garbage_collection", "false")];
        Ok(self
            .db
            .set_options_cf(family(&self.db, CONTENT)?, &resting)?)
    }

    fn flush(&self) -> Fallible<()> {
        for name in [TREE, CONTENT] {
            self.db.flush_cf(family(&self.db, name)?)?;
        }
        Ok(())
    }
}
