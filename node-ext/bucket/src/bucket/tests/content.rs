//! Content: it is stored once, refused as a whole, and removed when its upload fails.

use super::*;
use crate::bucket::charge::{CHUNK_CHARGE, LEAF_CHARGE, NODE_CHARGE, TREE_LEAF_CHARGE};
use std::io::Read;

fn quota(max_bytes: u64) -> Fixture {
    Fixture::new(BucketConfig {
        max_bytes,
        ..Default::default()
    })
}

fn refused_commit(fixture: &Fixture, data_root: H256, data_size: u64) -> CommitError {
    let before = fixture.records();
    let leaf = NewLeaf {
        data_root,
        data_size,
    };
    let error = fixture
        .bucket()
        .commit(&[leaf], Durability::Synced)
        .unwrap_err();
    assert_eq!(
        fixture.records(),
        before,
        "nothing is changed by a refusal: {error}"
    );
    error
}

#[test]
fn content_of_edge_case_sizes_is_read_back_unchanged() {
    for profile in PROFILES {
        let mut fixture = Fixture::with_profile(profile);
        let sizes = [
            0,
            1,
            64,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            5 * CHUNK_BYTES + 3,
        ];
        let contents: Vec<Vec<u8>> = sizes
            .map(|size| (0..size).map(|k| (k * 31 + size) as u8).collect())
            .into();
        let leaves: Vec<_> = contents
            .iter()
            .map(|content| fixture.ingest(content))
            .collect();
        for (content, leaf) in contents.iter().zip(&leaves) {
            let mut hasher = ContentHasher::new(profile);
            content
                .chunks(CHUNK_BYTES)
                .for_each(|chunk| hasher.push(chunk).unwrap());
            assert_eq!(leaf.data_root, hasher.finish().root);
        }
        fixture
            .bucket()
            .commit(&leaves, Durability::Synced)
            .unwrap();
        fixture.expect(&leaves);
        fixture.reopen();
        let view = fixture.bucket().view(StateRef::Newest).unwrap();
        for (k, content) in contents.iter().enumerate() {
            let mut read = vec![];
            view.read_content(LeafIndex(k as u64), &mut read).unwrap();
            assert_eq!(&read, content);
        }
    }
}

#[test]
fn duplicate_content_is_stored_and_counted_once() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    let content: Vec<u8> = (0..3 * CHUNK_BYTES)
        .map(|k| (k / CHUNK_BYTES) as u8)
        .collect();
    let first = fixture.bucket().ingest(&content[..]).unwrap();
    let usage = fixture.bucket().usage();
    assert_eq!((usage.bytes, usage.chunks), (content.len() as u64, 3));
    let again = fixture.bucket().ingest(&content[..]).unwrap();
    assert_eq!((again.new_bytes, again.data_root), (0, first.data_root));
    // Other content with two of its chunks, one of them twice.
    let other = [&content[..CHUNK_BYTES], &content[..2 * CHUNK_BYTES]].concat();
    assert_eq!(fixture.bucket().ingest(&other[..]).unwrap().new_bytes, 0);
    assert_eq!(fixture.bucket().usage().bytes, usage.bytes);
    fixture.reopen();
    assert_eq!(fixture.bucket().usage().bytes, usage.bytes);
}

