//! Writes types of metadata as the data in `face/*.toml` has them.

use frame_metadata::v15::{StorageEntryType, StorageHasher};
use scale_info::form::PortableForm;
use scale_info::{Field, PortableRegistry, TypeDef, TypeDefPrimitive, Variant};
use std::collections::BTreeMap;

/// Types that every chain has: their definitions are no part of the face.
const KNOWN: [&str; 6] = [
    "AccountId32",
    "H256",
    "MultiSignature",
    "OriginCaller",
    "Result",
    "RuntimeCall",
];

/// Writes types, and collects the definitions of those that it meets.
pub(super) struct Renderer<'a> {
    registry: &'a PortableRegistry,
    definitions: BTreeMap<u32, String>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(registry: &'a PortableRegistry) -> Self {
        Self {
            registry,
            definitions: BTreeMap::new(),
        }
    }

    /// Returns the definitions of all types that occurred.
    pub(super) fn into_types(self) -> Vec<String> {
        self.definitions.into_values().collect()
    }

    /// Returns the variants of an enum: index, name, and fields.
    pub(super) fn variants(&mut self, id: u32) -> Vec<(u8, String, String)> {
        let TypeDef::Variant(variants) = &self.registry.resolve(id).unwrap().type_def else {
            panic!("type {id} is no enum");
        };
        let variants = variants.variants.iter();
        variants
            .map(|variant| {
                let fields = self.fields(&variant.fields);
                (variant.index, variant.name.clone(), fields)
            })
            .collect()
    }

    /// Returns the keys, with their hashers, and the value of a storage item.
    pub(super) fn storage(&mut self, ty: &StorageEntryType<PortableForm>) -> (String, String) {
        match ty {
            StorageEntryType::Plain(value) => (String::new(), self.name(value.id)),
            StorageEntryType::Map {
                hashers,
                key,
                value,
            } => {
                let keys = match &self.registry.resolve(key.id).unwrap().type_def {
                    TypeDef::Tuple(tuple) => tuple.fields.iter().map(|field| field.id).collect(),
                    _ => vec![key.id],
                };
                assert_eq!(keys.len(), hashers.len());
                let keys: Vec<_> = keys
                    .into_iter()
                    .zip(hashers)
                    .map(|(id, hasher)| format!("{} {}", hasher_name(hasher), self.name(id)))
                    .collect();
                (keys.join(", "), self.name(value.id))
            }
        }
    }

    /// Returns the name of a type.
    pub(super) fn name(&mut self, id: u32) -> String {
        let ty = self.registry.resolve(id).unwrap();
        let path = ty.path.ident().unwrap_or_default();
        match &ty.type_def {
            TypeDef::Primitive(primitive) => primitive_name(primitive).to_owned(),
            TypeDef::Sequence(sequence) => format!("Vec<{}>", self.name(sequence.type_param.id)),
            TypeDef::Array(array) => {
                format!("[{}; {}]", self.name(array.type_param.id), array.len)
            }
            TypeDef::Tuple(tuple) => {
                let items: Vec<_> = tuple.fields.iter().map(|item| self.name(item.id)).collect();
                format!("({})", items.join(", "))
            }
            TypeDef::Compact(compact) => format!("Compact<{}>", self.name(compact.type_param.id)),
            TypeDef::BitSequence(_) => "BitVec".to_owned(),
            TypeDef::Composite(composite) if path == "BoundedVec" => {
                let inner = self.name(composite.fields[0].ty.id);
                format!("Bounded{inner}")
            }
            TypeDef::Variant(variants) if path == "Option" => {
                let some = &variants.variants[1];
                format!("Option<{}>", self.name(some.fields[0].ty.id))
            }
            _ if KNOWN.contains(&path.as_str()) => path,
            TypeDef::Composite(composite) => {
                self.define(id, |this| {
                    format!("{path} {{ {} }}", this.fields(&composite.fields))
                });
                path
            }
            TypeDef::Variant(variants) => {
                self.define(id, |this| {
                    let variants = variants.variants.iter();
                    let variants: Vec<_> = variants.map(|one| this.variant(one)).collect();
                    format!("{path} = {}", variants.join(" | "))
                });
                path
            }
        }
    }

    fn define(&mut self, id: u32, write: impl FnOnce(&mut Self) -> String) {
        if !self.definitions.contains_key(&id) {
            self.definitions.insert(id, String::new());
            let definition = write(self);
            self.definitions.insert(id, definition);
        }
    }

    fn variant(&mut self, variant: &Variant<PortableForm>) -> String {
        let head = format!("{} {}", variant.index, variant.name);
        let fields = self.fields(&variant.fields);
        match variant.fields.first() {
            None => head,
            Some(first) if first.name.is_some() => format!("{head} {{ {fields} }}"),
            Some(_) => format!("{head}({fields})"),
        }
    }

    fn fields(&mut self, fields: &[Field<PortableForm>]) -> String {
        let fields: Vec<_> = fields
            .iter()
            .map(|field| {
                let ty = self.name(field.ty.id);
                match &field.name {
                    Some(name) => format!("{name}: {ty}"),
                    None => ty,
                }
            })
            .collect();
        fields.join(", ")
    }
}

fn hasher_name(hasher: &StorageHasher) -> &'static str {
    match hasher {
        StorageHasher::Blake2_128 => "Blake2_128",
        StorageHasher::Blake2_256 => "Blake2_256",
        StorageHasher::Blake2_128Concat => "Blake2_128Concat",
        StorageHasher::Twox128 => "Twox128",
        StorageHasher::Twox256 => "Twox256",
        StorageHasher::Twox64Concat => "Twox64Concat",
        StorageHasher::Identity => "Identity",
    }
}

fn primitive_name(primitive: &TypeDefPrimitive) -> &'static str {
    match primitive {
        TypeDefPrimitive::Bool => "bool",
        TypeDefPrimitive::Char => "char",
        TypeDefPrimitive::Str => "str",
        TypeDefPrimitive::U8 => "u8",
        TypeDefPrimitive::U16 => "u16",
        TypeDefPrimitive::U32 => "u32",
        TypeDefPrimitive::U64 => "u64",
        TypeDefPrimitive::U128 => "u128",
        TypeDefPrimitive::U256 => "u256",
        TypeDefPrimitive::I8 => "i8",
        TypeDefPrimitive::I16 => "i16",
        TypeDefPrimitive::I32 => "i32",
        TypeDefPrimitive::I64 => "i64",
        TypeDefPrimitive::I128 => "i128",
        TypeDefPrimitive::I256 => "i256",
    }
}
