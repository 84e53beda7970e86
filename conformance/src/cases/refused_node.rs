//! Refusals of `PUT /node`, and nodes that today's provider stores though nobody can prove them.

use crate::case::cases;
use crate::client::Answer;
use crate::content::{CHUNK, Node, PLAIN, put, put_chunk};
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{hashes, hex0, is_text, text};
use crate::outcome::{Checked, Ended, ensure};
use serde_json::json;

cases! { Routes;
    "node.wrong-hash", "data of another hash: 400 invalid_hash {expected, actual}", [] => wrong_hash;
    "node.no-base64", "data that is no padded base64: 400 serialization_error {message}", [] => no_base64;
    "node.children-missing", "children that are not stored: 400 children_missing {missing}", [] => children_missing;
    "node.any-data", "a node may have any data of its hash, with any children", [] => any_data;
    "node.long-chunk", "a chunk may be longer than 256 KiB", [] => long_chunk;
    "node.shared-content", "a node may lie above a chunk of another bucket", [OtherBucket] => shared;
    "node.first-write", "the first write of a member makes the bucket", [ForeignBucket] => first_write;
}

async fn wrong_hash(context: &Context) -> Checked {
    let chunk = context.bytes("wrong-hash", 100);
    let claimed = PLAIN.chunk(b"something else");
    let body = put(context.bucket(), claimed, &chunk, None);
    let details = context.put(&body).await?.error(400, "invalid_hash")?;
    is_text(&details, "expected", &hex0(claimed))?;
    is_text(&details, "actual", &hex0(PLAIN.chunk(&chunk)))
}

async fn no_base64(context: &Context) -> Checked {
    for data in ["YWJ", "YWJj=", "_-8=", "YW Jj"] {
        let mut body = put_chunk(context.bucket(), b"abc");
        body["data"] = json!(data);
        let answer = context.put(&body).await?;
        let details = answer.error(400, "serialization_error")?;
        text(&details, "message")?;
    }
    Ok(())
}

async fn children_missing(context: &Context) -> Checked {
    let of = |name: &str| PLAIN.chunk(&context.bytes(name, 32));
    let node = Node::above(of("missing-left"), of("missing-right"));
    let answer = context.put(&node.put(context.bucket())).await?;
    let details = answer.error(400, "children_missing")?;
    let missing = hashes(&details, "missing")?;
    ensure!(missing == [node.left, node.right], "{missing:?}");
    Ok(())
}

/// Checks an answer that is either `{stored: true}` or a known difference.
fn stored_or(answer: &Answer, code: &str, difference: Difference) -> Checked {
    if answer.status == 400 {
        answer.error(400, code)?;
        return Err(Ended::Differs(difference));
    }
    answer.ok().map(drop)
}

async fn any_data(context: &Context) -> Checked {
    let child = context.bytes("child", 100);
    context.put_chunk(&child).await?;
    let data = context.bytes("any-data", 100);
    let children = [PLAIN.chunk(&child); 2];
    let body = put(context.bucket(), PLAIN.chunk(&data), &data, Some(&children));
    let answer = context.put(&body).await?;
    stored_or(&answer, "serialization_error", Difference::NodeData)
}

async fn long_chunk(context: &Context) -> Checked {
    let chunk = context.bytes("long", CHUNK + 1);
    let answer = context.put(&put_chunk(context.bucket(), &chunk)).await?;
    stored_or(&answer, "serialization_error", Difference::ChunkLength)
}

async fn shared(context: &Context) -> Checked {
    let Some(other) = context.subject.other_bucket else {
        return Ok(());
    };
    let chunk = context.bytes("shared", 100);
    context.put(&put_chunk(other, &chunk)).await?.ok()?;
    let hash = PLAIN.chunk(&chunk);
    let node = Node::above(hash, hash);
    let answer = context.put(&node.put(context.bucket())).await?;
    stored_or(&answer, "children_missing", Difference::OwnContent)
}

async fn first_write(context: &Context) -> Checked {
    let Some(foreign) = context.subject.foreign_bucket else {
        return Ok(());
    };
    let answer = context.put(&put_chunk(foreign, b"first")).await?;
    if answer.status == 404 {
        let details = answer.error(404, "bucket_not_found")?;
        ensure!(details["bucket_id"] == foreign, "{details}");
        return Err(Ended::Differs(Difference::AgreementFirst));
    }
    answer.ok().map(drop)
}