#[test]
fn i1_a_tree_sent_node_by_node_is_committed_once_complete() {
    for profile in PROFILES {
        let fixture = Fixture::with_profile(profile);
        let bucket = fixture.bucket();
        let chunks = [vec![1; CHUNK_BYTES], vec![2; CHUNK_BYTES], vec![3; 64]];
        let [a, b, c] = [0, 1, 2].map(|k: usize| profile.chunk(&chunks[k]));
        let (ab, cz) = (profile.node(&a, &b), profile.node(&c, &H256::zero()));
        let root = profile.node(&ab, &cz);
        let size = 2 * CHUNK_BYTES as u64 + 64;

        bucket.put_chunk(a, &chunks[0]).unwrap();
        let missing = bucket.put_node(ab, a, b).unwrap_err();
        assert!(matches!(missing, IngestError::MissingChild { child, .. } if child == b));
        assert!(bucket.put_chunk(b, &chunks[1]).unwrap());
        assert!(!bucket.put_chunk(b, &chunks[1]).unwrap(), "stored once");
        assert!(bucket.put_node(ab, a, b).unwrap());
        assert!(matches!(
            bucket.put_node(root, ab, cz),
            Err(IngestError::MissingChild { .. })
        ));
        bucket.put_chunk(c, &chunks[2]).unwrap();
        bucket.put_node(cz, c, H256::zero()).unwrap();

        let unknown = refused_commit(&fixture, root, size);
        assert!(
            matches!(unknown, CommitError::UnknownDataRoot { .. }),
            "{unknown}"
        );
        bucket.put_node(root, ab, cz).unwrap();
        let wrong = refused_commit(&fixture, root, size - 1);
        assert!(matches!(wrong, CommitError::SizeMismatch { found, .. } if found == size));
        // A node with padding above its content is part of a tree, but no data root.
        let part = refused_commit(&fixture, cz, 64);
        assert!(
            matches!(
                part,
                CommitError::NotADataRoot {
                    height: 1,
                    chunks: 1,
                    ..
                }
            ),
            "{part}"
        );

        let leaf = NewLeaf {
            data_root: root,
            data_size: size,
        };
        bucket.commit(&[leaf], Durability::Synced).unwrap();
        let answer = bucket
            .view(StateRef::Newest)
            .unwrap()
            .answer(at(0, 2))
            .unwrap();
        assert_eq!(answer.chunk_data(), chunks[2]);
        // An upload of the same content has the same root.
        assert_eq!(bucket.ingest(&chunks.concat()[..]).unwrap().data_root, root);
    }
}

#[test]
fn i1_unprovable_trees_are_refused_at_their_first_wrong_node() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let (bucket, profile) = (fixture.bucket(), HashingProfile::Plain);
    let chunks = [
        vec![1; CHUNK_BYTES],
        vec![2; CHUNK_BYTES],
        vec![3; CHUNK_BYTES],
        vec![4; 9],
    ];
    let [a, b, c, short] = [0, 1, 2, 3].map(|k: usize| {
        let hash = profile.chunk(&chunks[k]);
        bucket.put_chunk(hash, &chunks[k]).unwrap();
        hash
    });
    let ab = profile.node(&a, &b);
    bucket.put_node(ab, a, b).unwrap();
    let before = fixture.records();
    let refused = |left, right| {
        let error = bucket
            .put_node(profile.node(&left, &right), left, right)
            .unwrap_err();
        match error {
            IngestError::Shape { reason, .. } => reason,
            other => panic!("{other}"),
        }
    };
    // H(H(a, b), c)
    assert_eq!(
        refused(ab, c),
        ShapeError::UnequalHeight { left: 1, right: 0 }
    );
    assert!(matches!(
        refused(short, a),
        ShapeError::LeftNotFull { bytes: 9, .. }
    ));

    let over = vec![0; CHUNK_BYTES + 1];
    let error = bucket.put_chunk(profile.chunk(&over), &over).unwrap_err();
    assert!(error.to_string().contains("262145 bytes"), "{error}");
    let error = bucket.put_chunk(a, &chunks[1]).unwrap_err();
    assert!(
        matches!(error, IngestError::HashMismatch { claimed, found } if (claimed, found) == (a, b))
    );
    let error = bucket.put_node(ab, b, a).unwrap_err();
    assert!(matches!(error, IngestError::HashMismatch { .. }));
    // An empty chunk after a full one: cutting at a fixed length never leaves one.
    let empty = profile.chunk(b"");
    assert_eq!(fixture.records(), before);
    bucket.put_chunk(empty, b"").unwrap();
    let before = fixture.records();
    assert_eq!(refused(a, empty), ShapeError::EmptyChunk);
    // A zero hash is padding on the right only.
    let zero = H256::zero();
    let error = bucket
        .put_node(profile.node(&zero, &a), zero, a)
        .unwrap_err();
    assert!(matches!(error, IngestError::MissingChild { child, .. } if child == zero));
    assert_eq!(fixture.records(), before);
    // A node of padding only is not stored.
    let one = padding(profile, 1);
    assert!(!bucket.put_node(padding(profile, 2), one, one).unwrap());
    assert_eq!(fixture.records(), before);
    assert!(matches!(
        refused_commit(&fixture, one, 64),
        CommitError::UnknownDataRoot { .. }
    ));
}

