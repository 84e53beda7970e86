//! Refusals of `/negotiate`, with their details.

use super::terms::{ask, offer};
use crate::case::cases;
use crate::context::Context;
use crate::fields::{field, is_text, number};
use crate::outcome::{Checked, Ended, ensure};
use serde_json::{Value, json};

cases! { Routes;
    "terms.price-low", "a price below the listed one: 422 price_below_listed {proposed, listed} as texts", [] => price_low;
    "terms.no-bytes", "no bytes: 422 invalid_max_bytes_request", [] => no_bytes;
    "terms.duration", "a duration out of bounds: 422 duration_out_of_bounds {duration, min, max}", [] => duration;
    "terms.capacity", "more bytes than are left: 422 capacity_exceeded {requested, committed, max_capacity}", [] => capacity;
    "terms.replica", "a replica where none is accepted: 422 not_accepting_replicas", [] => replica;
    "terms.no-owner", "an owner that is no address: 422", [] => no_owner;
    "terms.price-missing", "a request without a price: 422", [] => price_missing;
}

/// Asks for changed terms, which must be refused with a code. Returns the details.
async fn refused(context: &Context, name: &str, value: Value, code: &str) -> Checked<Value> {
    let mut request = offer(context).await?.request;
    // Only a provider that signs terms at all says why it does not sign these.
    ask(context, &request).await?.ok()?;
    request[name] = value;
    ask(context, &request).await?.error(422, code)
}

async fn price_low(context: &Context) -> Checked {
    let listed = offer(context).await?.price;
    let Some(low) = listed.checked_sub(1) else {
        return Err(Ended::Skipped("the listed price is 0".into()));
    };
    let low = low.to_string();
    let details = refused(context, "price_per_byte", json!(low), "price_below_listed").await?;
    is_text(&details, "proposed", &low)?;
    is_text(&details, "listed", &listed.to_string())
}

async fn no_bytes(context: &Context) -> Checked {
    let refused = refused(context, "max_bytes", json!(0), "invalid_max_bytes_request");
    refused.await.map(drop)
}

async fn duration(context: &Context) -> Checked {
    let settings = offer(context).await?.settings;
    let outside = match number(&settings, "min_duration")?.checked_sub(1) {
        Some(short) => short,
        None => number(&settings, "max_duration")?.saturating_add(1),
    };
    if u32::try_from(outside).is_err() {
        return Err(Ended::Skipped("durations have no bounds".into()));
    }
    let details = refused(
        context,
        "duration",
        json!(outside),
        "duration_out_of_bounds",
    )
    .await?;
    ensure!(number(&details, "duration")? == outside, "{details}");
    number(&details, "min")?;
    number(&details, "max").map(drop)
}

async fn capacity(context: &Context) -> Checked {
    let settings = offer(context).await?.settings;
    if number(&settings, "max_capacity")? == 0 {
        return Err(Ended::Skipped("the record has no capacity".into()));
    }
    let most = u64::MAX;
    let details = refused(context, "max_bytes", json!(most), "capacity_exceeded").await?;
    ensure!(number(&details, "requested")? == most, "{details}");
    number(&details, "committed")?;
    number(&details, "max_capacity").map(drop)
}

async fn replica(context: &Context) -> Checked {
    let settings = offer(context).await?.settings;
    if !field(&settings, "replica_sync_price")?.is_null() {
        return Err(Ended::Skipped("the record accepts replicas".into()));
    }
    let replica = json!({ "sync_balance": "9", "min_sync_interval": 1, "sync_price": "1" });
    let refused = refused(context, "replica_params", replica, "not_accepting_replicas");
    refused.await.map(drop)
}

async fn no_owner(context: &Context) -> Checked {
    let mut request = offer(context).await?.request;
    request["owner"] = json!("5Grwva");
    context.post("/negotiate", &request).await?.has_status(422)
}

async fn price_missing(context: &Context) -> Checked {
    let mut request = offer(context).await?.request;
    if let Some(fields) = request.as_object_mut() {
        fields.remove("price_per_byte");
    }
    context.post("/negotiate", &request).await?.has_status(422)
}
