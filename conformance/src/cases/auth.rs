//! The signed header, and what members of each role may do.

use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::content::put_chunk;
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::text;
use crate::key::Key;
use crate::outcome::{Checked, Ended, ensure};
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName};
use serde_json::Value;

/// The header of the block that a client acted on.
const CONTEXT: HeaderName = HeaderName::from_static("x-web3storage-context");

cases! { Members;
    "auth.missing", "a write without a header: 401 auth_required {message}", [] => missing;
    "auth.malformed", "a header of another form: 401 auth_required", [] => malformed;
    "auth.raw", "a signature over the message itself counts", [] => raw;
    "auth.wrapped", "a signature over the message between <Bytes> tags counts", [] => wrapped;
    "auth.prefix-optional", "key and signature are read with and without 0x", [] => prefix;
    "auth.forged", "a signature over something else: 401 auth_required", [] => forged;
    "auth.other-key", "a signature by another key than the named one: 401", [] => other_key;
    "auth.other-bucket", "a header for another bucket: 401", [] => other_bucket;
    "auth.other-method", "a header for another method: 401", [] => other_method;
    "auth.small-method", "the method is signed in capitals", [] => small_method;
    "auth.expired", "a time 400 seconds ago: 401 auth_required", [] => expired;
    "auth.future", "a time in 400 seconds: 401 auth_required", [] => future;
    "auth.within-skew", "a time 200 seconds ago counts", [] => within_skew;
    "auth.repeated", "the same header counts again within the skew", [] => repeated;
    "auth.two-headers", "of two headers, the first counts", [] => two_headers;
    "auth.context", "a request may name the block that its client acted on", [] => named_block;
    "auth.context-malformed", "a malformed context is refused or ignored, and never a 5xx", [] => malformed_context;
    "member.stranger", "an account without a role: 403 insufficient_role", [] => stranger;
    "member.writer", "a writer stores", [] => writer;
    "member.admin", "an admin stores", [Admin] => admin;
    "member.reader", "a reader does not store: 403 insufficient_role", [Reader] => reader;
    "member.reader-commit", "a reader does not commit: 403 insufficient_role", [Reader] => reader_commit;
    "member.unknown-bucket", "a bucket that the chain does not have: 403 after a wait", [] => unknown_bucket;
    "member.open-reads", "reads need no header", [] => open_reads;
}

/// Stores a chunk with a header.
async fn put(context: &Context, name: &str, header: String) -> Checked<Answer> {
    let body = put_chunk(context.bucket(), &context.bytes(name, 64));
    context
        .with_header((Method::PUT, "/node"), &body, header)
        .await
}

fn required(answer: &Answer) -> Checked {
    let details = answer.error(401, "auth_required")?;
    text(&details, "message").map(drop)
}

async fn missing(context: &Context) -> Checked {
    let body = put_chunk(context.bucket(), &context.bytes("missing", 64));
    let answer = context
        .client
        .send(Ask::new(Method::PUT, "/node").json(&body));
    required(&answer.await?)
}

async fn malformed(context: &Context) -> Checked {
    let good = context.put_header(|_| {});
    let parts = good.trim_start_matches("Web3Storage ");
    let cut = parts.get(..parts.len().saturating_sub(20)).unwrap_or("");
    for wrong in [
        "Web3Storage".to_owned(),
        "Web3Storage ::".to_owned(),
        format!("Bearer {parts}"),
        format!("web3storage {parts}"),
        format!("Web3Storage {cut}"),
        good.replacen("0x", "0xff", 1),
        good.replacen("0x", "0xzz", 1),
    ] {
        required(&put(context, "malformed", wrong).await?)?;
    }
    Ok(())
}

async fn raw(context: &Context) -> Checked {
    let header = context.put_header(|_| {});
    put(context, "raw", header).await?.ok().map(drop)
}

async fn wrapped(context: &Context) -> Checked {
    let header = context.put_header(|signing| signing.is_wrapped = true);
    put(context, "wrapped", header).await?.ok().map(drop)
}

async fn prefix(context: &Context) -> Checked {
    let header = context.put_header(|signing| signing.prefix = "");
    put(context, "prefix", header).await?.ok().map(drop)
}

async fn forged(context: &Context) -> Checked {
    // The signature is over another time than the named one.
    let header = context.put_header(|_| {});
    let Some((signed, seconds)) = header.rsplit_once(':') else {
        return Ok(());
    };
    let later = seconds.parse::<u64>().unwrap_or(0).saturating_sub(1);
    required(&put(context, "forged", format!("{signed}:{later}")).await?)
}

async fn other_key(context: &Context) -> Checked {
    let of_writer = context.writer().header("PUT", context.bucket());
    let of_stranger = context.stranger.header("PUT", context.bucket());
    let named = of_writer.split(':').next().unwrap_or_default();
    let signed = of_stranger.split_once(':').map_or("", |(_, rest)| rest);
    required(&put(context, "other-key", format!("{named}:{signed}")).await?)
}

async fn other_bucket(context: &Context) -> Checked {
    let other = context.bucket() ^ 1;
    let header = context.put_header(|signing| signing.bucket = other);
    required(&put(context, "other-bucket", header).await?)
}

