//! A provider's call as an operator reads it before it is signed: by the chain's names, with
//! every argument.

use crate::amount::Token;
use cairn_chain::{ProviderCall, RegistrationRules};
use cairn_primitives::onchain::ProviderSettings;

/// Milliseconds in a minute, an hour and a day.
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns the name of a call on chain.
pub const fn call_name(call: &ProviderCall) -> &'static str {
    match call {
        ProviderCall::Register { .. } => "register_provider",
        ProviderCall::AddStake(_) => "add_stake",
        ProviderCall::UpdateSettings(_) => "update_provider_settings",
        ProviderCall::UpdateMultiaddr(_) => "update_provider_multiaddr",
        ProviderCall::AnnounceDeregister => "deregister_provider",
        ProviderCall::CompleteDeregister => "complete_deregister",
        ProviderCall::CancelDeregister => "cancel_deregister",
        ProviderCall::ClaimExpiredAgreement(_) => "claim_expired_agreement",
        ProviderCall::SetExtensionsBlocked { .. } => "set_extensions_blocked",
    }
}

/// Returns a call's arguments, in the chain's order: each with its name and value.
pub fn call_arguments(
    call: &ProviderCall,
    token: &Token,
    rules: &RegistrationRules,
) -> Vec<(&'static str, String)> {
    match call {
        ProviderCall::Register {
            multiaddr,
            public_key,
            stake,
        } => vec![
            ("multiaddr", multiaddr.clone()),
            ("public_key", format!("0x{}", hex::encode(&public_key.0))),
            ("stake", token.format_both(*stake)),
        ],
        ProviderCall::AddStake(amount) => vec![("amount", token.format_both(*amount))],
        ProviderCall::UpdateSettings(settings) => setting_values(settings, token, rules),
        ProviderCall::UpdateMultiaddr(multiaddr) => vec![("multiaddr", multiaddr.clone())],
        ProviderCall::AnnounceDeregister
        | ProviderCall::CompleteDeregister
        | ProviderCall::CancelDeregister => vec![],
        ProviderCall::ClaimExpiredAgreement(bucket) => vec![("bucket_id", bucket.to_string())],
        ProviderCall::SetExtensionsBlocked { bucket, blocked } => vec![
            ("bucket_id", bucket.to_string()),
            ("blocked", blocked.to_string()),
        ],
    }
}

/// Returns settings by the chain's names.
pub fn setting_values(
    settings: &ProviderSettings,
    token: &Token,
    rules: &RegistrationRules,
) -> Vec<(&'static str, String)> {
    let sync_price = match settings.replica_sync_price {
        Some(price) => token.format_both(price),
        None => "none: no replica".to_owned(),
    };
    let capacity = match settings.max_capacity {
        0 => "0: no bound".to_owned(),
        bytes => format!("{bytes} bytes"),
    };
    vec![
        ("min_duration", span(settings.min_duration, rules)),
        ("max_duration", span(settings.max_duration, rules)),
        (
            "price_per_byte",
            format!(
                "{} for each anchor block",
                token.format_both(settings.price_per_byte)
            ),
        ),
        ("accepting_primary", settings.accepting_primary.to_string()),
        ("replica_sync_price", sync_price),
        (
            "accepting_extensions",
            settings.accepting_extensions.to_string(),
        ),
        ("max_capacity", capacity),
    ]
}

/// Returns a number of anchor blocks with about the time that they take, if the chain tells
/// how long one is.
pub fn span(blocks: u32, rules: &RegistrationRules) -> String {
    let millis = rules
        .anchor_block_millis
        .and_then(|each| each.checked_mul(blocks.into()));
    let about = |unit: u64, name| {
        let count = millis?.checked_div(unit)?;
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{blocks} anchor blocks, about {count} {name}{plural}"))
    };
    about(DAY, "day")
        .or_else(|| about(HOUR, "hour"))
        .or_else(|| about(MINUTE, "minute"))
        .unwrap_or_else(|| format!("{blocks} anchor blocks"))
}

/// Returns a count with its noun.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
