//! `/fs/…`: files by a path, and folders.

use super::auth::given;
use super::object::{ask, encoded};
use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::context::Context;
use crate::fields::{flag, hash, is_text, list, number, text};
use crate::outcome::{Checked, ensure};
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde_json::Value;

cases! { Routes;
    "file.put", "PUT /fs/N/file?path: {data_root, size, leaf_index}", [] => put;
    "file.get", "GET: the bytes, with content-type and content-length", [] => get;
    "file.absent", "a path that is not there: 404 file_not_found {bucket_id, path}", [] => absent;
    "file.relative", "a path that does not begin with /: 400 invalid_path {message}", [] => relative;
    "file.upward", "a path with a part `..`: 400 invalid_path", [] => upward;
    "file.folder", "a folder read as a file: 400 not_a_file {bucket_id, path}", [] => folder;
    "file.delete", "DELETE: {deleted}, true once", [] => delete;
    "file.unsigned", "a put without a header: 401 auth_required", [] => unsigned;
    "file.stranger", "a put of no member: 403 insufficient_role", [] => stranger;
    "file.reader", "a reader gets and lists, and makes no folder", [Reader] => reader;
    "file.mkdir", "POST /fs/N/mkdir?path: {path, created: true}", [] => mkdir;
    "file.list", "GET /fs/N/ls?path: {path, entries: [{name, path, entry_type, size, mtime}], file_count, dir_count, total_size}", [] => listed;
    "file.list-recursive", "recursive=true lists what lies deeper too", [] => recursive;
    "file.index-root", "GET /fs/N/index_root: bucket_id, metadata_merkle_root, file_count, dir_count, total_size", [] => index_root;
}

fn url(context: &Context, route: &str, path: &str) -> String {
    let bucket = context.bucket();
    format!("/fs/{bucket}/{route}?path={}", encoded(path))
}

/// Returns a path of this run.
fn path(context: &Context, name: &str) -> String {
    format!("/conformance-{}/{name}", context.run)
}

async fn put_bytes(context: &Context, path: &str, bytes: &[u8]) -> Checked<Value> {
    let put = Ask::new(Method::PUT, url(context, "file", path))
        .header(CONTENT_TYPE, "text/x-conformance")
        .body(bytes.to_vec());
    ask(context, context.writer(), put, "PUT").await?.ok()
}

async fn with(context: &Context, method: Method, url: String) -> Checked<Answer> {
    let name = method.to_string();
    ask(context, context.writer(), Ask::new(method, url), &name).await
}

async fn read(context: &Context, path: &str) -> Checked<Answer> {
    with(context, Method::GET, url(context, "file", path)).await
}

async fn put(context: &Context) -> Checked {
    let content = context.content("file", 2);
    let answer = put_bytes(context, &path(context, "put"), &content.bytes).await?;
    ensure!(
        hash(&answer, "data_root")? == content.root,
        "another data root"
    );
    ensure!(number(&answer, "size")? == content.size(), "{answer}");
    number(&answer, "leaf_index").map(drop)
}

async fn get(context: &Context) -> Checked {
    let content = context.content("file-get", 2);
    let path = path(context, "get");
    put_bytes(context, &path, &content.bytes).await?;
    let answer = read(context, &path).await?;
    answer.has_status(200)?;
    ensure!(answer.body == content.bytes, "other bytes");
    let kind = answer.header("content-type");
    ensure!(kind == "text/x-conformance", "{kind:?}");
    let length = answer.header("content-length");
    ensure!(length == content.size().to_string(), "{length:?}");
    Ok(())
}

async fn absent(context: &Context) -> Checked {
    let path = path(context, "absent");
    let answer = read(context, &path).await?;
    let details = answer.error(404, "file_not_found")?;
    ensure!(details["bucket_id"] == context.bucket(), "{details}");
    is_text(&details, "path", &path)
}

async fn invalid(context: &Context, path: &str) -> Checked {
    let details = read(context, path).await?.error(400, "invalid_path")?;
    text(&details, "message").map(drop)
}

async fn relative(context: &Context) -> Checked {
    invalid(context, "relative").await?;
    invalid(context, "").await
}

async fn upward(context: &Context) -> Checked {
    for path in ["/a/../b", "/..", "/../../etc/passwd"] {
        invalid(context, path).await?;
    }
    Ok(())
}

