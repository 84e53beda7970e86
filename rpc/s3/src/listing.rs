//! Listings of keys, in both versions.

use crate::entity_tag;
use crate::error::of_store;
use crate::gateway::Gateway;
use crate::objects::{length, modified};
use cairn_objects::{ListRequest, Listed, Listing, Space, list_token};
use cairn_primitives::BucketId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Result};

/// The characters that stay in a listing for clients that ask for escaped keys.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
/// The most keys of a page.
const MAX_KEYS: i32 = 1_000;

/// A page as both versions need it.
struct Page {
    objects: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    /// The token of the next page, if there is one.
    next: Option<String>,
    /// The last key or group.
    last: Option<String>,
    max_keys: i32,
}

/// Escapes texts if a client asks for it: XML cannot have every character.
struct Escape(bool);

impl Escape {
    fn new(encoding: Option<&EncodingType>) -> Self {
        Self(encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL))
    }

    fn text(&self, text: String) -> String {
        match self.0 {
            true => utf8_percent_encode(&text, KEPT).to_string(),
            false => text,
        }
    }

    fn optional(&self, text: Option<String>) -> Option<String> {
        text.map(|text| self.text(text))
    }
}

impl Gateway {
    async fn page(
        &self,
        bucket: BucketId,
        request: ListRequest<'_>,
        (max_keys, escape): (Option<i32>, &Escape),
    ) -> S3Result<Page> {
        let max_keys = max_keys.unwrap_or(MAX_KEYS).clamp(0, MAX_KEYS);
        let most = u32::try_from(max_keys).unwrap_or(0);
        let listing = match most {
            0 => Listing::default(),
            most => {
                let request = ListRequest { most, ..request };
                let listed = self.store().list(bucket, Space::Keys, request).await;
                listed.map_err(of_store)?
            }
        };
        let mut page = Page {
            objects: Vec::new(),
            prefixes: Vec::new(),
            next: listing.next,
            last: listing.listed.last().map(|last| last.name().to_owned()),
            max_keys,
        };
        for listed in listing.listed {
            match listed {
                Listed::Group(prefix) => page.prefixes.push(CommonPrefix {
                    prefix: Some(escape.text(prefix)),
                }),
                Listed::Object(key, record) => page.objects.push(Object {
                    key: Some(escape.text(key)),
                    size: Some(length(record.size)),
                    last_modified: Some(modified(record.modified_s)),
                    e_tag: Some(entity_tag::of_root(record.data_root)),
                    storage_class: Some(ObjectStorageClass::from_static(
                        ObjectStorageClass::STANDARD,
                    )),
                    ..Object::default()
                }),
            }
        }
        Ok(page)
    }

    pub(crate) async fn list_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<ListObjectsV2Output> {
        let bucket = self.readable(&request, &request.input.bucket)?;
        let input = request.input;
        let escape = Escape::new(input.encoding_type.as_ref());
        let asked = ListRequest {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref(),
            start_after: input.start_after.as_deref(),
            token: input.continuation_token.as_deref(),
            most: 0,
        };
        let page = self.page(bucket, asked, (input.max_keys, &escape)).await?;
        let count = page.objects.len().saturating_add(page.prefixes.len());
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(escape.text(input.prefix.unwrap_or_default())),
            delimiter: escape.optional(input.delimiter),
            start_after: escape.optional(input.start_after),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            max_keys: Some(page.max_keys),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            contents: Some(page.objects),
            common_prefixes: Some(page.prefixes),
            ..ListObjectsV2Output::default()
        })
    }

    pub(crate) async fn list_v1(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<ListObjectsOutput> {
        let bucket = self.readable(&request, &request.input.bucket)?;
        let input = request.input;
        let escape = Escape::new(input.encoding_type.as_ref());
        // A marker is where a page ended, be it a key or a group.
        let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
        let token = marker.map(|marker| list_token(Space::Keys, marker));
        let asked = ListRequest {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref(),
            start_after: None,
            token: token.as_deref(),
            most: 0,
        };
        let page = self.page(bucket, asked, (input.max_keys, &escape)).await?;
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(escape.text(input.prefix.unwrap_or_default())),
            delimiter: escape.optional(input.delimiter),
            marker: escape.optional(input.marker),
            encoding_type: input.encoding_type,
            max_keys: Some(page.max_keys),
            is_truncated: Some(page.next.is_some()),
            next_marker: escape.optional(page.last.filter(|_| page.next.is_some())),
            contents: Some(page.objects),
            common_prefixes: Some(page.prefixes),
            ..ListObjectsOutput::default()
        })
    }
}
