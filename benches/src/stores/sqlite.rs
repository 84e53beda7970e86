//! One SQLite file for each bucket, with a write-ahead log, and separate presence records for
//! contents.

use super::one_per_bucket::Database;
use super::rows::{Filled, Row, Rows};
use crate::Fallible;
use cairn_engine::Durability;
use parking_lot::Mutex;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// The bytes of a file that are memory-mapped.
const MAPPED: i64 = 256 << 20;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS tip (name INTEGER PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS leaf (name INTEGER PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS node (name INTEGER PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS record (name BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chunk (name BLOB PRIMARY KEY, value BLOB NOT NULL);
";

struct Session {
    connection: Connection,
    /// The value of `synchronous`.
    set_to: Option<Durability>,
}

/// A bucket's rows in SQLite.
pub(crate) struct Sqlite(Mutex<Session>);

struct Statements {
    get: &'static str,
    put: &'static str,
}

macro_rules! statements {
    ($table:literal) => {
        Statements {
            get: concat!("SELECT value FROM ", $table, " WHERE name = ?1"),
            put: concat!("INSERT OR REPLACE INTO ", $table, " VALUES (?1, ?2)"),
        }
    };
}

fn statements(row: Row) -> Statements {
    match row {
        Row::Tip => statements!("tip"),
        Row::Leaf(_) => statements!("leaf"),
        Row::Node(_) => statements!("node"),
        Row::Record(_) => statements!("record"),
        Row::Chunk(_) => statements!("chunk"),
    }
}

fn name(row: Row) -> Fallible<Value> {
    Ok(match row {
        Row::Tip => Value::Integer(0),
        Row::Leaf(index) => Value::Integer(index.0.try_into()?),
        Row::Node(position) => Value::Integer(position.0.try_into()?),
        Row::Record(hash) | Row::Chunk(hash) => Value::Blob(hash.0.to_vec()),
    })
}

impl Database for Sqlite {
    fn open(path: &Path) -> Fallible<Self> {
        let file = path.join("bucket.sqlite");
        let is_new = !file.exists();
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "mmap_size", MAPPED)?;
        if is_new {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.execute_batch(SCHEMA)?;
        }
        Ok(Self(Mutex::new(Session {
            connection,
            set_to: None,
        })))
    }
}

impl Rows for Sqlite {
    fn get_many(&self, rows: &[Row]) -> Fallible<Vec<Option<Vec<u8>>>> {
        let session = self.0.lock();
        let get = |row: &Row| {
            let mut statement = session.connection.prepare_cached(statements(*row).get)?;
            let value = statement.query_row([name(*row)?], |found| found.get(0));
            Ok(value.optional()?)
        };
        rows.iter().map(get).collect()
    }

    fn put_all(&self, rows: Filled, durability: Durability) -> Fallible<()> {
        let mut session = self.0.lock();
        if session.set_to != Some(durability) {
            let level = match durability {
                Durability::Synced => "FULL",
                // With a write-ahead log, this syncs at checkpoints only.
                Durability::Buffered => "NORMAL",
            };
            let connection = &session.connection;
            connection.pragma_update(None, "synchronous", level)?;
            session.set_to = Some(durability);
        }
        let transaction = session.connection.transaction()?;
        for (row, value) in rows {
            let mut statement = transaction.prepare_cached(statements(row).put)?;
            statement.execute((name(row)?, value))?;
        }
        Ok(transaction.commit()?)
    }
}
