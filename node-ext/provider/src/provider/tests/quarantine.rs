//! Each call that meets damage puts its bucket into quarantine.

use super::*;
use cairn_bucket::ExportFormat;
use cairn_engine::layout::{leaf_key, node_key, tombstone_key};
use cairn_primitives::{LeafCount, Position, Sequence};
use cairn_testing::overwrite;

const ID: BucketId = BucketId(1);

fn quarantined(provider: &Provider) -> Vec<BucketId> {
    let all = provider.quarantined().into_iter();
    all.map(|(id, _)| id).collect()
}

/// Opens a provider whose bucket has five leaves and one garbage record.
fn with_garbage_at(folder: &Path, key: impl AsRef<[u8]>) -> Provider {
    let provider = start(folder);
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    for number in 1..=5 {
        put(&provider, 1, &content(number, 300));
    }
    drop(provider);
    overwrite(folder, ID, key);
    let provider = start(folder);
    assert_eq!(quarantined(&provider), []);
    provider
}

#[test]
fn i7_a_prune_that_meets_damage_quarantines_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let provider = with_garbage_at(folder.path(), leaf_key(Sequence(2)));
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease
        .run(|bucket| bucket.prune(Sequence(1), None))
        .unwrap_err();
    assert_eq!(quarantined(&provider), [ID]);
}

#[test]
fn i7_a_prune_preview_that_meets_damage_quarantines() {
    let folder = tempfile::tempdir().unwrap();
    let provider = with_garbage_at(folder.path(), leaf_key(Sequence(2)));
    let lease = provider.blocking_lease(ID, LeaseRequest::read()).unwrap();
    lease
        .run(|bucket| bucket.preview_prune(Sequence(1)))
        .unwrap_err();
    assert_eq!(quarantined(&provider), [ID]);
}

#[test]
fn i7_a_signed_root_with_damaged_nodes_quarantines() {
    let folder = tempfile::tempdir().unwrap();
    let provider = with_garbage_at(folder.path(), node_key(Sequence(0), Position(2)));
    let commitment = cairn_primitives::Commitment {
        mmr_root: H256::repeat_byte(7),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(2).unwrap(),
    };
    provider.find_signed(ID, &commitment).unwrap();
    assert_eq!(quarantined(&provider), [ID]);
}

#[test]
fn i7_a_damaged_tombstone_quarantines_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let key = tombstone_key(Sequence(0), &H256::repeat_byte(7));
    let provider = with_garbage_at(folder.path(), key);
    assert!(provider.has_tombstones(ID).unwrap());
    assert_eq!(quarantined(&provider), [ID]);
}

#[test]
fn i7_an_export_of_damaged_files_quarantines_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    drop(provider);
    let provider = start(folder.path());
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    for entry in std::fs::read_dir(folder_of(folder.path(), 1)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "sst") {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let destination = folder.path().join("exported");
    let exported = provider.export_bucket(ID, &destination, ExportFormat::Folder, &mut |_| {});
    exported.unwrap_err();
    drop(lease);
    assert_eq!(quarantined(&provider), [ID]);
}
