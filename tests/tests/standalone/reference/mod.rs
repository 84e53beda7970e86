//! The reference of the RPC, made from the source of `cairn-rpc-api` and from the responses of a
//! real provider: `docs/openrpc.json` for programs and `docs/rpc.md` for people.
//!
//! With `CAIRN_WRITE_DOCS` set, this test writes them; without, it fails where they differ.

mod answers;
mod examples;
mod markdown;
mod methods;
mod openrpc;
mod schema;

use methods::Api;

const WRITE: &str = "CAIRN_WRITE_DOCS";

fn compare_or_write(name: &str, generated: &str) {
    let path = crate::repository().join(name);
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(&path, generated).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = found
        .lines()
        .zip(generated.lines())
        .find(|(found, new)| found != new);
    assert!(
        found == generated,
        "{name} differs from the source or from the provider's responses, first at {differs:?}: \
         check it, and write it again with `{WRITE}=1 cargo test --release --workspace --test standalone reference`"
    );
}

#[test]
fn the_reference_matches_the_source_and_a_provider() {
    let api = Api::read(&crate::repository());
    let examples = answers::of(&api);
    for method in &api.methods {
        let example = examples
            .iter()
            .find(|example| example.method == method.name);
        let example = example.unwrap_or_else(|| panic!("{} has no example", method.name));
        example.check(method, &api);
    }
    assert_eq!(examples.len(), api.methods.len(), "an example of no method");
    let masked: Vec<_> = examples
        .into_iter()
        .map(|example| example.masked())
        .collect();
    let openrpc = openrpc::document(&api, &masked);
    compare_or_write("docs/openrpc.json", &openrpc);
    // The copy that is compiled into `cairn-rpc-api`, whose package has no other folder.
    compare_or_write("rpc/api/openrpc.json", &openrpc);
    compare_or_write("docs/rpc.md", &markdown::document(&api, &masked));
}

#[test]
fn a_provider_serves_the_openrpc_document_and_lists_its_methods() {
    let stage = crate::fixture::Fixture::new(&[]);
    let mut client = stage.connect();
    let served = client.request("rpc.discover", serde_json::json!([]))["result"].clone();
    let document: serde_json::Value = serde_json::from_str(cairn_rpc_api::OPENRPC).unwrap();
    assert_eq!(served, document);
    let listed = client.request("rpc_methods", serde_json::json!([]))["result"]["methods"].clone();
    let listed: Vec<String> = serde_json::from_value(listed).unwrap();
    let described = document["methods"].as_array().unwrap().iter();
    let ends = described
        .clone()
        .filter_map(|method| method["x-unsubscribe"].as_str());
    let names = described.map(|method| method["name"].as_str().unwrap());
    let mut expected: Vec<_> = names
        .chain(ends)
        .chain(["rpc.discover", "rpc_methods"])
        .collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}
