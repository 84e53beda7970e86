//! Signed extrinsics of version 4, by the metadata of the runtime that will execute them.
//!
//! The format is that of every Substrate chain: the call, what each transaction extension
//! adds to the extrinsic, and what it adds to the signed payload only. An extension that Cairn
//! does not know is left out of both only if it adds nothing to either.

use crate::calls::{self, Call, account as account_value, signature as signature_value};
use crate::names::PALLET;
use crate::runtime::{Runtime, unsupported};
use crate::value::{Mismatch, Value, encode, encode_arguments};
use cairn_chain::{ChainError, Submission};
use cairn_keys::{SignError, Signer};
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::{H256, blake2_256};
use codec::Encode;
use frame_decode::extrinsics::ExtrinsicTypeInfo;
use scale_info::{PortableRegistry, TypeDef};

/// The version of the extrinsic's format.
const VERSION: u8 = 4;
/// The bit that marks a signed extrinsic.
const SIGNED: u8 = 0b1000_0000;
/// Payloads above this length in bytes are hashed before they are signed.
const MAX_SIGNED_BYTES: usize = 256;
/// The blocks for which an extrinsic is valid, so that a lost one cannot turn up hours later.
///
/// 256 blocks are 8.5 minutes on a chain of 2 s and 25 minutes on one of 6 s. 64 blocks would
/// be 128 s at 2 s, of which lagging finality takes a quarter. Answers are due after 48 hours,
/// and a submission is repeated long before that.
const LIFETIME_BLOCKS: u32 = 256;
/// The shortest lifetime that the format has.
const MIN_LIFETIME_BLOCKS: u32 = 4;
/// The most types visited to see that a type has no bytes.
const MAX_VISITS: u32 = 64;

/// The chain's state that an extrinsic needs, and the tip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) genesis: H256,
    pub(crate) nonce: u64,
    /// The block at which the extrinsic's lifetime starts.
    pub(crate) birth: (u32, H256),
    pub(crate) tip: u128,
}

/// Returns the lifetime of an extrinsic in blocks: a power of two, for which the chain keeps
/// the hashes of blocks.
pub(crate) fn lifetime(runtime: &Runtime) -> u32 {
    let kept = runtime
        .constant("System", "BlockHashCount")
        .and_then(|count| count.number());
    let most = kept.unwrap_or(LIFETIME_BLOCKS).min(LIFETIME_BLOCKS);
    let highest = most.checked_ilog2().map_or(0, |log| 1_u32 << log);
    highest.max(MIN_LIFETIME_BLOCKS)
}

/// Encodes a call of the storage pallet.
pub(crate) fn encode_call(runtime: &Runtime, call: &Call<'_>) -> Result<Vec<u8>, Mismatch> {
    let Some(pallet) = runtime.metadata.pallet_by_name(PALLET) else {
        return Err(Mismatch(format!("there is no pallet {PALLET}")));
    };
    let Some(variant) = pallet.call_variant_by_name(call.name) else {
        return Err(Mismatch(format!("there is no call {PALLET}.{}", call.name)));
    };
    let mut bytes = vec![pallet.call_index(), variant.index];
    let fields: Vec<_> = variant
        .fields
        .iter()
        .map(|field| (field.name.as_deref().unwrap_or(""), field.ty.id))
        .collect();
    encode_arguments(
        runtime.metadata.types(),
        &fields,
        &call.arguments,
        &mut bytes,
    )
    .map_err(|Mismatch(why)| Mismatch(format!("{PALLET}.{}: {why}", call.name)))?;
    Ok(bytes)
}

/// Encodes the call of a submission.
pub(crate) fn encode_submission(
    runtime: &Runtime,
    submission: &Submission,
) -> Result<Vec<u8>, Mismatch> {
    encode_call(
        runtime,
        &calls::call_of(submission, |call| is_flat(runtime, call)),
    )
}

/// Returns whether a call takes the fields of a commitment as arguments of its own.
fn is_flat(runtime: &Runtime, call: &str) -> bool {
    let pallet = runtime.metadata.pallet_by_name(PALLET);
    let call = pallet.and_then(|pallet| pallet.call_variant_by_name(call));
    call.is_some_and(|call| {
        let mut names = call.fields.iter().filter_map(|field| field.name.as_deref());
        names.any(|name| name == "mmr_root")
    })
}

