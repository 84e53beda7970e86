//! `/exists` and `/fetch_nodes`: many hashes at once.

use crate::case::cases;
use crate::content::PLAIN;
use crate::context::Context;
use crate::fields::{bytes, field, hashes, hex0, list, text};
use crate::outcome::{Checked, ensure};
use serde_json::json;

cases! { Routes;
    "exists.split", "POST /exists: {exists, missing}, each with 0x, in the order asked", [] => split;
    "exists.none", "an empty list: two empty lists", [] => none;
    "fetch-nodes.found", "POST /fetch_nodes: {nodes: [{hash as given, data, children}]}", [] => found;
    "fetch-nodes.left-out", "unknown hashes are left out", [] => left_out;
}

async fn split(context: &Context) -> Checked {
    let here = context.bytes("here", 10);
    context.put_chunk(&here).await?;
    let (here, absent) = (PLAIN.chunk(&here), PLAIN.chunk(&context.bytes("not", 10)));
    let asked = json!([hex0(absent), hex::encode(here)]);
    let body = json!({ "bucket_id": context.bucket(), "hashes": asked });
    let answer = context.post("/exists", &body).await?.ok()?;
    ensure!(hashes(&answer, "exists")? == [here], "{answer}");
    ensure!(hashes(&answer, "missing")? == [absent], "{answer}");
    Ok(())
}

async fn none(context: &Context) -> Checked {
    let body = json!({ "bucket_id": context.bucket(), "hashes": [] });
    let answer = context.post("/exists", &body).await?.ok()?;
    ensure!(
        list(&answer, "exists")?.is_empty() && list(&answer, "missing")?.is_empty(),
        "{answer}"
    );
    Ok(())
}

async fn found(context: &Context) -> Checked {
    let content = context.content("fetched", 2);
    context.upload(&content).await?;
    let given = [
        hex::encode(content.root),
        hex0(PLAIN.chunk(content.chunk(1))),
    ];
    let body = json!({ "bucket_id": context.bucket(), "hashes": given });
    let answer = context.post("/fetch_nodes", &body).await?.ok()?;
    let [node, chunk] = &list(&answer, "nodes")?[..] else {
        return crate::outcome::failed("not two nodes");
    };
    let [of_node, of_chunk] = &given;
    ensure!(text(node, "hash")? == of_node, "{}", node["hash"]);
    ensure!(text(chunk, "hash")? == of_chunk, "{}", chunk["hash"]);
    ensure!(
        hashes(node, "children")? == content.chunks,
        "other children"
    );
    ensure!(field(chunk, "children")?.is_null(), "a chunk has children");
    ensure!(bytes(chunk, "data")? == content.chunk(1), "other bytes");
    Ok(())
}

async fn left_out(context: &Context) -> Checked {
    let absent = hex0(PLAIN.chunk(&context.bytes("left-out", 10)));
    let body = json!({ "bucket_id": context.bucket(), "hashes": [absent] });
    let answer = context.post("/fetch_nodes", &body).await?.ok()?;
    ensure!(list(&answer, "nodes")?.is_empty(), "{answer}");
    Ok(())
}
