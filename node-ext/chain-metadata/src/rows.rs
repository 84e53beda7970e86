//! Rows of the storage pallet, read by the names of their fields.
//!
//! Variants differ in layout and nesting. Where a value has two places, both are tried; a
//! field that is in neither is an error.

use crate::value::{Mismatch, Value};
use cairn_chain::{LastSync, ReplicaAgreement};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation, Role};
use cairn_primitives::checkpoint::{BucketSnapshot, MAX_SIGNER_BYTES, REPLICA_PRIMES};
use cairn_primitives::onchain::{
    Agreement, OpenChallenge, ProviderInfo, ProviderSettings, RegisteredKey,
};
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, H256, LeafCount, LeafIndex, MAX_LEAF_COUNT, Sequence,
};

/// The fields of a challenge that Cairn knows.
pub(crate) const CHALLENGE_FIELDS: [&str; 12] = [
    "bucket_id",
    "provider",
    "challenger",
    "mmr_root",
    "start_seq",
    "leaf_count",
    "commitment",
    "target",
    "leaf_index",
    "chunk_index",
    "deposit",
    "authorized",
];

/// A bucket's row, without what other items say of its providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketRow {
    pub(crate) members: Vec<(AccountId, Role)>,
    pub(crate) min_providers: u32,
    pub(crate) primary_providers: Vec<AccountId>,
    pub(crate) frozen_start_seq: Option<Sequence>,
    pub(crate) snapshot: Option<BucketSnapshot>,
    pub(crate) historical_roots: Vec<(u32, u32, H256)>,
}

/// Reads an account.
pub(crate) fn account(value: &Value<'_>) -> Result<AccountId, Mismatch> {
    value.array().map(AccountId)
}

pub(crate) fn hash(value: &Value<'_>) -> Result<H256, Mismatch> {
    value.array().map(H256)
}

/// Reads a number of 32 bits.
pub(crate) fn number_32(value: &Value<'_>) -> Result<u32, Mismatch> {
    value.number()
}

/// Reads a number of 64 bits.
pub(crate) fn number_64(value: &Value<'_>) -> Result<u64, Mismatch> {
    value.number()
}

fn sequence(value: &Value<'_>) -> Result<Sequence, Mismatch> {
    value.number().map(Sequence)
}

/// Reads a challenge's id.
pub(crate) fn challenge_id(value: &Value<'_>) -> Result<ChallengeId, Mismatch> {
    Ok(ChallengeId {
        deadline: value.read("deadline", Value::number)?,
        index: value.read("index", Value::number)?,
    })
}

/// Reads a challenge, which was opened at about `asked_at`.
pub(crate) fn challenge(
    value: &Value<'_>,
    id: ChallengeId,
    asked_at: u32,
) -> Result<OpenChallenge, Mismatch> {
    let committed = value.get("commitment").unwrap_or(value);
    let target = value.get("target").unwrap_or(value);
    let leaf_count = match committed.get("leaf_count") {
        Some(count) => Some(count.number::<u64>()?),
        None => None,
    };
    let bucket_id = value.read("bucket_id", Value::number).map(BucketId)?;
    if leaf_count.is_some_and(|count| LeafCount::new(count).is_none()) {
        tracing::error!(
            bucket = %bucket_id, deadline = id.deadline, index = id.index,
            "a challenge names more leaves than a tree can have, and is answered by its root alone"
        );
    }
    Ok(OpenChallenge {
        id,
        bucket_id,
        provider: value.read("provider", account)?,
        challenger: value.read("challenger", account)?,
        mmr_root: committed.read("mmr_root", hash)?,
        start_seq: committed.read("start_seq", sequence)?,
        leaf_count: leaf_count.and_then(LeafCount::new),
        location: ChunkLocation {
            leaf_index: target.read("leaf_index", Value::number).map(LeafIndex)?,
            chunk_index: target.read("chunk_index", Value::number).map(ChunkIndex)?,
        },
        asked_at,
    })
}

/// Reads a commitment, whose fields may be among those of its struct.
///
/// The chain checks no leaf count, so a bucket's own writer can checkpoint any. More leaves than a
/// tree can have are read as the most that it can have: the row is needed for its other fields.
pub(crate) fn commitment(value: &Value<'_>) -> Result<Commitment, Mismatch> {
    let committed = value.get("commitment").unwrap_or(value);
    let count = committed.read("leaf_count", Value::number::<u64>)?;
    let leaf_count = LeafCount::new(count.min(MAX_LEAF_COUNT));
    Ok(Commitment {
        mmr_root: committed_root(value)?,
        start_seq: committed.read("start_seq", sequence)?,
        leaf_count: leaf_count
            .ok_or_else(|| Mismatch(format!("{count} leaves are more than a tree can have")))?,
    })
}

