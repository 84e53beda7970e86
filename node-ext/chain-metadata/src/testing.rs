//! Metadata of runtimes for tests, written from the notes on the real chain's face and not
//! from any pallet's source: a second source for the metadata of our own runtimes.

mod pallet;
mod types;

use codec::Encode;
use frame_metadata::v15::{
    CustomMetadata, ExtrinsicMetadata, OuterEnums, PalletCallMetadata, PalletConstantMetadata,
    PalletErrorMetadata, PalletEventMetadata, PalletMetadata, PalletStorageMetadata,
    RuntimeApiMetadata, RuntimeApiMethodMetadata, RuntimeApiMethodParamMetadata,
    RuntimeMetadataV15, SignedExtensionMetadata, StorageEntryMetadata, StorageEntryModifier,
    StorageEntryType, StorageHasher,
};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use pallet::StoragePallet;
use scale_info::form::PortableForm;
use types::Types;

/// The pallet's index.
pub const PALLET_INDEX: u8 = 50;
/// The index of `respond_to_challenge`.
pub const RESPOND_INDEX: u8 = 41;
/// The index of `checkpoint`.
pub const CHECKPOINT_INDEX: u8 = 30;
/// The index of `provider_checkpoint`.
pub const PROVIDER_CHECKPOINT_INDEX: u8 = 32;
/// The challenge period in the metadata, in anchor blocks.
pub const CHALLENGE_PERIOD: u32 = 28_800;

/// The variants of a made-up runtime, and what differs from them.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Challenges are lists, windows exist, wrong answers fail.
    pub is_deployed: bool,
    /// Commitments have a nonce.
    pub has_nonce: bool,
    /// Challenges have a leaf count.
    pub binds_leaves: bool,
    /// An answer `ChunkOutOfRange`, and a leaf with `chunk_count`.
    pub has_chunk_range: bool,
    /// A field of a challenge that nobody knows.
    pub has_unknown_field: bool,
    /// Calls name agreements.
    pub names_agreements: bool,
    /// The number of arguments of a dry run; 0 for none.
    pub dry_run_arguments: usize,
    /// A transaction extension that adds something that nobody knows.
    pub has_unknown_extension: bool,
    /// There is no storage pallet, but an API of the same name.
    pub is_another_chain: bool,
    /// Hashers of `Challenges` that keep no key.
    pub hides_keys: bool,
    /// Two fields of terms of an agreement change places.
    pub swaps_terms: bool,
    /// The pallet `ParachainSystem` is absent.
    pub is_solo: bool,
}

impl Options {
    /// The chain as it is developed now.
    pub const CURRENT: Self = Self {
        is_deployed: false,
        has_nonce: false,
        binds_leaves: false,
        has_chunk_range: false,
        has_unknown_field: false,
        names_agreements: false,
        dry_run_arguments: 3,
        has_unknown_extension: false,
        is_another_chain: false,
        hides_keys: false,
        swaps_terms: false,
        is_solo: false,
    };
    /// The chain as it was deployed first.
    pub const DEPLOYED: Self = Self {
        is_deployed: true,
        dry_run_arguments: 2,
        ..Self::CURRENT
    };
    /// The chain with nonces in commitments.
    pub const NONCE: Self = Self {
        has_nonce: true,
        ..Self::CURRENT
    };
    /// The chain with leaf counts in challenges.
    pub const LEAF_BINDING: Self = Self {
        binds_leaves: true,
        ..Self::CURRENT
    };
}

type Entry = StorageEntryMetadata<PortableForm>;

