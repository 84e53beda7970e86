//! Checking a bucket as an outsider would: every root rebuilt from the bytes
//! of the chunks, with the client's own types, and compared with what is
//! stored and what was signed; then every record that a later commit would
//! rely on.
//!
//! A finding does not stop the check, so that one damaged chunk does not hide
//! another.

use crate::bucket::{At, Bucket, View};
use crate::error::ProveError;
use crate::layout::Usage;
use cairn_primitives::chunk_tree::ContentHasher;
use cairn_primitives::mmr::{Frontier, leaf_position};
use cairn_primitives::{Commitment, H256, LeafCount, LeafIndex, MmrLeaf};
use std::collections::{BTreeMap, HashSet};

/// Findings that are kept; one lost node near the root breaks a proof for
/// every leaf.
const MAX_FINDINGS: usize = 1000;

/// Something that is not as it was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a leaf, a node, a root.
    pub place: String,
    /// What is wrong there.
    pub fault: String,
}

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Leaves whose content was read and hashed.
    pub leaves: u64,
    /// Bytes of content that were hashed.
    pub bytes: u64,
    /// Signed roots that were rebuilt.
    pub signed_roots: u64,
    /// Chunks and interior nodes that were checked as records.
    pub records: u64,
    /// What is wrong, in the order of discovery: at most 1,000.
    pub findings: Vec<Finding>,
    /// Findings past those.
    pub more_findings: u64,
}

impl FsckReport {
    /// Whether everything is as it was promised.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, place: impl Into<String>, fault: impl ToString) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding {
                place: place.into(),
                fault: fault.to_string(),
            });
        } else {
            self.more_findings = self.more_findings.saturating_add(1);
        }
    }
}

/// Checks all leaves of a bucket's newest tree, all roots that were signed of
/// it, and all records of content. Calls `progress` with the number of leaves
/// done after each.
///
/// # Errors
///
/// A failure of the database that prevents reading what was signed; anything
/// else is a finding.
pub fn fsck(bucket: &Bucket, progress: impl FnMut(u64)) -> Result<FsckReport, ProveError> {
    let view = bucket.view(At::Newest)?;
    let mut check = Check {
        bucket,
        promised: promised(bucket, &view)?,
        view,
        report: FsckReport::default(),
        reached: HashSet::new(),
    };
    check.leaves(progress);
    check.records()?;
    Ok(check.report)
}

/// What was signed of the tree in view, by leaf count.
fn promised(
    bucket: &Bucket,
    view: &View<'_>,
) -> Result<BTreeMap<LeafCount, Vec<Commitment>>, ProveError> {
    let mut promised: BTreeMap<LeafCount, Vec<Commitment>> = BTreeMap::new();
    for promise in bucket.promises()? {
        let commitment = promise?.commitment;
        if commitment.start_seq == view.tree() {
            promised
                .entry(commitment.leaf_count)
                .or_default()
                .push(commitment);
        }
    }
    Ok(promised)
}

struct Check<'b> {
    bucket: &'b Bucket,
    view: View<'b>,
    promised: BTreeMap<LeafCount, Vec<Commitment>>,
    report: FsckReport,
    /// Chunks whose bytes were hashed on the way to a leaf.
    reached: HashSet<H256>,
}

