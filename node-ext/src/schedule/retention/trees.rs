//! Retired trees on disk. All of it blocks.

use super::rules::Retired;
use crate::bucket::{Released, RetiredTree};
use crate::error::ReleaseError;
use crate::pool::Wanted;
use crate::provider::{Provider, ProviderError};
use cairn_primitives::{BucketId, Sequence};
use std::collections::{BTreeMap, HashSet};

/// Why a tree was not released.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReleased {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

/// The retired trees of a bucket with what was signed of each, and whether its
/// release has begun.
pub(super) fn retired_of(
    provider: &Provider,
    id: BucketId,
) -> Result<Vec<(Retired, bool)>, ProviderError> {
    let lease = provider.lease(id, Wanted::background())?;
    let trees = lease.watch(lease.retired())?;
    if trees.is_empty() {
        return Ok(Vec::new());
    }
    let mut promised: BTreeMap<Sequence, HashSet<_>> = BTreeMap::new();
    for promise in lease.watch(lease.promises())? {
        let commitment = lease.watch(promise)?.commitment;
        let roots = promised.entry(commitment.start_seq).or_default();
        roots.insert(commitment.mmr_root);
    }
    let with_promises = |tree: RetiredTree| {
        let start = tree.commitment.start_seq;
        let mut promised = promised.remove(&start).unwrap_or_default();
        promised.insert(tree.commitment.mmr_root);
        let retired = Retired {
            bucket: id,
            tree: start,
            promised,
        };
        (retired, tree.releasing)
    };
    Ok(trees.into_iter().map(with_promises).collect())
}

/// Releases a tree, which takes as long as writing all that is left of the bucket.
pub(super) fn release(
    provider: &Provider,
    id: BucketId,
    tree: Sequence,
) -> Result<Released, NotReleased> {
    let lease = provider.lease(id, Wanted::write())?;
    Ok(lease.release(tree)?)
}
