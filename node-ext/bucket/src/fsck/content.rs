//! Checks content: each leaf's tree down to the bytes of its chunks, then all other
//! records that later uploads and commits rely on.

mod chunks;
mod nodes;
mod walked;

use super::report::{CONTENT_NEEDED, LEAF_NOT_DERIVABLE, Remedy};
use super::{BucketCheck, LostContent, shapes};
use crate::error::ProveError;
use cairn_engine::EngineError;
use cairn_engine::layout::{InteriorValue, StorageUsage};
use cairn_primitives::chunk_tree::{Subtree, padding};
use cairn_primitives::{H256, HashingProfile, LeafIndex, MmrLeaf};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use walked::{WalkResult, Walked};

/// Upper bound on the recorded faults of one leaf's tree.
const MAX_FAULTS: usize = 1000;

/// The results of the check of content so far. Memory grows with the number of
/// chunks, some 50 bytes for each, and with the damage.
#[derive(Default)]
pub(super) struct ContentFindings {
    /// Chunks that were hashed while walking from a leaf, with their lengths.
    hashed_chunks: HashMap<H256, u32>,
    /// Subtrees that were walked.
    walked: Walked,
    /// Chunks with lost or wrong bytes.
    lost_chunks: BTreeMap<H256, String>,
    /// Intact chunks with a wrong or missing length.
    pub(super) length_faults: BTreeMap<H256, LengthFault>,
    /// Lost or wrong interior nodes.
    lost_nodes: BTreeMap<H256, LostNode>,
    /// Interior nodes whose recorded shape differs from that of their children.
    pub(super) suspects: BTreeMap<H256, InteriorValue>,
    /// The shapes computed for suspects, by hash and remaining levels.
    computed_shapes: RefCell<HashMap<(H256, u32), Option<Subtree>>>,
    rebuilt: HashSet<H256>,
    /// Findings about leaves, with the faulty hashes under each.
    leaves: Vec<(usize, Vec<H256>)>,
    counted: StorageUsage,
    /// Set if some content cannot be counted.
    is_uncounted: bool,
}

pub(super) struct LengthFault {
    pub(super) actual: u32,
    has_record: bool,
    fault: String,
}

/// A step in the walk through a leaf's tree.
enum WalkStep {
    /// Visit a node.
    Visit(H256, Subtree),
    /// All under a node was visited; holds the number of faults before that.
    Done(H256, Subtree, u64),
}

struct LostNode {
    /// The shape that a node or leaf above it requires.
    shape: Option<Subtree>,
    /// The shape in its own record, which may be wrong.
    hint: Option<Subtree>,
    has_record: bool,
    fault: String,
}

impl ContentFindings {
    /// Returns the content that only its bytes can restore.
    pub(super) fn lost(&self, profile: HashingProfile) -> LostContent {
        let nodes = self
            .lost_nodes
            .keys()
            .filter(|hash| !self.rebuilt.contains(hash));
        LostContent {
            profile,
            chunks: self.lost_chunks.keys().copied().collect(),
            nodes: nodes.copied().collect(),
            node_shapes: self
                .lost_nodes
                .iter()
                .filter_map(|(hash, lost)| Some((*hash, lost.shape?)))
                .collect(),
        }
    }

    /// Records a chunk that was hashed while walking from a leaf.
    pub(super) fn record_hashed_chunk(&mut self, hash: H256, length: u32) {
        self.hashed_chunks.insert(hash, length);
    }

    /// Counts a chunk that has no record among those of chunks.
    pub(super) fn count_chunk(&mut self, bytes: u64) {
        self.counted.chunks = self.counted.chunks.saturating_add(1);
        self.counted.bytes = self.counted.bytes.saturating_add(bytes);
    }

    /// Counts a node that has no record among those of nodes.
    pub(super) fn count_node(&mut self) {
        self.counted.interior_nodes = self.counted.interior_nodes.saturating_add(1);
    }

    fn record_lost_node(
        &mut self,
        hash: H256,
        shape: Option<Subtree>,
        fault: &str,
    ) -> &mut LostNode {
        let wanted = self.lost_nodes.entry(hash).or_insert_with(|| LostNode {
            shape: None,
            hint: None,
            has_record: false,
            fault: fault.to_owned(),
        });
        wanted.shape = wanted.shape.or(shape);
        wanted
    }
}

