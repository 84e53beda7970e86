//! Reads the state of local buckets on blocking threads.

use super::AttemptContext;
use crate::checkpoint_rules::{BlockedReason, LocalState, end_sequence};
use crate::signed_roots::{SignedRootProblem, compare_bucket};
use cairn_bucket::StateRef;
use cairn_primitives::{BucketId, Commitment, LeafIndex};
use cairn_provider::{BucketStatus, LeaseRequest, ProviderError};
use std::sync::Arc;

impl AttemptContext {
    /// Returns the local state of the buckets. A bucket that cannot be read now is left out this
    /// time.
    pub(super) async fn local_states(
        self: &Arc<Self>,
        ids: Vec<BucketId>,
    ) -> Vec<(BucketId, Result<LocalState, Option<BlockedReason>>)> {
        let shared = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            ids.into_iter()
                .map(|id| (id, shared.local_state(id)))
                .collect()
        });
        looked.await.unwrap_or_default()
    }

    fn local_state(&self, id: BucketId) -> Result<LocalState, Option<BlockedReason>> {
        match self.provider.summary(id) {
            Ok(record) => match record.status {
                BucketStatus::Sound if self.provider.signing_refusal(id, &record).is_some() => {
                    Err(Some(BlockedReason::SigningRefused))
                }
                BucketStatus::Sound => Ok(LocalState {
                    id,
                    commitment: record.commitment,
                    total_size: record.total_size,
                }),
                BucketStatus::Quarantined(_) => Err(Some(BlockedReason::Quarantined)),
                BucketStatus::Lost => Err(Some(BlockedReason::Missing)),
            },
            Err(ProviderError::NoSuchBucket { .. } | ProviderError::Lost { .. }) => {
                Err(Some(BlockedReason::Missing))
            }
            Err(
                ProviderError::Quarantined { .. }
                | ProviderError::Open { .. }
                | ProviderError::Behind { .. },
            ) => Err(Some(BlockedReason::Quarantined)),
            Err(error) => {
                tracing::warn!(bucket = %id, %error, "a bucket's state cannot be read");
                Err(None)
            }
        }
    }

    /// Returns the buckets that lack something we signed according to the chain (`true`), and those
    /// that could not be compared (`false`).
    pub(super) async fn find_behind(
        self: &Arc<Self>,
        signed: Vec<(BucketId, Commitment)>,
    ) -> Vec<(BucketId, bool)> {
        if signed.is_empty() {
            return Vec::new();
        }
        let all: Vec<_> = signed.iter().map(|(id, _)| (*id, false)).collect();
        let shared = self.clone();
        let is_behind = move |(id, signed): (BucketId, Commitment)| match compare_bucket(
            &shared.provider,
            id,
            &[signed],
        ) {
            Ok(Some(SignedRootProblem::Missing { .. })) => Some((id, true)),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(bucket = %id, %error, "a bucket cannot be compared with the chain");
                Some((id, false))
            }
        };
        let compared =
            tokio::task::spawn_blocking(move || signed.into_iter().filter_map(is_behind).collect());
        compared.await.unwrap_or(all)
    }

    /// Returns the bytes of all leaves up to the last one of each commitment, if that leaf is in
    /// the current tree.
    pub(super) async fn snapshot_sizes(
        self: &Arc<Self>,
        of: Vec<(BucketId, Commitment)>,
    ) -> Vec<(BucketId, Commitment, Option<u64>)> {
        if of.is_empty() {
            return Vec::new();
        }
        let shared = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            of.into_iter()
                .map(|(id, last)| (id, last, shared.size_at(id, &last)))
                .collect()
        });
        read.await.unwrap_or_default()
    }

    /// Returns the bytes of all leaves up to a commitment's last, if that leaf is in the current
    /// tree.
    fn size_at(&self, id: BucketId, commitment: &Commitment) -> Option<u64> {
        let last = end_sequence(commitment).checked_sub(1)?;
        let lease = self
            .provider
            .blocking_lease(id, LeaseRequest::background())
            .ok()?;
        let leaf = lease.run(|bucket| {
            let view = bucket.view(StateRef::Newest)?;
            let index = last.checked_sub(view.tree().0).map(LeafIndex);
            let index = index.filter(|index| view.count().contains(*index));
            index.map(|index| view.leaf(index)).transpose()
        });
        leaf.ok().flatten().map(|leaf| leaf.total_size)
    }
}
