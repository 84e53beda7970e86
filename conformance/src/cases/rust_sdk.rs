//! Flows of the Rust client: the order of its requests, how it writes them, and what it checks.

use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::content::{CHUNK, Content, PLAIN, put, put_chunk};
use crate::context::{Context, commitment_in};
use crate::fields::{as_hash, bytes, field, hex0, list, number, text};
use crate::outcome::{Checked, Ended, ensure, failed};
use cairn_primitives::H256;
use hyper::Method;
use hyper::header::AUTHORIZATION;
use serde_json::{Value, json};

cases! { Flows;
    "rust.upload", "chunks, then nodes from the bottom, then /commit with a nonce, then /checkpoint-signature", [] => upload;
    "rust.download", "/read, each chunk's hash checked against the answer, then trimmed to the range", [] => download;
    "rust.read-node", "/node, its data hashed, its children decoded", [] => read_node;
    "rust.odd-chunks", "its unpaired node of one child and another hash is refused, which it takes as the end", [] => odd_chunks;
    "rust.spot-check", "/read of one whole chunk answers something", [] => spot_check;
    "rust.exists", "/exists of a data root that was uploaded", [] => exists;
    "rust.checkpoint", "/health, then /commitment with a nonce, whose answer must name it and be signed", [] => checkpoint;
}

/// Sends a request with a header as this client writes it: without 0x.
async fn signed(context: &Context, method: Method, path: &str, body: &Value) -> Checked<Answer> {
    let mut signing = crate::key::Signing::now(method.as_str(), context.bucket());
    signing.prefix = "";
    let header = signing.by(context.writer());
    let ask = Ask::new(method.clone(), path).header(AUTHORIZATION, header);
    context.client.send(ask.json(body)).await
}

/// Fails on any status but a 2xx, which is all that this client looks at.
fn is_success(answer: &Answer) -> Checked {
    ensure!(answer.status.is_success(), "{}", answer.excerpt());
    Ok(())
}

async fn upload_content(context: &Context, content: &Content) -> Checked {
    for chunk in content.bytes.chunks(CHUNK) {
        let body = put_chunk(context.bucket(), chunk);
        is_success(&signed(context, Method::PUT, "/node", &body).await?)?;
    }
    for node in content.levels.iter().flatten() {
        let body = node.put(context.bucket());
        is_success(&signed(context, Method::PUT, "/node", &body).await?)?;
    }
    Ok(())
}

async fn upload(context: &Context) -> Checked {
    let content = context.content("rust-upload", 4);
    upload_content(context, &content).await?;
    let roots = json!([hex0(content.root)]);
    let body = json!({ "bucket_id": context.bucket(), "data_roots": roots, "nonce": 0 });
    let answer = signed(context, Method::POST, "/commit", &body).await?;
    is_success(&answer)?;
    let committed = answer.json()?;
    commitment_in(&committed)?;
    list(&committed, "leaf_indices")?;
    let bucket = context.bucket();
    let path = format!("/checkpoint-signature?bucket_id={bucket}&nonce=0");
    let answer = context.get(path).await?.ok()?;
    number(&answer, "bucket_id")?;
    ensure!(
        answer["mmr_root"] == committed["mmr_root"],
        "the signature is for another root than the commit"
    );
    commitment_in(&answer).map(drop)
}

/// Downloads a range: the chunks' hashes are checked against the answer, not the root.
async fn range(context: &Context, root: H256, offset: usize, length: usize) -> Checked<Vec<u8>> {
    let root = hex0(root);
    let path = format!("/read?data_root={root}&offset={offset}&length={length}");
    let answer = context.get(path).await?;
    is_success(&answer)?;
    let mut joined = Vec::new();
    for chunk in list(&answer.json()?, "chunks")? {
        let data = bytes(chunk, "data")?;
        let claimed = as_hash(field(chunk, "hash")?)?;
        ensure!(PLAIN.chunk(&data) == claimed, "a chunk has another hash");
        list(chunk, "proof")?;
        joined.extend(data);
    }
    let start = offset % CHUNK;
    let end = start.saturating_add(length).min(joined.len());
    let trimmed = joined.get(start..end);
    trimmed.map_or_else(
        || failed(format!("{} bytes, to be cut at {start}", joined.len())),
        |trimmed| Ok(trimmed.to_vec()),
    )
}

