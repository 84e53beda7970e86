//! Exports of a bucket that is written to meanwhile.

use super::*;
use parking_lot::Mutex;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

/// An upload long enough that the end of it is not logged.
const UNLOGGED_CHUNKS: usize = 20;

#[test]
fn all_earlier_signed_roots_are_proven_from_the_export() {
    let fixture = Fixture::empty(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let signed: Mutex<Vec<Commitment>> = Mutex::default();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let (signed, stop) = (&signed, &stop);
            scope.spawn(move || {
                let signer = signer();
                for round in 0u64.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let chunks = if thread == 0 && round < 6 {
                        UNLOGGED_CHUNKS
                    } else {
                        0
                    };
                    let content = bytes(round * 4 + thread, chunks * CHUNK_BYTES + 100);
                    let leaf = stored(bucket, &content);
                    let (committed, _) = bucket.commit_signed(&[leaf], &signer).unwrap();
                    signed.lock().push(committed.commitment);
                }
            });
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..8 {
                let before = loop {
                    let signed = signed.lock().clone();
                    if signed.len() > round * 10 {
                        break signed;
                    }
                    std::thread::yield_now();
                };
                let archive = fixture.archive();
                let imported = fixture.import_archive(&archive).unwrap();
                assert!(imported.report.unwrap().is_clean());
                let adopted = fixture.adopted();
                assert!(adopted.commitment().leaf_count.get() >= before.len() as u64);
                assert_proves(&adopted, &before);
                drop(adopted);
                fixture.remove_adopted();
            }
        }));
        stop.store(true, Ordering::SeqCst);
        ended.unwrap();
    });
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
}

/// Content that runs a closure after a given number of bytes.
struct Interrupted<F> {
    content: std::io::Cursor<Vec<u8>>,
    at: u64,
    act: Option<F>,
}

impl<F: FnOnce()> Read for Interrupted<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.content.position() >= self.at
            && let Some(act) = self.act.take()
        {
            act();
        }
        self.content.read(buffer)
    }
}

#[test]
fn unlogged_content_and_half_an_upload_are_intact_in_the_copy() {
    let fixture = Fixture::new();
    let mut usage = None;
    let half = Interrupted {
        content: std::io::Cursor::new(bytes(9, 2 * UNLOGGED_CHUNKS * CHUNK_BYTES)),
        at: ((UNLOGGED_CHUNKS + 8) * CHUNK_BYTES) as u64,
        act: Some(|| {
            fixture.export(ExportFormat::Archive);
            let imported = fixture.import(&fixture.out()).unwrap();
            assert!(imported.report.unwrap().is_clean());
            usage = Some(fixture.adopted().usage());
        }),
    };
    let committed = fixture.bucket().commitment();
    fixture.bucket().ingest(half).unwrap();
    let usage = usage.unwrap();
    assert!(usage.chunks > 16, "{usage:?}: the upload was not that far");
    assert!(usage.chunks < fixture.bucket().usage().chunks);
    // The copy accepts the rest.
    let adopted = fixture.adopted();
    assert_eq!(adopted.commitment(), committed);
    stored(&adopted, &bytes(9, 2 * UNLOGGED_CHUNKS * CHUNK_BYTES));
    assert_eq!(adopted.usage(), fixture.bucket().usage());
}

#[test]
fn later_commits_are_not_in_the_export() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let exported = fixture.bucket().commitment();
    for round in 0..40 {
        let leaf = stored(fixture.bucket(), &bytes(100 + round, 300_000));
        fixture.bucket().commit_signed(&[leaf], &signer()).unwrap();
    }
    fixture.import(&fixture.out()).unwrap();
    assert_eq!(fixture.adopted().commitment(), exported);
}
