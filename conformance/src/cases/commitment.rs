//! `/commitment` and `/checkpoint-signature`: what the provider has signed.

use crate::case::cases;
use crate::content::put_chunk;
use crate::context::{Context, commitment_in};
use crate::difference::Difference;
use crate::fields::number;
use crate::outcome::{Checked, Ended, ensure};
use serde_json::Value;

cases! { Routes;
    "commitment.shape", "GET /commitment: bucket_id, mmr_root, start_seq, leaf_count, provider_signature", [] => shape;
    "commitment.signature", "the signature is over the newest commitment", [] => signature;
    "commitment.nonce-ignored", "a nonce in the query is no error", [] => nonce;
    "commitment.unknown-bucket", "a bucket that is not here: 404 bucket_not_found {bucket_id}", [] => unknown;
    "commitment.empty-bucket", "a bucket with content and without leaves: signed, with a zero root", [EmptyBucket] => empty;
    "checkpoint-signature.same", "GET /checkpoint-signature signs the same as /commitment", [] => same;
    "checkpoint-signature.unknown-bucket", "a bucket that is not here: 404 bucket_not_found", [] => unknown_checkpoint;
}

/// A bucket that no chain has.
const ABSENT_BUCKET: u64 = (1 << 53) - 1;

async fn shape(context: &Context) -> Checked {
    let (_, committed) = context.committed().await?;
    let (answer, commitment) = context.commitment().await?;
    ensure!(
        number(&answer, "bucket_id")? == context.bucket(),
        "{}",
        answer["bucket_id"]
    );
    let least = number(committed, "leaf_count")?;
    ensure!(
        commitment.leaf_count.get() >= least,
        "{} leaves, after a commit of {least}",
        commitment.leaf_count.get()
    );
    Ok(())
}

async fn signature(context: &Context) -> Checked {
    context.committed().await?;
    let (answer, _) = context.commitment().await?;
    context.check_commitment(context.bucket(), &answer).await
}

async fn nonce(context: &Context) -> Checked {
    context.committed().await?;
    let path = format!("/commitment?bucket_id={}&nonce=5", context.bucket());
    let answer = context.get(path).await?.ok()?;
    context.check_commitment(context.bucket(), &answer).await
}

async fn not_found(context: &Context, route: &str) -> Checked {
    let answer = context
        .get(format!("{route}?bucket_id={ABSENT_BUCKET}"))
        .await?;
    let details = answer.error(404, "bucket_not_found")?;
    ensure!(number(&details, "bucket_id")? == ABSENT_BUCKET, "{details}");
    Ok(())
}

async fn unknown(context: &Context) -> Checked {
    not_found(context, "/commitment").await
}

async fn unknown_checkpoint(context: &Context) -> Checked {
    not_found(context, "/checkpoint-signature").await
}

async fn empty(context: &Context) -> Checked {
    let Some(bucket) = context.subject.empty_bucket else {
        return Ok(());
    };
    let chunk = put_chunk(bucket, &context.bytes("empty-bucket", 10));
    context.put(&chunk).await?.ok()?;
    let path = format!("/commitment?bucket_id={bucket}");
    let answer = context.get(path).await?;
    if answer.status == 404 {
        answer.error(404, "bucket_not_found")?;
        return Err(Ended::Differs(Difference::NothingSigned));
    }
    let answer = answer.ok()?;
    let commitment = commitment_in(&answer)?;
    ensure!(
        commitment.mmr_root.is_zero() && commitment.leaf_count.get() == 0,
        "{answer}"
    );
    context.check_commitment(bucket, &answer).await
}

async fn same(context: &Context) -> Checked {
    context.committed().await?;
    let (commitment, _) = context.commitment().await?;
    let path = format!("/checkpoint-signature?bucket_id={}", context.bucket());
    let answer = context.get(path).await?.ok()?;
    let of = |value: &Value| {
        let names = ["bucket_id", "mmr_root", "start_seq", "leaf_count"];
        names.map(|name| value[name].clone())
    };
    ensure!(of(&answer) == of(&commitment), "{answer}, not {commitment}");
    context.check_commitment(context.bucket(), &answer).await
}
