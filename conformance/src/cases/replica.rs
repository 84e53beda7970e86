//! `/mmr_subtree` and `/replica/…`: what replicas ask. Today's provider answers with place-holders, so
//! that only the form is checked.

use crate::case::cases;
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{field, flag, hash, list, number, text};
use crate::outcome::{Checked, Ended, ensure};

cases! { Routes;
    "mmr-subtree.shape", "GET /mmr_subtree: {nodes: [{position, hash, children}]}", [] => subtree;
    "mmr-subtree.unknown-bucket", "a bucket that is not here: 404 bucket_not_found", [] => no_subtree;
    "replica.historical-roots", "GET /replica/historical_roots: {bucket_id, current_root, six historical_roots, snapshot_block}", [] => roots;
    "replica.sync-status", "GET /replica/sync_status: {bucket_id, local_mmr_root, local_leaf_count, last_sync_block, syncing}", [] => status;
    "replica.unknown-bucket", "a bucket that is not here: 404 bucket_not_found", [] => unknown;
}

const ABSENT_BUCKET: &str = "9007199254740991";

async fn subtree(context: &Context) -> Checked {
    let path = |bucket: &str| format!("/mmr_subtree?bucket_id={bucket}&peak_index=0&depth=1");
    context.get(path(ABSENT_BUCKET)).await?;
    context.committed().await?;
    let answer = context.get(path(&context.bucket().to_string()));
    let answer = answer.await?.ok()?;
    let nodes = list(&answer, "nodes")?;
    ensure!(!nodes.is_empty(), "no nodes");
    for node in nodes {
        number(node, "position")?;
        hash(node, "hash")?;
        field(node, "children")?;
    }
    Ok(())
}

async fn no_subtree(context: &Context) -> Checked {
    let path = format!("/mmr_subtree?bucket_id={ABSENT_BUCKET}&peak_index=0&depth=1");
    let answer = context.get(path).await?;
    answer.error(404, "bucket_not_found").map(drop)
}

async fn roots(context: &Context) -> Checked {
    let path = |bucket: &str| format!("/replica/historical_roots?bucket_id={bucket}");
    context.get(path(ABSENT_BUCKET)).await?;
    context.committed().await?;
    let (_, commitment) = context.commitment().await?;
    let answer = context.get(path(&context.bucket().to_string()));
    let answer = answer.await?.ok()?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    let historical = list(&answer, "historical_roots")?;
    // Today's provider has empty texts.
    let is_text = historical.iter().all(serde_json::Value::is_string);
    ensure!(historical.len() == 6 && is_text, "{historical:?}");
    number(&answer, "snapshot_block")?;
    // Cairn has the root of the last checkpoint, and none before the first.
    if text(&answer, "current_root")?.is_empty() {
        return Err(Ended::Differs(Difference::ReplicaRoots));
    }
    match hash(&answer, "current_root")? == commitment.mmr_root {
        true => Ok(()),
        false => Err(Ended::Differs(Difference::ReplicaRoots)),
    }
}

async fn status(context: &Context) -> Checked {
    let path = |bucket: &str| format!("/replica/sync_status?bucket_id={bucket}");
    context.get(path(ABSENT_BUCKET)).await?;
    context.committed().await?;
    let (_, commitment) = context.commitment().await?;
    let answer = context.get(path(&context.bucket().to_string()));
    let answer = answer.await?.ok()?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{answer}"
    );
    let root = hash(&answer, "local_mmr_root")?;
    ensure!(root == commitment.mmr_root, "another root");
    let count = number(&answer, "local_leaf_count")?;
    ensure!(count == commitment.leaf_count.get(), "{count} leaves");
    let block = field(&answer, "last_sync_block")?;
    ensure!(block.is_null() || block.is_u64(), "{block}");
    flag(&answer, "syncing").map(drop)
}

async fn unknown(context: &Context) -> Checked {
    for route in ["historical_roots", "sync_status"] {
        let path = format!("/replica/{route}?bucket_id={ABSENT_BUCKET}");
        let answer = context.get(path).await?;
        answer.error(404, "bucket_not_found")?;
    }
    Ok(())
}
