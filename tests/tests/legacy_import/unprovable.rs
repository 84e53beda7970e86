//! Content that the chain cannot verify: it is kept, can be read, and is flagged; its leaf is
//! proven, and a challenge of one of its chunks is refused with the reason.

use crate::support::{LegacyFixture, bytes, entry};
use crate::writer::{CHUNK, ERAS, Era, Writer};
use cairn_bucket::{Bucket, CommitError, NewLeaf, ProveError, StateRef, fsck};
use cairn_engine::layout::ShapeDefect;
use cairn_engine::{Access, Durability};
use cairn_legacy_import::{LegacyMode, LegacyStatus};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{ChunkIndex, H256, LeafIndex};

/// A tree with a shape defect.
struct DefectiveTree {
    root: H256,
    data_size: u64,
    content: Vec<u8>,
    defect: ShapeDefect,
}

fn defective_tree(root: H256, defect: ShapeDefect, parts: &[&[u8]]) -> DefectiveTree {
    let content = parts.concat();
    DefectiveTree {
        root,
        data_size: content.len() as u64,
        content,
        defect,
    }
}

/// Returns one tree for each defect, and several for some.
fn defective_trees(writer: &Writer) -> Vec<DefectiveTree> {
    let zero = H256::zero();
    let full = |seed| bytes(seed, CHUNK);
    let (a, b, c) = (full(1), full(2), full(3));
    let [ha, hb, hc] = [&a, &b, &c].map(|bytes| writer.chunk(bytes));
    let (short, long) = (bytes(4, 100), bytes(5, CHUNK + 1));
    let (hs, hl) = (writer.chunk(&short), writer.chunk(&long));
    let empty = writer.chunk(&[]);
    let ab = writer.interior(ha, hb);
    let join = |left, right| writer.interior(left, right);
    let mut all = vec![
        defective_tree(hl, ShapeDefect::ChunkTooLong, &[&long]),
        defective_tree(join(hl, ha), ShapeDefect::ChunkTooLong, &[&long, &a]),
        defective_tree(join(hs, ha), ShapeDefect::ChunkNotFull, &[&short, &a]),
        defective_tree(
            join(join(hs, hs), join(hs, hs)),
            ShapeDefect::ChunkNotFull,
            &[&short, &short, &short, &short],
        ),
        // Three chunks, whose last was not padded to a pair.
        defective_tree(join(ab, hc), ShapeDefect::NotPadded, &[&a, &b, &c]),
        defective_tree(join(ab, join(hs, zero)), ShapeDefect::NotPadded, &[]),
        defective_tree(join(ab, zero), ShapeDefect::NotPadded, &[&a, &b]),
        defective_tree(join(zero, ha), ShapeDefect::NotPadded, &[&a]),
        defective_tree(
            join(ab, join(zero, zero)),
            ShapeDefect::NotPadded,
            &[&a, &b],
        ),
        defective_tree(join(ha, empty), ShapeDefect::EmptyChunk, &[&a]),
        defective_tree(ab, ShapeDefect::SizeDiffers, &[&a, &b]),
        defective_tree(hs, ShapeDefect::SizeDiffers, &[&short]),
        defective_tree(zero, ShapeDefect::NotPadded, &[]),
    ];
    // This tree is good; only those next to it are not.
    let padded = all.remove(5);
    assert_eq!(padded.content, b"");
    for odd in &mut all {
        if odd.defect == ShapeDefect::SizeDiffers {
            odd.data_size += 1;
        }
    }
    all
}

/// Writes bucket 5 with all defective trees, and one good leaf at its end.
fn fixture_with_defective_trees(era: Era) -> (LegacyFixture, Vec<DefectiveTree>, Vec<u8>) {
    let mut all = vec![];
    let good = bytes(1, 2 * CHUNK + 7);
    let fixture = LegacyFixture::new(era, |writer| {
        all = defective_trees(writer);
        // Each again: content that is already there must be flagged, too.
        all.extend(defective_trees(writer));
        let mut leaves: Vec<_> = all.iter().map(|odd| (odd.root, odd.data_size)).collect();
        leaves.push((writer.content(&good), good.len() as u64));
        writer.bucket(5, 1000, 0, &leaves);
        writer.bucket(6, 0, 0, &leaves[leaves.len() - 1..]);
    });
    (fixture, all, good)
}

