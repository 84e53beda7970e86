//! The storage pallet of each variant: its storage, calls, events, errors and constants.

mod calls;
mod storage;

use super::types::Types;
use super::{CHALLENGE_PERIOD, Entry, Options, constant};
use frame_metadata::v15::PalletConstantMetadata;
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
            storage: storage::storage(types, &shared, options, settings),
            calls: calls::calls(types, &shared, options, settings),
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
