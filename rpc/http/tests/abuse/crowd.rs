//! Crowds: many connections, and many requests over one.

use crate::fixture::*;
use crate::stage::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_take_their_places_and_no_more() {
    let stage = Stage::new(short()).await;
    let attack = async {
        // More than may be open, of which each is closed at once or once it has been silent.
        let mut held: Vec<TcpStream> = Vec::new();
        for number in 0..3_000 {
            if let Ok(stream) = TcpStream::connect(stage.served.address()).await {
                if held.len() < 300 {
                    held.push(stream);
                } else {
                    held[number % 300] = stream;
                }
            }
        }
        stage.put_until_stored(b"after the crowd").await;
        drop(held);
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_open_and_reset_leave_nothing_behind() {
    let stage = Stage::new(short()).await;
    let attack = async {
        for number in 0..1_000 {
            let mut stream = stage.connect().await;
            // Cut at different places.
            let request = put_request(b"never", "");
            let _ = stream
                .write_all(&request[..number % (request.len() - 1)])
                .await;
            // With unread data, the connection is reset rather than closed.
            drop(stream);
        }
        assert!(!stage.holds(b"never").await);
        stage.put_until_stored(b"after the resets").await;
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let mut sent = Vec::new();
        let chunks: Vec<String> = (0..100).map(|at| format!("pipelined {at}")).collect();
        for chunk in &chunks {
            sent.extend(put_request(chunk.as_bytes(), ""));
            sent.extend(b"GET /none HTTP/1.1\r\nhost: localhost\r\n\r\n");
        }
        sent.extend(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut stream = stage.connect().await;
        let (mut reader, mut writer) = stream.split();
        let mut answers = Vec::new();
        let (written, read) =
            futures::join!(writer.write_all(&sent), reader.read_to_end(&mut answers));
        written.unwrap();
        read.unwrap();
        let told = statuses(&String::from_utf8(answers).unwrap());
        let expected: Vec<u16> = [200, 404].repeat(100).into_iter().chain([200]).collect();
        assert_eq!(told, expected);
        for chunk in &chunks {
            assert!(stage.holds(chunk.as_bytes()).await, "{chunk}");
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_nobody_reads_stops() {
    let stage = Stage::new(short()).await;
    let attack = async {
        let path = format!("/chunk_proof?data_root={:?}&chunk_index=0", stage.root);
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let many = request.repeat(1_000);
        let mut deaf = Vec::new();
        for _ in 0..20 {
            let mut stream = stage.connect().await;
            // Sent until the provider reads no more: each answer has 350 KB.
            let sending = async { while stream.write_all(many.as_bytes()).await.is_ok() {} };
            let _ = tokio::time::timeout(Duration::from_millis(100), sending).await;
            deaf.push(stream);
        }
        stage.put_until_stored(b"besides the deaf").await;
        // Longer than a pipe may be full. To read would be to let them go on.
        tokio::time::sleep(short().idle * 4).await;
        // Clients that read nothing are dropped in the end.
        for mut stream in deaf {
            let mut left = Vec::new();
            let _ = stream.read_to_end(&mut left).await;
            assert!(left.len() < 64 << 20, "{} bytes were made", left.len());
        }
    };
    stage.during(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_all_store_and_commits_are_all_there() {
    let stage = Stage::new(quick().limits).await;
    let writers = (0..40u32).map(|writer| {
        let stage = &stage;
        async move {
            for number in 0..5u32 {
                let chunk = format!("writer {writer}, chunk {number}");
                stage.put_until_stored(chunk.as_bytes()).await;
            }
        }
    });
    futures::future::join_all(writers).await;
    stage.nothing_is_lost().await;
}
