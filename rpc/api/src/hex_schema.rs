//! The JSON Schema of hashes, which are a type of another crate.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Stands for `H256`.
pub(crate) struct HexHash;

impl JsonSchema for HexHash {
    fn schema_name() -> Cow<'static, str> {
        "H256".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^0x([0-9a-f]{2}){32}$",
            "description": "A hash or a public key, 32 bytes in hex.",
        })
    }
}
