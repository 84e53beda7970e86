//! What an operator sees and sets: flags and their file, health, metrics, logs,
//! whom the listener serves, and the end.

use crate::stage::{BUCKET, Stage};
use crate::wire::http;
use serde_json::{Value, json};

#[test]
fn methods_that_change_buckets_are_refused_where_others_reach_the_listener() {
    let stage = Stage::new(&["--rpc-external"]);
    assert_eq!(stage.provider().introduction["rpc_methods"], json!("safe"));
    let mut client = stage.connect();
    let refused = client.ask("bucket_create", json!([8]));
    // As Substrate says it.
    assert_eq!(refused["error"]["code"], json!(-32_601), "{refused}");
    let unsafe_too = "RPC call is unsafe to be called externally";
    assert_eq!(refused["error"]["message"], json!(unsafe_too));
    let listed = client.ask("bucket_list", json!([]));
    assert_eq!(listed["result"]["buckets"].as_array().unwrap().len(), 1);

    let open = Stage::new(&["--unsafe-rpc-external", "--rpc-methods", "unsafe"]);
    let made = open.connect().ask("bucket_create", json!([8]));
    assert_eq!(made["result"]["bucket"], json!(8), "{made}");
    let closed = Stage::new(&["--rpc-methods", "safe"]);
    let refused = closed.connect().ask("bucket_create", json!([8]));
    assert_eq!(refused["error"]["code"], json!(-32_601), "{refused}");
}

#[test]
fn health_metrics_and_websites() {
    let stage = Stage::new(&[]);
    let address = stage.address();
    let (status, body) = http(address, "GET /health/readiness", &[], "");
    assert_eq!((status, body.as_str()), (200, r#"{"isReady":true}"#));
    let (status, _) = http(address, "GET /health", &[], "");
    assert_eq!(status, 200);

    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "provider_status" }).to_string();
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
        "method=\"provider_status\"",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

#[test]
fn flags_come_from_a_file_too_and_those_that_are_given_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cairn.toml");
    let settings = "rpc-methods = \"safe\"\nrpc-max-connections = 3\nlog-format = \"json\"\n";
    std::fs::write(&file, settings).unwrap();
    let file = file.to_str().unwrap();
    let mut stage = Stage::new(&["--config", file, "--rpc-max-connections", "5"]);
    let introduction = &stage.provider().introduction;
    assert_eq!(introduction["rpc_methods"], json!("safe"));
    assert_eq!(introduction["rpc_connections"], json!(5));
    let log = stage.stop();
    assert!(!log.is_empty());
    for line in log {
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        assert!(event["level"].is_string(), "{line}");
    }
}

#[test]
fn asked_to_stop_it_ends_what_it_is_at_and_leaves_everything_in_order() {
    let mut stage = Stage::new(&[]);
    let at = stage.base_path().join("rpc-address");
    assert!(at.is_file());
    let mut writer = stage.connect();
    let (begun, writing) = std::sync::mpsc::channel();
    let committing = std::thread::spawn(move || {
        let mut last = None;
        for number in 0u64.. {
            match Stage::try_commit(&mut writer, &number.to_le_bytes()) {
                Some(commitment) => last = Some(commitment),
                None => break,
            }
            // Nobody listens after the first.
            let _ = begun.send(());
        }
        last.unwrap()
    });
    writing.recv().unwrap();
    stage.stop();
    assert!(!at.exists());
    let (leaf_count, root) = committing.join().unwrap();

    stage.restart();
    let newest = stage.connect().ask("bucket_commitment", json!([BUCKET]));
    let commitment = &newest["result"]["commitment"];
    assert!(commitment["leafCount"].as_u64().unwrap() >= leaf_count);
    let peaks = json!([BUCKET, { "leafCount": leaf_count }]);
    let then = stage.connect().ask("bucket_peaks", peaks);
    assert_eq!(then["result"]["commitment"]["mmrRoot"], root);
}
