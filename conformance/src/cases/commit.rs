//! `/commit`: data roots become leaves.

use crate::case::cases;
use crate::content::{Content, PLAIN};
use crate::context::{Context, commitment_in};
use crate::difference::Difference;
use crate::fields::{hash, hex0, list, number};
use crate::outcome::{Checked, Ended, ensure, failed};
use hyper::Method;
use serde_json::{Value, json};

cases! { Routes;
    "commit.shape", "POST /commit: mmr_root, start_seq, leaf_count, leaf_indices, provider_signature", [] => shape;
    "commit.signature", "the signature is the registered key's, over the commitment in SCALE", [] => signature;
    "commit.order", "data roots become leaves in the order given, at consecutive indices", [] => order;
    "commit.again", "a data root that is committed again is a new leaf", [] => again;
    "commit.nothing", "no data roots: the commitment as it is, and no indices", [] => nothing;
    "commit.prefix-optional", "data roots are read with and without 0x", [] => prefix;
    "commit.nonce-ignored", "a nonce that a client sends is no error", [] => nonce;
    "commit.empty-content", "empty content is one empty chunk", [] => empty;
    "commit.unknown-root", "a data root that is not stored: 404 root_not_found {data_root}", [] => unknown;
    "commit.padding", "a tree with padding is committed", [] => padding;
}

/// Returns the indices of an answer.
fn indices(answer: &Value) -> Checked<Vec<u64>> {
    let all = list(answer, "leaf_indices")?.iter().map(Value::as_u64);
    let all = all.collect::<Option<Vec<_>>>();
    all.map_or_else(
        || failed(format!("indices that are no numbers: {answer}")),
        Ok,
    )
}

async fn shape(context: &Context) -> Checked {
    let (_, answer) = context.committed().await?;
    let commitment = commitment_in(answer)?;
    let [index] = indices(answer)?[..] else {
        return failed("not one index for one data root");
    };
    ensure!(
        index < commitment.leaf_count.get(),
        "leaf {index} of {}",
        commitment.leaf_count.get()
    );
    Ok(())
}

async fn signature(context: &Context) -> Checked {
    let (_, answer) = context.committed().await?;
    context.check_commitment(context.bucket(), answer).await
}

/// Stores small content.
async fn small(context: &Context, name: &str) -> Checked<Content> {
    let content = Content::new(context.bytes(name, 100));
    context.upload(&content).await?;
    Ok(content)
}

async fn order(context: &Context) -> Checked {
    let mut roots = Vec::new();
    for name in ["order-1", "order-2", "order-3"] {
        roots.push(small(context, name).await?.root);
    }
    let answer = context.commit(&roots).await?.ok()?;
    let indices = indices(&answer)?;
    ensure!(indices.len() == roots.len(), "{indices:?}");
    let first = indices.first().copied().unwrap_or_default();
    for (place, (index, root)) in (0u64..).zip(indices.into_iter().zip(roots)) {
        ensure!(
            index == first.saturating_add(place),
            "leaf {index} at {place}"
        );
        let bucket = context.bucket();
        let path = format!("/mmr_proof?bucket_id={bucket}&leaf_index={index}");
        let proven = context.get(path).await?.ok()?;
        let found = hash(&proven["leaf"], "data_root")?;
        ensure!(found == root, "leaf {index} has another data root");
    }
    Ok(())
}

async fn again(context: &Context) -> Checked {
    let root = small(context, "again").await?.root;
    let first = context.commit(&[root]).await?.ok()?;
    let second = context.commit(&[root]).await?.ok()?;
    ensure!(indices(&first)? != indices(&second)?, "the same leaf");
    let counts = (
        number(&first, "leaf_count")?,
        number(&second, "leaf_count")?,
    );
    ensure!(counts.0.saturating_add(1) == counts.1, "{counts:?}");
    Ok(())
}

async fn nothing(context: &Context) -> Checked {
    context.committed().await?;
    let (before, _) = context.commitment().await?;
    let answer = context.commit(&[]).await?.ok()?;
    ensure!(indices(&answer)?.is_empty(), "{answer}");
    ensure!(answer["mmr_root"] == before["mmr_root"], "another root");
    context.check_commitment(context.bucket(), &answer).await
}

async fn prefix(context: &Context) -> Checked {
    let root = small(context, "commit-prefix").await?.root;
    let roots = json!([hex0(root), hex::encode(root)]);
    let body = json!({ "bucket_id": context.bucket(), "data_roots": roots });
    let answer = context.signed(context.writer(), (Method::POST, "/commit"), &body);
    ensure!(indices(&answer.await?.ok()?)?.len() == 2, "not two leaves");
    Ok(())
}

async fn nonce(context: &Context) -> Checked {
    let root = small(context, "commit-nonce").await?.root;
    let roots = json!([hex0(root)]);
    let body = json!({ "bucket_id": context.bucket(), "data_roots": roots, "nonce": 77 });
    let answer = context.signed(context.writer(), (Method::POST, "/commit"), &body);
    let answer = answer.await?.ok()?;
    context.check_commitment(context.bucket(), &answer).await
}

async fn empty(context: &Context) -> Checked {
    context.put_chunk(&[]).await?;
    let answer = context.commit(&[PLAIN.chunk(&[])]).await?.ok()?;
    let [index] = indices(&answer)?[..] else {
        return failed("not one leaf");
    };
    let path = format!(
        "/mmr_proof?bucket_id={}&leaf_index={index}",
        context.bucket()
    );
    let proven = context.get(path).await?.ok()?;
    let size = number(&proven["leaf"], "data_size")?;
    ensure!(size == 0, "{size} bytes");
    Ok(())
}

async fn unknown(context: &Context) -> Checked {
    let root = PLAIN.chunk(&context.bytes("unknown-root", 32));
    let details = context
        .commit(&[root])
        .await?
        .error(404, "root_not_found")?;
    ensure!(hash(&details, "data_root")? == root, "{details}");
    Ok(())
}

async fn padding(context: &Context) -> Checked {
    let content = context.content("padding", 3);
    context.upload(&content).await?;
    let answer = context.commit(&[content.root]).await?;
    if answer.status == 422 {
        answer.error(422, "padding_refused")?;
        return Err(Ended::Differs(Difference::Padding));
    }
    let answer = answer.ok()?;
    ensure!(indices(&answer)?.len() == 1, "{answer}");
    Ok(())
}
