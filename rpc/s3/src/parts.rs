//! Uploads in parts.

use crate::checksums::{self, Expected};
use crate::entity_tag;
use crate::error::{of_name, of_store};
use crate::gateway::Gateway;
use crate::objects::{Given, announced, length, modified};
use cairn_objects::{MAX_PARTS, NewUpload, ObjectName, PartGiven};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

/// Parts of a page.
const MAX_LISTED_PARTS: i32 = 1_000;

/// Returns the number of a part.
pub(crate) fn number(number: i32) -> S3Result<u16> {
    let number = u16::try_from(number).ok();
    let number = number.filter(|number| (1..=MAX_PARTS).contains(number));
    number.ok_or_else(|| {
        let message = "part numbers are from 1 to 10000";
        S3Error::with_message(S3ErrorCode::InvalidArgument, message)
    })
}

impl Gateway {
    pub(crate) async fn begin_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let input = request.input;
        let given = Given {
            content_type: input.content_type,
            metadata: input.metadata,
            kept: [
                input.cache_control,
                input.content_disposition,
                input.content_encoding,
                input.content_language,
            ],
        };
        let new = NewUpload {
            name: ObjectName::key(input.key.clone()).map_err(of_name)?,
            attributes: given.attributes()?,
        };
        let id: [u8; 16] = rand::random();
        let begun = self.store().begin_parts(bucket, id, new).await;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(begun.map_err(of_store)?.id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(crate) async fn put_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let client = self.key_of(&request)?.to_owned();
        let announced = announced(&request.headers);
        let input = request.input;
        let number = number(input.part_number)?;
        let store = self.store();
        let upload = store.upload_of(bucket, &input.upload_id, &input.key).await;
        let upload = upload.map_err(of_store)?;
        let expected = Expected {
            before: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_crc64nvme: input.checksum_crc64nvme,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                ..Checksum::default()
            },
            md5: input.content_md5,
            announced,
            after: request.trailing_headers,
        };
        let body = checksums::checked(checksums::body(input.body)?, expected);
        let content = store.upload(bucket, &client, Box::pin(body)).await;
        let content = content.map_err(of_store)?;
        let part = store.put_part(upload, number, content).await;
        Ok(UploadPartOutput {
            e_tag: Some(entity_tag::of_root(part.map_err(of_store)?.data_root)),
            ..UploadPartOutput::default()
        })
    }

    pub(crate) async fn complete_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let client = self.key_of(&request)?.to_owned();
        let input = request.input;
        let condition =
            entity_tag::write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let parts = input.multipart_upload.and_then(|parts| parts.parts);
        let mut given = Vec::new();
        for part in parts.unwrap_or_default() {
            let number = number(part.part_number.unwrap_or(0))?;
            let root = part.e_tag.as_ref().and_then(entity_tag::root_of);
            let data_root = root.ok_or_else(|| S3Error::new(S3ErrorCode::InvalidPart))?;
            given.push(PartGiven { number, data_root });
        }
        let store = self.store();
        let upload = store.upload_of(bucket, &input.upload_id, &input.key).await;
        let upload = upload.map_err(of_store)?;
        let by = (bucket, &client[..]);
        let record = store.complete_parts(by, upload, given, condition).await;
        Ok(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(entity_tag::of_root(record.map_err(of_store)?.data_root)),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    pub(crate) async fn abort_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let input = request.input;
        let store = self.store();
        let upload = store.upload_of(bucket, &input.upload_id, &input.key).await;
        let upload = upload.map_err(of_store)?;
        store.abort_parts(bucket, upload).await.map_err(of_store)?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(crate) async fn list_parts_of(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<ListPartsOutput> {
        let bucket = self.readable(&request, &request.input.bucket)?;
        let input = request.input;
        let store = self.store();
        let upload = store.upload_of(bucket, &input.upload_id, &input.key).await;
        let upload = upload.map_err(of_store)?;
        let all = store.parts_of(bucket, upload).await.map_err(of_store)?;
        let after = input.part_number_marker.unwrap_or(0);
        let most = input.max_parts.unwrap_or(MAX_LISTED_PARTS);
        let most = usize::try_from(most.clamp(0, MAX_LISTED_PARTS)).unwrap_or(0);
        let mut rest = all.iter().filter(|part| i32::from(part.number) > after);
        let parts: Vec<Part> = rest
            .by_ref()
            .take(most)
            .map(|part| Part {
                part_number: Some(part.number.into()),
                size: Some(length(part.size)),
                e_tag: Some(entity_tag::of_root(part.data_root)),
                last_modified: Some(modified(part.modified_s)),
                ..Part::default()
            })
            .collect();
        let is_truncated = rest.next().is_some();
        let last = parts.last().and_then(|part| part.part_number);
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(after),
            max_parts: i32::try_from(most).ok(),
            is_truncated: Some(is_truncated),
            next_part_number_marker: last.filter(|_| is_truncated),
            parts: Some(parts),
            ..ListPartsOutput::default()
        })
    }

    /// Lists the open uploads. A bucket has at most 1,000, so there is one page.
    pub(crate) async fn list_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let bucket = self.readable(&request, &request.input.bucket)?;
        let input = request.input;
        let open = self.store().open_uploads(bucket).await.map_err(of_store)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut uploads: Vec<_> = open
            .into_iter()
            .filter(|upload| upload.name.as_str().starts_with(&prefix))
            .collect();
        uploads.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
        let uploads = uploads.into_iter().map(|upload| MultipartUpload {
            key: Some(upload.name.as_str().to_owned()),
            upload_id: Some(upload.id),
            initiated: Some(modified(upload.begun_s)),
            ..MultipartUpload::default()
        });
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            ..ListMultipartUploadsOutput::default()
        })
    }
}
