//! The reference for people.

use super::examples::Example;
use super::source::{Api, Field, Kind, Method, Ty};
use cairn_rpc::error::{Code, REFUSED};
use serde_json::{Map, Value, json};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# The JSON-RPC API

<!-- Made by a test, tests/tests/standalone/reference, from the source of cairn-rpc and the answers of a provider. -->

A provider speaks JSON-RPC 2.0 over WebSocket and over HTTP, at one port: 9955 where it runs
by itself, and the node's own where a Substrate node has loaded it. Parameters are given by
name or in order. What a chain reads is SCALE in hex (`Bytes`); everything else is readable
JSON. A number above 2^53 - 1 travels as hex, `\"0x20000000000000\"`, which is taken for any
number. Where a method takes `at`, it is about that state of the bucket: the one that had a
`root` that was signed, or the current tree at a `leafCount`; without it, the newest.

Methods that are marked *unsafe* change buckets. They are refused with -32601 unless the
request shows the provider's token, in a header `Authorization: Bearer TOKEN` of the
WebSocket or of the request over HTTP. The token is in the provider's base path, as
`rpc-token`; the operator may keep another, or let more callers or none change buckets
([operating.md](operating.md)). Within a Substrate node they are refused where the node
refuses unsafe methods. A page of a website may not call them, unless the operator has named
its origin.

[openrpc.json](openrpc.json) says the same for programs. In the examples long hex is cut.
";

pub(crate) fn document(api: &Api, examples: &[Example]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let parts = [
        ("Asking about buckets", "bucket_", false),
        ("Asking about the provider", "provider_", false),
        ("Changing buckets", "bucket_", true),
    ];
    for (title, prefix, is_unsafe) in parts {
        writeln!(text, "\n## {title}").unwrap();
        let of_part =
            |method: &&Method| method.name.starts_with(prefix) && method.is_unsafe == is_unsafe;
        for method in api.methods.iter().filter(of_part) {
            let example = examples
                .iter()
                .find(|example| example.method == method.name);
            of_method(&mut text, method, example.unwrap());
        }
    }
    types(&mut text, api);
    errors(&mut text, api);
    text
}

fn of_method(text: &mut String, method: &Method, example: &Example) {
    let mark = if method.is_unsafe { " *(unsafe)*" } else { "" };
    writeln!(text, "\n### {}{mark}\n\n{}\n", method.name, method.doc).unwrap();
    for field in &method.params {
        let optional = if field.is_optional {
            ", may be left out"
        } else {
            ""
        };
        writeln!(text, "- `{}`: {}{optional}", field.name, name(&field.ty)).unwrap();
    }
    match &method.subscription {
        None => writeln!(text, "- gives {}", name(&method.result)).unwrap(),
        Some(subscription) => writeln!(
            text,
            "- gives the subscription's id; tells {} as `{}`; ends with `{}`",
            name(&subscription.item),
            subscription.notification,
            subscription.unsubscribe
        )
        .unwrap(),
    }
    let params: Map<_, _> = example.params.iter().cloned().collect();
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method.name, "params": params });
    writeln!(
        text,
        "\n```json\n{}\n{}\n```",
        shown(&request),
        shown(&example.result)
    )
    .unwrap();
    if let Some(news) = &example.news {
        writeln!(text, "\nand then\n\n```json\n{}\n```", shown(news)).unwrap();
    }
}

fn name(ty: &Ty) -> String {
    match ty {
        Ty::Unit => "`null`".to_owned(),
        Ty::Named(name) => match name.as_str() {
            "Bytes" | "H256" => format!("`{name}` in hex"),
            "Uint" | "u16" | "u32" | "u64" => "a number".to_owned(),
            "bool" => "`true` or `false`".to_owned(),
            "String" | "PathBuf" => "a text".to_owned(),
            own => format!("[{own}](#{})", own.to_lowercase()),
        },
        Ty::List(item) => format!("a list of {}", name(item)),
        Ty::Tuple(items) => {
            let items: Vec<_> = items.iter().map(name).collect();
            format!("a list of {}", items.join(" and "))
        }
    }
}

fn types(text: &mut String, api: &Api) {
    writeln!(text, "\n## Types").unwrap();
    for definition in &api.types {
        writeln!(text, "\n### {}\n\n{}\n", definition.name, definition.doc).unwrap();
        match &definition.kind {
            Kind::Object(fields) => fields.iter().for_each(|field| of_field(text, field)),
            Kind::Choice(variants) => {
                for variant in variants {
                    let content = variant
                        .content
                        .as_ref()
                        .map(|ty| format!(", with {}", name(ty)));
                    let content = content.unwrap_or_default();
                    writeln!(text, "- `\"{}\"`{content}: {}", variant.name, variant.doc).unwrap();
                }
            }
        }
    }
}

fn of_field(text: &mut String, field: &Field) {
    let optional = if field.is_optional { " or null" } else { "" };
    writeln!(
        text,
        "- `{}`, {}{optional}: {}",
        field.name,
        name(&field.ty),
        field.doc
    )
    .unwrap();
}

fn errors(text: &mut String, api: &Api) {
    let head = "\n## Errors\n\nThe message says what to do. -32601 and -32602 are JSON-RPC's own: a \
                method that is not there or not to be called, and a parameter that is not of its \
                type.\n\n| code | meaning |\n|------|---------|";
    writeln!(text, "{head}").unwrap();
    for code in Code::ALL {
        writeln!(text, "| {} | {} |", code.number(), code.meaning()).unwrap();
    }
    for (index, why) in &api.refusals {
        writeln!(
            text,
            "| {} | Nothing is signed: {why} |",
            REFUSED + i32::from(*index)
        )
        .unwrap();
    }
}

/// JSON as it is read: short things on one line, long hex cut.
fn shown(value: &Value) -> String {
    let mut short = value.clone();
    cut(&mut short);
    let line = short.to_string();
    match line.len() {
        0..=98 => line,
        _ => serde_json::to_string_pretty(&short).unwrap(),
    }
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("0x") && text.len() > 26 => {
            let bytes = text.len() / 2 - 1;
            *text = format!(
                "{}…{} ({bytes} bytes)",
                &text[..10],
                &text[text.len() - 8..]
            );
        }
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(fields) => fields.values_mut().for_each(cut),
        _ => {}
    }
}
