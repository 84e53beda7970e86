//! Reads and releases a bucket's trees on disk. Everything here blocks.

use super::rules::DeletionCandidate;
use cairn_bucket::{Bucket, ProveError, ReleaseError, Released, RetiredTree};
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{LeaseRequest, Provider, ProviderError};
use std::collections::{BTreeMap, HashSet};

/// Errors when releasing a tree.
#[derive(Debug, thiserror::Error)]
pub(super) enum TreeReleaseError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

/// A bucket with all of its trees.
#[derive(Debug)]
pub(super) struct BucketTrees {
    /// The retired trees, and whether the release of each has begun.
    pub(super) retired: Vec<(Sequence, DeletionCandidate, bool)>,
    /// All trees, the current one included.
    pub(super) whole: DeletionCandidate,
}

/// Returns the trees of a bucket with the signed roots of each.
pub(super) fn read_trees(provider: &Provider, id: BucketId) -> Result<BucketTrees, ProviderError> {
    let lease = provider.blocking_lease(id, LeaseRequest::background())?;
    Ok(lease.run(collect_trees)?)
}

fn collect_trees(bucket: &Bucket) -> Result<BucketTrees, ProveError> {
    let mut signed_roots: BTreeMap<Sequence, HashSet<_>> = BTreeMap::new();
    let mut whole = DeletionCandidate {
        trees: HashSet::new(),
        signed_roots: HashSet::new(),
    };
    for signed_root in bucket.signed_roots()? {
        let commitment = signed_root?.commitment;
        let roots = signed_roots.entry(commitment.start_seq).or_default();
        roots.insert(commitment.mmr_root);
        whole.trees.insert(commitment.start_seq);
        whole.signed_roots.insert(commitment.mmr_root);
    }
    let newest = bucket.commitment();
    whole.trees.insert(newest.start_seq);
    if newest.leaf_count.get() > 0 {
        whole.signed_roots.insert(newest.mmr_root);
    }
    let mut retired = Vec::new();
    for tree in bucket.retired_trees()? {
        let start = tree.commitment.start_seq;
        let mut signed_roots = signed_roots.remove(&start).unwrap_or_default();
        signed_roots.insert(tree.commitment.mmr_root);
        whole.trees.insert(start);
        whole.signed_roots.insert(tree.commitment.mmr_root);
        let going = DeletionCandidate {
            trees: HashSet::from([start]),
            signed_roots,
        };
        retired.push((start, going, tree.releasing));
    }
    Ok(BucketTrees { retired, whole })
}

/// Returns the retired trees of a bucket, and whether the release of each has begun.
pub(super) fn read_retired(
    provider: &Provider,
    id: BucketId,
) -> Result<Vec<(Sequence, bool)>, ProviderError> {
    let lease = provider.blocking_lease(id, LeaseRequest::background())?;
    let retired = lease.run(Bucket::retired_trees)?;
    let named = |tree: RetiredTree| (tree.commitment.start_seq, tree.releasing);
    Ok(retired.into_iter().map(named).collect())
}

/// Releases a tree, which takes as long as rewriting the rest of the bucket.
pub(super) fn release(
    provider: &Provider,
    id: BucketId,
    tree: Sequence,
) -> Result<Released, TreeReleaseError> {
    let lease = provider.blocking_lease(id, LeaseRequest::write())?;
    Ok(lease.run(|bucket| bucket.release(tree))?)
}
