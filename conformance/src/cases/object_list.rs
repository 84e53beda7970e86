//! `/s3/N/objects` and `/s3/N/index_root`: the objects of a bucket by prefix and in pages, and the root
//! over their names.

use super::object::{ask, encoded, key, put_bytes, with};
use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::content::PLAIN;
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{as_hash, field, flag, hash, is_text, list, number, text};
use crate::outcome::{Checked, Ended, ensure, failed};
use cairn_primitives::H256;
use hyper::Method;
use hyper::header::AUTHORIZATION;
use serde_json::Value;

/// The most pages of objects over which a root is computed: a bucket with more has seen many runs.
const MAX_PAGES: usize = 50;

cases! { Routes;
    "object.list", "GET /s3/N/objects: contents, common_prefixes, is_truncated, next_continuation_token, key_count", [] => listed;
    "object.list-prefix", "a prefix selects, and a delimiter groups", [] => prefixed;
    "object.list-pages", "max_keys bounds a page, whose token continues", [] => pages;
    "object.list-no-bound", "max_keys of 0 counts as none", [] => no_bound;
    "object.list-start-after", "start_after leaves out a key and those before it", [] => start_after;
    "object.list-token", "a continuation_token is the last key of a page", [] => token_key;
    "object.list-groups", "a page that has groups only continues with an empty token", [] => groups;
    "object.list-empty", "a bucket without objects has an empty list, and a root of zero", [EmptyBucket] => nothing;
    "object.index-root", "GET /s3/N/index_root: bucket_id, metadata_merkle_root, object_count, total_size", [] => index_root;
    "object.index-root-rule", "the root is over each key, data root and size, in the order of keys", [] => root_rule;
    "object.counts", "count and size follow each put, replacement and deletion", [] => counts;
}

async fn try_list(context: &Context, query: &str) -> Checked<Answer> {
    let path = format!("/s3/{}/objects?{query}", context.bucket());
    ask(context, context.writer(), Ask::get(path), "GET").await
}

async fn list_of(context: &Context, query: &str) -> Checked<Value> {
    try_list(context, query).await?.ok()
}

fn keys(answer: &Value) -> Checked<Vec<&str>> {
    let contents = list(answer, "contents")?.iter();
    contents.map(|one| text(one, "key")).collect()
}

/// Puts objects under a prefix of this run, which is returned.
async fn put_all(context: &Context, prefix: &str, names: &[&str]) -> Checked<String> {
    let base = key(context, prefix);
    for name in names {
        put_bytes(context, &format!("{base}{name}"), b"abc").await?;
    }
    Ok(base)
}

async fn listed(context: &Context) -> Checked {
    let key = put_all(context, "listed/one", &[""]).await?;
    let answer = list_of(context, &format!("prefix={}", encoded(&key))).await?;
    let [one] = &list(&answer, "contents")?[..] else {
        return failed(format!("not one object: {answer}"));
    };
    is_text(one, "key", &key)?;
    ensure!(number(one, "size")? == 3, "{one}");
    number(one, "last_modified")?;
    text(one, "etag")?;
    list(&answer, "common_prefixes")?;
    ensure!(!flag(&answer, "is_truncated")?, "{answer}");
    ensure!(
        field(&answer, "next_continuation_token")?.is_null(),
        "{answer}"
    );
    ensure!(number(&answer, "key_count")? == 1, "{answer}");
    Ok(())
}

async fn prefixed(context: &Context) -> Checked {
    let base = put_all(context, "group/", &["a", "b/1", "b/2"]).await?;
    let query = format!("prefix={}&delimiter=%2F", encoded(&base));
    let answer = list_of(context, &query).await?;
    ensure!(keys(&answer)? == [format!("{base}a")], "{answer}");
    let prefixes = list(&answer, "common_prefixes")?;
    ensure!(prefixes == &[format!("{base}b/")], "{answer}");
    ensure!(number(&answer, "key_count")? == 2, "{answer}");
    Ok(())
}

/// Returns the query for the next page after an answer.
fn after(query: &str, answer: &Value) -> Checked<String> {
    let token = encoded(text(answer, "next_continuation_token")?);
    Ok(format!("{query}&continuation_token={token}"))
}

async fn pages(context: &Context) -> Checked {
    let base = put_all(context, "pages/", &["1", "2", "3"]).await?;
    let query = format!("prefix={}&max_keys=2", encoded(&base));
    let first = list_of(context, &query).await?;
    ensure!(
        keys(&first)?.len() == 2 && flag(&first, "is_truncated")?,
        "{first}"
    );
    let next = list_of(context, &after(&query, &first)?).await?;
    ensure!(keys(&next)? == [format!("{base}3")], "{next}");
    ensure!(!flag(&next, "is_truncated")?, "{next}");
    Ok(())
}

async fn no_bound(context: &Context) -> Checked {
    let base = put_all(context, "unbounded/", &["1", "2"]).await?;
    let answer = list_of(context, &format!("prefix={}&max_keys=0", encoded(&base))).await?;
    ensure!(keys(&answer)?.len() == 2, "{answer}");
    Ok(())
}

async fn start_after(context: &Context) -> Checked {
    let base = put_all(context, "start/", &["1", "2", "3"]).await?;
    let first = encoded(&format!("{base}1"));
    let query = format!("prefix={}&start_after={first}", encoded(&base));
    let answer = list_of(context, &query).await?;
    let expected = [format!("{base}2"), format!("{base}3")];
    ensure!(keys(&answer)? == expected, "{answer}");
    Ok(())
}