fn read(bucket: &Bucket, leaf: usize) -> Vec<u8> {
    let mut content = vec![];
    let view = bucket.view(StateRef::Newest).unwrap();
    let length = view
        .read_content(LeafIndex(leaf as u64), &mut content)
        .unwrap();
    assert_eq!(length, content.len() as u64);
    content
}

#[test]
fn content_that_cannot_be_proven_is_imported_and_flagged_by_leaf() {
    for era in ERAS {
        let (fixture, all, _) = fixture_with_defective_trees(era);
        let dry = fixture.run(LegacyMode::DryRun);
        let report = fixture.import();
        assert!(report.has_findings());
        assert_eq!(entry(&dry, 5).unprovable, entry(&report, 5).unprovable);
        assert_eq!(entry(&dry, 5).used_bytes, entry(&report, 5).used_bytes);
        // A report of a later import must list it, too.
        let again = fixture.import();
        assert_eq!(entry(&again, 5).status, LegacyStatus::AlreadyThere);
        assert_eq!(entry(&again, 5).unprovable, entry(&report, 5).unprovable);
        let report = entry(&report, 5);
        assert_eq!(report.status, LegacyStatus::Imported);
        assert_eq!(report.unprovable.len(), all.len());
        for (index, (flagged, odd)) in report.unprovable.iter().zip(&all).enumerate() {
            assert_eq!(flagged.leaf_index, index as u64);
            assert_eq!(flagged.data_root, format!("{:?}", odd.root));
            assert_eq!(
                flagged.reason,
                odd.defect.to_string(),
                "leaf {index} of {era:?}"
            );
        }
        // Three full chunks, a short, a long and an empty one, and the
        // good leaf's second and third.
        let expected = 3 * CHUNK + 100 + (CHUNK + 1);
        let good = bytes(1, 2 * CHUNK + 7).len() - CHUNK;
        assert_eq!(report.used_bytes, (expected + good) as u64);
    }
}

#[test]
fn flagged_content_is_readable_but_not_provable_by_chunk() {
    for era in ERAS {
        let (fixture, all, good) = fixture_with_defective_trees(era);
        fixture.import();
        let bucket = fixture.open(5, Access::ReadOnly);
        for (index, odd) in all.iter().enumerate() {
            assert!(
                read(&bucket, index) == odd.content,
                "leaf {index} of {era:?}"
            );
            let leaf_index = LeafIndex(index as u64);
            let view = bucket.view(StateRef::Newest).unwrap();
            let proven = view.mmr_proof(leaf_index).unwrap();
            assert_eq!(proven.leaf().data_root, odd.root);
            let chunk_index = ChunkIndex(odd.data_size.saturating_sub(1) / CHUNK as u64);
            let location = ChunkLocation {
                leaf_index,
                chunk_index,
            };
            match view.answer(location) {
                Err(ProveError::Unprovable { leaf, defect, .. }) => {
                    assert_eq!((leaf, defect), (leaf_index, odd.defect));
                }
                other => panic!("leaf {index} of {era:?}: {other:?}"),
            }
        }
        // A good leaf can be challenged, although it shares chunks with them.
        assert!(read(&bucket, all.len()) == good);
        let location = ChunkLocation {
            leaf_index: LeafIndex(all.len() as u64),
            chunk_index: ChunkIndex(2),
        };
        let view = bucket.view(StateRef::Newest).unwrap();
        assert_eq!(
            view.answer(location).unwrap().chunk_data(),
            &good[2 * CHUNK..]
        );
    }
}

