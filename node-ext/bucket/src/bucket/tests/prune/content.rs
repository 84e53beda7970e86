//! The content of a release: shared content stays, other content frees its bytes, and
//! concurrent uploads are complete.

use super::*;
use crate::bucket::release::sweep::Sweep;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc;
use std::time::Duration;

fn bytes_on_disk(bucket: &Bucket) -> u64 {
    let files = std::fs::read_dir(bucket.path()).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().blocks() * 512)
        .sum()
}

#[test]
fn a_release_frees_the_disk_and_keeps_shared_content() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    let shared: Vec<u8> = (200..204).collect();
    for first in 0..4u8 {
        let own: Vec<u8> = (first * 5..first * 5 + 6).collect();
        model.commit(&[&own, &shared], true);
    }
    model.commit(&[&shared], true);
    model.bucket().flush().unwrap();
    let before = bytes_on_disk(model.bucket());
    assert!(before > 23 * CHUNK_BYTES as u64);
    model.prune(8);
    model.bucket().flush().unwrap();
    assert!(
        bytes_on_disk(model.bucket()) >= before,
        "all is kept until then"
    );

    let released = model.release(0);
    assert_eq!((released.leaves, released.content.chunks), (8, 24));
    assert_eq!(model.bucket().usage().chunks, 4);
    model.check();
    let after = bytes_on_disk(model.bucket());
    assert!(
        after + 20 * CHUNK_BYTES as u64 <= before,
        "{before} bytes before, {after} after"
    );
    model.fixture.reopen();
    model.check();
}

#[test]
fn tracked_changes_include_removed_chunks() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.commit(&[&[1, 2], &[1, 3]], true);
    model.prune(1);
    model.bucket().track_changes();
    model.release(0);
    let hash = HashingProfile::Plain.chunk(&[2; 5]);
    let is_held = false;
    let gone = model.bucket().take_changes();
    let chunks = |change: &ContentChange| matches!(change, ContentChange::Chunk { .. });
    let (chunks, nodes): (Vec<_>, Vec<_>) = gone.into_iter().partition(chunks);
    assert_eq!(chunks, [ContentChange::Chunk { hash, length: None }]);
    assert!(
        nodes.iter().all(
            |change| matches!(change, ContentChange::Node { is_held: held, .. } if *held == is_held)
        ),
        "{nodes:?}"
    );
}

/// A source that runs a function before its bytes are read.
struct RunFirst<'a, F: FnMut()>(Option<F>, &'a [u8]);

impl<F: FnMut()> Read for RunFirst<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(mut first) = self.0.take() {
            first();
        }
        self.1.read(buffer)
    }
}

#[test]
fn i1_a_release_removes_nothing_that_an_upload_relies_on() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.commit(&[&[1, 2], &[3]], true);
    model.prune(1);
    let bucket = model.bucket();
    let before = model.fixture.records();
    let try_release = || {
        let refused = bucket
            .release_within(Sequence(0), Duration::ZERO)
            .unwrap_err();
        assert!(
            matches!(refused, ReleaseError::Busy { uploads: 1, .. }),
            "{refused}"
        );
        assert_eq!(model.fixture.records(), before);
    };
    let content = bytes_of(&[1, 2]);
    bucket
        .ingest(RunFirst(Some(try_release), &content))
        .unwrap();
    // A failed upload has ended too.
    let panics = || panic!("a reader made by a test");
    let source = RunFirst(Some(panics), &content);
    let upload = std::panic::AssertUnwindSafe(|| drop(bucket.ingest(source)));
    std::panic::catch_unwind(upload).unwrap_err();
    model.release(0);
    model.check();
}

