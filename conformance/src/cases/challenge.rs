//! An answer to a challenge, built outside of the provider from two of its routes.

use crate::case::cases;
use crate::content::{Content, PLAIN};
use crate::context::Context;
use crate::fields::{field, list, mmr_proof, path};
use crate::outcome::{Checked, ensure, failed};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{ChunkIndex, Commitment, LeafIndex, chain_rule, verify};
use serde_json::Value;

cases! { Flows;
    "challenge.answer", "/mmr_proof, then /chunk_proof by the leaf's data root: the chain accepts the answer", [] => answer;
    "challenge.later", "the same after more commits, against the newest commitment", [] => later;
}

/// Builds the answer for a chunk of a leaf, and judges it by the chain's rule and the strict one.
async fn judge(context: &Context, leaf: u64, chunk: u64, commitment: &Commitment) -> Checked {
    let bucket = context.bucket();
    let proven = context.get(format!("/mmr_proof?bucket_id={bucket}&leaf_index={leaf}"));
    let mmr = mmr_proof(&proven.await?.ok()?)?;
    let (data, answer) = context.chunk_proof(mmr.leaf.data_root, chunk).await?;
    let proof = path(field(&answer, "proof")?)?;
    let location = ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(chunk),
    };
    let root = &commitment.mmr_root;
    let by_chain =
        chain_rule::proof_response(PLAIN, &data, &mmr, &proof, location.chunk_index, root);
    ensure!(
        by_chain.is_ok(),
        "chunk {chunk} of leaf {leaf}: {by_chain:?}"
    );
    let strictly = verify::answer(PLAIN, &data, &mmr, &proof, &location, commitment);
    ensure!(
        strictly.is_ok(),
        "chunk {chunk} of leaf {leaf}: {strictly:?}"
    );
    Ok(())
}

fn first_index(answer: &Value) -> Checked<u64> {
    let first = list(answer, "leaf_indices")?.first();
    let index = first.and_then(Value::as_u64);
    index.map_or_else(|| failed("no index"), Ok)
}

async fn answer(context: &Context) -> Checked {
    let (content, committed) = context.committed().await?;
    let leaf = first_index(committed)?;
    let (_, commitment) = context.commitment().await?;
    for chunk in (0u64..).take(content.chunks.len()) {
        judge(context, leaf, chunk, &commitment).await?;
    }
    Ok(())
}

async fn later(context: &Context) -> Checked {
    let (_, committed) = context.committed().await?;
    let leaf = first_index(committed)?;
    for name in ["later-1", "later-2", "later-3"] {
        let content = Content::new(context.bytes(name, 100));
        context.upload(&content).await?;
        context.commit(&[content.root]).await?.ok()?;
        let (_, commitment) = context.commitment().await?;
        judge(context, leaf, 1, &commitment).await?;
    }
    Ok(())
}