/// A call with what its extensions add.
pub(crate) struct Unsigned {
    call: Vec<u8>,
    extra: Vec<u8>,
    implicit: Vec<u8>,
}

/// A signed extrinsic.
#[derive(Clone, Debug)]
pub(crate) struct Extrinsic {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: H256,
}

impl Unsigned {
    /// Prepares a submission for signing.
    pub(crate) fn new(
        runtime: &Runtime,
        submission: &Submission,
        context: &Context,
    ) -> Result<Self, ChainError> {
        let call = encode_submission(runtime, submission).map_err(unsupported)?;
        let (extra, implicit) = extensions(runtime, context).map_err(unsupported)?;
        Ok(Self {
            call,
            extra,
            implicit,
        })
    }

    /// Signs it for an account.
    pub(crate) fn sign(
        &self,
        runtime: &Runtime,
        account: AccountId,
        signer: &Signer,
    ) -> Result<Extrinsic, ChainError> {
        let mut payload = [&*self.call, &self.extra, &self.implicit].concat();
        if payload.len() > MAX_SIGNED_BYTES {
            payload = blake2_256(&payload).as_bytes().to_vec();
        }
        let signature = match signer.sign_extrinsic(&payload) {
            Ok(signature) => signature,
            Err(SignError::NoKey(public)) => {
                return Err(ChainError::NoKey {
                    account: hex::encode(public),
                });
            }
            Err(error) => {
                return Err(ChainError::PoolRejected(format!(
                    "it could not be signed: {error}"
                )));
            }
        };
        self.with_signature(runtime, account, &signature)
    }

    /// Assembles the extrinsic with a signature.
    pub(crate) fn with_signature(
        &self,
        runtime: &Runtime,
        account: AccountId,
        signature: &MultiSignature,
    ) -> Result<Extrinsic, ChainError> {
        let mut body = vec![SIGNED | VERSION];
        append_signature(runtime, account, signature, &mut body).map_err(unsupported)?;
        body.extend(&self.extra);
        body.extend(&self.call);
        let bytes = body.encode();
        Ok(Extrinsic {
            hash: blake2_256(&bytes),
            bytes,
        })
    }
}

/// Checks that extrinsics can be signed for a runtime.
pub(crate) fn try_on(runtime: &Runtime) -> Result<(), Mismatch> {
    if !runtime
        .metadata
        .extrinsic()
        .supported_versions()
        .contains(&VERSION)
    {
        return Err(Mismatch(format!(
            "it takes no signed extrinsics of version {VERSION}"
        )));
    }
    let context = Context {
        genesis: H256::zero(),
        nonce: 0,
        birth: (0, H256::zero()),
        tip: 0,
    };
    extensions(runtime, &context)?;
    let signature = MultiSignature::Sr25519([0; 64]);
    append_signature(runtime, AccountId([0; 32]), &signature, &mut Vec::new())
}

/// Returns the names of the transaction extensions.
pub(crate) fn extension_names(runtime: &Runtime) -> Vec<String> {
    let extrinsic = runtime.metadata.extrinsic();
    let version = extrinsic.transaction_extension_version_to_use_for_decoding();
    let all = extrinsic.transaction_extensions_by_version(version);
    all.into_iter()
        .flatten()
        .map(|extension| extension.identifier().to_owned())
        .collect()
}

fn append_signature(
    runtime: &Runtime,
    account: AccountId,
    signature: &MultiSignature,
    out: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    let types = runtime.metadata.types();
    let info = runtime.metadata.extrinsic_signature_info();
    let info = info.map_err(|error| Mismatch(error.to_string()))?;
    let id = account_value(&account);
    let address = match types.resolve(info.address_id).map(|ty| &ty.type_def) {
        Some(TypeDef::Variant(_)) => Value::wrap("Id", id),
        _ => id,
    };
    encode(types, info.address_id, &address, out)
        .map_err(|Mismatch(why)| Mismatch(format!("the address of an extrinsic: {why}")))?;
    encode(types, info.signature_id, &signature_value(signature), out)
        .map_err(|Mismatch(why)| Mismatch(format!("the signature of an extrinsic: {why}")))
}

