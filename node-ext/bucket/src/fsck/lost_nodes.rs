//! Finds the children of lost interior nodes: two stored records of the shapes that
//! belong under the node, whose hashes combine to the node's hash.
//!
//! No two pairs have the same hash, so a match is the lost node. The shapes leave few
//! records to try. Those that no stored node refers to (orphans) are tried first,
//! since a lost node leaves its children as orphans. Where nodes of several levels are
//! lost, candidates for the lower ones are built from orphans. The search is bounded,
//! since a large bucket has too many pairs.

use super::{BucketCheck, shapes};
use crate::bucket::records::ScanItem;
use cairn_engine::layout::InteriorValue;
use cairn_primitives::chunk_tree::{Subtree, padding};
use cairn_primitives::{H256, HashingProfile};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Upper bound on the pairs hashed for one shape; takes some seconds.
const MAX_PAIRS: usize = 1 << 24;
/// Upper bound on the candidate nodes held in memory.
const MAX_INTERMEDIATE_NODES: usize = 1 << 20;

/// A shape as a map key.
type Shape = (u32, u64, u64);

fn key(shape: &Subtree) -> Shape {
    (shape.height(), shape.chunks(), shape.bytes())
}

/// Returns the nodes of `wanted` that can be rebuilt, and the lost nodes between them
/// and stored records.
pub(super) fn find(
    check: &BucketCheck<'_>,
    wanted: &BTreeMap<H256, Subtree>,
) -> BTreeMap<H256, InteriorValue> {
    let stored = StoredHashes::collect(check, wanted);
    let mut search = Search {
        profile: check.bucket.profile(),
        stored,
        found: BTreeMap::new(),
    };
    let mut by_shape: BTreeMap<Shape, (Subtree, HashSet<H256>)> = BTreeMap::new();
    for (hash, shape) in wanted {
        let of_shape = by_shape.entry(key(shape));
        let (_, targets) = of_shape.or_insert_with(|| (*shape, HashSet::new()));
        targets.insert(*hash);
    }
    for (shape, mut targets) in by_shape.into_values() {
        search.search_stored(shape, &mut targets);
        if !targets.is_empty() {
            search.search_intermediates(shape, &targets);
        }
    }
    search.found
}

/// Stored records of the shapes under wanted nodes.
#[derive(Default)]
struct StoredHashes {
    orphans: HashMap<Shape, Vec<H256>>,
    all: HashMap<Shape, Vec<H256>>,
}

impl StoredHashes {
    fn collect(check: &BucketCheck<'_>, wanted: &BTreeMap<H256, Subtree>) -> Self {
        let shapes = shapes_under(wanted.values());
        let mut stored = Self::default();
        let mut referenced = HashSet::new();
        for node in check.bucket.scan_nodes(H256::zero()) {
            let ScanItem::Record {
                hash,
                value: Some(value),
            } = node
            else {
                continue;
            };
            // The children in a wrong record are meaningless.
            if wanted.contains_key(&hash) {
                continue;
            }
            referenced.extend([value.left, value.right]);
            let shape = match check.content.suspects.contains_key(&hash) {
                true => check.known_shapes(&hash, u32::BITS).last().copied(),
                false => Some(value.subtree),
            };
            stored.add(hash, shape, &shapes);
        }
        let chunk = |length: u32| {
            let length = usize::try_from(length).ok()?;
            Subtree::chunk(length).ok()
        };
        for record in check.bucket.scan_chunks(H256::zero()) {
            let ScanItem::Record { hash, value } = record else {
                continue;
            };
            if !check.content.length_faults.contains_key(&hash) {
                stored.add(hash, value.and_then(chunk), &shapes);
            }
        }
        for (hash, length) in &check.content.length_faults {
            stored.add(*hash, chunk(length.actual), &shapes);
        }
        for (shape, hashes) in &stored.all {
            let orphans = hashes.iter().filter(|hash| !referenced.contains(*hash));
            stored.orphans.insert(*shape, orphans.copied().collect());
        }
        stored
    }

    fn add(&mut self, hash: H256, shape: Option<Subtree>, shapes: &HashSet<Shape>) {
        let shape = shape.map(|shape| key(&shape));
        if let Some(shape) = shape.filter(|shape| shapes.contains(shape)) {
            self.all.entry(shape).or_default().push(hash);
        }
    }
}

/// Returns all shapes that occur under these nodes.
fn shapes_under<'s>(nodes: impl Iterator<Item = &'s Subtree>) -> HashSet<Shape> {
    let mut shapes = HashSet::new();
    let mut to_visit: Vec<Subtree> = nodes.copied().collect();
    while let Some(node) = to_visit.pop() {
        let Some((left, right)) = shapes::child_shapes(node) else {
            continue;
        };
        for half in std::iter::once(left).chain(right) {
            if shapes.insert(key(&half)) {
                to_visit.push(half);
            }
        }
    }
    shapes
}

