//! Values: both ways, and against descriptions that nobody should write.

use super::*;
use codec::{Compact, Encode};
use scale_info::form::PortableForm;
use scale_info::{
    Field, Path, PortableRegistry, PortableRegistryBuilder, Registry, Type, TypeDef, TypeDefArray,
    TypeDefComposite, TypeDefSequence, TypeInfo, meta_type,
};

fn described<T: TypeInfo + 'static>() -> (PortableRegistry, u32) {
    let mut registry = Registry::new();
    let ty = registry.register_type(&meta_type::<T>()).id;
    (registry.into(), ty)
}

fn encoded(types: &PortableRegistry, ty: u32, value: &Value<'_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    encode(types, ty, value, &mut bytes).map_err(|Mismatch(why)| why)?;
    Ok(bytes)
}

#[derive(TypeInfo, Encode)]
struct Wrapped(u64);

#[derive(TypeInfo, Encode)]
struct Nested {
    late: Option<Wrapped>,
    early: (u8, bool),
    text: String,
    compact: Compact<u32>,
    bytes: Vec<u8>,
    rest: Vec<[u8; 3]>,
}

#[test]
fn a_list_of_items_that_take_bytes_has_no_more_than_there_are_bytes() {
    let (types, _) = described::<u8>();
    let three = [vec![3_u8 << 2], vec![0; 3]].concat();
    assert_eq!(Decoder::new(&types, &three).bounded_length(), Ok(3));
    let promised = [Compact(u32::MAX).encode(), vec![0; 3]].concat();
    let length = Decoder::new(&types, &promised).bounded_length();
    assert_eq!(length, Err(DecodeError::EndOfInput));
}

fn nested() -> (Nested, Value<'static>) {
    let row = Nested {
        late: Some(Wrapped(7)),
        early: (8, true),
        text: "text".to_owned(),
        compact: Compact(9),
        bytes: vec![1, 2],
        rest: vec![[3; 3], [4; 3]],
    };
    let value = Value::Fields(vec![
        ("late", Value::wrap("Some", Value::Number(7))),
        (
            "early",
            Value::Fields(vec![("", Value::Number(8)), ("", Value::Bool(true))]),
        ),
        ("text", Value::Bytes(b"text")),
        ("compact", Value::Number(9)),
        ("bytes", Value::Bytes(&[1, 2])),
        (
            "rest",
            Value::List(vec![Value::Bytes(&[3; 3]), Value::Bytes(&[4; 3])]),
        ),
    ]);
    (row, value)
}

#[test]
fn a_value_has_the_bytes_of_its_type_both_ways() {
    let (types, ty) = described::<Nested>();
    let (row, value) = nested();
    let bytes = row.encode();
    assert_eq!(decode_all(&types, ty, &bytes).unwrap(), value);
    assert_eq!(encoded(&types, ty, &value).unwrap(), bytes);
    for cut in 0..bytes.len() {
        assert!(decode_all(&types, ty, &bytes[..cut]).is_err(), "{cut}");
    }
    let longer = [bytes, vec![0]].concat();
    assert_eq!(
        decode_all(&types, ty, &longer),
        Err(DecodeError::TrailingBytes(1))
    );
}

#[test]
fn fields_are_found_by_name_and_written_in_the_chains_order() {
    let (types, ty) = described::<Nested>();
    let (row, value) = nested();
    let Value::Fields(mut fields) = value else {
        panic!("{value:?}");
    };
    fields.reverse();
    let shuffled = Value::Fields(fields.clone());
    assert_eq!(encoded(&types, ty, &shuffled).unwrap(), row.encode());
    let mut fewer = fields.clone();
    fewer.remove(0);
    let why = encoded(&types, ty, &Value::Fields(fewer)).unwrap_err();
    assert_eq!(why, "the chain needs a field `rest`");
    fields.push(("more", Value::Bool(true)));
    let why = encoded(&types, ty, &Value::Fields(fields)).unwrap_err();
    assert_eq!(why, "the chain has no field `more`");
}

#[test]
fn a_value_that_does_not_fit_is_refused() {
    let (types, ty) = described::<u16>();
    assert_eq!(
        encoded(&types, ty, &Value::Number(65_535)).unwrap(),
        [0xff; 2]
    );
    for value in [
        Value::Number(65_536),
        Value::Bool(true),
        Value::Bytes(&[0, 0]),
    ] {
        assert!(encoded(&types, ty, &value).is_err(), "{value:?}");
    }
    let (types, ty) = described::<[u8; 4]>();
    assert!(encoded(&types, ty, &Value::Bytes(&[0; 5])).is_err());
    let (types, ty) = described::<Compact<u8>>();
    assert!(encoded(&types, ty, &Value::Number(256)).is_err());
    let (types, ty) = described::<Option<u8>>();
    assert!(encoded(&types, ty, &Value::Variant("Maybe", vec![])).is_err());
}

#[test]
fn a_sample_of_a_type_decodes() {
    let (types, ty) = described::<Nested>();
    let bytes = sample(&types, ty).unwrap();
    let value = decode_all(&types, ty, &bytes).unwrap();
    let rest = value.field("rest").unwrap();
    assert_eq!(rest.list().unwrap().len(), 1);
    assert!(
        value
            .read("late", |late| late.option().map(|late| late.is_some()))
            .unwrap()
    );
}

fn registry(defs: Vec<TypeDef<PortableForm>>) -> PortableRegistry {
    let mut builder = PortableRegistryBuilder::new();
    for def in defs {
        builder.register_type(Type::new(Path::default(), Vec::new(), def, Vec::new()));
    }
    builder.finish()
}

fn field(ty: u32) -> Field<PortableForm> {
    Field::new(None, ty.into(), None, Vec::new())
}

#[test]
fn descriptions_without_end_are_refused() {
    // A struct that contains itself, twice.
    let endless = registry(vec![TypeDefComposite::new([field(0), field(0)]).into()]);
    assert_eq!(decode_all(&endless, 0, &[]), Err(DecodeError::TooDeep));
    assert!(encoded(&endless, 0, &Value::Number(1)).is_err());
    assert!(sample(&endless, 0).is_err());
    assert_eq!(
        decode_all(&endless, 1, &[]),
        Err(DecodeError::UnknownType(1))
    );
    // A tower of arrays of nothing: no bytes, and no end.
    let tower = registry(vec![
        TypeDefComposite::new([]).into(),
        TypeDef::Array(TypeDefArray::new(u32::MAX, 0.into())),
        TypeDef::Array(TypeDefArray::new(u32::MAX, 1.into())),
        TypeDefSequence::new(0.into()).into(),
    ]);
    for ty in [1, 2] {
        assert_eq!(decode_all(&tower, ty, &[]), Err(DecodeError::TooManyParts));
        assert!(sample(&tower, ty).is_err());
    }
    let long = Compact(u32::MAX).encode();
    assert_eq!(decode_all(&tower, 3, &long), Err(DecodeError::TooManyParts));
}
