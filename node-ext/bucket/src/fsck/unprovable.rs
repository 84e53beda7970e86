//! Checks imported content that the chain cannot verify: all of it must be stored and
//! match its hashes, whatever its flag says. Its shape is not checked.

use super::report::CONTENT_NEEDED;
use super::{BucketCheck, tree::TreeToCheck};
use crate::bucket::StateRef;
use crate::error::ProveError;
use cairn_engine::layout::{Child, FlagValue, NodeKind, NonconformingValue};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{LeafIndex, MmrLeaf};
use std::collections::HashSet;

impl BucketCheck<'_> {
    /// Reads the flags of leaves.
    pub(super) fn read_flags(&mut self) -> Result<(), ProveError> {
        for flag in self.bucket.flags()? {
            match flag {
                Ok((sequence, flag)) => drop(self.flagged.insert(sequence, flag)),
                Err(error) => {
                    let why = "only the import knew which leaves to flag";
                    self.report.add_lost("flagged leaves", error, why);
                }
            }
        }
        let flagged = u64::try_from(self.flagged.len());
        self.report.unprovable_leaves = flagged.unwrap_or(u64::MAX);
        Ok(())
    }

    /// Returns the flag of a leaf, if it has one.
    pub(super) fn flag_of(&self, tree: &TreeToCheck, index: LeafIndex) -> Option<FlagValue> {
        let sequence = tree.tree.checked_add(index)?;
        self.flagged.get(&sequence).copied()
    }

    /// Checks all content under a flagged leaf.
    pub(super) fn check_flagged_content(
        &mut self,
        index: LeafIndex,
        leaf: &MmrLeaf,
        flag: FlagValue,
    ) {
        let hash = leaf.data_root;
        let kind = match self.bucket.root_kind(&hash, flag.root) {
            // Content with bytes consists of more than padding.
            Ok(Some(NodeKind::Padding)) if leaf.data_size > 0 => {
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
                    .add_lost(format!("leaf {index}"), fault, CONTENT_NEEDED);
                return;
            }
        };
        let root = Child { kind, hash };
        let mut reached = Vec::new();
        // Until all of it was found intact, it must not count for another leaf.
        let mut seen = HashSet::new();
        let checked = self.bucket.view(StateRef::Newest).and_then(|view| {
            let whole = &self.flagged_intact;
            let mut is_new = |child| !whole.contains(&child) && seen.insert(child);
            view.walk_flagged(root, &mut is_new, |hash, bytes| {
                reached.push((*hash, bytes.len()));
                Ok(())
            })
        });
        if checked.is_ok() {
            self.flagged_intact.extend(seen);
        }
        for (hash, length) in reached {
            let bytes = u64::try_from(length).unwrap_or(u64::MAX);
            self.report.bytes = self.report.bytes.saturating_add(bytes);
            if length <= CHUNK_BYTES
                && let Ok(length) = u32::try_from(length)
            {
                self.content.record_hashed_chunk(hash, length);
            }
        }
        if let Err(error) = checked {
            let place = format!("leaf {index}");
            self.report.add_lost(place, error, CONTENT_NEEDED);
        }
    }

    /// Checks and counts the records of such content.
    pub(super) fn check_nonconforming_records(&mut self) -> Result<(), ProveError> {
        for record in self.bucket.nonconforming_records()? {
            let (hash, value) = record?;
            match value {
                Some(NonconformingValue::LongChunk { length }) => self.content.count_chunk(length),
                _ => self.content.count_node(),
            }
            if let Err(fault) = self.bucket.check_nonconforming(&hash, value) {
                let place = format!("nonconforming node {hash:?} of a chunk tree");
                self.report.add_lost(place, fault, CONTENT_NEEDED);
            }
        }
        Ok(())
    }
}