/// Returns what the transaction extensions add to the extrinsic, and to the payload only.
fn extensions(runtime: &Runtime, context: &Context) -> Result<(Vec<u8>, Vec<u8>), Mismatch> {
    let types = runtime.metadata.types();
    let extrinsic = runtime.metadata.extrinsic();
    let version = extrinsic.transaction_extension_version_to_use_for_decoding();
    let Some(all) = extrinsic.transaction_extensions_by_version(version) else {
        return Err(Mismatch(
            "it describes no transaction extensions".to_owned(),
        ));
    };
    let (mut extra, mut implicit) = (Vec::new(), Vec::new());
    let (number, birth) = context.birth;
    let era = era(lifetime(runtime), number);
    let era_name = format!("Mortal{}", era.0);
    let none = Value::Variant("None", vec![]);
    let nothing = Value::Fields(vec![]);
    for extension in all {
        let name = extension.identifier();
        let (in_extrinsic, in_payload) = match name {
            "CheckSpecVersion" => (
                nothing.clone(),
                Value::Number(runtime.id.spec_version.into()),
            ),
            "CheckTxVersion" => (
                nothing.clone(),
                Value::Number(runtime.id.transaction_version.into()),
            ),
            "CheckGenesis" => (nothing.clone(), Value::Bytes(context.genesis.as_bytes())),
            "CheckMortality" | "CheckEra" => (
                Value::wrap(&era_name, Value::Number(era.1.into())),
                Value::Bytes(birth.as_bytes()),
            ),
            "CheckNonce" => (Value::Number(context.nonce.into()), nothing.clone()),
            "ChargeTransactionPayment" => (Value::Number(context.tip), nothing.clone()),
            "ChargeAssetTxPayment" => (
                Value::Fields(vec![
                    ("tip", Value::Number(context.tip)),
                    ("asset_id", none.clone()),
                ]),
                nothing.clone(),
            ),
            "CheckMetadataHash" => (
                Value::Fields(vec![("mode", Value::Variant("Disabled", vec![]))]),
                none.clone(),
            ),
            _ if is_empty(types, extension.extra_ty())
                && is_empty(types, extension.additional_ty()) =>
            {
                continue;
            }
            _ => {
                return Err(Mismatch(format!(
                    "Cairn does not know the transaction extension `{name}`"
                )));
            }
        };
        let within = |Mismatch(why)| Mismatch(format!("the transaction extension `{name}`: {why}"));
        append(types, extension.extra_ty(), &in_extrinsic, &mut extra).map_err(within)?;
        append(types, extension.additional_ty(), &in_payload, &mut implicit).map_err(within)?;
    }
    Ok((extra, implicit))
}

fn append(
    types: &PortableRegistry,
    ty: u32,
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    match value {
        Value::Fields(fields) if fields.is_empty() => match is_empty(types, ty) {
            true => Ok(()),
            false => Err(Mismatch(
                "the chain has a value where Cairn has none".to_owned(),
            )),
        },
        value => encode(types, ty, value, out),
    }
}

/// Returns whether values of a type have no bytes.
fn is_empty(types: &PortableRegistry, ty: u32) -> bool {
    let mut waiting = vec![ty];
    for _ in 0..MAX_VISITS {
        let Some(ty) = waiting.pop() else { return true };
        match types.resolve(ty).map(|ty| &ty.type_def) {
            Some(TypeDef::Composite(composite)) => {
                waiting.extend(composite.fields.iter().map(|field| field.ty.id));
            }
            Some(TypeDef::Tuple(tuple)) => {
                waiting.extend(tuple.fields.iter().map(|field| field.id));
            }
            _ => return false,
        }
    }
    waiting.is_empty()
}

/// Returns the two bytes of a mortal era: the period's logarithm, and the phase in it.
fn era(period: u32, birth: u32) -> (u8, u8) {
    let phase = birth.checked_rem(period).unwrap_or(0);
    let log = period.trailing_zeros().saturating_sub(1).clamp(1, 15);
    // At most 4096 blocks, so that a phase takes 12 bits.
    let [low, high, ..] = (log | phase << 4).to_le_bytes();
    (low, high)
}

/// Returns the arguments of a fee's estimate: an extrinsic, and its length.
pub(crate) fn fee_arguments(extrinsic: &Extrinsic) -> Vec<u8> {
    let mut arguments = extrinsic.bytes.clone();
    let length = u32::try_from(extrinsic.bytes.len()).unwrap_or(u32::MAX);
    length.encode_to(&mut arguments);
    arguments
}
