//! Single objects: put, got, copied, deleted.

use crate::checksums::{self, Expected};
use crate::entity_tag;
use crate::error::{of_attributes, of_name, of_store};
use crate::gateway::Gateway;
use cairn_object_store::{ByteRange, NewObject, ObjectContent};
use cairn_objects::{Attributes, ObjectName, ObjectRecord, Space};
use cairn_primitives::BucketId;
use futures::StreamExt;
use futures::stream;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};
use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

/// Names under which headers besides the content type are kept. No metadata of a client has them,
/// since no header's name has a colon.
const KEPT: [&str; 4] = [
    ":cache-control",
    ":content-disposition",
    ":content-encoding",
    ":content-language",
];
/// Keys that one request may delete, as in S3.
const MAX_DELETED: usize = 1_000;

/// The headers that a request gives to an object.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: Option<HashMap<String, String>>,
    /// In the order of [`KEPT`].
    pub(crate) kept: [Option<String>; 4],
}

impl Given {
    pub(crate) fn attributes(self) -> S3Result<Attributes> {
        let kept = KEPT.iter().zip(self.kept);
        let kept = kept.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        let metadata = self.metadata.unwrap_or_default().into_iter().chain(kept);
        Attributes::new(self.content_type, metadata.collect()).map_err(of_attributes)
    }
}

/// The headers of an object in an answer.
struct ObjectHeaders {
    content_type: Option<String>,
    metadata: HashMap<String, String>,
    kept: [Option<String>; 4],
    modified: Timestamp,
    tag: ETag,
    length: i64,
}

impl ObjectHeaders {
    fn new(record: &ObjectRecord) -> Self {
        let all = record.attributes.metadata();
        let kept = KEPT.map(|name| {
            let found = all.iter().find(|(kept, _)| kept == name);
            found.map(|(_, value)| value.clone())
        });
        let own = all.iter().filter(|(name, _)| !name.starts_with(':'));
        Self {
            content_type: Some(record.attributes.content_type().to_owned()),
            metadata: own.cloned().collect(),
            kept,
            modified: modified(record.modified_s),
            tag: entity_tag::of_root(record.data_root),
            length: length(record.size),
        }
    }
}

pub(crate) fn modified(seconds: u64) -> Timestamp {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    time.unwrap_or(UNIX_EPOCH).into()
}

