//! The store: what a bucket holds under names, over the provider's lanes.

use crate::error::StoreError;
use cairn_bucket::{Bucket, Ingested};
use cairn_objects::{
    Attributes, Condition, Index, ListRequest, Listing, ObjectError, ObjectName, ObjectRecord,
    Padding, Space, Stats, new_leaves,
};
use cairn_primitives::{BucketId, H256};
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_server::{ProviderRpc, WorkClass};
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Indexes whose roots are remembered, until they change.
const REMEMBERED_ROOTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

/// The limits of uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// The most uploads at once: 16. Each has a thread and some 2 MiB, and holds its bucket open.
    pub uploads: usize,
    /// The most bytes of one body: 5 GiB, as in S3. Larger objects come in parts.
    pub object_bytes: u64,
    /// How long each 256 KiB of a body may take: 30 seconds.
    pub piece_time: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            uploads: 16,
            object_bytes: 5 << 30,
            piece_time: Duration::from_secs(30),
        }
    }
}

/// An object whose content is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    /// The set of names that it gets one of.
    pub space: Space,
    /// The name.
    pub name: ObjectName,
    /// The attributes that the client gives to it.
    pub attributes: Attributes,
    /// The condition for writing it.
    pub condition: Condition,
}

/// The root of an index with its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexRoot {
    /// The root, as clients of today's provider compute it.
    pub root: H256,
    /// The numbers.
    pub stats: Stats,
}

/// The objects of a running provider. Clones share its limits.
#[derive(Clone)]
pub struct ObjectStore(Arc<Inner>);

struct Inner {
    rpc: ProviderRpc,
    limits: StoreLimits,
    uploads: Arc<Semaphore>,
    roots: Mutex<LruCache<(BucketId, Space), IndexRoot>>,
}

impl ObjectStore {
    /// Returns the store over a provider.
    pub fn new(rpc: ProviderRpc, limits: StoreLimits) -> Self {
        Self(Arc::new(Inner {
            rpc,
            limits,
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            roots: Mutex::new(LruCache::new(REMEMBERED_ROOTS)),
        }))
    }

    pub(crate) fn rpc(&self) -> &ProviderRpc {
        &self.0.rpc
    }

    /// Returns the limits.
    pub fn limits(&self) -> StoreLimits {
        self.0.limits
    }

    pub(crate) fn upload_places(&self) -> &Arc<Semaphore> {
        &self.0.uploads
    }

    pub(crate) fn padding(&self) -> Padding {
        match self.0.rpc.refuses_padding() {
            true => Padding::Refused,
            false => Padding::Allowed,
        }
    }

    pub(crate) async fn leased<T: Send + 'static>(
        &self,
        class: WorkClass,
        bucket: BucketId,
        job: impl FnOnce(&Lease) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let request = match class {
            WorkClass::Write => LeaseRequest::write(),
            _ => LeaseRequest::read(),
        };
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

    /// Checks, before a body is taken, that the bucket is here, that what is stored in it may be
    /// signed for, and that the condition of a new object holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] with the reason.
    pub async fn check(&self, bucket: BucketId, new: NewObject) -> Result<(), StoreError> {
        let NewObject {
            space,
            name,
            condition,
            ..
        } = new;
        let job = move |lease: &Lease| {
            if let Some(refused) = lease.signing_refusal() {
                return Err(cairn_bucket::CommitError::from(refused).into());
            }
            let found = lease.run(|bucket| Index::new(bucket, space).get(name.as_str()))?;
            let holds = match condition {
                Condition::Any => true,
                Condition::Absent => found.is_none(),
                Condition::Is(root) => found.is_some_and(|found| found.data_root == root),
            };
            match holds {
                true => Ok(()),
                false => Err(ObjectError::Condition {
                    name: name.to_string(),
                }
                .into()),
            }
        };
        self.leased(WorkClass::Write, bucket, job).await
    }

    /// Commits stored content, signs the commitment and gives the content a name.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the content stays stored, without a name.
    pub async fn put(
        &self,
        bucket: BucketId,
        content: Ingested,
        new: NewObject,
    ) -> Result<ObjectRecord, StoreError> {
        let padding = self.padding();
        let signer = self.0.rpc.handle().signer.clone();
        let job = move |lease: &Lease| {
            let (root, size) = (content.data_root, content.data_size);
            let leaves = lease.run(|bucket| new_leaves(bucket, &root, size, padding))?;
            let (committed, _) = lease.commit_signed(&leaves, &signer)?;
            let record = ObjectRecord::of_content(&content, &leaves, &committed);
            let record = record.with_attributes(new.attributes);
            lease.run(|bucket| {
                Index::new(bucket, new.space).put(&new.name, &record, new.condition)
            })?;
            Ok(record)
        };
        self.leased(WorkClass::Write, bucket, job).await
    }

    /// Gives content that has a name another one too, without committing it again.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn link(
        &self,
        bucket: BucketId,
        record: ObjectRecord,
        new: NewObject,
    ) -> Result<(), StoreError> {
        let job = move |bucket: &Bucket| {
            let index = Index::new(bucket, new.space);
            index.put(&new.name, &record, new.condition).map(drop)
        };
        self.write(bucket, job).await
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

    /// Returns the root of an index. It is computed once for each state of the index.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn index_root(
        &self,
        bucket: BucketId,
        space: Space,
    ) -> Result<IndexRoot, StoreError> {
        let known = self.0.roots.lock().get(&(bucket, space)).copied();
        let job = move |bucket: &Bucket| {
            let index = Index::new(bucket, space);
            loop {
                let stats = index.stats()?;
                if let Some(known) = known.filter(|known| known.stats == stats) {
                    return Ok(known);
                }
                let root = index.root()?;
                // A change during the pass would mix two states.
                if index.stats()? == stats {
                    return Ok(IndexRoot { root, stats });
                }
            }
        };
        let found = self.read(bucket, job).await?;
        self.0.roots.lock().put((bucket, space), found);
        Ok(found)
    }
}
