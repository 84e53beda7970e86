//! The same commands, executed by a running provider, which is named by its address or found by
//! the base path.

mod by_lock;
mod changed;
mod false_answers;
mod fixture;
mod readiness;

use crate::support::{FAILED, Provider, USAGE, bytes, text_field, verify};
use cairn_rpc_listener::RpcMethods;
use fixture::{Fixture, admin, run_at_url};
use serde_json::Value;
use sp_core::Pair;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const CHUNK: usize = 262_144;

/// Returns an address without a listener: the port was free a moment ago.
fn unused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

/// Returns files of all boundary lengths, one of them twice.
fn files(provider: &Provider) -> (PathBuf, Vec<Vec<u8>>) {
    let twice = bytes(3, 5 * CHUNK + 1);
    let zeros = vec![0; 3 * CHUNK];
    let contents = [
        ("a-empty", Vec::new()),
        ("b-tiny", bytes(1, 3)),
        ("c-node-sized", bytes(2, 64)),
        ("d-large", twice.clone()),
        ("e-one-chunk", bytes(4, CHUNK)),
        ("f-larger", bytes(5, 70 * CHUNK + 12_345)),
        ("g-again", twice),
        ("h-zeros", zeros),
    ];
    let mut folder = PathBuf::new();
    for (name, content) in &contents {
        folder = provider.file(&format!("files/{name}"), content);
        folder.pop();
    }
    (folder, contents.map(|(_, content)| content).into())
}

/// Returns the fields that do not depend on who stores and signs.
fn without_signatures(mut commits: Vec<Value>) -> Vec<Value> {
    for commit in &mut commits {
        let fields = commit.as_object_mut().unwrap();
        for field in ["signer", "signature", "commit_micros"] {
            fields.remove(field).unwrap();
        }
    }
    commits
}

fn round_trip(hashing: &str) {
    let fixture = Fixture::new();
    let local = Provider::new();
    let create = ["bucket", "create", "7", "--hashing", hashing];
    fixture.set_chain_hashing(hashing);
    fixture.run(create).succeeds();
    let said = ["--chain-hashing", hashing];
    local.run([&create[..], &said].concat()).succeeds();
    let (folder, contents) = files(&local);
    let folder = folder.to_str().unwrap();
    let put = ["put", "7", folder, "--commit-every", "3", "--one-leaf"];
    let commits = fixture.json(put);
    assert_eq!(commits.len(), 3);
    let expected = local.json(put);
    assert_eq!(
        without_signatures(commits.clone()),
        without_signatures(expected)
    );

    let newest = commits.last().unwrap();
    let root = text_field(newest, "mmr_root");
    let got = local.file("got", b"");
    for (leaf, content) in contents.iter().enumerate() {
        let leaf = leaf.to_string();
        let get = ["get", "7", "--leaf", &leaf];
        assert!(
            fixture.run(get).succeeds().stdout == *content,
            "leaf {leaf}"
        );
        let to = ["-o", got.to_str().unwrap()];
        let written = fixture.json([&get[..], &to].concat());
        assert_eq!(written, local.json([&get[..], &to].concat()));
        assert!(std::fs::read(&got).unwrap() == *content, "leaf {leaf}");
    }
    let got = fixture.run(["get", "7", "--leaf", "5", "--root", &root]);
    assert!(got.succeeds().stdout == contents[5]);

    for args in [
        &["prove", "7", "--leaf", "4"][..],
        &["prove", "7", "--leaf", "5", "--chunk", "70"],
        // The chain maps it to slot 1.
        &["prove", "7", "--leaf", "3", "--chunk", "9"],
        &["prove", "7", "--leaf", "0", "--leaf-count", "6"],
    ] {
        let proof = fixture.run(args).succeeds().stdout;
        assert_eq!(proof, local.run(args).succeeds().stdout, "{args:?}");
        verify(&proof, &[]).succeeds();
    }
    let earlier = text_field(&commits[0], "mmr_root");
    let prove = [
        "prove", "7", "--leaf", "1", "--chunk", "0", "--root", &earlier,
    ];
    let proof = fixture.run(prove).succeeds().stdout;
    verify(&proof, &["--root", &earlier]).succeeds();

    // All content is there already.
    let again = fixture.json(put);
    for commit in &again {
        for file in commit["files"].as_array().unwrap() {
            assert_eq!(file["new_bytes"], 0, "{file}");
        }
    }
}

