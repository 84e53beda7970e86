//! The store: what a bucket holds under names, over the provider's lanes.

use crate::completion::Completions;
use crate::error::StoreError;
use crate::limits::StoreLimits;
use crate::places::Places;
use crate::remembered_roots::Roots;
use cairn_bucket::Bucket;
use cairn_objects::{
    Index, ListRequest, Listing, ObjectError, ObjectName, ObjectRecord, Padding, Space, Stats,
};
use cairn_primitives::BucketId;
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_server::{ProviderRpc, WorkClass};
use std::sync::Arc;
use std::time::Duration;

/// The objects of a running provider. Clones share its limits.
#[derive(Clone)]
pub struct ObjectStore(Arc<Inner>);

struct Inner {
    rpc: ProviderRpc,
    limits: StoreLimits,
    places: Places,
    roots: Roots,
    completions: Completions,
}

impl ObjectStore {
    /// Returns the store over a provider.
    pub fn new(rpc: ProviderRpc, limits: StoreLimits) -> Self {
        let open_buckets = rpc.handle().provider.budget().max_open;
        Self(Arc::new(Inner {
            places: Places::new(&limits, open_buckets),
            rpc,
            limits,
            roots: Roots::default(),
            completions: Completions::default(),
        }))
    }

    pub(crate) fn rpc(&self) -> &ProviderRpc {
        &self.0.rpc
    }

    /// Returns the limits.
    pub fn limits(&self) -> StoreLimits {
        self.0.limits
    }

    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    pub(crate) fn roots(&self) -> &Roots {
        &self.0.roots
    }

    pub(crate) fn completions(&self) -> &Completions {
        &self.0.completions
    }

    pub(crate) fn padding(&self) -> Padding {
        match self.0.rpc.refuses_padding() {
            true => Padding::Refused,
            false => Padding::Allowed,
        }
    }

    /// Refuses what would be written to the copy of a replica: a copy to which something else is
    /// committed is no copy any more. Reads the index, which blocks briefly.
    pub(crate) fn check_not_replica(&self, bucket: BucketId) -> Result<(), StoreError> {
        match self.0.rpc.handle().is_replica(bucket) {
            true => Err(StoreError::IsReplica),
            false => Ok(()),
        }
    }

    pub(crate) async fn leased<T: Send + 'static>(
        &self,
        class: WorkClass,
        bucket: BucketId,
        job: impl FnOnce(&Lease) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match class {
            WorkClass::Write => {
                let store = self.clone();
                let checked = move |lease: &Lease| {
                    // Under the lease: as soon as anything knows it.
                    store.check_not_replica(lease.id())?;
                    job(lease)
                };
                self.leased_unchecked(bucket, checked).await
            }
            class => {
                let how = (class, LeaseRequest::read());
                self.with_lease(how, bucket, job).await
            }
        }
    }

    /// Leases a bucket for writing, also the copy of a replica.
    pub(crate) async fn leased_unchecked<T: Send + 'static>(
        &self,
        bucket: BucketId,
        job: impl FnOnce(&Lease) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let how = (WorkClass::Write, LeaseRequest::write());
        self.with_lease(how, bucket, job).await
    }

    async fn with_lease<T: Send + 'static>(
        &self,
        (class, request): (WorkClass, LeaseRequest),
        bucket: BucketId,
        job: impl FnOnce(&Lease) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let provider = self.0.rpc.handle().provider.clone();
        let leased = move |left: Duration| {
            let lease = provider.blocking_lease(bucket, request.with_timeout(left))?;
            job(&lease)
        };
        let lanes = self.0.rpc.lanes();
        lanes.serve(class, "working on objects", leased).await?
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        bucket: BucketId,
        job: impl FnOnce(&Bucket) -> Result<T, ObjectError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let leased = move |lease: &Lease| Ok(lease.run(job)?);
        self.leased(WorkClass::Read, bucket, leased).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        bucket: BucketId,
        job: impl FnOnce(&Bucket) -> Result<T, ObjectError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let leased = move |lease: &Lease| Ok(lease.run(job)?);
        self.leased(WorkClass::Write, bucket, leased).await
    }

    /// Returns the record of a name.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn get(
        &self,
        bucket: BucketId,
        space: Space,
        name: &str,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        let name = name.to_owned();
        self.read(bucket, move |bucket| Index::new(bucket, space).get(&name))
            .await
    }

    /// Removes the record of a name. Returns it, if there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn delete(
        &self,
        bucket: BucketId,
        space: Space,
        name: &str,
    ) -> Result<Option<ObjectRecord>, StoreError> {
        let name = name.to_owned();
        self.write(bucket, move |bucket| {
            Index::new(bucket, space).delete(&name)
        })
        .await
    }

    /// Makes a directory unless it is there. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn make_directory(
        &self,
        bucket: BucketId,
        name: ObjectName,
    ) -> Result<bool, StoreError> {
        let job = move |bucket: &Bucket| Index::new(bucket, Space::Paths).make_directory(&name);
        self.write(bucket, job).await
    }

    /// Lists a page of names.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn list(
        &self,
        bucket: BucketId,
        space: Space,
        request: ListRequest<'_>,
    ) -> Result<Listing, StoreError> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let prefix = request.prefix.to_owned();
        let delimiter = owned(request.delimiter);
        let (start_after, token) = (owned(request.start_after), owned(request.token));
        let most = request.most;
        let job = move |bucket: &Bucket| {
            Index::new(bucket, space).list(&ListRequest {
                prefix: &prefix,
                delimiter: delimiter.as_deref(),
                start_after: start_after.as_deref(),
                token: token.as_deref(),
                most,
            })
        };
        self.read(bucket, job).await
    }

    /// Returns the numbers of an index.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stats(&self, bucket: BucketId, space: Space) -> Result<Stats, StoreError> {
        self.read(bucket, move |bucket| Index::new(bucket, space).stats())
            .await
    }
}
