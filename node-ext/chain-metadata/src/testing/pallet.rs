//! The storage pallet of each variant: its storage, calls, events, errors and constants.

use super::types::Types;
use super::{
    CHALLENGE_PERIOD, CHECKPOINT_INDEX, Entry, Options, PROVIDER_CHECKPOINT_INDEX, RESPOND_INDEX,
    constant, map,
};
use frame_metadata::v15::{PalletConstantMetadata, StorageHasher};
use scale_info::form::PortableForm;

/// A variant of the pallet.
pub(super) struct StoragePallet {
    pub(super) storage: Vec<Entry>,
    pub(super) calls: u32,
    pub(super) events: u32,
    pub(super) errors: u32,
    pub(super) constants: Vec<PalletConstantMetadata<PortableForm>>,
    /// The type of a signature of any scheme.
    pub(super) signature: u32,
}

/// Types that several items share.
struct Shared {
    account: u32,
    hash: u32,
    byte: u32,
    bytes: u32,
    bool: u32,
    short: u32,
    number: u32,
    long: u32,
    balance: u32,
    signature: u32,
    commitment: u32,
    target: u32,
    challenge_id: u32,
}

impl Shared {
    fn new(types: &mut Types) -> Self {
        let (account, hash, byte) = (types.account(), types.hash(), types.u8());
        let (short, number, long) = (types.u16(), types.u32(), types.u64());
        let (of_64, of_65) = (types.array(byte, 64), types.array(byte, 65));
        Self {
            account,
            hash,
            byte,
            bytes: types.bounded(byte),
            bool: types.bool(),
            short,
            number,
            long,
            balance: types.u128(),
            signature: types.enumeration(vec![
                ("Ed25519", 0, vec![("", of_64)]),
                ("Sr25519", 1, vec![("", of_64)]),
                ("Ecdsa", 2, vec![("", of_65)]),
                ("Eth", 3, vec![("", of_65)]),
            ]),
            commitment: types.structure(&[
                ("mmr_root", hash),
                ("start_seq", long),
                ("leaf_count", long),
            ]),
            target: types.structure(&[("leaf_index", long), ("chunk_index", long)]),
            challenge_id: types.structure(&[("deadline", number), ("index", short)]),
        }
    }

    /// Returns the fields of a commitment: one, or all of them where they are flat.
    fn committed(&self, is_flat: bool) -> Vec<(&'static str, u32)> {
        match is_flat {
            false => vec![("commitment", self.commitment)],
            true => vec![
                ("mmr_root", self.hash),
                ("start_seq", self.long),
                ("leaf_count", self.long),
            ],
        }
    }
}

impl StoragePallet {
    pub(super) fn new(types: &mut Types, options: Options) -> Self {
        let shared = Shared::new(types);
        let settings = settings(types, &shared);
        Self {
            storage: storage(types, &shared, options, settings),
            calls: calls(types, &shared, options, settings),
            events: events(types, &shared, options),
            errors: errors(types, options),
            constants: constants(&shared, options),
            signature: shared.signature,
        }
    }
}

fn settings(types: &mut Types, shared: &Shared) -> u32 {
    let price = types.option(shared.balance);
    types.structure(&[
        ("min_duration", shared.number),
        ("max_duration", shared.number),
        ("price_per_byte", shared.balance),
        ("accepting_primary", shared.bool),
        ("replica_sync_price", price),
        ("accepting_extensions", shared.bool),
        ("max_capacity", shared.long),
    ])
}

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

fn storage(types: &mut Types, shared: &Shared, options: Options, settings: u32) -> Vec<Entry> {
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
    let role = types.enumeration(vec![
        ("Primary", 0, vec![]),
        ("Replica", 1, vec![("sync_balance", shared.balance)]),
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

fn calls(types: &mut Types, shared: &Shared, options: Options, settings: u32) -> u32 {
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

fn events(types: &mut Types, shared: &Shared, options: Options) -> u32 {
    let reason = types.enumeration(vec![
        ("Timeout", 0, vec![]),
        ("InvalidProof", 1, vec![]),
        ("InvalidDeletionClaim", 2, vec![]),
        ("InvalidSupersededClaim", 3, vec![]),
    ]);
    let accounts = types.sequence(shared.account);
    let id = [
        ("challenge_id", shared.challenge_id),
        ("provider", shared.account),
    ];
    let mut slashed = id.to_vec();
    slashed.extend([
        ("slashed_amount", shared.balance),
        ("challenger_reward", shared.balance),
    ]);
    if !options.is_deployed {
        slashed.push(("reason", reason));
    }
    let mut defended = id.to_vec();
    defended.push(("response_time_blocks", shared.number));
    let mut checkpointed = vec![("bucket_id", shared.long)];
    checkpointed.extend(shared.committed(options.is_deployed));
    checkpointed.push(("providers", accounts));
    types.enumeration(vec![
        ("ProviderRegistered", 3, vec![("provider", shared.account)]),
        ("BucketCheckpointed", 11, checkpointed),
        ("ChallengeDefended", 20, defended),
        ("ChallengeSlashed", 21, slashed),
    ])
}

fn errors(types: &mut Types, options: Options) -> u32 {
    let mut names = vec![
        "ChallengeNotFound",
        "NotChallengeProvider",
        "ChallengeExpired",
        "BucketNotFound",
    ];
    if options.is_deployed {
        names.push("InvalidChallengeProof");
    }
    let errors = names.into_iter().zip(0..);
    types.enumeration(errors.map(|(name, index)| (name, index, vec![])).collect())
}

fn constants(shared: &Shared, options: Options) -> Vec<PalletConstantMetadata<PortableForm>> {
    let mut all = vec![
        constant("MaxPrimaryProviders", shared.number, &5_u32),
        constant("MaxChunkSize", shared.number, &262_144_u32),
        constant("ChallengeTimeout", shared.number, &CHALLENGE_PERIOD),
        constant("RequestTimeout", shared.number, &3600_u32),
        constant("MinStakePerByte", shared.balance, &1_000_u128),
        constant(
            "MinProviderStake",
            shared.balance,
            &1_000_000_000_000_000_u128,
        ),
        constant("MaxMultiaddrLength", shared.number, &128_u32),
        constant("DeregisterAnnouncementPeriod", shared.number, &32_400_u32),
        constant("SettlementTimeout", shared.number, &14_400_u32),
    ];
    if !options.is_deployed {
        all.push(constant(
            "MaxChallengesPerDeadline",
            shared.short,
            &1000_u16,
        ));
        all.push(constant("AnchorBlockTimeMillis", shared.long, &6_000_u64));
    }
    if options.has_nonce {
        all.push(constant("MaxNonceAge", shared.number, &600_u32));
    }
    if options.is_deployed || options.has_nonce {
        all.push(constant(
            "DefaultCheckpointInterval",
            shared.number,
            &100_u32,
        ));
        all.push(constant("DefaultCheckpointGrace", shared.number, &20_u32));
    }
    all
}
