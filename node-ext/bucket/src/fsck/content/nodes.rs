//! Checks the records of interior nodes: their children and shapes. Searches for
//! lost ones.

use super::{Check, Wanted};
use crate::bucket::records::{NodeVerdict, Surveyed};
use crate::fsck::mend::Mend;
use crate::fsck::report::NEEDS_ITS_CONTENT;
use crate::fsck::{lost_nodes, shapes};
use cairn_engine::layout::InteriorValue;
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{Subtree, padding};
use std::collections::BTreeMap;

/// Levels of a chunk tree, and one to spare.
const MAX_LEVELS: u32 = 48;

impl Check<'_> {
    pub(super) fn node_records(&mut self) {
        for node in self.bucket.stored_nodes(H256::zero()) {
            let (hash, value) = match node {
                Surveyed::Record { hash, value } => (hash, value),
                Surveyed::Gap { from, to, error } => {
                    self.gap("nodes of chunk trees", from, to, &error);
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
                Ok(value) => self.node_record(hash, value),
                Err(fault) => {
                    let wanted = self.content.want(hash, None, fault);
                    wanted.is_there = true;
                    wanted.hint = hint;
                }
            }
        }
    }

    fn node_record(&mut self, hash: H256, value: InteriorValue) {
        match self.bucket.judge_node(&hash, &value) {
            None | Some(NodeVerdict::Sound) => {}
            Some(NodeVerdict::Child(child)) => self.lost_child(&value, child),
            Some(NodeVerdict::Shape | NodeVerdict::Faulty(_)) => {
                self.content.suspects.insert(hash, value);
            }
        }
    }

    fn lost_child(&mut self, value: &InteriorValue, child: H256) {
        let shape = child_shape(value, &child);
        if shape.is_some_and(|shape| shape.height() > 0) {
            self.content.want(child, shape, "it is lost");
            return;
        }
        // The check of its bytes reports a lost chunk.
        if let Ok(right) = self.chunk_of(&child) {
            self.length_if_lost(&child, right);
        }
    }

    /// Takes the shapes of unreadable nodes from their parents' records.
    pub(super) fn shapes_of_wanted(&mut self) {
        let is_unknown = |wanted: &Wanted| wanted.shape.is_none();
        if !self.content.wanted.values().any(is_unknown) {
            return;
        }
        for node in self.bucket.stored_nodes(H256::zero()) {
            let Surveyed::Record {
                value: Some(value), ..
            } = node
            else {
                continue;
            };
            for child in [value.left, value.right] {
                if let Some(wanted) = self.content.wanted.get_mut(&child) {
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
            match self.joined_shape(&hash, &value, MAX_LEVELS) {
                Some(subtree) if subtree == value.subtree => {}
                Some(subtree) => {
                    let value = InteriorValue { subtree, ..value };
                    let fault = "its recorded shape differs from that of its children";
                    self.content.rebuilt.insert(hash);
                    self.rebuild(place, fault, "its children", Mend::Interior { hash, value });
                }
                None => {
                    let fault = "its children form no provable tree";
                    self.report.lost(place, fault, NEEDS_ITS_CONTENT);
                }
            }
        }
    }

    /// Computes the shape of a suspect from its children. The result is kept, since
    /// records in a foreign archive may refer to one another many times.
    fn joined_shape(&self, hash: &H256, value: &InteriorValue, levels: u32) -> Option<Subtree> {
        let levels = levels.checked_sub(1)?;
        let key = (*hash, levels);
        if let Some(known) = self.content.judged.borrow().get(&key) {
            return *known;
        }
        let joined = self.join_children(value, levels);
        self.content.judged.borrow_mut().insert(key, joined);
        joined
    }

    fn join_children(&self, value: &InteriorValue, levels: u32) -> Option<Subtree> {
        let profile = self.bucket.profile();
        let mut rights = None;
        for left in self.true_shapes(&value.left, levels) {
            if value.right == padding(profile, left.height()) {
                return left.join(None).ok();
            }
            let rights = rights.get_or_insert_with(|| self.true_shapes(&value.right, levels));
            let joined = rights.iter().find_map(|right| left.join(Some(*right)).ok());
            if joined.is_some() {
                return joined;
            }
        }
        None
    }

    /// Returns the shapes that a hash may have, as a chunk and as an interior node, as
    /// far as they are known.
    pub(in crate::fsck) fn true_shapes(&self, hash: &H256, levels: u32) -> Vec<Subtree> {
        let (length, value) = self.bucket.stored_shapes(hash);
        let length = self
            .content
            .lengths
            .get(hash)
            .map(|length| length.right)
            .or(length);
        let chunk = length
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| Subtree::chunk(length).ok());
        let interior = value.and_then(|value| {
            if self.content.suspects.contains_key(hash) {
                self.joined_shape(hash, &value, levels)
            } else {
                Some(value.subtree)
            }
        });
        chunk.into_iter().chain(interior).collect()
    }

    pub(super) fn look_for_nodes(&mut self) {
        let wanted = self.content.wanted.iter();
        let shapes: BTreeMap<H256, Subtree> = wanted
            .filter_map(|(hash, wanted)| Some((*hash, wanted.shape.or(wanted.hint)?)))
            .collect();
        let found = if shapes.is_empty() {
            BTreeMap::new()
        } else {
            lost_nodes::find(self, &shapes)
        };
        let wanted = std::mem::take(&mut self.content.wanted);
        for (hash, Wanted { fault, .. }) in &wanted {
            if !found.contains_key(hash) {
                let place = format!("node {hash:?} of a chunk tree");
                self.report.lost(place, fault, NEEDS_ITS_CONTENT);
            }
        }
        for (hash, value) in found {
            let known = wanted.get(&hash);
            let fault = known.map_or("it is lost", |wanted| wanted.fault.as_str());
            if !known.is_some_and(|wanted| wanted.is_there) {
                let usage = &mut self.content.counted;
                usage.interior_nodes = usage.interior_nodes.saturating_add(1);
            }
            self.content.rebuilt.insert(hash);
            let place = format!("node {hash:?} of a chunk tree");
            let write = Mend::Interior { hash, value };
            self.rebuild(place, fault, "the content under it", write);
        }
        self.content.wanted = wanted;
    }
}

fn child_shape(value: &InteriorValue, child: &H256) -> Option<Subtree> {
    let (left, right) = shapes::halves(value.subtree)?;
    if value.left == *child {
        Some(left)
    } else {
        right
    }
}
