//! Checks values against JSON Schemas, in the part of JSON Schema that `schemars` uses here.

use serde_json::{Map, Value};

/// Checks that a value is valid by a schema. `all` has the schemas that references name.
pub(crate) fn check(schema: &Value, value: &Value, all: &Map<String, Value>) -> Result<(), String> {
    let wrong = |expected: &str| Err(format!("{value} is not {expected}: {schema}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let schema = all
            .get(name)
            .ok_or_else(|| format!("there is no type {name}"))?;
        return check(schema, value, all);
    }
    for (key, expected) in [("oneOf", 1..=1), ("anyOf", 1..=usize::MAX)] {
        if let Some(choices) = schema[key].as_array() {
            let valid = choices
                .iter()
                .filter(|choice| check(choice, value, all).is_ok());
            return match expected.contains(&valid.count()) {
                true => Ok(()),
                false => wrong("one of these"),
            };
        }
    }
    if let Some(constant) = schema.get("const") {
        return match constant == value {
            true => Ok(()),
            false => wrong("this constant"),
        };
    }
    match &schema["type"] {
        Value::String(kind) => check_type(kind, schema, value, all),
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().map(|kind| kind.as_str().unwrap());
            match kinds.any(|kind| check_type(kind, schema, value, all).is_ok()) {
                true => Ok(()),
                false => wrong("of one of these types"),
            }
        }
        _ => panic!("a schema that is not understood: {schema}"),
    }
}

fn check_type(
    kind: &str,
    schema: &Value,
    value: &Value,
    all: &Map<String, Value>,
) -> Result<(), String> {
    let wrong = |expected: &str| Err(format!("{value} is not {expected}: {schema}"));
    match kind {
        "null" if value.is_null() => Ok(()),
        "boolean" if value.is_boolean() => Ok(()),
        "integer"
            if value.as_u64().is_some_and(|number| {
                schema["maximum"].as_u64().is_none_or(|max| number <= max)
            }) =>
        {
            Ok(())
        }
        "string" => match (value.as_str(), schema["pattern"].as_str()) {
            (Some(_), None) => Ok(()),
            (Some(text), Some(pattern)) if is_hex(text, pattern) => Ok(()),
            _ => wrong("such a string"),
        },
        "array" => match value.as_array() {
            Some(items) => check_items(schema, items, all),
            None => wrong("an array"),
        },
        "object" => match value.as_object() {
            Some(fields) => check_fields(schema, fields, all),
            None => wrong("an object"),
        },
        _ => wrong("of that type"),
    }
}

fn check_items(schema: &Value, items: &[Value], all: &Map<String, Value>) -> Result<(), String> {
    let length = u64::try_from(items.len()).unwrap();
    let min = schema["minItems"].as_u64().unwrap_or(0);
    let max = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
    if !(min..=max).contains(&length) {
        return Err(format!("{length} items are too few or too many: {schema}"));
    }
    match schema["prefixItems"].as_array() {
        Some(each) => each
            .iter()
            .zip(items)
            .try_for_each(|(schema, item)| check(schema, item, all)),
        None => items
            .iter()
            .try_for_each(|item| check(&schema["items"], item, all)),
    }
}

fn check_fields(
    schema: &Value,
    fields: &Map<String, Value>,
    all: &Map<String, Value>,
) -> Result<(), String> {
    let known = schema["properties"].as_object().unwrap();
    let required = schema["required"].as_array();
    let mut required = required.into_iter().flatten();
    if let Some(missing) = required.find(|name| !fields.contains_key(name.as_str().unwrap())) {
        return Err(format!("{missing} is missing: {schema}"));
    }
    fields
        .iter()
        .try_for_each(|(name, value)| match known.get(name) {
            Some(schema) => check(schema, value, all),
            None => Err(format!("{name} is in no schema: {schema}")),
        })
}

/// Checks the patterns in use: hex of some length.
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
