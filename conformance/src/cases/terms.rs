//! `/negotiate`: the provider signs terms of an agreement at its listed price.

use crate::case::cases;
use crate::client::Answer;
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{field, flag, number, short, text};
use crate::outcome::{Checked, Ended, ensure, failed};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::terms::{AgreementTerms, BucketTarget};
use serde_json::{Value, json};
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;

cases! { Routes;
    "terms.accepted", "terms are signed for everybody who asks for what the record on chain offers", [] => accepted;
    "terms.signature", "the signature is over the context and the terms in SCALE, hashed", [] => signature;
    "terms.no-prefix", "the signature has no 0x, which Rust clients refuse", [] => no_prefix;
    "terms.price", "the price is the listed one, also where more is offered", [] => price;
    "terms.nonce", "each answer has a nonce of its own", [] => nonce;
    "terms.text-numbers", "max_bytes and price_per_byte may be decimal texts", [] => text_numbers;
    "terms.many", "one owner may have any number of signed terms (six are tried)", [] => many;
    "terms.echo", "the other terms are those that were asked for", [] => echo;
}

/// The offer of the provider's record on chain.
pub(super) struct Offer {
    pub(super) price: u128,
    pub(super) request: Value,
    pub(super) settings: Value,
}

/// Reads a number that may be a decimal text.
fn either(value: &Value, name: &str) -> Checked<u128> {
    let found = field(value, name)?;
    let number = match found {
        Value::String(text) => text.parse().ok(),
        // `serde_json` keeps larger ones as floating-point numbers.
        other => other.as_u64().map(u128::from),
    };
    number.map_or_else(|| failed(format!("`{name}` is no number: {found}")), Ok)
}

/// Returns the offer of a provider that accepts primary agreements.
pub(super) async fn offer(context: &Context) -> Checked<Offer> {
    let info = context.get("/info").await?.ok()?;
    let settings = info["provider_registration_info"]["settings"].clone();
    if settings.is_null() {
        return Err(Ended::Skipped("the provider has no record on chain".into()));
    }
    if !flag(&settings, "accepting_primary")? {
        return Err(Ended::Skipped(
            "the record accepts no primary agreements".into(),
        ));
    }
    let price = either(&settings, "price_per_byte")?;
    let duration = number(&settings, "min_duration")?.max(100);
    let duration = duration.min(number(&settings, "max_duration")?.max(1));
    let request = json!({
        // Anyone may ask for anyone's terms, which only their owner can redeem.
        "owner": context.new_owner(),
        "max_bytes": 1_048_576,
        "duration": duration,
        "price_per_byte": price.to_string(),
        "bucket_id": null,
        "replica_params": null,
    });
    Ok(Offer {
        price,
        request,
        settings,
    })
}

/// Asks for terms. A provider that is not ready, or whose operator grants nothing, ends the case.
pub(super) async fn ask(context: &Context, request: &Value) -> Checked<Answer> {
    let answer = context.post("/negotiate", request).await?;
    let code = || answer.json().map(|body| body["error"].to_string());
    if answer.status == 503 {
        let code = code()?;
        return Err(Ended::Skipped(format!("the provider is not ready: {code}")));
    }
    if answer.is(422, "not_accepting_primary") {
        return Err(Ended::Skipped("the operator signs no terms".into()));
    }
    Ok(answer)
}

async fn signed(context: &Context, request: &Value) -> Checked<Value> {
    let answer = ask(context, request).await?.ok()?;
    field(&answer, "terms")?;
    Ok(answer)
}

async fn accepted(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let answer = context.post("/negotiate", &offer.request).await?;
    if answer.is(422, "not_accepting_primary") {
        return Err(Ended::Differs(Difference::TermsPolicy));
    }
    ask(context, &offer.request).await?.ok().map(drop)
}

fn small(value: u64, name: &str) -> Checked<u32> {
    let small = u32::try_from(value);
    small.or_else(|_| failed(format!("`{name}` is too large: {value}")))
}

