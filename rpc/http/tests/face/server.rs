//! The listener: it answers over a socket, counts connections, and ends what it has begun.

use crate::fixture::*;
use axum::body::Body;
use axum::http::Request;
use cairn_http::{HttpConfig, HttpLimits, serve};
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

async fn listen(face: &Face, limits: HttpLimits) -> cairn_http::HttpHandle {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = HttpConfig {
        limits,
        ..HttpConfig::default()
    };
    serve(socket, face.rpc.clone(), config).unwrap()
}

/// Sends bytes, and reads until the connection is closed.
async fn exchange(handle: &cairn_http::HttpHandle, request: &str) -> String {
    let mut stream = TcpStream::connect(handle.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that was refused may be reset.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_over_a_socket_until_it_is_stopped() {
    let face = Face::new().await;
    let handle = listen(&face, quick().limits).await;
    let answer = exchange(&handle, HEALTH).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#"{"status":"healthy""#), "{answer}");
    let root = face.upload(&content(2)).await;
    // This server has not seen the upload.
    face.handle.provider.write_index();
    let read = format!(
        "GET /read?data_root={root:?}&offset=0&length=999999 HTTP/1.1\r\nhost: localhost\r\n\
         connection: close\r\n\r\n"
    );
    let answer = exchange(&handle, &read).await;
    assert!(answer.contains("transfer-encoding: chunked"), "streamed");
    assert_eq!(answer.matches(r#"{"hash":"#).count(), 2);
    assert!(
        exchange(&handle, "nonsense\r\n\r\n")
            .await
            .contains(" 400 ")
    );

    // An idle connection does not delay the stop.
    let idle = TcpStream::connect(handle.address()).await.unwrap();
    let address = handle.address();
    assert!(handle.stop(Duration::from_secs(30)).await);
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limit_are_closed() {
    let face = Face::new().await;
    let limits = HttpLimits {
        connections: std::num::NonZeroU32::MIN,
        ..quick().limits
    };
    let handle = listen(&face, limits).await;
    let mut held = TcpStream::connect(handle.address()).await.unwrap();
    held.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut begun = [0; 12];
    held.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    assert_eq!(exchange(&handle, HEALTH).await, "");
    drop(held);
    // Its place is free once the server has noticed.
    let mut tries = 0;
    while exchange(&handle, HEALTH).await.is_empty() {
        assert!(tries < 500, "the place is never free");
        tries += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_nothing_is_dropped() {
    let face = Face::new().await;
    let limits = HttpLimits {
        idle: Duration::from_millis(50),
        ..quick().limits
    };
    let handle = listen(&face, limits).await;
    for begun in [
        "",
        "GET /health HT",
        "POST /exists HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\ncontent-type: application/json\r\n\r\n{",
    ] {
        let mut stream = TcpStream::connect(handle.address()).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_wait_for_its_answer_longer_than_it_may_be_silent() {
    let face = Face::new().await;
    let limits = HttpLimits {
        idle: Duration::from_millis(50),
        finality_grace: Duration::from_millis(1_500),
        ..quick().limits
    };
    let handle = listen(&face, limits).await;
    // A bucket that the chain never has.
    let unknown = cairn_primitives::BucketId(99);
    let body = json!({ "bucket_id": 99, "data_roots": [] }).to_string();
    let request = format!(
        "POST /commit HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        signed("//Writer", "POST", unknown),
        body.len()
    );
    let answer = exchange(&handle, &request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_has_one_chunk_at_a_time_and_breaks_off_where_one_is_gone() {
    let face = Face::new().await;
    let root = face.upload(&content(3)).await;
    let path = format!("/read?data_root={root:?}&offset=0&length=9999999");
    let body = async || {
        let request = Request::get(&path).body(Body::empty()).unwrap();
        let answer = face.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().into_data_stream()
    };
    let pieces: Vec<_> = body().await.collect().await;
    let lengths: Vec<_> = pieces
        .into_iter()
        .map(|piece| piece.unwrap().len())
        .collect();
    // Three chunks, and what ends the list.
    assert_eq!(lengths.len(), 4, "{lengths:?}");
    let one = CHUNK.div_ceil(3) * 4 + 400;
    assert!(lengths.iter().all(|length| *length < one), "{lengths:?}");

    let mut pieces = body().await;
    assert!(pieces.next().await.unwrap().is_ok());
    face.handle.provider.delete_bucket(BUCKET).unwrap();
    let rest: Vec<_> = pieces.collect().await;
    assert!(rest.last().unwrap().is_err(), "the body looks complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_stops_may_be_asked_again() {
    let face = Face::new().await;
    let root = face.upload(b"abc").await;
    face.rpc.stop();
    for path in [
        format!("/node?hash={root:?}"),
        format!("/mmr_proof?bucket_id={}&leaf_index=0", BUCKET.0),
    ] {
        let answer = face.get(&path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.json()["error"], json!("stopping"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_somebody_else_is_refused_on_this_machine() {
    let face = Face::new().await;
    let handle = listen(&face, quick().limits).await;
    let ask = async |target: &str, host: &str| {
        let request = format!("GET {target} HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        exchange(&handle, &request).await
    };
    for host in [
        "host: localhost\r\n",
        "host: 127.0.0.1:3333\r\n",
        "host: [::1]\r\n",
    ] {
        let answer = ask("/health", host).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
    for (target, host) in [
        ("/health", "host: evil.example\r\n"),
        ("/health", "host: evil.example:3333\r\n"),
        ("/health", "host: localhost.evil.example\r\n"),
        ("/health", "host: localhost\r\nhost: evil.example\r\n"),
        ("http://evil.example/health", "host: localhost\r\n"),
    ] {
        let answer = ask(target, host).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
        assert!(answer.contains("not_authorized"), "{answer}");
    }
}
