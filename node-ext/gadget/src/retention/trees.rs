//! Reads and releases a bucket's trees on disk. Everything here blocks.

use super::rules::Going;
use cairn_bucket::{Bucket, ProveError, ReleaseError, Released, RetiredTree};
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{Provider, ProviderError, Wanted};
use std::collections::{BTreeMap, HashSet};

/// Errors when releasing a tree.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReleased {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

/// A bucket with all of its trees.
#[derive(Debug)]
pub(super) struct Trees {
    /// The retired trees, and whether the release of each has begun.
    pub(super) retired: Vec<(Sequence, Going, bool)>,
    /// All trees, the current one included.
    pub(super) whole: Going,
}

/// Returns the trees of a bucket with the signed roots of each.
pub(super) fn of(provider: &Provider, id: BucketId) -> Result<Trees, ProviderError> {
    let lease = provider.lease(id, Wanted::background())?;
    Ok(lease.run(trees_of)?)
}

fn trees_of(bucket: &Bucket) -> Result<Trees, ProveError> {
    let mut promised: BTreeMap<Sequence, HashSet<_>> = BTreeMap::new();
    let mut whole = Going {
        trees: HashSet::new(),
        promised: HashSet::new(),
    };
    for promise in bucket.promises()? {
        let commitment = promise?.commitment;
        let roots = promised.entry(commitment.start_seq).or_default();
        roots.insert(commitment.mmr_root);
        whole.trees.insert(commitment.start_seq);
        whole.promised.insert(commitment.mmr_root);
    }
    let newest = bucket.commitment();
    whole.trees.insert(newest.start_seq);
    if newest.leaf_count.get() > 0 {
        whole.promised.insert(newest.mmr_root);
    }
    let mut retired = Vec::new();
    for tree in bucket.retired()? {
        let start = tree.commitment.start_seq;
        let mut promised = promised.remove(&start).unwrap_or_default();
        promised.insert(tree.commitment.mmr_root);
        whole.trees.insert(start);
        whole.promised.insert(tree.commitment.mmr_root);
        let going = Going {
            trees: HashSet::from([start]),
            promised,
        };
        retired.push((start, going, tree.releasing));
    }
    Ok(Trees { retired, whole })
}

/// Returns the retired trees of a bucket, and whether the release of each has begun.
pub(super) fn retired_of(
    provider: &Provider,
    id: BucketId,
) -> Result<Vec<(Sequence, bool)>, ProviderError> {
    let lease = provider.lease(id, Wanted::background())?;
    let retired = lease.run(Bucket::retired)?;
    let named = |tree: RetiredTree| (tree.commitment.start_seq, tree.releasing);
    Ok(retired.into_iter().map(named).collect())
}

/// Releases a tree, which takes as long as rewriting the rest of the bucket.
pub(super) fn release(
    provider: &Provider,
    id: BucketId,
    tree: Sequence,
) -> Result<Released, NotReleased> {
    let lease = provider.lease(id, Wanted::write())?;
    Ok(lease.run(|bucket| bucket.release(tree))?)
}
