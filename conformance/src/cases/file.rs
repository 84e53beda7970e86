//! `/fs/N/file`: files by a path.

use super::auth::given;
use super::object::{self, ask, encoded};
use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{flag, hash, is_text, number, text};
use crate::outcome::{Checked, Ended, ensure};
use hyper::Method;
use hyper::header::{CONTENT_TYPE, RANGE};
use serde_json::Value;

cases! { Routes;
    "file.put", "PUT /fs/N/file?path: {data_root, size, leaf_index}", [] => put;
    "file.get", "GET: the bytes, with content-type and content-length", [] => get;
    "file.default-type", "without a content-type it is application/octet-stream", [] => default_type;
    "file.range", "a Range is ignored: the answer has the whole content", [] => range;
    "file.replace", "a path that is put again has the newest bytes", [] => replace;
    "file.own-index", "a file and an object of one name are two", [] => own_index;
    "file.absent", "a path that is not there: 404 file_not_found {bucket_id, path}", [] => absent;
    "file.relative", "a put or a folder whose path does not begin with /: 400 invalid_path {message}", [] => relative;
    "file.relative-read", "a get, a deletion or a list of such a path: 400 invalid_path {message}", [] => relative_read;
    "file.upward", "a path with a part `..`: 400 invalid_path", [] => upward;
    "file.long-path", "a path may have any length", [] => long_path;
    "file.folder", "a folder read as a file: 400 not_a_file {bucket_id, path}", [] => folder;
    "file.over-folder", "a file may replace a folder", [] => over_folder;
    "file.delete", "DELETE: {deleted}, true once", [] => delete;
    "file.delete-folder", "DELETE of a folder: {deleted: true}, and what is in it stays", [] => delete_folder;
    "file.unsigned", "any request without a header: 401 auth_required", [] => unsigned;
    "file.stranger", "any request of no member: 403 insufficient_role", [] => stranger;
    "file.reader", "a reader gets and lists, and changes nothing", [Reader] => reader;
}

/// Returns the address of a route about a path.
pub(super) fn url(context: &Context, route: &str, path: &str) -> String {
    let bucket = context.bucket();
    format!("/fs/{bucket}/{route}?path={}", encoded(path))
}

/// Returns a path of this run.
pub(super) fn path(context: &Context, name: &str) -> String {
    format!("/conformance-{}/{name}", context.run)
}

/// Puts a file as the writer.
pub(super) async fn put_bytes(context: &Context, path: &str, bytes: &[u8]) -> Checked<Value> {
    let put = Ask::new(Method::PUT, url(context, "file", path))
        .header(CONTENT_TYPE, "text/x-conformance")
        .body(bytes.to_vec());
    ask(context, context.writer(), put, "PUT").await?.ok()
}

/// Sends a request as the writer.
pub(super) async fn with(context: &Context, method: Method, url: String) -> Checked<Answer> {
    let name = method.to_string();
    ask(context, context.writer(), Ask::new(method, url), &name).await
}

