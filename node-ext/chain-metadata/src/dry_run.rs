//! The dry run of an answer by the chain itself: `DryRunApi::dry_run_call`.
//!
//! The verdict is the event that the answer would emit. A successful call is none: on most
//! chains a wrong answer succeeds, and costs the stake.

use crate::calls::{self, account as account_value};
use crate::events;
use crate::extrinsic;
use crate::names::PALLET;
use crate::runtime::Runtime;
use crate::value::{Decoder, Mismatch, Value, encode, sample};
use cairn_chain::DryRunResult;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{Outcome, ResponseRefusal};
use scale_info::form::PortableForm;
use scale_info::{Field, TypeDef};

/// The function that makes a dry run.
pub(crate) const FUNCTION: &str = "DryRunApi_dry_run_call";
/// The errors that say that there is no such challenge to answer.
const NO_SUCH_CHALLENGE: [&str; 3] = [
    "ChallengeNotFound",
    "NotChallengeProvider",
    "ChallengeExpired",
];

/// Returns the types of the arguments, and of the result.
fn signature(runtime: &Runtime) -> Result<(Vec<u32>, u32), Mismatch> {
    let api = runtime.metadata.runtime_api_trait_by_name("DryRunApi");
    let method = api.and_then(|api| api.method_by_name("dry_run_call"));
    match method {
        Some(method) => Ok((
            method.inputs().map(|input| input.id).collect(),
            method.output_ty(),
        )),
        None => Err(Mismatch("there is no dry run".to_owned())),
    }
}

/// Encodes the arguments of a dry run: the origin, the call, and in newer versions the
/// version of the XCM programs in the result.
pub(crate) fn arguments(
    runtime: &Runtime,
    account: AccountId,
    id: ChallengeId,
    response: &ChallengeResponse,
) -> Result<Vec<u8>, Mismatch> {
    arguments_of(runtime, account, &calls::respond(id, response))
}

/// Encodes the arguments of a dry run of any call of the pallet.
pub(crate) fn arguments_of(
    runtime: &Runtime,
    account: AccountId,
    call: &calls::Call<'_>,
) -> Result<Vec<u8>, Mismatch> {
    let (inputs, output) = signature(runtime)?;
    let types = runtime.metadata.types();
    let mut bytes = Vec::new();
    let signed = Value::wrap("Signed", account_value(&account));
    let (origin, version) = match inputs.as_slice() {
        [origin, _] => (*origin, None),
        [origin, _, version] => (*origin, Some(*version)),
        other => return Err(Mismatch(format!("it takes {} arguments", other.len()))),
    };
    encode(types, origin, &Value::wrap("system", signed), &mut bytes)
        .map_err(|Mismatch(why)| Mismatch(format!("the origin of a dry run: {why}")))?;
    bytes.extend(extrinsic::encode_call(runtime, call)?);
    if let Some(ty) = version {
        let newest = newest_xcm(runtime, output)?;
        encode(types, ty, &Value::Number(newest), &mut bytes)?;
    }
    Ok(bytes)
}

/// The parts of a dry run's effects that a verdict needs, with their types.
struct Effects<'r> {
    fields: &'r [Field<PortableForm>],
}

impl<'r> Effects<'r> {
    /// Finds them in the result's type.
    fn of(runtime: &'r Runtime, output: u32) -> Result<(u8, Self), Mismatch> {
        let types = runtime.metadata.types();
        let other = || Mismatch("the result of a dry run has another form".to_owned());
        let Some(TypeDef::Variant(result)) = types.resolve(output).map(|ty| &ty.type_def) else {
            return Err(other());
        };
        let ok = result.variants.iter().find(|variant| variant.name == "Ok");
        let ok = ok.ok_or_else(other)?;
        let effects = ok.fields.first().ok_or_else(other)?.ty.id;
        match types.resolve(effects).map(|ty| &ty.type_def) {
            Some(TypeDef::Composite(effects)) => Ok((
                ok.index,
                Self {
                    fields: &effects.fields,
                },
            )),
            _ => Err(other()),
        }
    }

    fn type_of(&self, name: &str) -> Option<u32> {
        let field = self
            .fields
            .iter()
            .find(|field| field.name.as_deref() == Some(name));
        field.map(|field| field.ty.id)
    }
}

