//! Any bytes at all, as a bucket's blob file: reading must not panic, must come
//! to an end, and must give no more than the file has.
#![no_main]

// The sources themselves: they are nobody's to call, and the crate that they are
// in would bring RocksDB with it.
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
    let mut given = 0;
    while let Some(blob) = log.next().expect("memory is read") {
        let value = log.value(&blob).expect("memory is read");
        given += blob.key.len() + value.map_or(0, |value| value.len());
        assert!(given <= bytes.len(), "no byte stands in two records");
    }
});
