//! Flows of the TypeScript client: content of any size, the newest leaf, and when it asks again.

use crate::case::cases;
use crate::content::{CHUNK, Content, PLAIN, put_chunk};
use crate::context::Context;
use crate::fields::{bytes, field, flag, hash, hashes, hex0, list, mmr_proof, number};
use crate::outcome::{Checked, Ended, ensure, failed};
use cairn_primitives::{ChunkIndex, H256, LeafIndex, MerkleProof, chain_rule, verify};
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use std::collections::BTreeSet;

cases! { Flows;
    "script.chunk", "one chunk is put, and got again by its hash, which is checked", [] => chunk;
    "script.blob", "chunks four at a time, then each level of a padded tree, each node once", [] => blob;
    "script.walk", "content without a size: /node from the data root down, also over padding", [] => walk;
    "script.windows", "content with a size: /read in windows of 16 chunks, each with its proof", [] => windows;
    "script.last-leaf", "/commit, then /commitment, then /mmr_proof of the last leaf, which is what was committed", [] => last_leaf;
    "script.empty-bucket", "/commitment of a bucket in which nothing was committed: 404, or no leaves", [EmptyBucket] => empty_bucket;
    "script.repeated-put", "a put that is sent three times is stored, and no error", [] => repeated;
    "script.ready", "once /info says that it is ready, /negotiate is no 503", [] => ready;
}

/// Requests at once.
const AT_ONCE: usize = 4;
/// The chunks of one `/read`.
const WINDOW: usize = 16;

async fn chunk(context: &Context) -> Checked {
    let chunk = context.bytes("script-chunk", 5_000);
    context.put_chunk(&chunk).await?;
    let asked = PLAIN.chunk(&chunk);
    let answer = context.get(format!("/node?hash={}", hex0(asked)));
    let data = bytes(&answer.await?.ok()?, "data")?;
    ensure!(PLAIN.chunk(&data) == asked, "another hash");
    Ok(())
}

/// Puts nodes, some at once.
async fn put_all(context: &Context, bodies: Vec<Value>) -> Checked {
    let puts = bodies.into_iter().map(|body| async move {
        let answer = context.put(&body).await?;
        answer.ok().map(drop)
    });
    let done: Vec<Checked> = stream::iter(puts).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect()
}

async fn upload(context: &Context, content: &Content) -> Checked {
    let bucket = context.bucket();
    let chunks = content.bytes.chunks(CHUNK);
    put_all(context, chunks.map(|one| put_chunk(bucket, one)).collect()).await?;
    let mut sent = BTreeSet::new();
    for level in &content.levels {
        let new = level.iter().filter(|node| sent.insert(node.hash));
        put_all(context, new.map(|node| node.put(bucket)).collect()).await?;
    }
    Ok(())
}

async fn blob(context: &Context) -> Checked {
    // Five chunks: one node has padding alone below it.
    let content = context.content("script-blob", 5);
    upload(context, &content).await
}

/// Walks content from its root, as one without a known size is read.
async fn walked(context: &Context, root: H256) -> Checked<Vec<u8>> {
    let mut open = vec![root];
    let mut read = Vec::new();
    while let Some(hash) = open.pop() {
        let answer = context.get(format!("/node?hash={}", hex0(hash)));
        let answer = answer.await?.ok()?;
        let data = bytes(&answer, "data")?;
        ensure!(PLAIN.chunk(&data) == hash, "a node has another hash");
        if field(&answer, "children")?.is_null() {
            read.extend(data);
            continue;
        }
        let children = hashes(&answer, "children")?;
        let [left, right] = children[..] else {
            return failed(format!("{} children", children.len()));
        };
        ensure!(
            [left.0, right.0].concat() == data,
            "the children are not the data"
        );
        open.extend([right, left].into_iter().filter(|one| !one.is_zero()));
    }
    Ok(read)
}

async fn walk(context: &Context) -> Checked {
    let content = context.content("script-walk", 5);
    upload(context, &content).await?;
    let read = walked(context, content.root).await?;
    ensure!(read == content.bytes, "other bytes");
    Ok(())
}

