//! Makes an encoded value of any type, so that a reader can be tried on a runtime before
//! there is a row to read.

use super::Mismatch;
use codec::{Compact, Encode};
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};

/// The deepest nesting of a sample.
const MAX_DEPTH: u32 = 32;
/// The most parts of a sample.
const MAX_PARTS: u32 = 1 << 14;

/// Returns an encoded value of a type: zeros, one item in each list, `Some` in each option,
/// and the first variant of every other enum.
pub(crate) fn sample(types: &PortableRegistry, ty: u32) -> Result<Vec<u8>, Mismatch> {
    let mut made = Sample {
        types,
        bytes: Vec::new(),
        parts: 0,
    };
    made.append(ty, 0)?;
    Ok(made.bytes)
}

struct Sample<'t> {
    types: &'t PortableRegistry,
    bytes: Vec<u8>,
    parts: u32,
}

impl Sample<'_> {
    fn append(&mut self, ty: u32, depth: u32) -> Result<(), Mismatch> {
        self.parts = self.parts.saturating_add(1);
        if depth > MAX_DEPTH || self.parts > MAX_PARTS {
            return Mismatch::new("the type has no small value");
        }
        let types = self.types;
        let Some(described) = types.resolve(ty) else {
            return Mismatch::new(format!("type {ty} is not described"));
        };
        let below = depth.saturating_add(1);
        match &described.type_def {
            TypeDef::Composite(composite) => composite
                .fields
                .iter()
                .try_for_each(|field| self.append(field.ty.id, below)),
            TypeDef::Tuple(tuple) => tuple
                .fields
                .iter()
                .try_for_each(|field| self.append(field.id, below)),
            TypeDef::Variant(variants) => {
                let some = variants.variants.iter().find(|known| known.name == "Some");
                let Some(variant) = some.or(variants.variants.first()) else {
                    return Mismatch::new("an enum has no variants");
                };
                self.bytes.push(variant.index);
                variant
                    .fields
                    .iter()
                    .try_for_each(|field| self.append(field.ty.id, below))
            }
            TypeDef::Sequence(sequence) => {
                let item = sequence.type_param.id;
                let is_bytes = matches!(
                    types.resolve(item).map(|item| &item.type_def),
                    Some(TypeDef::Primitive(TypeDefPrimitive::U8))
                );
                match is_bytes {
                    true => Compact(0_u32).encode_to(&mut self.bytes),
                    false => {
                        Compact(1_u32).encode_to(&mut self.bytes);
                        self.append(item, below)?;
                    }
                }
                Ok(())
            }
            TypeDef::Array(array) => {
                for _ in 0..array.len {
                    self.append(array.type_param.id, below)?;
                }
                Ok(())
            }
            TypeDef::Primitive(primitive) => {
                use TypeDefPrimitive as Primitive;
                let width = match primitive {
                    Primitive::Bool | Primitive::Str | Primitive::U8 | Primitive::I8 => 1,
                    Primitive::U16 | Primitive::I16 => 2,
                    Primitive::U32 | Primitive::I32 | Primitive::Char => 4,
                    Primitive::U64 | Primitive::I64 => 8,
                    Primitive::U128 | Primitive::I128 => 16,
                    Primitive::U256 | Primitive::I256 => 32,
                };
                self.bytes.resize(self.bytes.len().saturating_add(width), 0);
                Ok(())
            }
            TypeDef::Compact(_) | TypeDef::BitSequence(_) => {
                self.bytes.push(0);
                Ok(())
            }
        }
    }
}
