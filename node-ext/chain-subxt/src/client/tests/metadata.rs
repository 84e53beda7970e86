//! Metadata of a runtime with the storage pallet, and of runtimes that lack parts of it
//! or define them differently.

use super::super::capabilities::{API, PALLET};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, Commitment, H256};
use codec::{Compact, Encode};
use scale_info::form::MetaForm;
use scale_info::{MetaType, TypeInfo, meta_type};
use subxt::ext::frame_metadata::RuntimeMetadataPrefixed;
use subxt::ext::frame_metadata::v16::{
    CustomMetadata, EnumDeprecationInfo, ExtrinsicMetadata, FunctionParamMetadata,
    ItemDeprecationInfo, OuterEnums, PalletCallMetadata, PalletMetadata, RuntimeApiMetadata,
    RuntimeApiMethodMetadata, RuntimeMetadataV16, TransactionExtensionMetadata,
};
use subxt::utils::{AccountId32, MultiAddress, MultiSignature};

/// The indices of the pallet and of its calls, chosen to differ from any default.
pub(super) const PALLET_INDEX: u8 = 77;
pub(super) const RESPOND_INDEX: u8 = 9;
pub(super) const CHECKPOINT_INDEX: u8 = 4;
pub(super) const PROVIDER_CHECKPOINT_INDEX: u8 = 40;

/// The deployed pallet's calls, as another crate would declare them.
#[expect(
    dead_code,
    non_camel_case_types,
    reason = "the names are the chain's, and only described"
)]
#[derive(TypeInfo)]
enum Calls {
    #[codec(index = 4)]
    checkpoint {
        bucket: u64,
        commitment: ([u8; 32], u64, u64),
        signatures: Vec<PrimarySignature>,
    },
    #[codec(index = 9)]
    respond_to_challenge {
        id: (u32, u16),
        response: ChallengeResponse,
    },
    #[codec(index = 40)]
    provider_checkpoint {
        bucket: BucketId,
        commitment: Commitment,
        window: u64,
        signatures: Vec<PrimarySignature>,
    },
}

/// Calls with the same names and other arguments.
#[expect(
    dead_code,
    non_camel_case_types,
    reason = "the names are the chain's, and only described"
)]
#[derive(TypeInfo)]
enum OtherCalls {
    checkpoint { bucket: u64, root: H256 },
    respond_to_challenge { id: ChallengeId, chunk: Vec<u8> },
}

#[derive(TypeInfo)]
#[expect(dead_code, reason = "it is only described")]
enum RuntimeCall {
    #[codec(index = 77)]
    StorageProvider(Calls),
}

/// Options for the runtime's metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MetadataOptions {
    /// Leaves `judge_response` out, as older chains do.
    pub(super) without_judge: bool,
    /// Has no storage pallet and no API of it.
    pub(super) without_pallet: bool,
    /// Has calls with other arguments.
    pub(super) with_other_calls: bool,
    /// Has only the two calls that the deployed chain has.
    pub(super) without_windows: bool,
    /// Methods of the API that it lacks.
    pub(super) missing_methods: &'static [&'static str],
    /// Has an additional field in the provider's record.
    pub(super) with_longer_provider_info: bool,
    /// Supports tips.
    pub(super) with_tips: bool,
}

/// A provider's record in a later runtime.
#[derive(TypeInfo)]
#[expect(dead_code, reason = "it is only described")]
struct LaterProviderInfo {
    info: ProviderInfo,
    reputation: u8,
}

/// The calls of a runtime without windows.
#[expect(
    dead_code,
    non_camel_case_types,
    reason = "the names are the chain's, and only described"
)]
#[derive(TypeInfo)]
enum CallsWithoutWindows {
    #[codec(index = 4)]
    checkpoint {
        bucket: u64,
        commitment: ([u8; 32], u64, u64),
        signatures: Vec<PrimarySignature>,
    },
    #[codec(index = 9)]
    respond_to_challenge {
        id: (u32, u16),
        response: ChallengeResponse,
    },
}

fn method(name: &'static str, inputs: &[MetaType], output: MetaType) -> RuntimeApiMethodMetadata {
    RuntimeApiMethodMetadata {
        name,
        inputs: inputs
            .iter()
            .map(|ty| FunctionParamMetadata {
                name: "argument",
                ty: *ty,
            })
            .collect(),
        output,
        docs: Vec::new(),
        deprecation_info: ItemDeprecationInfo::NotDeprecated,
    }
}

