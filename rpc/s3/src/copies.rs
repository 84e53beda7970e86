//! Copies within a bucket: of an object, and of a range of one as a part of an upload.

use crate::entity_tag;
use crate::error::{of_name, of_store};
use crate::gateway::Gateway;
use crate::objects::{Given, modified};
use crate::parts::number;
use cairn_object_store::{ByteRange, NewObject};
use cairn_objects::{Condition, ObjectName, ObjectRecord, Space};
use cairn_primitives::BucketId;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

fn not_served(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, message)
}

impl Gateway {
    /// Returns the key of the source of a copy, which is in the same bucket. `by_time` is whether
    /// the copy has a condition of a time.
    fn source_key<T>(
        &self,
        request: &S3Request<T>,
        bucket: BucketId,
        (source, by_time): (&CopySource, bool),
    ) -> S3Result<String> {
        if by_time {
            return Err(not_served("conditions of a time are not served"));
        }
        let CopySource::Bucket {
            bucket: name,
            key,
            version_id,
        } = source
        else {
            return Err(not_served("only objects of a bucket can be copied"));
        };
        if self.readable(request, name)? != bucket {
            return Err(not_served("an object can be copied within its bucket only"));
        }
        match version_id.as_deref() {
            None | Some("null") => Ok(key.to_string()),
            Some(_) => Err(not_served("objects have no versions")),
        }
    }

    /// Gives an object's content another key of the same bucket. Nothing is stored or committed
    /// again.
    pub(crate) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<CopyObjectOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let by_time = request.input.copy_source_if_modified_since.is_some()
            || request.input.copy_source_if_unmodified_since.is_some();
        let source = (&request.input.copy_source, by_time);
        let source_key = self.source_key(&request, bucket, source)?;
        let input = request.input;
        let record = self.record(bucket, &source_key).await?;
        entity_tag::check_read(
            &record,
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
        )?;
        let is_replaced = input
            .metadata_directive
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let attributes = match is_replaced {
            false => record.attributes.clone(),
            true => Given {
                content_type: input.content_type,
                metadata: input.metadata,
                kept: [
                    input.cache_control,
                    input.content_disposition,
                    input.content_encoding,
                    input.content_language,
                ],
            }
            .attributes()?,
        };
        let record = ObjectRecord {
            modified_s: ObjectRecord::directory().modified_s,
            ..record.with_attributes(attributes.clone())
        };
        let new = NewObject {
            space: Space::Keys,
            name: ObjectName::key(input.key).map_err(of_name)?,
            attributes,
            condition: Condition::Any,
        };
        let (root, time) = (record.data_root, record.modified_s);
        let linked = self.store().link(bucket, record, new).await;
        linked.map_err(of_store)?;
        Ok(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(entity_tag::of_root(root)),
                last_modified: Some(modified(time)),
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        })
    }

    /// Stores a range of an object of the same bucket as a part.
    pub(crate) async fn copy_part(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<UploadPartCopyOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let client = self.key_of(&request)?.to_owned();
        let by_time = request.input.copy_source_if_modified_since.is_some()
            || request.input.copy_source_if_unmodified_since.is_some();
        let source = (&request.input.copy_source, by_time);
        let source_key = self.source_key(&request, bucket, source)?;
        let input = request.input;
        let number = number(input.part_number)?;
        let store = self.store();
        let upload = store.upload_of(bucket, &input.upload_id, &input.key).await;
        let upload = upload.map_err(of_store)?;
        let record = self.record(bucket, &source_key).await?;
        entity_tag::check_read(
            &record,
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
        )?;
        let range = source_range(input.copy_source_range.as_deref(), record.size)?;
        let by = (bucket, &client[..]);
        let content = store.copy_range(by, &source_key, record, range).await;
        let part = store.put_part(upload, number, content.map_err(of_store)?);
        let part = part.await.map_err(of_store)?;
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(entity_tag::of_root(part.data_root)),
                last_modified: Some(modified(part.modified_s)),
                ..CopyPartResult::default()
            }),
            ..UploadPartCopyOutput::default()
        })
    }
}

/// Parses the range of a source: `bytes=first-last`, both within the source, as in S3.
fn source_range(text: Option<&str>, size: u64) -> S3Result<ByteRange> {
    let Some(text) = text else {
        return Ok(ByteRange::all(size));
    };
    match Range::parse(text) {
        Ok(Range::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(ByteRange {
            start: first,
            end: last.saturating_add(1),
        }),
        Ok(Range::Int { last: Some(_), .. }) => Err(S3Error::new(S3ErrorCode::InvalidRange)),
        Ok(_) | Err(_) => Err(S3Error::with_message(
            S3ErrorCode::InvalidArgument,
            "the range of a source is bytes=first-last",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_source_is_whole_and_within_it() {
        let of = |text: &str| {
            let range = source_range(Some(text), 10);
            range
                .map(|range| (range.start, range.end))
                .map_err(|error| error.code().as_str().to_owned())
        };
        assert_eq!(of("bytes=0-9"), Ok((0, 10)));
        assert_eq!(of("bytes=3-3"), Ok((3, 4)));
        for outside in ["bytes=0-10", "bytes=10-10", "bytes=5-9223372036854775807"] {
            assert_eq!(of(outside), Err("InvalidRange".to_owned()), "{outside}");
        }
        for other in [
            "bytes=5-",
            "bytes=-5",
            "0-5",
            "bytes=5-3",
            "bytes=0-1,3-4",
            "",
        ] {
            assert_eq!(of(other), Err("InvalidArgument".to_owned()), "{other}");
        }
        assert_eq!(source_range(None, 0).unwrap(), ByteRange::all(0));
    }
}