/// Returns terms as the chain reads them.
fn terms_of(answer: &Value) -> Checked<AgreementTerms> {
    let terms = field(answer, "terms")?;
    let owner = sr25519::Public::from_ss58check(text(terms, "owner")?);
    let Ok(owner) = owner else {
        return failed(format!("the owner is no address: {}", short(terms)));
    };
    ensure!(terms["replica_params"].is_null(), "{}", short(terms));
    let bucket = match terms["bucket_id"].as_u64() {
        None => BucketTarget::New,
        Some(id) => BucketTarget::Existing(cairn_primitives::BucketId(id)),
    };
    let bytes = either(terms, "max_bytes")?;
    let Ok(max_bytes) = u64::try_from(bytes) else {
        return failed(format!("`max_bytes` is too large: {bytes}"));
    };
    let nonce = either(terms, "nonce")?;
    Ok(AgreementTerms {
        owner: AccountId(owner.0),
        max_bytes,
        duration: small(number(terms, "duration")?, "duration")?,
        price_per_byte: either(terms, "price_per_byte")?,
        valid_until: small(number(terms, "valid_until")?, "valid_until")?,
        nonce: u64::try_from(nonce).or_else(|_| failed("`nonce` is too large"))?,
        bucket,
        replica: None,
    })
}

async fn signature(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let answer = signed(context, &offer.request).await?;
    let hash = terms_of(&answer)?.signing_hash();
    let digits = text(&answer, "signature")?.trim_start_matches("0x");
    context.check_signature(digits, hash.as_bytes()).await
}

async fn no_prefix(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let answer = signed(context, &offer.request).await?;
    let signature = text(&answer, "signature")?;
    ensure!(hex::decode(signature).is_ok(), "{signature:?}");
    Ok(())
}

async fn price(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let mut request = offer.request;
    request["price_per_byte"] = json!(offer.price.saturating_add(2).to_string());
    let terms = terms_of(&signed(context, &request).await?)?;
    ensure!(
        terms.price_per_byte == offer.price,
        "{} is not {}",
        terms.price_per_byte,
        offer.price
    );
    Ok(())
}

async fn nonce(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let first = terms_of(&signed(context, &offer.request).await?)?;
    let second = terms_of(&signed(context, &offer.request).await?)?;
    ensure!(first.nonce != second.nonce, "{} twice", first.nonce);
    Ok(())
}

async fn many(context: &Context) -> Checked {
    let offer = offer(context).await?;
    signed(context, &offer.request).await?;
    for _ in 0..5 {
        let answer = context.post("/negotiate", &offer.request).await?;
        if answer.is(503, "nonce_counter_unavailable") {
            return Err(Ended::Differs(Difference::OwnerLimit));
        }
        answer.ok()?;
    }
    Ok(())
}

async fn text_numbers(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let mut request = offer.request;
    request["max_bytes"] = json!("1048576");
    signed(context, &request).await?;
    // A price that is listed is far below 2^64 on any chain.
    let Ok(price) = u64::try_from(offer.price) else {
        return Err(Ended::Skipped("the price is no 64-bit number".into()));
    };
    request["max_bytes"] = json!(1_048_576);
    request["price_per_byte"] = json!(price);
    signed(context, &request).await.map(drop)
}

async fn echo(context: &Context) -> Checked {
    let offer = offer(context).await?;
    let terms = terms_of(&signed(context, &offer.request).await?)?;
    let owner = sr25519::Public::from_raw(terms.owner.0).to_ss58check();
    ensure!(offer.request["owner"] == owner, "another owner: {owner}");
    ensure!(terms.max_bytes == 1_048_576, "{} bytes", terms.max_bytes);
    ensure!(
        offer.request["duration"] == terms.duration,
        "{} blocks",
        terms.duration
    );
    ensure!(terms.bucket == BucketTarget::New, "{:?}", terms.bucket);
    Ok(())
}
