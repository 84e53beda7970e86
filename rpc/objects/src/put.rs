//! New objects: what must hold before their content is committed, and the commit.

use crate::error::StoreError;
use crate::store::ObjectStore;
use crate::stored::StoredContent;
use cairn_bucket::{Bucket, CommitError};
use cairn_objects::{
    Attributes, Condition, Index, Kind, ObjectError, ObjectName, ObjectRecord, Space, new_leaves,
};
use cairn_primitives::BucketId;
use cairn_provider::Lease;
use cairn_rpc_server::WorkClass;

/// The most leaves of an object: one for each bit of its number of chunks.
const MAX_LEAVES: usize = 64;
/// Bytes of a record besides its leaves and attributes: more than it has.
const RECORD_BYTES: usize = 128;
/// Bytes of a leaf in a record.
const LEAF_BYTES: usize = 32;
/// Bytes of the lengths of a name and a value of metadata.
const PAIR_BYTES: usize = 8;

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

impl NewObject {
    /// Returns the bytes that its record takes at most.
    fn record_bytes(&self, leaves: usize) -> u64 {
        let pairs = self.attributes.metadata().iter();
        let metadata = pairs.fold(0usize, |bytes, (name, value)| {
            let pair = name.len().saturating_add(value.len());
            bytes.saturating_add(pair).saturating_add(PAIR_BYTES)
        });
        let bytes = RECORD_BYTES
            .saturating_add(leaves.saturating_mul(LEAF_BYTES))
            .saturating_add(self.attributes.content_type().len())
            .saturating_add(metadata);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Checks that the name may get a record with some leaves: a commit that comes before a refusal
    /// would leave leaves that no name leads to.
    pub(crate) fn check(&self, bucket: &Bucket, leaves: usize) -> Result<(), ObjectError> {
        let index = Index::new(bucket, self.space);
        let name = self.name.as_str();
        let found = index.get(name)?;
        let holds = match self.condition {
            Condition::Any => true,
            Condition::Absent => found.is_none(),
            Condition::Is(root) => found.as_ref().is_some_and(|found| found.data_root == root),
        };
        if !holds {
            return Err(ObjectError::Condition { name: name.into() });
        }
        if found.is_some_and(|found| found.kind != Kind::File) {
            return Err(ObjectError::OtherKind { name: name.into() });
        }
        index.check_room(name, self.record_bytes(leaves))
    }
}

impl ObjectStore {
    /// Checks, before a body is taken, that the bucket is here and no replica's copy, that what is
    /// stored in it may be signed for, that there is room for the name, and that the condition
    /// holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] with the reason.
    pub async fn check(&self, bucket: BucketId, new: NewObject) -> Result<(), StoreError> {
        let job = move |lease: &Lease| {
            if let Some(refused) = lease.signing_refusal() {
                return Err(CommitError::from(refused).into());
            }
            Ok(lease.run(|bucket| new.check(bucket, MAX_LEAVES))?)
        };
        self.leased(WorkClass::Write, bucket, job).await
    }

    /// Commits stored content, signs the commitment and gives the content a name.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the content is forgotten then.
    pub async fn put(
        &self,
        content: StoredContent,
        new: NewObject,
    ) -> Result<ObjectRecord, StoreError> {
        let padding = self.padding();
        let signer = self.rpc().handle().signer.clone();
        let bucket = content.bucket();
        let job = move |lease: &Lease| {
            let stored = *content.content();
            let (root, size) = (stored.data_root, stored.data_size);
            let leaves = lease.run(|bucket| {
                let leaves = new_leaves(bucket, &root, size, padding)?;
                new.check(bucket, leaves.len())?;
                Ok::<_, ObjectError>(leaves)
            })?;
            let (committed, _) = lease.commit_signed(&leaves, &signer)?;
            let record = ObjectRecord::of_content(&stored, &leaves, &committed);
            let record = record.with_attributes(new.attributes);
            lease.run(|bucket| {
                Index::new(bucket, new.space).put(&new.name, &record, new.condition)
            })?;
            content.keep();
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
}
