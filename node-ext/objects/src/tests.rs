//! A prune and a release of objects leave a bucket as if it never had any but the others.

use crate::content::read_chunk;
use crate::{
    Attributes, Condition, Index, NewUpload, ObjectError, ObjectName, ObjectRecord, Padding,
    PartGiven, Space, Upload, Uploads, new_leaves,
};
use cairn_bucket::{Bucket, BucketConfig, Ingested};
use cairn_engine::{Durability, SharedResources};
use cairn_primitives::chunk_tree::{CHUNK_BYTES, chunk_count};
use cairn_primitives::{BucketId, Sequence};
use tempfile::TempDir;

/// The part of an upload that is not the last: 20 chunks, the least that is allowed.
const PART: usize = 20 * CHUNK_BYTES;

fn bucket() -> (TempDir, Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let shared = SharedResources::default();
    let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
    (folder, bucket)
}

fn key(name: &str) -> ObjectName {
    ObjectName::key(name).unwrap()
}

/// Content that has no chunk in common with that of another seed.
fn content(seed: u8, length: usize) -> Vec<u8> {
    let chunk = |at: usize| u8::try_from(at / CHUNK_BYTES).unwrap();
    (0..length)
        .map(|at| match at % 2 {
            0 => seed,
            _ => chunk(at),
        })
        .collect()
}

/// Content of a number of chunks, of which the last is not full.
fn chunks(seed: u8, count: usize) -> Vec<u8> {
    content(seed, count * CHUNK_BYTES - 5)
}

fn record(bucket: &Bucket, stored: &Ingested) -> ObjectRecord {
    let (root, size) = (stored.data_root, stored.data_size);
    let leaves = new_leaves(bucket, &root, size, Padding::Refused).unwrap();
    let committed = bucket.commit(&leaves, Durability::Buffered).unwrap();
    ObjectRecord::of_content(stored, &leaves, &committed)
}

fn put(bucket: &Bucket, name: &str, bytes: &[u8]) -> ObjectRecord {
    let stored = bucket.ingest(bytes).unwrap();
    let record = record(bucket, &stored);
    let index = Index::new(bucket, Space::Keys);
    index.put(&key(name), &record, Condition::Any).unwrap();
    record
}

fn upload(bucket: &Bucket, id: u8, name: &str, parts: &[&[u8]]) -> (Upload, Vec<PartGiven>) {
    let uploads = Uploads::new(bucket);
    let new = NewUpload {
        name: key(name),
        attributes: Attributes::default(),
    };
    let upload = uploads.begin([id; 16], &new).unwrap();
    let given = (1u16..).zip(parts).map(|(number, bytes)| {
        let stored = bucket.ingest(*bytes).unwrap();
        let part = uploads.put_part(&upload, number, &stored).unwrap();
        PartGiven {
            number,
            data_root: part.data_root,
        }
    });
    let given = given.collect();
    (upload, given)
}

fn complete(bucket: &Bucket, (upload, given): &(Upload, Vec<PartGiven>)) -> ObjectRecord {
    let uploads = Uploads::new(bucket);
    let assembled = uploads.assemble(upload, given, Padding::Refused).unwrap();
    let record = ObjectRecord {
        parts: assembled.parts,
        ..record(bucket, &assembled.content)
    };
    uploads.complete(upload, &record, Condition::Any).unwrap();
    record
}

/// Removes all leaves before an object's first.
fn release_before(bucket: &Bucket, first: &ObjectRecord) {
    bucket.prune(first.first_leaf, None).unwrap();
    bucket.release(Sequence(0)).unwrap();
}

fn check_read(bucket: &Bucket, name: &str, bytes: &[u8]) {
    let record = Index::new(bucket, Space::Keys).get(name).unwrap().unwrap();
    let read = (0..chunk_count(record.size))
        .flat_map(|chunk| read_chunk(bucket, name, &record, chunk).unwrap());
    assert!(read.eq(bytes.iter().copied()), "{name}");
    // Its data root leads to all of it too.
    let size = bucket.size_under(&record.data_root).unwrap();
    assert_eq!(size, Some(record.size), "{name}");
}

/// Compares with a bucket that never had anything but these contents.
fn check_usage(bucket: &Bucket, contents: &[&[u8]]) {
    let (_folder, other) = self::bucket();
    for content in contents {
        other.ingest(*content).unwrap();
    }
    assert_eq!(bucket.usage(), other.usage());
}

