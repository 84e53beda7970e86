//! Holds every answer of these tests to the OpenAPI document: its status and its body.

use crate::fixture::Answer;
use axum::http::Method;
use jsonschema::{Draft, JSONSchema};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

static DOCUMENT: OnceLock<Value> = OnceLock::new();
static SCHEMAS: Mutex<Option<HashMap<String, Arc<JSONSchema>>>> = Mutex::new(None);

pub(crate) fn document() -> &'static Value {
    DOCUMENT.get_or_init(cairn_http::document)
}

/// Returns the schemas of the document, each of which here takes no field that it does not name.
fn strict_components() -> Value {
    let mut components = document()["components"].clone();
    let schemas = components["schemas"].as_object_mut().unwrap();
    for (name, schema) in schemas {
        // A list is added to it.
        let is_part = name.ends_with("Totals");
        if schema.get("properties").is_some() && !is_part {
            schema["additionalProperties"] = json!(false);
        }
    }
    components
}

/// Compiles a schema of the document, whose references lead into the document.
fn compiled(schema: &Value) -> Arc<JSONSchema> {
    let mut schemas = SCHEMAS.lock().unwrap();
    let schemas = schemas.get_or_insert_default();
    let compile = || {
        let mut whole = schema.clone();
        whole["components"] = strict_components();
        if whole.get("allOf").is_some() {
            whole["unevaluatedProperties"] = json!(false);
        }
        let mut options = JSONSchema::options();
        Arc::new(
            options
                .with_draft(Draft::Draft202012)
                .compile(&whole)
                .unwrap(),
        )
    };
    let known = schemas.entry(schema.to_string()).or_insert_with(compile);
    known.clone()
}

/// Returns whether a path is one of a template such as `/of/{bucket}/one`.
fn is_of(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    let is_same = |(wanted, given): (&str, &str)| wanted.starts_with('{') || wanted == given;
    template.clone().count() == path.clone().count() && template.zip(path).all(is_same)
}

/// Checks an answer, if it is of a route.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let paths = document()["paths"].as_object().unwrap();
    let path = path.split('?').next().unwrap();
    let Some((_, operations)) = paths.iter().find(|(template, _)| is_of(template, path)) else {
        return;
    };
    let Some(operation) = operations.get(method.as_str().to_lowercase()) else {
        return;
    };
    let status = answer.status.as_u16();
    let described = &operation["responses"][status.to_string()];
    assert!(
        described.is_object(),
        "{method} {path}: {status} is not in the document"
    );
    if described.get("content").is_none() {
        assert_eq!(answer.body, b"", "{method} {path}: {status}");
        return;
    }
    let kind = answer.headers["content-type"].to_str().unwrap();
    let kind = kind.split(';').next().unwrap();
    let content = &described["content"];
    let content = content.get(kind).unwrap_or(&content["*/*"]);
    assert!(content.is_object(), "{method} {path}: {status} as {kind}");
    if kind == "application/json" && content.get("schema").is_some() {
        let body = answer.json();
        let schema = compiled(&content["schema"]);
        let faults: Vec<_> = match schema.validate(&body) {
            Ok(()) => Vec::new(),
            Err(faults) => faults.map(|fault| fault.to_string()).collect(),
        };
        assert_eq!(faults, Vec::<String>::new(), "{method} {path}: {body}");
    }
}

#[test]
fn an_answer_that_is_not_in_the_document_is_noticed() {
    let answer = |status: u16, body: Value| Answer {
        status: status.try_into().unwrap(),
        headers: [(
            "content-type".parse().unwrap(),
            "application/json".parse().unwrap(),
        )]
        .into_iter()
        .collect(),
        body: body.to_string().into_bytes(),
    };
    let is_noticed = |path: &'static str, answer: Answer| {
        let checked = std::panic::catch_unwind(move || check(&Method::GET, path, &answer));
        checked.is_err()
    };
    let health = json!({ "status": "healthy", "version": "1" });
    assert!(!is_noticed("/health", answer(200, health.clone())));
    assert!(is_noticed("/health", answer(201, health)));
    assert!(is_noticed(
        "/health",
        answer(200, json!({ "status": "healthy" }))
    ));
    let more = json!({ "status": "healthy", "version": "1", "more": 1 });
    assert!(is_noticed("/health", answer(200, more)));
    let more = json!({ "buckets": [], "more": 1 });
    assert!(is_noticed("/buckets", answer(200, more)));
    assert!(is_noticed(
        "/health",
        answer(503, json!({ "error": "invented" }))
    ));
    let peaks = |hash: &str| json!({ "bucket_id": 7, "mmr_root": hash, "peaks": [] });
    let right = format!("0x{}", "00".repeat(32));
    assert!(!is_noticed(
        "/mmr_peaks?bucket_id=7",
        answer(200, peaks(&right))
    ));
    assert!(is_noticed(
        "/mmr_peaks?bucket_id=7",
        answer(200, peaks("0x00"))
    ));
    let chunk = json!({ "chunks": [{ "hash": right, "data": "YQ==", "proof": ["x"] }] });
    assert!(is_noticed("/read", answer(200, chunk)));
}
