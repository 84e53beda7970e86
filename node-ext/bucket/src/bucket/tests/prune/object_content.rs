//! Objects in a release: content of several leaves, parts, and content to release. Afterwards
//! exactly the content is stored that something needs.

use super::*;
use crate::bucket::release::sweep::Sweep;
use crate::bucket::{ContentRecords, ObjectChanges, ObjectContent};
use cairn_primitives::chunk_tree::split_without_padding;
use proptest::prelude::*;
use std::time::Duration;

/// The space of parts.
const PARTS: u8 = b'q';

/// A bucket with objects, parts of open uploads, and content to release.
struct Objects {
    fixture: Fixture,
    /// Objects by the sequence of their first leaf.
    objects: BTreeMap<u64, Vec<u8>>,
    /// Parts of open uploads by their number.
    parts: BTreeMap<u16, Vec<u8>>,
    forgotten: Vec<Vec<u8>>,
    current: u64,
}

/// Stores content by the fill bytes of its chunks.
fn ingest(bucket: &Bucket, content: &[u8]) -> ObjectContent {
    ObjectContent::from(&bucket.ingest(&bytes_of(content)[..]).unwrap())
}

/// The leaves of content, without padding, with the bytes of each.
fn leaves_of(content: &[u8]) -> Vec<(NewLeaf, Vec<u8>)> {
    let mut rest = bytes_of(content);
    split_without_padding(rest.len() as u64)
        .map(|data_size| {
            let after = rest.split_off(data_size as usize);
            let bytes = std::mem::replace(&mut rest, after);
            let mut hasher = ContentHasher::new(HashingProfile::Plain);
            let mut chunks = bytes.chunks(CHUNK_BYTES);
            chunks.try_for_each(|chunk| hasher.push(chunk)).unwrap();
            let data_root = hasher.finish().root;
            let leaf = NewLeaf {
                data_root,
                data_size,
            };
            (leaf, bytes)
        })
        .collect()
}

/// The chunks and nodes of the tree over bytes.
fn tree_of_bytes(bytes: &[u8]) -> BTreeSet<Stored> {
    let profile = HashingProfile::Plain;
    let mut builder = TreeBuilder::new(profile);
    let mut stored = BTreeSet::new();
    for chunk in bytes.chunks(CHUNK_BYTES) {
        let hash = profile.chunk(chunk);
        stored.insert(Stored::Chunk(hash));
        let node = |node: InteriorNode| stored.extend([Stored::Node(node.hash)]);
        builder.push(hash, chunk.len(), node).unwrap();
    }
    builder.finish(|node| stored.extend([Stored::Node(node.hash)]));
    stored
}

