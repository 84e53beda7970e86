//! The disk of a base path: the provider's reading of it, and the space that the index
//! takes for content.

use super::*;
use cairn_bucket::CreateError;
use cairn_bucket::charge::CHUNK_CHARGE;

/// Sums the bytes of the files in a folder and its subfolders, except logs, whose size is
/// bounded.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let of = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        folder if folder.is_dir() => bytes_in(&entry.path()),
        _ if entry.path().extension().is_some_and(|end| end == "log") => 0,
        file => file.len(),
    };
    entries.map(|entry| of(entry.unwrap())).sum()
}

#[test]
fn s10_a_chunk_is_charged_for_its_index_rows() {
    const CHUNKS: u64 = 60_000;
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    let id = BucketId(1);
    provider.create_bucket(id, BucketConfig::default()).unwrap();
    drop(provider);
    let before = bytes_in(folder.path());
    let provider = start(folder.path());
    let lease = provider.blocking_lease(id, LeaseRequest::write()).unwrap();
    for number in 0..CHUNKS {
        let bytes = number.to_be_bytes();
        let hash = HashingProfile::Plain.chunk(&bytes);
        lease.run(|bucket| bucket.put_chunk(hash, &bytes)).unwrap();
        if number % 10_000 == 0 {
            provider.write_index();
        }
    }
    drop(lease);
    drop(provider);
    let (bucket, index) = (folder_of(folder.path(), 1), folder.path().join(INDEX_DIR));
    let each = |bytes: u64| bytes / CHUNKS;
    let (bucket, index) = (each(bytes_in(&bucket)), each(bytes_in(&index)));
    println!("a chunk of 8 bytes: {bucket} bytes in the bucket, {index} in the index's tables");
    let all = each(bytes_in(folder.path()) - before);
    assert!(all <= 8 + CHUNK_CHARGE, "{all}");
}

#[test]
fn s10_no_bucket_is_created_from_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let with = |reserve| {
        let base = BasePath::create(folder.path()).unwrap();
        let base = base.with_reserve(Some(reserve));
        Provider::open_with_budget(base, BUDGET, ProviderOptions::default()).unwrap()
    };
    let provider = with(u64::MAX);
    let disk = provider.disk();
    assert!(disk.is_stopped && disk.free > 0 && disk.reserve == u64::MAX);
    let refused = provider.create_bucket(BucketId(1), BucketConfig::default());
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, ProviderError::Create(CreateError::Reserved(_))),
        "{refused}"
    );
    drop(provider);
    let provider = with(0);
    assert!(!provider.disk().is_stopped);
    provider
        .create_bucket(BucketId(1), BucketConfig::default())
        .unwrap();
}
