//! A round reads everything once, finds all damage, and can be stopped anywhere.

use super::*;
use crate::bucket::{BucketConfig, NewLeaf};
use cairn_engine::{
    Access, Batch, DamagedLog, Durability, Engine, Family, FaultKind, SharedResources, layout,
};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::mmr::leaf_position;
use cairn_primitives::{BucketId, HashingProfile, Position};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
    bucket: Option<Bucket>,
}

/// Leaves of the fixture's bucket, and the nodes above them.
const LEAVES: u64 = 31;
const PARENT_NODES: u64 = LEAVES - 5;
/// Chunks, interior nodes, leaves and nodes of the fixture's bucket.
const RECORDS: u64 = 33 + 3 + LEAVES + PARENT_NODES;

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let config = BucketConfig::default();
        let bucket =
            Bucket::create(&path, BucketId(1), config, &SharedResources::default()).unwrap();
        let mut fixture = Self {
            folder,
            bucket: Some(bucket),
        };
        for length in 1..=30 {
            fixture.commit(&vec![7; length]);
        }
        let large: Vec<u8> = (0..3u8)
            .flat_map(|chunk| vec![chunk; CHUNK_BYTES])
            .collect();
        fixture.commit(&large);
        fixture
    }

    fn commit(&mut self, content: &[u8]) {
        let bucket = self.bucket();
        let stored = bucket.ingest(content).unwrap();
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        bucket.commit(&[leaf], Durability::Buffered).unwrap();
    }

    fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().unwrap()
    }

    fn tamper(&mut self, change: impl FnOnce(&mut Batch<'_>)) {
        let path = self.folder.path().join("bucket");
        let shared = SharedResources::default();
        self.bucket = None;
        let engine = Engine::open(&path, Access::ReadWrite, &shared, DamagedLog::Refuse).unwrap();
        let mut batch = engine.batch();
        change(&mut batch);
        engine.write(batch, Durability::Synced).unwrap();
        drop(engine);
        self.bucket = Some(Bucket::open(&path, Access::ReadWrite, &shared).unwrap());
    }
}

/// Steps to the end of a round, with a new scrub for each step, as after restarts.
fn round(bucket: &Bucket, budget: u64, mut between: impl FnMut(u64)) -> Vec<ScrubStepReport> {
    let mut steps = vec![];
    let mut point = None;
    loop {
        let report = Scrub::new(point).step(bucket, budget).unwrap();
        point = report.point.map(|point| {
            // Encoded and decoded, as in a file.
            ScrubPoint::decode(&mut &point.encode()[..]).unwrap()
        });
        steps.push(report);
        if point.is_none() {
            return steps;
        }
        between(steps.len() as u64);
    }
}

fn sum(steps: &[ScrubStepReport], of: impl Fn(&ScrubStepReport) -> u64) -> u64 {
    steps.iter().map(of).sum()
}

#[test]
fn a_round_reads_every_record_once_even_if_interrupted() {
    let fixture = Fixture::new();
    let usage = fixture.bucket().usage();
    assert_eq!(
        usage.chunks + usage.interior_nodes + LEAVES + PARENT_NODES,
        RECORDS
    );
    let mut steps_before = u64::MAX;
    for budget in [0, 150, 1_000, 300_000, u64::MAX] {
        let steps = round(fixture.bucket(), budget, |_| {});
        assert!(
            steps.iter().all(|step| step.findings.is_empty()),
            "{steps:?}"
        );
        assert_eq!(sum(&steps, |step| step.records), RECORDS, "{budget}");
        assert_eq!(sum(&steps, |step| step.bytes), usage.bytes, "{budget}");
        for (before, after) in steps.iter().zip(&steps[1..]) {
            let (Some(point), Some(next)) = (before.point, after.point) else {
                continue;
            };
            assert_eq!(next.records, point.records + after.records);
        }
        assert!(steps.len() as u64 <= steps_before);
        steps_before = steps.len() as u64;
    }
    assert_eq!(steps_before, 1);
    let mut over = Scrub::new(None);
    over.step(fixture.bucket(), u64::MAX).unwrap();
    assert_eq!(
        over.step(fixture.bucket(), 1).unwrap(),
        ScrubStepReport::default()
    );
}

