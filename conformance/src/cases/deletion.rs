//! `/delete`: an admin gives the first leaves up.

use super::auth::given;
use crate::case::cases;
use crate::content::Content;
use crate::context::{Context, commitment_in};
use crate::fields::number;
use crate::outcome::{Checked, ensure};
use cairn_primitives::Sequence;
use hyper::Method;
use serde_json::{Value, json};

cases! { Routes;
    "delete.unsigned", "POST /delete without a header: 401 auth_required", [] => unsigned;
    "delete.stranger", "of no member: 403 insufficient_role", [] => stranger;
    "delete.reader", "of a reader: 403 insufficient_role", [Reader] => reader;
    "delete.admin", "of an admin: mmr_root, start_seq, leaf_count, provider_signature, without the leaves before", [Admin, Deletion] => admin;
}

const ROUTE: (Method, &str) = (Method::POST, "/delete");

/// Returns a request that would delete nothing, if it were granted.
fn nothing(context: &Context) -> Value {
    json!({ "bucket_id": context.bucket(), "new_start_seq": 0 })
}

async fn unsigned(context: &Context) -> Checked {
    let answer = context.post("/delete", &nothing(context)).await?;
    answer.error(401, "auth_required").map(drop)
}

async fn stranger(context: &Context) -> Checked {
    let body = nothing(context);
    let answer = context.signed(&context.stranger, ROUTE, &body);
    answer.await?.error(403, "insufficient_role").map(drop)
}

async fn reader(context: &Context) -> Checked {
    let reader = given(context.subject.reader.as_ref())?;
    let answer = context.signed(reader, ROUTE, &nothing(context)).await?;
    answer.error(403, "insufficient_role").map(drop)
}

async fn admin(context: &Context) -> Checked {
    let admin = given(context.subject.admin.as_ref())?;
    context.post("/delete", &nothing(context)).await?;
    let content = Content::new(context.bytes("kept", 100));
    context.upload(&content).await?;
    context.commit(&[content.root, content.root]).await?.ok()?;
    let (_, before) = context.commitment().await?;
    let start = before.start_seq.0.saturating_add(1);
    let body = json!({ "bucket_id": context.bucket(), "new_start_seq": start });
    let answer = context.signed(admin, ROUTE, &body).await?.ok()?;
    let after = commitment_in(&answer)?;
    ensure!(after.start_seq == Sequence(start), "{answer}");
    let left = before.leaf_count.get().saturating_sub(1);
    ensure!(number(&answer, "leaf_count")? == left, "{answer}");
    ensure!(after.mmr_root != before.mmr_root, "the same root");
    context.check_commitment(context.bucket(), &answer).await?;
    let (_, newest) = context.commitment().await?;
    ensure!(newest == after, "{newest:?}");
    Ok(())
}
