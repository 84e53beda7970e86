//! Compares the tree that is built node by node with one that is built level by level.

use super::*;
use alloc::vec;
use proptest::prelude::*;

/// The padded tree's levels, chunks first: the definition, word for word.
pub(crate) fn levels(profile: HashingProfile, mut hashes: Vec<H256>) -> Vec<Vec<H256>> {
    hashes.resize(hashes.len().next_power_of_two(), H256::zero());
    let mut levels = vec![hashes];
    while levels.last().unwrap().len() > 1 {
        let above = levels
            .last()
            .unwrap()
            .chunks(2)
            .map(|pair| profile.node(&pair[0], &pair[1]))
            .collect();
        levels.push(above);
    }
    levels
}

fn build(profile: HashingProfile, chunks: u64, last: usize) -> (ContentRoot, Vec<InteriorNode>) {
    let mut builder = TreeBuilder::new(profile);
    let mut nodes = vec![];
    for k in 1..=chunks {
        let length = if k == chunks { last } else { CHUNK_BYTES };
        builder
            .push(H256::from_low_u64_be(k), length, |node| nodes.push(node))
            .unwrap();
    }
    (builder.finish(|node| nodes.push(node)).unwrap(), nodes)
}

#[test]
fn every_size_to_200_chunks_has_the_root_of_the_padded_tree() {
    for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
        for chunks in 1..=200u64 {
            let naive = levels(profile, (1..=chunks).map(H256::from_low_u64_be).collect());
            let (content, nodes) = build(profile, chunks, 17);
            assert_eq!(content.root, naive.last().unwrap()[0]);
            assert!(content.subtree.can_be_data_root());
            assert_eq!(content.subtree.chunks(), chunks);
            assert_eq!(content.subtree.bytes(), (chunks - 1) * CHUNK_SIZE + 17);
            // Every node with content is emitted once, children first.
            let with_content = naive.iter().enumerate().skip(1).map(|(height, level)| {
                let covered = 1u64 << height;
                assert_eq!(
                    level.len() as u64,
                    content.subtree.chunks().next_power_of_two() / covered
                );
                chunks.div_ceil(covered)
            });
            assert_eq!(nodes.len() as u64, with_content.sum::<u64>());
            for node in nodes {
                assert_eq!(node.hash, profile.node(&node.left, &node.right));
                assert!(naive[node.subtree.height() as usize].contains(&node.hash));
            }
        }
    }
}

#[test]
fn empty_content_is_one_empty_chunk() {
    let empty = ContentHasher::new(HashingProfile::Plain).finish();
    assert_eq!(empty.root, HashingProfile::Plain.chunk(b""));
    assert_ne!(empty.root, H256::zero());
    assert_eq!(
        (chunk_count(0), depth(0), chunk_len(ChunkIndex(0), 0)),
        (1, 0, Some(0))
    );
    assert_eq!(chunk_len(ChunkIndex(1), 0), None);
}

#[test]
fn content_is_cut_at_262144_bytes() {
    let size = CHUNK_SIZE;
    assert_eq!((chunk_count(size), depth(size)), (1, 0));
    assert_eq!((chunk_count(size + 1), depth(size + 1)), (2, 1));
    assert_eq!(chunk_len(ChunkIndex(1), size + 1), Some(1));
    assert_eq!((chunk_count(5 * size), depth(5 * size)), (5, 3));
    assert_eq!(chunk_len(ChunkIndex(4), 5 * size), Some(CHUNK_BYTES));
    assert_eq!(chunk_len(ChunkIndex(5), 5 * size), None);
    assert_eq!((chunk_count(u64::MAX), depth(u64::MAX)), (1 << 46, 46));
    assert_eq!(
        chunk_len(ChunkIndex((1 << 46) - 1), u64::MAX),
        Some(CHUNK_BYTES - 1)
    );
}

#[test]
fn an_index_past_the_padded_size_names_a_slot_within_it() {
    let size = 3 * CHUNK_SIZE;
    let slots: Vec<_> = (0..9).map(|k| slot(ChunkIndex(k), size).0).collect();
    assert_eq!(slots, vec![0, 1, 2, 3, 0, 1, 2, 3, 0]);
    assert_eq!(slot(ChunkIndex(u64::MAX), 10).0, 0);
}