async fn windows(context: &Context) -> Checked {
    let content = context.content("script-windows", WINDOW + 2);
    upload(context, &content).await?;
    let root = hex0(content.root);
    let all = content.chunks.len();
    let mut read = Vec::new();
    for start in (0..all).step_by(WINDOW) {
        let count = WINDOW.min(all.saturating_sub(start));
        let (offset, length) = (start.saturating_mul(CHUNK), count.saturating_mul(CHUNK));
        let path = format!("/read?data_root={root}&offset={offset}&length={length}");
        let answer = context.get(path).await?.ok()?;
        let chunks = list(&answer, "chunks")?;
        ensure!(chunks.len() == count, "{} of {count} chunks", chunks.len());
        for (index, chunk) in (start..).zip(chunks) {
            let data = bytes(chunk, "data")?;
            let index = u64::try_from(index).unwrap_or(u64::MAX);
            let siblings = hashes(chunk, "proof")?;
            let turns = (0u32..).map(|level| index.checked_shr(level).unwrap_or(0) & 1 == 1);
            let path = turns.take(siblings.len()).collect();
            let proof = MerkleProof { siblings, path };
            let found = PLAIN.chunk(&data);
            let judged = chain_rule::chunk(PLAIN, found, ChunkIndex(index), &proof, &content.root);
            ensure!(judged.is_ok(), "chunk {index}: {judged:?}");
            read.extend(data);
        }
    }
    ensure!(read == content.bytes, "other bytes");
    Ok(())
}

async fn last_leaf(context: &Context) -> Checked {
    let content = context.content("script-last", 2);
    upload(context, &content).await?;
    context.commit(&[content.root]).await?.ok()?;
    let (_, commitment) = context.commitment().await?;
    let Some(last) = commitment.leaf_count.get().checked_sub(1) else {
        return failed("no leaves after a commit");
    };
    let path = format!(
        "/mmr_proof?bucket_id={}&leaf_index={last}",
        context.bucket()
    );
    let proof = mmr_proof(&context.get(path).await?.ok()?)?;
    let judged = verify::mmr_proof(
        PLAIN,
        &proof,
        LeafIndex(last),
        commitment.leaf_count,
        &commitment.mmr_root,
    );
    ensure!(judged.is_ok(), "{judged:?}");
    ensure!(
        proof.leaf.data_root == content.root,
        "the last leaf is other content"
    );
    Ok(())
}

async fn empty_bucket(context: &Context) -> Checked {
    let Some(bucket) = context.subject.empty_bucket else {
        return Ok(());
    };
    let answer = context
        .get(format!("/commitment?bucket_id={bucket}"))
        .await?;
    if answer.status == 404 {
        return Ok(());
    }
    // It asks again after a 5xx, and gives up at any other status.
    let answer = answer.ok()?;
    hash(&answer, "mmr_root")?;
    let count = number(&answer, "leaf_count")?;
    ensure!(count == 0, "{count} leaves in an empty bucket");
    Ok(())
}

async fn repeated(context: &Context) -> Checked {
    let body = put_chunk(context.bucket(), &context.bytes("script-repeated", 5_000));
    put_all(context, vec![body.clone(), body.clone(), body]).await
}

async fn ready(context: &Context) -> Checked {
    let info = context.get("/info").await?.ok()?;
    let readiness = field(&info, "readiness")?;
    let is_ready = flag(readiness, "signing_configured")?
        && flag(readiness, "nonce_counter_ready")?
        && flag(readiness, "provider_info_loaded")?
        && !flag(readiness, "deregistering")?;
    if !is_ready {
        return Err(Ended::Skipped(format!("it is not ready: {readiness}")));
    }
    let request = super::terms::offer(context).await?.request;
    let answer = context.post("/negotiate", &request).await?;
    ensure!(answer.status != 503, "{}", answer.excerpt());
    Ok(())
}
