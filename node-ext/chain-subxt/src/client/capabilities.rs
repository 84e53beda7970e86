//! The runtime API methods and pallet calls that Cairn uses, checked against a runtime's
//! metadata: each must exist, with types that encode as ours do.

use super::encoding::Comparison;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, Commitment};
use scale_info::{MetaType, PortableRegistry, Registry, meta_type};
use std::collections::BTreeMap;
use subxt::Metadata;

/// The runtime API that a provider queries.
pub(super) const API: &str = "StorageProviderApi";
/// The pallet that a provider calls.
pub(super) const PALLET: &str = "StorageProvider";
/// The optional method: without it there are no dry runs.
pub(super) const DRY_RUN: &str = "judge_response";
/// The methods and calls needed to answer challenges.
pub(super) const NEEDED_FOR_ANSWERS: [&str; 4] = [
    "anchor_block",
    "limits",
    "open_challenges",
    "respond_to_challenge",
];

/// The methods of the API with their argument and result types.
fn methods() -> Vec<(&'static str, Vec<MetaType>, MetaType)> {
    let account = meta_type::<AccountId>;
    let bucket = meta_type::<BucketId>;
    let answer = vec![
        account(),
        meta_type::<ChallengeId>(),
        meta_type::<ChallengeResponse>(),
    ];
    vec![
        ("anchor_block", vec![], meta_type::<u32>()),
        ("limits", vec![], meta_type::<Limits>()),
        (
            "provider",
            vec![account()],
            meta_type::<Option<ProviderInfo>>(),
        ),
        (
            "open_challenges",
            vec![account()],
            meta_type::<Vec<OpenChallenge>>(),
        ),
        ("bucket", vec![bucket()], meta_type::<Option<BucketInfo>>()),
        ("buckets_of", vec![account()], meta_type::<Vec<BucketId>>()),
        ("outcomes", vec![], meta_type::<Vec<Outcome>>()),
        (DRY_RUN, answer, meta_type::<Result<(), ResponseRefusal>>()),
    ]
}

/// The calls of the pallet with their argument types.
fn calls() -> Vec<(&'static str, Vec<MetaType>)> {
    let checkpoint = [meta_type::<BucketId>(), meta_type::<Commitment>()];
    let signatures = meta_type::<Vec<PrimarySignature>>();
    vec![
        (
            "respond_to_challenge",
            vec![meta_type::<ChallengeId>(), meta_type::<ChallengeResponse>()],
        ),
        (
            "checkpoint",
            checkpoint.into_iter().chain([signatures]).collect(),
        ),
        (
            "provider_checkpoint",
            checkpoint
                .into_iter()
                .chain([meta_type::<u64>(), signatures])
                .collect(),
        ),
    ]
}

/// Returns the methods and calls that a runtime lacks or defines differently, with the
/// differences.
pub(super) fn mismatches(metadata: &Metadata) -> BTreeMap<&'static str, String> {
    let mut ours = Registry::new();
    let mut ids = |types: &[MetaType]| -> Vec<u32> {
        types.iter().map(|ty| ours.register_type(ty).id).collect()
    };
    let methods: Vec<_> = methods()
        .into_iter()
        .map(|(name, inputs, output)| (name, ids(&inputs), ids(&[output])))
        .collect();
    let calls: Vec<_> = calls()
        .into_iter()
        .map(|(name, inputs)| (name, ids(&inputs)))
        .collect();
    let ours = PortableRegistry::from(ours);
    let mut compared = Comparison::new(&ours, metadata.types());
    let mut faults = BTreeMap::new();
    for (name, inputs, output) in methods {
        if let Err(fault) = check_method(metadata, &mut compared, name, &inputs, &output) {
            faults.insert(name, fault);
        }
    }
    for (name, inputs) in calls {
        if let Err(fault) = check_call(metadata, &mut compared, name, &inputs) {
            faults.insert(name, fault);
        }
    }
    faults
}

fn check_method(
    metadata: &Metadata,
    compared: &mut Comparison<'_>,
    name: &str,
    inputs: &[u32],
    output: &[u32],
) -> Result<(), String> {
    let offered = metadata
        .runtime_api_trait_by_name(API)
        .ok_or_else(|| format!("there is no runtime API {API}"))?
        .method_by_name(name)
        .ok_or_else(|| format!("there is no {API}::{name}"))?;
    let theirs: Vec<u32> = offered.inputs().map(|input| input.id).collect();
    compared
        .compare_all(inputs, &theirs)
        .map_err(|why| format!("{API}::{name} takes other arguments: {why}"))?;
    compared
        .compare_all(output, &[offered.output_ty()])
        .map_err(|why| format!("{API}::{name} returns another type: {why}"))
}

fn check_call(
    metadata: &Metadata,
    compared: &mut Comparison<'_>,
    name: &str,
    inputs: &[u32],
) -> Result<(), String> {
    let offered = metadata
        .pallet_by_name(PALLET)
        .ok_or_else(|| format!("there is no pallet {PALLET}"))?
        .call_variant_by_name(name)
        .ok_or_else(|| format!("there is no call {PALLET}.{name}"))?;
    let theirs: Vec<u32> = offered.fields.iter().map(|field| field.ty.id).collect();
    compared
        .compare_all(inputs, &theirs)
        .map_err(|why| format!("{PALLET}.{name} takes other arguments: {why}"))
}