#[test]
fn a_remote_put_equals_a_local_put_with_plain_hashing() {
    round_trip("plain");
}

#[test]
fn a_remote_put_equals_a_local_put_with_tagged_hashing() {
    round_trip("tagged");
}

#[test]
fn a_chunk_that_looks_like_a_node_is_stored_too() {
    let fixture = Fixture::new();
    let large = bytes(1, 2 * CHUNK);
    let hashes = large
        .chunks(CHUNK)
        .flat_map(|chunk| cairn_primitives::HashingProfile::Plain.chunk(chunk).0);
    let like_a_node: Vec<u8> = hashes.collect();
    for order in [["large", "like a node"], ["like a node", "large"]] {
        fixture.run(["bucket", "create", "8"]).succeeds();
        for name in order {
            let content = if name == "large" {
                &large
            } else {
                &like_a_node
            };
            let file = fixture.provider.file(name, content);
            fixture.json(["put", "8", file.to_str().unwrap()]);
        }
        for (leaf, name) in order.iter().enumerate() {
            let got = fixture.run(["get", "8", "--leaf", &leaf.to_string()]);
            let content = if *name == "large" {
                &large
            } else {
                &like_a_node
            };
            assert!(got.succeeds().stdout == *content, "{name} of {order:?}");
        }
        // Another bucket for the other order.
        fixture.delete_bucket("8");
    }
}

#[test]
fn buckets_are_created_listed_shown_and_deleted() {
    let fixture = Fixture::new();
    let output = fixture.run(["bucket", "list"]).succeeds().text();
    assert!(output.contains("there are no buckets in ws://"), "{output}");
    let made = fixture.json([
        "bucket",
        "create",
        "5",
        "--quota",
        "1MiB",
        "--hashing",
        "plain",
    ]);
    assert_eq!(made[0]["quota_bytes"], 1 << 20);
    assert_eq!(made[0]["hashing"], "plain");
    fixture.run(["bucket", "create", "6"]).succeeds();
    fixture
        .run(["bucket", "create", "6"])
        .fails(FAILED, &["bucket 6 exists already", "12070"]);

    let empty = fixture.json(["bucket", "info", "6"]).remove(0);
    assert_eq!(
        (&empty["leaf_count"], &empty["last_signed_ms"]),
        (&0.into(), &Value::Null)
    );
    let file = fixture.provider.file("file", b"content");
    let commit = fixture.json(["put", "5", file.to_str().unwrap()]).remove(0);
    let info = fixture.json(["bucket", "info", "5"]).remove(0);
    for field in ["mmr_root", "start_seq", "leaf_count", "hashing"] {
        assert_eq!(info[field], commit[field]);
    }
    assert_eq!(info["peaks"][0], commit["mmr_root"]);
    assert_eq!(info["used_bytes"], 7);
    assert!(info["last_signed_ms"].is_u64());
    let output = fixture.run(["bucket", "info", "5"]).succeeds().text();
    assert!(
        output.contains("signed ") && !output.contains("folder"),
        "{output}"
    );
    let listed = fixture.json(["bucket", "list"]);
    let ids: Vec<_> = listed.iter().map(|bucket| &bucket["bucket"]).collect();
    assert_eq!(ids, [5, 6]);
    assert_eq!(listed[0]["mmr_root"], commit["mmr_root"]);

    let status = fixture.json(["status"]).remove(0);
    assert_eq!(
        (&status["buckets"], &status["leaves"]),
        (&2.into(), &1.into())
    );
    assert_eq!(status["running"]["account"], commit["signer"]);
    let output = fixture.run(["status"]).succeeds().text();
    assert!(
        output.contains("NOT READY     the chain is not reachable")
            && output.contains("not followed, 0 open challenges"),
        "{output}"
    );

    let deleted = fixture.json(["bucket", "delete", "6"]).remove(0);
    assert_eq!(deleted["deleted"], 6);
    fixture
        .run(["bucket", "delete", "5"])
        .fails(FAILED, &["bucket 5 is not deleted", "12071"]);
    fixture
        .run(["bucket", "delete", "5", "--even-signed"])
        .fails(USAGE, &["stop it first"]);
    assert_eq!(fixture.json(["bucket", "list"]).len(), 1);
}