/// Reads the root of a commitment, whose fields may be among those of its struct.
pub(crate) fn committed_root(value: &Value<'_>) -> Result<H256, Mismatch> {
    let committed = value.get("commitment").unwrap_or(value);
    committed.read("mmr_root", hash)
}

fn snapshot(value: &Value<'_>) -> Result<BucketSnapshot, Mismatch> {
    let primary_signers = value.read("primary_signers", Value::bytes)?.to_vec();
    if primary_signers.len() > MAX_SIGNER_BYTES {
        return Err(Mismatch(format!(
            "{} bytes of signer bits",
            primary_signers.len()
        )));
    }
    Ok(BucketSnapshot {
        commitment: commitment(value)?,
        checkpoint_block: value.read("checkpoint_block", Value::number)?,
        primary_signers,
    })
}

fn role(value: &Value<'_>) -> Result<Role, Mismatch> {
    match value.variant()?.0 {
        "Admin" => Ok(Role::Admin),
        "Writer" => Ok(Role::Writer),
        "Reader" => Ok(Role::Reader),
        other => Err(Mismatch(format!("an unknown role `{other}`"))),
    }
}

fn member(value: &Value<'_>) -> Result<(AccountId, Role), Mismatch> {
    Ok((value.read("account", account)?, value.read("role", role)?))
}

fn optional<T>(
    value: &Value<'_>,
    read: impl FnOnce(&Value<'_>) -> Result<T, Mismatch>,
) -> Result<Option<T>, Mismatch> {
    value.option()?.map(read).transpose()
}

/// Reads the roots of the last quotients. Their places are those of the primes, and a zero
/// root marks a quotient without a checkpoint.
fn historical_roots(value: &Value<'_>) -> Result<Vec<(u32, u32, H256)>, Mismatch> {
    let kept = value.list()?;
    if kept.len() != REPLICA_PRIMES.len() {
        return Err(Mismatch(format!(
            "{} historical roots instead of {}",
            kept.len(),
            REPLICA_PRIMES.len()
        )));
    }
    let mut roots = Vec::new();
    for (prime, entry) in REPLICA_PRIMES.into_iter().zip(kept) {
        let [(_, quotient), (_, root)] = entry.fields()? else {
            return Err(Mismatch("a historical root of another form".to_owned()));
        };
        let (quotient, root) = (quotient.number()?, hash(root)?);
        if !root.is_zero() {
            roots.push((prime, quotient, root));
        }
    }
    Ok(roots)
}

/// Reads a bucket.
pub(crate) fn bucket(value: &Value<'_>) -> Result<BucketRow, Mismatch> {
    Ok(BucketRow {
        members: value.read("members", |members| members.each(member))?,
        min_providers: value.read("min_providers", Value::number)?,
        primary_providers: value.read("primary_providers", |all| all.each(account))?,
        frozen_start_seq: value.read("frozen_start_seq", |frozen| optional(frozen, sequence))?,
        snapshot: value.read("snapshot", |last| optional(last, snapshot))?,
        historical_roots: value.read("historical_roots", historical_roots)?,
    })
}

/// Reads an agreement.
pub(crate) fn agreement(value: &Value<'_>) -> Result<Agreement, Mismatch> {
    let is_replica = |role: &Value<'_>| match role.variant()?.0 {
        "Primary" => Ok(false),
        "Replica" => Ok(true),
        other => Err(Mismatch(format!("an unknown role `{other}`"))),
    };
    Ok(Agreement {
        owner: value.read("owner", account)?,
        max_bytes: value.read("max_bytes", Value::number)?,
        expires_at: value.read("expires_at", Value::number)?,
        is_replica: value.read("role", is_replica)?,
    })
}

