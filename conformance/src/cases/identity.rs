//! `/health`, `/info`, `/stats` and `/buckets`: who the provider is, and what it has.

use crate::case::cases;
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{field, flag, hash, list, number, short, text};
use crate::outcome::{Checked, Ended, ensure, failed};
use serde_json::Value;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::time::Duration;
use tokio::time::sleep;

cases! { Routes;
    "health.shape", "GET /health: {status: \"healthy\", version}", [] => health;
    "info.shape", "GET /info: provider_id in SS58, provider_registration_info, readiness", [] => info;
    "info.readiness", "readiness has four flags, which clients wait for", [] => readiness;
    "info.record", "the record on chain has its settings, with price_per_byte", [] => record;
    "stats.shape", "GET /stats: provider_id, total_buckets, total_nodes, total_bytes, buckets", [] => stats;
    "stats.bucket", "each bucket has bucket_id, leaf_count, node_count, bytes_stored", [] => bucket_stats;
    "buckets.shape", "GET /buckets lists buckets: bucket_id, mmr_root, start_seq, leaf_count", [] => buckets;
    "buckets.newest", "a listed bucket has its newest root and leaf count", [] => newest;
}

async fn health(context: &Context) -> Checked {
    let answer = context.get("/health").await?.ok()?;
    ensure!(text(&answer, "status")? == "healthy", "{answer}");
    ensure!(!text(&answer, "version")?.is_empty(), "no version");
    Ok(())
}

async fn info(context: &Context) -> Checked {
    let answer = context.get("/info").await?.ok()?;
    let id = text(&answer, "provider_id")?;
    ensure!(
        sr25519::Public::from_ss58check(id).is_ok(),
        "`provider_id` is no address: {id}"
    );
    field(&answer, "provider_registration_info")?;
    field(&answer, "readiness").map(drop)
}

async fn readiness(context: &Context) -> Checked {
    let answer = context.get("/info").await?.ok()?;
    let ready = field(&answer, "readiness")?;
    for name in [
        "signing_configured",
        "nonce_counter_ready",
        "provider_info_loaded",
        "deregistering",
    ] {
        flag(ready, name)?;
    }
    let has_record = !answer["provider_registration_info"].is_null();
    let is_loaded = flag(ready, "provider_info_loaded")?;
    ensure!(
        has_record == is_loaded,
        "`provider_info_loaded` is {is_loaded}, and the record {}",
        if has_record { "there" } else { "absent" }
    );
    Ok(())
}

async fn record(context: &Context) -> Checked {
    let answer = context.get("/info").await?.ok()?;
    let record = field(&answer, "provider_registration_info")?;
    if record.is_null() {
        return Err(Ended::Skipped("the provider has no record on chain".into()));
    }
    for name in [
        "multiaddr",
        "public_key",
        "stake",
        "committed_bytes",
        "settings",
        "stats",
    ] {
        field(record, name)?;
    }
    let settings = field(record, "settings")?;
    // JavaScript reads a number or a decimal text.
    let price = field(settings, "price_per_byte")?;
    let is_decimal = |text: &str| text.parse::<u128>().is_ok();
    ensure!(
        price.is_u64() || price.as_str().is_some_and(is_decimal) || price.is_number(),
        "`price_per_byte` is {price}"
    );
    flag(settings, "accepting_primary").map(drop)
}

async fn stats(context: &Context) -> Checked {
    let answer = context.get("/stats").await?.ok()?;
    text(&answer, "provider_id")?;
    number(&answer, "total_nodes")?;
    number(&answer, "total_bytes")?;
    let buckets = list(&answer, "buckets")?;
    let total = number(&answer, "total_buckets")?;
    ensure!(
        u64::try_from(buckets.len()) == Ok(total),
        "{total} buckets, and {} in the list",
        buckets.len()
    );
    Ok(())
}

/// Returns a bucket's entry in a list.
fn entry(answer: &Value, bucket: u64) -> Checked<&Value> {
    let buckets = list(answer, "buckets")?;
    let found = buckets.iter().find(|one| one["bucket_id"] == bucket);
    found.map_or_else(
        || failed(format!("bucket {bucket} is not in {}", short(answer))),
        Ok,
    )
}

/// Checks the bucket's entry in a list, at once and then for two seconds. An entry that is right
/// only later is a known difference.
async fn listed(
    context: &Context,
    path: &str,
    check: impl Fn(&Value) -> Checked + Send + Sync,
) -> Checked {
    for attempt in 0..20 {
        let answer = context.get(path).await?.ok()?;
        let checked = entry(&answer, context.bucket()).and_then(&check);
        match (checked, attempt) {
            (Ok(()), 0) => return Ok(()),
            (Ok(()), _) => return Err(Ended::Differs(Difference::ListDelay)),
            (Err(error), 19) => return Err(error),
            (Err(_), _) => sleep(Duration::from_millis(100)).await,
        }
    }
    Ok(())
}

async fn bucket_stats(context: &Context) -> Checked {
    context.get("/stats").await?.ok()?;
    context.committed().await?;
    let has_content = |of_bucket: &Value| -> Checked {
        for name in ["leaf_count", "node_count", "bytes_stored"] {
            ensure!(number(of_bucket, name)? > 0, "no {name} after a commit");
        }
        Ok(())
    };
    listed(context, "/stats", has_content).await
}

async fn buckets(context: &Context) -> Checked {
    let answer = context.get("/buckets").await?.ok()?;
    for one in list(&answer, "buckets")? {
        number(one, "bucket_id")?;
        hash(one, "mmr_root")?;
        number(one, "start_seq")?;
        number(one, "leaf_count")?;
    }
    Ok(())
}

async fn newest(context: &Context) -> Checked {
    context.get("/buckets").await?.ok()?;
    context.committed().await?;
    let (_, commitment) = context.commitment().await?;
    let is_newest = |listed: &Value| -> Checked {
        ensure!(
            hash(listed, "mmr_root")? == commitment.mmr_root
                && number(listed, "start_seq")? == commitment.start_seq.0
                && number(listed, "leaf_count")? == commitment.leaf_count.get(),
            "{listed}, but the commitment is {commitment:?}"
        );
        Ok(())
    };
    listed(context, "/buckets", is_newest).await
}
