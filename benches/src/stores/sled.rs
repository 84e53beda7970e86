//! One sled for each bucket.

use super::one_per_bucket::Database;
use super::rows::{Filled, Row, Rows};
use crate::Fallible;
use cairn_engine::Durability;
use std::path::Path;
use std::time::{Duration, Instant};

/// The cache size; sled's default is 1 GiB.
const CACHE: u64 = 1 << 20;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Converts sled's error, which wraps I/O errors.
fn is_locked(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// A bucket's rows in sled.
pub(crate) struct Sled(sled::Db);

impl Database for Sled {
    fn open(path: &Path) -> Fallible<Self> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE)
            // Synced on request only, without a background thread.
            .flush_every_ms(None);
        let begun = Instant::now();
        loop {
            match config.open() {
                Ok(db) => return Ok(Self(db)),
                // A database that was just closed holds its lock until its threads have ended,
                // without a notification.
                Err(sled::Error::Io(error))
                    if is_locked(&error) && begun.elapsed() < CLOSE_TIMEOUT =>
                {
                    std::thread::yield_now();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Rows for Sled {
    fn get_many(&self, rows: &[Row]) -> Fallible<Vec<Option<Vec<u8>>>> {
        let get = |row: &Row| Ok(self.0.get(row.key())?.map(|value| value.to_vec()));
        rows.iter().map(get).collect()
    }

    fn put_all(&self, rows: Filled, durability: Durability) -> Fallible<()> {
        let mut batch = sled::Batch::default();
        for (row, value) in rows {
            batch.insert(row.key(), value);
        }
        self.0.apply_batch(batch)?;
        if durability == Durability::Synced {
            self.0.flush()?;
        }
        Ok(())
    }
}
