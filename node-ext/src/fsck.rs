//! Checking a bucket as an outsider would: every root rebuilt from the bytes
//! of the chunks, with the client's own types, and compared with what is
//! stored and what was signed.
//!
//! Nothing that the bucket says of itself is believed. A finding does not stop
//! the check, so that one damaged chunk does not hide another.

use crate::bucket::{At, Bucket};
use crate::error::ProveError;
use cairn_primitives::chunk_tree::ContentHasher;
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{Commitment, H256, LeafCount, LeafIndex, MmrLeaf};
use std::collections::BTreeMap;

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
    /// Everything that is wrong, in the order of discovery.
    pub findings: Vec<Finding>,
}

impl FsckReport {
    /// Whether everything is as it was promised.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, place: impl Into<String>, fault: impl ToString) {
        self.findings.push(Finding {
            place: place.into(),
            fault: fault.to_string(),
        });
    }
}

/// Checks all leaves of a bucket's newest tree, and all roots that were signed
/// of it. Calls `progress` with the number of leaves done after each.
///
/// # Errors
///
/// A failure of the database that prevents reading what was signed; anything
/// else is a finding.
pub fn fsck(bucket: &Bucket, mut progress: impl FnMut(u64)) -> Result<FsckReport, ProveError> {
    let mut report = FsckReport::default();
    let newest = bucket.commitment();
    let mut promised: BTreeMap<LeafCount, Vec<Commitment>> = BTreeMap::new();
    for promise in bucket.promises()? {
        let commitment = promise?.commitment;
        if commitment.start_seq == newest.start_seq {
            promised
                .entry(commitment.leaf_count)
                .or_default()
                .push(commitment);
        }
    }
    let view = bucket.view(At::Newest)?;
    let mut frontier = Frontier::empty(bucket.config().profile);
    let mut before: Option<MmrLeaf> = None;
    for index in (0..newest.leaf_count.get()).map(LeafIndex) {
        let place = format!("leaf {index}");
        let stored = match view.leaf(index) {
            Ok(leaf) => leaf,
            Err(error) => {
                report.find(&place, error);
                break;
            }
        };
        let rebuilt = rebuild(bucket, index, stored, before, &mut report);
        before = Some(stored);
        let mut nodes = Vec::new();
        let hash = bucket.config().profile.leaf(&rebuilt);
        frontier.append(hash, |position, hash| nodes.push((position, hash)));
        report.leaves = report.leaves.saturating_add(1);
        for commitment in promised.remove(&frontier.count()).unwrap_or_default() {
            report.signed_roots = report.signed_roots.saturating_add(1);
            if frontier.root() != commitment.mmr_root {
                let root = commitment.mmr_root;
                report.find(
                    format!("signed root {root:?}"),
                    format!("the first {} leaves have another", commitment.leaf_count),
                );
            }
        }
        // A proof reads every node on the leaf's way up, and verifies it.
        if let Err(error) = view.mmr_proof(index) {
            report.find(&place, error);
        }
        let positions: Vec<_> = nodes.iter().map(|(position, _)| *position).collect();
        match view.nodes(&positions) {
            Err(error) => report.find(&place, error),
            Ok(stored) => {
                for ((position, expected), found) in nodes.iter().zip(stored) {
                    if *expected != found {
                        report.find(
                            format!("node {position}"),
                            "it is not the one that its leaves give",
                        );
                    }
                }
            }
        }
        progress(report.leaves);
    }
    for commitment in promised.into_values().flatten() {
        report.find(
            format!("signed root {:?}", commitment.mmr_root),
            format!(
                "it covers {} leaves, and there are fewer",
                commitment.leaf_count
            ),
        );
    }
    if report.leaves == newest.leaf_count.get() && frontier.root() != newest.mmr_root {
        report.find("newest root", "the leaves give another");
    }
    Ok(report)
}

/// The leaf as its content gives it, with what differs from the stored one.
fn rebuild(
    bucket: &Bucket,
    index: LeafIndex,
    stored: MmrLeaf,
    before: Option<MmrLeaf>,
    report: &mut FsckReport,
) -> MmrLeaf {
    let place = format!("leaf {index}");
    let (data_root, data_size) = match content_root(bucket, index) {
        Ok(content) => content,
        Err(error) => {
            report.find(&place, error);
            (stored.data_root, stored.data_size)
        }
    };
    report.bytes = report.bytes.saturating_add(data_size);
    // A tree that a prune began goes on from sizes that are not here any more.
    let total_size = before.map_or(
        if bucket.commitment().start_seq.0 == 0 {
            data_size
        } else {
            stored.total_size
        },
        |before| before.total_size.saturating_add(data_size),
    );
    let rebuilt = MmrLeaf {
        data_root,
        data_size,
        total_size,
    };
    if rebuilt != stored {
        report.find(&place, "its content gives another leaf than the stored one");
    }
    rebuilt
}

fn content_root(bucket: &Bucket, index: LeafIndex) -> Result<(H256, u64), ProveError> {
    let mut hasher = ContentHasher::new(bucket.config().profile);
    let mut shape = None;
    bucket.view(At::Newest)?.for_each_chunk(index, |_, chunk| {
        if let Err(error) = hasher.push(chunk) {
            shape.get_or_insert(error);
        }
        Ok(())
    })?;
    if let Some(error) = shape {
        return Err(ProveError::Unsound {
            bucket: bucket.id(),
            reason: error.to_string(),
        });
    }
    let content = hasher.finish();
    Ok((content.root, content.subtree.bytes()))
}
