//! Rebuilds a lost state from stored leaves, given its root and leaf count. The
//! nodes come from the functions that commits use.

use super::Tip;
use super::additions::Additions;
use cairn_engine::layout::{self, StateRecord};
use cairn_engine::{Durability, Engine, EngineError, Family};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{H256, LeafCount, LeafIndex, MmrLeaf};
use codec::{DecodeAll, Encode};

/// Number of leaves that are read, and whose nodes are written, at once.
const LEAF_BATCH: u64 = 1024;

/// Writes the nodes of a tree and then its state with its peaks, if the stored leaves
/// have the root of `target`; otherwise writes nothing and returns false. `target` has
/// no peaks.
pub(crate) fn restore_state(engine: &Engine, target: &StateRecord) -> Result<bool, EngineError> {
    // The first pass only computes the root: nothing unverified is written.
    let Some(grown) = build_tip(engine, target, |_| Ok(()))? else {
        return Ok(false);
    };
    if grown.root != target.root || grown.total_size != target.total_size {
        return Ok(false);
    }
    build_tip(engine, target, |additions| {
        let mut batch = engine.batch();
        additions.write(&mut batch);
        engine.write(batch, Durability::Buffered)
    })?;
    let state = StateRecord {
        peaks: grown.frontier.peaks().to_vec(),
        ..target.clone()
    };
    let mut batch = engine.batch();
    batch.put(Family::Tree, layout::STATE_KEY, &state.encode());
    engine.write(batch, Durability::Synced)?;
    Ok(true)
}

/// Computes the earlier state of a tree at `count` leaves from the stored leaves;
/// `None` if one of them is missing.
pub(crate) fn state_at(
    engine: &Engine,
    state: &StateRecord,
    count: LeafCount,
) -> Result<Option<StateRecord>, EngineError> {
    let first = state.tree.checked_add(LeafIndex(0)).map(layout::leaf_key);
    let first = first.map(|key| engine.get_uncached(Family::Tree, key.as_ref()));
    let first = first.transpose()?.flatten();
    let Some(first) = first.and_then(|leaf| MmrLeaf::decode_all(&mut &leaf[..]).ok()) else {
        return Ok(None);
    };
    let target = StateRecord {
        count,
        // The total size before the tree's first leaf.
        total_size: first.total_size.saturating_sub(first.data_size),
        ..state.clone()
    };
    let grown = build_tip(engine, &target, |_| Ok(()))?;
    Ok(grown.map(|grown| StateRecord {
        total_size: grown.total_size,
        root: grown.root,
        peaks: grown.frontier.peaks().to_vec(),
        ..target
    }))
}

/// Computes the tip over the leaves of `target`, and hands the additions of each
/// [`WINDOW`] to `each`; `None` if a leaf is missing.
fn build_tip(
    engine: &Engine,
    target: &StateRecord,
    mut each: impl FnMut(&Additions) -> Result<(), EngineError>,
) -> Result<Option<Tip>, EngineError> {
    let mut tip = Tip {
        tree: target.tree,
        frontier: Frontier::empty(target.profile),
        root: H256::zero(),
        total_size: target.total_size,
    };
    let mut next = 0;
    while next < target.count.get() {
        let end = next.saturating_add(LEAF_BATCH).min(target.count.get());
        let keys: Option<Vec<_>> = (next..end)
            .map(|index| {
                target
                    .tree
                    .checked_add(LeafIndex(index))
                    .map(layout::leaf_key)
            })
            .collect();
        let Some(keys) = keys else { return Ok(None) };
        let mut additions = Additions::new(&tip);
        for read in engine.get_each_uncached(Family::Tree, &keys)? {
            let leaf = read.ok().flatten();
            let leaf = leaf.and_then(|bytes| MmrLeaf::decode_all(&mut &bytes[..]).ok());
            let grown = leaf.and_then(|leaf| tip.append(&leaf, &mut additions));
            if grown.is_none() {
                return Ok(None);
            }
        }
        each(&additions)?;
        next = end;
    }
    tip.root = tip.frontier.root();
    Ok(Some(tip))
}
