//! Types as JSON Schema, and whether an answer is of its type.

use super::source::{Api, Field, Kind, Ty, TypeDef};
use serde_json::{Map, Value, json};

/// The names that are written out and not looked up.
fn plain(name: &str) -> Option<Value> {
    Some(match name {
        "bool" => json!({ "type": "boolean" }),
        "u16" | "u32" | "u64" => json!({ "type": "integer", "minimum": 0 }),
        "String" | "PathBuf" => json!({ "type": "string" }),
        _ => return None,
    })
}

pub(crate) fn of(ty: &Ty) -> Value {
    match ty {
        Ty::Unit => json!({ "type": "null" }),
        Ty::Named(name) => {
            plain(name).unwrap_or_else(|| json!({ "$ref": format!("#/components/schemas/{name}") }))
        }
        Ty::List(item) => json!({ "type": "array", "items": of(item) }),
        Ty::Tuple(items) => {
            let items: Vec<_> = items.iter().map(of).collect();
            let length = items.len();
            json!({ "type": "array", "prefixItems": items, "minItems": length, "maxItems": length })
        }
    }
}

fn of_field(field: &Field) -> Value {
    let schema = of(&field.ty);
    let mut schema = match field.is_optional {
        true => json!({ "oneOf": [schema, { "type": "null" }] }),
        false => schema,
    };
    schema["description"] = json!(field.doc);
    schema
}

fn of_type(definition: &TypeDef) -> Value {
    let mut schema = match &definition.kind {
        Kind::Object(fields) => {
            let required: Vec<_> = fields
                .iter()
                .filter(|field| !field.is_optional)
                .map(|field| &field.name)
                .collect();
            let properties: Map<_, _> = fields
                .iter()
                .map(|field| (field.name.clone(), of_field(field)))
                .collect();
            json!({ "type": "object", "properties": properties, "required": required })
        }
        Kind::Choice(variants) => {
            let of_variant = |variant: &super::source::Variant| match &variant.content {
                None => json!({ "const": variant.name, "description": variant.doc }),
                Some(content) => json!({
                    "type": "object",
                    "properties": { &variant.name: of(content) },
                    "required": [variant.name],
                    "description": variant.doc,
                }),
            };
            json!({ "oneOf": variants.iter().map(of_variant).collect::<Vec<_>>() })
        }
    };
    schema["description"] = json!(definition.doc);
    schema
}

/// All types by their names.
pub(crate) fn all(api: &Api) -> Map<String, Value> {
    let own = api.types.iter().map(|ty| (ty.name.clone(), of_type(ty)));
    let hex = |length: &str, what: &str| json!({ "type": "string", "pattern": format!("^0x([0-9a-f]{{2}}){length}$"), "description": what });
    let number = json!({
        "oneOf": [
            { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991u64 },
            { "type": "string", "pattern": "^0x[0-9a-f]{1,16}$" },
        ],
        "description": "A number below 2^64: as such up to 2^53 - 1, and above that in hex.",
    });
    let shared = [
        (
            "Bytes".to_owned(),
            hex("*", "Bytes in hex; SCALE, where a chain reads it."),
        ),
        (
            "H256".to_owned(),
            hex("{32}", "A hash or a public key, 32 bytes in hex."),
        ),
        ("Uint".to_owned(), number),
    ];
    own.chain(shared).collect()
}

/// Whether a value is what a schema says, in the part of JSON Schema that is used here.
pub(crate) fn check(schema: &Value, value: &Value, all: &Map<String, Value>) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{value} is not {what}: {schema}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let schema = all
            .get(name)
            .ok_or_else(|| format!("there is no type {name}"))?;
        return check(schema, value, all);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fit = choices
            .iter()
            .filter(|choice| check(choice, value, all).is_ok());
        return if fit.count() == 1 {
            Ok(())
        } else {
            wrong("just one of these")
        };
    }
    if let Some(constant) = schema.get("const") {
        return if constant == value {
            Ok(())
        } else {
            wrong("this")
        };
    }
    match schema["type"].as_str() {
        Some("null") if value.is_null() => Ok(()),
        Some("boolean") if value.is_boolean() => Ok(()),
        Some("integer")
            if value.as_u64().is_some_and(|number| {
                schema["maximum"].as_u64().is_none_or(|most| number <= most)
            }) =>
        {
            Ok(())
        }
        Some("string") => match (value.as_str(), schema["pattern"].as_str()) {
            (Some(_), None) => Ok(()),
            (Some(text), Some(pattern)) if is_hex(text, pattern) => Ok(()),
            _ => wrong("such a text"),
        },
        Some("array") => {
            let Some(items) = value.as_array() else {
                return wrong("a list");
            };
            if let Some(each) = schema["prefixItems"].as_array() {
                if each.len() != items.len() {
                    return wrong("of that length");
                }
                return each
                    .iter()
                    .zip(items)
                    .try_for_each(|(schema, item)| check(schema, item, all));
            }
            items
                .iter()
                .try_for_each(|item| check(&schema["items"], item, all))
        }
        Some("object") => {
            let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object())
            else {
                return wrong("an object");
            };
            let required = schema["required"].as_array().unwrap();
            if let Some(missing) = required
                .iter()
                .find(|name| !fields.contains_key(name.as_str().unwrap()))
            {
                return wrong(&format!("with {missing}"));
            }
            fields
                .iter()
                .try_for_each(|(name, value)| match known.get(name) {
                    Some(schema) => check(schema, value, all),
                    None => Err(format!("{name} is in no schema: {schema}")),
                })
        }
        _ => wrong("of that type"),
    }
}

/// The patterns that there are: hex of a length.
fn is_hex(text: &str, pattern: &str) -> bool {
    let Some(digits) = text.strip_prefix("0x") else {
        return false;
    };
    let is_hex = digits
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = match pattern {
        "^0x([0-9a-f]{2})*$" => digits.len().is_multiple_of(2),
        "^0x([0-9a-f]{2}){32}$" => digits.len() == 64,
        "^0x[0-9a-f]{1,16}$" => (1..=16).contains(&digits.len()),
        _ => panic!("{pattern} is a pattern that is not checked"),
    };
    is_hex && fits
}
