//! Operation: flags and the configuration file, health, metrics, logs, access rules, and the
//! stop.

use crate::fixture::{BUCKET, Fixture};
use crate::wire::{Client, http};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;

const REFUSED: i64 = -32_601;

/// Requests a bucket over HTTP, with headers. Returns the error code, if it fails.
fn bucket_info_code(stage: &Fixture, bucket: u64, headers: &[(&str, &str)]) -> Option<i64> {
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "cairnWrite_v1_createBucket",
        "params": [bucket, { "hashing": "plain", "maxBytes": 0 }],
    });
    let json = [("Content-Type", "application/json")];
    let headers = [&json[..], headers].concat();
    let (status, body) = http(stage.address(), "POST /", &headers, &request.to_string());
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let code = answer["error"]["code"].as_i64();
    assert!(
        code.is_some() || answer["result"]["bucket"] == json!(bucket),
        "{answer}"
    );
    code
}

/// Headers with which a proxy forwards a request.
const PROXIED: [&[(&str, &str)]; 5] = [
    &[("X-Forwarded-For", "203.0.113.9")],
    &[("Forwarded", "for=203.0.113.9;proto=https")],
    &[("Via", "1.1 proxy")],
    &[("X-Real-IP", "203.0.113.9")],
    &[
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "127.0.0.1"),
    ],
];

#[test]
fn s7a_a_proxied_request_never_counts_as_local() {
    for flags in [
        &[][..],
        &["--rpc-methods", "unsafe"],
        &["--rpc-methods", "safe"],
    ] {
        let stage = Fixture::new(flags);
        for (number, headers) in (20..).zip(PROXIED) {
            assert_eq!(
                bucket_info_code(&stage, number, headers),
                Some(REFUSED),
                "{headers:?}"
            );
        }
    }
    // The token is valid from everywhere.
    let stage = Fixture::new(&[]);
    let token = stage.authorization();
    let headers = [PROXIED[0], &[("Authorization", token.as_str())]].concat();
    assert_eq!(bucket_info_code(&stage, 30, &headers), None);
}

#[test]
fn s7c_changes_of_buckets_need_the_token() {
    let stage = Fixture::new(&[]);
    assert_eq!(
        stage.provider().startup_summary["rpc_methods"],
        json!("token")
    );
    let token = stage.authorization();
    let wrong = format!("Bearer {}", "0".repeat(64));
    let none: [&[(&str, &str)]; 4] = [
        &[],
        &[("Authorization", &wrong)],
        &[("Authorization", &token[..token.len() - 1])],
        &[
            ("Authorization", &token),
            ("Origin", "https://polkadot.js.org"),
        ],
    ];
    for headers in none {
        assert_eq!(
            bucket_info_code(&stage, 8, headers),
            Some(REFUSED),
            "{headers:?}"
        );
    }
    assert_eq!(
        bucket_info_code(&stage, 8, &[("Authorization", &token)]),
        None
    );
    // Over a WebSocket as well; a refusal is the same as Substrate's.
    let mut stranger = Client::connect(stage.address()).unwrap();
    let refused = stranger.request("cairnWrite_v1_createBucket", json!([9]));
    assert_eq!(refused["error"]["code"], json!(REFUSED), "{refused}");
    let unsafe_too = "RPC call is unsafe to be called externally";
    assert_eq!(refused["error"]["message"], json!(unsafe_too));
    let listed = stranger.request("cairnBucket_v1_list", json!([]));
    assert_eq!(listed["result"]["buckets"].as_array().unwrap().len(), 2);
    let made = stage
        .connect()
        .request("cairnWrite_v1_createBucket", json!([9]));
    assert_eq!(made["result"]["bucket"], json!(9), "{made}");
}

