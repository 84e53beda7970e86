//! `/mmr_proof`, `/chunk_proof` and `/mmr_peaks`: what an answer to a challenge is made of.

use crate::case::cases;
use crate::content::PLAIN;
use crate::context::Context;
use crate::fields::{field, hash, hashes, hex0, list, mmr_proof, number, path, text};
use crate::outcome::{Checked, ensure, failed};
use cairn_primitives::{ChunkIndex, LeafIndex, mmr, verify};

cases! { Routes;
    "mmr-proof.verifies", "GET /mmr_proof: {leaf, proof: {peaks, siblings, path}}, up to the root", [] => leaf;
    "mmr-proof.sizes", "a leaf has its content's size, and the sum of all sizes so far", [] => sizes;
    "mmr-proof.unknown-leaf", "a leaf that is not there: 404 not_found", [] => unknown_leaf;
    "mmr-proof.unknown-bucket", "a bucket that is not here: 404 bucket_not_found", [] => unknown_bucket;
    "chunk-proof.verifies", "GET /chunk_proof: {chunk_hash, chunk_data, proof: {siblings, path}}", [] => chunks;
    "chunk-proof.unknown-chunk", "a chunk that is not there: 404", [] => unknown_chunk;
    "chunk-proof.unknown-root", "a data root that is not stored: 404", [] => unknown_root;
    "mmr-peaks.bag", "GET /mmr_peaks: {bucket_id, mmr_root, peaks}, which give the root", [] => peaks;
    "mmr-peaks.unknown-bucket", "a bucket that is not here: 404 bucket_not_found", [] => unknown_peaks;
}

/// Returns the index of the leaf that all cases share.
async fn index(context: &Context) -> Checked<u64> {
    let (_, answer) = context.committed().await?;
    let first = list(answer, "leaf_indices")?.first();
    let index = first.and_then(serde_json::Value::as_u64);
    index.map_or_else(|| failed(format!("no index in {answer}")), Ok)
}

fn leaf_path(context: &Context, index: u64) -> String {
    format!(
        "/mmr_proof?bucket_id={}&leaf_index={index}",
        context.bucket()
    )
}

async fn leaf(context: &Context) -> Checked {
    let index = index(context).await?;
    let (content, _) = context.committed().await?;
    let (_, commitment) = context.commitment().await?;
    let answer = context.get(leaf_path(context, index)).await?.ok()?;
    let proof = mmr_proof(&answer)?;
    ensure!(proof.leaf.data_root == content.root, "another data root");
    let judged = verify::mmr_proof(
        PLAIN,
        &proof,
        LeafIndex(index),
        commitment.leaf_count,
        &commitment.mmr_root,
    );
    ensure!(judged.is_ok(), "leaf {index}: {judged:?}");
    Ok(())
}

async fn sizes(context: &Context) -> Checked {
    let index = index(context).await?;
    let (content, _) = context.committed().await?;
    let answer = context.get(leaf_path(context, index)).await?.ok()?;
    let leaf = mmr_proof(&answer)?.leaf;
    ensure!(leaf.data_size == content.size(), "{leaf:?}");
    let before = match index.checked_sub(1) {
        Some(before) => {
            let answer = context.get(leaf_path(context, before)).await?.ok()?;
            mmr_proof(&answer)?.leaf.total_size
        }
        // After a deletion, the sum goes on.
        None => leaf.total_size.saturating_sub(leaf.data_size),
    };
    ensure!(
        leaf.total_size == before.saturating_add(leaf.data_size),
        "{before} before {leaf:?}"
    );
    Ok(())
}

async fn unknown_leaf(context: &Context) -> Checked {
    context.committed().await?;
    let answer = context.get(leaf_path(context, 1 << 50)).await?;
    answer.error(404, "not_found").map(drop)
}

async fn unknown_bucket(context: &Context) -> Checked {
    let answer = context.get("/mmr_proof?bucket_id=9007199254740991&leaf_index=0");
    answer.await?.error(404, "bucket_not_found").map(drop)
}

async fn chunks(context: &Context) -> Checked {
    let (content, _) = context.committed().await?;
    for (index, chunk) in (0u64..).zip(&content.chunks) {
        let (data, answer) = context.chunk_proof(content.root, index).await?;
        ensure!(hash(&answer, "chunk_hash")? == *chunk, "another hash");
        let proof = path(field(&answer, "proof")?)?;
        let leaf = cairn_primitives::MmrLeaf {
            data_root: content.root,
            data_size: content.size(),
            total_size: content.size(),
        };
        let judged = verify::chunk(PLAIN, &data, ChunkIndex(index), &proof, &leaf);
        ensure!(judged.is_ok(), "chunk {index}: {judged:?}");
    }
    Ok(())
}

async fn unknown_chunk(context: &Context) -> Checked {
    let (content, _) = context.committed().await?;
    let path = format!(
        "/chunk_proof?data_root={}&chunk_index=2",
        hex0(content.root)
    );
    let answer = context.get(path).await?;
    answer.has_status(404)?;
    text(&answer.json()?, "error").map(drop)
}

async fn unknown_root(context: &Context) -> Checked {
    let root = hex0(PLAIN.chunk(&context.bytes("no-proof", 32)));
    let answer = context.get(format!("/chunk_proof?data_root={root}&chunk_index=0"));
    let answer = answer.await?;
    answer.has_status(404)?;
    text(&answer.json()?, "error").map(drop)
}

async fn peaks(context: &Context) -> Checked {
    context.committed().await?;
    let (_, commitment) = context.commitment().await?;
    let path = format!("/mmr_peaks?bucket_id={}", context.bucket());
    let answer = context.get(path).await?.ok()?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    let peaks = hashes(&answer, "peaks")?;
    let root = hash(&answer, "mmr_root")?;
    ensure!(root == commitment.mmr_root, "another root");
    ensure!(mmr::bag(PLAIN, &peaks) == root, "peaks of another root");
    Ok(())
}

async fn unknown_peaks(context: &Context) -> Checked {
    let answer = context.get("/mmr_peaks?bucket_id=9007199254740991").await?;
    answer.error(404, "bucket_not_found").map(drop)
}
