//! `/node`: storing and reading chunks and the nodes above them.

use crate::case::cases;
use crate::content::{CHUNK, Content, Node, PLAIN, put_chunk};
use crate::context::Context;
use crate::fields::{bytes, field, flag, hashes, hex0, is_text};
use crate::outcome::{Checked, ensure};
use cairn_primitives::H256;

cases! { Routes;
    "node.put-chunk", "PUT /node by a writer, children null: {stored: true}", [] => put;
    "node.put-again", "storing the same chunk again is no error", [] => put_again;
    "node.put-full", "a chunk of 256 KiB is stored", [] => put_full;
    "node.put-empty", "the empty chunk is stored", [] => put_empty;
    "node.get-chunk", "GET /node: {hash, data in base64, children: null}", [] => get;
    "node.get-absent", "GET /node of an unknown hash: 404 not_found {hash}", [] => get_absent;
    "node.put-inner", "a node above stored children is stored", [] => put_inner;
    "node.get-inner", "GET /node of a node: its children, and their hashes as its data", [] => get_inner;
    "node.zero-child", "a zero child is padding, and need not be stored", [] => zero_child;
    "node.zero-children", "a node over padding alone is stored and read", [] => zero_children;
    "node.children-absent", "children may be left out instead of null", [] => no_children_field;
}

async fn put(context: &Context) -> Checked {
    let body = put_chunk(context.bucket(), &context.bytes("put", 1_000));
    let answer = context.put(&body).await?.ok()?;
    ensure!(flag(&answer, "stored")?, "{answer}");
    Ok(())
}

async fn put_again(context: &Context) -> Checked {
    let chunk = context.bytes("again", 1_000);
    context.put_chunk(&chunk).await?;
    context.put_chunk(&chunk).await
}

async fn put_full(context: &Context) -> Checked {
    let chunk = context.bytes("full", CHUNK);
    context.put_chunk(&chunk).await?;
    let answer = read(context, PLAIN.chunk(&chunk)).await?;
    ensure!(bytes(&answer, "data")? == chunk, "other bytes");
    Ok(())
}

async fn put_empty(context: &Context) -> Checked {
    context.put_chunk(&[]).await?;
    let answer = read(context, PLAIN.chunk(&[])).await?;
    is_text(&answer, "data", "")
}

async fn read(context: &Context, hash: H256) -> Checked<serde_json::Value> {
    let path = format!("/node?hash={}", hex0(hash));
    context.get(path).await?.ok()
}

async fn get(context: &Context) -> Checked {
    let chunk = context.bytes("get", 1_000);
    context.put_chunk(&chunk).await?;
    let hash = PLAIN.chunk(&chunk);
    let answer = read(context, hash).await?;
    is_text(&answer, "hash", &hex0(hash))?;
    ensure!(bytes(&answer, "data")? == chunk, "other bytes");
    ensure!(
        field(&answer, "children")?.is_null(),
        "{}",
        answer["children"]
    );
    Ok(())
}

async fn get_absent(context: &Context) -> Checked {
    let hash = hex0(PLAIN.chunk(&context.bytes("absent", 32)));
    let answer = context.get(format!("/node?hash={hash}")).await?;
    let details = answer.error(404, "not_found")?;
    is_text(&details, "hash", &hash)
}

async fn put_inner(context: &Context) -> Checked {
    let content = context.content("inner", 2);
    context.upload(&content).await
}

async fn get_inner(context: &Context) -> Checked {
    let content = context.content("get-inner", 2);
    context.upload(&content).await?;
    inner_is_read(context, &content).await
}

/// Checks that each node of stored content is read as it was written.
async fn inner_is_read(context: &Context, content: &Content) -> Checked {
    for node in content.levels.iter().flatten() {
        let answer = read(context, node.hash).await?;
        ensure!(bytes(&answer, "data")? == node.data(), "other data");
        let children = hashes(&answer, "children")?;
        ensure!(
            children == [node.left, node.right],
            "other children: {children:?}"
        );
    }
    Ok(())
}

async fn zero_child(context: &Context) -> Checked {
    let content = context.content("zero-child", 3);
    context.upload(&content).await?;
    inner_is_read(context, &content).await
}

async fn zero_children(context: &Context) -> Checked {
    let node = Node::above(H256::zero(), H256::zero());
    context.put(&node.put(context.bucket())).await?.ok()?;
    // Newer clients fetch it while they walk a tree of five chunks.
    let answer = read(context, node.hash).await?;
    let children = hashes(&answer, "children")?;
    ensure!(children == [H256::zero(); 2], "{children:?}");
    Ok(())
}

async fn no_children_field(context: &Context) -> Checked {
    let mut body = put_chunk(context.bucket(), &context.bytes("no-field", 10));
    if let Some(fields) = body.as_object_mut() {
        fields.remove("children");
    }
    context.put(&body).await?.ok().map(drop)
}
