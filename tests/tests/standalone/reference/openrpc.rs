//! The reference for programs: an OpenRPC document, which `rpc.discover` serves.

use super::examples::Example;
use super::methods::{Api, Method, Param};
use cairn_rpc_api::Code;
use serde_json::{Value, json};

pub(crate) fn document(api: &Api, examples: &[Example]) -> String {
    let methods: Vec<_> = api
        .methods
        .iter()
        .map(|method| {
            let example = examples
                .iter()
                .find(|example| example.method == method.name);
            of_method(method, example.unwrap())
        })
        .collect();
    let document = json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Cairn",
            "description": "The API of a storage provider: commitments, proofs, responses to challenges, \
                            and writes.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0" },
        },
        "servers": [{ "name": "standalone provider", "url": "ws://127.0.0.1:9955" }],
        "methods": methods,
        "components": { "schemas": api.types },
        "x-errors": errors(api),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    text
}

fn of_method(method: &Method, example: &Example) -> Value {
    let (summary, rest) = method.doc.split_once(". ").unwrap_or((&method.doc, ""));
    let mut described = json!({
        "name": method.name,
        "summary": summary.trim_end_matches('.'),
        "paramStructure": "either",
        "params": method.params.iter().map(of_param).collect::<Vec<_>>(),
        "result": { "name": "result", "schema": method.result },
        "examples": [{
            "name": method.name,
            "params": example
                .params
                .iter()
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect::<Vec<_>>(),
            "result": { "name": "result", "value": example.result },
        }],
    });
    if !rest.is_empty() {
        described["description"] = json!(method.doc);
    }
    if method.is_unsafe {
        described["tags"] = json!([{
            "name": "unsafe",
            "description": "Refused with -32601 unless the operator permits it to the caller, or a member of the bucket may call it and has signed the request.",
        }]);
    }
    if let Some(subscription) = &method.subscription {
        described["tags"] = json!([{ "name": "subscription" }]);
        described["x-notification"] = json!({
            "name": subscription.notification,
            "schema": subscription.item,
            "example": example.notification,
        });
        described["x-unsubscribe"] = json!(subscription.unsubscribe);
    }
    described
}

fn of_param(param: &Param) -> Value {
    json!({ "name": param.name, "required": !param.is_optional, "schema": param.schema })
}

fn errors(api: &Api) -> Vec<Value> {
    let own = Code::ALL
        .iter()
        .map(|code| (code.number(), code.meaning().to_owned()));
    let refusals = api.refusals.iter().cloned();
    own.chain(refusals)
        .map(|(code, meaning)| json!({ "code": code, "message": meaning }))
        .collect()
}
