//! Decodes values by a type registry.
//!
//! Both the bytes and the registry may be hostile. Nesting, the number of parts and the
//! memory are bounded, and a description that contains itself ends in an error.

use super::{Field, Value};
use codec::{Compact, Decode};
use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};

/// The deepest nesting. The deepest values are events that hold XCM programs, whose own
/// bound of 8 programs is some 60 levels here.
const MAX_DEPTH: u32 = 128;
/// The most parts of one value: a list of 60,000 challenges has fewer.
const MAX_PARTS: u32 = 1 << 20;

/// A reason why bytes do not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("it ends early")]
    EndOfInput,
    #[error("{0} bytes follow it")]
    TrailingBytes(usize),
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("it has more than {MAX_PARTS} parts")]
    TooManyParts,
    #[error("type {0} is not described")]
    UnknownType(u32),
    #[error("variant {0} is not described")]
    UnknownVariant(u8),
    #[error("a byte {0} where a boolean is due")]
    NotABoolean(u8),
    #[error("an invalid compact number")]
    InvalidCompact,
}

/// Decodes values from bytes, one after another.
pub(crate) struct Decoder<'a> {
    types: &'a PortableRegistry,
    input: &'a [u8],
    parts: u32,
}

/// Decodes a value that takes all of the bytes.
pub(crate) fn decode_all<'a>(
    types: &'a PortableRegistry,
    ty: u32,
    bytes: &'a [u8],
) -> Result<Value<'a>, DecodeError> {
    let mut decoder = Decoder::new(types, bytes);
    let value = decoder.value(ty)?;
    decoder.finish()?;
    Ok(value)
}

impl<'a> Decoder<'a> {
    /// Creates a decoder.
    pub(crate) fn new(types: &'a PortableRegistry, input: &'a [u8]) -> Self {
        Self {
            types,
            input,
            parts: 0,
        }
    }

