//! Subtrees of peaks: complete, verified, and refused where a node is another or missing.

use super::*;

#[test]
fn i12_a_subtree_has_all_nodes_of_its_levels_and_leads_to_the_root() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(13);
    let bucket = fixture.bucket();
    for n in 1..=13 {
        let view = bucket.view(StateRef::LeafCount(count(n))).unwrap();
        let mountains: Vec<_> = mmr::mountains(count(n)).collect();
        let mut peaks = Vec::new();
        for (at, mountain) in mountains.iter().enumerate() {
            for depth in 0..6 {
                let nodes = view.subtree(at, depth).unwrap().unwrap();
                let levels = depth.min(mountain.height) + 1;
                assert_eq!(nodes.len() as u64, (1 << levels) - 1);
                assert_eq!(view.subtree_size(at, depth), Some(nodes.len() as u64));
                for (place, node) in nodes.iter().enumerate() {
                    let children = nodes.get(2 * place + 1).zip(nodes.get(2 * place + 2));
                    let is_leaf = mmr::height(node.position) == 0;
                    assert_eq!(node.children.is_none(), is_leaf);
                    if let Some((left, right)) = children {
                        let positions = (left.position, right.position);
                        assert_eq!(node.children, Some(positions));
                        let hash = fixture.profile.node(&left.hash, &right.hash);
                        assert_eq!(node.hash, hash);
                    }
                }
            }
            let whole = view.subtree(at, u32::MAX).unwrap().unwrap();
            let leaves = 1 << mountain.height;
            for (offset, node) in whole[leaves - 1..].iter().enumerate() {
                let leaf = fixture.leaves[mountain.first_leaf.0 as usize + offset];
                assert_eq!(node.hash, fixture.profile.leaf(&leaf));
            }
            peaks.push(whole[0].hash);
        }
        let root = mmr::bag(fixture.profile, &peaks);
        assert_eq!(root, fixture.replayed(n).mmr_root);
        assert_eq!(view.subtree(mountains.len(), 0).unwrap(), None);
        assert_eq!(view.subtree_size(mountains.len(), 0), None);
    }
    // The number of nodes is known before any is read.
    let view = bucket.view(StateRef::Newest).unwrap();
    assert_eq!(view.subtree_size(0, u32::MAX), Some(15));
}

#[test]
fn i11_a_subtree_over_a_missing_or_another_node_fails() {
    for is_missing in [true, false] {
        let mut fixture = Fixture::with_profile(HashingProfile::Plain);
        fixture.commit(4);
        let below = mmr::leaf_position(LeafIndex(2));
        tamper(&mut fixture, |batch| {
            let key = layout::node_key(Sequence(0), below);
            match is_missing {
                true => batch.delete(Family::Tree, key),
                false => batch.put(Family::Tree, key, H256::repeat_byte(9).as_bytes()),
            }
        });
        fixture.reopen();
        let view = fixture.bucket().view(StateRef::Newest).unwrap();
        assert!(view.subtree(0, 1).is_ok());
        assert!(view.subtree(0, 2).is_err(), "{is_missing}");
    }
}