#[test]
fn a_list_takes_what_the_provider_noted_and_status_asks_again() {
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "5"]).succeeds();
    let file = fixture.provider.file("file", b"content");
    fixture.json(["put", "5", file.to_str().unwrap()]);
    // The provider has not read the bucket since its start, and noted other figures before.
    let learning = fixture.falsify("cairnBucket_v1_list", |answer| {
        let noted = &mut answer["buckets"][0];
        noted["standing"] = "learning".into();
        noted["commitment"]["leafCount"] = 9.into();
    });
    let listed = fixture.run_at(&learning.url, ["bucket", "list", "--json"]);
    let listed = listed.succeeds().json().remove(0);
    assert_eq!(
        (&listed["leaf_count"], &listed["standing"]),
        (&9.into(), &"learning".into())
    );
    let output = fixture
        .run_at(&learning.url, ["bucket", "list"])
        .succeeds()
        .text();
    assert!(output.contains("as last indexed"), "{output}");
    let status = fixture.run_at(&learning.url, ["status", "--json"]);
    assert_eq!(status.succeeds().json()[0]["leaves"], 1);
}

#[test]
fn a_missing_bucket_or_leaf_is_reported_with_its_code() {
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let file = fixture.provider.file("file", b"content");
    let file = file.to_str().unwrap();
    for args in [
        &["put", "9", file][..],
        &["get", "9", "--leaf", "0"],
        &["prove", "9", "--leaf", "0"],
        &["bucket", "info", "9"],
        &["bucket", "delete", "9"],
    ] {
        let url = fixture.url();
        let words = ["the provider has no bucket 9", "12020", &url];
        fixture.run(args).fails(FAILED, &words);
    }
    fixture.json(["put", "1", file]);
    let leaf = fixture.run(["get", "1", "--leaf", "3"]);
    leaf.fails(FAILED, &["no leaf 3", "12033"]);
}

#[test]
fn an_unreachable_address_is_named() {
    let url = unused_url();
    run_at_url(&url, ["bucket", "list"]).fails(FAILED, &["cannot reach the provider", &url]);
    let mut command = crate::support::program();
    command
        .args(["status", "--base-path", "/nowhere"])
        .env("CAIRN_RPC", &url);
    crate::support::RunResult::from_command(command, b"")
        .fails(FAILED, &["cannot reach the provider", &url]);
}

#[test]
fn a_refused_change_names_the_flags_that_allow_it() {
    let fixture = Fixture::with(RpcMethods::Safe);
    fixture.create_bucket("1");
    let file = fixture.provider.file("file", b"content");
    let file = file.to_str().unwrap();
    let allow = [
        "--rpc-token-file",
        "--rpc-methods safe",
        "RPC call is unsafe",
    ];
    fixture.run(["put", "1", file]).fails(FAILED, &allow);
    fixture.run(["bucket", "create", "2"]).fails(FAILED, &allow);
    fixture.run(["bucket", "delete", "1"]).fails(FAILED, &allow);
    assert_eq!(fixture.json(["bucket", "list"]).len(), 1);
}

#[test]
fn s7c_a_change_without_a_token_is_refused_with_advice() {
    let fixture = Fixture::new();
    fixture.create_bucket("1");
    let file = fixture.provider.file("file", b"content");
    let put = [
        "put",
        "1",
        file.to_str().unwrap(),
        "--provider",
        &fixture.key,
    ];
    let needs = ["pass its token", "--rpc-token-file", "rpc-token"];
    run_at_url(&fixture.url(), put).fails(FAILED, &needs);
    run_at_url(&fixture.url(), ["bucket", "create", "2"]).fails(FAILED, &needs);
    run_at_url(&fixture.url(), ["bucket", "list"]).succeeds();
    // The base path with this address also has the token and the keys.
    fixture.write_address(&fixture.url());
    let mut command = fixture
        .provider
        .command(["--rpc", &fixture.url(), "put", "1"]);
    command.arg(&file);
    crate::support::RunResult::from_command(command, b"").succeeds();
    // A token that others can read is refused.
    let token = fixture.token_file();
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o644)).unwrap();
    let named = ["--rpc-token-file", token.to_str().unwrap()];
    run_at_url(
        &fixture.url(),
        [&named[..], &["bucket", "create", "2"]].concat(),
    )
    .fails(FAILED, &["is not secret", "chmod 600"]);
}

