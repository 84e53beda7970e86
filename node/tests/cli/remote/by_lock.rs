//! Without an address, the provider that has locked the base path executes the command.

use super::fixture::Fixture;
use super::unused_url;
use crate::support::{FAILED, RunResult, bytes};
use cairn_rpc_listener::RpcMethods;

#[test]
fn the_provider_that_holds_the_lock_is_used() {
    let fixture = Fixture::with(RpcMethods::Auto);
    let provider = &fixture.provider;
    fixture.write_address(&fixture.url());
    provider.run(["bucket", "create", "1"]).succeeds();
    let content = bytes(1, 600_000);
    let file = provider.file("file", &content);
    let commit = provider.put("1", &file).remove(0);
    assert_eq!(commit["leaf_count"], 1);
    let got = provider.run(["get", "1", "--leaf", "0"]).succeeds();
    assert!(got.stdout == content);
    let proof = provider.run(["prove", "1", "--leaf", "0", "--chunk", "2"]);
    crate::support::verify(&proof.succeeds().stdout, &[]).succeeds();
    assert_eq!(
        provider.json(["bucket", "list"])[0]["mmr_root"],
        commit["mmr_root"]
    );
    assert_eq!(provider.json(["bucket", "info", "1"])[0]["leaf_count"], 1);
    assert_eq!(
        provider.json(["status"])[0]["running"]["url"],
        fixture.url()
    );

    let output = provider.run(["-v", "bucket", "list"]).succeeds().stderr;
    assert!(
        output.contains("the base path is locked; sending the command to its provider"),
        "{output}"
    );

    // The provider runs on this machine, so a relative path works.
    let mut export = provider.command(["bucket", "export", "1", "copy"]);
    export.current_dir(file.parent().unwrap());
    RunResult::from_command(export, b"").succeeds();
    assert!(file.with_file_name("copy").is_dir());
}

#[test]
fn local_commands_need_the_provider_stopped() {
    let fixture = Fixture::new();
    let provider = &fixture.provider;
    fixture.write_address(&fixture.url());
    provider.run(["bucket", "create", "1"]).succeeds();
    for args in [
        &["fsck", "1"][..],
        &["scrub", "--all"],
        &["key", "generate"],
        &["challenge-drill", "1"],
        &["bucket", "accept", "1"],
        &["bucket", "release", "1", "--tree", "0"],
    ] {
        let locked = ["locked by another process; stop that process first"];
        provider.run(args).fails(FAILED, &locked);
    }
}

#[test]
fn a_stale_or_foreign_address_is_refused() {
    let fixture = Fixture::new();
    let provider = &fixture.provider;
    let url = unused_url();
    fixture.write_address(&url);
    let locked = "locked by another process";
    provider
        .run(["bucket", "list"])
        .fails(FAILED, &[locked, "cannot reach the provider", &url]);

    let other = Fixture::new();
    other.run(["bucket", "create", "1"]).succeeds();
    fixture.write_address(&other.url());
    provider
        .run(["bucket", "delete", "1"])
        .fails(FAILED, &[locked, "another provider answers", &other.url()]);
    assert_eq!(other.json(["bucket", "list"]).len(), 1);
}