async fn make(context: &Context, path: &str) -> Checked<Value> {
    let answer = with(context, Method::POST, url(context, "mkdir", path));
    answer.await?.ok()
}

async fn folder(context: &Context) -> Checked {
    let path = path(context, "folder");
    make(context, &path).await?;
    let details = read(context, &path).await?.error(400, "not_a_file")?;
    is_text(&details, "path", &path)
}

async fn delete(context: &Context) -> Checked {
    let path = path(context, "deleted");
    put_bytes(context, &path, b"abc").await?;
    let url = url(context, "file", &path);
    for is_there in [true, false] {
        let answer = with(context, Method::DELETE, url.clone()).await?.ok()?;
        ensure!(flag(&answer, "deleted")? == is_there, "{answer}");
    }
    let answer = read(context, &path).await?;
    answer.error(404, "file_not_found").map(drop)
}

async fn unsigned(context: &Context) -> Checked {
    let put = Ask::new(Method::PUT, url(context, "file", "/unsigned")).body("abc");
    let answer = context.client.send(put).await?;
    answer.error(401, "auth_required").map(drop)
}

async fn stranger(context: &Context) -> Checked {
    let put = Ask::new(Method::PUT, url(context, "file", "/stranger")).body("abc");
    let answer = ask(context, &context.stranger, put, "PUT").await?;
    answer.error(403, "insufficient_role").map(drop)
}

async fn reader(context: &Context) -> Checked {
    let reader = given(context.subject.reader.as_ref())?;
    let path = path(context, "read");
    put_bytes(context, &path, b"abc").await?;
    for asked in [url(context, "file", &path), url(context, "ls", "/")] {
        let answer = ask(context, reader, Ask::get(asked), "GET").await?;
        answer.has_status(200)?;
    }
    let make = Ask::new(Method::POST, url(context, "mkdir", "/no"));
    let answer = ask(context, reader, make, "POST").await?;
    answer.error(403, "insufficient_role").map(drop)
}

async fn mkdir(context: &Context) -> Checked {
    let path = path(context, "made");
    let answer = make(context, &path).await?;
    is_text(&answer, "path", &path)?;
    ensure!(flag(&answer, "created")?, "{answer}");
    Ok(())
}

async fn entries(context: &Context, path: &str, more: &str) -> Checked<Value> {
    let url = format!("{}{more}", url(context, "ls", path));
    with(context, Method::GET, url).await?.ok()
}

fn names(answer: &Value) -> Checked<Vec<&str>> {
    let entries = list(answer, "entries")?.iter();
    entries.map(|one| text(one, "name")).collect()
}

async fn listed(context: &Context) -> Checked {
    let base = path(context, "listed");
    make(context, &base).await?;
    let path = format!("{base}/one");
    put_bytes(context, &path, b"abc").await?;
    let answer = entries(context, &base, "").await?;
    is_text(&answer, "path", &base)?;
    let [one] = &list(&answer, "entries")?[..] else {
        return crate::outcome::failed(format!("not one entry: {answer}"));
    };
    is_text(one, "name", "one")?;
    is_text(one, "path", &path)?;
    is_text(one, "entry_type", "file")?;
    ensure!(number(one, "size")? == 3, "{one}");
    number(one, "mtime")?;
    number(&answer, "file_count")?;
    number(&answer, "dir_count")?;
    number(&answer, "total_size").map(drop)
}

async fn recursive(context: &Context) -> Checked {
    let base = path(context, "deep");
    make(context, &base).await?;
    make(context, &format!("{base}/in")).await?;
    put_bytes(context, &format!("{base}/in/file"), b"abc").await?;
    let flat = entries(context, &base, "").await?;
    ensure!(names(&flat)? == ["in"], "{flat}");
    let deep = entries(context, &base, "&recursive=true").await?;
    ensure!(names(&deep)?.contains(&"file"), "{deep}");
    Ok(())
}

async fn index_root(context: &Context) -> Checked {
    put_bytes(context, &path(context, "rooted"), b"abc").await?;
    let url = format!("/fs/{}/index_root", context.bucket());
    let answer = with(context, Method::GET, url).await?.ok()?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    ensure!(
        !hash(&answer, "metadata_merkle_root")?.is_zero(),
        "{answer}"
    );
    ensure!(number(&answer, "file_count")? > 0, "{answer}");
    number(&answer, "dir_count")?;
    number(&answer, "total_size").map(drop)
}