#[test]
fn exactly_the_flipped_chunks_are_found() {
    let mut fixture = Fixture::new();
    let plain = HashingProfile::Plain;
    let hashes = [3usize, 8, 21].map(|length| plain.chunk(&vec![7; length]));
    let large = plain.chunk(&vec![1; CHUNK_BYTES]);
    fixture.tamper(|batch| {
        for (hash, length) in hashes.iter().zip([3, 8, 21]) {
            let mut flipped = vec![7; length];
            flipped[length / 2] ^= 0x10;
            batch.put(Family::Content, layout::chunk_key(hash), &flipped);
        }
        let mut flipped = vec![1; CHUNK_BYTES];
        flipped[CHUNK_BYTES - 1] ^= 1;
        batch.put(Family::Content, layout::chunk_key(&large), &flipped);
    });
    let steps = round(fixture.bucket(), 500, |_| {});
    let found: BTreeSet<_> = steps
        .iter()
        .flat_map(|step| &step.findings)
        .map(|found| (found.place.clone(), found.fault.as_str()))
        .collect();
    let expected = hashes
        .iter()
        .chain([&large])
        .map(|hash| (format!("chunk {hash:?}"), "its bytes do not hash to it"));
    assert_eq!(found, expected.collect());
    let last = steps[steps.len() - 2].point.unwrap();
    assert_eq!(last.findings, 4);
}

/// The record of leaf 4.
fn fixture_leaf() -> Vec<u8> {
    let fixture = Fixture::new();
    fixture.bucket().leaf(LeafIndex(4)).unwrap().encode()
}

