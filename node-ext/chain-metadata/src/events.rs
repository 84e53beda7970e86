//! The events of a block, matched by name: what became of challenges and checkpoints.
//!
//! All events of a block are one value. Each is decoded by the metadata, also those of other
//! pallets, since only that tells where the next one starts.

use crate::names::PALLET;
use crate::rows;
use crate::runtime::Runtime;
use crate::storage::StorageItem;
use crate::value::{Decoder, Mismatch, Value};
use cairn_chain::ChainError;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::SlashReason;
use cairn_primitives::onchain::Outcome;
use scale_info::TypeDef;

/// Reads the outcomes in a block's events.
pub(crate) fn outcomes(runtime: &Runtime, bytes: &[u8]) -> Result<Vec<Outcome>, ChainError> {
    let item = runtime.storage("System", "Events")?;
    read_events(runtime, item, bytes).map_err(|Mismatch(why)| item.undecodable(&item.prefix(), why))
}

fn read_events(
    runtime: &Runtime,
    item: StorageItem<'_>,
    bytes: &[u8],
) -> Result<Vec<Outcome>, Mismatch> {
    let record = record_type(runtime, item)?;
    let mut decoder = Decoder::new(runtime.metadata.types(), bytes);
    let failed = |place: u32, why: String| Mismatch(format!("event {place}: {why}"));
    let count = decoder
        .bounded_length()
        .map_err(|error| Mismatch(error.to_string()))?;
    let mut outcomes = Vec::new();
    for place in 0..count {
        let decoded = decoder.value(record);
        let decoded = decoded.map_err(|error| failed(place, error.to_string()))?;
        let read = decoded.field("event").and_then(outcome);
        outcomes.extend(read.map_err(|Mismatch(why)| failed(place, why))?);
    }
    match decoder.finish() {
        Ok(()) => Ok(outcomes),
        Err(error) => Err(Mismatch(error.to_string())),
    }
}

/// Returns the type of one record of `System.Events`.
pub(crate) fn record_type(runtime: &Runtime, item: StorageItem<'_>) -> Result<u32, Mismatch> {
    let events = runtime.metadata.types().resolve(item.value_type());
    match events.map(|events| &events.type_def) {
        Some(TypeDef::Sequence(records)) => Ok(records.type_param.id),
        _ => Err(Mismatch("System.Events is not a list".to_owned())),
    }
}

/// Returns the name and fields of an event of the storage pallet; `None` for one of another.
pub(crate) fn of_pallet<'e, 'a>(event: &'e Value<'a>) -> Option<(&'a str, &'e Value<'a>)> {
    match event {
        Value::Variant(PALLET, fields) => match fields.as_slice() {
            [(_, inner)] => Some((inner.variant().ok()?.0, inner)),
            _ => None,
        },
        _ => None,
    }
}

/// Reads the outcome that an event tells, if it tells one.
pub(crate) fn outcome(event: &Value<'_>) -> Result<Option<Outcome>, Mismatch> {
    let Some((name, fields)) = of_pallet(event) else {
        return Ok(None);
    };
    let read = match name {
        "ChallengeDefended" => Outcome::Defended {
            id: fields.read("challenge_id", rows::challenge_id)?,
            provider: fields.read("provider", rows::account)?,
        },
        "ChallengeSlashed" => Outcome::Slashed {
            id: fields.read("challenge_id", rows::challenge_id)?,
            provider: fields.read("provider", rows::account)?,
            reason: fields.get("reason").and_then(slash_reason),
        },
        "BucketCheckpointed" => Outcome::Checkpointed {
            bucket_id: fields.read("bucket_id", Value::number).map(BucketId)?,
            mmr_root: rows::committed_root(fields)?,
        },
        "ProviderCheckpointSubmitted" => Outcome::Checkpointed {
            bucket_id: fields.read("bucket_id", Value::number).map(BucketId)?,
            mmr_root: fields.read("mmr_root", rows::hash)?,
        },
        _ => return Ok(None),
    };
    Ok(Some(read))
}

/// Returns a reason that Cairn knows.
fn slash_reason(value: &Value<'_>) -> Option<SlashReason> {
    match value.variant().ok()?.0 {
        "Timeout" => Some(SlashReason::Timeout),
        "InvalidProof" => Some(SlashReason::InvalidProof),
        "InvalidDeletionClaim" => Some(SlashReason::InvalidDeletionClaim),
        "InvalidSupersededClaim" => Some(SlashReason::InvalidSupersededClaim),
        _ => None,
    }
}
