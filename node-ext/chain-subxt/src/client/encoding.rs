//! Compares type descriptions, ours and a chain's: do they encode to the same bytes?
//!
//! Names, paths and nesting do not matter: a newtype encodes as the wrapped type, and a
//! struct as its fields in a row. Variants that only one side has are accepted: if one
//! occurs, decoding or the chain refuses it.

use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef};
use std::collections::HashSet;

/// The most types visited for one value. Ours need about sixty; a recursive description
/// is refused.
const MAX_VISITS: usize = 4096;

/// A comparison of our types with a chain's.
pub(super) struct Comparison<'t> {
    ours: &'t PortableRegistry,
    theirs: &'t PortableRegistry,
    /// Pairs that are equal or being compared.
    visited: HashSet<(u32, u32)>,
}

impl<'t> Comparison<'t> {
    pub(super) fn new(ours: &'t PortableRegistry, theirs: &'t PortableRegistry) -> Self {
        Self {
            ours,
            theirs,
            visited: HashSet::new(),
        }
    }

    /// Checks that values of these types, in a row, encode alike.
    pub(super) fn compare_all(&mut self, ours: &[u32], theirs: &[u32]) -> Result<(), String> {
        let ours = flatten(self.ours, ours)?;
        let theirs = flatten(self.theirs, theirs)?;
        if ours.len() != theirs.len() {
            return Err(format!(
                "the chain has {} values where Cairn has {}",
                theirs.len(),
                ours.len()
            ));
        }
        for (place, (our, their)) in ours.into_iter().zip(theirs).enumerate() {
            if self.visited.insert((our, their)) {
                self.compare_types(our, their)
                    .map_err(|why| format!("value {place}: {why}"))?;
            }
        }
        Ok(())
    }

    fn compare_types(&mut self, our: u32, their: u32) -> Result<(), String> {
        match (definition(self.ours, our)?, definition(self.theirs, their)?) {
            (TypeDef::Primitive(ours), TypeDef::Primitive(theirs)) if ours == theirs => Ok(()),
            (TypeDef::Sequence(ours), TypeDef::Sequence(theirs)) => {
                self.compare_all(&[ours.type_param.id], &[theirs.type_param.id])
            }
            (TypeDef::Array(ours), TypeDef::Array(theirs)) if ours.len == theirs.len => {
                self.compare_all(&[ours.type_param.id], &[theirs.type_param.id])
            }
            (TypeDef::Compact(ours), TypeDef::Compact(theirs)) => {
                self.compare_all(&[ours.type_param.id], &[theirs.type_param.id])
            }
            (TypeDef::Variant(ours), TypeDef::Variant(theirs)) => {
                let mut shared = false;
                for our in &ours.variants {
                    let of_index = theirs.variants.iter().find(|v| v.index == our.index);
                    let Some(their) = of_index else { continue };
                    shared = true;
                    let ours: Vec<u32> = our.fields.iter().map(|field| field.ty.id).collect();
                    let theirs: Vec<u32> = their.fields.iter().map(|field| field.ty.id).collect();
                    self.compare_all(&ours, &theirs)
                        .map_err(|why| format!("variant {}: {why}", our.name))?;
                }
                match shared || ours.variants.is_empty() && theirs.variants.is_empty() {
                    true => Ok(()),
                    false => Err("no variant is shared".to_owned()),
                }
            }
            (ours, theirs) => Err(format!(
                "the chain has {} where Cairn has {}",
                kind_name(theirs),
                kind_name(ours)
            )),
        }
    }
}

fn definition(registry: &PortableRegistry, id: u32) -> Result<&TypeDef<PortableForm>, String> {
    registry
        .resolve(id)
        .map(|ty| &ty.type_def)
        .ok_or_else(|| format!("type {id} is not described"))
}

