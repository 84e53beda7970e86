//! Salvage of a bucket: the original is backed up, no earlier state comes back, and no
//! signed leaf is dropped.

use super::interrupted::log_of;
use super::*;
use crate::fsck::fsck;

/// A bucket in a base path, which a salvage needs.
fn bucket_in_base_path() -> (
    tempfile::TempDir,
    crate::base_path::BasePath,
    Bucket,
    SharedResources,
) {
    let folder = tempfile::tempdir().unwrap();
    let base = crate::base_path::BasePath::create(folder.path()).unwrap();
    let shared = SharedResources::default();
    let bucket = base.create_bucket(BucketId(9), BucketConfig::default(), &shared);
    (folder, base, bucket.unwrap(), shared)
}

#[test]
fn a_salvage_backs_up_the_bucket() {
    let (folder, base, bucket, shared) = bucket_in_base_path();
    for k in 0..5 {
        let content = bucket.ingest(&[k; 10][..]).unwrap();
        let leaf = NewLeaf {
            data_root: content.data_root,
            data_size: content.data_size,
        };
        bucket.commit_signed(&[leaf], &signer()).unwrap();
    }
    let path = bucket.path().to_owned();
    drop(bucket);
    let log = log_of(&path);
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&log, &bytes).unwrap();
    base.open_bucket(BucketId(9), &shared).unwrap_err();
    // The journal, if there is one, has the records after the damage.
    let copy = folder.path().join("copy");
    cairn_fs::back_up(&path, "-copy").unwrap();
    std::fs::rename(folder.path().join("buckets/0000000000000009-copy"), &copy).unwrap();
    std::fs::remove_file(copy.join(cairn_engine::JOURNAL_FILE)).unwrap();
    let cut = Bucket::open_up_to_damage(&copy, &shared).unwrap();
    assert!(cut.commitment().leaf_count.get() < 5);
    let salvaged = base.salvage_bucket(BucketId(9), &shared).unwrap();
    assert_eq!(salvaged.bucket.commitment().leaf_count.get(), 5);
    let kept = salvaged.backup.join(log.file_name().unwrap());
    assert_eq!(std::fs::read(kept).unwrap(), bytes);
    assert_eq!(
        base.buckets().unwrap(),
        [BucketId(9)],
        "a backup is not a bucket"
    );
}

/// Stores content, and returns its leaf.
fn put(bucket: &Bucket, content: &[u8]) -> NewLeaf {
    let content = bucket.ingest(content).unwrap();
    NewLeaf {
        data_root: content.data_root,
        data_size: content.data_size,
    }
}

/// Removes a chunk, as a torn log would.
fn remove_chunk(bucket: &Bucket, chunk: &[u8]) {
    let chunk = HashingProfile::Plain.chunk(chunk);
    let mut batch = bucket.engine.batch();
    batch.delete(Family::Content, layout::chunk_key(&chunk));
    batch.delete(Family::Content, layout::chunk_length_key(&chunk));
    bucket.engine.write(batch, Durability::Synced).unwrap();
}

