//! Uploads in parts over a real bucket: put together they are the content that was cut.

use super::*;
use crate::content::read_chunk;
use cairn_bucket::BucketConfig;
use cairn_engine::{Access, Durability, SharedResources};
use cairn_primitives::BucketId;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, chunk_count};
use tempfile::TempDir;

fn bucket() -> (TempDir, Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let shared = SharedResources::default();
    let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
    (folder, bucket)
}

fn new_upload(name: &str) -> NewUpload {
    NewUpload {
        name: ObjectName::key(name).unwrap(),
        attributes: Attributes::default(),
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 777 % 249) as u8).collect()
}

/// Uploads content in parts of given lengths, and names all of them.
fn upload_parts(bucket: &Bucket, upload: &Upload, parts: &[&[u8]]) -> Vec<PartGiven> {
    let uploads = Uploads::new(bucket);
    // In the other order: parts come as they like.
    let numbered: Vec<_> = parts.iter().zip(1u16..).collect();
    let mut given: Vec<_> = numbered
        .into_iter()
        .rev()
        .map(|(bytes, number)| {
            let stored = bucket.ingest(&bytes[..]).unwrap();
            let part = uploads.put_part(upload, number, &stored).unwrap();
            PartGiven {
                number,
                data_root: part.data_root,
            }
        })
        .collect();
    given.reverse();
    given
}

#[test]
fn parts_together_are_the_content_as_if_it_came_whole() {
    let part = 20 * CHUNK_BYTES;
    for lengths in [
        vec![3],
        vec![0],
        vec![part, 7],
        vec![part, part, CHUNK_BYTES],
        vec![part + CHUNK_BYTES, part, 2 * CHUNK_BYTES + 1],
        // No whole chunks, and an empty end.
        vec![part + 1, part + 5, 9],
        vec![part, 0],
    ] {
        let (_folder, bucket) = bucket();
        let uploads = Uploads::new(&bucket);
        let bytes = content(lengths.iter().sum());
        let upload = uploads.begin([7; 16], &new_upload("big")).unwrap();
        let mut rest = &bytes[..];
        let mut parts = Vec::new();
        for length in &lengths {
            let (part, after) = rest.split_at(*length);
            parts.push(part);
            rest = after;
        }
        let given = upload_parts(&bucket, &upload, &parts);
        let assembled = uploads.assemble(&upload, &given, Padding::Refused).unwrap();
        let whole = bucket.ingest(&bytes[..]).unwrap();
        assert_eq!(assembled.content.data_root, whole.data_root, "{lengths:?}");
        assert_eq!(assembled.content.data_size, bytes.len() as u64);
        assert_eq!(assembled.content.chunks, whole.chunks);
        assert_eq!(usize::from(assembled.parts), lengths.len());
        let committed = bucket
            .commit(&assembled.leaves, Durability::Buffered)
            .unwrap();
        let record = ObjectRecord::of_content(&assembled.content, &assembled.leaves, &committed);
        uploads.complete(&upload, &record, Condition::Any).unwrap();
        let found = Index::new(&bucket, Space::Keys)
            .get("big")
            .unwrap()
            .unwrap();
        let read = (0..chunk_count(found.size))
            .flat_map(|chunk| read_chunk(&bucket, "big", &found, chunk).unwrap());
        assert!(read.eq(bytes), "{lengths:?}");
        assert_eq!(uploads.list().unwrap(), []);
        let again = uploads.complete(&upload, &record, Condition::Any);
        assert!(matches!(again, Err(ObjectError::NoSuchUpload { .. })));
    }
}

