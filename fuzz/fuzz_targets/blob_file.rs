//! Arbitrary bytes as a bucket's blob file: reading must not panic, must end, and must return
//! no more bytes than the file has.
#![no_main]

// The sources themselves: they are private, and their crate would link RocksDB.
#[path = "../../node-ext/engine/src/database/blob_log.rs"]
mod blob_log;
#[path = "../../node-ext/engine/src/database/checksum.rs"]
mod checksum;

use blob_log::BlobLog;
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|bytes: &[u8]| {
    let mut log = BlobLog::new(Cursor::new(bytes)).expect("memory is read");
    if let Some(totals) = log.totals().expect("memory is read") {
        assert!(totals.bytes < bytes.len() as u64);
    }
    let mut returned = 0;
    while let Some(blob) = log.next_blob().expect("memory is read") {
        let value = log.value(&blob).expect("memory is read");
        returned += blob.key.len() + value.map_or(0, |value| value.len());
        assert!(returned <= bytes.len(), "no byte is in two records");
    }
});
