//! Dynamic values: how to make and to read them.

use crate::UserError;
use crate::keys::AccountId;
use subxt::dynamic::{At, Value};
use subxt::ext::scale_value::{Composite, Primitive, ValueDef};

/// Returns an account, as an argument or a key of a map.
pub fn account(account: AccountId) -> Value {
    Value::from_bytes(account)
}

/// Returns a composite with named fields.
pub fn named<const N: usize>(fields: [(&str, Value); N]) -> Composite<()> {
    Composite::named(fields)
}

/// Returns an `Option`.
pub fn option(value: Option<Value>) -> Value {
    match value {
        Some(value) => Value::unnamed_variant("Some", [value]),
        None => Value::unnamed_variant("None", []),
    }
}

/// Returns the number in a value, also through types with one field.
///
/// # Errors
///
/// [`UserError::Unexpected`] if it is not one.
pub fn number(value: &Value) -> Result<u128, UserError> {
    match &value.value {
        ValueDef::Primitive(Primitive::U128(number)) => Ok(*number),
        ValueDef::Composite(composite) => match composite.values().next() {
            Some(inner) if composite.len() == 1 => number(inner),
            _ => Err(unexpected("a number", value)),
        },
        _ => Err(unexpected("a number", value)),
    }
}

/// Returns the number in a field.
///
/// # Errors
///
/// [`UserError::Unexpected`] if there is no such field, or it has no number.
pub fn number_in(value: &Value, field: &str) -> Result<u128, UserError> {
    number(inside(value, field)?)
}

/// Returns the number in a field, as a type that is smaller.
///
/// # Errors
///
/// [`UserError::Unexpected`] if there is no such field, or its number is too large.
pub fn small<T: TryFrom<u128>>(value: &Value, field: &str) -> Result<T, UserError> {
    T::try_from(number_in(value, field)?).map_err(|_| unexpected("a smaller number", value))
}

/// Returns a field.
///
/// # Errors
///
/// [`UserError::Unexpected`] if there is none of that name.
pub fn inside<'a>(value: &'a Value, field: &str) -> Result<&'a Value, UserError> {
    value.at(field).ok_or_else(|| unexpected(field, value))
}

/// Returns the bytes of an array or a list of numbers, also through types with one field.
///
/// # Errors
///
/// [`UserError::Unexpected`] if it is not one.
pub fn bytes(value: &Value) -> Result<Vec<u8>, UserError> {
    let ValueDef::Composite(composite) = &value.value else {
        return Err(unexpected("bytes", value));
    };
    let mut values = composite.values();
    if let (Some(inner), true) = (values.next(), composite.len() == 1)
        && matches!(inner.value, ValueDef::Composite(_))
    {
        return bytes(inner);
    }
    composite
        .values()
        .map(|byte| u8::try_from(number(byte)?).map_err(|_| unexpected("a byte", byte)))
        .collect()
}

/// Returns 32 bytes: an account or a hash.
///
/// # Errors
///
/// [`UserError::Unexpected`] if they are not 32 bytes.
pub fn bytes32(value: &Value) -> Result<[u8; 32], UserError> {
    let bytes = bytes(value)?;
    bytes.try_into().map_err(|_| unexpected("32 bytes", value))
}

/// Returns the name of the variant of an enum.
///
/// # Errors
///
/// [`UserError::Unexpected`] if it is no enum.
pub fn variant(value: &Value) -> Result<&str, UserError> {
    match &value.value {
        ValueDef::Variant(variant) => Ok(&variant.name),
        _ => Err(unexpected("an enum", value)),
    }
}

/// Returns the items of a list.
pub fn items(list: &Value) -> Vec<&Value> {
    match &list.value {
        ValueDef::Composite(composite) => composite.values().collect(),
        _ => Vec::new(),
    }
}

/// Returns the items of a bounded list, which is a type around a list.
pub fn bounded_items(list: &Value) -> Vec<&Value> {
    items(list)
        .first()
        .map_or_else(Vec::new, |list| items(list))
}

/// Returns the value in an `Option`.
pub fn some(value: &Value) -> Option<&Value> {
    match &value.value {
        ValueDef::Variant(variant) if variant.name == "Some" => variant.values.values().next(),
        _ => None,
    }
}

fn unexpected(expected: &str, value: &Value) -> UserError {
    UserError::Unexpected(format!("expected {expected}, found {value}"))
}