/// Returns the newest version of XCM that the result can have.
fn newest_xcm(runtime: &Runtime, output: u32) -> Result<u128, Mismatch> {
    let types = runtime.metadata.types();
    let (_, effects) = Effects::of(runtime, output)?;
    let none = || Mismatch("the result of a dry run has no XCM versions".to_owned());
    let local = effects.type_of("local_xcm").ok_or_else(none)?;
    let Some(TypeDef::Variant(option)) = types.resolve(local).map(|ty| &ty.type_def) else {
        return Err(none());
    };
    let some = option
        .variants
        .iter()
        .find(|variant| variant.name == "Some");
    let inner = some.and_then(|some| some.fields.first()).ok_or_else(none)?;
    let Some(TypeDef::Variant(versions)) = types.resolve(inner.ty.id).map(|ty| &ty.type_def) else {
        return Err(none());
    };
    let numbers = versions.variants.iter().filter_map(|version| {
        let number = version.name.strip_prefix('V')?;
        number.parse::<u32>().ok()
    });
    numbers.max().map(u128::from).ok_or_else(none)
}

/// Reads the verdict on an answer to a challenge. Everything that is not a verdict is
/// [`DryRunResult::NotOffered`].
pub(crate) fn verdict(
    runtime: &Runtime,
    account: AccountId,
    id: ChallengeId,
    result: &[u8],
) -> DryRunResult {
    match read_verdict(runtime, account, id, result) {
        Ok(verdict) => verdict,
        Err(Mismatch(why)) => {
            tracing::warn!(why, "the chain's dry run of an answer is not understood");
            DryRunResult::NotOffered
        }
    }
}

fn read_verdict(
    runtime: &Runtime,
    account: AccountId,
    id: ChallengeId,
    result: &[u8],
) -> Result<DryRunResult, Mismatch> {
    let types = runtime.metadata.types();
    let (_, output) = signature(runtime)?;
    let (ok, effects) = Effects::of(runtime, output)?;
    let failed = |error: crate::value::DecodeError| Mismatch(error.to_string());
    let mut decoder = Decoder::new(types, result);
    if decoder.take(1).map_err(failed)? != [ok] {
        return Err(Mismatch("the chain could not make it".to_owned()));
    }
    let (mut execution, mut events) = (None, None);
    // What follows the two, XCM programs above all, is not read.
    for field in effects.fields {
        match field.name.as_deref() {
            Some("emitted_events") => {
                events = Some(read_events(runtime, &mut decoder, field.ty.id)?);
            }
            Some("execution_result") => {
                execution = Some(decoder.value(field.ty.id).map_err(failed)?);
            }
            _ => {
                decoder.value(field.ty.id).map_err(failed)?;
            }
        }
        if let (Some(execution), Some(events)) = (&execution, &events) {
            return judge(runtime, account, id, execution, events);
        }
    }
    Err(Mismatch("it tells no result or no events".to_owned()))
}

/// Reads whether a call would succeed. The inner error is the name of the pallet's error, or says
/// which other one it is.
pub(crate) fn execution(runtime: &Runtime, result: &[u8]) -> Result<Result<(), String>, Mismatch> {
    let types = runtime.metadata.types();
    let (_, output) = signature(runtime)?;
    let (ok, effects) = Effects::of(runtime, output)?;
    let failed = |error: crate::value::DecodeError| Mismatch(error.to_string());
    let mut decoder = Decoder::new(types, result);
    if decoder.take(1).map_err(failed)? != [ok] {
        return Err(Mismatch("the chain could not make it".to_owned()));
    }
    for field in effects.fields {
        let value = decoder.value(field.ty.id).map_err(failed)?;
        if field.name.as_deref() != Some("execution_result") {
            continue;
        }
        return match value.variant()? {
            ("Ok", _) => Ok(Ok(())),
            (_, [(_, error)]) => Ok(Err(error_text(
                runtime,
                error.get("error").unwrap_or(error),
            ))),
            _ => Ok(Err("an error of another form".to_owned())),
        };
    }
    Err(Mismatch("it tells no result".to_owned()))
}

fn read_events(
    runtime: &Runtime,
    decoder: &mut Decoder<'_>,
    ty: u32,
) -> Result<Vec<Outcome>, Mismatch> {
    let types = runtime.metadata.types();
    let Some(TypeDef::Sequence(list)) = types.resolve(ty).map(|ty| &ty.type_def) else {
        return Err(Mismatch("its events are not a list".to_owned()));
    };
    let failed = |error: crate::value::DecodeError| Mismatch(error.to_string());
    let mut outcomes = Vec::new();
    for _ in 0..decoder.bounded_length().map_err(failed)? {
        let event = decoder.value(list.type_param.id).map_err(failed)?;
        outcomes.extend(events::outcome(&event)?);
    }
    Ok(outcomes)
}