/// Reads an agreement as a replica; `None` for one as a primary provider.
pub(crate) fn replica_agreement(value: &Value<'_>) -> Result<Option<ReplicaAgreement>, Mismatch> {
    let role = value.field("role")?;
    match role.variant()?.0 {
        "Primary" => return Ok(None),
        "Replica" => {}
        other => return Err(Mismatch(format!("an unknown role `{other}`"))),
    }
    Ok(Some(ReplicaAgreement {
        max_bytes: value.read("max_bytes", Value::number)?,
        expires_at: value.read("expires_at", Value::number)?,
        sync_balance: role.read("sync_balance", Value::number)?,
        sync_price: role.read("sync_price", Value::number)?,
        min_sync_interval: role.read("min_sync_interval", Value::number)?,
        last_sync: role.read("last_sync", |last| optional(last, last_sync))?,
    }))
}

/// Reads a record of a confirmation. Older chains keep the root and the block alone.
fn last_sync(value: &Value<'_>) -> Result<LastSync, Mismatch> {
    match value.fields()? {
        [("", root), ("", block)] => Ok(LastSync::of_root(hash(root)?, block.number()?)),
        _ => Ok(LastSync {
            commitment: commitment(value)?,
            block: value.read("block", Value::number)?,
        }),
    }
}

fn settings(value: &Value<'_>) -> Result<ProviderSettings, Mismatch> {
    Ok(ProviderSettings {
        min_duration: value.read("min_duration", Value::number)?,
        max_duration: value.read("max_duration", Value::number)?,
        price_per_byte: value.read("price_per_byte", Value::number)?,
        accepting_primary: value.read("accepting_primary", Value::bool)?,
        replica_sync_price: value.read("replica_sync_price", |price| {
            optional(price, |price| price.number())
        })?,
        accepting_extensions: value.read("accepting_extensions", Value::bool)?,
        max_capacity: value.read("max_capacity", Value::number)?,
    })
}

/// Reads the challenges that a provider has defended. A single counter counts challenges when
/// they are created; one for each kind of challenger counts those that were defended.
fn defended(stats: &Value<'_>, lost: u64, pending: u32) -> Result<u64, Mismatch> {
    if let Some(received) = stats.get("challenges_received") {
        let received: u64 = received.number()?;
        return Ok(received.saturating_sub(lost).saturating_sub(pending.into()));
    }
    let by_authorized: u64 = stats.read("challenges_received_authorized", Value::number)?;
    let by_public: u64 = stats.read("challenges_received_public", Value::number)?;
    Ok(by_authorized.saturating_add(by_public))
}

/// Returns the registered key and endpoint of a provider.
pub(crate) fn key_and_endpoint(value: &Value<'_>) -> Result<(RegisteredKey, Vec<u8>), Mismatch> {
    Ok((
        RegisteredKey(value.read("public_key", Value::bytes)?.to_vec()),
        value.read("multiaddr", Value::bytes)?.to_vec(),
    ))
}

/// Reads a provider, against which `pending` challenges are open.
pub(crate) fn provider(value: &Value<'_>, pending: u32) -> Result<ProviderInfo, Mismatch> {
    let (key, endpoint) = key_and_endpoint(value)?;
    let stats = value.field("stats")?;
    let lost = stats.read("challenges_failed", Value::number::<u64>)?;
    Ok(ProviderInfo {
        key,
        endpoint,
        stake: value.read("stake", Value::number)?,
        committed_bytes: value.read("committed_bytes", Value::number)?,
        settings: value.read("settings", settings)?,
        defended: defended(stats, lost, pending)?,
        lost,
        deregister_at: value.read("deregister_at", |at| optional(at, number_32))?,
    })
}

/// Reads the anchor block at which a provider was registered.
pub(crate) fn registered_at(value: &Value<'_>) -> Result<u32, Mismatch> {
    value.field("stats")?.read("registered_at", Value::number)
}

/// Returns the anchor block at which a row of an item says that something happened, if it says so.
pub(crate) fn happened_at(item: &str, value: &Value<'_>) -> Option<u32> {
    match item {
        "Providers" => registered_at(value).ok(),
        "StorageAgreements" => value.read("started_at", number_32).ok(),
        "Buckets" => {
            let snapshot = value.field("snapshot").ok()?.option().ok()??;
            snapshot.read("checkpoint_block", number_32).ok()
        }
        _ => None,
    }
}

/// Reads a bucket's window: its interval and grace period, or nothing if it is off.
pub(crate) fn window(value: &Value<'_>) -> Result<Option<(u32, u32)>, Mismatch> {
    let interval = value.read("interval", Value::number)?;
    let grace = value.read("grace_period", Value::number)?;
    Ok(value
        .read("enabled", Value::bool)?
        .then_some((interval, grace)))
}