#[test]
fn nodes_that_no_padded_tree_has_are_refused() {
    let full = Subtree::chunk(CHUNK_BYTES).unwrap();
    let short = Subtree::chunk(10).unwrap();
    let pair = full.join(Some(full)).unwrap();
    assert_eq!(
        pair.join(Some(full)),
        Err(ShapeError::UnequalHeight { left: 1, right: 0 }),
        "H(H(a, b), c)"
    );
    assert_eq!(
        short.join(Some(full)),
        Err(ShapeError::LeftNotFull {
            bytes: 10,
            expected: CHUNK_SIZE
        })
    );
    assert_eq!(
        Subtree::chunk(CHUNK_BYTES + 1),
        Err(ShapeError::ChunkTooLong {
            length: CHUNK_BYTES + 1
        })
    );
    // Padding is sound within a tree, and no root of its own.
    assert!(!full.join(None).unwrap().can_be_data_root());
    assert!(
        pair.join(Some(short.join(None).unwrap()))
            .unwrap()
            .can_be_data_root()
    );
}

#[test]
fn no_node_is_higher_than_any_tree() {
    let mut node = Subtree::chunk(1).unwrap();
    for height in 1..=46 {
        node = node.join(None).unwrap();
        assert_eq!(Subtree::from_parts(height, 1, 1), Some(node));
    }
    assert_eq!(node.join(None), Err(ShapeError::TooLarge));
}

/// Fixed cutting leaves no empty chunk after a full one, so a tree that has
/// one could be committed and never be proven.
#[test]
fn only_empty_content_has_an_empty_chunk() {
    let full = Subtree::chunk(CHUNK_BYTES).unwrap();
    let empty = Subtree::chunk(0).unwrap();
    assert!(empty.can_be_data_root());
    assert_eq!(full.join(Some(empty)), Err(ShapeError::EmptyChunk));
    assert_eq!(empty.join(None), Err(ShapeError::EmptyChunk));
    assert_eq!(Subtree::from_parts(1, 2, CHUNK_SIZE), None);
    assert_eq!(Subtree::from_parts(0, 1, 0), Some(empty));
    for before in 1..9 {
        let mut builder = TreeBuilder::new(HashingProfile::Plain);
        for _ in 0..before {
            builder.push(H256::zero(), CHUNK_BYTES, |_| {}).unwrap();
        }
        assert_eq!(
            builder.push(H256::zero(), 0, |_| {}),
            Err(ShapeError::EmptyChunk)
        );
    }
}

#[test]
fn content_after_a_short_chunk_is_refused() {
    for before in 0..9 {
        let mut builder = TreeBuilder::new(HashingProfile::Plain);
        for _ in 0..before {
            builder.push(H256::zero(), CHUNK_BYTES, |_| {}).unwrap();
        }
        builder.push(H256::zero(), CHUNK_BYTES - 1, |_| {}).unwrap();
        let refused = builder.push(H256::zero(), 1, |_| {});
        assert!(
            matches!(refused, Err(ShapeError::LeftNotFull { .. })),
            "{before}: {refused:?}"
        );
    }
}

proptest! {
    /// A record that is read back is one that could have been written.
    #[test]
    fn only_nodes_that_can_exist_are_taken_from_a_record(
        height in 0u32..50, chunks in 0u64..1 << 20, bytes: u64,
    ) {
        if let Some(subtree) = Subtree::from_parts(height, chunks, bytes) {
            prop_assert!(subtree.chunks() >= 1 && chunks <= 1 << height);
            prop_assert_eq!(chunk_count(bytes), chunks);
        }
    }
}

/// The root of chunks that are named by numbers, and its shape.
fn root_of(chunks: core::ops::Range<u64>, last: usize) -> ContentRoot {
    let mut builder = TreeBuilder::new(HashingProfile::Plain);
    let end = chunks.end;
    for chunk in chunks {
        let length = if chunk + 1 == end { last } else { CHUNK_BYTES };
        builder
            .push(H256::from_low_u64_be(chunk + 1), length, |_| {})
            .unwrap();
    }
    builder.finish(|_| {}).unwrap()
}