async fn download(context: &Context) -> Checked {
    let content = context.content("rust-download", 4);
    upload_content(context, &content).await?;
    let all = content.bytes.len();
    for (offset, length) in [
        (0, all),
        (0, 1),
        (5, 100),
        (CHUNK - 3, 6),
        (CHUNK, CHUNK),
        (2 * CHUNK + 1, CHUNK),
        (3 * CHUNK, CHUNK),
        (all - 1, 1),
    ] {
        let read = range(context, content.root, offset, length).await?;
        let end = all.min(offset.saturating_add(length));
        let expected = content.bytes.get(offset..end).unwrap_or_default();
        ensure!(read == expected, "{length} bytes at {offset} are others");
    }
    Ok(())
}

async fn read_node(context: &Context) -> Checked {
    let content = context.content("rust-node", 2);
    upload_content(context, &content).await?;
    let path = format!("/node?hash={}", hex0(content.root));
    let answer = context.get(path).await?;
    is_success(&answer)?;
    let answer = answer.json()?;
    let data = bytes(&answer, "data")?;
    ensure!(PLAIN.chunk(&data) == content.root, "another hash");
    let children = list(&answer, "children")?.iter().map(as_hash);
    let children = children.collect::<Checked<Vec<_>>>()?;
    ensure!(children == content.chunks, "other children");
    Ok(())
}

async fn odd_chunks(context: &Context) -> Checked {
    // It gives the last of an odd number of nodes a parent with its own hash.
    let chunk = context.bytes("rust-odd", 100);
    context.put_chunk(&chunk).await?;
    let only = PLAIN.chunk(&chunk);
    let body = put(context.bucket(), only, only.as_bytes(), Some(&[only]));
    let answer = signed(context, Method::PUT, "/node", &body).await?;
    answer.has_status(400)
}

async fn spot_check(context: &Context) -> Checked {
    let content = context.content("rust-spot", 2);
    upload_content(context, &content).await?;
    let read = range(context, content.root, CHUNK, CHUNK).await?;
    ensure!(read == content.chunk(1), "other bytes");
    Ok(())
}

async fn exists(context: &Context) -> Checked {
    let content = context.content("rust-exists", 2);
    upload_content(context, &content).await?;
    let roots = json!([hex0(content.root)]);
    let body = json!({ "bucket_id": context.bucket(), "hashes": roots });
    let answer = context.post("/exists", &body).await?;
    is_success(&answer)?;
    let answer = answer.json()?;
    ensure!(list(&answer, "exists")?.len() == 1, "{answer}");
    ensure!(list(&answer, "missing")?.is_empty(), "{answer}");
    Ok(())
}

async fn checkpoint(context: &Context) -> Checked {
    context.committed().await?;
    is_success(&context.get("/health").await?)?;
    let nonce = 4_711;
    let bucket = context.bucket();
    let path = format!("/commitment?bucket_id={bucket}&nonce={nonce}");
    let answer = context.get(path).await?.ok()?;
    let digits = text(&answer, "provider_signature")?.trim_start_matches("0x");
    let length = hex::decode(digits).map(|bytes| bytes.len());
    ensure!(
        matches!(length, Ok(64 | 65)),
        "a signature of {length:?} bytes"
    );
    context.check_commitment(bucket, &answer).await?;
    if answer.get("nonce").is_none() {
        // Chains without a nonce in what is signed; the clients of their time send none.
        return Ok(());
    }
    let named = number(&answer, "nonce")?;
    if named != nonce {
        let what = "asked for a signature with nonce";
        return Err(Ended::Failed(format!("{what} {nonce}, and got {named}")));
    }
    Ok(())
}
