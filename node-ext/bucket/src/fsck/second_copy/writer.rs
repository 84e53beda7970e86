//! Writes restored records into a database.

use cairn_engine::layout;
use cairn_engine::{Batch, Durability, Engine, EngineError, Family};
use cairn_primitives::H256;

/// Writes restored records durably, in batches.
pub(super) struct Writer<'e> {
    engine: &'e Engine,
    batch: Batch<'e>,
    size: usize,
    pending: usize,
    written: u64,
}

impl<'e> Writer<'e> {
    pub(super) fn new(engine: &'e Engine, size: usize) -> Self {
        Self {
            engine,
            batch: engine.batch(),
            size,
            pending: 0,
            written: 0,
        }
    }

    /// Writes a record if it is missing, or if the journal is newer and has another value.
    pub(super) fn put_lost(
        &mut self,
        family: Family,
        key: &[u8],
        value: &[u8],
        is_newer: bool,
    ) -> Result<(), EngineError> {
        match self.engine.get_uncached(family, key) {
            Ok(Some(stored)) if !is_newer || stored == value => Ok(()),
            _ => self.put(family, key, value),
        }
    }

    pub(super) fn put(
        &mut self,
        family: Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), EngineError> {
        self.batch.put(family, key, value);
        self.write_if_full()
    }

    pub(super) fn chunk(&mut self, hash: &H256, bytes: &[u8]) -> Result<(), EngineError> {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return Ok(());
        };
        self.batch
            .put(Family::Content, layout::chunk_key(hash), bytes);
        let length = layout::chunk_length_value(length);
        let key = layout::chunk_length_key(hash);
        self.batch.put(Family::Content, key, &length);
        self.write_if_full()
    }

    /// Deletes a record that is in the database and has no other change in the batch.
    pub(super) fn delete_stored(&mut self, family: Family, key: &[u8]) -> Result<(), EngineError> {
        self.batch.delete(family, key);
        self.write_if_full()
    }

    pub(super) fn delete(&mut self, family: Family, key: &[u8]) -> Result<(), EngineError> {
        // The record to delete may be in the batch.
        self.write()?;
        if matches!(self.engine.get_uncached(family, key), Ok(None)) {
            return Ok(());
        }
        self.batch.delete(family, key);
        self.write_if_full()
    }

    pub(super) fn delete_range(
        &mut self,
        family: Family,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), EngineError> {
        self.write()?;
        let mut first = self.engine.scan_from(family, b"", from)?;
        let is_any = match first.next() {
            Some(Ok((key, _))) => &*key < to,
            Some(Err(_)) => true,
            None => false,
        };
        if is_any {
            self.batch.delete_range(family, from, to);
            return self.write_if_full();
        }
        Ok(())
    }

    fn write_if_full(&mut self) -> Result<(), EngineError> {
        self.pending = self.pending.saturating_add(1);
        if self.pending < self.size {
            return Ok(());
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), EngineError> {
        if self.pending == 0 {
            return Ok(());
        }
        let pending = u64::try_from(self.pending).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(pending);
        self.pending = 0;
        let batch = std::mem::replace(&mut self.batch, self.engine.batch());
        self.engine.write(batch, Durability::Synced)
    }

    pub(super) fn finish(mut self) -> Result<u64, EngineError> {
        self.write()?;
        Ok(self.written)
    }
}
