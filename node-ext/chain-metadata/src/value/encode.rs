//! Encodes values by a type registry: each field of the chain's type is found by its name,
//! and nothing is left over on either side.

use super::{Field, Mismatch, Value};
use codec::{Compact, Encode};
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};

/// The deepest nesting of a description. Calls nest about ten deep.
const MAX_DEPTH: u32 = 64;

/// Encodes a value as the chain's type.
pub(crate) fn encode(
    types: &PortableRegistry,
    ty: u32,
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    encode_at(types, ty, value, out, 0)
}

fn encode_at(
    types: &PortableRegistry,
    ty: u32,
    value: &Value<'_>,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), Mismatch> {
    if depth > MAX_DEPTH {
        return Mismatch::new(format!(
            "the chain's type nests deeper than {MAX_DEPTH} levels"
        ));
    }
    let Some(described) = types.resolve(ty) else {
        return Mismatch::new(format!("type {ty} is not described"));
    };
    let below = depth.saturating_add(1);
    match (&described.type_def, value) {
        (TypeDef::Composite(composite), _) => {
            let fields: Vec<_> = named(&composite.fields).collect();
            encode_struct(types, &fields, value, out, below)
        }
        (TypeDef::Tuple(tuple), _) => {
            let fields: Vec<_> = tuple.fields.iter().map(|field| ("", field.id)).collect();
            encode_struct(types, &fields, value, out, below)
        }
        (TypeDef::Variant(variants), Value::Variant(name, values)) => {
            let Some(variant) = variants.variants.iter().find(|known| known.name == *name) else {
                return Mismatch::new(format!("the chain has no variant `{name}`"));
            };
            out.push(variant.index);
            let fields: Vec<_> = named(&variant.fields).collect();
            within(name, encode_fields(types, &fields, values, out, below))
        }
        (TypeDef::Sequence(sequence), Value::Bytes(bytes)) => {
            expect_bytes(types, sequence.type_param.id)?;
            bytes.encode_to(out);
            Ok(())
        }
        (TypeDef::Sequence(sequence), Value::List(items)) => {
            let count = u32::try_from(items.len());
            let count = count.map_err(|_| Mismatch("a list is too long".to_owned()))?;
            Compact(count).encode_to(out);
            for item in items {
                encode_at(types, sequence.type_param.id, item, out, below)?;
            }
            Ok(())
        }
        (TypeDef::Array(array), Value::Bytes(bytes)) => {
            expect_bytes(types, array.type_param.id)?;
            expect_length(array.len, bytes.len())?;
            out.extend_from_slice(bytes);
            Ok(())
        }
        (TypeDef::Array(array), Value::List(items)) => {
            expect_length(array.len, items.len())?;
            for item in items {
                encode_at(types, array.type_param.id, item, out, below)?;
            }
            Ok(())
        }
        (TypeDef::Primitive(TypeDefPrimitive::Bool), Value::Bool(value)) => {
            value.encode_to(out);
            Ok(())
        }
        (TypeDef::Primitive(TypeDefPrimitive::Str), Value::Bytes(bytes)) => {
            bytes.encode_to(out);
            Ok(())
        }
        (TypeDef::Primitive(primitive), Value::Number(number)) => {
            let width = width_of(primitive, *number)?;
            out.extend(number.to_le_bytes().iter().take(width));
            Ok(())
        }
        (TypeDef::Compact(compact), Value::Number(number)) => {
            let inner = inner_number(types, compact.type_param.id, below)?;
            width_of(inner, *number)?;
            Compact(*number).encode_to(out);
            Ok(())
        }
        (def, value) => Mismatch::new(format!(
            "the chain has {} where Cairn has {}",
            kind_of_type(def),
            kind_of_value(value)
        )),
    }
}

/// Encodes a struct or tuple. One with a single field is encoded as that field, unless the
/// value has it by name.
fn encode_struct(
    types: &PortableRegistry,
    fields: &[(&str, u32)],
    value: &Value<'_>,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), Mismatch> {
    match (value, fields) {
        (Value::Fields(values), [(name, only)]) if values.iter().all(|(own, _)| own != name) => {
            encode_at(types, *only, value, out, depth)
        }
        (Value::Fields(values), _) => encode_fields(types, fields, values, out, depth),
        (_, [(_, only)]) => encode_at(types, *only, value, out, depth),
        _ => Mismatch::new(format!(
            "the chain has a struct where Cairn has {}",
            kind_of_value(value)
        )),
    }
}

