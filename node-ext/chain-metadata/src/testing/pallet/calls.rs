//! The pallet's calls with their arguments.

use super::super::types::Types;
use super::super::{CHECKPOINT_INDEX, Options, PROVIDER_CHECKPOINT_INDEX, RESPOND_INDEX};
use super::Shared;

pub(super) fn calls(types: &mut Types, shared: &Shared, options: Options, settings: u32) -> u32 {
    let bits = types.sequence(shared.bool);
    let hashes = types.sequence(shared.hash);
    let path = types.structure(&[("siblings", hashes), ("path", bits)]);
    let mut leaf = vec![("data_root", shared.hash), ("data_size", shared.long)];
    if options.has_chunk_range {
        leaf.push(("chunk_count", shared.long));
    }
    leaf.push(("total_size", shared.long));
    let leaf = types.structure(&leaf);
    let mmr_proof = types.structure(&[("peaks", hashes), ("leaf", leaf), ("leaf_proof", path)]);
    let mut deleted = vec![
        ("new_mmr_root", shared.hash),
        ("new_start_seq", shared.long),
    ];
    if options.has_nonce {
        deleted.push(("nonce", shared.long));
    }
    deleted.extend([
        ("admin", shared.account),
        ("admin_signature", shared.signature),
    ]);
    let mut answers = vec![
        (
            "Proof",
            0,
            vec![
                ("chunk_data", shared.bytes),
                ("mmr_proof", mmr_proof),
                ("chunk_proof", path),
            ],
        ),
        ("Deleted", 1, deleted),
        ("Superseded", 2, vec![]),
    ];
    if options.has_chunk_range {
        answers.push(("ChunkOutOfRange", 3, vec![("mmr_proof", mmr_proof)]));
    }
    let response = types.enumeration(answers);
    let pair = types.tuple(&[shared.account, shared.signature]);
    let signatures = types.bounded(pair);

    let mut checkpoint = vec![("bucket_id", shared.long)];
    checkpoint.extend(shared.committed(options.is_deployed));
    let mut offchain = vec![("bucket_id", shared.long), ("provider", shared.account)];
    offchain.extend(shared.committed(options.is_deployed));
    if options.has_nonce {
        checkpoint.push(("nonce", shared.long));
        offchain.push(("nonce", shared.long));
    }
    if options.names_agreements {
        checkpoint.push(("agreement_id", shared.long));
    }
    checkpoint.push(("signatures", signatures));
    match options.is_deployed {
        true => offchain.extend([("leaf_index", shared.long), ("chunk_index", shared.long)]),
        false => offchain.push(("target", shared.target)),
    }
    offchain.push(("provider_signature", shared.signature));

    let mut calls = vec![
        (
            "register_provider",
            0,
            vec![
                ("multiaddr", shared.bytes),
                ("public_key", shared.bytes),
                ("stake", shared.balance),
            ],
        ),
        ("add_stake", 1, vec![("amount", shared.balance)]),
        ("deregister_provider", 2, vec![]),
        ("update_provider_settings", 3, vec![("settings", settings)]),
        (
            "set_extensions_blocked",
            4,
            vec![("bucket_id", shared.long), ("blocked", shared.bool)],
        ),
        (
            "update_provider_multiaddr",
            5,
            vec![("multiaddr", shared.bytes)],
        ),
        ("complete_deregister", 6, vec![]),
        ("cancel_deregister", 7, vec![]),
        (
            "claim_expired_agreement",
            26,
            vec![("bucket_id", shared.long)],
        ),
        ("checkpoint", CHECKPOINT_INDEX, checkpoint),
        (
            "respond_to_challenge",
            RESPOND_INDEX,
            vec![
                ("challenge_id", shared.challenge_id),
                ("response", response),
            ],
        ),
        ("challenge_offchain", 42, offchain),
    ];
    let root = types.option(shared.hash);
    let roots = types.array(root, 7);
    calls.push((
        "confirm_replica_sync",
        50,
        vec![
            ("bucket_id", shared.long),
            ("roots", roots),
            ("signature", shared.signature),
        ],
    ));
    let mut establish = vec![
        ("provider", shared.account),
        ("terms", terms(types, shared, options)),
        ("sig", shared.signature),
    ];
    if !options.is_deployed && !options.has_nonce {
        let visibility = types.enumeration(vec![("Public", 0, vec![]), ("Private", 1, vec![])]);
        establish.push(("visibility", visibility));
    }
    calls.push(("establish_storage_agreement", 17, establish));
    if options.is_deployed || options.has_nonce {
        calls.push((
            "provider_checkpoint",
            PROVIDER_CHECKPOINT_INDEX,
            vec![
                ("bucket_id", shared.long),
                ("mmr_root", shared.hash),
                ("start_seq", shared.long),
                ("leaf_count", shared.long),
                ("window", shared.long),
                ("signatures", signatures),
            ],
        ));
    }
    types.enumeration(calls)
}

fn terms(types: &mut Types, shared: &Shared, options: Options) -> u32 {
    let replica = types.structure(&[
        ("sync_balance", shared.balance),
        ("min_sync_interval", shared.number),
        ("sync_price", shared.balance),
    ]);
    let replica = types.option(replica);
    let bucket = match options.is_deployed {
        true => ("bucket_id", types.option(shared.long)),
        false => (
            "bucket",
            types.enumeration(vec![
                ("New", 0, vec![]),
                ("Existing", 1, vec![("", shared.long)]),
            ]),
        ),
    };
    let mut fields = vec![
        ("owner", shared.account),
        ("max_bytes", shared.long),
        ("duration", shared.number),
        ("price_per_byte", shared.balance),
        ("valid_until", shared.number),
        ("nonce", shared.long),
        bucket,
        ("replica_params", replica),
    ];
    if options.swaps_terms {
        fields.swap(2, 4);
    }
    types.structure(&fields)
}