/// Changes records of content, as `cairn-objects` does.
fn change(bucket: &Bucket, job: impl FnOnce(&mut ContentRecords<'_>, &mut ObjectChanges)) {
    let changed = bucket.change_objects(|changes| {
        let mut records = bucket.object_content_records().unwrap();
        job(&mut records, changes);
        records.finish(changes);
        Ok::<_, CommitError>(())
    });
    changed.unwrap();
}

fn forget(bucket: &Bucket, content: &ObjectContent) {
    change(bucket, |records, changes| {
        records.forget(changes, content).unwrap();
    });
}

fn put_part(bucket: &Bucket, number: u16, content: &ObjectContent) {
    let put = bucket.change_objects(|changes| {
        let value = (number, content.data_root, content.size, 0u64).encode();
        changes.put(PARTS, &number.to_be_bytes(), value);
        Ok::<_, CommitError>(())
    });
    put.unwrap();
}

impl Objects {
    fn new() -> Self {
        Self {
            fixture: Fixture::with_profile(HashingProfile::Plain),
            objects: BTreeMap::new(),
            parts: BTreeMap::new(),
            forgotten: vec![],
            current: 0,
        }
    }

    fn bucket(&self) -> &Bucket {
        self.fixture.bucket()
    }

    fn end(&self) -> u64 {
        self.bucket().tip().end().0
    }

    fn put(&mut self, content: &[u8]) {
        let bucket = self.fixture.bucket();
        let whole = ingest(bucket, content);
        let leaves: Vec<_> = leaves_of(content)
            .into_iter()
            .map(|(leaf, _)| leaf)
            .collect();
        let first = self.end();
        let bucket = self.fixture.bucket();
        bucket.commit(&leaves, Durability::Buffered).unwrap();
        if leaves.len() > 1 {
            change(bucket, |records, changes| {
                let first = Sequence(first);
                records.set_whole(changes, first, &whole).unwrap();
            });
        }
        self.objects.insert(first, content.to_vec());
    }

    fn forget(&mut self, content: &[u8]) {
        let whole = ingest(self.bucket(), content);
        forget(self.bucket(), &whole);
        self.forgotten.push(content.to_vec());
    }

    fn put_part(&mut self, number: u16, content: &[u8]) {
        if let Some(replaced) = self.parts.insert(number, content.to_vec()) {
            self.forget(&replaced);
        }
        let part = ingest(self.bucket(), content);
        put_part(self.bucket(), number, &part);
    }

    fn abort_part(&mut self, number: u16) {
        if let Some(content) = self.parts.remove(&number) {
            let gone = self.bucket().change_objects(|changes| {
                changes.delete(PARTS, &number.to_be_bytes());
                Ok::<_, CommitError>(())
            });
            gone.unwrap();
            self.forget(&content);
        }
    }

    fn prune(&mut self, before: u64) {
        self.bucket().prune(Sequence(before), None).unwrap();
    }

    /// Updates the model by a prune and its release.
    fn note_released(&mut self, before: u64) {
        self.current = before;
        self.forgotten.clear();
    }

    /// The chunks and nodes that something needs.
    fn needed(&self) -> BTreeSet<Stored> {
        let mut needed = BTreeSet::new();
        let objects = self.objects.iter();
        let (whole, cut): (Vec<_>, Vec<_>) =
            objects.partition(|(first, _)| **first >= self.current);
        let whole = whole.into_iter().map(|(_, content)| content);
        for content in whole.chain(self.parts.values()).chain(&self.forgotten) {
            needed.extend(tree_of_bytes(&bytes_of(content)));
        }
        // A prune may leave the last leaves of an object.
        for (first, content) in cut {
            for ((_, bytes), sequence) in leaves_of(content).iter().zip(*first..) {
                if sequence >= self.current {
                    needed.extend(tree_of_bytes(bytes));
                }
            }
        }
        needed
    }

    fn stored(&self) -> BTreeSet<Stored> {
        let chunks = self.bucket().chunks_after(None).unwrap();
        let chunks = chunks.map(|chunk| Stored::Chunk(chunk.unwrap().0));
        let nodes = self.bucket().interior_nodes().unwrap();
        let nodes = nodes.map(|node| Stored::Node(node.unwrap().0));
        chunks.chain(nodes).collect()
    }

    fn check(&self) {
        assert_eq!(self.stored(), self.needed());
        let report = fsck(self.bucket(), |_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}

/// Objects of 1, 3, 5 and 13 chunks before others that share content with them.
fn history() -> Objects {
    let mut objects = Objects::new();
    objects.put(&[1]);
    objects.put(&[1, 2, 3]);
    objects.put(&[4, 5, 6, 7, 8]);
    objects.put(&[1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]);
    objects.forget(&[9, 10, 11, 12, 13]);
    objects.put_part(1, &[14, 15, 16]);
    objects.put_part(2, &[14, 17, 16]);
    objects.put_part(1, &[18, 2, 19]);
    objects.put(&[1, 2, 3]);
    objects.forget(&[1, 2, 3]);
    objects.put(&[4, 5, 20]);
    objects.fixture.bucket().sync().unwrap();
    objects
}

/// The first leaf of the history that a prune keeps.
const FIRST_KEPT: u64 = 8;

#[test]
fn objects_that_are_left_keep_just_their_own_content() {
    let mut objects = history();
    let firsts: Vec<_> = objects.objects.keys().copied().collect();
    assert_eq!(firsts, [0, 1, 3, 5, FIRST_KEPT, FIRST_KEPT + 2]);
    objects.check();
    objects.prune(FIRST_KEPT);
    objects.check();
    objects.bucket().release(Sequence(0)).unwrap();
    objects.note_released(FIRST_KEPT);
    objects.check();
    // The records of what has gone are gone, and counted no more.
    let records = objects.bucket().object_content_records().unwrap();
    assert_eq!(records.bytes(), 2 * crate::CONTENT_RECORD_BYTES);
    let whole: Vec<_> = objects
        .bucket()
        .whole_objects_from(Sequence(0))
        .unwrap()
        .map(|whole| whole.unwrap().0)
        .collect();
    assert_eq!(whole, [Sequence(FIRST_KEPT), Sequence(FIRST_KEPT + 2)]);
    objects.fixture.reopen();
    objects.check();
}

#[test]
fn a_prune_within_an_object_leaves_its_last_leaves() {
    let mut objects = history();
    // The leaves of 4 and 1 of the 13 chunks.
    objects.prune(6);
    objects.bucket().release(Sequence(0)).unwrap();
    objects.note_released(6);
    objects.check();
}

#[test]
fn i1_a_release_of_objects_is_completed_after_any_interruption() {
    let mut failed = 0;
    for writes in 0.. {
        let mut objects = history();
        objects.prune(FIRST_KEPT);
        objects.bucket().engine.probe.fail_after(writes);
        let released = objects.bucket().release(Sequence(0));
        objects.bucket().engine.probe.stop_failing();
        if released.is_ok() {
            break;
        }
        failed += 1;
        objects.fixture.reopen();
        let report = fsck(objects.bucket(), |_| {}).unwrap();
        assert!(report.is_clean(), "{writes}: {:?}", report.findings);
        let before = objects.current;
        objects.current = FIRST_KEPT;
        let forgotten = std::mem::take(&mut objects.forgotten);
        assert!(objects.needed().is_subset(&objects.stored()), "{writes}");
        (objects.current, objects.forgotten) = (before, forgotten);
        // What has gone in part is put again before the release goes on.
        let again = [9, 10, 11, 12, 13];
        if writes % 2 == 1 {
            objects.put(&again);
        }
        objects.bucket().release(Sequence(0)).unwrap();
        objects.note_released(FIRST_KEPT);
        objects.check();
    }
    assert!(failed > 20, "every step writes: {failed}");
}

#[test]
fn content_of_a_record_that_is_written_during_a_release_stays() {
    let mut objects = Objects::new();
    objects.put(&[1, 2, 3]);
    objects.put(&[9]);
    objects.prune(2);
    // Content of a part that an upload has found before the release begins.
    let content = ingest(objects.bucket(), &[1, 2, 3]);
    let sweep = Sweep::begin(objects.bucket(), Duration::ZERO).unwrap();
    let retired = objects.bucket().retired_record(Sequence(0)).unwrap();
    let bucket = objects.bucket();
    bucket
        .mark_releasing(Sequence(0), retired.unwrap())
        .unwrap();
    let hold = bucket.hold_content();
    assert!(hold.keep(&content).unwrap());
    // The record comes after the release has read those that there are.
    sweep.remove_before(Sequence(2)).unwrap();
    put_part(bucket, 1, &content);
    drop(hold);
    objects.parts.insert(1, vec![1, 2, 3]);
    objects.note_released(2);
    objects.check();
    // A release waits for a record that is being written.
    let hold = objects.bucket().hold_content();
    let refused = Sweep::begin(objects.bucket(), Duration::ZERO).map(drop);
    assert!(matches!(
        refused,
        Err(ReleaseError::Busy { uploads: 1, .. })
    ));
    drop(hold);
    Sweep::begin(objects.bucket(), Duration::ZERO)
        .map(drop)
        .unwrap();
    let absent = ObjectContent { size: 1, ..content };
    assert!(!objects.bucket().hold_content().keep(&absent).unwrap());
}

#[test]
fn a_record_that_is_written_after_the_list_outlasts_the_release() {
    let mut objects = Objects::new();
    let [one, two] = [&[1, 2, 3][..], &[4, 5, 6]].map(|content| ingest(objects.bucket(), content));
    forget(objects.bucket(), &one);
    forget(objects.bucket(), &two);
    let changes = |objects: &Objects| -> Vec<(ObjectContent, u64)> {
        let forgotten = objects.bucket().forgotten_content().unwrap();
        let mut all: Vec<_> = forgotten.map(Result::unwrap).collect();
        all.sort_by_key(|(_, change)| *change);
        all
    };
    assert_eq!(changes(&objects), [(one, 1), (two, 2)]);
    // The first is written again while a release is under way that has listed both.
    forget(objects.bucket(), &one);
    let (first, end) = (Sequence(0), 2);
    objects.bucket().remove_content_records(first, end).unwrap();
    assert_eq!(changes(&objects), [(one, 3)]);
    objects.fixture.reopen();
    let records = objects.bucket().object_content_records().unwrap();
    assert_eq!(records.bytes(), crate::CONTENT_RECORD_BYTES);
}

#[test]
fn a_release_leaves_out_records_that_cannot_be_read() {
    let mut objects = history();
    let garbled = objects.bucket().change_objects(|changes| {
        for (space, name) in [(b'w', &b"short"[..]), (b'r', b"x"), (PARTS, b"y")] {
            changes.put(space, name, vec![1]);
        }
        changes.put(b'#', b"w", vec![1]);
        Ok::<_, CommitError>(())
    });
    garbled.unwrap();
    objects.prune(FIRST_KEPT);
    objects.bucket().release(Sequence(0)).unwrap();
    objects.note_released(FIRST_KEPT);
    objects.check();
}

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>),
    Forget(Vec<u8>),
    PutPart(u16, Vec<u8>),
    AbortPart(u16),
    Release(prop::sample::Index),
}

fn any_step() -> impl Strategy<Value = Step> {
    let content = || prop::collection::vec(0u8..3, 1..7);
    prop_oneof![
        3 => content().prop_map(Step::Put),
        1 => content().prop_map(Step::Forget),
        1 => (0u16..3, content()).prop_map(|(number, content)| Step::PutPart(number, content)),
        1 => (0u16..3).prop_map(Step::AbortPart),
        2 => any::<prop::sample::Index>().prop_map(Step::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_bucket_has_what_something_needs_and_nothing_else(
        steps in prop::collection::vec(any_step(), 1..14),
    ) {
        let mut objects = Objects::new();
        for step in steps {
            match step {
                Step::Put(content) => objects.put(&content),
                Step::Forget(content) => objects.forget(&content),
                Step::PutPart(number, content) => objects.put_part(number, &content),
                Step::AbortPart(number) => objects.abort_part(number),
                Step::Release(index) => {
                    let (from, end) = (objects.current + 1, objects.end());
                    if from < end {
                        let before = from + index.index((end - from) as usize) as u64;
                        let tree = Sequence(objects.current);
                        objects.prune(before);
                        objects.bucket().release(tree).unwrap();
                        objects.note_released(before);
                    }
                }
            }
            // What has gone with a release is not known any more, and only that.
            prop_assert_eq!(objects.stored(), objects.needed());
        }
    }
}