#[test]
fn a_release_removes_the_whole_content_of_objects_before_it() {
    for is_deleted in [false, true] {
        let (_folder, bucket) = bucket();
        let index = Index::new(&bucket, Space::Keys);
        for (seed, count) in (1u8..).zip([1, 3, 5, 13]) {
            let name = format!("old-{count}");
            put(&bucket, &name, &chunks(seed, count));
            if is_deleted {
                index.delete(&name).unwrap().unwrap();
            }
        }
        // One has the content of another that goes, and one a part of it.
        let (new, shared) = (chunks(9, 5), chunks(4, 13));
        let half = content(4, 4 * CHUNK_BYTES);
        let first = put(&bucket, "new", &new);
        put(&bucket, "shared", &shared);
        put(&bucket, "half", &half);
        // Its name goes, and its leaves stay.
        put(&bucket, "nameless", &chunks(8, 3));
        index.delete("nameless").unwrap().unwrap();
        release_before(&bucket, &first);
        check_usage(&bucket, &[&new, &shared, &half, &chunks(8, 3)]);
        for (name, bytes) in [("new", &new), ("shared", &shared), ("half", &half)] {
            check_read(&bucket, name, bytes);
        }
        if !is_deleted {
            let gone = index.get("old-13").unwrap().unwrap();
            let read = read_chunk(&bucket, "old-1", &index.get("old-1").unwrap().unwrap(), 0);
            assert!(matches!(read, Err(ObjectError::ContentGone { .. })));
            assert_eq!(gone.size, shared.len() as u64);
        }
    }
}

#[test]
fn a_release_removes_parts_that_no_object_or_open_upload_has() {
    let (_folder, bucket) = bucket();
    let uploads = Uploads::new(&bucket);
    put(&bucket, "old", &chunks(1, 3));
    let (aborted, _) = upload(&bucket, 1, "a", &[&content(2, PART), &chunks(3, 3)]);
    let open_parts = [content(4, PART), chunks(5, 5)];
    let open = upload(&bucket, 2, "open", &[&open_parts[0], &open_parts[1]]);
    // The aborted upload had one of the open one's parts too.
    let stored = bucket.ingest(&open_parts[1][..]).unwrap();
    uploads.put_part(&aborted, 3, &stored).unwrap();
    // A part that is replaced.
    for seed in [6, 2] {
        let stored = bucket.ingest(&chunks(seed, 3)[..]).unwrap();
        uploads.put_part(&aborted, 2, &stored).unwrap();
    }
    uploads.abort(&aborted).unwrap();
    let first = put(&bucket, "new", &chunks(7, 5));
    // Whole chunks, but its first part is a tree that the object does not have.
    let aligned = [content(8, PART), content(9, PART), chunks(10, 2)];
    let joined = upload(
        &bucket,
        3,
        "joined",
        &[&aligned[0], &aligned[1], &aligned[2]],
    );
    complete(&bucket, &joined);
    // No whole chunks: all is copied.
    let shifted = [content(11, PART + 1), chunks(12, 3)];
    let copied = upload(&bucket, 4, "copied", &[&shifted[0], &shifted[1]]);
    complete(&bucket, &copied);
    release_before(&bucket, &first);
    let (aligned, shifted) = (aligned.concat(), shifted.concat());
    let [one, two] = &open_parts;
    check_usage(&bucket, &[&chunks(7, 5), &aligned, &shifted, one, two]);
    check_read(&bucket, "joined", &aligned);
    check_read(&bucket, "copied", &shifted);
    // The open upload goes on, and what it leaves is removed with the next release.
    complete(&bucket, &open);
    check_read(&bucket, "open", &open_parts.concat());
    let next = put(&bucket, "next", b"small");
    bucket.prune(next.first_leaf, None).unwrap();
    bucket.release(first.first_leaf).unwrap();
    check_usage(&bucket, &[b"small"]);
    let all = bucket.object_content_records().unwrap();
    assert_eq!(all.bytes(), 0, "records of what is gone are gone");
}

#[test]
fn a_release_removes_content_whose_put_has_failed() {
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    let first = put(&bucket, "old", b"old");
    // Before its leaves were committed, and after.
    let stored = bucket.ingest(&chunks(1, 5)[..]).unwrap();
    index.forget_content(&stored).unwrap();
    let stored = bucket.ingest(&chunks(2, 5)[..]).unwrap();
    let record = record(&bucket, &stored);
    let refused = index.put(&key("old"), &record, Condition::Absent);
    assert!(matches!(refused, Err(ObjectError::Condition { .. })));
    index.forget_content(&stored).unwrap();
    // And content that an object has by now, in the leaves that stay.
    let stored = bucket.ingest(&chunks(3, 5)[..]).unwrap();
    index.forget_content(&stored).unwrap();
    let kept = put(&bucket, "kept", &chunks(3, 5));
    release_before(&bucket, &kept);
    check_usage(&bucket, &[&chunks(3, 5)]);
    check_read(&bucket, "kept", &chunks(3, 5));
    assert_eq!(first.first_leaf, Sequence(0));
}

#[test]
fn a_part_whose_content_is_gone_is_not_recorded() {
    let (_folder, bucket) = bucket();
    let uploads = Uploads::new(&bucket);
    put(&bucket, "old", b"the same");
    let stored = bucket.ingest(&b"the same"[..]).unwrap();
    let first = put(&bucket, "new", b"new");
    release_before(&bucket, &first);
    let (open, _) = upload(&bucket, 1, "a", &[]);
    let refused = uploads.put_part(&open, 1, &stored);
    assert!(matches!(refused, Err(ObjectError::WrongPart { number: 1 })));
    assert_eq!(uploads.parts(&open).unwrap(), []);
}
