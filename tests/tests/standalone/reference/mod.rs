//! The reference of the RPC, made from its source and from answers that a real
//! provider gave: `docs/openrpc.json` for programs and `docs/rpc.md` for people.
//!
//! With `CAIRN_WRITE_DOCS` set, this writes both; without, it fails where they are
//! not what the source and the provider say.

mod answers;
mod examples;
mod markdown;
mod openrpc;
mod schema;
mod source;

use source::Api;

const WRITE: &str = "CAIRN_WRITE_DOCS";

fn compare_or_write(name: &str, generated: &str) {
    let path = crate::repository().join("docs").join(name);
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
        "docs/{name} is not what the source and the provider say, first at {differs:?}: look at \
         it, and write it anew with `{WRITE}=1 cargo test --release --workspace --test standalone reference`"
    );
}

#[test]
fn the_reference_is_what_the_source_and_a_real_provider_say() {
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
    compare_or_write("openrpc.json", &openrpc::document(&api, &masked));
    compare_or_write("rpc.md", &markdown::document(&api, &masked));
}
