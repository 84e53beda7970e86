//! A hash alone leads to the buckets that hold it, also in a base path of an earlier version.

use super::*;
use crate::index::Index;
use cairn_primitives::H256;

/// Stores content of three chunks. Returns its data root, one interior node and one chunk.
fn put_three(provider: &Provider, id: u64) -> [H256; 3] {
    let lease = provider
        .blocking_lease(BucketId(id), LeaseRequest::write())
        .unwrap();
    let bytes = vec![7; 600_000];
    let stored = lease.run(|bucket| bucket.ingest(&bytes[..])).unwrap();
    let root = stored.data_root;
    let children = lease.run(|bucket| bucket.children_of(&root)).unwrap();
    let (node, _) = children.unwrap();
    [root, node, HashingProfile::Plain.chunk(&bytes[..262_144])]
}

fn places(provider: &Provider, hash: &H256) -> Vec<u64> {
    let places = provider.places(hash, 9).unwrap();
    places.into_iter().map(|id| id.0).collect()
}

#[test]
fn content_has_its_places_after_each_write_of_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    for id in [1, 2] {
        provider
            .create_bucket(BucketId(id), BucketConfig::default())
            .unwrap();
    }
    let hashes = put_three(&provider, 2);
    put_three(&provider, 1);
    provider.write_index();
    for hash in &hashes {
        assert_eq!(places(&provider, hash), [1, 2]);
    }
    assert_eq!(provider.places(&hashes[0], 1).unwrap(), [BucketId(1)]);
    assert_eq!(places(&provider, &H256::repeat_byte(9)), [0; 0]);
    provider.delete_bucket(BucketId(1)).unwrap();
    provider.wait_until_trash_is_empty();
    for hash in &hashes {
        assert_eq!(places(&provider, hash), [2]);
    }
}

#[test]
fn an_index_of_an_earlier_version_gets_its_places_once() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    provider
        .create_bucket(BucketId(1), BucketConfig::default())
        .unwrap();
    let hashes = put_three(&provider, 1);
    drop(provider);
    let index = folder.path().join(INDEX_DIR);
    let open = || Index::open(&index).unwrap();
    open().remove_places();
    assert!(!open().has_all_places().unwrap());

    // A command that indexes only what it uses completes nothing.
    drop(start_on_demand(folder.path(), true));
    assert!(!open().has_all_places().unwrap());
    let provider = start(folder.path());
    for hash in &hashes {
        assert_eq!(places(&provider, hash), [1]);
    }
    drop(provider);
    assert!(open().has_all_places().unwrap());
}