#[test]
fn files_before_one_that_does_not_fit_are_committed() {
    let fixture = Fixture::new();
    fixture
        .run(["bucket", "create", "1", "--quota", "600KiB"])
        .succeeds();
    let files = [
        fixture.provider.file("a", &bytes(1, 400_000)),
        fixture.provider.file("b", &bytes(2, 600_000)),
        fixture.provider.file("c", &bytes(3, 10)),
    ];
    let names = files.each_ref().map(|file| file.to_str().unwrap());
    let ended = fixture.run([&["put", "1"], &names[..]].concat());
    let words = [
        names[1],
        "is full",
        "12040",
        "earlier commits stay: 1 file in 1 commit",
    ];
    ended.fails(FAILED, &words);
    let info = fixture.json(["bucket", "info", "1"]).remove(0);
    assert_eq!(
        (&info["leaf_count"], &info["total_size"]),
        (&1.into(), &400_000.into())
    );

    let missing = files[0].with_file_name("missing");
    let ended = fixture.run(["put", "1", names[2], missing.to_str().unwrap()]);
    ended.fails(FAILED, &["missing"]);
}

#[test]
fn an_admin_signs_the_dry_runs_payload_to_prune() {
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let files = [1, 2, 3].map(|seed| {
        fixture
            .provider
            .file(&format!("{seed}"), &bytes(seed, 1000))
    });
    for file in &files {
        fixture.json(["put", "1", file.to_str().unwrap()]);
    }
    let prune = ["bucket", "prune", "1", "--before", "2"];
    let shown = fixture
        .json([&prune[..], &["--dry-run"]].concat())
        .remove(0);
    let payload = hex::decode(&text_field(&shown, "payload")[2..]).unwrap();
    let by = hex::encode(admin().public().0);
    let signature = hex::encode(admin().sign(&payload).0);
    fixture
        .run([&prune[..], &["--unsigned"]].concat())
        .fails(USAGE, &["only with an admin's signature"]);
    let other = hex::encode([9; 32]);
    fixture
        .run([&prune[..], &["--admin", &other, "--signature", &signature]].concat())
        .fails(FAILED, &["no admin of bucket 1", "12065"]);
    let signed = ["--admin", &by, "--signature", &signature];
    let pruned = fixture.json([&prune[..], &signed].concat()).remove(0);
    assert_eq!(pruned["mmr_root"], shown["mmr_root"]);
    assert_eq!(
        (&pruned["start_seq"], &pruned["retired_tree"]),
        (&2.into(), &0.into())
    );
}

#[test]
fn a_bucket_is_exported_on_the_providers_machine() {
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let file = fixture.provider.file("file", &bytes(1, 400_000));
    let commit = fixture.json(["put", "1", file.to_str().unwrap()]).remove(0);
    let archive = file.with_file_name("archive");
    let archive = archive.to_str().unwrap();
    let export = ["bucket", "export", "1"];
    for relative in ["archive", "-"] {
        let ended = fixture.run([&export[..], &[relative, "--archive"]].concat());
        ended.fails(USAGE, &["machine"]);
    }
    let exported = fixture
        .json([&export[..], &[archive, "--archive"]].concat())
        .remove(0);
    assert_eq!(exported["mmr_root"], commit["mmr_root"]);
    assert_eq!(exported["destination"], archive);
    fixture
        .run([&export[..], &[archive]].concat())
        .fails(FAILED, &[archive, "12002"]);
    let receiver = Provider::bare();
    let imported = receiver.json(["bucket", "import", archive]).remove(0);
    assert_eq!(imported["mmr_root"], commit["mmr_root"]);
}

#[test]
fn local_commands_refuse_a_providers_address() {
    let url = unused_url();
    for args in [
        &["fsck", "1"][..],
        &["scrub", "--all"],
        &["key", "list"],
        &["challenge-drill", "1"],
        &["bucket", "accept", "1"],
        &["bucket", "release", "1", "--tree", "0"],
        &["bucket", "import", "somewhere"],
    ] {
        run_at_url(&url, args).fails(
            USAGE,
            &["only put, get, prove, status, doctor and bucket list"],
        );
    }
    run_at_url("http://127.0.0.1:1", ["status"]).fails(USAGE, &["expected a provider's WebSocket"]);
    let fixture = Fixture::new();
    fixture.run(["bucket", "create", "1"]).succeeds();
    let file = fixture.provider.file("file", b"content");
    let put = ["put", "1", file.to_str().unwrap()];
    let key = "11".repeat(32);
    for wrong in [["--key", &key], ["--commit-every", "9000"]] {
        let ended = fixture.run([&put[..], &wrong].concat());
        ended.fails(USAGE, &["a running provider", wrong[0]]);
    }
    fixture
        .run(["status", "--max-open", "9"])
        .fails(USAGE, &["--max-open"]);
}