pub(crate) fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Gateway {
    pub(crate) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let client = self.key_of(&request)?.to_owned();
        let announced = announced(&request.headers);
        let input = request.input;
        let new = NewObject {
            space: Space::Keys,
            name: ObjectName::key(input.key).map_err(of_name)?,
            attributes: Given {
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
            condition: entity_tag::write_condition(
                input.if_match.as_ref(),
                input.if_none_match.as_ref(),
            )?,
        };
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
        let store = self.store();
        store.check(bucket, new.clone()).await.map_err(of_store)?;
        let content = store.upload(bucket, &client, Box::pin(body)).await;
        let record = store.put(content.map_err(of_store)?, new).await;
        let record = record.map_err(of_store)?;
        Ok(PutObjectOutput {
            e_tag: Some(entity_tag::of_root(record.data_root)),
            ..PutObjectOutput::default()
        })
    }

    pub(crate) async fn record(&self, bucket: BucketId, key: &str) -> S3Result<ObjectRecord> {
        let found = self.store().get(bucket, Space::Keys, key).await;
        let found = found.map_err(of_store)?;
        found.ok_or_else(|| S3Error::new(S3ErrorCode::NoSuchKey))
    }

    pub(crate) async fn get(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<GetObjectOutput> {
        let bucket = self.readable(&request, &request.input.bucket)?;
        let input = request.input;
        let record = self.record(bucket, &input.key).await?;
        entity_tag::check_read(
            &record,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let size = record.size;
        let asked = input.range.map(|range| range.check(size)).transpose()?;
        // The end of an object without content.
        if asked.as_ref().is_some_and(std::ops::Range::is_empty) {
            return Err(S3Error::new(S3ErrorCode::InvalidRange));
        }
        let range = asked
            .as_ref()
            .map_or(ByteRange::all(size), |asked| ByteRange {
                start: asked.start,
                end: asked.end,
            });
        let headers = ObjectHeaders::new(&record);
        let content = self.store().content(bucket, &input.key, record, range);
        let content = content.await.map_err(of_store)?;
        let [
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
        ] = headers.kept;
        Ok(GetObjectOutput {
            body: Some(body_of(content)),
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(range.length())),
            content_range: asked.map(|asked| {
                let last = asked.end.saturating_sub(1);
                format!("bytes {}-{last}/{size}", asked.start)
            }),
            content_type: headers.content_type,
            cache_control: input.response_cache_control.or(cache_control),
            content_disposition: input.response_content_disposition.or(content_disposition),
            content_encoding: input.response_content_encoding.or(content_encoding),
            content_language: input.response_content_language.or(content_language),
            e_tag: Some(headers.tag),
            last_modified: Some(headers.modified),
            metadata: Some(headers.metadata),
            ..GetObjectOutput::default()
        })
    }

    pub(crate) async fn head(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<HeadObjectOutput> {
        let bucket = self.readable(&request, &request.input.bucket)?;
        let input = request.input;
        let record = self.record(bucket, &input.key).await?;
        entity_tag::check_read(
            &record,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let headers = ObjectHeaders::new(&record);
        let [
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
        ] = headers.kept;
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(headers.length),
            content_type: headers.content_type,
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            e_tag: Some(headers.tag),
            last_modified: Some(headers.modified),
            metadata: Some(headers.metadata),
            ..HeadObjectOutput::default()
        })
    }

    pub(crate) async fn delete(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<DeleteObjectOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let key = &request.input.key;
        let deleted = self.store().delete(bucket, Space::Keys, key).await;
        deleted.map_err(of_store)?;
        Ok(DeleteObjectOutput::default())
    }

    pub(crate) async fn delete_many(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<DeleteObjectsOutput> {
        let bucket = self.writable(&request, &request.input.bucket)?;
        let Delete { objects, quiet } = request.input.delete;
        if objects.len() > MAX_DELETED {
            return Err(S3Error::new(S3ErrorCode::MalformedXML));
        }
        let mut output = DeleteObjectsOutput::default();
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for ObjectIdentifier { key, .. } in objects {
            match self.store().delete(bucket, Space::Keys, &key).await {
                Ok(_) => deleted.push(DeletedObject {
                    key: Some(key),
                    ..DeletedObject::default()
                }),
                Err(error) => {
                    let error = of_store(error);
                    errors.push(s3s::dto::Error {
                        key: Some(key),
                        code: Some(error.code().as_str().to_owned()),
                        message: error.message().map(str::to_owned),
                        ..s3s::dto::Error::default()
                    });
                }
            }
        }
        output.deleted = (!quiet.unwrap_or(false)).then_some(deleted);
        output.errors = (!errors.is_empty()).then_some(errors);
        Ok(output)
    }
}

/// Returns the names of the headers that a request announces after its body.
pub(crate) fn announced(headers: &axum::http::HeaderMap) -> String {
    let trailer = headers.get("x-amz-trailer");
    let trailer = trailer.and_then(|names| names.to_str().ok());
    trailer.unwrap_or_default().to_ascii_lowercase()
}

/// Returns content as a body. A task reads one chunk ahead of what the client has taken.
fn body_of(content: ObjectContent) -> StreamingBlob {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut pieces = Box::pin(content.into_stream());
        while let Some(piece) = pieces.next().await {
            // The client may have gone.
            if sender.send(piece).await.is_err() {
                break;
            }
        }
    });
    let pieces = stream::poll_fn(move |context| receiver.poll_recv(context));
    StreamingBlob::wrap(pieces)
}