/// Under the plain profile, the 64 bytes of two hashes are a chunk and a node at once.
#[test]
fn i1_the_size_decides_between_a_chunk_and_a_node_of_one_hash() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let (bucket, profile) = (fixture.bucket(), HashingProfile::Plain);
    let chunks = [vec![1; CHUNK_BYTES], vec![2; 5]];
    let [a, b] = [0, 1].map(|k: usize| profile.chunk(&chunks[k]));
    bucket.put_chunk(a, &chunks[0]).unwrap();
    bucket.put_chunk(b, &chunks[1]).unwrap();
    let node = profile.node(&a, &b);
    bucket.put_node(node, a, b).unwrap();
    let as_chunk = [a.as_bytes(), b.as_bytes()].concat();
    bucket.put_chunk(node, &as_chunk).unwrap();

    let size = CHUNK_BYTES as u64 + 5;
    let leaves = [64, size].map(|data_size| NewLeaf {
        data_root: node,
        data_size,
    });
    bucket.commit(&leaves, Durability::Synced).unwrap();
    let view = bucket.view(StateRef::Newest).unwrap();
    assert_eq!(view.answer(at(0, 0)).unwrap().chunk_data(), as_chunk);
    assert_eq!(view.answer(at(1, 0)).unwrap().chunk_data(), chunks[0]);
    assert_eq!(view.answer(at(1, 1)).unwrap().chunk_data(), chunks[1]);
    // Either reading as the left child of a padded parent.
    let above = profile.node(&node, &padding(profile, 1));
    assert!(bucket.put_node(above, node, padding(profile, 1)).unwrap());
    let padded = profile.node(&node, &H256::zero());
    assert!(bucket.put_node(padded, node, H256::zero()).unwrap());
}

#[test]
fn a_full_quota_refuses_an_upload_as_a_whole() {
    // Room for two chunks and a leaf.
    let chunks_only = 2 * (CHUNK_BYTES as u64 + CHUNK_CHARGE);
    let max = chunks_only + LEAF_CHARGE + TREE_LEAF_CHARGE;
    let fixture = quota(max);
    let kept = fixture.ingest(&vec![1; CHUNK_BYTES]);
    let before = fixture.records();
    // The first chunk is stored already, the second fits, the third does not.
    let chunks = [vec![1; CHUNK_BYTES], vec![2; CHUNK_BYTES], vec![3; 1]];
    let error = fixture.bucket().ingest(&chunks.concat()[..]).unwrap_err();
    let quota = match error {
        IngestError::Quota {
            needed, used, max, ..
        } => (needed, used, max),
        other => panic!("{other}"),
    };
    let used = chunks_only + NODE_CHARGE;
    assert_eq!(quota, (1 + CHUNK_CHARGE, used, max));
    assert_eq!(fixture.records(), before);
    let hash = HashingProfile::Plain.chunk(&vec![4; CHUNK_BYTES]);
    fixture
        .bucket()
        .put_chunk(hash, &vec![4; CHUNK_BYTES])
        .unwrap();
    let over = HashingProfile::Plain.chunk(b"x");
    assert!(matches!(
        fixture.bucket().put_chunk(over, b"x"),
        Err(IngestError::Quota { .. })
    ));
    fixture
        .bucket()
        .commit(&[kept], Durability::Synced)
        .unwrap();
}