proptest! {
    #[test]
    fn subtrees_are_put_together_as_their_chunks_one_by_one(
        chunks in 1u64..200, last in 1..=CHUNK_BYTES,
        heights in prop::collection::vec(0u32..8, 200),
    ) {
        let mut builder = TreeBuilder::new(HashingProfile::Plain);
        let mut emitted = vec![];
        let mut pushed = 0;
        for height in heights {
            // The largest that fits here, up to one that is chosen.
            let fits = |height: &u32| {
                let slots = 1u64 << height;
                pushed % slots == 0 && pushed + slots <= chunks
            };
            let Some(height) = (0..=height).rev().find(fits) else {
                break;
            };
            let end = pushed + (1 << height);
            let length = if end == chunks { last } else { CHUNK_BYTES };
            let block = root_of(pushed..end, length);
            builder
                .push_subtree(block.root, block.subtree, |node| emitted.push(node.hash))
                .unwrap();
            pushed = end;
        }
        let built = builder.finish(|node| emitted.push(node.hash)).unwrap();
        prop_assert_eq!(pushed, chunks);
        prop_assert_eq!(built, root_of(0..chunks, last));
        // What is emitted are nodes of the whole.
        let (_, nodes) = build(HashingProfile::Plain, chunks, last);
        for hash in emitted {
            prop_assert!(nodes.iter().any(|node| node.hash == hash));
        }
    }
}

#[test]
fn a_subtree_with_padding_or_at_another_place_is_refused() {
    let pair = root_of(0..2, CHUNK_BYTES);
    let three = root_of(0..3, CHUNK_BYTES);
    let short = root_of(0..2, 9);
    let mut builder = TreeBuilder::new(HashingProfile::Plain);
    let refused = builder.push_subtree(three.root, three.subtree, |_| {});
    assert!(matches!(refused, Err(ShapeError::LeftNotFull { .. })));
    let mut builder = TreeBuilder::new(HashingProfile::Plain);
    builder.push(H256::zero(), CHUNK_BYTES, |_| {}).unwrap();
    let refused = builder.push_subtree(pair.root, pair.subtree, |_| {});
    assert_eq!(
        refused,
        Err(ShapeError::UnequalHeight { left: 0, right: 1 })
    );
    let mut builder = TreeBuilder::new(HashingProfile::Plain);
    builder
        .push_subtree(short.root, short.subtree, |_| {})
        .unwrap();
    let refused = builder.push_subtree(pair.root, pair.subtree, |_| {});
    assert!(matches!(refused, Err(ShapeError::LeftNotFull { .. })));
}

fn cut(data_size: u64) -> std::vec::Vec<u64> {
    split_without_padding(data_size).collect()
}

#[test]
fn s18_content_is_cut_into_leaves_of_powers_of_two_chunks() {
    const C: u64 = CHUNK_BYTES as u64;
    assert_eq!(cut(0), [0]);
    assert_eq!(cut(1), [1]);
    assert_eq!(cut(C), [C]);
    assert_eq!(cut(2 * C - 1), [2 * C - 1]);
    assert_eq!(cut(700_000), [2 * C, 700_000 - 2 * C]);
    assert_eq!(cut(7 * C), [4 * C, 2 * C, C]);
    assert_eq!(cut(6 * C + 1), [4 * C, 2 * C, 1]);
    assert_eq!(cut(u64::MAX), [u64::MAX]);
    assert!(has_padding(700_000) && !has_padding(600) && !has_padding(2 * C));
}

proptest! {
    #[test]
    fn s18_content_is_split_without_padding_or_loss(
        data_size in prop_oneof![0..40 * CHUNK_BYTES as u64, any::<u64>()],
    ) {
        let leaves = cut(data_size);
        prop_assert_eq!(leaves.iter().sum::<u64>(), data_size);
        prop_assert_eq!(leaves.len() as u32, chunk_count(data_size).count_ones());
        let (last, before) = leaves.split_last().unwrap();
        prop_assert!(!has_padding(*last));
        for leaf in before {
            prop_assert!(!has_padding(*leaf) && leaf % CHUNK_BYTES as u64 == 0);
        }
        prop_assert_eq!(has_padding(data_size), leaves.len() > 1);
    }
}
