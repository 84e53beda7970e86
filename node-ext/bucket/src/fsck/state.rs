//! Establishes a bucket's state if its record is lost or inconsistent.
//!
//! The record is trusted if its peaks bag to its root, and the last leaf matches it.
//! Otherwise the state is rebuilt from the leaves, but only if all leaves that are
//! here, to the last, give a root that was signed or that the record itself names.
//! Nothing else shows that there were no more leaves: fewer leaves than were committed
//! must never pass as all.

use super::reconstruct::{NodeDefect, TreeReconstruction};
use super::repair_write::{RepairWrite, RepairWrites};
use super::report::{FsckReport, LEAF_NOT_DERIVABLE};
use super::tree::{LeafRecord, Window};
use crate::bucket::recover::UnverifiedBucket;
use crate::error::OpenError;
use cairn_engine::layout::{self, FORMAT_VERSION, SignedRootValue, StateRecord, TreeKey};
use cairn_engine::{Engine, EngineError, Family};
use cairn_primitives::mmr::bag;
use cairn_primitives::{BucketId, H256, HashingProfile, LeafCount, MmrLeaf, Position, Sequence};
use std::collections::{BTreeMap, BTreeSet};

const PLACE: &str = "state";
/// Leaves whose records are read in one step.
const WINDOW_LEAVES: u64 = 256;

/// Returns the state of an unopened bucket, as recorded or rebuilt.
pub(super) fn establish(
    unverified: &UnverifiedBucket,
    named: BucketId,
    report: &mut FsckReport,
    writes: &mut RepairWrites,
) -> Result<Option<StateRecord>, OpenError> {
    let engine = unverified.engine();
    let (recorded, fault) = match unverified.state() {
        Ok(state) if state.bucket != named => {
            return Err(OpenError::AnotherBucket {
                path: engine.path().to_owned(),
                expected: named,
                found: state.bucket,
            });
        }
        Ok(state) => match inconsistency_of(engine, &state)? {
            None => return Ok(Some(state)),
            Some(fault) => (Some(state), fault),
        },
        Err(OpenError::Damaged { what, .. }) => (None, what),
        Err(other) => return Err(other),
    };
    if let Some(state) = StateRebuild::new(engine, named, recorded.as_ref())?.rebuild()? {
        let fault = if recorded.is_some() {
            fault
        } else {
            format!("{fault}; its quota is lost too, and the bucket will have none")
        };
        report.add_rebuildable(PLACE, fault, "leaves that give a known root");
        writes.add(RepairWrite::State(Box::new(state.clone())));
        return Ok(Some(state));
    }
    let why = format!(
        "the leaves that are here give no signed or recorded root, and \
         {LEAF_NOT_DERIVABLE}"
    );
    report.add_lost(PLACE, fault, why);
    // The other records can be checked against a state that is consistent in itself.
    Ok(recorded.filter(is_consistent))
}

fn is_consistent(state: &StateRecord) -> bool {
    let peaks = u32::try_from(state.peaks.len());
    peaks == Ok(state.count.get().count_ones()) && bag(state.profile, &state.peaks) == state.root
}

/// Returns the reason not to trust a state, judged by itself and by its last leaf.
fn inconsistency_of(engine: &Engine, state: &StateRecord) -> Result<Option<String>, EngineError> {
    if !is_consistent(state) {
        return Ok(Some("its peaks do not bag to its root".into()));
    }
    let Some(end) = state.tree.checked_add(state.count.next_index()) else {
        return Ok(Some("its sequences exceed their range".into()));
    };
    if engine
        .get(Family::Tree, layout::leaf_key(end).as_ref())?
        .is_some()
    {
        return Ok(Some("there is a leaf past the end of its tree".into()));
    }
    let Some(last) = state.count.last_index() else {
        let is_off = state.tree.0 == 0 && state.total_size != 0;
        return Ok(is_off.then(|| "it has a total size but no leaves".into()));
    };
    let leaf = read_window(engine, state.tree, last.0, last.0.saturating_add(1))?;
    Ok(match leaf.leaves.first() {
        Some((LeafRecord::Leaf(leaf), _)) if leaf.total_size != state.total_size => {
            Some("its last leaf has another total size".into())
        }
        // A lost leaf is a separate finding, not a fault of the state.
        _ => None,
    })
}

fn read_window(engine: &Engine, tree: Sequence, from: u64, to: u64) -> Result<Window, EngineError> {
    let read = |keys: &[TreeKey]| engine.get_each_uncached(Family::Tree, keys);
    Window::read(tree, from, to, read)
}

/// The rebuilding of a state from leaves.
struct StateRebuild<'e> {
    engine: &'e Engine,
    named: BucketId,
    recorded: Option<&'e StateRecord>,
    /// Signed roots, by tree and leaf count.
    signed: BTreeMap<(Sequence, u64), Vec<H256>>,
}