#[test]
fn i1_a_salvage_drops_unsigned_leaves_with_lost_content() {
    let (_folder, base, bucket, shared) = bucket_in_base_path();
    let signed_roots = put(&bucket, &[1; 3000]);
    let (committed, _) = bucket.commit_signed(&[signed_roots], &signer()).unwrap();
    let large: Vec<u8> = (0..3 * CHUNK_BYTES).map(|at| (at >> 16) as u8).collect();
    let (lost, later) = (put(&bucket, &large), put(&bucket, &[2; 3000]));
    bucket.commit(&[lost, later], Durability::Synced).unwrap();
    remove_chunk(&bucket, &large[CHUNK_BYTES..2 * CHUNK_BYTES]);
    bucket.close().unwrap();

    let salvaged = base.salvage_bucket(BucketId(9), &shared).unwrap().bucket;
    assert_eq!(salvaged.commitment(), committed.commitment);
    let report = crate::fsck::fsck(&salvaged, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    // The rest of the content cannot be committed as a whole.
    let refused = salvaged.commit(&[lost], Durability::Synced).unwrap_err();
    assert!(
        matches!(refused, CommitError::UnknownDataRoot { .. }),
        "{refused}"
    );
    let again = salvaged.ingest(&large[..]).unwrap();
    assert_eq!(again.data_root, lost.data_root);
    salvaged.commit(&[lost], Durability::Synced).unwrap();
}

#[test]
fn i2_a_repair_keeps_records_that_the_journal_lacks() {
    for how in ["salvage", "repair"] {
        let (_folder, base, bucket, shared) = bucket_in_base_path();
        let signed = [put(&bucket, &[1; 10])];
        bucket.commit_signed(&signed, &signer()).unwrap();
        let journal = bucket.path().join(cairn_engine::JOURNAL_FILE);
        let older = std::fs::read(&journal).unwrap();
        // Not synced: the journal gets it with the next synced write.
        let leaves = [put(&bucket, &[2; 10]), put(&bucket, &[3; 10])];
        let newest = bucket.commit(&leaves, Durability::Buffered).unwrap();
        if how == "repair" {
            // A defect for it to repair.
            let mut batch = bucket.engine.batch();
            batch.delete(Family::Tree, layout::node_key(Sequence(0), Position(1)));
            bucket.engine.write(batch, Durability::Synced).unwrap();
        }
        bucket.close().unwrap();
        std::fs::write(&journal, older).unwrap();

        if how == "repair" {
            let repaired = base.repair_bucket(BucketId(9), &[], &shared, |_| {});
            let repaired = repaired.unwrap();
            assert!(repaired.records_written > 0);
            assert!(repaired.after.is_clean(), "{:?}", repaired.after);
        } else {
            base.salvage_bucket(BucketId(9), &shared).unwrap();
        }
        let mended = base.open_bucket(BucketId(9), &shared).unwrap();
        assert_eq!(mended.commitment(), newest.commitment, "{how}");
        let report = fsck(&mended, |_| {}).unwrap();
        assert!(report.is_clean(), "{how}: {:?}", report.findings);
    }
}

#[test]
fn i10_a_salvage_keeps_signed_leaves_of_a_retired_tree() {
    let (_folder, base, bucket, shared) = bucket_in_base_path();
    let large: Vec<u8> = (0..2 * CHUNK_BYTES).map(|at| (at >> 16) as u8).collect();
    let leaves = [
        put(&bucket, &[1; 10]),
        put(&bucket, &[2; 10]),
        put(&bucket, &large),
        put(&bucket, &[4; 10]),
    ];
    let (_, signed) = bucket.commit_signed(&leaves, &signer()).unwrap();
    let pruned = bucket.prune(Sequence(1), None).unwrap();
    // The content of one leaf is lost; that of the leaf after it is not.
    remove_chunk(&bucket, &large[..CHUNK_BYTES]);
    bucket.close().unwrap();

    let salvaged = base.salvage_bucket(BucketId(9), &shared).unwrap().bucket;
    assert_eq!(salvaged.commitment(), pruned.commitment);
    let signed = signed.payload.commitment;
    let view = salvaged.view(StateRef::RootOf {
        root: signed.mmr_root,
        tree: signed.start_seq,
    });
    for leaf in [0, 1, 3] {
        view.as_ref().unwrap().answer(at(leaf, 0)).unwrap();
    }
}

#[test]
fn i1_a_salvage_drops_lost_unsigned_leaves_of_a_retired_tree() {
    let (_folder, base, bucket, shared) = bucket_in_base_path();
    let large: Vec<u8> = (0..2 * CHUNK_BYTES).map(|at| (at >> 16) as u8).collect();
    let leaves = [put(&bucket, &[1; 10]), put(&bucket, &[2; 10])];
    let (_, signed) = bucket.commit_signed(&leaves, &signer()).unwrap();
    let leaves = [put(&bucket, &large), put(&bucket, &[4; 10])];
    bucket.commit(&leaves, Durability::Synced).unwrap();
    bucket.prune(Sequence(1), None).unwrap();
    remove_chunk(&bucket, &large[..CHUNK_BYTES]);
    bucket.close().unwrap();

    let salvaged = base.salvage_bucket(BucketId(9), &shared).unwrap().bucket;
    let newest = salvaged.commitment();
    assert_eq!((newest.start_seq.0, newest.leaf_count.get()), (1, 1));
    let report = fsck(&salvaged, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    let retired = salvaged.retired_trees().unwrap();
    assert_eq!(retired[0].commitment, signed.payload.commitment);
}

#[test]
fn i11_a_log_whose_end_rocksdb_cannot_pass_is_salvaged() {
    let (_folder, base, bucket, shared) = bucket_in_base_path();
    let leaves = [put(&bucket, &[1; 10])];
    let (committed, _) = bucket.commit_signed(&leaves, &signer()).unwrap();
    let log = log_of(bucket.path());
    drop(bucket);
    let mut bytes = std::fs::read(&log).unwrap();
    bytes.extend([1, 2, 3, 4, 32, 0, 131]);
    bytes.extend([7; 64]);
    std::fs::write(&log, bytes).unwrap();
    base.open_bucket(BucketId(9), &shared).unwrap_err();
    let salvaged = base.salvage_bucket(BucketId(9), &shared).unwrap().bucket;
    assert_eq!(salvaged.commitment(), committed.commitment);
}

#[test]
fn i11_a_manifest_whose_end_rocksdb_cannot_pass_is_repaired() {
    let (_folder, base, bucket, shared) = bucket_in_base_path();
    let leaves = [put(&bucket, &[1; 10])];
    let (committed, _) = bucket.commit_signed(&leaves, &signer()).unwrap();
    let path = bucket.path().to_owned();
    bucket.close().unwrap();
    let named = std::fs::read_to_string(path.join("CURRENT")).unwrap();
    let manifest = path.join(named.trim());
    let mut bytes = std::fs::read(&manifest).unwrap();
    bytes.extend([1, 2, 3, 4, 32, 0, 131]);
    bytes.extend([7; 64]);
    std::fs::write(&manifest, bytes).unwrap();
    let refused = base.open_bucket(BucketId(9), &shared).unwrap_err();
    assert!(refused.to_string().contains("MANIFEST"), "{refused}");
    let repaired = base.repair_bucket(BucketId(9), &[], &shared, |_| {});
    assert!(repaired.unwrap().after.is_clean());
    let bucket = base.open_bucket(BucketId(9), &shared).unwrap();
    assert_eq!(bucket.commitment(), committed.commitment);
}
