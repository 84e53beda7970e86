//! `/s3/…`: objects by a key, stored and committed by one request.

use super::auth::given;
use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::content::{CHUNK, Content, Node};
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{field, flag, hash, hex0, is_text, number, text};
use crate::key::Key;
use crate::outcome::{Checked, Ended, ensure, failed};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RANGE};
use serde_json::Value;

const META: HeaderName = HeaderName::from_static("x-amz-meta-colour");

cases! { Routes;
    "object.put", "PUT /s3/N/object?key: {etag, data_root, size, leaf_index}; the etag is the data root", [] => put;
    "object.leaf", "its content is a leaf of the bucket", [] => leaf;
    "object.one-leaf", "content of any number of chunks is one leaf", [] => one_leaf;
    "object.get", "GET: the bytes, with content-type, etag, content-length and x-amz-meta-*", [] => get;
    "object.default-type", "without a content-type it is application/octet-stream", [] => default_type;
    "object.range", "a Range is ignored: the answer has the whole content", [] => range;
    "object.last-modified", "last-modified is a number of seconds since 1970", [] => last_modified;
    "object.head", "HEAD: the headers, and x-amz-data-root", [] => head;
    "object.head-absent", "HEAD of a key that is not there: 404", [] => head_absent;
    "object.empty", "an object may be empty", [] => empty;
    "object.replace", "a key that is put again has the newest bytes", [] => replace;
    "object.absent", "a key that is not there: 404 object_not_found {bucket_id, key}", [] => absent;
    "object.no-key", "an empty key: 400 invalid_object_key {key}", [] => no_key;
    "object.no-parameter", "a request without a key: 400", [] => no_parameter;
    "object.any-key", "a key is any text, also with dots, slashes and spaces", [] => any_key;
    "object.long-key", "a key may have any length", [] => long_key;
    "object.long-metadata", "x-amz-meta-* may have any length", [] => long_metadata;
    "object.delete", "DELETE: {deleted}, true once", [] => delete;
    "object.delete-leaf", "the leaf of a deleted object stays", [] => delete_leaf;
    "object.first-write", "the first object of a member makes the bucket", [ForeignBucket] => first_write;
    "object.unsigned", "any request without a header: 401 auth_required", [] => unsigned;
    "object.stranger", "any request of no member: 403 insufficient_role", [] => stranger;
    "object.reader", "a reader gets and lists, and neither puts nor deletes", [Reader] => reader;
}