impl<'e> StateRebuild<'e> {
    fn new(
        engine: &'e Engine,
        named: BucketId,
        recorded: Option<&'e StateRecord>,
    ) -> Result<Self, EngineError> {
        let mut signed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in engine.scan(Family::Tree, layout::SIGNED_ROOTS)? {
            let (key, value) = entry?;
            let parsed = layout::parse_signed_root_key(&key).zip(SignedRootValue::parse(&value));
            if let Some(((root, tree), signed_root)) = parsed {
                let roots = signed.entry((tree, signed_root.count.get())).or_default();
                roots.push(root);
            }
        }
        if let Some(state) = recorded {
            let stated = signed.entry((state.tree, state.count.get())).or_default();
            stated.push(state.root);
        }
        Ok(Self {
            engine,
            named,
            recorded,
            signed,
        })
    }

    fn rebuild(&self) -> Result<Option<StateRecord>, EngineError> {
        let trees: BTreeSet<_> = self.signed.keys().map(|(tree, _)| *tree).collect();
        let profiles = match self.recorded {
            Some(state) => vec![state.profile],
            None => vec![HashingProfile::Plain, HashingProfile::Tagged],
        };
        // The newest tree is the current one.
        let Some(tree) = trees.last().copied() else {
            return Ok(None);
        };
        let leaves = self.count_leaves(tree)?;
        if self.has_more(tree, leaves)? {
            return Ok(None);
        }
        for profile in profiles {
            if let Some(state) = self.rebuild_at(profile, tree, leaves)? {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }

    /// Counts the leading leaves of a tree of which the leaf or at least its node is here.
    fn count_leaves(&self, tree: Sequence) -> Result<u64, EngineError> {
        let mut leaves = 0u64;
        loop {
            let end = leaves.saturating_add(WINDOW_LEAVES);
            let window = read_window(self.engine, tree, leaves, end)?;
            for (leaf, nodes) in window.leaves {
                let node = nodes.into_iter().next().and_then(|(_, node)| node.ok());
                if matches!(leaf, LeafRecord::Lost(_)) && node.is_none() {
                    return Ok(leaves);
                }
                leaves = leaves.saturating_add(1);
            }
        }
    }

    /// Returns whether there are or were more leaves, or a newer tree.
    fn has_more(&self, tree: Sequence, leaves: u64) -> Result<bool, EngineError> {
        let signed = self.signed.keys();
        if signed
            .into_iter()
            .any(|(of, count)| *of == tree && *count > leaves)
        {
            return Ok(true);
        }
        let after = Sequence(tree.0.saturating_add(leaves));
        let newer_tree = layout::node_key(Sequence(tree.0.saturating_add(1)), Position(0));
        Ok(self.has_any(layout::LEAVES, &layout::leaf_key(after))?
            || self.has_any(layout::NODES, &newer_tree)?)
    }

    fn has_any(&self, kind: &'static [u8], from: &TreeKey) -> Result<bool, EngineError> {
        let mut found = self.engine.scan_from(Family::Tree, kind, from.as_ref())?;
        Ok(found.next().transpose()?.is_some())
    }

    fn rebuild_at(
        &self,
        profile: HashingProfile,
        tree: Sequence,
        leaves: u64,
    ) -> Result<Option<StateRecord>, EngineError> {
        let (Some(roots), Some(count)) = (self.signed.get(&(tree, leaves)), LeafCount::new(leaves))
        else {
            return Ok(None);
        };
        let Some((reconstruction, last)) = self.reconstruct(profile, tree, leaves)? else {
            return Ok(None);
        };
        let known = roots
            .iter()
            .find_map(|root| Some((*root, reconstruction.peaks_for(root)?)));
        Ok(known.map(|(root, peaks)| StateRecord {
            format: FORMAT_VERSION,
            bucket: self.named,
            profile,
            max_bytes: self.recorded.map_or(u64::MAX, |state| state.max_bytes),
            tree,
            count,
            total_size: last.total_size,
            root,
            peaks,
        }))
    }

    /// Reconstructs the tree over all leaves. The last leaf gives the total size, so it is
    /// trusted only if its own record leads to the root.
    fn reconstruct(
        &self,
        profile: HashingProfile,
        tree: Sequence,
        leaves: u64,
    ) -> Result<Option<(TreeReconstruction, MmrLeaf)>, EngineError> {
        let mut reconstruction = TreeReconstruction::new(profile);
        let (mut next, mut last) = (0, None);
        while next < leaves {
            let end = next.saturating_add(WINDOW_LEAVES).min(leaves);
            for (leaf, mut nodes) in read_window(self.engine, tree, next, end)?.leaves {
                next = next.saturating_add(1);
                last = match leaf {
                    LeafRecord::Leaf(leaf) => Some(leaf),
                    LeafRecord::Lost(_) => None,
                };
                if let Some((_, node)) = nodes.first_mut().filter(|_| next == leaves) {
                    *node = Err(NodeDefect::Missing);
                }
                reconstruction.append(last.map(|leaf| profile.leaf(&leaf)), nodes);
            }
        }
        Ok(last.map(|last| (reconstruction, last)))
    }
}
