//! `/read`: whole chunks by a data root and a range.

use crate::case::cases;
use crate::content::{CHUNK, Content, PLAIN};
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{bytes, hash, hashes, hex0, list};
use crate::outcome::{Checked, Ended, ensure};
use cairn_primitives::{H256, MerkleProof};
use serde_json::Value;

cases! { Routes;
    "read.whole-chunks", "GET /read answers whole chunks for any range within them", [] => whole;
    "read.range", "it answers chunks offset/256 KiB to the one with the range's last byte", [] => range;
    "read.proof", "each chunk has its hash, and the siblings up to the data root", [] => proof;
    "read.one-chunk", "content of one chunk has no siblings", [] => one;
    "read.past-end", "past the end there are fewer chunks, and none", [] => past_end;
    "read.no-length", "a range of no bytes: no chunks", [] => no_length;
    "read.uncommitted", "content is read as soon as it is stored, without a commit", [] => uncommitted;
    "read.unknown-root", "a data root that is not stored: 200 without chunks", [] => unknown;
}

async fn read(context: &Context, root: H256, offset: usize, length: usize) -> Checked<Value> {
    let root = hex0(root);
    let path = format!("/read?data_root={root}&offset={offset}&length={length}");
    context.get(path).await?.ok()
}

/// Checks that an answer has these chunks of content.
fn has_chunks(answer: &Value, content: &Content, from: usize, to: usize) -> Checked {
    let chunks = list(answer, "chunks")?;
    ensure!(
        chunks.len() == to.saturating_sub(from),
        "{} chunks, not {from}..{to}",
        chunks.len()
    );
    for (index, chunk) in (from..to).zip(chunks) {
        let data = bytes(chunk, "data")?;
        ensure!(
            data == content.chunk(index),
            "chunk {index} has other bytes"
        );
        ensure!(hash(chunk, "hash")? == PLAIN.chunk(&data), "another hash");
    }
    Ok(())
}

async fn four(context: &Context) -> Checked<Content> {
    let content = context.content("four", 4);
    context.upload(&content).await?;
    Ok(content)
}

async fn whole(context: &Context) -> Checked {
    let content = four(context).await?;
    for (offset, length) in [(0, 1), (7, 9), (CHUNK - 1, 1)] {
        let answer = read(context, content.root, offset, length).await?;
        has_chunks(&answer, &content, 0, 1)?;
    }
    Ok(())
}

async fn range(context: &Context) -> Checked {
    let content = four(context).await?;
    for (offset, length, from, to) in [
        (0, 4 * CHUNK, 0, 4),
        (CHUNK - 1, 2, 0, 2),
        (CHUNK, CHUNK, 1, 2),
        (CHUNK + 1, CHUNK, 1, 3),
        (3 * CHUNK, CHUNK - 5, 3, 4),
    ] {
        let answer = read(context, content.root, offset, length).await?;
        has_chunks(&answer, &content, from, to)?;
    }
    Ok(())
}

async fn proof(context: &Context) -> Checked {
    let content = four(context).await?;
    let answer = read(context, content.root, 0, 4 * CHUNK).await?;
    has_chunks(&answer, &content, 0, 4)?;
    for (index, chunk) in (0u64..).zip(list(&answer, "chunks")?) {
        let siblings = hashes(chunk, "proof")?;
        let turns = (0u32..).map(|level| index.checked_shr(level).unwrap_or(0) & 1 == 1);
        let path = turns.take(siblings.len()).collect();
        let proof = MerkleProof { siblings, path };
        let (at, found) = (cairn_primitives::ChunkIndex(index), hash(chunk, "hash")?);
        let judged = cairn_primitives::chain_rule::chunk(PLAIN, found, at, &proof, &content.root);
        ensure!(judged.is_ok(), "chunk {index}: {judged:?}");
    }
    Ok(())
}

async fn one(context: &Context) -> Checked {
    let content = context.content("one", 1);
    context.upload(&content).await?;
    let answer = read(context, content.root, 0, 10).await?;
    has_chunks(&answer, &content, 0, 1)?;
    for chunk in list(&answer, "chunks")? {
        ensure!(hashes(chunk, "proof")?.is_empty(), "{}", chunk["proof"]);
    }
    Ok(())
}

async fn past_end(context: &Context) -> Checked {
    let content = four(context).await?;
    let answer = read(context, content.root, 2 * CHUNK, 100 * CHUNK).await?;
    has_chunks(&answer, &content, 2, 4)?;
    let answer = read(context, content.root, 4 * CHUNK, 1).await?;
    has_chunks(&answer, &content, 0, 0)
}

async fn no_length(context: &Context) -> Checked {
    let content = four(context).await?;
    let answer = read(context, content.root, 0, 0).await?;
    has_chunks(&answer, &content, 0, 0)
}

async fn uncommitted(context: &Context) -> Checked {
    let content = context.content("uncommitted", 2);
    context.upload(&content).await?;
    let answer = read(context, content.root, 0, content.bytes.len()).await?;
    has_chunks(&answer, &content, 0, 2)
}

async fn unknown(context: &Context) -> Checked {
    let root = PLAIN.chunk(&context.bytes("unknown", 32));
    let path = format!("/read?data_root={}&offset=0&length=1", hex0(root));
    let answer = context.get(path).await?;
    if answer.status == 404 {
        let details = answer.error(404, "root_not_found")?;
        ensure!(hash(&details, "data_root")? == root, "{details}");
        return Err(Ended::Differs(Difference::UnknownDataRoot));
    }
    let answer = answer.ok()?;
    ensure!(list(&answer, "chunks")?.is_empty(), "{answer}");
    Ok(())
}
