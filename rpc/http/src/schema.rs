//! Schemas of what is written as text: hashes, signatures and bytes. Fields of requests and answers
//! name these types with `schemars(with = …)`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

macro_rules! text {
    ($($(#[doc = $doc:literal])* $name:ident = $pattern:literal,)*) => {
        $(
            $(#[doc = $doc])*
            pub(crate) struct $name;

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string",
                        "pattern": $pattern,
                        "description": concat!($($doc),*).trim_ascii(),
                    })
                }
            }
        )*
    };
}

text! {
    /// 32 bytes in hex, with 0x.
    Hash = "^0x[0-9a-f]{64}$",
    /// 32 bytes in hex, with or without 0x.
    GivenHash = "^(0x)?[0-9a-fA-F]{64}$",
    /// Bytes in hex, with 0x.
    Hex = "^0x([0-9a-f]{2})*$",
    /// Bytes in hex, without 0x.
    PlainHex = "^([0-9a-f]{2})*$",
    /// Bytes in base64, with padding.
    Base64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    /// An account as an SS58 address.
    Address = "^[1-9A-HJ-NP-Za-km-z]+$",
}

/// A number that may be written as a decimal string.
pub(crate) struct NumberOrText;

impl JsonSchema for NumberOrText {
    fn schema_name() -> Cow<'static, str> {
        "NumberOrText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or one as a decimal string.",
            "oneOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+$" },
            ],
        })
    }
}
