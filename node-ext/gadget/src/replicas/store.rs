//! The copy of a replica in this provider's own buckets. It leases the bucket for one step at a
//! time, so that others may use it, and the pool, in between.

use cairn_bucket::{Bucket, BucketConfig, CommitError, IndicatesDamage, NewLeaf, TreeStart};
use cairn_engine::Durability;
use cairn_primitives::chunk_tree::Subtree;
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafCount, Sequence};
use cairn_provider::{BucketStatus, LeaseRequest, Provider, ProviderError};
use cairn_replica::{CopyState, Store, StoreError, in_bucket};
use std::convert::Infallible;
use std::sync::Arc;

/// A copy in a provider.
pub(super) struct ProviderStore {
    pub(super) provider: Arc<Provider>,
    pub(super) id: BucketId,
    /// The configuration of a new bucket. The quota is that of an old one too.
    pub(super) config: BucketConfig,
}

impl ProviderStore {
    /// Runs work on the bucket, which goes into quarantine if that finds damage.
    pub(super) fn run<T, E>(
        &self,
        request: LeaseRequest,
        work: impl FnOnce(&Bucket) -> Result<T, E>,
    ) -> Result<T, StoreError>
    where
        E: IndicatesDamage + std::error::Error + Send + Sync + 'static,
    {
        let lease = self.provider.blocking_lease(self.id, request);
        lease
            .map_err(StoreError::new)?
            .run(work)
            .map_err(StoreError::new)
    }

    /// Lets an old copy's quota follow the agreement.
    pub(super) fn set_quota(&self) -> Result<(), StoreError> {
        match self.provider.indexed_bucket(self.id) {
            Some(noted) if noted.record.config.max_bytes != self.config.max_bytes => {
                let quota = self.config.max_bytes;
                let set = |bucket: &Bucket| bucket.set_quota(quota).map(drop);
                self.run::<(), CommitError>(LeaseRequest::write(), set)
            }
            _ => Ok(()),
        }
    }
}

impl Store for ProviderStore {
    fn profile(&self) -> HashingProfile {
        let noted = self.provider.indexed_bucket(self.id);
        noted.map_or(self.config.profile, |noted| noted.record.config.profile)
    }

    fn state(&self) -> Result<Option<CopyState>, StoreError> {
        match self.provider.indexed_bucket(self.id) {
            None => return Ok(None),
            Some(noted) if noted.record.status == BucketStatus::Lost => {
                let bucket = self.id;
                return Err(StoreError::new(ProviderError::Lost { bucket }));
            }
            Some(_) => {}
        }
        let state = |bucket: &Bucket| Ok::<_, Infallible>(in_bucket::state(bucket));
        self.run(LeaseRequest::read(), state).map(Some)
    }

    fn had(&self, commitment: &Commitment) -> Result<bool, StoreError> {
        let had = |bucket: &Bucket| Ok::<_, Infallible>(in_bucket::had(bucket, commitment));
        self.run(LeaseRequest::read(), had)
    }

    fn begin(&self, start: TreeStart) -> Result<(), StoreError> {
        if self.provider.indexed_bucket(self.id).is_some() {
            // An empty copy of which nothing was signed starts elsewhere.
            let deleted = self.provider.delete_bucket_if(self.id, |record| {
                record.is_some_and(|record| {
                    record.commitment.leaf_count.get() == 0 && record.signed.is_none()
                })
            });
            deleted.map_err(StoreError::new)?;
        }
        let made = self.provider.create_bucket_at(self.id, self.config, start);
        made.map_err(StoreError::new)
    }

    fn drop_before(&self, sequence: Sequence) -> Result<(), StoreError> {
        let prune = |bucket: &Bucket| bucket.prune(sequence, None).map(drop);
        self.run(LeaseRequest::write(), prune)
    }

    fn holds(&self, hash: &H256, shape: Subtree) -> Result<bool, StoreError> {
        let holds = |bucket: &Bucket| bucket.holds_subtree(hash, shape);
        self.run(LeaseRequest::read(), holds)
    }

    fn put_chunk(&self, hash: H256, bytes: &[u8]) -> Result<(), StoreError> {
        let put = |bucket: &Bucket| bucket.put_chunk(hash, bytes).map(drop);
        self.run(LeaseRequest::write(), put)
    }

    fn put_node(&self, hash: H256, left: H256, right: H256) -> Result<(), StoreError> {
        let put = |bucket: &Bucket| bucket.put_node(hash, left, right).map(drop);
        self.run(LeaseRequest::write(), put)
    }

    fn commit(&self, expected: LeafCount, leaves: &[NewLeaf]) -> Result<Commitment, StoreError> {
        let commit = |bucket: &Bucket| bucket.commit_after(expected, leaves, Durability::Synced);
        let committed = self.run(LeaseRequest::write(), commit)?;
        Ok(committed.commitment)
    }
}
