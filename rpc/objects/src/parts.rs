//! Uploads in parts, over the provider's lanes.

use crate::error::StoreError;
use crate::store::ObjectStore;
use cairn_bucket::Ingested;
use cairn_objects::{
    Condition, Index, NewUpload, ObjectRecord, Part, PartGiven, Space, Upload, Uploads,
};
use cairn_primitives::BucketId;
use cairn_provider::Lease;
use cairn_rpc_server::WorkClass;

impl ObjectStore {
    /// Begins an upload in parts under an id that nobody can guess.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn begin_parts(
        &self,
        bucket: BucketId,
        id: [u8; 16],
        new: NewUpload,
    ) -> Result<Upload, StoreError> {
        self.write(bucket, move |bucket| Uploads::new(bucket).begin(id, &new))
            .await
    }

    /// Returns an open upload of a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn upload_of(
        &self,
        bucket: BucketId,
        id: &str,
        name: &str,
    ) -> Result<Upload, StoreError> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.read(bucket, move |bucket| Uploads::new(bucket).get(&id, &name))
            .await
    }

    /// Returns the open uploads of a bucket.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open_uploads(&self, bucket: BucketId) -> Result<Vec<Upload>, StoreError> {
        self.read(bucket, |bucket| Uploads::new(bucket).list())
            .await
    }

    /// Records a part whose content is stored.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn put_part(
        &self,
        bucket: BucketId,
        upload: Upload,
        number: u16,
        content: Ingested,
    ) -> Result<Part, StoreError> {
        let job = move |bucket: &cairn_bucket::Bucket| {
            Uploads::new(bucket).put_part(&upload, number, &content)
        };
        self.write(bucket, job).await
    }

    /// Returns the parts of an upload.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn parts_of(
        &self,
        bucket: BucketId,
        upload: Upload,
    ) -> Result<Vec<Part>, StoreError> {
        self.read(bucket, move |bucket| Uploads::new(bucket).parts(&upload))
            .await
    }

    /// Forgets an upload and its parts.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn abort_parts(&self, bucket: BucketId, upload: Upload) -> Result<(), StoreError> {
        self.write(bucket, move |bucket| Uploads::new(bucket).abort(&upload))
            .await
    }

    /// Puts parts together, commits them, signs the commitment and gives the content its name.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the upload stays open then.
    pub async fn complete_parts(
        &self,
        bucket: BucketId,
        upload: Upload,
        given: Vec<PartGiven>,
        condition: Condition,
    ) -> Result<ObjectRecord, StoreError> {
        let padding = self.padding();
        let signer = self.rpc().handle().signer.clone();
        let job = move |lease: &Lease| {
            lease.run(|bucket| {
                let index = Index::new(bucket, Space::Keys);
                match (condition, index.get(upload.name.as_str())?) {
                    (Condition::Absent, Some(_)) => Err(cairn_objects::ObjectError::Condition {
                        name: upload.name.to_string(),
                    }),
                    _ => Ok(()),
                }
            })?;
            let assembled =
                lease.run(|bucket| Uploads::new(bucket).assemble(&upload, &given, padding))?;
            let (committed, _) = lease.commit_signed(&assembled.leaves, &signer)?;
            let record =
                ObjectRecord::of_content(&assembled.content, &assembled.leaves, &committed);
            let record = ObjectRecord {
                parts: assembled.parts,
                ..record.with_attributes(upload.attributes.clone())
            };
            lease.run(|bucket| Uploads::new(bucket).complete(&upload, &record, condition))?;
            Ok(record)
        };
        self.leased(WorkClass::Write, bucket, job).await
    }
}