struct Search {
    profile: HashingProfile,
    stored: StoredHashes,
    found: BTreeMap<H256, InteriorValue>,
}

impl Search {
    /// Tries pairs of stored records, orphans first.
    fn search_stored(&mut self, shape: Subtree, targets: &mut HashSet<H256>) {
        let Some((left, right)) = shapes::child_shapes(shape) else {
            return;
        };
        let of = |from: &HashMap<Shape, Vec<H256>>, shape: &Subtree| {
            from.get(&key(shape)).cloned().unwrap_or_default()
        };
        let (orphan_lefts, lefts) = (of(&self.stored.orphans, &left), of(&self.stored.all, &left));
        let Some(right) = right else {
            let padding = [padding(self.profile, left.height())];
            return self.try_pairs(shape, &lefts, &padding, targets);
        };
        let orphan_rights = of(&self.stored.orphans, &right);
        let rights = of(&self.stored.all, &right);
        self.try_pairs(shape, &orphan_lefts, &orphan_rights, targets);
        self.try_pairs(shape, &orphan_lefts, &rights, targets);
        self.try_pairs(shape, &lefts, &orphan_rights, targets);
        self.try_pairs(shape, &lefts, &rights, targets);
    }

    fn try_pairs(
        &mut self,
        subtree: Subtree,
        lefts: &[H256],
        rights: &[H256],
        targets: &mut HashSet<H256>,
    ) {
        if lefts.len().saturating_mul(rights.len()) > MAX_PAIRS {
            return;
        }
        for left in lefts {
            for right in rights {
                if targets.is_empty() {
                    return;
                }
                let hash = self.profile.node(left, right);
                if targets.remove(&hash) {
                    let (left, right) = (*left, *right);
                    let value = InteriorValue {
                        left,
                        right,
                        subtree,
                    };
                    self.found.insert(hash, value);
                }
            }
        }
    }

    /// Builds candidates for the nodes between orphans and the wanted nodes.
    fn search_intermediates(&mut self, shape: Subtree, targets: &HashSet<H256>) {
        let mut between = IntermediateSearch {
            profile: self.profile,
            orphans: &self.stored.orphans,
            candidates: HashMap::new(),
            built: HashMap::new(),
        };
        let Some(candidates) = between.build_candidates(shape, targets) else {
            return;
        };
        let made = between.built;
        let mut to_take: Vec<H256> = candidates;
        to_take.retain(|hash| targets.contains(hash));
        while let Some(hash) = to_take.pop() {
            // Stored records were not built here.
            if let Some(value) = made.get(&hash) {
                self.found.insert(hash, *value);
                to_take.extend([value.left, value.right]);
            }
        }
    }
}

struct IntermediateSearch<'s> {
    profile: HashingProfile,
    orphans: &'s HashMap<Shape, Vec<H256>>,
    /// All candidates for nodes, by shape.
    candidates: HashMap<Shape, Vec<H256>>,
    built: HashMap<H256, InteriorValue>,
}

impl IntermediateSearch<'_> {
    /// Returns all candidates for nodes of this shape; `None` if there are too many.
    /// With `targets`, keeps only those.
    fn build_candidates(&mut self, shape: Subtree, targets: &HashSet<H256>) -> Option<Vec<H256>> {
        let (left, right) = shapes::child_shapes(shape)?;
        let lefts = self.nodes_of_shape(left)?;
        let rights = match right {
            Some(right) => self.nodes_of_shape(right)?,
            None => vec![padding(self.profile, left.height())],
        };
        if lefts.len().saturating_mul(rights.len()) > MAX_PAIRS {
            return None;
        }
        let mut made = Vec::new();
        for left in &lefts {
            for right in &rights {
                let hash = self.profile.node(left, right);
                if !targets.is_empty() && !targets.contains(&hash) {
                    continue;
                }
                if self.built.len() >= MAX_INTERMEDIATE_NODES {
                    return None;
                }
                let (left, right) = (*left, *right);
                self.built.insert(
                    hash,
                    InteriorValue {
                        left,
                        right,
                        subtree: shape,
                    },
                );
                made.push(hash);
            }
        }
        Some(made)
    }

    fn nodes_of_shape(&mut self, shape: Subtree) -> Option<Vec<H256>> {
        if let Some(known) = self.candidates.get(&key(&shape)) {
            return Some(known.clone());
        }
        let orphans = self.orphans.get(&key(&shape));
        let mut nodes = orphans.cloned().unwrap_or_default();
        if shape.height() > 0 {
            nodes.extend(self.build_candidates(shape, &HashSet::new())?);
        }
        self.candidates.insert(key(&shape), nodes.clone());
        Some(nodes)
    }
}
