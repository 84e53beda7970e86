//! Drops the unsigned leaves at the end of a tree whose content was lost with a damaged
//! log. If they stayed, the next commitment would cover them, and a challenge of them
//! could not be answered.

use super::LostContent;
use crate::bucket::rebuild;
use cairn_engine::layout::{
    self, InteriorValue, RetiredRecord, SignedRootValue, StateRecord, StorageUsage,
};
use cairn_engine::{Durability, Engine, EngineError, Family};
use cairn_primitives::chunk_tree::{CHUNK_BYTES, padding};
use cairn_primitives::mmr::node_count;
use cairn_primitives::{
    BucketId, H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Position, Sequence,
};
use codec::{DecodeAll, Encode};
use std::collections::{HashMap, HashSet};

/// Upper bound on the levels of a chunk tree, for trees that contain themselves.
const MAX_LEVELS: u32 = 64;

/// Drops the leaves from the first unsigned one whose content is not in the database
/// and is not restored by `restore`. Returns the number of dropped leaves.
pub(super) fn drop_lost(
    engine: &Engine,
    bucket: BucketId,
    restore: &dyn Fn(&LostContent) -> Result<u64, EngineError>,
) -> Result<u64, EngineError> {
    let state = engine.get_uncached(Family::Tree, layout::STATE_KEY)?;
    let Some(state) = state.and_then(|state| StateRecord::parse(&state).ok()) else {
        return Ok(0);
    };
    let count = state.count.get();
    let mut whole = signed_leaf_count(engine, state.tree)?.min(count);
    while whole < count {
        let leaf = leaf(engine, state.tree, whole)?;
        let is_whole = match leaf {
            Some(leaf) => is_complete(engine, restore, state.profile, &leaf)?,
            None => false,
        };
        if !is_whole {
            break;
        }
        whole = whole.saturating_add(1);
    }
    if whole == count {
        return Ok(0);
    }
    let shorter = LeafCount::new(whole).map(|whole| rebuild::state_at(engine, &state, whole));
    let Some(shorter) = shorter.transpose()?.flatten() else {
        return Ok(0);
    };
    let mut batch = engine.batch();
    batch.put(Family::Tree, layout::STATE_KEY, &shorter.encode());
    let end = Sequence(state.tree.0.saturating_add(whole));
    for (tree, retired) in shortened_retired(engine, &state, end)? {
        batch.put(Family::Tree, layout::retired_key(tree), &retired.encode());
    }
    let mut dropped_leaves = HashSet::new();
    for index in whole..count {
        if let Some(sequence) = state.tree.checked_add(LeafIndex(index)) {
            dropped_leaves.insert(sequence);
            batch.delete(Family::Tree, layout::leaf_key(sequence));
        }
    }
    // A node without its content would pass for stored content.
    let broken = broken_nodes(engine, state.profile, &dropped_leaves)?;
    for hash in &broken {
        batch.delete(Family::Content, layout::interior_key(hash));
    }
    batch.put(
        Family::Content,
        layout::USAGE_KEY,
        &count_usage(engine, &broken)?.encode(),
    );
    for position in node_count(shorter.count)..node_count(state.count) {
        let key = layout::node_key(state.tree, Position(position));
        batch.delete(Family::Tree, key);
    }
    engine.write(batch, Durability::Synced)?;
    let dropped = count.saturating_sub(whole);
    tracing::warn!(
        %bucket, dropped, left = whole,
        "unsigned leaves were dropped, because their content was lost with the log"
    );
    Ok(dropped)
}

/// Returns how many leaves of a tree were signed, with this tree or with an earlier one
/// that contains them.
fn signed_leaf_count(engine: &Engine, tree: Sequence) -> Result<u64, EngineError> {
    let mut end = 0;
    for entry in engine.scan(Family::Tree, layout::SIGNED_ROOTS)? {
        let (key, value) = entry?;
        let of = layout::parse_signed_root_key(&key).map(|(_, of)| of);
        if let Some((of, value)) = of.zip(SignedRootValue::parse(&value)) {
            end = end.max(of.0.saturating_add(value.count.get()));
        }
    }
    Ok(end.saturating_sub(tree.0))
}

