//! A peer over HTTP whose server misbehaves below the level of content.

use cairn_primitives::{BucketId, H256, LeafIndex};
use cairn_replica::{ClaimedContent, ContentQuery, HttpPeer, HttpPeerLimits, Peer, PeerError};
use proptest::prelude::*;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LIMITS: HttpPeerLimits = HttpPeerLimits {
    request_time: Duration::from_millis(300),
    connections: 2,
    allow_private: true,
};

/// Serves each connection with `serve`, after its request has arrived. Returns the URL.
async fn server<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> F + Send + Sync + Clone + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let serve = serve.clone();
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                serve(stream).await;
            });
        }
    });
    format!("http://127.0.0.1:{port}/base/")
}

async fn leaf(url: &str) -> Result<cairn_replica::ClaimedLeaf, PeerError> {
    let peer = HttpPeer::new(url, LIMITS).unwrap();
    peer.leaf(BucketId(7), LeafIndex(0)).await
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

async fn serving(bytes: Vec<u8>) -> String {
    server(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_never_answers_costs_one_time_limit() {
    let url = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(leaf(&url).await, Err(PeerError::TooSlow("/mmr_proof")));
    // Nor one that sends a byte now and then.
    let url = server(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await;
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(leaf(&url).await, Err(PeerError::TooSlow("/mmr_proof")));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let url = server(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        let part = [&b"1000\r\n"[..], &[b' '; 4096], b"\r\n"].concat();
        while stream.write_all(&part).await.is_ok() {}
    })
    .await;
    assert_eq!(leaf(&url).await, Err(PeerError::TooLong("/mmr_proof")));
    // A chunk's answer has room for that chunk, and no more.
    let peer = HttpPeer::new(&url, LIMITS).unwrap();
    let wanted = [ContentQuery {
        hash: H256::zero(),
        chunk_bytes: Some(262_144),
    }];
    let answered = peer.content(BucketId(7), &wanted).await;
    assert_eq!(answered, Err(PeerError::TooLong("/fetch_nodes")));
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let url = serving(answer("302 Found\r\nlocation: http://127.0.0.1:1/", "")).await;
    let refused = PeerError::Refused {
        what: "/mmr_proof",
        status: 302,
    };
    assert_eq!(leaf(&url).await, Err(refused));
    assert!(HttpPeer::new("ftp://a.example", LIMITS).is_err());
}

#[tokio::test]
async fn a_private_address_is_not_connected_to() {
    let url = serving(answer("200 OK", "{}")).await;
    let limits = HttpPeerLimits {
        allow_private: false,
        ..LIMITS
    };
    let peer = HttpPeer::new(&url, limits).unwrap();
    let refused = peer.leaf(BucketId(7), LeafIndex(0)).await.unwrap_err();
    assert!(refused.to_string().contains("not public"), "{refused}");
}

#[tokio::test]
async fn a_node_is_read_from_its_children_or_its_data() {
    let (left, right) = (H256::repeat_byte(1), H256::repeat_byte(2));
    let wanted = [ContentQuery {
        hash: H256::repeat_byte(3),
        chunk_bytes: None,
    }];
    // 64 bytes: those of both children.
    let data =
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQECAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg==";
    let name = "03".repeat(32);
    let children = format!("[\"{}\",\"0x{}\"]", "01".repeat(32), "02".repeat(32));
    for children in [children.as_str(), "null"] {
        let body =
            format!(r#"{{"nodes":[{{"hash":"0x{name}","data":"{data}","children":{children}}}]}}"#);
        let url = serving(answer("200 OK", &body)).await;
        let peer = HttpPeer::new(&url, LIMITS).unwrap();
        let node = (wanted[0].hash, ClaimedContent::Node(left, right));
        let answered = peer.content(BucketId(7), &wanted).await;
        assert_eq!(answered, Ok(vec![node]));
    }
    for wrong in [
        format!(r#"{{"nodes":[{{"hash":"{name}","data":"","children":["{name}"]}}]}}"#),
        r#"{"nodes":[{"hash":"0x00","data":"","children":null}]}"#.to_owned(),
        r#"{"nodes":{}}"#.to_owned(),
    ] {
        let url = serving(answer("200 OK", &wrong)).await;
        let peer = HttpPeer::new(&url, LIMITS).unwrap();
        let answered = peer.content(BucketId(7), &wanted).await;
        let is_unreadable = matches!(answered, Err(PeerError::Unreadable { .. }));
        assert!(is_unreadable, "{answered:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_answer_is_read_or_refused(
        bytes: Vec<u8>,
        text in "[\\[\\]{}\":,a-z0-9_]{0,200}",
        is_http: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sent = if is_http { answer("200 OK", &text) } else { bytes };
            let url = serving(sent).await;
            prop_assert!(leaf(&url).await.is_err());
            Ok(())
        })?;
    }
}
