//! A bucket that is damaged or lost, healed by `cairn fsck` from another provider over HTTP.

use crate::support::{Provider, REFUSED, bytes, text_field};
use cairn_bucket::{BasePath, Bucket, StateRef, StoredContent};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::{BucketId, H256, LeafIndex};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

/// Another provider: it serves bucket 1 of a copy of a base path, each request on a thread.
struct Peer {
    url: String,
    _folder: tempfile::TempDir,
}

fn hex0(hash: H256) -> String {
    format!("0x{}", hex::encode(hash))
}

fn hash(text: &str) -> H256 {
    H256::from_slice(&hex::decode(text.trim_start_matches("0x")).unwrap())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|part| {
        let number = (0..3).fold(0usize, |number, at| {
            number << 8 | usize::from(part.get(at).copied().unwrap_or(0))
        });
        let digits = [18, 12, 6, 0].map(|shift| char::from(DIGITS[number >> shift & 63]));
        let used = part.len() + 1;
        (0..4).map(move |at| if at < used { digits[at] } else { '=' })
    });
    digits.collect()
}

fn leaf(bucket: &Bucket, query: &str) -> Option<Value> {
    let index = query.rsplit('=').next()?.parse().ok()?;
    let view = bucket.view(StateRef::Newest).ok()?;
    let proven = view.mmr_proof(LeafIndex(index)).ok()?;
    let proof = proven.proof();
    let all = |hashes: &[H256]| hashes.iter().map(|hash| hex0(*hash)).collect::<Vec<_>>();
    Some(json!({
        "leaf": {
            "data_root": hex0(proof.leaf.data_root),
            "data_size": proof.leaf.data_size,
            "total_size": proof.leaf.total_size,
        },
        "proof": {
            "peaks": all(&proof.peaks),
            "siblings": all(&proof.leaf_proof.siblings),
            "path": proof.leaf_proof.path,
        },
    }))
}

fn nodes(bucket: &Bucket, question: &[u8]) -> Value {
    let question: Value = serde_json::from_slice(question).unwrap();
    let hashes = question["hashes"].as_array().unwrap();
    let found = hashes.iter().filter_map(|text| {
        let text = text.as_str().unwrap();
        Some(match bucket.fetch(&hash(text)).unwrap()? {
            StoredContent::Chunk(bytes) => {
                json!({ "hash": text, "data": base64(&bytes), "children": null })
            }
            StoredContent::Node { left, right } => json!({
                "hash": text,
                "data": base64(&[left.as_bytes(), right.as_bytes()].concat()),
                "children": [hex0(left), hex0(right)],
            }),
        })
    });
    json!({ "nodes": found.collect::<Vec<_>>() })
}

fn serve(bucket: &Bucket, stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(text) = header.strip_prefix("content-length:") {
                length = text.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = line.split(' ').nth(1)?;
        let answered = match path.split_once('?') {
            Some(("/mmr_proof", query)) => leaf(bucket, query),
            _ if path == "/fetch_nodes" => Some(nodes(bucket, &body)),
            _ => None,
        };
        let status = if answered.is_some() {
            "200 OK"
        } else {
            "404 Not Found"
        };
        let answer = answered.unwrap_or_default().to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        writer.write_all(head.as_bytes()).ok()?;
        writer.write_all(answer.as_bytes()).ok()?;
    }
}

impl Peer {
    /// Starts a peer with a copy of a provider's buckets as they are now.
    fn of(provider: &Provider) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("1");
        let files = provider.base_path().join("buckets/0000000000000001");
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(files).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let shared = SharedResources::default();
            let bucket = Bucket::open(&copy, Access::ReadOnly, &shared).unwrap();
            std::thread::scope(|scope| {
                for stream in listener.incoming().flatten() {
                    scope.spawn(|| serve(&bucket, stream));
                }
            });
        });
        let _folder = folder;
        Self { url, _folder }
    }
}

/// A provider with two files in bucket 1, its newest root, and the path of its bucket.
fn provider() -> (Provider, String, PathBuf) {
    let provider = Provider::with_bucket("1");
    let first = provider.file("files/first", &bytes(1, 700_000));
    let second = provider.file("files/second", &bytes(2, 5_000));
    provider.put("1", &first);
    let put = provider.put("1", &second);
    let root = text_field(&put[0], "mmr_root");
    let folder = provider.base_path().join("buckets/0000000000000001");
    (provider, root, folder)
}