/// Returns the retired trees with leaves past `end`, shortened to end there. The leaves
/// that they lose were not signed either.
fn shortened_retired(
    engine: &Engine,
    state: &StateRecord,
    end: Sequence,
) -> Result<Vec<(Sequence, RetiredRecord)>, EngineError> {
    let mut shorter = Vec::new();
    for entry in engine.scan(Family::Tree, layout::RETIRED)? {
        let (key, value) = entry?;
        let retired = layout::parse_retired_key(&key).zip(RetiredRecord::parse(&value));
        let Some((tree, record)) = retired else {
            continue;
        };
        let count = end.0.saturating_sub(tree.0);
        let Some(count) = LeafCount::new(count).filter(|count| *count < record.count) else {
            continue;
        };
        let of_tree = StateRecord {
            tree,
            ..state.clone()
        };
        if let Some(StateRecord { count, root, .. }) = rebuild::state_at(engine, &of_tree, count)? {
            let record = RetiredRecord {
                count,
                root,
                ..record
            };
            shorter.push((tree, record));
        }
    }
    Ok(shorter)
}

fn leaf(engine: &Engine, tree: Sequence, index: u64) -> Result<Option<MmrLeaf>, EngineError> {
    let Some(sequence) = tree.checked_add(LeafIndex(index)) else {
        return Ok(None);
    };
    let leaf = engine.get_uncached(Family::Tree, layout::leaf_key(sequence).as_ref())?;
    Ok(leaf.and_then(|leaf| MmrLeaf::decode_all(&mut &leaf[..]).ok()))
}

/// Returns the nodes under dropped leaves that have lost content, except nodes that other
/// leaves share, since these still lead to the rest of their content.
fn broken_nodes(
    engine: &Engine,
    profile: HashingProfile,
    dropped: &HashSet<Sequence>,
) -> Result<HashSet<H256>, EngineError> {
    let mut nodes = NodeCompleteness {
        engine,
        profile,
        complete: HashMap::new(),
    };
    let (mut of_dropped, mut of_kept) = (Vec::new(), Vec::new());
    for entry in engine.scan(Family::Tree, layout::LEAVES)? {
        let (key, leaf) = entry?;
        let sequence = key.get(1..9).and_then(|number| number.try_into().ok());
        let sequence = sequence.map(|number| Sequence(u64::from_be_bytes(number)));
        let leaf = MmrLeaf::decode_all(&mut &leaf[..]).ok();
        let Some((sequence, leaf)) = sequence.zip(leaf) else {
            continue;
        };
        match dropped.contains(&sequence) {
            true => of_dropped.push(leaf.data_root),
            false => of_kept.push(leaf.data_root),
        }
    }
    for root in of_dropped {
        nodes.is_complete(root, MAX_LEVELS)?;
    }
    let lost = |(hash, is_whole): (H256, bool)| (!is_whole).then_some(hash);
    let mut broken: HashSet<H256> = nodes.complete.into_iter().filter_map(lost).collect();
    if broken.is_empty() {
        return Ok(broken);
    }
    let mut seen = HashSet::new();
    let mut to_visit = of_kept;
    while let Some(hash) = to_visit.pop() {
        if !seen.insert(hash) {
            continue;
        }
        broken.remove(&hash);
        if let Some(value) = node(engine, &hash)?
            && value.subtree.height() > 1
        {
            to_visit.extend([value.left, value.right]);
        }
    }
    Ok(broken)
}

/// Nodes of chunk trees, with a flag for complete content.
struct NodeCompleteness<'e> {
    engine: &'e Engine,
    profile: HashingProfile,
    complete: HashMap<H256, bool>,
}