#[test]
fn lost_and_changed_records_of_each_kind_are_found() {
    let plain = HashingProfile::Plain;
    let chunk = plain.chunk(&[7; 5]);
    let full: Vec<_> = (0..3u8)
        .map(|byte| plain.chunk(&vec![byte; CHUNK_BYTES]))
        .collect();
    let (left, right) = (
        plain.node(&full[0], &full[1]),
        plain.node(&full[2], &H256::zero()),
    );
    type Change<'c> = &'c dyn Fn(&mut Batch<'_>);
    let node = |position| layout::node_key(Sequence(0), position);
    let of_leaf = node(leaf_position(LeafIndex(4)));
    let cases: [(&str, Change<'_>); 10] = [
        ("chunk", &|batch| {
            batch.delete(Family::Content, layout::chunk_key(&chunk))
        }),
        ("chunk", &|batch| {
            batch.put(
                Family::Content,
                layout::chunk_length_key(&chunk),
                &[0, 0, 0, 6],
            )
        }),
        ("chunk", &|batch| {
            batch.put(Family::Content, layout::chunk_length_key(&chunk), b"x")
        }),
        ("node of", &|batch| {
            batch.delete(Family::Content, layout::interior_key(&left))
        }),
        ("node of", &|batch| {
            batch.delete(Family::Content, layout::chunk_length_key(&full[1]))
        }),
        ("node of", &|batch| {
            batch.put(Family::Content, layout::interior_key(&right), &[1; 84])
        }),
        ("leaf 4", &|batch| {
            batch.put(Family::Tree, layout::leaf_key(Sequence(4)), &[1; 48])
        }),
        ("leaf 4", &|batch| batch.delete(Family::Tree, of_leaf)),
        ("leaf 4", &|batch| {
            let mut long = fixture_leaf();
            long.push(0);
            batch.put(Family::Tree, layout::leaf_key(Sequence(4)), &long)
        }),
        // Of leaves 0 and 1.
        ("node 2", &|batch| {
            batch.delete(Family::Tree, node(Position(2)))
        }),
    ];
    for (number, (place, change)) in cases.into_iter().enumerate() {
        let mut fixture = Fixture::new();
        fixture.tamper(|batch| change(batch));
        let steps = round(fixture.bucket(), 100_000, |_| {});
        let found: Vec<_> = steps.iter().flat_map(|step| &step.findings).collect();
        assert!(!found.is_empty(), "{number}");
        assert!(
            found.iter().all(|found| found.place.starts_with(place)),
            "{number}: {found:?}"
        );
    }
}

fn places(steps: &[ScrubStepReport]) -> Vec<&str> {
    let findings = steps.iter().flat_map(|step| &step.findings);
    findings.map(|found| found.place.as_str()).collect()
}

#[test]
fn a_retired_tree_is_read_until_it_is_released() {
    let mut fixture = Fixture::new();
    fixture.bucket().prune(Sequence(12), None).unwrap();
    // 19 leaves have three peaks.
    let records = RECORDS + 19 + (19 - 3);
    for budget in [0, 150, 1_000, u64::MAX] {
        let steps = round(fixture.bucket(), budget, |_| {});
        assert_eq!(places(&steps), Vec::<&str>::new());
        assert_eq!(sum(&steps, |step| step.records), records, "{budget}");
    }

    let node = |tree, at| layout::node_key(Sequence(tree), Position(at));
    fixture.tamper(|batch| {
        batch.put(Family::Tree, node(0, 2), &[1; 32]);
        batch.delete(Family::Tree, layout::leaf_key(Sequence(7)));
        batch.delete(Family::Tree, node(12, 5));
    });
    let steps = round(fixture.bucket(), 300, |_| {});
    assert_eq!(
        places(&steps),
        ["node 2", "node 6", "leaf 7", "node 5 of the tree from 12"]
    );

    // In the middle of the old tree, which is then released.
    let in_old_tree = |steps: &[ScrubStepReport]| {
        let point = steps[steps.len() - 1].point;
        matches!(point, Some(ScrubPoint { next: Cursor::Leaf(tree, _), .. }) if tree == Sequence(0))
    };
    let mut steps = vec![];
    let mut scrub = Scrub::new(None);
    while steps.is_empty() || !in_old_tree(&steps) {
        steps.push(scrub.step(fixture.bucket(), 0).unwrap());
    }
    assert!(places(&steps).is_empty());
    fixture.bucket().release(Sequence(0)).unwrap();
    let last = scrub.step(fixture.bucket(), u64::MAX).unwrap();
    assert_eq!(places(&[last]), ["node 5 of the tree from 12"]);
    let mut stale = ScrubStep {
        bucket: fixture.bucket(),
        budget: u64::MAX,
        report: ScrubStepReport::default(),
    };
    let count = LeafCount::new(31).unwrap();
    let read = stale
        .check_leaves(Sequence(0), count, LeafIndex(0))
        .unwrap();
    assert_eq!((read, stale.report.findings), (None, vec![]));
}

/// A source that ends with an error, so that its upload is undone.
struct Failing(usize);

impl std::io::Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        let some = buffer.len().min(self.0);
        buffer[..some].fill(self.0.to_le_bytes()[1]);
        self.0 -= some;
        Ok(some)
    }
}