#[test]
fn s7c_the_token_is_private_and_new_at_each_start() {
    let mut stage = Fixture::new(&[]);
    let file = stage.base_path().join("rpc-token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = stage.authorization();
    stage.stop();
    assert!(!file.exists());
    stage.restart();
    assert_ne!(first, stage.authorization());
    let stale = [("Authorization", first.as_str())];
    assert_eq!(bucket_info_code(&stage, 8, &stale), Some(REFUSED));
}

#[test]
fn s7c_the_operators_own_token_is_accepted_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let kept = "kept-by-the-operator-for-another-machine";
    std::fs::write(&file, kept).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let stage = Fixture::new(&["--rpc-token-file", file.to_str().unwrap()]);
    let kept = format!("Bearer {kept}");
    for (number, token) in [(8, &kept), (9, &stage.authorization())] {
        assert_eq!(
            bucket_info_code(&stage, number, &[("Authorization", token)]),
            None
        );
    }
}

#[test]
fn s7b_exports_go_only_to_the_operators_folder() {
    let stage = Fixture::new(&[]);
    let folder = tempfile::tempdir().unwrap();
    let planted = folder.path().join(".ssh/authorized_keys");
    std::fs::create_dir(planted.parent().unwrap()).unwrap();
    let export = |stage: &Fixture, path: &str| {
        let params = json!([BUCKET, path, "archive"]);
        stage
            .connect()
            .request("cairnWrite_v1_exportBucket", params)
    };
    let refused = export(&stage, planted.to_str().unwrap());
    assert_eq!(refused["error"]["code"], json!(12_072), "{refused}");
    drop(stage);

    let exports = folder.path().join("exports");
    std::fs::create_dir(&exports).unwrap();
    let link = exports.join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let stage = Fixture::new(&["--export-dir", exports.to_str().unwrap()]);
    let here = exports.display();
    for outside in [
        planted.display().to_string(),
        format!("{here}/../.ssh/authorized_keys"),
        format!("{here}/link/.ssh/authorized_keys"),
        "../.ssh/authorized_keys".to_owned(),
        "link/key".to_owned(),
        // It exists already, as a link to another place.
        "link".to_owned(),
    ] {
        let refused = export(&stage, &outside);
        assert_eq!(
            refused["error"]["code"],
            json!(12_002),
            "{outside}: {refused}"
        );
    }
    assert!(!planted.exists());
    let made = export(&stage, "bucket.tar");
    let made = made["result"]["path"]
        .as_str()
        .unwrap_or_else(|| panic!("{made}"));
    let metadata = std::fs::metadata(made).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(
        std::fs::canonicalize(&exports)
            .unwrap()
            .join("bucket.tar")
            .is_file()
    );
}

#[test]
fn open_writes_need_two_flags() {
    let outside = Fixture::new(&["--rpc-external"]);
    assert_eq!(bucket_info_code(&outside, 8, &[]), Some(REFUSED));
    let open = Fixture::new(&["--unsafe-rpc-external", "--rpc-methods", "unsafe"]);
    assert_eq!(bucket_info_code(&open, 8, &[]), None);
    assert_eq!(bucket_info_code(&open, 9, PROXIED[0]), None);
    // From a process on this machine; the operator states that nobody else reaches it.
    let here = Fixture::new(&["--rpc-methods", "unsafe"]);
    assert_eq!(bucket_info_code(&here, 8, &[]), None);
    let closed = Fixture::new(&["--rpc-methods", "safe"]);
    let token = closed.authorization();
    assert_eq!(
        bucket_info_code(&closed, 8, &[("Authorization", &token)]),
        Some(REFUSED)
    );
}

