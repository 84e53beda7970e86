//! Checks the records of interior nodes: their children and shapes. Searches for
//! lost ones.

use super::{BucketCheck, LostNode};
use crate::bucket::records::{NodeCheck, ScanItem};
use crate::fsck::repair_write::RepairWrite;
use crate::fsck::report::CONTENT_NEEDED;
use crate::fsck::{lost_nodes, shapes};
use cairn_engine::layout::InteriorValue;
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{Subtree, padding};
use std::collections::BTreeMap;

/// Levels of a chunk tree, and one to spare.
const MAX_LEVELS: u32 = 48;

impl BucketCheck<'_> {
    pub(super) fn check_node_records(&mut self) {
        for node in self.bucket.scan_nodes(H256::zero()) {
            let (hash, value) = match node {
                ScanItem::Record { hash, value } => (hash, value),
                ScanItem::Gap { from, to, error } => {
                    self.report_gap("nodes of chunk trees", from, to, &error);
                    continue;
                }
            };
            let usage = &mut self.content.counted;
            usage.interior_nodes = usage.interior_nodes.saturating_add(1);
            let hint = value.map(|value| value.subtree);
            let value = value.ok_or("it cannot be read").and_then(|value| {
                let children = self.bucket.profile().node(&value.left, &value.right);
                let fits = children == hash;
                fits.then_some(value)
                    .ok_or("its children do not hash to it")
            });
            match value {
                Ok(value) => self.check_node_record(hash, value),
                Err(fault) => {
                    let wanted = self.content.record_lost_node(hash, None, fault);
                    wanted.has_record = true;
                    wanted.hint = hint;
                }
            }
        }
    }

    fn check_node_record(&mut self, hash: H256, value: InteriorValue) {
        match self.bucket.check_node(&hash, &value) {
            None | Some(NodeCheck::Sound) => {}
            Some(NodeCheck::MissingChild(child)) => self.record_lost_child(&value, child),
            Some(NodeCheck::OtherShape | NodeCheck::Failed(_)) => {
                self.content.suspects.insert(hash, value);
            }
        }
    }

    fn record_lost_child(&mut self, value: &InteriorValue, child: H256) {
        let shape = child_shape(value, &child);
        if shape.is_some_and(|shape| shape.height() > 0) {
            self.content.record_lost_node(child, shape, "it is lost");
            return;
        }
        // The check of its bytes reports a lost chunk.
        if let Ok(right) = self.check_chunk(&child) {
            self.record_lost_length(&child, right);
        }
    }

    /// Takes the shapes of unreadable nodes from their parents' records.
    pub(super) fn find_shapes_of_lost_nodes(&mut self) {
        let is_unknown = |wanted: &LostNode| wanted.shape.is_none();
        if !self.content.lost_nodes.values().any(is_unknown) {
            return;
        }
        for node in self.bucket.scan_nodes(H256::zero()) {
            let ScanItem::Record {
                value: Some(value), ..
            } = node
            else {
                continue;
            };
            for child in [value.left, value.right] {
                if let Some(wanted) = self.content.lost_nodes.get_mut(&child) {
                    wanted.shape = wanted.shape.or_else(|| child_shape(&value, &child));
                }
            }
        }
    }

    /// Compares the shape of each suspect with the one computed from its children.
    pub(super) fn judge_suspects(&mut self) {
        let suspects: Vec<_> = self
            .content
            .suspects
            .iter()
            .map(|(hash, value)| (*hash, *value))
            .collect();
        for (hash, value) in suspects {
            let place = format!("node {hash:?} of a chunk tree");
            match self.compute_shape(&hash, &value, MAX_LEVELS) {
                Some(subtree) if subtree == value.subtree => {}
                Some(subtree) => {
                    let value = InteriorValue { subtree, ..value };
                    let fault = "its recorded shape differs from that of its children";
                    self.content.rebuilt.insert(hash);
                    self.add_rebuildable(
                        place,
                        fault,
                        "its children",
                        RepairWrite::Interior { hash, value },
                    );
                }
                None => {
                    let fault = "its children form no provable tree";
                    self.report.add_lost(place, fault, CONTENT_NEEDED);
                }
            }
        }
    }

    /// Computes the shape of a suspect from its children. The result is kept, since
    /// records in a foreign archive may refer to one another many times.
    fn compute_shape(&self, hash: &H256, value: &InteriorValue, levels: u32) -> Option<Subtree> {
        let levels = levels.checked_sub(1)?;
        let key = (*hash, levels);
        if let Some(known) = self.content.computed_shapes.borrow().get(&key) {
            return *known;
        }
        let joined = self.join_children(value, levels);
        self.content
            .computed_shapes
            .borrow_mut()
            .insert(key, joined);
        joined
    }

    fn join_children(&self, value: &InteriorValue, levels: u32) -> Option<Subtree> {
        let profile = self.bucket.profile();
        let mut rights = None;
        for left in self.known_shapes(&value.left, levels) {
            if value.right == padding(profile, left.height()) {
                return left.join(None).ok();
            }
            let rights = rights.get_or_insert_with(|| self.known_shapes(&value.right, levels));
            let joined = rights.iter().find_map(|right| left.join(Some(*right)).ok());
            if joined.is_some() {
                return joined;
            }
        }
        None
    }

    /// Returns the shapes that a hash may have, as a chunk and as an interior node, as
    /// far as they are known.
    pub(in crate::fsck) fn known_shapes(&self, hash: &H256, levels: u32) -> Vec<Subtree> {
        let (length, value) = self.bucket.stored_shapes(hash);
        let length = self
            .content
            .length_faults
            .get(hash)
            .map(|length| length.actual)
            .or(length);
        let chunk = length
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| Subtree::chunk(length).ok());
        let interior = value.and_then(|value| {
            if self.content.suspects.contains_key(hash) {
                self.compute_shape(hash, &value, levels)
            } else {
                Some(value.subtree)
            }
        });
        chunk.into_iter().chain(interior).collect()
    }

    pub(super) fn search_lost_nodes(&mut self) {
        let wanted = self.content.lost_nodes.iter();
        let shapes: BTreeMap<H256, Subtree> = wanted
            .filter_map(|(hash, wanted)| Some((*hash, wanted.shape.or(wanted.hint)?)))
            .collect();
        let found = if shapes.is_empty() {
            BTreeMap::new()
        } else {
            lost_nodes::find(self, &shapes)
        };
        let wanted = std::mem::take(&mut self.content.lost_nodes);
        for (hash, LostNode { fault, .. }) in &wanted {
            if !found.contains_key(hash) {
                let place = format!("node {hash:?} of a chunk tree");
                self.report.add_lost(place, fault, CONTENT_NEEDED);
            }
        }
        for (hash, value) in found {
            let known = wanted.get(&hash);
            let fault = known.map_or("it is lost", |wanted| wanted.fault.as_str());
            if !known.is_some_and(|wanted| wanted.has_record) {
                let usage = &mut self.content.counted;
                usage.interior_nodes = usage.interior_nodes.saturating_add(1);
            }
            self.content.rebuilt.insert(hash);
            let place = format!("node {hash:?} of a chunk tree");
            let write = RepairWrite::Interior { hash, value };
            self.add_rebuildable(place, fault, "the content under it", write);
        }
        self.content.lost_nodes = wanted;
    }
}

fn child_shape(value: &InteriorValue, child: &H256) -> Option<Subtree> {
    let (left, right) = shapes::child_shapes(value.subtree)?;
    if value.left == *child {
        Some(left)
    } else {
        right
    }
}
