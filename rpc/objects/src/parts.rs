//! Uploads in parts, over the provider's lanes.

use crate::completion::Completion;
use crate::content::{ByteRange, ObjectContent};
use crate::error::StoreError;
use crate::put::NewObject;
use crate::store::ObjectStore;
use crate::stored::StoredContent;
use bytes::Bytes;
use cairn_bucket::Bucket;
use cairn_objects::{
    Condition, Kind, MIN_PART_BYTES, NewUpload, ObjectError, ObjectRecord, Part, PartGiven, Space,
    Upload, Uploads, new_leaves,
};
use cairn_primitives::BucketId;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_provider::Lease;
use cairn_rpc_server::WorkClass;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use std::sync::Arc;

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
    /// [`StoreError`]; the content is forgotten then.
    pub async fn put_part(
        &self,
        upload: Upload,
        number: u16,
        content: StoredContent,
    ) -> Result<Part, StoreError> {
        let bucket = content.bucket();
        let job = move |bucket: &Bucket| {
            let part = Uploads::new(bucket).put_part(&upload, number, content.content())?;
            content.keep();
            Ok(part)
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
    /// [`StoreError`]; [`StoreError::UploadInUse`] while another request completes it.
    pub async fn abort_parts(&self, bucket: BucketId, upload: Upload) -> Result<(), StoreError> {
        let aborting = self.completions().begin(bucket, &upload.id)?;
        let job = move |bucket: &Bucket| {
            let _aborting = aborting;
            Uploads::new(bucket).abort(&upload)
        };
        self.write(bucket, job).await
    }

    /// Puts parts together as an upload of `client`, commits them, signs the commitment and gives
    /// the content its name.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the upload stays open then. [`StoreError::UploadInUse`] while another
    /// request completes or aborts it.
    pub async fn complete_parts(
        &self,
        (bucket, client): (BucketId, &str),
        upload: Upload,
        given: Vec<PartGiven>,
        condition: Condition,
    ) -> Result<ObjectRecord, StoreError> {
        let completion = Arc::new(self.completions().begin(bucket, &upload.id)?);
        let new = NewObject {
            space: Space::Keys,
            name: upload.name.clone(),
            attributes: upload.attributes.clone(),
            condition,
        };
        self.check(bucket, new.clone()).await?;
        let open = upload.clone();
        let parts = move |bucket: &Bucket| {
            let uploads = Uploads::new(bucket);
            // Another request may have completed it before.
            uploads.get(&open.id, open.name.as_str())?;
            uploads.parts(&open)
        };
        let parts = chosen(&self.read(bucket, parts).await?, &given)?;
        let lengths = parts.iter().map(|part| part.size);
        let (bytes, max) = (
            lengths.fold(0, u64::saturating_add),
            self.limits().assembled_bytes,
        );
        if bytes > max {
            return Err(StoreError::TooLarge { bytes, max });
        }
        let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        let by = (bucket, client);
        let content = match are_joined(&parts) {
            true => {
                let of = (upload.clone(), given);
                self.join_parts(by, of, completion.clone()).await?
            }
            false => {
                let body = Box::pin(self.content_of(bucket, parts));
                self.copy(by, body, max).await?
            }
        };
        self.commit_parts(content, (upload, count), new, completion)
            .await
    }

    /// Puts parts that are whole chunks under one tree, which reads none of their content.
    async fn join_parts(
        &self,
        by: (BucketId, &str),
        (upload, given): (Upload, Vec<PartGiven>),
        completion: Arc<Completion>,
    ) -> Result<StoredContent, StoreError> {
        let padding = self.padding();
        let join = move |bucket: &Bucket| {
            // The work goes on where the client has gone: another completion waits for its end.
            let _completion = completion;
            let assembled = Uploads::new(bucket).assemble(&upload, &given, padding)?;
            Ok(assembled.content)
        };
        self.store_content(by, join).await?.join().await
    }

    /// Returns the content of parts, one after another.
    fn content_of(
        &self,
        bucket: BucketId,
        parts: Vec<Part>,
    ) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + use<> {
        let store = self.clone();
        let contents = stream::iter(parts).then(move |part| {
            let store = store.clone();
            async move {
                let number = part.number;
                // As an object with one leaf.
                let record = ObjectRecord {
                    kind: Kind::File,
                    data_root: part.data_root,
                    size: part.size,
                    leaves: vec![part.data_root],
                    ..ObjectRecord::directory()
                };
                let name = format!("part {number}");
                let content = store.content(bucket, &name, record, ByteRange::all(part.size));
                let content = content.await.map_err(|error| of_part(number, error))?;
                let pieces = ObjectContent::into_stream(content);
                Ok::<_, StoreError>(pieces.map_err(move |error| of_part(number, error)))
            }
        });
        contents.try_flatten()
    }

    /// Commits what the parts of an upload were put together to, and closes the upload.
    async fn commit_parts(
        &self,
        content: StoredContent,
        (upload, parts): (Upload, u16),
        new: NewObject,
        completion: Arc<Completion>,
    ) -> Result<ObjectRecord, StoreError> {
        let padding = self.padding();
        let signer = self.rpc().handle().signer.clone();
        let bucket = content.bucket();
        let job = move |lease: &Lease| {
            // Also where the client has gone: nobody else commits it meanwhile.
            let _completion = completion;
            let stored = *content.content();
            let leaves = lease.run(|bucket| {
                let uploads = Uploads::new(bucket);
                uploads.get(&upload.id, upload.name.as_str())?;
                let (root, size) = (stored.data_root, stored.data_size);
                let leaves = new_leaves(bucket, &root, size, padding)?;
                new.check(bucket, leaves.len())?;
                Ok::<_, ObjectError>(leaves)
            })?;
            let (committed, _) = lease.commit_signed(&leaves, &signer)?;
            let record = ObjectRecord {
                parts,
                ..ObjectRecord::of_content(&stored, &leaves, &committed)
            };
            let record = record.with_attributes(new.attributes);
            let condition = new.condition;
            lease.run(|bucket| Uploads::new(bucket).complete(&upload, &record, condition))?;
            content.keep();
            Ok(record)
        };
        self.leased(WorkClass::Write, bucket, job).await
    }
}

/// Returns an error of reading a part's content.
fn of_part(number: u16, error: StoreError) -> StoreError {
    match error {
        StoreError::Object(ObjectError::ContentGone { .. }) => {
            ObjectError::WrongPart { number }.into()
        }
        error => error,
    }
}

/// Returns the uploaded parts that a client names, before anything is done for them.
fn chosen(parts: &[Part], given: &[PartGiven]) -> Result<Vec<Part>, ObjectError> {
    let mut numbers = given.iter().map(|part| part.number);
    if given.is_empty() || !numbers.by_ref().is_sorted_by(|one, next| one < next) {
        return Err(ObjectError::PartOrder);
    }
    let found = given.iter().map(|given| {
        let is_it = |part: &&Part| part.number == given.number && part.data_root == given.data_root;
        let at = parts.partition_point(|part| part.number < given.number);
        let found = parts.get(at).filter(is_it).copied();
        found.ok_or(ObjectError::WrongPart {
            number: given.number,
        })
    });
    let found: Vec<Part> = found.collect::<Result<_, _>>()?;
    let before_last = found.split_last().map_or(&[][..], |(_, before)| before);
    match before_last.iter().find(|part| part.size < MIN_PART_BYTES) {
        Some(&Part { number, size, .. }) => Err(ObjectError::PartTooSmall { number, size }),
        None => Ok(found),
    }
}

/// Returns whether parts can be put under one tree: all but the last are whole chunks.
fn are_joined(parts: &[Part]) -> bool {
    let chunk = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    let Some((last, before)) = parts.split_last() else {
        return true;
    };
    // An empty last part would be an empty chunk after others.
    let ends_empty = !before.is_empty() && last.size == 0;
    let are_whole = before
        .iter()
        .all(|part| part.size.checked_rem(chunk) == Some(0));
    are_whole && !ends_empty
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::H256;

    fn part(number: u16, size: u64) -> Part {
        Part {
            number,
            data_root: H256::repeat_byte(number as u8),
            size,
            modified_s: 0,
        }
    }

    fn given(numbers: &[u16]) -> Vec<PartGiven> {
        let given = numbers.iter().map(|number| PartGiven {
            number: *number,
            data_root: part(*number, 0).data_root,
        });
        given.collect()
    }

    #[test]
    fn parts_are_chosen_in_order_or_refused_before_any_work() {
        let parts = [part(1, 5 << 20), part(3, 5 << 20), part(7, 1)];
        let of = |numbers: &[u16]| {
            let chosen = chosen(&parts, &given(numbers));
            chosen.map(|parts| parts.iter().map(|part| part.number).collect::<Vec<_>>())
        };
        assert_eq!(of(&[1, 3, 7]).unwrap(), [1, 3, 7]);
        assert_eq!(of(&[7]).unwrap(), [7]);
        for order in [&[][..], &[3, 1], &[1, 1]] {
            assert!(matches!(of(order), Err(ObjectError::PartOrder)));
        }
        let wrong = of(&[1, 2]);
        assert!(matches!(wrong, Err(ObjectError::WrongPart { number: 2 })));
        let wrong = of(&[8]);
        assert!(matches!(wrong, Err(ObjectError::WrongPart { number: 8 })));
        let mut other = given(&[1]);
        other[0].data_root = H256::zero();
        let other = chosen(&parts, &other);
        assert!(matches!(other, Err(ObjectError::WrongPart { number: 1 })));
        let small = chosen(&[part(1, 9), part(2, 9)], &given(&[1, 2]));
        let is_small = matches!(small, Err(ObjectError::PartTooSmall { number: 1, size: 9 }));
        assert!(is_small);
    }

    #[test]
    fn parts_are_joined_where_all_but_the_last_are_whole_chunks() {
        let chunk = CHUNK_BYTES as u64;
        for (sizes, joined) in [
            (vec![], true),
            (vec![0], true),
            (vec![9], true),
            (vec![20 * chunk, 9], true),
            (vec![20 * chunk, 30 * chunk], true),
            (vec![20 * chunk + 1, 9], false),
            (vec![20 * chunk, 0], false),
        ] {
            let parts: Vec<_> = sizes.iter().map(|size| part(1, *size)).collect();
            assert_eq!(are_joined(&parts), joined, "{sizes:?}");
        }
    }
}