#[test]
fn an_upload_is_removed_when_its_source_fails() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("the cable was pulled"));
            }
            let length = buffer.len().min(self.0);
            buffer[..length].fill(self.0 as u8);
            self.0 -= length;
            Ok(length)
        }
    }
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let before = fixture.records();
    for length in [0, 100, CHUNK_BYTES, 9 * CHUNK_BYTES + 1, 30 * CHUNK_BYTES] {
        let error = fixture.bucket().ingest(Failing(length)).unwrap_err();
        assert!(
            error.to_string().contains("the cable was pulled"),
            "{error}"
        );
        assert_eq!(fixture.records(), before);
    }
}

/// A source that waits in the middle of an upload for a message to fail or to end.
struct PausedReader {
    rest: Vec<u8>,
    reached: Option<std::sync::mpsc::Sender<()>>,
    fail: std::sync::mpsc::Receiver<bool>,
}

impl Read for PausedReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() {
            self.reached.take().map(|reached| reached.send(()));
            return match self.fail.recv() {
                Ok(true) => Err(std::io::Error::other("told to fail")),
                _ => Ok(0),
            };
        }
        let length = buffer.len().min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest.drain(..length);
        Ok(length)
    }
}

#[test]
fn a_failed_upload_keeps_content_shared_with_another() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let chunks = [vec![1; CHUNK_BYTES], vec![2; CHUNK_BYTES]];
    let content = chunks.concat();
    let (reached, has_reached) = std::sync::mpsc::channel();
    let (tell, fail) = std::sync::mpsc::channel();
    let halting = PausedReader {
        rest: content.clone(),
        reached: Some(reached),
        fail,
    };
    std::thread::scope(|scope| {
        let failing = scope.spawn(|| bucket.ingest(halting));
        has_reached.recv().unwrap();
        // The second chunk may not be stored yet. The first is stored, but claimed by the
        // unfinished upload.
        let shared = bucket.ingest(&content[..]).unwrap();
        let sent = HashingProfile::Plain.chunk(&chunks[0]);
        bucket.put_chunk(sent, &chunks[0]).unwrap();
        tell.send(true).unwrap();
        failing.join().unwrap().unwrap_err();
        let leaf = NewLeaf {
            data_root: shared.data_root,
            data_size: shared.data_size,
        };
        bucket.commit(&[leaf], Durability::Synced).unwrap();
    });
    assert_eq!(bucket.usage().bytes, content.len() as u64);
    let view = bucket.view(StateRef::Newest).unwrap();
    let mut read = vec![];
    view.read_content(LeafIndex(0), &mut read).unwrap();
    assert_eq!(read, content);
}

#[test]
fn content_of_an_unfinished_upload_cannot_be_committed() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let (reached, has_reached) = std::sync::mpsc::channel();
    let (tell, fail) = std::sync::mpsc::channel();
    // One full chunk, stored before the source's end is known.
    let content = vec![5; CHUNK_BYTES];
    let root = HashingProfile::Plain.chunk(&content);
    let halting = PausedReader {
        rest: content.clone(),
        reached: Some(reached),
        fail,
    };
    std::thread::scope(|scope| {
        let unfinished = scope.spawn(|| bucket.ingest(halting));
        has_reached.recv().unwrap();
        let leaf = NewLeaf {
            data_root: root,
            data_size: content.len() as u64,
        };
        let refused = bucket.commit(&[leaf], Durability::Synced);
        assert!(
            matches!(refused, Err(CommitError::UnknownDataRoot { .. })),
            "{refused:?}"
        );
        assert!(!bucket.contains(&root).unwrap());
        tell.send(false).unwrap();
        unfinished.join().unwrap().unwrap();
        bucket.commit(&[leaf], Durability::Synced).unwrap();
    });
}