#[test]
fn flagged_content_is_not_a_finding_of_fsck() {
    for era in ERAS {
        let (fixture, all, _) = fixture_with_defective_trees(era);
        fixture.import();
        let report = fsck(&fixture.open(5, Access::ReadOnly), |_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!(report.unprovable_leaves, all.len() as u64);
        assert_eq!(report.leaves, all.len() as u64 + 1);
        let report = fsck(&fixture.open(6, Access::ReadOnly), |_| {}).unwrap();
        assert_eq!((report.is_clean(), report.unprovable_leaves), (true, 0));
    }
}

#[test]
fn i1_nothing_is_committed_over_content_that_cannot_be_proven() {
    for era in ERAS {
        let (fixture, all, _) = fixture_with_defective_trees(era);
        fixture.import();
        let bucket = fixture.open(5, Access::ReadWrite);
        for odd in &all {
            let leaf = NewLeaf {
                data_root: odd.root,
                data_size: odd.data_size,
            };
            match bucket.commit(&[leaf], Durability::Synced) {
                Err(
                    CommitError::UnknownDataRoot { .. }
                    | CommitError::SizeMismatch { .. }
                    | CommitError::NotADataRoot { .. },
                ) => {}
                other => panic!("{:?}: {other:?}", odd.defect),
            }
        }
    }
}

/// Under the plain profile, 64 bytes of content and a node may have one hash,
/// and the source keeps the one that was written last.
#[test]
fn the_leafs_size_distinguishes_a_chunk_from_a_node() {
    for era in [Era::A, Era::B, Era::C] {
        for last in ["chunk", "node"] {
            let content = bytes(1, CHUNK + 5);
            let halves = [&content[..CHUNK], &content[CHUNK..]];
            let mut as_chunk = vec![];
            let fixture = LegacyFixture::new(era, |writer| {
                let root = writer.content(&content);
                as_chunk = halves.map(|half| writer.chunk(half).0).concat();
                assert_eq!(writer.chunk(&as_chunk), root);
                if last == "node" {
                    writer.content(&content);
                }
                let padded = [bytes(2, CHUNK), as_chunk.clone()].concat();
                let padded = (
                    writer.interior(writer.chunk(&bytes(2, CHUNK)), root),
                    padded,
                );
                let leaves = [
                    (root, 64),
                    (root, content.len() as u64),
                    (padded.0, padded.1.len() as u64),
                ];
                writer.bucket(5, 0, 0, &leaves);
            });
            let report = fixture.import();
            assert!(
                !report.has_findings(),
                "{era:?} {last}: {:?}",
                report.buckets
            );
            let bucket = fixture.open(5, Access::ReadOnly);
            assert_eq!(read(&bucket, 0), as_chunk);
            assert!(read(&bucket, 1) == content);
            assert_eq!(read(&bucket, 2)[CHUNK..], as_chunk);
            let report = fsck(&bucket, |_| {}).unwrap();
            assert!(report.is_clean(), "{:?}", report.findings);
        }
    }
}

/// 2^40 chunks, of which one is distinct, in a good tree and in a defective one: content that is
/// already in the bucket is not walked again.
#[test]
fn a_repetitive_tree_takes_the_time_of_its_distinct_nodes() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, |writer| {
            let double = |from| (0..40).fold(from, |below, _| writer.interior(below, below));
            let good = double(writer.chunk(&bytes(1, CHUNK)));
            let odd = double(writer.chunk(b"x"));
            writer.bucket(5, 0, 0, &[(good, 1 << 58), (odd, 1 << 40)]);
        });
        let report = fixture.import();
        let report = entry(&report, 5);
        assert_eq!(report.status, LegacyStatus::Imported);
        assert_eq!(report.unprovable.len(), 1);
        assert_eq!(report.used_bytes, CHUNK as u64 + 1);
        let bucket = fixture.open(5, Access::ReadOnly);
        let location = ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0x12_3456_7890),
        };
        let view = bucket.view(StateRef::Newest).unwrap();
        assert_eq!(view.answer(location).unwrap().chunk_data().len(), CHUNK);
    }
}
