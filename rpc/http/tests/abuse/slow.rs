//! Slow clients: heads and bodies that come byte by byte or never, and answers that nobody reads.

use crate::fixture::*;
use crate::stage::*;
use futures::future::join_all;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const STEP: Duration = Duration::from_millis(20);
/// Steps after which a slow client would be through with all that it has begun to send.
const MANY: usize = 2_000;

/// Sends a byte at each step. Returns whether the provider has ended that.
async fn drip(stream: &mut TcpStream, byte: u8) -> bool {
    for _ in 0..MANY {
        let mut answer = [0; 64];
        // It has answered, or closed.
        let is_over = match stream.try_read(&mut answer) {
            Ok(_) => true,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        };
        if is_over || stream.write_all(&[byte]).await.is_err() {
            return true;
        }
        tokio::time::sleep(STEP).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_dropped() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let slow = (0..20).map(|_| async {
            let mut stream = stage.connect().await;
            let begun = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
            stream.write_all(begun).await.unwrap();
            assert!(drip(&mut stream, b'a').await, "it may go on for ever");
        });
        join_all(slow).await;
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_dropped_and_stores_nothing() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let slow = (0..20).map(|_| async {
            let mut stream = stage.connect().await;
            let head = put_head("content-length: 1000000\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            assert!(drip(&mut stream, b' ').await, "it may go on for ever");
        });
        join_all(slow).await;
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_that_never_ends_is_dropped() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let mut stream = stage.connect().await;
        let head = put_head("transfer-encoding: chunked\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..MANY {
            if stream.write_all(b"1\r\n \r\n").await.is_err() {
                return;
            }
            tokio::time::sleep(STEP).await;
        }
        panic!("it may go on for ever");
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_get_their_turn_though_bodies_are_announced_and_do_not_come() {
    let stage = Stage::new(short()).await;
    let attack = async {
        // The whole budget of bodies, and more.
        let mut held = Vec::new();
        for _ in 0..80 {
            let mut stream = stage.connect().await;
            let head = put_head("content-length: 1048576\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            held.push(stream);
        }
        stage.put_until_stored(b"an honest chunk").await;
        drop(held);
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_stay_unmade() {
    let limits = cairn_http::HttpLimits {
        // What is sent into a full pipe would be given up.
        idle: Duration::from_secs(30),
        ..short()
    };
    let stage = Stage::new(limits).await;
    // 16 MiB, of which one chunk at a time is in memory.
    let large = stage.face.upload(&content(64)).await;
    stage.face.handle.provider.write_index();
    let path = format!("/read?data_root={large:?}&offset=0&length=99999999");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let attack = async {
        let mut deaf = Vec::new();
        for _ in 0..60 {
            let mut stream = stage.connect().await;
            // Many requests, of which the first already fills the pipe.
            let many = request.repeat(20);
            stream.write_all(many.as_bytes()).await.unwrap();
            deaf.push(stream);
        }
        // Each of them has begun to answer.
        for stream in &deaf {
            stream.readable().await.unwrap();
        }
        stage.put_until_stored(b"meanwhile").await;
        drop(deaf);
    };
    stage.during(attack).await;
}