/// Returns encoded metadata.
pub fn metadata(options: Options) -> Vec<u8> {
    let mut types = Types::default();
    let pallet = StoragePallet::new(&mut types, options);
    let account = types.account();
    let number = types.u32();
    let unit = types.tuple(&[]);

    let calls = match options.is_another_chain {
        true => vec![],
        false => vec![("StorageProvider", PALLET_INDEX, vec![("", pallet.calls)])],
    };
    let call = types.enumeration(calls);
    let remark = types.enumeration(vec![("ExtrinsicSuccess", 0, vec![("weight", number)])]);
    let mut events = vec![("System", 0, vec![("", remark)])];
    if !options.is_another_chain {
        events.push(("StorageProvider", PALLET_INDEX, vec![("", pallet.events)]));
    }
    let event = types.enumeration(events);
    let phase = types.enumeration(vec![
        ("ApplyExtrinsic", 0, vec![("", number)]),
        ("Finalization", 1, vec![]),
        ("Initialization", 2, vec![]),
    ]);
    let hash = types.hash();
    let topics = types.sequence(hash);
    let record = types.structure(&[("phase", phase), ("event", event), ("topics", topics)]);
    let records = types.sequence(record);
    let balance = types.u128();
    let data = types.structure(&[
        ("free", balance),
        ("reserved", balance),
        ("frozen", balance),
        ("flags", balance),
    ]);
    let info = types.structure(&[
        ("nonce", number),
        ("consumers", number),
        ("providers", number),
        ("sufficients", number),
        ("data", data),
    ]);

    let system = PalletMetadata {
        storage: Some(PalletStorageMetadata {
            prefix: "System".to_owned(),
            entries: vec![
                plain("Events", records),
                plain("Number", number),
                map(
                    "Account",
                    vec![StorageHasher::Blake2_128Concat],
                    account,
                    info,
                ),
            ],
        }),
        constants: vec![constant("BlockHashCount", number, &4096_u32)],
        ..empty("System", 0)
    };
    let relay = PalletMetadata {
        storage: Some(PalletStorageMetadata {
            prefix: "ParachainSystem".to_owned(),
            entries: vec![plain("LastRelayChainBlockNumber", number)],
        }),
        ..empty("ParachainSystem", 1)
    };
    let balances = PalletMetadata {
        constants: vec![constant("ExistentialDeposit", balance, &10_u128)],
        ..empty("Balances", 10)
    };
    let mut pallets = vec![system, balances];
    if !options.is_solo {
        pallets.push(relay);
    }
    if !options.is_another_chain {
        pallets.push(PalletMetadata {
            storage: Some(PalletStorageMetadata {
                prefix: "StorageProvider".to_owned(),
                entries: pallet.storage,
            }),
            calls: Some(PalletCallMetadata {
                ty: pallet.calls.into(),
            }),
            event: Some(PalletEventMetadata {
                ty: pallet.events.into(),
            }),
            error: Some(PalletErrorMetadata {
                ty: pallet.errors.into(),
            }),
            constants: pallet.constants,
            ..empty("StorageProvider", PALLET_INDEX)
        });
    }

    let address = types.enumeration(vec![("Id", 0, vec![("", account)])]);
    let extrinsic = ExtrinsicMetadata {
        version: 4,
        address_ty: address.into(),
        call_ty: call.into(),
        signature_ty: pallet.signature.into(),
        extra_ty: unit.into(),
        signed_extensions: extensions(&mut types, options),
    };
    let apis = apis(&mut types, options, call, event);
    let metadata = RuntimeMetadataV15 {
        types: types.finish(),
        pallets,
        extrinsic,
        ty: unit.into(),
        apis,
        outer_enums: OuterEnums {
            call_enum_ty: call.into(),
            event_enum_ty: event.into(),
            error_enum_ty: unit.into(),
        },
        custom: CustomMetadata {
            map: Default::default(),
        },
    };
    RuntimeMetadataPrefixed(
        frame_metadata::META_RESERVED,
        RuntimeMetadata::V15(metadata),
    )
    .encode()
}

fn extensions(types: &mut Types, options: Options) -> Vec<SignedExtensionMetadata<PortableForm>> {
    let (unit, number, hash) = (types.tuple(&[]), types.u32(), types.hash());
    let compact_number = types.compact(number);
    let balance = types.u128();
    let compact_balance = types.compact(balance);
    let payment = types.newtype(compact_balance);
    let byte = types.u8();
    let mortal: Vec<_> = (0..=255_u8)
        .map(|first| match first {
            0 => ("Immortal".to_owned(), first, vec![]),
            _ => (format!("Mortal{first}"), first, vec![("", byte)]),
        })
        .collect();
    let era = types.enumeration(mortal);
    let era = types.newtype(era);
    let mode = types.enumeration(vec![("Disabled", 0, vec![]), ("Enabled", 1, vec![])]);
    let mode = types.structure(&[("mode", mode)]);
    let no_hash = types.option(hash);
    let mut all = vec![
        ("CheckNonZeroSender", unit, unit),
        ("CheckSpecVersion", unit, number),
        ("CheckTxVersion", unit, number),
        ("CheckGenesis", unit, hash),
        ("CheckMortality", era, hash),
        ("CheckNonce", compact_number, unit),
        ("CheckWeight", unit, unit),
        ("ChargeTransactionPayment", payment, unit),
        ("CheckMetadataHash", mode, no_hash),
        ("EthSetOrigin", unit, unit),
        ("StorageWeightReclaim", unit, unit),
    ];
    if options.has_unknown_extension {
        all.push(("VerifyLunarPhase", number, unit));
    }
    all.into_iter()
        .map(|(name, ty, additional)| SignedExtensionMetadata {
            identifier: name.to_owned(),
            ty: ty.into(),
            additional_signed: additional.into(),
        })
        .collect()
}