impl Check<'_> {
    fn leaves(&mut self, mut progress: impl FnMut(u64)) {
        let mut frontier = Frontier::empty(self.bucket.config().profile);
        let mut before = None;
        for index in (0..self.view.count().get()).map(LeafIndex) {
            let place = format!("leaf {index}");
            let Some(hash) = self.leaf_hash(index, &mut before) else {
                break;
            };
            let mut nodes = Vec::new();
            frontier.append(hash, |position, hash| nodes.push((position, hash)));
            self.report.leaves = self.report.leaves.saturating_add(1);
            self.roots_at(&frontier);
            // A proof reads every node on the leaf's way up, and verifies it.
            if let Err(error) = self.view.mmr_proof(index) {
                self.report.find(&place, error);
            }
            let positions: Vec<_> = nodes.iter().map(|(position, _)| *position).collect();
            match self.view.nodes(&positions) {
                Err(error) => self.report.find(&place, error),
                Ok(stored) => {
                    for ((position, expected), found) in nodes.iter().zip(stored) {
                        if *expected != found {
                            let fault = "it is not the one that its leaves give";
                            self.report.find(format!("node {position}"), fault);
                        }
                    }
                }
            }
            progress(self.report.leaves);
        }
        // What was signed since the check began is past the view, and sound
        // or not, this check has not seen it.
        let newest = self.bucket.commitment().leaf_count;
        for (count, commitments) in std::mem::take(&mut self.promised) {
            if count <= self.view.count() || count > newest {
                for commitment in commitments {
                    let place = format!("signed root {:?}", commitment.mmr_root);
                    self.report
                        .find(place, format!("its {count} leaves could not be rebuilt"));
                }
            }
        }
    }

    /// The hash of a leaf as its content gives it; where the leaf is gone, the
    /// one that is stored, so that the rest can be checked.
    fn leaf_hash(&mut self, index: LeafIndex, before: &mut Option<MmrLeaf>) -> Option<H256> {
        match self.view.leaf(index) {
            Ok(stored) => {
                let rebuilt = self.rebuild(index, stored, *before);
                *before = Some(stored);
                Some(self.bucket.config().profile.leaf(&rebuilt))
            }
            Err(error) => {
                self.report.find(format!("leaf {index}"), error);
                *before = None;
                self.view
                    .nodes(&[leaf_position(index)])
                    .ok()?
                    .first()
                    .copied()
            }
        }
    }

    /// The leaf as its content gives it, with what differs from the stored one.
    fn rebuild(&mut self, index: LeafIndex, stored: MmrLeaf, before: Option<MmrLeaf>) -> MmrLeaf {
        let place = format!("leaf {index}");
        let (data_root, data_size) = self.content_root(index).unwrap_or_else(|error| {
            self.report.find(&place, error);
            (stored.data_root, stored.data_size)
        });
        self.report.bytes = self.report.bytes.saturating_add(data_size);
        let total_size = match before {
            Some(before) => before.total_size.saturating_add(data_size),
            None if index.0 == 0 && self.view.tree().0 == 0 => data_size,
            // It goes on from sizes that are not here.
            None => stored.total_size,
        };
        let rebuilt = MmrLeaf {
            data_root,
            data_size,
            total_size,
        };
        if rebuilt != stored {
            self.report
                .find(&place, "its content gives another leaf than the stored one");
        }
        rebuilt
    }

    fn content_root(&mut self, index: LeafIndex) -> Result<(H256, u64), ProveError> {
        let mut hasher = ContentHasher::new(self.bucket.config().profile);
        let mut shape = Ok(());
        let reached = &mut self.reached;
        self.view.for_each_chunk(index, |hash, chunk| {
            reached.insert(*hash);
            shape = shape.and_then(|()| hasher.push(chunk));
            Ok(())
        })?;
        shape.map_err(|error| self.bucket.unsound(error))?;
        let content = hasher.finish();
        Ok((content.root, content.subtree.bytes()))
    }

    /// Compares the roots that were signed at this leaf count, and the newest.
    fn roots_at(&mut self, frontier: &Frontier) {
        let root = frontier.root();
        for commitment in self.promised.remove(&frontier.count()).unwrap_or_default() {
            self.report.signed_roots = self.report.signed_roots.saturating_add(1);
            if root != commitment.mmr_root {
                let place = format!("signed root {:?}", commitment.mmr_root);
                let fault = format!("the first {} leaves have another", frontier.count());
                self.report.find(place, fault);
            }
        }
        if frontier.count() == self.view.count() {
            match self.view.commitment() {
                Ok(newest) if newest.mmr_root == root => {}
                Ok(_) => self.report.find("newest root", "the leaves give another"),
                Err(error) => self.report.find("newest root", error),
            }
        }
    }

    /// Checks what later uploads and commits rely on, whether a leaf refers to
    /// it or not.
    fn records(&mut self) -> Result<(), ProveError> {
        let recorded = self.bucket.usage();
        let mut counted = Usage::default();
        for chunk in self.bucket.stored_chunks()? {
            let (hash, length) = chunk?;
            counted.chunks = counted.chunks.saturating_add(1);
            counted.bytes = counted.bytes.saturating_add(length.unwrap_or(0).into());
            let checked = match length {
                None => Err(self.bucket.unsound("its length cannot be read")),
                Some(_) if self.reached.contains(&hash) => Ok(()),
                Some(length) => self.bucket.check_stored_chunk(&hash, length),
            };
            if let Err(error) = checked {
                self.report.find(format!("chunk {hash:?}"), error);
            }
        }
        for node in self.bucket.stored_nodes()? {
            let (hash, value) = node?;
            counted.interior_nodes = counted.interior_nodes.saturating_add(1);
            if let Err(fault) = self.bucket.check_stored_node(&hash, value) {
                self.report
                    .find(format!("node {hash:?} of a chunk tree"), fault);
            }
        }
        self.report.records = counted.chunks.saturating_add(counted.interior_nodes);
        // Uploads that go on meanwhile change what there is to count.
        if counted != recorded && recorded == self.bucket.usage() {
            let fault = format!("it says {recorded:?}, and there is {counted:?}");
            self.report.find("usage", fault);
        }
        Ok(())
    }
}
