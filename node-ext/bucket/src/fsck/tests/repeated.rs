//! Trees that repeat themselves: 40 nodes over one chunk, each with the one below it on
//! both sides, have 2^40 chunks. Each walk through such a tree must end. If one visits
//! every chunk, these tests do not end.

use super::*;
use crate::bucket::{Builder, KeepBytes};
use cairn_engine::layout::{Child, FlagValue, NodeKind, NonconformingValue, ShapeDefect};
use cairn_primitives::Sequence;
use cairn_primitives::chunk_tree::InteriorNode;

const HEIGHT: u32 = 40;
const SIZE: u64 = (CHUNK_BYTES as u64) << HEIGHT;

/// A bucket of one leaf over the tree, and the nodes from the chunk up.
fn deep(path: &Path, profile: HashingProfile, ends: &[Vec<u8>]) -> Vec<Vec<H256>> {
    let (id, tree, shared) = (ID, Sequence(0), SharedResources::default());
    let config = BucketConfig {
        profile,
        ..Default::default()
    };
    let keep = KeepBytes::Yes;
    let mut builder = Builder::begin(path, id, config, tree, keep, &shared).unwrap();
    let mut leaves = vec![];
    let mut trees = vec![];
    for end in ends {
        let hash = profile.chunk(end);
        builder.chunk(&hash, end).unwrap();
        let mut hashes = vec![hash];
        let mut subtree = Subtree::chunk(CHUNK_BYTES).unwrap();
        for _ in 0..HEIGHT {
            let below = *hashes.last().unwrap();
            let hash = profile.node(&below, &below);
            subtree = subtree.join(Some(subtree)).unwrap();
            let (left, right) = (below, below);
            let node = InteriorNode {
                hash,
                left,
                right,
                subtree,
            };
            builder.interior(&node).unwrap();
            hashes.push(hash);
        }
        leaves.push(MmrLeaf {
            data_root: *hashes.last().unwrap(),
            data_size: SIZE,
            total_size: SIZE * (leaves.len() as u64 + 1),
        });
        trees.push(hashes);
    }
    builder.append(&leaves).unwrap().unwrap();
    builder.finish().unwrap();
    trees
}

fn open(path: &Path) -> Bucket {
    Bucket::open(path, Access::ReadWrite, &SharedResources::default()).unwrap()
}

fn get(path: &Path, key: &[u8]) -> Option<Vec<u8>> {
    let shared = SharedResources::default();
    let engine = Engine::open(path, Access::ReadOnly, &shared, DamagedLog::Refuse).unwrap();
    engine.get(Family::Content, key).unwrap()
}

/// Changes records directly in the database.
fn tamper(path: &Path, change: impl FnOnce(&mut Batch<'_>)) {
    let shared = SharedResources::default();
    let engine = Engine::open(path, Access::ReadWrite, &shared, DamagedLog::Refuse).unwrap();
    let mut batch = engine.batch();
    change(&mut batch);
    engine.write(batch, Durability::Synced).unwrap();
}

#[test]
fn s9_a_repeating_tree_is_checked_once_per_distinct_node() {
    for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let ends = [1, 2].map(|seed| vec![seed; CHUNK_BYTES]);
        deep(&path, profile, &ends);
        let report = fsck(&open(&path), |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.leaves, report.bytes), (2, 2 * SIZE));
        let shared = SharedResources::default();
        let diagnosis = diagnose(&path, ID, &shared, &mut |_| {}).unwrap();
        assert!(diagnosis.report.is_clean());
    }
}

#[test]
fn s9_faults_in_a_repeating_tree_are_reported_for_each_leaf() {
    let profile = HashingProfile::Plain;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let end = vec![1; CHUNK_BYTES];
    // The same leaf twice, and another one.
    let ends = [end.clone(), end.clone(), vec![2; CHUNK_BYTES]];
    let trees = deep(&path, profile, &ends);
    let lost = layout::interior_key(&trees[0][20]);
    let value = get(&path, &lost);
    assert!(value.is_some());
    tamper(&path, |batch| batch.delete(Family::Content, lost));
    let report = fsck(&open(&path), |_| {}).unwrap();
    let of = |place: &str| {
        let found = report
            .findings
            .iter()
            .filter(|finding| finding.place == place);
        found.count()
    };
    assert_eq!(
        (of("leaf 0"), of("leaf 1"), of("leaf 2")),
        (1, 1, 0),
        "{report:?}"
    );
    repair(&path, ID, &[], &SharedResources::default(), &mut |_| {}).unwrap();
    assert_eq!(get(&path, &lost), value);
    assert!(fsck(&open(&path), |_| {}).unwrap().is_clean());
}

#[test]
fn s9_wrong_shapes_are_judged_once_each() {
    let profile = HashingProfile::Plain;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let trees = deep(&path, profile, &[vec![1; CHUNK_BYTES]]);
    // A foreign archive may claim any shapes.
    let wrong = Subtree::from_parts(1, 2, CHUNK_BYTES as u64 + 1).unwrap();
    tamper(&path, |batch| {
        for below in trees[0].windows(2) {
            let value = InteriorValue {
                left: below[0],
                right: below[0],
                subtree: wrong,
            };
            let key = layout::interior_key(&below[1]);
            batch.put(Family::Content, key, &value.to_bytes());
        }
    });
    let report = fsck(&open(&path), |_| {}).unwrap();
    assert!(report.findings.len() >= HEIGHT as usize - 1, "{report:?}");
}

#[test]
fn s9_repeating_or_cyclic_flagged_content_is_walked_once() {
    let profile = HashingProfile::Plain;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let (tree, shared) = (Sequence(0), SharedResources::default());
    let config = BucketConfig::default();
    let keep = KeepBytes::Yes;
    let mut builder = Builder::begin(&path, ID, config, tree, keep, &shared).unwrap();
    let chunk = b"short".to_vec();
    let mut child = Child {
        kind: NodeKind::Chunk,
        hash: profile.chunk(&chunk),
    };
    builder.chunk(&child.hash, &chunk).unwrap();
    for _ in 0..60 {
        let hash = profile.node(&child.hash, &child.hash);
        let node = NonconformingValue::Node {
            defect: ShapeDefect::ChunkNotFull,
            left: child,
            right: child,
        };
        builder.nonconforming(&hash, node).unwrap();
        child = Child {
            kind: NodeKind::Node,
            hash,
        };
    }
    let leaf = MmrLeaf {
        data_root: child.hash,
        data_size: 5 << 60,
        total_size: 5 << 60,
    };
    let flag = FlagValue {
        root: NodeKind::Node,
        defect: ShapeDefect::ChunkNotFull,
    };
    builder.flag(Sequence(0), flag).unwrap();
    builder.append(&[leaf]).unwrap().unwrap();
    builder.finish().unwrap();
    let report = fsck(&open(&path), |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");

    // In a foreign archive a node may claim to be its own child.
    tamper(&path, |batch| {
        let node = NonconformingValue::Node {
            defect: ShapeDefect::ChunkNotFull,
            left: child,
            right: child,
        };
        let key = layout::nonconforming_key(&child.hash);
        batch.put(Family::Content, key, &node.to_bytes());
    });
    let bucket = open(&path);
    assert!(!fsck(&bucket, |_| {}).unwrap().is_clean());
    let view = bucket.view(StateRef::Newest).unwrap();
    let read = view.read_content(LeafIndex(0), &mut std::io::sink());
    assert!(read.is_err());
}
