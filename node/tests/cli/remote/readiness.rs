//! `cairn status --ready` tells by its exit code whether a provider is ready, and touches nothing.

use super::fixture::{Fixture, run_at_url};
use crate::support::{FAILED, Provider, REFUSED, USAGE};
use serde_json::json;

#[test]
fn a_provider_that_follows_no_chain_is_not_ready_and_the_reason_is_given() {
    let fixture = Fixture::new();
    let asked = run_at_url(&fixture.url(), ["status", "--ready"]);
    asked.fails(REFUSED, &["not ready: "]);
    // As a check of the running provider's own health does.
    fixture.write_address(&fixture.url());
    let asked = fixture.provider.run(["status", "--ready"]);
    asked.fails(REFUSED, &["not ready: "]);
}

#[test]
fn a_ready_provider_is_reported_with_success() {
    let fixture = Fixture::new();
    let ready = fixture.falsify("cairnProvider_v1_health", |answer| {
        answer["isReady"] = true.into();
        answer["notReadyBecause"] = json!(null);
    });
    let asked = run_at_url(&ready.url, ["status", "--ready"]).succeeds();
    assert_eq!(asked.text(), format!("ready         {}\n", ready.url));
    let asked = run_at_url(&ready.url, ["status", "--ready", "--json"]).succeeds();
    assert_eq!(asked.json()[0]["is_ready"], true);
}

#[test]
fn without_a_running_provider_the_base_path_is_not_opened() {
    let provider = Provider::with_bucket("1");
    let asked = provider.run(["status", "--ready"]);
    asked.fails(FAILED, &["no provider runs in"]);
    // What a killed provider left: nobody listens there.
    std::fs::write(
        provider.base_path().join("rpc-address"),
        "ws://127.0.0.1:9\n",
    )
    .unwrap();
    let asked = provider.run(["status", "--ready"]);
    asked.fails(FAILED, &["ws://127.0.0.1:9"]);
    let together = provider.run(["status", "--ready", "--max-open", "1"]);
    together.fails(USAGE, &["--max-open"]);
}
