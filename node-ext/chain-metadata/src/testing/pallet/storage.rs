//! The pallet's storage: items with their hashers and layouts.

use super::super::types::Types;
use super::super::{Entry, Options, map};
use super::Shared;
use frame_metadata::v15::StorageHasher;

fn challenge(types: &mut Types, shared: &Shared, options: Options) -> u32 {
    let mut fields = vec![
        ("bucket_id", shared.long),
        ("provider", shared.account),
        ("challenger", shared.account),
        ("mmr_root", shared.hash),
        ("start_seq", shared.long),
    ];
    if options.binds_leaves {
        fields.push(("leaf_count", shared.long));
    }
    match options.is_deployed {
        true => fields.extend([("leaf_index", shared.long), ("chunk_index", shared.long)]),
        false => fields.push(("target", shared.target)),
    }
    fields.push(("deposit", shared.balance));
    if !options.is_deployed && !options.has_nonce {
        fields.push(("authorized", shared.bool));
    }
    if options.has_unknown_field {
        fields.push(("mood", shared.byte));
    }
    types.structure(&fields)
}

fn bucket(types: &mut Types, shared: &Shared, options: Options) -> u32 {
    let role = types.enumeration(vec![
        ("Admin", 0, vec![]),
        ("Writer", 1, vec![]),
        ("Reader", 2, vec![]),
    ]);
    let member = types.structure(&[("account", shared.account), ("role", role)]);
    let members = types.bounded(member);
    let primaries = types.bounded(shared.account);
    let signers = types.sequence(shared.byte);
    let mut snapshot = shared.committed(options.is_deployed);
    snapshot.extend([
        ("checkpoint_block", shared.number),
        ("primary_signers", signers),
    ]);
    if options.has_nonce {
        snapshot.push(("commitment_nonce", shared.long));
    }
    let snapshot = types.structure(&snapshot);
    let snapshot = types.option(snapshot);
    let frozen = types.option(shared.long);
    let root = types.tuple(&[shared.number, shared.hash]);
    let roots = types.array(root, 6);
    let mut fields = vec![("members", members)];
    if !options.is_deployed && !options.has_nonce {
        let visibility = types.enumeration(vec![("Public", 0, vec![]), ("Private", 1, vec![])]);
        fields.push(("visibility", visibility));
    }
    fields.extend([
        ("frozen_start_seq", frozen),
        ("min_providers", shared.number),
        ("primary_providers", primaries),
        ("snapshot", snapshot),
        ("historical_roots", roots),
        ("total_snapshots", shared.number),
    ]);
    types.structure(&fields)
}

pub(super) fn storage(
    types: &mut Types,
    shared: &Shared,
    options: Options,
    settings: u32,
) -> Vec<Entry> {
    use StorageHasher::{Blake2_128, Blake2_128Concat, Twox64Concat};
    let is_old = options.is_deployed || options.has_nonce;
    let mut stats = vec![
        ("registered_at", shared.number),
        ("agreements_total", shared.number),
        ("total_bytes_committed", shared.long),
    ];
    match is_old {
        true => stats.push(("challenges_received", shared.number)),
        false => stats.extend([
            ("challenges_received_authorized", shared.number),
            ("challenges_received_public", shared.number),
        ]),
    }
    stats.push(("challenges_failed", shared.number));
    if !is_old {
        stats.push(("lifetime_revenue", shared.balance));
    }
    let stats = types.structure(&stats);
    let deregister_at = types.option(shared.number);
    let provider = types.structure(&[
        ("multiaddr", shared.bytes),
        ("public_key", shared.bytes),
        ("stake", shared.balance),
        ("committed_bytes", shared.long),
        ("settings", settings),
        ("stats", stats),
        ("deregister_at", deregister_at),
    ]);
    let last_sync = match options.is_deployed {
        true => types.tuple(&[shared.hash, shared.number]),
        false => {
            let committed = types.structure(&[
                ("mmr_root", shared.hash),
                ("start_seq", shared.long),
                ("leaf_count", shared.long),
            ]);
            types.structure(&[("commitment", committed), ("block", shared.number)])
        }
    };
    let last_sync = types.option(last_sync);
    let role = types.enumeration(vec![
        ("Primary", 0, vec![]),
        (
            "Replica",
            1,
            vec![
                ("sync_balance", shared.balance),
                ("sync_price", shared.balance),
                ("min_sync_interval", shared.number),
                ("last_sync", last_sync),
            ],
        ),
    ]);
    let agreement = types.structure(&[
        ("owner", shared.account),
        ("max_bytes", shared.long),
        ("payment_locked", shared.balance),
        ("price_per_byte", shared.balance),
        ("expires_at", shared.number),
        ("extensions_blocked", shared.bool),
        ("role", role),
        ("started_at", shared.number),
    ]);
    let bitmap = types.array(shared.byte, 32);
    let replay = types.structure(&[("hsn", shared.long), ("bitmap", bitmap)]);
    let challenge = challenge(types, shared, options);
    let first = match options.hides_keys {
        true => Blake2_128,
        false => Blake2_128Concat,
    };
    let by_deadline = types.tuple(&[shared.number, shared.short]);
    let by_bucket = types.tuple(&[shared.long, shared.account]);
    let one = || vec![Blake2_128Concat];
    let two = || vec![Blake2_128Concat, Blake2_128Concat];
    let mut entries = vec![
        map("Providers", one(), shared.account, provider),
        map(
            "Buckets",
            one(),
            shared.long,
            bucket(types, shared, options),
        ),
        map("StorageAgreements", two(), by_bucket, agreement),
        map("ProviderReplayStates", one(), shared.account, replay),
    ];
    match options.is_deployed {
        true => {
            let list = types.sequence(challenge);
            entries.push(map("Challenges", vec![first], shared.number, list));
        }
        false => {
            let hashers = vec![first, Twox64Concat];
            entries.push(map("Challenges", hashers, by_deadline, challenge));
            entries.push(map(
                "PendingChallenges",
                one(),
                shared.account,
                shared.number,
            ));
        }
    }
    if is_old {
        let config = types.structure(&[
            ("interval", shared.number),
            ("grace_period", shared.number),
            ("enabled", shared.bool),
        ]);
        entries.push(map("CheckpointConfigs", one(), shared.long, config));
        entries.push(map("LastCheckpointWindow", one(), shared.long, shared.long));
    }
    entries
}