    /// Decodes a value. Each has its own bound of parts.
    pub(crate) fn value(&mut self, ty: u32) -> Result<Value<'a>, DecodeError> {
        self.parts = 0;
        self.nested(ty, 0)
    }

    /// Decodes the length of a sequence.
    pub(crate) fn length(&mut self) -> Result<u32, DecodeError> {
        let length = Compact::<u32>::decode(&mut self.input);
        length
            .map(|length| length.0)
            .map_err(|_| DecodeError::InvalidCompact)
    }

    /// Decodes the length of a sequence of which each item takes a byte at least. Items of no
    /// bytes would be as many as a hostile node likes.
    pub(crate) fn bounded_length(&mut self) -> Result<u32, DecodeError> {
        let length = self.length()?;
        match usize::try_from(length) {
            Ok(items) if items <= self.input.len() => Ok(length),
            _ => Err(DecodeError::EndOfInput),
        }
    }

    /// Takes bytes as they are.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .input
            .split_at_checked(count)
            .ok_or(DecodeError::EndOfInput)?;
        self.input = rest;
        Ok(taken)
    }

    /// Checks that no bytes are left.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.input.len() {
            0 => Ok(()),
            rest => Err(DecodeError::TrailingBytes(rest)),
        }
    }

    fn definition(&self, ty: u32) -> Result<&'a TypeDef<PortableForm>, DecodeError> {
        let found = self.types.resolve(ty).ok_or(DecodeError::UnknownType(ty))?;
        Ok(&found.type_def)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.input.split_first().ok_or(DecodeError::EndOfInput)?;
        self.input = rest;
        Ok(*first)
    }

    /// Takes a length that cannot be more than there are bytes, if items take any.
    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.length()?;
        self.take(usize::try_from(length).map_err(|_| DecodeError::EndOfInput)?)
    }

    fn is_byte(&self, ty: u32) -> Result<bool, DecodeError> {
        Ok(matches!(
            self.definition(ty)?,
            TypeDef::Primitive(TypeDefPrimitive::U8)
        ))
    }

    fn nested(&mut self, ty: u32, depth: u32) -> Result<Value<'a>, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        self.parts = self.parts.saturating_add(1);
        if self.parts > MAX_PARTS {
            return Err(DecodeError::TooManyParts);
        }
        let below = depth.saturating_add(1);
        match self.definition(ty)? {
            TypeDef::Composite(composite) => {
                self.fields(named(&composite.fields), below).map(collapse)
            }
            TypeDef::Tuple(tuple) => self
                .fields(tuple.fields.iter().map(|field| ("", field.id)), below)
                .map(collapse),
            TypeDef::Variant(variants) => {
                let index = self.byte()?;
                let variant = variants.variants.iter().find(|known| known.index == index);
                let variant = variant.ok_or(DecodeError::UnknownVariant(index))?;
                let fields = self.fields(named(&variant.fields), below)?;
                Ok(Value::Variant(&variant.name, fields))
            }
            TypeDef::Sequence(sequence) => match self.is_byte(sequence.type_param.id)? {
                true => self.bytes().map(Value::Bytes),
                false => {
                    let length = self.length()?;
                    self.items(sequence.type_param.id, length, below)
                }
            },
            TypeDef::Array(array) => match self.is_byte(array.type_param.id)? {
                true => {
                    let length = usize::try_from(array.len).map_err(|_| DecodeError::EndOfInput)?;
                    self.take(length).map(Value::Bytes)
                }
                false => self.items(array.type_param.id, array.len, below),
            },
            TypeDef::Primitive(primitive) => self.primitive(primitive),
            TypeDef::Compact(_) => {
                let number = Compact::<u128>::decode(&mut self.input);
                let number = number.map_err(|_| DecodeError::InvalidCompact)?;
                Ok(Value::Number(number.0))
            }
            TypeDef::BitSequence(bits) => {
                let store = match self.definition(bits.bit_store_type.id)? {
                    TypeDef::Primitive(TypeDefPrimitive::U16) => 2,
                    TypeDef::Primitive(TypeDefPrimitive::U32) => 4,
                    TypeDef::Primitive(TypeDefPrimitive::U64) => 8,
                    _ => 1_usize,
                };
                let bits = usize::try_from(self.length()?).map_err(|_| DecodeError::EndOfInput)?;
                let words = bits.div_ceil(store.saturating_mul(8));
                self.take(words.saturating_mul(store)).map(Value::Bytes)
            }
        }
    }

    fn fields(
        &mut self,
        fields: impl ExactSizeIterator<Item = (&'a str, u32)>,
        depth: u32,
    ) -> Result<Vec<Field<'a>>, DecodeError> {
        let mut values = Vec::new();
        for (name, ty) in fields {
            values.push((name, self.nested(ty, depth)?));
        }
        Ok(values)
    }

    fn items(&mut self, ty: u32, count: u32, depth: u32) -> Result<Value<'a>, DecodeError> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.nested(ty, depth)?);
        }
        Ok(Value::List(items))
    }

    fn primitive(&mut self, primitive: &TypeDefPrimitive) -> Result<Value<'a>, DecodeError> {
        use TypeDefPrimitive as Primitive;
        let width = match primitive {
            Primitive::Bool => {
                return match self.byte()? {
                    0 => Ok(Value::Bool(false)),
                    1 => Ok(Value::Bool(true)),
                    other => Err(DecodeError::NotABoolean(other)),
                };
            }
            Primitive::Str => return self.bytes().map(Value::Bytes),
            Primitive::U8 => 1,
            Primitive::U16 => 2,
            Primitive::U32 => 4,
            Primitive::U64 => 8,
            Primitive::U128 => 16,
            // Kept as bytes: no number of the pallet is one of these.
            Primitive::I8 => return self.take(1).map(Value::Bytes),
            Primitive::I16 => return self.take(2).map(Value::Bytes),
            Primitive::I32 | Primitive::Char => return self.take(4).map(Value::Bytes),
            Primitive::I64 => return self.take(8).map(Value::Bytes),
            Primitive::I128 => return self.take(16).map(Value::Bytes),
            Primitive::U256 | Primitive::I256 => return self.take(32).map(Value::Bytes),
        };
        let number = self.take(width)?;
        let number = number
            .iter()
            .rev()
            .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
        Ok(Value::Number(number))
    }
}

/// Returns fields with their names.
fn named(fields: &[scale_info::Field<PortableForm>]) -> impl ExactSizeIterator<Item = (&str, u32)> {
    fields
        .iter()
        .map(|field| (field.name.as_deref().unwrap_or(""), field.ty.id))
}

/// Leaves out a struct with one unnamed field.
fn collapse(mut fields: Vec<Field<'_>>) -> Value<'_> {
    match fields.as_slice() {
        [("", _)] => fields
            .pop()
            .map_or(Value::Fields(Vec::new()), |(_, only)| only),
        _ => Value::Fields(fields),
    }
}
