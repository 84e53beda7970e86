//! Serves the S3 dialect over a provider on a simulated chain, for `scripts/test-s3.sh`.
//!
//!     gateway FOLDER KEYS
//!
//! It prints its address, and ends at a signal.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a fault here is a fault of the test"
)]
#![allow(dead_code, reason = "the tests use more of the provider")]

#[path = "../tests/dialect/provider.rs"]
mod provider;

use cairn_http::{HttpLimits, serve_router};
use cairn_s3::{AccessKeys, router};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (folder, keys) = args.next().zip(args.next()).unwrap();
    let mut ended = signal(SignalKind::terminate()).unwrap();
    let provider = provider::RunningProvider::start(&PathBuf::from(folder)).await;
    let keys = AccessKeys::parse(&std::fs::read_to_string(keys).unwrap()).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let router = router(provider.rpc.clone(), keys);
    let served = serve_router(socket, router, &HttpLimits::default()).unwrap();
    println!(r#"{{"s3":"http://{}"}}"#, served.address());
    ended.recv().await;
    provider.rpc.stop();
    served.stop(Duration::from_secs(20)).await;
    // The buckets are closed with the last reference, which the workers have.
    let closing = provider.handle.provider.clone();
    drop(provider);
    while std::sync::Arc::strong_count(&closing) > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::task::spawn_blocking(move || drop(closing))
        .await
        .unwrap();
}
