//! Requests whose framing lies: lengths that are too long or too short or twofold, cut requests,
//! other versions of HTTP, and heads that are too large.

use crate::fixture::*;
use crate::stage::*;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Sends bytes and ends the sending side. Returns everything until the connection is closed.
async fn cut(stage: &Stage, bytes: &[u8]) -> String {
    let mut stream = stage.connect().await;
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    rest(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_anywhere_stores_nothing() {
    let stage = Stage::new(short()).await;
    let chunk = b"cut somewhere";
    let request = put_request(chunk, "");
    let attack = async {
        for at in (1..request.len()).step_by(7).chain([request.len() - 1]) {
            let answer = cut(&stage, &request[..at]).await;
            let told = statuses(&answer);
            assert!(told.iter().all(|one| *one >= 400), "{at}: {answer}");
            assert!(!stage.holds(chunk).await, "stored after {at} bytes");
        }
        // Whole, it is stored.
        assert_eq!(statuses(&cut(&stage, &request).await), [200]);
        assert!(stage.holds(chunk).await);
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_longer_than_the_body_stores_nothing() {
    let stage = Stage::new(short()).await;
    let chunk = b"longer";
    let body = put_chunk(chunk).to_string();
    let attack = async {
        for more in [1, 1_000, 900_000] {
            let head = put_head(&format!("content-length: {}\r\n", body.len() + more));
            let whole = head + &body;
            // Both at the end of what is sent, and while the connection stays open.
            cut(&stage, whole.as_bytes()).await;
            assert!(!stage.holds(chunk).await, "{more}");
            let answer = stage.exchange(whole.as_bytes()).await;
            assert!(!statuses(&answer).contains(&200), "{more}: {answer}");
            assert!(!stage.holds(chunk).await, "{more}");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_shorter_than_the_body_stores_nothing_and_ends_the_connection() {
    let stage = Stage::new(short()).await;
    let chunk = b"shorter";
    let body = put_chunk(chunk).to_string();
    let attack = async {
        for less in [1, 10, body.len() - 1] {
            let head = put_head(&format!("content-length: {}\r\n", body.len() - less));
            let answer = stage.exchange((head + &body).as_bytes()).await;
            let told = statuses(&answer);
            // One for the body, and at most one for what follows it.
            assert!(
                told.iter().all(|one| *one == 400) && told.len() <= 2,
                "{answer}"
            );
            assert!(!stage.holds(chunk).await, "{less}");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lengths_smuggle_nothing() {
    let stage = Stage::new(short()).await;
    let hidden = b"hidden in a body";
    let smuggled = String::from_utf8(put_request(hidden, "")).unwrap();
    let attack = async {
        // By the length the body is empty, or short, and a whole request follows; by the chunks all
        // of it is one body that is no JSON. Whichever counts, a proxy that counts otherwise must
        // not be led to let the second request through unseen.
        for order in [
            "content-length: 0\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
            "content-length: 0\r\ntransfer-encoding: xchunked\r\n",
            "content-length: 0\r\ntransfer-encoding: chunked, identity\r\n",
            "content-length: 0\r\ntransfer-encoding : chunked\r\n",
        ] {
            let body = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
            let answer = stage.exchange((put_head(order) + &body).as_bytes()).await;
            assert!(!statuses(&answer).contains(&200), "{order:?}: {answer}");
            assert!(!stage.holds(hidden).await, "{order:?}: {answer}");
        }
        for lengths in [
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: -1\r\n",
            "content-length: +5\r\n",
            "content-length: 0x5\r\n",
            "content-length: 5, 6\r\n",
            "content-length: 18446744073709551616\r\n",
            "content-length: 99999999999999999999999999\r\n",
            "content-length: \r\n",
        ] {
            let answer = stage.exchange(put_head(lengths).as_bytes()).await;
            let told = statuses(&answer);
            assert!(told.iter().all(|one| *one >= 400), "{lengths:?}: {answer}");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_with_sizes_that_lie_store_nothing() {
    let stage = Stage::new(short()).await;
    let chunk = b"chunked";
    let body = put_chunk(chunk).to_string();
    let head = || put_head("transfer-encoding: chunked\r\n");
    let attack = async {
        let length = body.len();
        for frames in [
            format!("{:x}\r\n{body}\r\n0\r\n\r\n", length + 9),
            format!("{:x}\r\n{body}\r\n0\r\n\r\n", length - 9),
            format!("-1\r\n{body}\r\n0\r\n\r\n"),
            format!("ffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
            format!(
                "{:x};{}\r\n{body}\r\n0\r\n\r\n",
                length,
                "e".repeat(100_000)
            ),
            format!("{}\r\n{body}\r\n0\r\n\r\n", "0".repeat(100_000)),
            format!("zz\r\n{body}\r\n0\r\n\r\n"),
        ] {
            let answer = stage.exchange((head() + &frames).as_bytes()).await;
            assert!(!statuses(&answer).contains(&200), "{answer}");
            assert!(!stage.holds(chunk).await);
        }
        // More in all than a body may have, in small chunks.
        let mut stream = stage.connect().await;
        stream.write_all(head().as_bytes()).await.unwrap();
        let piece = format!("400\r\n{}\r\n", " ".repeat(1_024)).repeat(64);
        for _ in 0..64 {
            if stream.write_all(piece.as_bytes()).await.is_err() {
                break;
            }
        }
        assert!(!rest(&mut stream).await.contains(" 200 "));
        // An honest one is read.
        let good = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
        let close = put_head("transfer-encoding: chunked\r\nconnection: close\r\n");
        let answer = stage.exchange((close + &good).as_bytes()).await;
        assert_eq!(statuses(&answer), [200], "{answer}");
        assert!(stage.holds(chunk).await);
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_large_are_refused() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let head = |line: &str, headers: &str| {
            format!("{line}\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
        };
        let health = "GET /health HTTP/1.1";
        let long_path = format!("GET /node?hash={} HTTP/1.1", "a".repeat(4 << 20));
        let many = "a: b\r\n".repeat(20_000);
        for request in [
            head(health, &format!("x: {}\r\n", "x".repeat(4 << 20))),
            head(health, &format!("{}: x\r\n", "x".repeat(4 << 20))),
            head(health, &many),
            head(&long_path, ""),
            head(&format!("{} /health HTTP/1.1", "M".repeat(1 << 20)), ""),
        ] {
            let answer = stage.exchange(request.as_bytes()).await;
            let told = statuses(&answer);
            let is_refused = told
                .iter()
                .all(|one| [400, 404, 405, 414, 431].contains(one));
            assert!(is_refused, "{told:?}");
        }
        // A header of authorisation with much in it is refused before it is hashed.
        let bytes = "ab".repeat(20_000);
        let long = format!("authorization: Web3Storage {bytes}:{bytes}:{bytes}\r\n");
        let body = put_chunk(b"x").to_string();
        let request = format!(
            "PUT /node HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: \
             application/json\r\n{long}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = stage.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&answer), [401], "{answer}");
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_versions_of_http_are_answered_or_refused() {
    let stage = Stage::new(short()).await;
    let attack = async {
        // 1.0 has no chunks: the body ends with the connection, and is whole.
        let read = format!("/read?data_root={:?}&offset=0&length=9999999", stage.root);
        for host in ["", "host: localhost\r\n"] {
            let answer = stage
                .exchange(format!("GET {read} HTTP/1.0\r\n{host}\r\n").as_bytes())
                .await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"));
            assert!(!head.contains("chunked"), "{head}");
            let read: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(read["chunks"].as_array().unwrap().len(), 2);
        }
        for strange in [
            "GET /health\r\n\r\n",
            "GET /health HTTP/0.9\r\n\r\n",
            "GET /health HTTP/2.0\r\nhost: localhost\r\n\r\n",
            "GET /health HTTP/1.11\r\nhost: localhost\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}",
            "GET  /health HTTP/1.1\r\n\r\n",
            "\r\n\r\n\r\n\r\n",
            "GET /health HTTP/1.1\r\nhost: a\r\n b: folded\r\n\r\n",
            "GET /health HTTP/1.1\r\nbad name: x\r\n\r\n",
            "GET /health HTTP/1.1\nhost: localhost\n\n",
        ] {
            let answer = stage.exchange(strange.as_bytes()).await;
            let told = statuses(&answer);
            // hyper takes bare line feeds.
            let is_known = told.iter().all(|one| [200, 400, 505].contains(one));
            assert!(is_known && told.len() <= 1, "{strange:?}: {answer}");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_be_told_to_continue_is_told_or_refused() {
    let stage = Stage::new(short()).await;
    let chunk = b"continued";
    let body = put_chunk(chunk).to_string();
    let attack = async {
        let length = body.len();
        let expect =
            format!("expect: 100-continue\r\nconnection: close\r\ncontent-length: {length}\r\n");
        let mut stream = stage.connect().await;
        stream
            .write_all(put_head(&expect).as_bytes())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(statuses(&answer).last(), Some(&200), "{answer}");
        assert!(stage.holds(chunk).await);
        // Too much is refused before it is sent.
        let much = put_head("expect: 100-continue\r\ncontent-length: 99999999\r\n");
        let answer = stage.exchange(much.as_bytes()).await;
        assert_eq!(statuses(&answer), [413], "{answer}");
    };
    stage.during(attack).await;
}