#[test]
fn concurrent_uploads_and_cancellations_are_no_findings() {
    let mut fixture = Fixture::new();
    let path = fixture.folder.path().join("bucket");
    fixture.bucket = None;
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    let steps = round(&bucket, 2_000, |step| {
        // The record at the point may be one that is removed here.
        bucket
            .ingest(Failing(3 * CHUNK_BYTES + step as usize))
            .unwrap_err();
        bucket.ingest(&[9, step as u8][..]).unwrap();
    });
    assert!(steps.len() > 3);
    assert!(
        steps.iter().all(|step| step.findings.is_empty()),
        "{steps:?}"
    );
    assert!(sum(&steps, |step| step.records) >= RECORDS);

    /// Ends the uploads, also when a check fails meanwhile.
    struct Stops<'s>(&'s AtomicBool);
    impl Drop for Stops<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| {
            for upload in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let length = 2 * CHUNK_BYTES + upload;
                let source = std::io::repeat(upload as u8).take(length as u64);
                bucket.ingest(source).unwrap();
                bucket.ingest(Failing(length)).unwrap_err();
            }
        });
        for _ in 0..20 {
            let steps = round(&bucket, 1 << 20, |_| {});
            let found: Vec<_> = steps.iter().flat_map(|step| &step.findings).collect();
            assert!(found.is_empty(), "{found:?}");
            let report = crate::fsck::fsck(&bucket, |_| {}).unwrap();
            assert!(report.is_clean(), "{report:?}");
        }
    });
}

#[test]
fn a_record_removed_after_listing_is_no_finding() {
    let fixture = Fixture::new();
    let mut step = ScrubStep {
        bucket: fixture.bucket(),
        budget: 1,
        report: ScrubStepReport::default(),
    };
    let profile = HashingProfile::Plain;
    let gone = profile.chunk(b"taken back");
    assert!(matches!(step.check_chunk(&gone, Some(10)), (10, Ok(()))));
    let (left, right) = (gone, gone);
    let subtree = cairn_primitives::chunk_tree::Subtree::from_parts(1, 2, 2 << 18);
    let value = InteriorValue {
        left,
        right,
        subtree: subtree.unwrap(),
    };
    let node = profile.node(&left, &right);
    assert!(matches!(step.check_node(&node, Some(value)), (0, Ok(()))));
}

#[test]
fn unreadable_records_are_distinguished_from_damage() {
    let fixture = Fixture::new();
    let mut step = ScrubStep {
        bucket: fixture.bucket(),
        budget: 1,
        report: ScrubStepReport::default(),
    };
    let unread = |kind| EngineError {
        doing: "read",
        path: "/bucket".into(),
        kind,
        message: "too many open files".into(),
    };
    step.add_finding("chunk".into(), unread(FaultKind::Other).into());
    step.add_finding("chunk".into(), unread(FaultKind::Corrupt).into());
    step.add_finding("chunk".into(), "its bytes are lost".into());
    let found: Vec<_> = step.report.findings.iter().map(|f| f.is_damage).collect();
    assert_eq!(found, [false, true, true]);
}

#[test]
fn a_scrub_does_not_fill_the_cache() {
    let mut fixture = Fixture::new();
    // More leaves and content than are in the blocks that opening reads.
    for number in 0..500u32 {
        fixture.bucket().ingest(&number.to_be_bytes()[..]).unwrap();
    }
    let leaf = fixture.bucket().leaf(LeafIndex(0)).unwrap();
    let leaf = NewLeaf {
        data_root: leaf.data_root,
        data_size: leaf.data_size,
    };
    let many = vec![leaf; 2000];
    fixture
        .bucket()
        .commit(&many, Durability::Buffered)
        .unwrap();
    fixture.bucket.take().unwrap().close().unwrap();
    let shared = SharedResources::default();
    let path = fixture.folder.path().join("bucket");
    let bucket = Bucket::open(&path, Access::ReadOnly, &shared).unwrap();
    round(&bucket, u64::MAX, |_| {});
    // Indexes and filters are cached by now, but no leaf, node or content.
    let view = bucket.view(crate::bucket::StateRef::Newest).unwrap();
    for is_proof in [true, false] {
        let cached = shared.cached_bytes();
        round(&bucket, u64::MAX, |_| {});
        assert_eq!(shared.cached_bytes(), cached);
        if is_proof {
            view.mmr_proof(LeafIndex(700)).unwrap();
        } else {
            assert!(bucket.contains(&leaf.data_root).unwrap());
        }
        assert!(shared.cached_bytes() > cached, "{is_proof}");
    }
}