fn apis(
    types: &mut Types,
    options: Options,
    call: u32,
    event: u32,
) -> Vec<RuntimeApiMetadata<PortableForm>> {
    let (account, number, byte) = (types.account(), types.u32(), types.u8());
    let bytes = types.sequence(byte);
    let mut apis = Vec::new();
    let info = {
        let balance = types.u128();
        types.structure(&[
            ("weight", number),
            ("class", byte),
            ("partial_fee", balance),
        ])
    };
    apis.push(api(
        "TransactionPaymentApi",
        "query_info",
        &[bytes, number],
        info,
    ));
    if options.is_another_chain {
        // Another chain's API of the same name.
        apis.push(api(
            "StorageProviderApi",
            "current_anchor_block",
            &[account],
            bytes,
        ));
    } else if !options.is_deployed {
        apis.push(api(
            "StorageProviderApi",
            "current_anchor_block",
            &[],
            number,
        ));
    }
    if options.dry_run_arguments > 0 {
        let origin = types.enumeration(vec![
            ("Root", 0, vec![]),
            ("Signed", 1, vec![("", account)]),
            ("None", 2, vec![]),
        ]);
        let origin = types.enumeration(vec![("system", 0, vec![("", origin)])]);
        let four = types.array(byte, 4);
        let module = types.structure(&[("index", byte), ("error", four)]);
        let dispatch = types.enumeration(vec![
            ("Other", 0, vec![]),
            ("CannotLookup", 1, vec![]),
            ("BadOrigin", 2, vec![]),
            ("Module", 3, vec![("", module)]),
        ]);
        let weight = types.option(number);
        let post = types.structure(&[("actual_weight", weight)]);
        let failed = types.structure(&[("post_info", post), ("error", dispatch)]);
        let execution = types.result(post, failed);
        let events = types.sequence(event);
        let versions = types.enumeration(vec![
            ("V3", 3, vec![("", number)]),
            ("V4", 4, vec![("", number)]),
            ("V5", 5, vec![("", number)]),
        ]);
        let local = types.option(versions);
        let effects = types.structure(&[
            ("execution_result", execution),
            ("emitted_events", events),
            ("local_xcm", local),
        ]);
        let error = types.enumeration(vec![("Unimplemented", 0, vec![])]);
        let output = types.result(effects, error);
        let inputs = [origin, call, number];
        let inputs = inputs.get(..options.dry_run_arguments).unwrap_or(&inputs);
        apis.push(api("DryRunApi", "dry_run_call", inputs, output));
    }
    apis
}

fn api(name: &str, method: &str, inputs: &[u32], output: u32) -> RuntimeApiMetadata<PortableForm> {
    let inputs = inputs.iter().map(|ty| RuntimeApiMethodParamMetadata {
        name: "input".to_owned(),
        ty: (*ty).into(),
    });
    RuntimeApiMetadata {
        name: name.to_owned(),
        methods: vec![RuntimeApiMethodMetadata {
            name: method.to_owned(),
            inputs: inputs.collect(),
            output: output.into(),
            docs: vec![],
        }],
        docs: vec![],
    }
}

fn empty(name: &str, index: u8) -> PalletMetadata<PortableForm> {
    PalletMetadata {
        name: name.to_owned(),
        storage: None,
        calls: None,
        event: None,
        constants: vec![],
        error: None,
        index,
        docs: vec![],
    }
}

fn constant(name: &str, ty: u32, value: &impl Encode) -> PalletConstantMetadata<PortableForm> {
    PalletConstantMetadata {
        name: name.to_owned(),
        ty: ty.into(),
        value: value.encode(),
        docs: vec![],
    }
}

fn entry(name: &str, ty: StorageEntryType<PortableForm>) -> Entry {
    StorageEntryMetadata {
        name: name.to_owned(),
        modifier: StorageEntryModifier::Optional,
        ty,
        default: vec![0],
        docs: vec![],
    }
}

fn plain(name: &str, value: u32) -> Entry {
    entry(name, StorageEntryType::Plain(value.into()))
}

fn map(name: &str, hashers: Vec<StorageHasher>, key: u32, value: u32) -> Entry {
    entry(
        name,
        StorageEntryType::Map {
            hashers,
            key: key.into(),
            value: value.into(),
        },
    )
}