/// Writes a key as clients do in a query.
pub(super) fn encoded(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    key.bytes()
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// Returns the address of an object.
pub(super) fn path(context: &Context, key: &str) -> String {
    let bucket = context.bucket();
    format!("/s3/{bucket}/object?key={}", encoded(key))
}

/// Sends a request, signed by a key.
pub(super) async fn ask(context: &Context, key: &Key, ask: Ask, method: &str) -> Checked<Answer> {
    let header = key.header(method, context.bucket());
    context.client.send(ask.header(AUTHORIZATION, header)).await
}

/// Puts an object as the writer.
pub(super) async fn put_bytes(context: &Context, key: &str, bytes: &[u8]) -> Checked<Value> {
    let put = Ask::new(Method::PUT, path(context, key))
        .header(CONTENT_TYPE, "text/x-conformance")
        .header(META, "blue")
        .body(bytes.to_vec());
    ask(context, context.writer(), put, "PUT").await?.ok()
}

/// Sends a request about an object as the writer.
pub(super) async fn with(context: &Context, method: Method, key: &str) -> Checked<Answer> {
    let name = method.to_string();
    let request = Ask::new(method, path(context, key));
    ask(context, context.writer(), request, &name).await
}

/// Returns a key of this run.
pub(super) fn key(context: &Context, name: &str) -> String {
    format!("conformance/{}/{name}", context.run)
}

async fn put(context: &Context) -> Checked {
    let content = context.content("object", 2);
    let answer = put_bytes(context, &key(context, "put"), &content.bytes).await?;
    ensure!(
        hash(&answer, "data_root")? == content.root,
        "another data root"
    );
    is_text(&answer, "etag", &hex0(content.root))?;
    ensure!(number(&answer, "size")? == content.size(), "{answer}");
    number(&answer, "leaf_index").map(drop)
}

/// Returns the leaf that the answer to a put names.
async fn leaf_of(context: &Context, put: &Value) -> Checked<Value> {
    let (bucket, index) = (context.bucket(), number(put, "leaf_index")?);
    let path = format!("/mmr_proof?bucket_id={bucket}&leaf_index={index}");
    let proven = context.get(path).await?.ok()?;
    Ok(field(&proven, "leaf")?.clone())
}

async fn leaf(context: &Context) -> Checked {
    let content = Content::new(context.bytes("object-leaf", 100));
    let answer = put_bytes(context, &key(context, "leaf"), &content.bytes).await?;
    let leaf = leaf_of(context, &answer).await?;
    ensure!(
        hash(&leaf, "data_root")? == content.root,
        "another data root"
    );
    ensure!(number(&leaf, "data_size")? == 100, "{leaf}");
    Ok(())
}

async fn one_leaf(context: &Context) -> Checked {
    let content = context.content("object-padded", 3);
    let answer = put_bytes(context, &key(context, "padded"), &content.bytes).await?;
    ensure!(
        hash(&answer, "data_root")? == content.root,
        "another data root"
    );
    let leaf = leaf_of(context, &answer).await?;
    let found = (hash(&leaf, "data_root")?, number(&leaf, "data_size")?);
    if found == (content.root, content.size()) {
        return Ok(());
    }
    // The first of two leaves: the chunks before the last, which have no padding.
    let [left, right, ..] = content.chunks[..] else {
        return failed("the content has less than two chunks");
    };
    let whole = u64::try_from(CHUNK).unwrap_or(u64::MAX).saturating_mul(2);
    let first = (Node::above(left, right).hash, whole);
    ensure!(found == first, "{leaf}");
    Err(Ended::Differs(Difference::ObjectLeaves))
}

fn has_headers(answer: &Answer, content: &Content) -> Checked {
    for (name, expected) in [
        ("content-type", "text/x-conformance".to_owned()),
        ("etag", hex0(content.root)),
        ("content-length", content.size().to_string()),
        ("x-amz-meta-colour", "blue".to_owned()),
    ] {
        let found = answer.header(name);
        // S3's own clients expect an etag in quotes.
        ensure!(found.trim_matches('"') == expected, "{name}: {found:?}");
    }
    Ok(())
}

async fn get(context: &Context) -> Checked {
    let content = context.content("object-get", 2);
    let key = key(context, "get");
    put_bytes(context, &key, &content.bytes).await?;
    let answer = with(context, Method::GET, &key).await?;
    answer.has_status(200)?;
    ensure!(answer.body == content.bytes, "other bytes");
    has_headers(&answer, &content)
}

async fn default_type(context: &Context) -> Checked {
    let key = key(context, "typeless");
    let put = Ask::new(Method::PUT, path(context, &key)).body("abc");
    ask(context, context.writer(), put, "PUT").await?.ok()?;
    let answer = with(context, Method::GET, &key).await?;
    answer.has_status(200)?;
    let kind = answer.header("content-type");
    ensure!(kind == "application/octet-stream", "{kind:?}");
    Ok(())
}

/// Checks the answer to a request for bytes 1 to 3 of `abcdef`.
pub(super) fn is_whole(answer: &Answer) -> Checked {
    if answer.status == 206 {
        let of = answer.header("content-range");
        ensure!(of == "bytes 1-3/6" && answer.body == "bcd", "{of:?}");
        return Err(Ended::Differs(Difference::Ranges));
    }
    answer.has_status(200)?;
    ensure!(answer.body == "abcdef", "{}", answer.excerpt());
    Ok(())
}

async fn range(context: &Context) -> Checked {
    let key = key(context, "range");
    put_bytes(context, &key, b"abcdef").await?;
    let get = Ask::get(path(context, &key)).header(RANGE, "bytes=1-3");
    is_whole(&ask(context, context.writer(), get, "GET").await?)
}

async fn last_modified(context: &Context) -> Checked {
    let key = key(context, "modified");
    put_bytes(context, &key, b"abc").await?;
    let answer = with(context, Method::GET, &key).await?;
    let text = answer.header("last-modified");
    ensure!(text.parse::<u64>().is_ok(), "{text:?}");
    Ok(())
}

async fn head(context: &Context) -> Checked {
    let content = context.content("object-head", 1);
    let key = key(context, "head");
    put_bytes(context, &key, &content.bytes).await?;
    let answer = with(context, Method::HEAD, &key).await?;
    answer.has_status(200)?;
    has_headers(&answer, &content)?;
    let root = answer.header("x-amz-data-root");
    ensure!(root == hex0(content.root), "{root:?}");
    Ok(())
}

async fn head_absent(context: &Context) -> Checked {
    let key = key(context, "absent");
    let answer = with(context, Method::HEAD, &key).await?;
    answer.has_status(404)
}

async fn empty(context: &Context) -> Checked {
    let key = key(context, "empty");
    put_bytes(context, &key, b"").await?;
    let answer = with(context, Method::GET, &key).await?;
    answer.has_status(200)?;
    ensure!(answer.body.is_empty(), "{}", answer.excerpt());
    Ok(())
}

async fn replace(context: &Context) -> Checked {
    let key = key(context, "replaced");
    put_bytes(context, &key, b"first").await?;
    put_bytes(context, &key, b"second").await?;
    let answer = with(context, Method::GET, &key).await?;
    ensure!(answer.body == "second", "{}", answer.excerpt());
    Ok(())
}

async fn absent(context: &Context) -> Checked {
    let key = key(context, "absent");
    let answer = with(context, Method::GET, &key).await?;
    let details = answer.error(404, "object_not_found")?;
    ensure!(details["bucket_id"] == context.bucket(), "{details}");
    is_text(&details, "key", &key)
}

async fn no_key(context: &Context) -> Checked {
    let put = Ask::new(Method::PUT, path(context, "")).body("abc");
    let answer = ask(context, context.writer(), put, "PUT").await?;
    let details = answer.error(400, "invalid_object_key")?;
    text(&details, "key").map(drop)
}

async fn no_parameter(context: &Context) -> Checked {
    let path = format!("/s3/{}/object", context.bucket());
    let answer = ask(context, context.writer(), Ask::get(path), "GET").await?;
    answer.has_status(400)
}

async fn long_key(context: &Context) -> Checked {
    let key = key(context, &"k".repeat(1_025));
    let put = Ask::new(Method::PUT, path(context, &key)).body("abc");
    let answer = ask(context, context.writer(), put, "PUT").await?;
    if answer.status == 400 {
        answer.error(400, "invalid_object_key")?;
        return Err(Ended::Differs(Difference::NameLength));
    }
    answer.ok()?;
    let answer = with(context, Method::GET, &key).await?;
    ensure!(answer.body == "abc", "{}", answer.excerpt());
    Ok(())
}

async fn long_metadata(context: &Context) -> Checked {
    let (key, value) = (key(context, "metadata"), "v".repeat(3_000));
    let put = Ask::new(Method::PUT, path(context, &key)).header(META, value.clone());
    let answer = ask(context, context.writer(), put.body("abc"), "PUT").await?;
    if answer.status == 400 {
        answer.error(400, "serialization_error")?;
        return Err(Ended::Differs(Difference::MetadataLength));
    }
    answer.ok()?;
    let answer = with(context, Method::GET, &key).await?;
    ensure!(
        answer.header("x-amz-meta-colour") == value,
        "other metadata of {key}"
    );
    Ok(())
}

async fn any_key(context: &Context) -> Checked {
    for odd in [
        "../../up",
        "a//b",
        "with space & more?",
        "umlaut-\u{e4}",
        ".",
    ] {
        let key = format!("{}{odd}", key(context, ""));
        put_bytes(context, &key, odd.as_bytes()).await?;
        let answer = with(context, Method::GET, &key).await?;
        ensure!(answer.body == odd, "{key}: {}", answer.excerpt());
    }
    Ok(())
}

async fn delete(context: &Context) -> Checked {
    let key = key(context, "deleted");
    put_bytes(context, &key, b"abc").await?;
    let answer = with(context, Method::DELETE, &key).await?.ok()?;
    ensure!(flag(&answer, "deleted")?, "{answer}");
    let answer = with(context, Method::DELETE, &key).await?.ok()?;
    ensure!(!flag(&answer, "deleted")?, "{answer}");
    let answer = with(context, Method::GET, &key).await?;
    answer.error(404, "object_not_found").map(drop)
}

async fn delete_leaf(context: &Context) -> Checked {
    let content = Content::new(context.bytes("object-deleted", 100));
    let key = key(context, "deleted-leaf");
    let answer = put_bytes(context, &key, &content.bytes).await?;
    with(context, Method::DELETE, &key).await?.ok()?;
    let leaf = leaf_of(context, &answer).await?;
    ensure!(hash(&leaf, "data_root")? == content.root, "{leaf}");
    Ok(())
}

async fn first_write(context: &Context) -> Checked {
    let Some(foreign) = context.subject.foreign_bucket else {
        return Ok(());
    };
    let put = Ask::new(Method::PUT, format!("/s3/{foreign}/object?key=first")).body("abc");
    let header = context.writer().header("PUT", foreign);
    let answer = context
        .client
        .send(put.header(AUTHORIZATION, header))
        .await?;
    if answer.status == 404 {
        let details = answer.error(404, "bucket_not_found")?;
        ensure!(details["bucket_id"] == foreign, "{details}");
        return Err(Ended::Differs(Difference::AgreementFirst));
    }
    hash(&answer.ok()?, "data_root").map(drop)
}

/// Returns a request to each route, with its method.
fn requests(context: &Context) -> Vec<(Ask, &'static str)> {
    let object = path(context, "refused");
    let of = |name: &str| format!("/s3/{}/{name}", context.bucket());
    vec![
        (Ask::new(Method::PUT, object.clone()).body("abc"), "PUT"),
        (Ask::get(object.clone()), "GET"),
        (Ask::new(Method::DELETE, object), "DELETE"),
        (Ask::get(of("objects")), "GET"),
        (Ask::get(of("index_root")), "GET"),
    ]
}

async fn unsigned(context: &Context) -> Checked {
    for (request, _) in requests(context) {
        let answer = context.client.send(request).await?;
        answer.error(401, "auth_required")?;
    }
    Ok(())
}

async fn stranger(context: &Context) -> Checked {
    for (request, method) in requests(context) {
        let answer = ask(context, &context.stranger, request, method).await?;
        answer.error(403, "insufficient_role")?;
    }
    Ok(())
}

async fn reader(context: &Context) -> Checked {
    let reader = given(context.subject.reader.as_ref())?;
    let key = key(context, "read");
    put_bytes(context, &key, b"abc").await?;
    for asked in [
        path(context, &key),
        format!("/s3/{}/objects?max_keys=1", context.bucket()),
        format!("/s3/{}/index_root", context.bucket()),
    ] {
        let answer = ask(context, reader, Ask::get(asked), "GET").await?;
        answer.has_status(200)?;
    }
    for (method, name) in [(Method::PUT, "PUT"), (Method::DELETE, "DELETE")] {
        let write = Ask::new(method, path(context, &key)).body("def");
        let answer = ask(context, reader, write, name).await?;
        answer.error(403, "insufficient_role")?;
    }
    Ok(())
}
