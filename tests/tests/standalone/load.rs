//! Load: invalid, excessive and endless requests. The provider stays within its memory and
//! descriptors, and answers an open challenge meanwhile.

use crate::attacks;
use crate::fixture::{BUCKET, Fixture};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Attacks the provider, while a challenger asks about an open challenge over a connection of
/// its own, each time with success.
fn during_challenge_requests(stage: &Fixture, attack: impl FnOnce(&Fixture)) {
    let (mut challenger, challenge) = (stage.connect(), stage.challenge());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                // Read before, so that there is at least one request.
                let is_over = over.load(Ordering::SeqCst);
                let answer =
                    challenger.request("cairnBucket_v1_challengeResponse", challenge.clone());
                let accepted = &answer["result"]["strictRule"]["accepted"];
                assert_eq!(accepted, &json!(true), "{answer}");
                if is_over {
                    return;
                }
            }
        });
        let _ends = StopOnDrop(&over);
        attack(stage);
    });
    stage.assert_within_budget();
}

/// Stops the challenger, also if the attack panics.
struct StopOnDrop<'e>(&'e AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn ten_thousand_connections() {
    let stage = Fixture::new(&[]);
    during_challenge_requests(&stage, |stage| {
        let sockets = attacks::silent_connections(stage.address(), 10_000);
        stage.assert_within_budget();
        // An active client still gets a connection.
        let mut late = stage.connect_when_accepted();
        let health = late.request("cairnProvider_v1_health", json!([]));
        assert_eq!(health["result"]["isReady"], json!(true), "{health}");
        drop(sockets);
    });
}

#[test]
fn readers_that_do_not_read() {
    let stage = Fixture::new(&[]);
    during_challenge_requests(&stage, |stage| {
        let slow: Vec<_> = (0..60)
            .map(|_| attacks::send_and_never_read(stage.address(), &stage.large_request(), 400))
            .collect();
        stage.assert_within_budget();
        drop(slow);
        // Small responses of many requests, none of which is read.
        let many: Vec<_> = (0..20)
            .map(|_| attacks::send_and_never_read(stage.address(), "{\"x\":", 200_000))
            .collect();
        stage.assert_within_budget();
        drop(many);
    });
}

#[test]
fn requests_that_never_end() {
    let stage = Fixture::new(&[]);
    during_challenge_requests(&stage, |stage| {
        let halves: Vec<_> = (0..60)
            .map(|_| attacks::all_but_the_last_byte(stage.address(), 2 << 20))
            .collect();
        attacks::wait_until_read(stage.address());
        stage.assert_within_budget();
        drop(halves);
    });
}

#[test]
fn subscriptions_that_are_never_read() {
    let stage = Fixture::new(&[]);
    let subscribe = json!({
        "jsonrpc": "2.0", "id": 1, "method": "cairnBucket_v1_subscribeCommitments", "params": [],
    });
    during_challenge_requests(&stage, |stage| {
        let deaf: Vec<_> = (0..40)
            .map(|_| attacks::send_and_never_read(stage.address(), &subscribe.to_string(), 30))
            .collect();
        let mut writer = stage.connect();
        for number in 0..300u64 {
            stage.commit(&mut writer, &number.to_le_bytes());
        }
        stage.assert_within_budget();
        drop(deaf);
    });
}

#[test]
fn invalid_requests() {
    let stage = Fixture::new(&[]);
    during_challenge_requests(&stage, |stage| {
        for text in attacks::malformed() {
            // Each gets an error or is disconnected.
            if let Some(answer) = attacks::send_once(stage.address(), &text) {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                let errors = match &answer {
                    Value::Array(answers) => answers.clone(),
                    single => vec![single.clone()],
                };
                for error in errors {
                    assert!(error["error"]["code"].is_i64(), "{error}");
                }
            }
        }
    });
}

#[test]
fn huge_lists_and_extreme_numbers() {
    let stage = Fixture::new(&[]);
    during_challenge_requests(&stage, |stage| {
        let mut client = stage.connect();
        for (method, params) in attacks::extremes(BUCKET) {
            let answer = client.request(method, params.clone());
            let code = answer["error"]["code"].as_i64();
            let code = code.unwrap_or_else(|| panic!("{method} {params}: {answer}"));
            let is_ours = (12_001..12_200).contains(&code) || code == -32_602;
            assert!(is_ours && code != 12_013, "{method}: {answer}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(
                !message.contains(stage.folder()),
                "discloses details of the machine: {message}"
            );
        }
        let batch = attacks::batch_bomb(stage.large_request(), 64);
        attacks::send_once(stage.address(), &batch);
        attacks::send_once(
            stage.address(),
            &attacks::batch_bomb(stage.large_request(), 4_000),
        );
    });
}

#[test]
fn acknowledged_commits_survive_a_kill_under_load() {
    let mut stage = Fixture::new(&[]);
    for round in 0..3u64 {
        let acknowledged = stage.commit_until_killed(round);
        assert!(!acknowledged.is_empty());
        stage.restart();
        let mut client = stage.connect();
        for (leaf_count, root) in acknowledged {
            let at = json!({ "root": root });
            let leaf = json!([BUCKET, leaf_count - 1, at]);
            let answer = client.request("cairnBucket_v1_mmrProof", leaf);
            let commitment = &answer["result"]["commitment"];
            assert_eq!(commitment["mmrRoot"], root, "{answer}");
            assert_eq!(commitment["leafCount"], json!(leaf_count), "{answer}");
        }
    }
    stage.assert_within_budget();
}
