//! Checks imported content that the chain cannot verify: all of it must be stored and
//! match its hashes, whatever its flag says. Its shape is not checked.

use super::report::NEEDS_ITS_CONTENT;
use super::{Check, tree::TreeToCheck};
use crate::bucket::At;
use crate::error::ProveError;
use cairn_engine::layout::{Child, FlagValue, Kind, UnshapedValue};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{LeafIndex, MmrLeaf};
use std::collections::HashSet;

impl Check<'_> {
    /// Reads the flags of leaves.
    pub(super) fn flags(&mut self) -> Result<(), ProveError> {
        for flag in self.bucket.flags()? {
            match flag {
                Ok((sequence, flag)) => drop(self.flagged.insert(sequence, flag)),
                Err(error) => {
                    let why = "only the import knew which leaves to flag";
                    self.report.lost("flagged leaves", error, why);
                }
            }
        }
        let flagged = u64::try_from(self.flagged.len());
        self.report.unprovable_leaves = flagged.unwrap_or(u64::MAX);
        Ok(())
    }

    /// Returns the flag of a leaf, if it has one.
    pub(super) fn flag_of(&self, tree: &TreeToCheck, index: LeafIndex) -> Option<FlagValue> {
        let sequence = tree.tree.of_leaf(index)?;
        self.flagged.get(&sequence).copied()
    }

    /// Checks all content under a flagged leaf.
    pub(super) fn flagged_content_of(&mut self, index: LeafIndex, leaf: &MmrLeaf, flag: FlagValue) {
        let hash = leaf.data_root;
        let kind = match self.bucket.kind_of(&hash, flag.root) {
            // Content with bytes consists of more than padding.
            Ok(Some(Kind::Padding)) if leaf.data_size > 0 => {
                Err("it is nothing but padding".into())
            }
            Ok(Some(kind)) => Ok(kind),
            Ok(None) => Err("it is not here".into()),
            Err(error) => Err(error.to_string()),
        };
        let kind = match kind {
            Ok(kind) => kind,
            Err(fault) => {
                let fault = format!("its content {hash:?}: {fault}");
                self.report
                    .lost(format!("leaf {index}"), fault, NEEDS_ITS_CONTENT);
                return;
            }
        };
        let root = Child { kind, hash };
        let mut reached = Vec::new();
        // Until all of it was found intact, it must not count for another leaf.
        let mut seen = HashSet::new();
        let checked = self.bucket.view(At::Newest).and_then(|view| {
            let whole = &self.flagged_whole;
            let mut is_new = |child| !whole.contains(&child) && seen.insert(child);
            view.walk_flagged(root, &mut is_new, |hash, bytes| {
                reached.push((*hash, bytes.len()));
                Ok(())
            })
        });
        if checked.is_ok() {
            self.flagged_whole.extend(seen);
        }
        for (hash, length) in reached {
            let bytes = u64::try_from(length).unwrap_or(u64::MAX);
            self.report.bytes = self.report.bytes.saturating_add(bytes);
            if length <= CHUNK_BYTES
                && let Ok(length) = u32::try_from(length)
            {
                self.content.has_reached(hash, length);
            }
        }
        if let Err(error) = checked {
            let place = format!("leaf {index}");
            self.report.lost(place, error, NEEDS_ITS_CONTENT);
        }
    }

    /// Checks and counts the records of such content.
    pub(super) fn unshaped_records(&mut self) -> Result<(), ProveError> {
        for record in self.bucket.stored_unshaped()? {
            let (hash, value) = record?;
            match value {
                Some(UnshapedValue::LongChunk { length }) => self.content.count_chunk(length),
                _ => self.content.count_node(),
            }
            if let Err(fault) = self.bucket.check_unshaped(&hash, value) {
                let place = format!("unshaped node {hash:?} of a chunk tree");
                self.report.lost(place, fault, NEEDS_ITS_CONTENT);
            }
        }
        Ok(())
    }
}
