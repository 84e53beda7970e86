//! A bucket is pruned with an admin's signature, proves older signed roots, and frees the space on
//! release.

use crate::support::{FAILED, Provider, USAGE, bytes, text_field, verify};
use sp_core::{Pair, sr25519};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[test]
fn old_roots_are_proven_after_a_signed_prune_until_release() {
    let provider = Provider::with_bucket("1");
    let mut roots = vec![];
    for seed in 0..4 {
        let file = provider.file("file", &bytes(seed, 100_000));
        roots.push(text_field(&provider.put("1", &file)[0], "mmr_root"));
    }
    let prune = ["bucket", "prune", "1", "--before", "3"];
    let shown = &provider.json([&prune[..], &["--dry-run"]].concat())[0];
    let (payload, new_root) = (text_field(shown, "payload"), text_field(shown, "mmr_root"));
    assert_eq!(
        (&shown["start_seq"], &shown["leaf_count"]),
        (&3.into(), &1.into())
    );
    let payload = hex::decode(&payload[2..]).unwrap();
    assert_eq!(payload.len(), 57);

    let admin = sr25519::Pair::from_seed(&[1; 32]);
    let by = hex(admin.public().0);
    let signed_by = |signature: String| {
        let args = ["--admin", &by, "--signature", &signature];
        provider.run([&prune[..], &args].concat())
    };
    signed_by(hex([7; 64])).fails(FAILED, &["not the admin's", &new_root]);
    // The client continues while the admin signs.
    let file = provider.file("file", &bytes(4, 100_000));
    roots.push(text_field(&provider.put("1", &file)[0], "mmr_root"));
    let signature = hex(admin.sign(&payload).0);
    signed_by(signature.clone()).fails(FAILED, &["at 2 leaves", "leaf count"]);
    let at = |leaves: &str| {
        let by = ["--admin", &by, "--signature", &signature];
        provider.run([&prune[..], &by, &["--leaf-count", leaves]].concat())
    };
    at("3").fails(FAILED, &["names 3 leaves", "has 2 from sequence 3"]);
    at("1").succeeds();

    let info = &provider.json(["bucket", "info", "1"])[0];
    assert_eq!(info["leaf_count"], 2);
    let retired = &info["retired"][0];
    assert_eq!(text_field(retired, "mmr_root"), roots[4]);
    assert_eq!(text_field(retired, "admin"), by);
    assert_eq!(text_field(retired, "new_root"), new_root);
    let output = provider.run(["bucket", "info", "1"]).succeeds().text();
    assert!(
        output.contains("5 leaves from sequence 0, pruned to 3 by"),
        "{output}"
    );

    for (leaves, root) in roots.iter().enumerate() {
        let leaf = leaves.to_string();
        let prove = [
            "prove", "1", "--root", root, "--leaf", &leaf, "--chunk", "0",
        ];
        let proof = provider.run(prove).succeeds().stdout;
        verify(&proof, &["--root", root]).succeeds();
    }
    provider
        .run(["bucket", "release", "1", "--tree", "0"])
        .fails(FAILED, &["cairn run", "--even-signed"]);
    let gone = &provider.json(["bucket", "release", "1", "--tree", "0", "--even-signed"])[0];
    assert_eq!(
        (&gone["leaves"], &gone["bytes"]),
        (&3.into(), &300_000.into())
    );
    let prove = ["prove", "1", "--root", &roots[4], "--leaf", "0"];
    provider
        .run(prove)
        .fails(FAILED, &["never signed the root"]);
    provider.run(["fsck", "1"]).succeeds();
    let release = ["bucket", "release", "1", "--even-signed", "--tree"];
    let of = |tree| provider.run([&release[..], &[tree]].concat());
    of("0").fails(FAILED, &["no retired tree from sequence 0"]);
    of("3").fails(FAILED, &["is the current tree of bucket 1"]);
}

#[test]
fn a_prune_needs_an_admin_or_unsigned() {
    let provider = Provider::with_bucket("1");
    provider.put("1", &provider.file("file", b"x"));
    let prune = ["bucket", "prune", "1", "--before", "1"];
    let with = |args: &[&str]| provider.run([&prune[..], args].concat());
    with(&[]).fails(USAGE, &["--unsigned"]);
    let admin = hex([1; 32]);
    with(&["--admin", &admin]).fails(USAGE, &["--signature"]);
    with(&["--signature", &hex([1; 64])]).fails(USAGE, &["--admin"]);
    with(&["--unsigned", "--dry-run"]).fails(USAGE, &["--dry-run"]);
    with(&["--admin", &admin, "--signature", "0x01"]).fails(USAGE, &["64 bytes"]);
    let output = with(&["--unsigned"]).succeeds().text();
    assert!(
        output.contains("cairn bucket release 1 --tree 0"),
        "{output}"
    );
    with(&["--unsigned"]).fails(FAILED, &["nothing to prune"]);
}