async fn other_method(context: &Context) -> Checked {
    let header = context.put_header(|signing| signing.method = "POST");
    required(&put(context, "other-method", header).await?)
}

async fn small_method(context: &Context) -> Checked {
    let header = context.put_header(|signing| signing.method = "put");
    required(&put(context, "small-method", header).await?)
}

async fn expired(context: &Context) -> Checked {
    let ago = |seconds: &mut u64| *seconds = seconds.saturating_sub(400);
    let header = context.put_header(|signing| ago(&mut signing.seconds));
    required(&put(context, "expired", header).await?)
}

async fn future(context: &Context) -> Checked {
    let in_time = |seconds: &mut u64| *seconds = seconds.saturating_add(400);
    let header = context.put_header(|signing| in_time(&mut signing.seconds));
    required(&put(context, "future", header).await?)
}

async fn within_skew(context: &Context) -> Checked {
    let ago = |seconds: &mut u64| *seconds = seconds.saturating_sub(200);
    let header = context.put_header(|signing| ago(&mut signing.seconds));
    put(context, "within", header).await?.ok().map(drop)
}

async fn repeated(context: &Context) -> Checked {
    let header = context.put_header(|_| {});
    put(context, "first", header.clone()).await?.ok()?;
    put(context, "second", header).await?.ok().map(drop)
}

async fn two_headers(context: &Context) -> Checked {
    let body = put_chunk(context.bucket(), &context.bytes("two", 64));
    let ask = Ask::new(Method::PUT, "/node")
        .header(AUTHORIZATION, context.put_header(|_| {}))
        .header(AUTHORIZATION, "Bearer other");
    let answer = context.client.send(ask.json(&body)).await?;
    if answer.status == 401 {
        required(&answer)?;
        return Err(Ended::Differs(Difference::TwoHeaders));
    }
    answer.ok().map(drop)
}

async fn with_block(context: &Context, block: &str) -> Checked<Answer> {
    let body = put_chunk(context.bucket(), &context.bytes("block", 64));
    let ask = Ask::new(Method::PUT, "/node")
        .header(AUTHORIZATION, context.put_header(|_| {}))
        .header(CONTEXT, block);
    context.client.send(ask.json(&body)).await
}

async fn named_block(context: &Context) -> Checked {
    let block = format!("1:0x{}", "07".repeat(32));
    with_block(context, &block).await?.ok().map(drop)
}

async fn malformed_context(context: &Context) -> Checked {
    for wrong in ["1", "1:0x12", "x:0x00", ":"] {
        let answer = with_block(context, wrong).await?;
        ensure!(!answer.status.is_server_error(), "{}", answer.excerpt());
    }
    Ok(())
}

fn insufficient(answer: &Answer) -> Checked {
    let details = answer.error(403, "insufficient_role")?;
    ensure!(details == Value::Null, "details: {details}");
    Ok(())
}

async fn by(context: &Context, key: &Key, name: &str) -> Checked<Answer> {
    put(context, name, key.header("PUT", context.bucket())).await
}

async fn stranger(context: &Context) -> Checked {
    insufficient(&by(context, &context.stranger, "stranger").await?)
}

async fn writer(context: &Context) -> Checked {
    let answer = by(context, context.writer(), "writer").await?;
    answer.ok().map(drop)
}

/// Returns a key that the case needs.
pub(super) fn given(key: Option<&Key>) -> Checked<&Key> {
    key.ok_or_else(|| Ended::Skipped("the key is not given".into()))
}

async fn admin(context: &Context) -> Checked {
    let admin = given(context.subject.admin.as_ref())?;
    by(context, admin, "admin").await?.ok().map(drop)
}

async fn reader(context: &Context) -> Checked {
    let reader = given(context.subject.reader.as_ref())?;
    insufficient(&by(context, reader, "reader").await?)
}

async fn reader_commit(context: &Context) -> Checked {
    let reader = given(context.subject.reader.as_ref())?;
    let body = serde_json::json!({ "bucket_id": context.bucket(), "data_roots": [] });
    let answer = context.signed(reader, (Method::POST, "/commit"), &body);
    insufficient(&answer.await?)
}

async fn unknown_bucket(context: &Context) -> Checked {
    // No chain has had this number of buckets.
    let unknown = u64::MAX - 4_711;
    let body = put_chunk(unknown, b"nowhere");
    let header = context.writer().header("PUT", unknown);
    let answer = context.with_header((Method::PUT, "/node"), &body, header);
    insufficient(&answer.await?)
}

async fn open_reads(context: &Context) -> Checked {
    let chunk = context.bytes("open", 64);
    context.put_chunk(&chunk).await?;
    let hash = hex::encode(crate::content::PLAIN.chunk(&chunk));
    context.get(format!("/node?hash={hash}")).await?.ok()?;
    let path = format!("/commitment?bucket_id={}", context.bucket());
    let answer = context.get(path).await?;
    ensure!(
        answer.status != 401 && answer.status != 403,
        "{}",
        answer.excerpt()
    );
    Ok(())
}