async fn token_key(context: &Context) -> Checked {
    let base = put_all(context, "token/", &["1", "2"]).await?;
    let first = encoded(&format!("{base}1"));
    let query = format!("prefix={}&continuation_token={first}", encoded(&base));
    let answer = try_list(context, &query).await?;
    if answer.status == 400 {
        answer.error(400, "invalid_continuation_token")?;
        return Err(Ended::Differs(Difference::OpaqueToken));
    }
    let answer = answer.ok()?;
    ensure!(keys(&answer)? == [format!("{base}2")], "{answer}");
    Ok(())
}

async fn groups(context: &Context) -> Checked {
    let base = put_all(context, "groups/", &["a/1", "b/1"]).await?;
    let query = format!("prefix={}&delimiter=%2F&max_keys=1", encoded(&base));
    let first = list_of(context, &query).await?;
    let group = |name: &str| [Value::from(format!("{base}{name}/"))];
    ensure!(list(&first, "common_prefixes")? == &group("a"), "{first}");
    ensure!(flag(&first, "is_truncated")?, "{first}");
    if text(&first, "next_continuation_token")?.is_empty() {
        return Ok(());
    }
    // A token that leads to the next group, and to the end.
    let next = list_of(context, &after(&query, &first)?).await?;
    ensure!(list(&next, "common_prefixes")? == &group("b"), "{next}");
    ensure!(!flag(&next, "is_truncated")?, "{next}");
    Err(Ended::Differs(Difference::GroupPages))
}

async fn get_of(context: &Context, bucket: u64, name: &str) -> Checked<Value> {
    let header = context.writer().header("GET", bucket);
    let get = Ask::get(format!("/s3/{bucket}/{name}")).header(AUTHORIZATION, header);
    context.client.send(get).await?.ok()
}

async fn nothing(context: &Context) -> Checked {
    let Some(bucket) = context.subject.empty_bucket else {
        return Ok(());
    };
    let answer = get_of(context, bucket, "objects").await?;
    ensure!(keys(&answer)?.is_empty(), "{answer}");
    ensure!(number(&answer, "key_count")? == 0, "{answer}");
    let root = get_of(context, bucket, "index_root").await?;
    ensure!(number(&root, "bucket_id")? == bucket, "{root}");
    ensure!(hash(&root, "metadata_merkle_root")?.is_zero(), "{root}");
    ensure!(number(&root, "object_count")? == 0, "{root}");
    Ok(())
}

/// Returns the root and the numbers of the bucket's objects.
async fn roots(context: &Context) -> Checked<(Value, u64, u64)> {
    let path = format!("/s3/{}/index_root", context.bucket());
    let answer = ask(context, context.writer(), Ask::get(path), "GET");
    let answer = answer.await?.ok()?;
    let counts = (
        number(&answer, "object_count")?,
        number(&answer, "total_size")?,
    );
    Ok((answer, counts.0, counts.1))
}

async fn index_root(context: &Context) -> Checked {
    put_bytes(context, &key(context, "rooted"), b"abc").await?;
    let (answer, count, size) = roots(context).await?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    ensure!(
        !hash(&answer, "metadata_merkle_root")?.is_zero(),
        "{answer}"
    );
    ensure!(count > 0 && size > 0, "{answer}");
    Ok(())
}

async fn root_rule(context: &Context) -> Checked {
    put_all(context, "rule/", &["b", "a", "c"]).await?;
    let mut level = Vec::new();
    let mut query = "max_keys=1000".to_owned();
    for page in 0.. {
        if page == MAX_PAGES {
            return Err(Ended::Skipped("the bucket has too many objects".into()));
        }
        let answer = list_of(context, &query).await?;
        for one in list(&answer, "contents")? {
            let size = number(one, "size")?.to_le_bytes();
            let root = as_hash(field(one, "etag")?)?;
            let leaf = [text(one, "key")?.as_bytes(), root.as_bytes(), &size].concat();
            level.push(PLAIN.chunk(&leaf));
        }
        if !flag(&answer, "is_truncated")? {
            break;
        }
        query = after("max_keys=1000", &answer)?;
    }
    let (answer, count, _) = roots(context).await?;
    ensure!(u64::try_from(level.len()) == Ok(count), "{answer}");
    level.resize(level.len().next_power_of_two(), H256::zero());
    while level.len() > 1 {
        let pairs = level.chunks(2).filter_map(|pair| match pair {
            [left, right] => Some(PLAIN.node(left, right)),
            _ => None,
        });
        level = pairs.collect();
    }
    let root = hash(&answer, "metadata_merkle_root")?;
    ensure!(level == [root], "{answer}, not {level:?}");
    Ok(())
}

async fn counts(context: &Context) -> Checked {
    let key = key(context, "counted");
    let (_, count, size) = roots(context).await?;
    let grown = |by: u64| (count.saturating_add(1), size.saturating_add(by));
    for bytes in [&b"abc"[..], b"abcde"] {
        put_bytes(context, &key, bytes).await?;
        let (answer, count, size) = roots(context).await?;
        let by = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        ensure!((count, size) == grown(by), "{answer}");
    }
    with(context, Method::DELETE, &key).await?.ok()?;
    let (answer, after, size_after) = roots(context).await?;
    ensure!((after, size_after) == (count, size), "{answer}");
    Ok(())
}