fn judge(
    runtime: &Runtime,
    account: AccountId,
    id: ChallengeId,
    execution: &Value<'_>,
    events: &[Outcome],
) -> Result<DryRunResult, Mismatch> {
    let mut is_defended = false;
    for event in events {
        match event {
            Outcome::Slashed {
                id: slashed,
                reason,
                ..
            } if *slashed == id => {
                return Ok(DryRunResult::Refused(ResponseRefusal::Slashable(*reason)));
            }
            Outcome::Defended {
                id: defended,
                provider,
            } => is_defended |= *defended == id && *provider == account,
            _ => {}
        }
    }
    let (result, fields) = execution.variant()?;
    match result {
        "Ok" if is_defended => Ok(DryRunResult::Accepted),
        "Err" => {
            let [(_, error)] = fields else {
                return Err(Mismatch("its error has another form".to_owned()));
            };
            let name = pallet_error(runtime, error.get("error").unwrap_or(error))?;
            Ok(DryRunResult::Refused(
                match NO_SUCH_CHALLENGE.contains(&name) {
                    true => ResponseRefusal::NoSuchChallenge,
                    false => ResponseRefusal::Rejected(name.to_owned()),
                },
            ))
        }
        _ => Err(Mismatch(
            "the answer would neither defend the challenge nor lose it".to_owned(),
        )),
    }
}

/// Returns the name of an error of the storage pallet.
fn pallet_error<'r>(runtime: &'r Runtime, error: &Value<'_>) -> Result<&'r str, Mismatch> {
    let (kind, _) = error.variant()?;
    if kind != "Module" {
        return Err(Mismatch(format!("the answer would fail with `{kind}`")));
    }
    let (index, code) = module_error(error.only()?)?;
    let pallet = runtime.metadata.pallet_by_error_index(index);
    let pallet = pallet.filter(|pallet| pallet.name() == PALLET);
    let variant = pallet.and_then(|pallet| pallet.error_variant_by_index(code));
    match variant {
        Some(variant) => Ok(&variant.name),
        None => Err(Mismatch(format!(
            "the answer would fail with error {code} of pallet {index}"
        ))),
    }
}

/// Returns the index of a pallet, and that of its error.
fn module_error(module: &Value<'_>) -> Result<(u8, u8), Mismatch> {
    let index = module.read("index", Value::number::<u8>)?;
    let code = module.read("error", |code| match code {
        // Four bytes, of which the first is the variant's index. Older chains have one.
        Value::Bytes(bytes) => bytes
            .first()
            .copied()
            .ok_or_else(|| Mismatch("no code".to_owned())),
        other => other.number::<u8>(),
    })?;
    Ok((index, code))
}

/// Describes any error of a call. Each means that the call fails.
fn error_text(runtime: &Runtime, error: &Value<'_>) -> String {
    if let Ok(name) = pallet_error(runtime, error) {
        return name.to_owned();
    }
    match error.variant() {
        Ok(("Module", _)) => {}
        Ok((kind, _)) => return kind.to_owned(),
        Err(Mismatch(why)) => return why,
    }
    match error.only().and_then(module_error) {
        Ok((index, code)) => {
            let pallet = runtime.metadata.pallet_by_error_index(index);
            let name = pallet.and_then(|pallet| {
                let variant = pallet.error_variant_by_index(code)?;
                Some(format!("{}.{}", pallet.name(), variant.name))
            });
            name.unwrap_or_else(|| format!("error {code} of pallet {index}"))
        }
        Err(Mismatch(why)) => why,
    }
}

/// Checks that a dry run can be asked for, and that its result is understood.
pub(crate) fn try_on(
    runtime: &Runtime,
    account: AccountId,
    response: &ChallengeResponse,
) -> Result<(), Mismatch> {
    let id = ChallengeId {
        deadline: 0,
        index: 0,
    };
    arguments(runtime, account, id, response)?;
    let (_, output) = signature(runtime)?;
    let (_, effects) = Effects::of(runtime, output)?;
    for needed in ["execution_result", "emitted_events"] {
        let Some(ty) = effects.type_of(needed) else {
            return Err(Mismatch(format!(
                "the result of a dry run has no field `{needed}`"
            )));
        };
        sample(runtime.metadata.types(), ty)?;
    }
    for needed in ["ChallengeDefended", "ChallengeSlashed"] {
        let pallet = runtime.metadata.pallet_by_name(PALLET);
        let known = pallet.and_then(|pallet| pallet.event_variants());
        if !known.is_some_and(|all| all.iter().any(|event| event.name == needed)) {
            return Err(Mismatch(format!("there is no event {PALLET}.{needed}")));
        }
    }
    Ok(())
}