#[test]
fn s11_one_host_cannot_hold_all_connections() {
    let stage = Fixture::new(&[]);
    let address = stage.address();
    // One host holds every connection, and answers each ping.
    let crowd: Vec<_> = std::iter::repeat_with(|| Client::connect(address))
        .map_while(|client| {
            let mut client = client?;
            client.request("cairnProvider_v1_status", json!([]));
            Some(client)
        })
        .take(64)
        .collect();
    // One connection may be about to close.
    assert!(crowd.len() > 60, "{}", crowd.len());
    let (status, _) = http(stage.metrics(), "GET /health", &[], "");
    assert_eq!(status, 200);
    let (status, body) = http(stage.metrics(), "GET /health/readiness", &[], "");
    assert_eq!((status, body.as_str()), (200, r#"{"isReady":true}"#));
    let (status, text) = http(stage.metrics(), "GET /metrics", &[], "");
    assert_eq!(status, 200);
    assert!(text.contains("substrate_cairn_challenges_open"));
    let (status, _) = http(stage.metrics(), "GET /", &[], "");
    assert_eq!(status, 404);

    // Another host, simulated by another address of this machine.
    let from = SocketAddr::from(([127, 0, 0, 2], 0));
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let other = || {
        let stream = tokio.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(from).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        Client::from_socket(stream, &[]).expect("a connection for another host")
    };
    let mut others = [other(), other(), other()];
    for client in &mut others {
        let status = client.request("cairnProvider_v1_health", json!([]));
        assert_eq!(status["result"]["isReady"], json!(true), "{status}");
    }
    drop(crowd);
}

#[test]
fn s11_silent_metrics_connections_give_way() {
    let stage = Fixture::new(&[]);
    let silent: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(stage.metrics()).unwrap())
        .collect();
    let (status, _) = http(stage.metrics(), "GET /health", &[], "");
    assert_eq!(status, 200);
    drop(silent);
}

#[test]
fn health_metrics_and_websites() {
    let stage = Fixture::new(&[]);
    let address = stage.address();
    let (status, body) = http(address, "GET /health/readiness", &[], "");
    assert_eq!((status, body.as_str()), (200, r#"{"isReady":true}"#));
    let (status, _) = http(address, "GET /health", &[], "");
    assert_eq!(status, 200);

    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "cairnProvider_v1_status" }).to_string();
    let json = ("Content-Type", "application/json");
    let (status, body) = http(address, "POST /", &[json], &request);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["result"]["quarantined"]), (200, &json!([])));
    let website = ("Origin", "https://evil.example");
    let (status, _) = http(address, "POST /", &[json, website], &request);
    assert_eq!(status, 403);

    let (status, text) = http(stage.metrics(), "GET /metrics", &[], "");
    assert_eq!(status, 200);
    for line in [
        "substrate_cairn_challenges_open{chain=\"0x",
        "substrate_cairn_buckets_quarantined{chain=\"0x",
        "substrate_cairn_rpc_lane_waiting{lane=\"reads\",chain=\"0x",
        "substrate_cairn_rpc_sessions_opened_total{chain=\"0x",
        "method=\"cairnProvider_v1_status\"",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

#[test]
fn flags_override_the_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cairn.toml");
    let settings = "rpc-methods = \"safe\"\nrpc-max-connections = 3\nlog-format = \"json\"\n";
    std::fs::write(&file, settings).unwrap();
    let file = file.to_str().unwrap();
    let mut stage = Fixture::new(&["--config", file, "--rpc-max-connections", "5"]);
    let startup_summary = &stage.provider().startup_summary;
    assert_eq!(startup_summary["rpc_methods"], json!("safe"));
    assert_eq!(startup_summary["rpc_connections"], json!(5));
    let log = stage.stop();
    assert!(!log.is_empty());
    for line in log {
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        assert!(event["level"].is_string(), "{line}");
    }
}

#[test]
fn a_stop_finishes_requests_and_closes_cleanly() {
    let mut stage = Fixture::new(&[]);
    let at = stage.base_path().join("rpc-address");
    assert!(at.is_file());
    let mut writer = stage.connect();
    let (begun, writing) = std::sync::mpsc::channel();
    let committing = std::thread::spawn(move || {
        let mut last = None;
        for number in 0u64.. {
            match Fixture::try_commit(&mut writer, &number.to_le_bytes()) {
                Some(commitment) => last = Some(commitment),
                None => break,
            }
            // After the first refusal nobody listens.
            let _ = begun.send(());
        }
        last.unwrap()
    });
    writing.recv().unwrap();
    stage.stop();
    assert!(!at.exists());
    let (leaf_count, root) = committing.join().unwrap();

    stage.restart();
    let newest = stage
        .connect()
        .request("cairnBucket_v1_commitment", json!([BUCKET]));
    let commitment = &newest["result"]["commitment"];
    assert!(commitment["leafCount"].as_u64().unwrap() >= leaf_count);
    let peaks = json!([BUCKET, { "leafCount": leaf_count }]);
    let then = stage.connect().request("cairnBucket_v1_peaks", peaks);
    assert_eq!(then["result"]["commitment"]["mmrRoot"], root);
}
