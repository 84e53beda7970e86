//! Mistakes of an operator: each gets one helpful sentence and an exit code, and changes nothing.

use crate::support::{FAILED, Provider, REFUSED, RunResult, USAGE, bytes, program, text_field};
use cairn_bucket::BasePath;
use cairn_engine::Access;

#[test]
fn a_path_that_is_not_there_is_named_and_nothing_is_stored() {
    let provider = Provider::with_bucket("1");
    let there = provider.file("there", b"content");
    let put = ["put", "1", there.to_str().unwrap(), "/not/there"];
    provider
        .run(put)
        .fails(FAILED, &["/not/there", "No such file"]);
    assert_eq!(provider.json(["bucket", "info", "1"])[0]["leaf_count"], 0);
    let verify = provider.run(["verify", "/not/there.json"]);
    verify.fails(FAILED, &["/not/there.json", "No such file"]);
}

#[test]
fn a_base_path_that_is_not_there_is_named_with_what_to_do() {
    let provider = Provider::bare();
    for args in [
        &["bucket", "list"][..],
        &["key", "list"],
        &["put", "1", "/etc/hostname"],
        &["fsck", "--all"],
    ] {
        provider
            .run(args)
            .fails(FAILED, &["no base path", "cairn bucket create"]);
    }
    let homeless = RunResult::from_command(
        {
            let mut command = program();
            command.args(["bucket", "list"]);
            command
        },
        b"",
    );
    assert_eq!(homeless.code, Some(USAGE));
    assert!(homeless.stderr.contains("--base-path"), "{homeless:?}");
}

#[test]
fn a_bucket_that_is_not_there_is_named_by_every_command() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", b"content");
    for args in [
        &["put", "9", file.to_str().unwrap()][..],
        &["get", "9", "--leaf", "0"],
        &["prove", "9", "--leaf", "0"],
        &["bucket", "info", "9"],
        &["fsck", "9"],
        &["challenge-drill", "9"],
    ] {
        provider
            .run(args)
            .fails(FAILED, &["no bucket 9", "cairn bucket list"]);
    }
}

