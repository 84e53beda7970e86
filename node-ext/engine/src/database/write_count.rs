//! The number of the index's synced writes, in a file next to its database. It
//! reveals a database that has lost writes: signatures for windows are recorded
//! nowhere else.
//!
//! Each synced write also stores the number in the database, before it reaches the
//! file. So the file is never ahead of a database that has lost nothing.

use super::{EngineError, FaultKind};
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Name of the file in the index's folder.
const FILE: &str = "WRITTEN";
/// Key of the number in the table `meta`.
pub(crate) const KEY: &[u8] = b"written";

/// The count of synced writes of an open index.
pub(crate) struct WriteCount {
    file: File,
    number: Mutex<u64>,
}

impl WriteCount {
    /// Compares the file with the database's number and continues from there.
    pub(crate) fn open(folder: &Path, database: u64) -> Result<Self, EngineError> {
        let path = folder.join(FILE);
        let doing = "counting the writes of the index";
        let fault = |error: std::io::Error| EngineError::from_io(doing, &path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(fault)?;
        let mut stored = [0; 16];
        let is_whole = file.read_exact_at(&mut stored, 0).is_ok();
        if let Some(counted) = parse(stored).filter(|_| is_whole)
            && counted > database
        {
            return Err(EngineError {
                doing: "opening the index",
                path: folder.to_owned(),
                kind: FaultKind::Corrupt,
                message: format!("it had {counted} synced writes, and now has {database} of them"),
            });
        }
        file.write_all_at(&encode(database), 0).map_err(fault)?;
        let number = Mutex::new(database);
        Ok(Self { file, number })
    }

    /// Runs `write` with the next number, which it must write durably.
    pub(crate) fn count_write(
        &self,
        write: impl FnOnce(u64) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut number = self.number.lock();
        let next = number.saturating_add(1);
        write(next)?;
        *number = next;
        if let Err(error) = self.file.write_all_at(&encode(next), 0) {
            // The write is durable, but its later loss would go unnoticed.
            tracing::error!(%error, "the index's count of writes was not written");
        }
        Ok(())
    }
}

/// Encodes the number and its complement, which reveals a torn write.
fn encode(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (one, other) = bytes.split_at_mut(8);
    one.copy_from_slice(&number.to_le_bytes());
    other.copy_from_slice(&(!number).to_le_bytes());
    bytes
}

fn parse(bytes: [u8; 16]) -> Option<u64> {
    let (one, other) = bytes.split_at_checked(8)?;
    let number = u64::from_le_bytes(one.try_into().ok()?);
    let complement = u64::from_le_bytes(other.try_into().ok()?);
    (complement == !number).then_some(number)
}