#[test]
fn a_release_waits_only_for_uploads_that_began_before_it() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.commit(&[&[1, 2], &[3]], true);
    model.prune(1);
    let bucket = model.bucket();
    let content = bytes_of(&[1, 2]);
    std::thread::scope(|scope| {
        // An upload that has found the first chunk before the release begins.
        let (resume, wait) = mpsc::channel();
        let early = scope.spawn({
            let content = &content;
            move || {
                let (found, rest) = content.split_at(CHUNK_BYTES + 1);
                let waits = RunFirst(Some(move || wait.recv().unwrap()), rest);
                bucket.ingest(found.chain(waits)).unwrap()
            }
        });
        // Its reader is a chunk ahead; the count shows that the upload has begun.
        let begun = || bucket.content.lock().uploads.under_way();
        while begun() == 0 {
            std::thread::yield_now();
        }
        let releasing = scope.spawn(|| bucket.release_within(Sequence(0), Duration::MAX));
        while bucket.content.lock().uploads.before_release() == 0 {
            std::thread::yield_now();
        }
        // An upload that begins afterwards and outlasts the release.
        let (released, wait) = mpsc::channel();
        let late = scope.spawn({
            let content = &content;
            move || {
                let waits = RunFirst(Some(move || wait.recv().unwrap()), content);
                bucket.ingest(waits).unwrap()
            }
        });
        while begun() < 2 {
            std::thread::yield_now();
        }
        assert!(!releasing.is_finished());
        resume.send(()).unwrap();
        let early = early.join().unwrap();
        releasing.join().unwrap().unwrap();
        assert!(!late.is_finished());
        released.send(()).unwrap();
        assert_eq!(late.join().unwrap().data_root, early.data_root);
        let leaf = NewLeaf {
            data_root: early.data_root,
            data_size: early.data_size,
        };
        bucket.commit(&[leaf], Durability::Buffered).unwrap();
    });
    assert!(fsck(bucket, |_| {}).unwrap().is_clean());
}