fn api(made: MetadataOptions) -> RuntimeApiMetadata {
    let account = meta_type::<AccountId>();
    let bucket = meta_type::<BucketId>();
    let provider = match made.with_longer_provider_info {
        true => meta_type::<Option<LaterProviderInfo>>(),
        false => meta_type::<Option<ProviderInfo>>(),
    };
    let mut methods = vec![
        method("anchor_block", &[], meta_type::<u32>()),
        method("limits", &[], meta_type::<Limits>()),
        method("provider", &[account], provider),
        method(
            "open_challenges",
            &[account],
            meta_type::<Vec<OpenChallenge>>(),
        ),
        method("bucket", &[bucket], meta_type::<Option<BucketInfo>>()),
        method("buckets_of", &[account], meta_type::<Vec<BucketId>>()),
        method("outcomes", &[], meta_type::<Vec<Outcome>>()),
    ];
    if !made.without_judge {
        let answer = [
            account,
            meta_type::<ChallengeId>(),
            meta_type::<ChallengeResponse>(),
        ];
        let verdict = meta_type::<Result<(), ResponseRefusal>>();
        methods.push(method("judge_response", &answer, verdict));
    }
    methods.retain(|method| !made.missing_methods.contains(&method.name));
    RuntimeApiMetadata {
        name: API,
        methods,
        docs: Vec::new(),
        version: Compact(1),
        deprecation_info: ItemDeprecationInfo::NotDeprecated,
    }
}

fn extension(
    identifier: &'static str,
    ty: MetaType,
    implicit: MetaType,
) -> TransactionExtensionMetadata {
    TransactionExtensionMetadata {
        identifier,
        ty,
        implicit,
    }
}

/// The metadata's bytes.
pub(super) fn metadata(made: MetadataOptions) -> Vec<u8> {
    let calls = match made {
        MetadataOptions {
            with_other_calls: true,
            ..
        } => meta_type::<OtherCalls>(),
        MetadataOptions {
            without_windows: true,
            ..
        } => meta_type::<CallsWithoutWindows>(),
        _ => meta_type::<Calls>(),
    };
    let pallet = PalletMetadata::<MetaForm> {
        name: PALLET,
        storage: None,
        calls: Some(PalletCallMetadata {
            ty: calls,
            deprecation_info: EnumDeprecationInfo::nothing_deprecated(),
        }),
        event: None,
        constants: Vec::new(),
        error: None,
        associated_types: Vec::new(),
        view_functions: Vec::new(),
        index: PALLET_INDEX,
        docs: Vec::new(),
        deprecation_info: ItemDeprecationInfo::NotDeprecated,
    };
    let nothing = meta_type::<()>();
    let mut extensions = vec![
        extension("CheckSpecVersion", nothing, meta_type::<u32>()),
        extension("CheckGenesis", nothing, meta_type::<H256>()),
        extension(
            "CheckMortality",
            meta_type::<[u8; 2]>(),
            meta_type::<H256>(),
        ),
        extension("CheckNonce", meta_type::<Compact<u32>>(), nothing),
        // An unknown extension, as every runtime has.
        extension("WeightReclaim", nothing, nothing),
    ];
    if made.with_tips {
        let tip = meta_type::<Compact<u128>>();
        extensions.insert(4, extension("ChargeTransactionPayment", tip, nothing));
    }
    let places = (0u32..).map(Compact).take(extensions.len()).collect();
    let extrinsic = ExtrinsicMetadata::<MetaForm> {
        versions: vec![4, 5],
        address_ty: meta_type::<MultiAddress<AccountId32, ()>>(),
        call_ty: meta_type::<RuntimeCall>(),
        signature_ty: meta_type::<MultiSignature>(),
        transaction_extensions_by_version: [(0, places)].into_iter().collect(),
        transaction_extensions: extensions,
    };
    let (pallets, apis) = match made.without_pallet {
        true => (vec![], vec![]),
        false => (vec![pallet], vec![api(made)]),
    };
    let enums = OuterEnums {
        call_enum_ty: meta_type::<RuntimeCall>(),
        event_enum_ty: nothing,
        error_enum_ty: nothing,
    };
    let custom = CustomMetadata {
        map: Default::default(),
    };
    let metadata = RuntimeMetadataV16::new(pallets, extrinsic, apis, enums, custom);
    RuntimeMetadataPrefixed::from(metadata).encode()
}
