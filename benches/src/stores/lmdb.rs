//! One LMDB for each bucket, through `lmdb-rkv`: opening one with `heed` needs `unsafe` code.

use super::one_per_bucket::Database;
use super::rows::{Filled, Row, Rows};
use crate::Fallible;
use cairn_engine::Durability;
use lmdb::{Environment, EnvironmentFlags, Transaction, WriteFlags};
use std::path::Path;

/// Address space for a bucket's map, in bytes; files grow as they are written.
const MAP: usize = 1 << 30;

/// A bucket's rows in LMDB.
pub(crate) struct Lmdb {
    environment: Environment,
    rows: lmdb::Database,
}

impl Database for Lmdb {
    fn open(path: &Path) -> Fallible<Self> {
        let environment = Environment::new()
            // Synced on request only.
            .set_flags(EnvironmentFlags::NO_SYNC)
            .set_map_size(MAP)
            .open(path)?;
        let rows = environment.open_db(None)?;
        Ok(Self { environment, rows })
    }
}

impl Rows for Lmdb {
    fn get_many(&self, rows: &[Row]) -> Fallible<Vec<Option<Vec<u8>>>> {
        let transaction = self.environment.begin_ro_txn()?;
        let get = |row: &Row| match transaction.get(self.rows, &row.key()) {
            Ok(value) => Ok(Some(value.to_vec())),
            Err(lmdb::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        };
        rows.iter().map(get).collect()
    }

    fn put_all(&self, rows: Filled, durability: Durability) -> Fallible<()> {
        let mut transaction = self.environment.begin_rw_txn()?;
        for (row, value) in rows {
            transaction.put(self.rows, &row.key(), &value, WriteFlags::empty())?;
        }
        transaction.commit()?;
        if durability == Durability::Synced {
            self.environment.sync(true)?;
        }
        Ok(())
    }
}