#[test]
fn i1_found_content_survives_both_lists_of_a_resumed_release() {
    let going = vec![1; CHUNK_BYTES];
    let half_released = |writes| {
        let mut fixture = Fixture::with_profile(HashingProfile::Plain);
        let leaves = [&going[..], b"stays"].map(|content| fixture.ingest(content));
        fixture
            .bucket()
            .commit(&leaves, Durability::Buffered)
            .unwrap();
        fixture.bucket().prune(Sequence(1), None).unwrap();
        fixture.bucket().engine.probe.fail_after(writes);
        fixture.bucket().release(Sequence(0)).unwrap_err();
        fixture.reopen();
        fixture
    };
    let has_list = |fixture: &Fixture| {
        let complete = layout::RELEASE_LIST_COMPLETE_KEY;
        let found = fixture.bucket().engine.get(Family::Content, complete);
        found.unwrap().is_some()
    };
    let fixture = (0..).map(half_released).find(has_list).unwrap();
    let bucket = fixture.bucket();
    let found = layout::chunk_length_key(&HashingProfile::Plain.chunk(&going));
    let sweep = Sweep::begin(bucket, Duration::ZERO).unwrap();
    let (resume, wait) = mpsc::channel();
    let stored = std::thread::scope(|scope| {
        let upload = scope.spawn(|| {
            let waits = RunFirst(Some(move || wait.recv().unwrap()), b"its other chunk");
            bucket.ingest(going.chain(waits)).unwrap()
        });
        let relies = || {
            let content = bucket.content.lock();
            content.relied_on.as_ref().unwrap().contains(&found)
        };
        while !relies() {
            std::thread::yield_now();
        }
        sweep.remove_before(Sequence(1)).unwrap();
        resume.send(()).unwrap();
        upload.join().unwrap()
    });
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    bucket.commit(&[leaf], Durability::Buffered).unwrap();
    let report = fsck(bucket, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

const RELEASED_CONTENT: &[u8] = &[1, 2, 3, 4, 5];

/// Runs `comes` between the beginning of a sweep and its removals. Checks that afterwards
/// exactly the content that must stay is stored.
fn sweep_while(comes: impl FnOnce(&Bucket), stays: &[&[u8]], and: &[Stored]) {
    let profile = HashingProfile::Plain;
    let mut model = ModelledBucket::new(profile);
    model.commit(&[RELEASED_CONTENT, &[9]], true);
    model.prune(1);
    let bucket = model.bucket();
    let sweep = Sweep::begin(bucket, Duration::ZERO).unwrap();
    let record = bucket.retired_record(Sequence(0)).unwrap().unwrap();
    bucket.mark_releasing(Sequence(0), record).unwrap();
    comes(bucket);
    sweep.remove_before(Sequence(1)).unwrap();
    let stays = stays.iter().copied().chain([&[9][..]]);
    let mut expected: BTreeSet<_> = stays
        .flat_map(|content| tree_of(profile, content).0)
        .collect();
    expected.extend(and);
    let chunks = bucket.chunks_after(None).unwrap();
    let chunks = chunks.map(|chunk| Stored::Chunk(chunk.unwrap().0));
    let nodes = bucket.interior_nodes().unwrap();
    let nodes = nodes.map(|node| Stored::Node(node.unwrap().0));
    assert_eq!(chunks.chain(nodes).collect::<BTreeSet<_>>(), expected);
    let report = fsck(bucket, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

fn leaf_of(content: &[u8]) -> NewLeaf {
    let mut hasher = ContentHasher::new(HashingProfile::Plain);
    let bytes = bytes_of(content);
    for chunk in bytes.chunks(CHUNK_BYTES) {
        hasher.push(chunk).unwrap();
    }
    NewLeaf {
        data_root: hasher.finish().root,
        data_size: bytes.len() as u64,
    }
}

#[test]
fn i1_content_found_by_an_upload_survives_a_release() {
    sweep_while(|_| {}, &[], &[]);
    for content in [RELEASED_CONTENT, &[1, 2, 7], &[5], &[2, 1]] {
        let upload = |bucket: &Bucket| {
            bucket.ingest(&bytes_of(content)[..]).unwrap();
        };
        sweep_while(upload, &[content], &[]);
    }
}

#[test]
fn i1_content_under_a_new_node_survives_a_release() {
    let profile = HashingProfile::Plain;
    let [one, three] = [1, 3].map(|filling| profile.chunk(&vec![filling; CHUNK_BYTES]));
    let above = profile.node(&one, &three);
    let put = |bucket: &Bucket| {
        assert!(bucket.put_node(above, one, three).unwrap());
    };
    let chunks = [Stored::Chunk(one), Stored::Chunk(three)];
    sweep_while(put, &[], &[&chunks[..], &[Stored::Node(above)]].concat());
    let put = |bucket: &Bucket| {
        let found = bucket.put_chunk(one, &vec![1; CHUNK_BYTES]).unwrap();
        assert!(!found, "it was stored");
    };
    sweep_while(put, &[], &chunks[..1]);
}

#[test]
fn i1_content_committed_during_a_release_survives_it() {
    let commit = |bucket: &Bucket| {
        bucket
            .commit(&[leaf_of(RELEASED_CONTENT)], Durability::Buffered)
            .unwrap();
    };
    sweep_while(commit, &[RELEASED_CONTENT], &[]);
}

#[test]
fn a_release_keeps_the_content_of_a_pending_commit() {
    let mut model = ModelledBucket::new(HashingProfile::Plain);
    model.commit(&[RELEASED_CONTENT, &[9]], true);
    model.prune(1);
    let bucket = model.bucket();
    std::thread::scope(|scope| {
        // Stands for a commit that has checked its content and is not written yet.
        let committing = bucket.commit_lock.read();
        let (_, before) = (
            bucket.check_content(&leaf_of(RELEASED_CONTENT)).unwrap(),
            bucket.usage(),
        );
        let releasing = scope.spawn(|| bucket.release(Sequence(0)).unwrap());
        while bucket.commit_lock.try_read().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(bucket.usage(), before, "nothing goes before the write");
        let request = crate::bucket::commit::Request {
            leaves: vec![leaf_of(RELEASED_CONTENT)],
            expected: None,
            durability: Durability::Buffered,
            signed_ms: None,
        };
        assert!(bucket.write_with_others(request).is_ok());
        drop(committing);
        assert_eq!(releasing.join().unwrap().content, StorageUsage::default());
    });
    model
        .bucket()
        .view(StateRef::Newest)
        .unwrap()
        .answer(at(1, 4))
        .unwrap();
    assert!(fsck(model.bucket(), |_| {}).unwrap().is_clean());
}