/// Encodes the arguments of a call.
pub(crate) fn encode_arguments(
    types: &PortableRegistry,
    fields: &[(&str, u32)],
    values: &[Field<'_>],
    out: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    encode_fields(types, fields, values, out, 0)
}

/// Encodes fields in the chain's order: by name, or by place where the chain has no names.
fn encode_fields(
    types: &PortableRegistry,
    fields: &[(&str, u32)],
    values: &[Field<'_>],
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), Mismatch> {
    for (place, (name, ty)) in fields.iter().enumerate() {
        let value = match *name {
            "" => values.get(place),
            name => values.iter().find(|(own, _)| *own == name),
        };
        let Some((_, value)) = value else {
            return Mismatch::new(format!("the chain needs a field `{name}`"));
        };
        within(name, encode_at(types, *ty, value, out, depth))?;
    }
    let unused = values.iter().find(|(own, _)| {
        !own.is_empty()
            && fields
                .iter()
                .all(|(name, _)| !name.is_empty() && name != own)
    });
    match unused {
        Some((name, _)) => Mismatch::new(format!("the chain has no field `{name}`")),
        None if values.len() != fields.len() => Mismatch::new(format!(
            "the chain has {} fields where Cairn has {}",
            fields.len(),
            values.len()
        )),
        None => Ok(()),
    }
}

fn within<T>(name: &str, result: Result<T, Mismatch>) -> Result<T, Mismatch> {
    match name {
        "" => result,
        name => result.map_err(|Mismatch(why)| Mismatch(format!("`{name}`: {why}"))),
    }
}

fn named(fields: &[scale_info::Field<PortableForm>]) -> impl ExactSizeIterator<Item = (&str, u32)> {
    fields
        .iter()
        .map(|field| (field.name.as_deref().unwrap_or(""), field.ty.id))
}

fn expect_bytes(types: &PortableRegistry, ty: u32) -> Result<(), Mismatch> {
    match types.resolve(ty).map(|ty| &ty.type_def) {
        Some(TypeDef::Primitive(TypeDefPrimitive::U8)) => Ok(()),
        _ => Mismatch::new("the chain has a list of other items than bytes"),
    }
}

fn expect_length(theirs: u32, ours: usize) -> Result<(), Mismatch> {
    match usize::try_from(theirs) == Ok(ours) {
        true => Ok(()),
        false => Mismatch::new(format!(
            "the chain has an array of {theirs} where Cairn has {ours}"
        )),
    }
}

/// Returns the number of bytes of a primitive, if it can hold the number.
fn width_of(primitive: &TypeDefPrimitive, number: u128) -> Result<usize, Mismatch> {
    use TypeDefPrimitive as Primitive;
    let width = match primitive {
        Primitive::U8 => 1,
        Primitive::U16 => 2,
        Primitive::U32 => 4,
        Primitive::U64 => 8,
        Primitive::U128 => 16,
        _ => return Mismatch::new("the chain has another type where Cairn has a number"),
    };
    let too_large = number
        .to_le_bytes()
        .iter()
        .skip(width)
        .any(|byte| *byte != 0);
    match too_large {
        true => Mismatch::new(format!("the number {number} is too large for the chain")),
        false => Ok(width),
    }
}

/// Returns the primitive in a compact number, which newtypes may wrap.
fn inner_number(
    types: &PortableRegistry,
    ty: u32,
    depth: u32,
) -> Result<&TypeDefPrimitive, Mismatch> {
    let mut ty = ty;
    for _ in depth..MAX_DEPTH {
        match types.resolve(ty).map(|ty| &ty.type_def) {
            Some(TypeDef::Primitive(primitive)) => return Ok(primitive),
            Some(TypeDef::Composite(composite)) => match composite.fields.as_slice() {
                [only] => ty = only.ty.id,
                _ => break,
            },
            _ => break,
        }
    }
    Mismatch::new("the chain has a compact value that is no number")
}

fn kind_of_type(def: &TypeDef<PortableForm>) -> String {
    match def {
        TypeDef::Primitive(primitive) => format!("{primitive:?}").to_lowercase(),
        TypeDef::Sequence(_) => "a sequence".to_owned(),
        TypeDef::Array(array) => format!("an array of {}", array.len),
        TypeDef::Compact(_) => "a compact number".to_owned(),
        TypeDef::Variant(_) => "an enum".to_owned(),
        TypeDef::BitSequence(_) => "a sequence of bits".to_owned(),
        TypeDef::Composite(_) | TypeDef::Tuple(_) => "a struct".to_owned(),
    }
}

fn kind_of_value(value: &Value<'_>) -> &'static str {
    match value {
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "a list",
        Value::Fields(_) => "a struct",
        Value::Variant(..) => "an enum",
    }
}
