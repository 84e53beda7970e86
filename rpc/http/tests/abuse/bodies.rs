//! Bodies that are no request, or one for too much.

use crate::fixture::*;
use crate::stage::*;
use serde_json::json;

/// Returns bodies that are no request of any route.
fn malformed() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str, levels: usize| {
        (open.repeat(levels) + &close.repeat(levels)).into_bytes()
    };
    let hash = "ab".repeat(32);
    let mut all: Vec<Vec<u8>> = vec![
        vec![],
        b" ".repeat(1 << 20),
        b"null".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"\0\x01\x02".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        b"{\"bucket_id\":7".to_vec(),
        deep("[", "]", 500_000),
        deep("{\"bucket_id\":", "}", 70_000),
        b"{\"bucket_id\":1e400,\"hashes\":[]}".to_vec(),
        b"{\"bucket_id\":7.5,\"hashes\":[]}".to_vec(),
        b"{\"bucket_id\":-7,\"hashes\":[]}".to_vec(),
        b"{\"bucket_id\":\"7\",\"hashes\":[]}".to_vec(),
        b"{\"bucket_id\":18446744073709551616,\"hashes\":[]}".to_vec(),
        b"{\"bucket_id\":7,\"bucket_id\":8,\"hashes\":[]}".to_vec(),
        b"{\"bucket_id\":7,\"hashes\":{}}".to_vec(),
        b"{\"bucket_id\":7,\"hashes\":[null]}".to_vec(),
        b"{\"bucket_id\":7,\"hashes\":[\"\\ud800\"]}".to_vec(),
        format!(
            "{{\"bucket_id\":7,\"hashes\":[\"{}\"]}}",
            "a".repeat(1 << 19)
        )
        .into_bytes(),
        format!("{{\"bucket_id\":{},\"hashes\":[]}}", "9".repeat(1 << 19)).into_bytes(),
    ];
    let nested = format!("{{\"x\":{},\"hashes\":[\"{hash}\"]}}", "[".repeat(100_000));
    all.push(nested.into_bytes());
    all
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let signed = signed("//Writer", "POST", BUCKET);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: {signed}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_that_is_no_request_is_taken() {
    let stage = Stage::new(short()).await;
    let attack = async {
        for path in ["/exists", "/fetch_nodes", "/commit", "/negotiate"] {
            for body in malformed() {
                let answer = stage.exchange(&post(path, &body)).await;
                let told = statuses(&answer);
                let is_refused = told.iter().all(|one| (400..500).contains(one));
                let begin = String::from_utf8_lossy(&body[..body.len().min(40)]);
                assert!(is_refused && told.len() == 1, "{path} {begin}: {answer}");
                assert!(!answer.contains("/tmp"), "{answer}");
            }
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_too_much_are_refused_and_lists_of_the_same_cost_what_they_are() {
    let stage = Stage::new(quick().limits).await;
    let root = hex0(stage.root);
    let chunk = put_chunk(&content(2)[..CHUNK])["hash"].clone();
    let attack = async {
        let of = |hashes: Vec<serde_json::Value>| {
            json!({ "bucket_id": BUCKET.0, "hashes": hashes }).to_string()
        };
        // The same full chunk 512 times would be 175 MB.
        let same = post("/fetch_nodes", of(vec![chunk.clone(); 512]).as_bytes());
        let answer = stage.exchange(&same).await;
        assert_eq!(statuses(&answer[..100]), [200]);
        assert!(answer.len() < 32 << 20, "{} bytes", answer.len());
        let many = post("/fetch_nodes", of(vec![chunk.clone(); 513]).as_bytes());
        assert_eq!(statuses(&stage.exchange(&many).await), [413]);
        let many = post("/exists", of(vec![json!(root); 8_193]).as_bytes());
        assert_eq!(statuses(&stage.exchange(&many).await), [413]);
        // One root in as many leaves as a commit may have, and in more.
        let roots = |count: usize| {
            let roots = vec![json!("00"); count];
            json!({ "bucket_id": BUCKET.0, "data_roots": roots }).to_string()
        };
        let answer = stage
            .exchange(&post("/commit", roots(100_000).as_bytes()))
            .await;
        assert_eq!(statuses(&answer), [413]);
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_unfolds_is_bounded_by_its_body() {
    let stage = Stage::new(short()).await;
    let attack = async {
        // A chunk that is too long, in a body that is not: decoded, and refused.
        for length in [CHUNK + 1, 700_000] {
            let chunk = vec![7; length];
            let answer = stage
                .exchange(&put_request(&chunk, "connection: close\r\n"))
                .await;
            assert_eq!(statuses(&answer), [400], "{answer}");
            assert!(!stage.holds(&chunk).await);
        }
        // Nobody decompresses a body.
        let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        let mut request = post("/exists", &packed);
        let at = request.windows(2).position(|two| two == b"\r\n").unwrap();
        request.splice(at..at, b"\r\ncontent-encoding: gzip".iter().copied());
        let answer = stage.exchange(&request).await;
        let told = statuses(&answer);
        assert!(told == [400] || told == [415], "{answer}");
    };
    stage.during(attack).await;
}
