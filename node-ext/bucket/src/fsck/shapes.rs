//! The shapes that nodes of a chunk tree must have, derived from the nodes above.

use cairn_primitives::chunk_tree::{CHUNK_BYTES, Subtree, chunk_count, depth};

/// Returns the shape of a whole content of this size.
pub fn shape_of_content(data_size: u64) -> Option<Subtree> {
    Subtree::from_parts(depth(data_size), chunk_count(data_size), data_size)
}

/// Returns the shapes of a node's two children; `None` in place of the right one for
/// padding. `None` for a chunk, which has no children.
pub fn child_shapes(node: Subtree) -> Option<(Subtree, Option<Subtree>)> {
    let height = node.height().checked_sub(1)?;
    let full = 1u64.checked_shl(height)?;
    let Some(right) = node.chunks().checked_sub(full).filter(|right| *right > 0) else {
        let left = Subtree::from_parts(height, node.chunks(), node.bytes())?;
        return Some((left, None));
    };
    let bytes = full.checked_mul(u64::try_from(CHUNK_BYTES).ok()?)?;
    let left = Subtree::from_parts(height, full, bytes)?;
    let rest = node.bytes().checked_sub(bytes)?;
    Some((left, Some(Subtree::from_parts(height, right, rest)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joined_child_shapes_give_the_shape(data_size: u64, way: u64) {
            let mut node = shape_of_content(data_size).unwrap();
            for step in 0..depth(data_size) {
                let (left, right) = child_shapes(node).unwrap();
                prop_assert_eq!(left.join(right), Ok(node));
                node = right.filter(|_| way >> step & 1 == 1).unwrap_or(left);
            }
            prop_assert_eq!(node.height(), 0);
            prop_assert_eq!(child_shapes(node), None);
        }
    }
}
