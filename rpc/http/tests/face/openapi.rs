//! The OpenAPI document: it is served, pinned in the docs, and has all routes.

use crate::contract::document;
use crate::fixture::*;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Sorts the keys of objects, whatever `serde_json` was compiled with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_document_in_the_docs_is_that_of_the_routes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    if std::env::var_os("CAIRN_WRITE_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&sorted(document())).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(
        kept == *document(),
        "docs/openapi.json is another: write it with CAIRN_WRITE_DOCS=1 and this test"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served() {
    let face = Face::new().await;
    assert_eq!(face.get("/openapi.json").await.ok(), *document());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_is_in_the_document_and_each_operation_is_served() {
    let face = Face::new().await;
    let routes: BTreeSet<_> = document()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let expected = [
        "GET /buckets",
        "GET /checkpoint-signature",
        "GET /chunk_proof",
        "GET /commitment",
        "GET /health",
        "GET /info",
        "GET /mmr_peaks",
        "GET /mmr_proof",
        "GET /mmr_subtree",
        "GET /node",
        "GET /openapi.json",
        "GET /read",
        "GET /stats",
        "DELETE /fs/{bucket_id}/file",
        "DELETE /s3/{bucket_id}/object",
        "GET /fs/{bucket_id}/file",
        "GET /fs/{bucket_id}/index_root",
        "GET /fs/{bucket_id}/ls",
        "GET /fs/{bucket_id}/proof",
        "GET /replica/historical_roots",
        "GET /replica/sync_status",
        "GET /s3/{bucket_id}/index_root",
        "GET /s3/{bucket_id}/object",
        "GET /s3/{bucket_id}/objects",
        "GET /s3/{bucket_id}/proof",
        "HEAD /s3/{bucket_id}/object",
        "POST /commit",
        "POST /delete",
        "POST /exists",
        "POST /fetch_nodes",
        "POST /fs/{bucket_id}/mkdir",
        "POST /negotiate",
        "PUT /fs/{bucket_id}/file",
        "PUT /node",
        "PUT /s3/{bucket_id}/object",
    ];
    let missing: Vec<_> = expected
        .iter()
        .filter(|route| !routes.contains(**route))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for route in &routes {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{bucket_id}", "0");
        let request = Request::builder().method(method).uri(&path);
        let answer = face.send(request.body(Body::empty()).unwrap()).await;
        assert_ne!(answer.status, 405, "{route}");
        // Without a query and a body, nothing is found missing but the route itself.
        assert_ne!(answer.status, 404, "{route}");
    }
    for path in ["/none", "/replicas", "/commit/", "/Health"] {
        assert_eq!(face.get(path).await.status, 404, "{path}");
    }
    let operations: BTreeSet<_> = document()["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|operations| operations.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(operations.len(), routes.len());
}

#[test]
fn each_reference_in_the_document_leads_to_a_schema() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(document(), &mut found);
    assert!(found.len() > 30);
    for reference in found {
        let path = reference.strip_prefix('#').unwrap();
        assert!(document().pointer(path).is_some(), "{reference}");
    }
    // Two types of one name would get numbers.
    let names = document()["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys();
    for name in names.filter(|name| *name != "Base64") {
        assert!(
            !name.ends_with(|last: char| last.is_ascii_digit()),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_route_does_not_have_is_refused() {
    let face = Face::new().await;
    for (method, path) in [(Method::DELETE, "/node"), (Method::PUT, "/commit")] {
        let request = Request::builder().method(method).uri(path);
        let answer = face.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{path}");
    }
}