impl NodeCompleteness<'_> {
    /// Returns whether all content under a stored node is here. Absent nodes are not recorded.
    fn is_complete(&mut self, hash: H256, levels: u32) -> Result<bool, EngineError> {
        if let Some(is_whole) = self.complete.get(&hash) {
            return Ok(*is_whole);
        }
        let Some(value) = node(self.engine, &hash)?.filter(|_| levels > 0) else {
            return Ok(false);
        };
        let height = value.subtree.height();
        let mut is_whole = true;
        for child in [value.left, value.right] {
            is_whole &= if child == padding(self.profile, height.saturating_sub(1)) {
                true
            } else if height > 1 {
                self.is_complete(child, levels.saturating_sub(1))?
            } else {
                let key = layout::chunk_length_key(&child);
                self.engine.get_uncached(Family::Content, &key)?.is_some()
            };
        }
        self.complete.insert(hash, is_whole);
        Ok(is_whole)
    }
}

fn node(engine: &Engine, hash: &H256) -> Result<Option<InteriorValue>, EngineError> {
    let value = engine.get_uncached(Family::Content, &layout::interior_key(hash))?;
    Ok(value.and_then(|value| InteriorValue::parse(&value)))
}

/// Counts the stored content without some nodes.
fn count_usage(engine: &Engine, without: &HashSet<H256>) -> Result<StorageUsage, EngineError> {
    let mut usage = StorageUsage::default();
    for entry in engine.scan(Family::Content, layout::INTERIOR_NODES)? {
        let (key, _) = entry?;
        let hash = layout::parse_content_key(&key).map(|(_, hash)| hash);
        if hash.is_none_or(|hash| !without.contains(&hash)) {
            usage.interior_nodes = usage.interior_nodes.saturating_add(1);
        }
    }
    for entry in engine.scan(Family::Content, layout::CHUNK_LENGTHS)? {
        let (_, length) = entry?;
        let length = layout::parse_chunk_length(&length).unwrap_or(0);
        usage.chunks = usage.chunks.saturating_add(1);
        usage.bytes = usage.bytes.saturating_add(length.into());
    }
    Ok(usage)
}

/// Returns whether all content under a leaf is here, after restoring what can be.
fn is_complete(
    engine: &Engine,
    restore: &dyn Fn(&LostContent) -> Result<u64, EngineError>,
    profile: HashingProfile,
    leaf: &MmrLeaf,
) -> Result<bool, EngineError> {
    let lost = lost_content_under(engine, profile, leaf)?;
    if lost.is_empty() {
        return Ok(true);
    }
    restore(&lost)?;
    Ok(lost_content_under(engine, profile, leaf)?.is_empty())
}

/// Returns the content that is missing under a leaf, as far as the nodes lead.
fn lost_content_under(
    engine: &Engine,
    profile: HashingProfile,
    leaf: &MmrLeaf,
) -> Result<LostContent, EngineError> {
    let mut lost = LostContent {
        profile,
        ..LostContent::default()
    };
    let has = |key: &[u8]| engine.get_uncached(Family::Content, key);
    let root = leaf.data_root;
    let is_chunk = usize::try_from(leaf.data_size).is_ok_and(|size| size <= CHUNK_BYTES);
    if is_chunk && has(&layout::chunk_length_key(&root))?.is_some() {
        return Ok(lost);
    }
    let mut seen = HashSet::new();
    let mut to_visit = vec![root];
    while let Some(hash) = to_visit.pop() {
        if !seen.insert(hash) {
            continue;
        }
        let Some(value) = node(engine, &hash)? else {
            match is_chunk && hash == root {
                true => lost.chunks.insert(hash),
                false => lost.nodes.insert(hash),
            };
            continue;
        };
        let height = value.subtree.height();
        for child in [value.left, value.right] {
            if child == padding(profile, height.saturating_sub(1)) {
                continue;
            }
            if height > 1 {
                to_visit.push(child);
            } else if has(&layout::chunk_length_key(&child))?.is_none() {
                lost.chunks.insert(child);
            }
        }
    }
    Ok(lost)
}
