//! Writes type descriptions.

use scale_info::form::PortableForm;
use scale_info::{
    Field, Path, PortableRegistry, PortableRegistryBuilder, Type, TypeDef, TypeDefArray,
    TypeDefCompact, TypeDefComposite, TypeDefPrimitive, TypeDefSequence, TypeDefTuple,
    TypeDefVariant, Variant,
};

/// A registry that is being written.
#[derive(Default)]
pub(super) struct Types(PortableRegistryBuilder);

/// A variant: its name, its index and its fields.
pub(super) type VariantOf<'f, N> = (N, u8, Vec<(&'f str, u32)>);

impl Types {
    pub(super) fn finish(&self) -> PortableRegistry {
        self.0.finish()
    }

    fn add(&mut self, def: impl Into<TypeDef<PortableForm>>) -> u32 {
        let ty = Type::new(Path::default(), Vec::new(), def, Vec::new());
        self.0.register_type(ty)
    }

    pub(super) fn u8(&mut self) -> u32 {
        self.add(TypeDefPrimitive::U8)
    }

    pub(super) fn u16(&mut self) -> u32 {
        self.add(TypeDefPrimitive::U16)
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.add(TypeDefPrimitive::U32)
    }

    pub(super) fn u64(&mut self) -> u32 {
        self.add(TypeDefPrimitive::U64)
    }

    pub(super) fn u128(&mut self) -> u32 {
        self.add(TypeDefPrimitive::U128)
    }

    pub(super) fn bool(&mut self) -> u32 {
        self.add(TypeDefPrimitive::Bool)
    }

    pub(super) fn compact(&mut self, inner: u32) -> u32 {
        self.add(TypeDefCompact::new(inner.into()))
    }

    pub(super) fn sequence(&mut self, item: u32) -> u32 {
        self.add(TypeDefSequence::new(item.into()))
    }

    /// A `BoundedVec`: a struct around a sequence.
    pub(super) fn bounded(&mut self, item: u32) -> u32 {
        let inner = self.sequence(item);
        self.newtype(inner)
    }

    pub(super) fn array(&mut self, item: u32, length: u32) -> u32 {
        self.add(TypeDefArray::new(length, item.into()))
    }

    pub(super) fn tuple(&mut self, items: &[u32]) -> u32 {
        self.add(TypeDefTuple::new_portable(
            items.iter().map(|item| (*item).into()),
        ))
    }

    pub(super) fn newtype(&mut self, inner: u32) -> u32 {
        self.structure(&[("", inner)])
    }

    pub(super) fn account(&mut self) -> u32 {
        self.hash()
    }

    pub(super) fn hash(&mut self) -> u32 {
        let byte = self.u8();
        let bytes = self.array(byte, 32);
        self.newtype(bytes)
    }

    pub(super) fn structure(&mut self, fields: &[(&str, u32)]) -> u32 {
        self.add(TypeDefComposite::new(described(fields)))
    }

    pub(super) fn enumeration<N: Into<String>>(&mut self, variants: Vec<VariantOf<'_, N>>) -> u32 {
        let variants = variants.into_iter().map(|(name, index, fields)| {
            Variant::new(name.into(), described(&fields), index, Vec::new())
        });
        self.add(TypeDefVariant::new(variants.collect::<Vec<_>>()))
    }

    pub(super) fn option(&mut self, inner: u32) -> u32 {
        self.enumeration(vec![("None", 0, vec![]), ("Some", 1, vec![("", inner)])])
    }

    pub(super) fn result(&mut self, ok: u32, err: u32) -> u32 {
        self.enumeration(vec![("Ok", 0, vec![("", ok)]), ("Err", 1, vec![("", err)])])
    }
}

fn described(fields: &[(&str, u32)]) -> Vec<Field<PortableForm>> {
    let named = fields.iter().map(|(name, ty)| {
        let name = (!name.is_empty()).then(|| (*name).to_owned());
        Field::new(name, (*ty).into(), None, Vec::new())
    });
    named.collect()
}