/// 65 chunks have as many nodes above them.
#[test]
fn parts_of_a_power_of_two_chunks_are_not_read_to_their_chunks() {
    let (_folder, bucket) = bucket();
    let uploads = Uploads::new(&bucket);
    let bytes = content(65 * CHUNK_BYTES);
    let upload = uploads.begin([7; 16], &new_upload("big")).unwrap();
    let parts: Vec<_> = bytes.chunks(32 * CHUNK_BYTES).collect();
    let given = upload_parts(&bucket, &upload, &parts);
    let before = bucket.read_counts().single;
    let assembled = uploads.assemble(&upload, &given, Padding::Allowed).unwrap();
    let read = bucket.read_counts().single - before;
    assert!(read < 60, "{read}");
    let whole = bucket.ingest(&bytes[..]).unwrap();
    assert_eq!(assembled.content.data_root, whole.data_root);
}

#[test]
fn what_is_not_what_was_uploaded_is_refused() {
    let (_folder, bucket) = bucket();
    let uploads = Uploads::new(&bucket);
    let upload = uploads.begin([1; 16], &new_upload("a")).unwrap();
    let given = upload_parts(&bucket, &upload, &[b"one", b"two"]);
    let assemble = |given: &[PartGiven]| uploads.assemble(&upload, given, Padding::Refused);
    assert!(matches!(assemble(&[]), Err(ObjectError::PartOrder)));
    let turned = [given[1], given[0]];
    assert!(matches!(assemble(&turned), Err(ObjectError::PartOrder)));
    let twice = [given[0], given[0]];
    assert!(matches!(assemble(&twice), Err(ObjectError::PartOrder)));
    let small = assemble(&given);
    let expected = ObjectError::PartTooSmall { number: 1, size: 3 };
    assert_eq!(small.unwrap_err().to_string(), expected.to_string());
    let other = PartGiven {
        data_root: given[1].data_root,
        ..given[0]
    };
    let wrong = assemble(&[other]);
    assert!(matches!(wrong, Err(ObjectError::WrongPart { number: 1 })));
    let absent = PartGiven {
        number: 3,
        ..given[0]
    };
    let wrong = assemble(&[absent]);
    assert!(matches!(wrong, Err(ObjectError::WrongPart { number: 3 })));
    // A later part of the same number replaces the first.
    let stored = bucket.ingest(&b"another"[..]).unwrap();
    uploads.put_part(&upload, 1, &stored).unwrap();
    let wrong = assemble(&given[..1]);
    assert!(matches!(wrong, Err(ObjectError::WrongPart { number: 1 })));
    for number in [0, MAX_PARTS + 1] {
        let refused = uploads.put_part(&upload, number, &stored);
        assert!(matches!(refused, Err(ObjectError::WrongPart { .. })));
    }
}

#[test]
fn uploads_survive_a_restart_and_end_with_their_parts() {
    let (folder, bucket) = bucket();
    let uploads = Uploads::new(&bucket);
    let one = uploads.begin([1; 16], &new_upload("one")).unwrap();
    let two = uploads.begin([2; 16], &new_upload("two")).unwrap();
    upload_parts(&bucket, &one, &[b"1"]);
    upload_parts(&bucket, &two, &[b"2", b"3"]);
    drop(bucket);
    let path = folder.path().join("bucket");
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    let uploads = Uploads::new(&bucket);
    assert_eq!(uploads.list().unwrap(), [one.clone(), two.clone()]);
    assert_eq!(uploads.get(&one.id, "one").unwrap(), one);
    for (id, name) in [(&one.id[..], "two"), ("", "one"), (&"0".repeat(32), "one")] {
        let absent = uploads.get(id, name);
        assert!(matches!(absent, Err(ObjectError::NoSuchUpload { .. })));
    }
    uploads.abort(&one).unwrap();
    assert_eq!(uploads.parts(&one).unwrap(), []);
    let sizes = |upload| uploads.parts(upload).map(|parts| parts.len());
    assert_eq!(sizes(&two).unwrap(), 2);
    assert!(uploads.abort(&one).is_err());
    let stored = bucket.ingest(&b"late"[..]).unwrap();
    let late = uploads.put_part(&one, 2, &stored);
    assert!(matches!(late, Err(ObjectError::NoSuchUpload { .. })));
}