#[test]
fn a_folder_that_is_not_a_bucket_does_not_hide_the_others() {
    let provider = Provider::with_bucket("1");
    let buckets = provider.base_path().join("buckets");
    std::fs::create_dir(buckets.join("0000000000000002")).unwrap();
    std::fs::create_dir(buckets.join("0000000000000003")).unwrap();
    std::fs::write(buckets.join("0000000000000003/letter"), "dear reader").unwrap();
    std::fs::write(buckets.join("0000000000000004"), "a file").unwrap();
    let file = provider.file("file", b"content");
    provider.put("1", &file);
    for bucket in ["2", "3", "4"] {
        for args in [
            &["put", bucket, file.to_str().unwrap()][..],
            &["get", bucket, "--leaf", "0"],
            &["bucket", "info", bucket],
        ] {
            provider
                .run(args)
                .fails(FAILED, &["is not a bucket", "cairn bucket list"]);
        }
    }
    let listed = provider
        .run(["bucket", "list"])
        .fails(FAILED, &["3 of 4"])
        .text();
    assert_eq!(listed.matches("is not a bucket").count(), 3, "{listed}");
    assert!(listed.starts_with("1  plain  1 leaf"), "{listed}");
    let checked = provider
        .run(["fsck", "--all"])
        .fails(REFUSED, &["3 of 4"])
        .text();
    assert!(checked.contains("bucket 1: 1 leaf"), "{checked}");
    // Nothing was created in folders of others.
    assert_eq!(
        std::fs::read_dir(buckets.join("0000000000000002"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(
        std::fs::read_dir(buckets.join("0000000000000003"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn a_bucket_is_not_made_twice() {
    let provider = Provider::with_bucket("1");
    provider
        .run(["bucket", "create", "1"])
        .fails(FAILED, &["bucket 1 is already there"]);
}

#[test]
fn a_base_path_that_another_process_holds_is_left_alone() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", b"content");
    provider.put("1", &file);
    let held = BasePath::open(provider.base_path(), Access::ReadWrite).unwrap();
    for args in [
        &["put", "1", file.to_str().unwrap()][..],
        &["bucket", "create", "2"],
        &["key", "generate"],
        &["get", "1", "--leaf", "0"],
        &["challenge-drill", "1"],
    ] {
        provider
            .run(args)
            .fails(FAILED, &["locked by another process"]);
    }
    drop(held);
}

#[test]
fn readers_hold_off_writers_and_not_each_other() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", b"content");
    provider.put("1", &file);
    let held = BasePath::open(provider.base_path(), Access::ReadOnly).unwrap();
    provider.run(["get", "1", "--leaf", "0"]).succeeds();
    let put = provider.run(["put", "1", file.to_str().unwrap()]);
    put.fails(FAILED, &["locked by another process"]);
    drop(held);
}

#[test]
fn without_a_key_or_with_a_choice_of_two_nothing_is_stored() {
    let provider = Provider::bare();
    provider.run(["bucket", "create", "1"]).succeeds();
    let file = provider.file("file", b"content");
    let put = ["put", "1", file.to_str().unwrap()];
    provider.run(put).fails(
        FAILED,
        &["no key", "cairn key generate", "cairn key insert"],
    );

    let alice = provider.file("alice", b"//Alice\n");
    provider
        .run(["key", "insert", "--suri-file", alice.to_str().unwrap()])
        .succeeds();
    let bob =
        RunResult::from_command(provider.command(["key", "insert", "--json"]), b"//Bob").succeeds();
    let bob = text_field(&bob.json()[0], "public");
    provider.run(put).fails(FAILED, &["2 keys", "--key"]);
    let absent = ["--key", &"ab".repeat(32)];
    provider
        .run([&put[..], &absent].concat())
        .fails(FAILED, &["no key abab"]);
    assert_eq!(provider.json(["bucket", "info", "1"])[0]["used_bytes"], 0);
    let with_bob = provider.json([&put[..], &["--key", &bob]].concat());
    assert_eq!(text_field(&with_bob[0], "signer"), bob);
}

#[test]
fn an_invalid_secret_is_neither_kept_nor_printed() {
    let provider = Provider::bare();
    let inserted = RunResult::from_command(
        provider.command(["key", "insert"]),
        b"correct horse battery",
    );
    let inserted = inserted.fails(FAILED, &["not a secret phrase"]);
    assert!(!inserted.stderr.contains("horse"));
    let absent = provider.run(["key", "insert", "--suri-file", "/not/there"]);
    absent.fails(FAILED, &["/not/there"]);
}

#[test]
fn an_upload_past_the_quota_leaves_the_bucket_as_it_was() {
    let provider = Provider::new();
    provider
        .run(["bucket", "create", "1", "--quota", "1MiB"])
        .succeeds();
    let fits = provider.file("fits", &bytes(1, 700_000));
    provider.put("1", &fits);
    let before = provider.json(["bucket", "info", "1"]);
    let over = provider.file("over", &bytes(2, 700_000));
    let put = ["put", "1", over.to_str().unwrap()];
    let words = ["over", "quota of 1048576 bytes", "nothing was committed"];
    provider.run(put).fails(FAILED, &words);
    assert_eq!(provider.json(["bucket", "info", "1"]), before);
    // Storing existing content again costs nothing.
    provider.put("1", &fits);
}

#[test]
fn files_before_a_failure_are_committed_and_reported() {
    let provider = Provider::new();
    provider
        .run(["bucket", "create", "1", "--quota", "1MiB"])
        .succeeds();
    for (name, length) in [("a", 10), ("b", 20), ("c", 2_000_000), ("d", 30)] {
        provider.file(&format!("files/{name}"), &bytes(9, length));
    }
    let folder = provider.file("files/e", b"5");
    let folder = folder.parent().unwrap().to_str().unwrap();
    let put = provider.run(["put", "1", folder, "--json"]);
    let put = put.fails(FAILED, &["files/c", "2 files in 1 commit"]);
    let info = provider.json(["bucket", "info", "1"]).remove(0);
    assert_eq!(
        (&info["leaf_count"], &info["used_bytes"]),
        (&2.into(), &30.into())
    );
    assert_eq!(put.json()[0]["mmr_root"], info["mmr_root"]);
    assert!(put.stderr.contains(info["mmr_root"].as_str().unwrap()));
}

#[test]
fn a_root_leaf_or_chunk_that_the_bucket_does_not_have_is_refused() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", &bytes(1, 600_000));
    provider.put("1", &file);
    let root = "ab".repeat(32);
    for (args, words) in [
        (
            &["--leaf", "0", "--root", &root][..],
            &["never signed the root 0xabab"][..],
        ),
        (&["--leaf", "1"], &["no leaf 1 among the 1"]),
        (
            &["--leaf", "0", "--leaf-count", "2"],
            &["has 1 leaves, and never had 2"],
        ),
        (
            &["--leaf", "0", "--leaf-count", "0"],
            &["no leaf 0 among the 0"],
        ),
        (
            &["--leaf", "0", "--chunk", "3"],
            &["slot 3 pads the tree after 3 chunks"],
        ),
        (
            &["--leaf", "0", "--chunk", "7"],
            &["slot 3 pads the tree after 3 chunks"],
        ),
    ] {
        let prove = [&["prove", "1"][..], args].concat();
        provider.run(prove).fails(FAILED, words);
    }
    let get = provider.run(["get", "1", "--leaf", "8"]);
    get.fails(FAILED, &["no leaf 8 among the 1"]);
}

#[test]
fn a_bucket_without_signed_roots_cannot_be_drilled() {
    let provider = Provider::with_bucket("1");
    let drill = provider.run(["challenge-drill", "1"]);
    drill.fails(FAILED, &["no root of bucket 1 was ever signed"]);
    let drill = provider.run(["challenge-drill", "--all"]);
    drill.fails(FAILED, &["no root of any bucket was ever signed"]);
}

#[test]
fn an_invalid_command_line_gets_the_reason() {
    let provider = Provider::with_bucket("1");
    for (args, word) in [
        (
            &["prove", "1", "--leaf", "0", "--root", "0xabc"][..],
            "pairs of hex digits, found 3",
        ),
        (
            &["prove", "1", "--leaf", "0", "--root", "0xabcd"],
            "32 bytes in hex",
        ),
        (
            &["prove", "1", "--leaf", "0", "--root", "zz"],
            "not a hex digit",
        ),
        (&["prove", "1", "--leaf", "0", "--start-seq", "1"], "--root"),
        (
            &[
                "prove",
                "1",
                "--leaf",
                "0",
                "--leaf-count",
                "18446744073709551615",
            ],
            "2^62",
        ),
        (&["prove", "1", "--leaf", "minus one"], "--leaf"),
        (
            &["put", "one", "/etc/hostname"],
            "a bucket's id is its number",
        ),
        (&["put", "1"], "FILES"),
        (&["put", "1", "/etc/hostname", "--key", "12"], "found 1"),
        (
            &["put", "1", "/etc/hostname", "--commit-every", "0"],
            "--commit-every",
        ),
        (
            &["bucket", "create", "2", "--quota", "10 parsecs"],
            "parsecs",
        ),
        (&["bucket", "create", "2", "--hashing", "md5"], "plain"),
        (&["fsck"], "--all"),
        (&["fsck", "--all", "1"], "--all"),
        (&["challenge-drill", "1", "-n", "0"], "-n"),
        (&["get", "1", "--leaf", "0", "--json"], "-o"),
        (&["dig"], "dig"),
    ] {
        provider.run(args).fails(USAGE, &[word]);
    }
}

#[test]
fn paths_that_cannot_be_read_or_replaced_are_named() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", b"content");
    provider.put("1", &file);
    let folder = file.parent().unwrap().to_str().unwrap();
    provider
        .run(["put", "1", "/dev/null"])
        .fails(FAILED, &["/dev/null", "a device"]);
    let empty = provider.file("nothing/here", b"");
    std::fs::remove_file(&empty).unwrap();
    let put = provider.run(["put", "1", empty.parent().unwrap().to_str().unwrap()]);
    put.fails(FAILED, &["nothing to store"]);
    let get = provider.run(["get", "1", "--leaf", "0", "-o", folder]);
    get.fails(FAILED, &[folder, "directory"]);
    let get = provider.run(["get", "1", "--leaf", "0", "-o", "/not/there/file"]);
    get.fails(FAILED, &["/not/there/file", "No such file"]);
}

#[test]
fn help_names_the_exit_codes() {
    let help = Provider::bare().run(["--help"]).succeeds().text();
    for line in [
        "3    a proof or signature was refused",
        "2    the command line",
        "CAIRN_BASE_PATH",
    ] {
        assert!(help.contains(line), "{help}");
    }
}