fn is_whole(provider: &Provider, root: &str) {
    let checked = provider.json(["fsck", "1"]);
    assert_eq!(checked[0]["clean"], true, "{checked:?}");
    let shared = SharedResources::default();
    let base = BasePath::open(provider.base_path(), Access::ReadOnly).unwrap();
    let bucket = base.open_bucket(BucketId(1), &shared).unwrap();
    assert_eq!(hex0(bucket.commitment().mmr_root), root);
    // Each earlier root may have been signed.
    let first = bucket.view(StateRef::LeafCount(
        cairn_primitives::LeafCount::new(1).unwrap(),
    ));
    let first = first.unwrap().commitment().unwrap().mmr_root;
    assert!(bucket.view(StateRef::Root(first)).is_ok());
}

#[test]
fn a_damaged_bucket_is_healed_from_a_provider() {
    let (provider, root, folder) = provider();
    let peer = Peer::of(&provider);
    let blob = std::fs::read_dir(&folder).unwrap();
    let blob = blob.map(|entry| entry.unwrap().path());
    let blob = blob
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "blob"));
    let blob = blob.unwrap();
    let mut content = std::fs::read(&blob).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 0x20;
    std::fs::write(&blob, content).unwrap();

    let dead = ["fsck", "1", "--repair", "--from", "http://127.0.0.1:1"];
    let refused = provider.run(dead).fails(REFUSED, &[]);
    assert!(refused.text().contains("no provider could be asked"));
    let healed = provider.json(["fsck", "1", "--repair", "--from", &peer.url]);
    assert_eq!(healed[0]["clean"], true, "{healed:?}");
    is_whole(&provider, &root);
}

#[test]
fn a_lost_bucket_is_rebuilt_from_a_provider() {
    let (provider, root, folder) = provider();
    let peer = Peer::of(&provider);
    let from = ["fsck", "1", "--repair", "--from", &peer.url];
    let stated = ["--root", &root, "--leaves", "2"];
    // As long as it is here, it is not rebuilt.
    let rebuild = [&from[..], &stated].concat();
    provider.run(&rebuild).fails(REFUSED, &["is here"]);
    std::fs::remove_dir_all(&folder).unwrap();

    let wrong_root = format!("0x{}", "17".repeat(32));
    let wrong = [&from[..], &["--root", &wrong_root, "--leaves", "2"]].concat();
    provider
        .run(&wrong)
        .fails(REFUSED, &["not those of the wanted root"]);
    assert!(!folder.exists());
    let rebuilt = provider.json(&rebuild);
    assert_eq!(rebuilt[0]["mmr_root"], root);
    assert_eq!(rebuilt[0]["leaves_fetched"], 2);
    assert_eq!(rebuilt[0]["not_signed"], Value::Null, "{rebuilt:?}");
    is_whole(&provider, &root);
}

#[test]
fn a_rebuilt_bucket_that_lacks_what_was_signed_signs_nothing() {
    let (provider, _, folder) = provider();
    let peer = Peer::of(&provider);
    let third = provider.file("files/third", &bytes(3, 100));
    provider.put("1", &third);
    std::fs::remove_dir_all(&folder).unwrap();
    // The peer has the first two leaves, and the index knows that three were signed.
    let shared = SharedResources::default();
    let copy = peer._folder.path().join("1");
    let root = Bucket::open(&copy, Access::ReadOnly, &shared)
        .unwrap()
        .commitment();
    let root = hex0(root.mmr_root);
    let args = ["--root", &root, "--leaves", "2"];
    let rebuilt = [&["fsck", "1", "--repair", "--from", &peer.url][..], &args].concat();
    let rebuilt = provider.json(rebuilt);
    let reason = text_field(&rebuilt[0], "not_signed");
    assert!(reason.contains("newest writes are missing"), "{reason}");
    // It is here, and what it has can be proven to challengers only.
    assert!(folder.exists());
    let file = provider.file("files/fourth", b"more");
    provider
        .run(["put", "1", file.to_str().unwrap()])
        .fails(1, &["newest writes are missing"]);
}

#[test]
fn a_base_path_that_is_gone_is_begun_again() {
    let (provider, root, _) = provider();
    let peer = Peer::of(&provider);
    std::fs::remove_dir_all(provider.base_path()).unwrap();
    let args = ["--root", &root, "--leaves", "2"];
    let rebuilt = [&["fsck", "1", "--repair", "--from", &peer.url][..], &args].concat();
    provider.json(rebuilt);
    is_whole(&provider, &root);
}