/// Gets a file as the writer.
pub(super) async fn read(context: &Context, path: &str) -> Checked<Answer> {
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

async fn default_type(context: &Context) -> Checked {
    let path = path(context, "typeless");
    let put = Ask::new(Method::PUT, url(context, "file", &path)).body("abc");
    ask(context, context.writer(), put, "PUT").await?.ok()?;
    let answer = read(context, &path).await?;
    answer.has_status(200)?;
    let kind = answer.header("content-type");
    ensure!(kind == "application/octet-stream", "{kind:?}");
    Ok(())
}

async fn range(context: &Context) -> Checked {
    let path = path(context, "range");
    put_bytes(context, &path, b"abcdef").await?;
    let get = Ask::get(url(context, "file", &path)).header(RANGE, "bytes=1-3");
    object::is_whole(&ask(context, context.writer(), get, "GET").await?)
}

async fn replace(context: &Context) -> Checked {
    let path = path(context, "replaced");
    put_bytes(context, &path, b"first").await?;
    put_bytes(context, &path, b"second").await?;
    let answer = read(context, &path).await?;
    ensure!(answer.body == "second", "{}", answer.excerpt());
    Ok(())
}

async fn own_index(context: &Context) -> Checked {
    let path = path(context, "both");
    put_bytes(context, &path, b"file").await?;
    object::put_bytes(context, &path, b"object").await?;
    let answer = read(context, &path).await?;
    ensure!(answer.body == "file", "{}", answer.excerpt());
    let answer = object::with(context, Method::GET, &path).await?;
    ensure!(answer.body == "object", "{}", answer.excerpt());
    Ok(())
}

fn is_invalid(answer: &Answer) -> Checked {
    let details = answer.error(400, "invalid_path")?;
    text(&details, "message").map(drop)
}

/// Sends requests that today's provider refuses for their path.
async fn at(context: &Context, path: &str) -> Checked<[Answer; 3]> {
    let file = url(context, "file", path);
    Ok([
        with(context, Method::GET, file.clone()).await?,
        with(context, Method::DELETE, file).await?,
        with(context, Method::GET, url(context, "ls", path)).await?,
    ])
}

async fn relative(context: &Context) -> Checked {
    for path in ["", "relative", "../up"] {
        let put = Ask::new(Method::PUT, url(context, "file", path)).body("abc");
        is_invalid(&ask(context, context.writer(), put, "PUT").await?)?;
        let make = with(context, Method::POST, url(context, "mkdir", path));
        is_invalid(&make.await?)?;
    }
    Ok(())
}

async fn relative_read(context: &Context) -> Checked {
    for path in ["", "relative"] {
        let [get, delete, list] = at(context, path).await?;
        for answer in [get, delete, list] {
            is_invalid(&answer)?;
        }
    }
    Ok(())
}

async fn upward(context: &Context) -> Checked {
    let path = path(context, "a/../b");
    let put = Ask::new(Method::PUT, url(context, "file", &path)).body("abc");
    let put = ask(context, context.writer(), put, "PUT").await?;
    let [get, delete, list] = at(context, &path).await?;
    for answer in [put, get, delete, list] {
        is_invalid(&answer)?;
    }
    Ok(())
}

async fn long_path(context: &Context) -> Checked {
    let path = path(context, &"p".repeat(1_025));
    let put = Ask::new(Method::PUT, url(context, "file", &path)).body("abc");
    let answer = ask(context, context.writer(), put, "PUT").await?;
    if answer.status == 400 {
        is_invalid(&answer)?;
        return Err(Ended::Differs(Difference::NameLength));
    }
    answer.ok()?;
    let answer = read(context, &path).await?;
    ensure!(answer.body == "abc", "{}", answer.excerpt());
    Ok(())
}

/// Checks an answer that is 200, or refuses to make a file of a folder or the other way.
pub(super) fn replaced(answer: &Answer) -> Checked {
    if answer.status == 400 {
        is_invalid(answer)?;
        return Err(Ended::Differs(Difference::KindChange));
    }
    answer.ok().map(drop)
}

async fn over_folder(context: &Context) -> Checked {
    let path = path(context, "over-folder");
    make(context, &path).await?;
    let put = Ask::new(Method::PUT, url(context, "file", &path)).body("abc");
    let answer = ask(context, context.writer(), put, "PUT").await?;
    replaced(&answer)?;
    let answer = read(context, &path).await?;
    ensure!(answer.body == "abc", "{}", answer.excerpt());
    Ok(())
}

async fn delete_folder(context: &Context) -> Checked {
    let folder = path(context, "deleted-folder");
    let file = format!("{folder}/file");
    make(context, &folder).await?;
    put_bytes(context, &file, b"abc").await?;
    let deleted = with(context, Method::DELETE, url(context, "file", &folder));
    let deleted = deleted.await?.ok()?;
    ensure!(flag(&deleted, "deleted")?, "{deleted}");
    let answer = read(context, &folder).await?;
    answer.error(404, "file_not_found")?;
    let answer = read(context, &file).await?;
    ensure!(answer.body == "abc", "{}", answer.excerpt());
    Ok(())
}

/// Makes a folder as the writer.
pub(super) async fn make(context: &Context, path: &str) -> Checked<Value> {
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

/// Returns a request to each route, with its method.
fn requests(context: &Context) -> Vec<(Ask, &'static str)> {
    let file = url(context, "file", "/refused");
    let root = format!("/fs/{}/index_root", context.bucket());
    vec![
        (Ask::new(Method::PUT, file.clone()).body("abc"), "PUT"),
        (Ask::new(Method::DELETE, file.clone()), "DELETE"),
        (
            Ask::new(Method::POST, url(context, "mkdir", "/refused")),
            "POST",
        ),
        (Ask::get(file), "GET"),
        (Ask::get(url(context, "ls", "/")), "GET"),
        (Ask::get(root), "GET"),
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
    let path = path(context, "read");
    put_bytes(context, &path, b"abc").await?;
    for asked in [
        url(context, "file", &path),
        url(context, "ls", "/"),
        format!("/fs/{}/index_root", context.bucket()),
    ] {
        let answer = ask(context, reader, Ask::get(asked), "GET").await?;
        answer.has_status(200)?;
    }
    for (request, method) in requests(context) {
        if method != "GET" {
            let answer = ask(context, reader, request, method).await?;
            answer.error(403, "insufficient_role")?;
        }
    }
    Ok(())
}