impl BucketCheck<'_> {
    /// Checks all content under a leaf.
    pub(super) fn check_content(&mut self, index: LeafIndex, leaf: &MmrLeaf) {
        let profile = self.bucket.profile();
        let mut faults = Vec::new();
        let mut first = None;
        let mut is_another = false;
        // Number of faults so far.
        let mut wrong = 0u64;
        self.content.walked.begin_leaf();
        // Remaining steps; the leftmost is on top.
        let mut to_do: Vec<_> = shapes::shape_of_content(leaf.data_size)
            .map(|shape| WalkStep::Visit(leaf.data_root, shape))
            .into_iter()
            .collect();
        while let Some(step) = to_do.pop() {
            let (hash, shape) = match step {
                WalkStep::Visit(hash, shape) => (hash, shape),
                WalkStep::Done(hash, shape, before) => {
                    let met = match wrong == before {
                        true => WalkResult::Intact,
                        false => WalkResult::Faulty,
                    };
                    self.content.walked.record(&hash, shape, met);
                    continue;
                }
            };
            match self.content.walked.result_of(&hash, shape) {
                Some(WalkResult::Intact) => {
                    self.report.bytes = self.report.bytes.saturating_add(shape.bytes());
                    continue;
                }
                Some(WalkResult::Faulty) => continue,
                None => {}
            }
            let mut differs = false;
            let visited = match shapes::child_shapes(shape) {
                None => self.check_chunk(&hash).map(|length| {
                    differs = u64::from(length) != shape.bytes();
                    self.report.bytes = self.report.bytes.saturating_add(length.into());
                }),
                Some((left, right)) => self.check_node(&hash, shape).map(|node| {
                    let right_is_padding = node.right == padding(profile, left.height());
                    differs = right_is_padding != right.is_none();
                    to_do.push(WalkStep::Done(hash, shape, wrong));
                    if !right_is_padding {
                        to_do.extend(right.map(|right| WalkStep::Visit(node.right, right)));
                    }
                    to_do.push(WalkStep::Visit(node.left, left));
                }),
            };
            is_another |= differs;
            wrong = wrong.saturating_add(u64::from(differs || visited.is_err()));
            let is_root = hash == leaf.data_root;
            if let Err(fault) = visited {
                if is_root && self.is_stored_as_other_kind(&hash, shape) {
                    is_another = true;
                    break;
                }
                first.get_or_insert(format!("it needs {hash:?}: {fault}"));
                if faults.len() < MAX_FAULTS {
                    faults.push(hash);
                }
            }
        }
        let place = format!("leaf {index}");
        if let Some(fault) = first {
            let finding = self.report.add_lost(&place, fault, CONTENT_NEEDED);
            let finding = finding.map(|finding| (finding, faults));
            self.content.leaves.extend(finding);
        }
        if is_another {
            let fault = "its content does not match the stored leaf";
            self.report.add_lost(place, fault, LEAF_NOT_DERIVABLE);
        }
    }

    /// Returns whether a data root, whose size says chunk or node, is stored as the
    /// other of the two.
    fn is_stored_as_other_kind(&mut self, root: &H256, shape: Subtree) -> bool {
        if shape.height() == 0 {
            let is_another = self.bucket.verify_interior(root).is_ok();
            if is_another {
                self.content.lost_chunks.remove(root);
            }
            is_another
        } else {
            let is_another = self.bucket.has_length_record(root);
            if is_another {
                self.content.lost_nodes.remove(root);
            }
            is_another
        }
    }

    fn check_chunk(&mut self, hash: &H256) -> Result<u32, String> {
        if let Some(length) = self.content.hashed_chunks.get(hash) {
            return Ok(*length);
        }
        if let Some(fault) = self.content.lost_chunks.get(hash) {
            return Err(fault.clone());
        }
        let checked = self.bucket.verify_chunk(hash);
        let checked = checked.map_err(|fault| fault.to_string());
        match &checked {
            Ok(length) => drop(self.content.hashed_chunks.insert(*hash, *length)),
            Err(fault) => drop(self.content.lost_chunks.insert(*hash, fault.clone())),
        }
        checked
    }

    fn check_node(&mut self, hash: &H256, shape: Subtree) -> Result<InteriorValue, String> {
        let checked = self.bucket.verify_interior(hash);
        let checked = checked.map_err(|fault| fault.to_string());
        if let Err(fault) = &checked {
            self.content.record_lost_node(*hash, Some(shape), fault);
        }
        checked
    }

    /// Checks all records of content, and searches them for lost nodes.
    pub(super) fn check_records(&mut self) -> Result<(), ProveError> {
        let (writes, recorded) = (self.bucket.content_writes(), self.bucket.usage());
        self.check_chunk_records();
        self.check_node_records();
        self.check_nonconforming_records()?;
        self.find_shapes_of_lost_nodes();
        self.judge_suspects();
        self.report_chunks();
        self.search_lost_nodes();
        self.mark_rebuildable_leaves();
        let counted = self.content.counted;
        self.report.records = counted.chunks.saturating_add(counted.interior_nodes);
        self.check_usage(recorded, writes);
        Ok(())
    }

    fn report_gap(&mut self, kind: &str, from: H256, to: Option<H256>, error: &EngineError) {
        let to = to.map_or_else(|| "the end".into(), |to| format!("{to:?}"));
        let place = format!("{kind} from {from:?} to {to}");
        let why = "their file is damaged, and rewriting a record does not repair a file";
        self.report.add_lost(place, error, why);
        self.content.is_uncounted = true;
    }

    /// Marks a leaf as rebuildable if all faults under it are.
    fn mark_rebuildable_leaves(&mut self) {
        for (finding, faults) in &self.content.leaves {
            if faults
                .iter()
                .all(|hash| self.content.rebuilt.contains(hash))
            {
                let from = "the content under it";
                self.report.set_remedy(*finding, Remedy::Rebuild { from });
            }
        }
    }
}
