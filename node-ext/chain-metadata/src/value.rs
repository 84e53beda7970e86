//! A SCALE value as its metadata describes it: numbers, bytes, lists, fields and variants.
//!
//! The same form goes both ways, and the metadata decides the encoding: fields are found by
//! name, and written in the order that the chain has. Bytes are borrowed, so a chunk of
//! 262,144 bytes is one value.
//!
//! Structs with one unnamed field are left out of values: `H256([u8; 32])` is bytes.

mod decode;
mod encode;
mod sample;
#[cfg(test)]
mod tests;

pub(crate) use decode::{DecodeError, Decoder, decode_all};
pub(crate) use encode::{encode, encode_arguments};
pub(crate) use sample::sample;

/// A field with its name; the name is empty if it has none.
pub(crate) type Field<'a> = (&'a str, Value<'a>);

/// A SCALE value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A boolean.
    Bool(bool),
    /// An unsigned number, compact or not.
    Number(u128),
    /// A sequence or array of bytes, a string, or a number of another kind.
    Bytes(&'a [u8]),
    /// A sequence or array of other items.
    List(Vec<Value<'a>>),
    /// The fields of a struct or a tuple.
    Fields(Vec<Field<'a>>),
    /// A variant of an enum, with its fields.
    Variant(&'a str, Vec<Field<'a>>),
}

/// A value that has another form than the reader needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Mismatch(pub(crate) String);

impl Mismatch {
    fn new<T>(text: impl Into<String>) -> Result<T, Self> {
        Err(Self(text.into()))
    }
}

impl<'a> Value<'a> {
    /// Returns a variant with one unnamed field.
    pub(crate) fn wrap(name: &'a str, inner: Value<'a>) -> Self {
        Self::Variant(name, vec![("", inner)])
    }

    /// Returns the fields of a struct, or an error.
    pub(crate) fn fields(&self) -> Result<&[Field<'a>], Mismatch> {
        match self {
            Self::Fields(fields) | Self::Variant(_, fields) => Ok(fields),
            _ => Mismatch::new("not a struct"),
        }
    }

    /// Returns the field of a name, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        let fields = self.fields().ok()?;
        fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    /// Returns the field of a name.
    pub(crate) fn field(&self, name: &str) -> Result<&Value<'a>, Mismatch> {
        match self.get(name) {
            Some(value) => Ok(value),
            None => Mismatch::new(format!("there is no field `{name}`")),
        }
    }

    /// Reads the field of a name.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Value<'a>) -> Result<T, Mismatch>,
    ) -> Result<T, Mismatch> {
        read(self.field(name)?).map_err(|Mismatch(why)| Mismatch(format!("`{name}`: {why}")))
    }

    /// Returns the name of a variant with its fields.
    pub(crate) fn variant(&self) -> Result<(&'a str, &[Field<'a>]), Mismatch> {
        match self {
            Self::Variant(name, fields) => Ok((name, fields)),
            _ => Mismatch::new("not an enum"),
        }
    }

    /// Returns the only field of a variant or struct.
    pub(crate) fn only(&self) -> Result<&Value<'a>, Mismatch> {
        match self.fields()? {
            [(_, only)] => Ok(only),
            fields => Mismatch::new(format!("{} fields instead of one", fields.len())),
        }
    }

    /// Returns the value of an `Option`.
    pub(crate) fn option(&self) -> Result<Option<&Value<'a>>, Mismatch> {
        match self.variant()? {
            ("None", []) => Ok(None),
            ("Some", [(_, value)]) => Ok(Some(value)),
            _ => Mismatch::new("not an `Option`"),
        }
    }

    /// Returns the items of a sequence or array.
    pub(crate) fn list(&self) -> Result<&[Value<'a>], Mismatch> {
        match self {
            Self::List(items) => Ok(items),
            _ => Mismatch::new("not a sequence"),
        }
    }

    /// Reads the items of a sequence or array.
    pub(crate) fn each<T>(
        &self,
        read: impl Fn(&Value<'a>) -> Result<T, Mismatch>,
    ) -> Result<Vec<T>, Mismatch> {
        self.list()?.iter().map(read).collect()
    }

    /// Returns bytes.
    pub(crate) fn bytes(&self) -> Result<&'a [u8], Mismatch> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Mismatch::new("not bytes"),
        }
    }

    /// Returns an array of bytes.
    pub(crate) fn array<const N: usize>(&self) -> Result<[u8; N], Mismatch> {
        let bytes = self.bytes()?;
        bytes
            .try_into()
            .map_err(|_| Mismatch(format!("{} bytes instead of {N}", bytes.len())))
    }

    /// Returns a boolean.
    pub(crate) fn bool(&self) -> Result<bool, Mismatch> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Mismatch::new("not a boolean"),
        }
    }

    /// Returns a number, if it fits.
    pub(crate) fn number<T: TryFrom<u128>>(&self) -> Result<T, Mismatch> {
        match self {
            Self::Number(value) => T::try_from(*value)
                .map_err(|_| Mismatch(format!("the number {value} is too large"))),
            _ => Mismatch::new("not a number"),
        }
    }
}