/// Flattens structs and tuples into the types of their fields, in encoding order.
fn flatten(registry: &PortableRegistry, ids: &[u32]) -> Result<Vec<u32>, String> {
    let mut parts = Vec::new();
    let mut visits: usize = 0;
    // A stack: the next type is the last.
    let mut waiting: Vec<u32> = ids.iter().rev().copied().collect();
    while let Some(id) = waiting.pop() {
        visits = visits.saturating_add(1);
        if visits > MAX_VISITS || waiting.len() > MAX_VISITS {
            return Err(format!("more than {MAX_VISITS} types describe one value"));
        }
        match definition(registry, id)? {
            TypeDef::Composite(composite) => {
                waiting.extend(composite.fields.iter().rev().map(|field| field.ty.id));
            }
            TypeDef::Tuple(tuple) => {
                waiting.extend(tuple.fields.iter().rev().map(|field| field.id));
            }
            _ => parts.push(id),
        }
    }
    Ok(parts)
}

/// Names the kind of a type for an error message.
fn kind_name(def: &TypeDef<PortableForm>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use scale_info::{
        Field, Path, PortableRegistryBuilder, Registry, Type, TypeDefComposite, TypeInfo, meta_type,
    };

    fn compare<A: TypeInfo + 'static, B: TypeInfo + 'static>() -> Result<(), String> {
        let (mut ours, mut theirs) = (Registry::new(), Registry::new());
        // Gives the same type another id.
        theirs.register_type(&meta_type::<Option<u128>>());
        let our = ours.register_type(&meta_type::<A>()).id;
        let their = theirs.register_type(&meta_type::<B>()).id;
        Comparison::new(&ours.into(), &theirs.into()).compare_all(&[our], &[their])
    }

    #[derive(TypeInfo)]
    struct Wrapped(#[expect(dead_code, reason = "it is only described")] u64);

    #[derive(TypeInfo)]
    #[expect(dead_code, reason = "it is only described")]
    struct Nested {
        head: (Wrapped, u8),
        rest: Vec<Wrapped>,
    }

    #[derive(TypeInfo)]
    #[expect(dead_code, reason = "it is only described")]
    enum Newer {
        #[codec(index = 0)]
        One,
        #[codec(index = 1)]
        Some(u64),
        #[codec(index = 7)]
        Late(String),
    }

    #[derive(TypeInfo)]
    #[expect(dead_code, reason = "it is only described")]
    enum Endless {
        Leaf,
        Node(Vec<Endless>),
    }

    #[test]
    fn types_with_equal_encodings_match() {
        assert_eq!(compare::<Wrapped, u64>(), Ok(()));
        assert_eq!(compare::<Nested, (u64, (u8, Vec<u64>))>(), Ok(()));
        assert_eq!(compare::<Option<Wrapped>, Newer>(), Ok(()));
        assert_eq!(compare::<Endless, Endless>(), Ok(()));
        assert_eq!(compare::<(), ((), ())>(), Ok(()));
    }

    #[test]
    fn a_mismatch_is_reported_with_its_index() {
        assert_eq!(
            compare::<Nested, (u64, (u8, Vec<u32>))>().unwrap_err(),
            "value 2: value 0: the chain has u32 where Cairn has u64"
        );
        assert!(compare::<[u8; 32], [u8; 33]>().is_err());
        assert!(compare::<u64, codec::Compact<u64>>().is_err());
        assert!(compare::<Option<u32>, Newer>().is_err());
        assert_eq!(
            compare::<(u8, u8), u8>().unwrap_err(),
            "the chain has 1 values where Cairn has 2"
        );
    }

    #[test]
    fn a_recursive_description_is_refused() {
        // A struct that contains itself: no compiler accepts it, but a node may send it.
        let field = || Field::new(None, 0.into(), None, Vec::new());
        let composite = TypeDefComposite::new([field(), field()]);
        let mut builder = PortableRegistryBuilder::new();
        builder.register_type(Type::new(
            Path::default(),
            Vec::new(),
            composite,
            Vec::new(),
        ));
        let theirs = builder.finish();
        assert!(flatten(&theirs, &[0]).is_err());
        assert!(flatten(&theirs, &[1]).is_err());
    }
}
