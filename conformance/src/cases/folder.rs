//! `/fs/N/mkdir`, `/fs/N/ls` and `/fs/N/index_root`: folders, what is in them, and the root over all
//! names.

use super::file::{make, path, put_bytes, read, replaced, url, with};
use crate::case::cases;
use crate::context::Context;
use crate::fields::{flag, hash, is_text, list, number, text};
use crate::outcome::{Checked, ensure, failed};
use hyper::Method;
use serde_json::Value;

cases! { Routes;
    "file.mkdir", "POST /fs/N/mkdir?path: {path, created: true}", [] => mkdir;
    "file.mkdir-again", "a folder that is there is made again, and keeps what is in it", [] => again;
    "file.mkdir-over-file", "a folder may replace a file", [] => over_file;
    "file.list", "GET /fs/N/ls?path: {path, entries: [{name, path, entry_type, size, mtime}], file_count, dir_count, total_size}", [] => listed;
    "file.list-folder", "a folder in it is an entry of the type directory, of no bytes", [] => folder;
    "file.list-slash", "a path may end with /", [] => slash;
    "file.list-root", "without a path it is /", [] => root;
    "file.list-recursive", "recursive=true lists what lies deeper too", [] => recursive;
    "file.list-implicit", "what was not made is no folder, though files lie under it", [] => implicit;
    "file.list-absent", "a folder that is not there is listed as empty", [] => absent;
    "file.index-root", "GET /fs/N/index_root: bucket_id, metadata_merkle_root, file_count, dir_count, total_size", [] => index_root;
    "file.counts", "counts and size follow each change", [] => counts;
}

async fn mkdir(context: &Context) -> Checked {
    let path = path(context, "made");
    let answer = make(context, &path).await?;
    is_text(&answer, "path", &path)?;
    ensure!(flag(&answer, "created")?, "{answer}");
    Ok(())
}

async fn again(context: &Context) -> Checked {
    let folder = path(context, "again");
    make(context, &folder).await?;
    put_bytes(context, &format!("{folder}/file"), b"abc").await?;
    let answer = make(context, &folder).await?;
    ensure!(flag(&answer, "created")?, "{answer}");
    let listed = entries(context, &folder, "").await?;
    ensure!(names(&listed)? == ["file"], "{listed}");
    Ok(())
}

async fn over_file(context: &Context) -> Checked {
    let path = path(context, "over-file");
    put_bytes(context, &path, b"abc").await?;
    let made = with(context, Method::POST, url(context, "mkdir", &path)).await?;
    replaced(&made)?;
    let answer = read(context, &path).await?;
    answer.error(400, "not_a_file").map(drop)
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
        return failed(format!("not one entry: {answer}"));
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

async fn folder(context: &Context) -> Checked {
    let base = path(context, "with-folder");
    let inner = format!("{base}/in");
    make(context, &inner).await?;
    let answer = entries(context, &base, "").await?;
    let [one] = &list(&answer, "entries")?[..] else {
        return failed(format!("not one entry: {answer}"));
    };
    is_text(one, "name", "in")?;
    is_text(one, "path", &inner)?;
    is_text(one, "entry_type", "directory")?;
    ensure!(number(one, "size")? == 0, "{one}");
    Ok(())
}

async fn slash(context: &Context) -> Checked {
    let base = path(context, "slash");
    put_bytes(context, &format!("{base}/file"), b"abc").await?;
    let asked = format!("{base}/");
    let answer = entries(context, &asked, "").await?;
    is_text(&answer, "path", &asked)?;
    ensure!(names(&answer)? == ["file"], "{answer}");
    Ok(())
}

async fn root(context: &Context) -> Checked {
    let name = format!("conformance-file-{}", context.run);
    put_bytes(context, &format!("/{name}"), b"abc").await?;
    let url = format!("/fs/{}/ls", context.bucket());
    let answer = with(context, Method::GET, url).await?.ok()?;
    is_text(&answer, "path", "/")?;
    ensure!(names(&answer)?.contains(&&*name), "{answer}");
    Ok(())
}

async fn recursive(context: &Context) -> Checked {
    let base = path(context, "deep");
    make(context, &base).await?;
    make(context, &format!("{base}/in")).await?;
    put_bytes(context, &format!("{base}/in/file"), b"abc").await?;
    let flat = entries(context, &base, "").await?;
    ensure!(names(&flat)? == ["in"], "{flat}");
    let deep = entries(context, &base, "&recursive=true").await?;
    ensure!(names(&deep)? == ["in", "file"], "{deep}");
    Ok(())
}

async fn implicit(context: &Context) -> Checked {
    let base = path(context, "implicit");
    put_bytes(context, &format!("{base}/in/file"), b"abc").await?;
    let answer = entries(context, &base, "").await?;
    ensure!(names(&answer)?.is_empty(), "{answer}");
    let answer = entries(context, &format!("{base}/in"), "").await?;
    ensure!(names(&answer)? == ["file"], "{answer}");
    Ok(())
}

async fn absent(context: &Context) -> Checked {
    let path = path(context, "not-there");
    let answer = entries(context, &path, "").await?;
    is_text(&answer, "path", &path)?;
    ensure!(names(&answer)?.is_empty(), "{answer}");
    Ok(())
}

/// Returns the root of the bucket's files, and the numbers of files, folders and bytes.
async fn roots(context: &Context) -> Checked<(Value, [u64; 3])> {
    let url = format!("/fs/{}/index_root", context.bucket());
    let answer = with(context, Method::GET, url).await?.ok()?;
    let counts = [
        number(&answer, "file_count")?,
        number(&answer, "dir_count")?,
        number(&answer, "total_size")?,
    ];
    Ok((answer, counts))
}

async fn index_root(context: &Context) -> Checked {
    put_bytes(context, &path(context, "rooted"), b"abc").await?;
    let (answer, [files, _, size]) = roots(context).await?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    ensure!(
        !hash(&answer, "metadata_merkle_root")?.is_zero(),
        "{answer}"
    );
    ensure!(files > 0 && size > 0, "{answer}");
    Ok(())
}

async fn counts(context: &Context) -> Checked {
    let folder = path(context, "counted");
    let file = format!("{folder}/file");
    let (begun, before) = roots(context).await?;
    let [files, folders, size] = before.map(|count| count.saturating_add(1));
    let grown = [files, folders, size.saturating_add(2)];
    make(context, &folder).await?;
    put_bytes(context, &file, b"abc").await?;
    let (answer, counts) = roots(context).await?;
    ensure!(counts == grown, "{answer}");
    // A list has the numbers of all files.
    let listed = entries(context, &folder, "").await?;
    let [.., size] = counts;
    ensure!(number(&listed, "total_size")? == size, "{listed}");
    for path in [&file, &folder] {
        with(context, Method::DELETE, url(context, "file", path)).await?;
    }
    let (answer, counts) = roots(context).await?;
    ensure!(counts == before, "{answer}");
    let root = |answer: &Value| hash(answer, "metadata_merkle_root");
    ensure!(root(&answer)? == root(&begun)?, "another root: {answer}");
    Ok(())
}
