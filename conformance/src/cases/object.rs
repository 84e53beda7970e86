//! `/s3/…`: objects by a key, stored and committed by one request.

use super::auth::given;
use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::content::Content;
use crate::context::Context;
use crate::fields::{field, flag, hash, hex0, is_text, list, number, text};
use crate::key::Key;
use crate::outcome::{Checked, ensure};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use serde_json::Value;

const META: HeaderName = HeaderName::from_static("x-amz-meta-colour");

cases! { Routes;
    "object.put", "PUT /s3/N/object?key: {etag, data_root, size, leaf_index}; the etag is the data root", [] => put;
    "object.leaf", "its content is a leaf of the bucket", [] => leaf;
    "object.get", "GET: the bytes, with content-type, etag, content-length and x-amz-meta-*", [] => get;
    "object.last-modified", "last-modified is a number of seconds since 1970", [] => last_modified;
    "object.head", "HEAD: the headers, and x-amz-data-root", [] => head;
    "object.empty", "an object may be empty", [] => empty;
    "object.replace", "a key that is put again has the newest bytes", [] => replace;
    "object.absent", "a key that is not there: 404 object_not_found {bucket_id, key}", [] => absent;
    "object.no-key", "an empty key: 400 invalid_object_key", [] => no_key;
    "object.any-key", "a key is any text, also with dots, slashes and spaces", [] => any_key;
    "object.delete", "DELETE: {deleted}, true once", [] => delete;
    "object.unsigned", "a put without a header: 401 auth_required", [] => unsigned;
    "object.stranger", "a put and a get of no member: 403 insufficient_role", [] => stranger;
    "object.reader", "a reader gets, and does not put", [Reader] => reader;
    "object.list", "GET /s3/N/objects: contents, common_prefixes, is_truncated, next_continuation_token, key_count", [] => listed;
    "object.list-prefix", "a prefix selects, and a delimiter groups", [] => prefixed;
    "object.list-pages", "max_keys bounds a page, whose token continues", [] => pages;
    "object.index-root", "GET /s3/N/index_root: bucket_id, metadata_merkle_root, object_count, total_size", [] => index_root;
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

fn path(context: &Context, key: &str) -> String {
    let bucket = context.bucket();
    format!("/s3/{bucket}/object?key={}", encoded(key))
}

/// Sends a request, signed by a key.
pub(super) async fn ask(context: &Context, key: &Key, ask: Ask, method: &str) -> Checked<Answer> {
    let header = key.header(method, context.bucket());
    context.client.send(ask.header(AUTHORIZATION, header)).await
}

async fn put_bytes(context: &Context, key: &str, bytes: &[u8]) -> Checked<Value> {
    let put = Ask::new(Method::PUT, path(context, key))
        .header(CONTENT_TYPE, "text/x-conformance")
        .header(META, "blue")
        .body(bytes.to_vec());
    ask(context, context.writer(), put, "PUT").await?.ok()
}

async fn with(context: &Context, method: Method, key: &str) -> Checked<Answer> {
    let name = method.to_string();
    let request = Ask::new(method, path(context, key));
    ask(context, context.writer(), request, &name).await
}

/// Returns a key of this run.
fn key(context: &Context, name: &str) -> String {
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

async fn leaf(context: &Context) -> Checked {
    let content = Content::new(context.bytes("object-leaf", 100));
    let answer = put_bytes(context, &key(context, "leaf"), &content.bytes).await?;
    let index = number(&answer, "leaf_index")?;
    let path = format!(
        "/mmr_proof?bucket_id={}&leaf_index={index}",
        context.bucket()
    );
    let proven = context.get(path).await?.ok()?;
    let root = hash(field(&proven, "leaf")?, "data_root")?;
    ensure!(root == content.root, "another data root");
    Ok(())
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
    answer.error(400, "invalid_object_key").map(drop)
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

async fn unsigned(context: &Context) -> Checked {
    let put = Ask::new(Method::PUT, path(context, "unsigned")).body("abc");
    let answer = context.client.send(put).await?;
    answer.error(401, "auth_required").map(drop)
}

async fn stranger(context: &Context) -> Checked {
    let put = Ask::new(Method::PUT, path(context, "stranger")).body("abc");
    let answer = ask(context, &context.stranger, put, "PUT").await?;
    answer.error(403, "insufficient_role").map(drop)
}

async fn reader(context: &Context) -> Checked {
    let reader = given(context.subject.reader.as_ref())?;
    let key = key(context, "read");
    put_bytes(context, &key, b"abc").await?;
    let get = ask(context, reader, Ask::get(path(context, &key)), "GET");
    get.await?.has_status(200)?;
    let put = Ask::new(Method::PUT, path(context, &key)).body("def");
    let answer = ask(context, reader, put, "PUT").await?;
    answer.error(403, "insufficient_role").map(drop)
}

async fn list_of(context: &Context, query: &str) -> Checked<Value> {
    let path = format!("/s3/{}/objects?{query}", context.bucket());
    ask(context, context.writer(), Ask::get(path), "GET")
        .await?
        .ok()
}

fn keys(answer: &Value) -> Checked<Vec<&str>> {
    let contents = list(answer, "contents")?.iter();
    contents.map(|one| text(one, "key")).collect()
}

async fn listed(context: &Context) -> Checked {
    let key = key(context, "listed/one");
    put_bytes(context, &key, b"abc").await?;
    let prefix = encoded(&key);
    let answer = list_of(context, &format!("prefix={prefix}")).await?;
    let [one] = &list(&answer, "contents")?[..] else {
        return crate::outcome::failed(format!("not one object: {answer}"));
    };
    is_text(one, "key", &key)?;
    ensure!(number(one, "size")? == 3, "{one}");
    number(one, "last_modified")?;
    text(one, "etag")?;
    list(&answer, "common_prefixes")?;
    ensure!(!flag(&answer, "is_truncated")?, "{answer}");
    field(&answer, "next_continuation_token")?;
    ensure!(number(&answer, "key_count")? == 1, "{answer}");
    Ok(())
}

async fn prefixed(context: &Context) -> Checked {
    let base = key(context, "group/");
    for name in ["a", "b/1", "b/2"] {
        put_bytes(context, &format!("{base}{name}"), b"abc").await?;
    }
    let query = format!("prefix={}&delimiter=%2F", encoded(&base));
    let answer = list_of(context, &query).await?;
    ensure!(keys(&answer)? == [format!("{base}a")], "{answer}");
    let prefixes = list(&answer, "common_prefixes")?;
    ensure!(prefixes == &[format!("{base}b/")], "{answer}");
    Ok(())
}

async fn pages(context: &Context) -> Checked {
    let base = key(context, "pages/");
    for name in ["1", "2", "3"] {
        put_bytes(context, &format!("{base}{name}"), b"abc").await?;
    }
    let query = format!("prefix={}&max_keys=2", encoded(&base));
    let first = list_of(context, &query).await?;
    ensure!(
        keys(&first)?.len() == 2 && flag(&first, "is_truncated")?,
        "{first}"
    );
    let token = encoded(text(&first, "next_continuation_token")?);
    let next = list_of(context, &format!("{query}&continuation_token={token}")).await?;
    ensure!(keys(&next)? == [format!("{base}3")], "{next}");
    ensure!(!flag(&next, "is_truncated")?, "{next}");
    Ok(())
}

async fn index_root(context: &Context) -> Checked {
    put_bytes(context, &key(context, "rooted"), b"abc").await?;
    let path = format!("/s3/{}/index_root", context.bucket());
    let answer = ask(context, context.writer(), Ask::get(path), "GET");
    let answer = answer.await?.ok()?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    ensure!(
        !hash(&answer, "metadata_merkle_root")?.is_zero(),
        "{answer}"
    );
    ensure!(number(&answer, "object_count")? > 0, "{answer}");
    ensure!(number(&answer, "total_size")? > 0, "{answer}");
    Ok(())
}
