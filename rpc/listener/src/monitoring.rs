//! The monitoring port: metrics and health, apart from the RPC, so that a crowded RPC does not
//! make a healthy process look dead. Each connection is short, and at the limit a new one replaces
//! the oldest.

use crate::response::text_response;
use cairn_rpc_server::ProviderRpc;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use jsonrpsee::server::{HttpResponse, serve_with_graceful_shutdown};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;
use substrate_prometheus_endpoint::prometheus::{Encoder, TextEncoder};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The most connections at once. A scraper needs one.
const MAX_CONNECTIONS: usize = 32;
/// How long a connection may last, with all of its requests.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the port pauses when no file descriptor is free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The provider and the metrics that the monitoring port shows.
#[derive(Clone, Debug)]
pub struct Monitored {
    /// The provider whose health is shown.
    pub rpc: ProviderRpc,
    /// The registry with all metrics.
    pub registry: Registry,
}

/// Serves metrics and health at a socket: `GET /metrics`, `/health` and `/health/readiness`. Runs
/// within a tokio runtime, until the handle is aborted or the runtime ends.
pub fn serve_monitoring(socket: TcpListener, monitored: Monitored) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections: VecDeque<JoinHandle<()>> = VecDeque::new();
        loop {
            let stream = match socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection for the metrics");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                    continue;
                }
            };
            connections.retain(|connection| !connection.is_finished());
            if connections.len() >= MAX_CONNECTIONS
                && let Some(oldest) = connections.pop_front()
            {
                oldest.abort();
            }
            connections.push_back(tokio::spawn(serve(stream, monitored.clone())));
        }
    })
}

async fn serve(stream: TcpStream, monitored: Monitored) {
    let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let response = match request.method() {
            &hyper::Method::GET => response(&monitored, request.uri().path()),
            _ => None,
        };
        let not_found = || text_response(StatusCode::NOT_FOUND, "not found".to_owned());
        let response = response.unwrap_or_else(not_found);
        async move { Ok::<_, Infallible>(response) }
    });
    let serving = serve_with_graceful_shutdown(stream, service, std::future::pending::<()>());
    match tokio::time::timeout(CONNECTION_TIMEOUT, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for the metrics has ended"),
        Err(_) => tracing::debug!("a connection for the metrics has timed out"),
    }
}

fn response(monitored: &Monitored, path: &str) -> Option<HttpResponse> {
    match path {
        "/metrics" => Some(metrics(&monitored.registry)),
        path => health(&monitored.rpc, path),
    }
}

/// Answers health checks: a process that answers is alive, and ready if it follows its chain.
pub(crate) fn health(rpc: &ProviderRpc, path: &str) -> Option<HttpResponse> {
    let not_ready = rpc.not_ready();
    let status = match path {
        "/health" => StatusCode::OK,
        "/health/readiness" if not_ready.is_none() => StatusCode::OK,
        "/health/readiness" => StatusCode::SERVICE_UNAVAILABLE,
        _ => return None,
    };
    let body = match not_ready {
        None => serde_json::json!({ "isReady": true }),
        Some(reason) => serde_json::json!({ "isReady": false, "reason": reason }),
    };
    Some(text_response(status, body.to_string()))
}

fn metrics(registry: &Registry) -> HttpResponse {
    let mut text = String::new();
    let encoder = TextEncoder::new();
    if let Err(error) = encoder.encode_utf8(&registry.gather(), &mut text) {
        tracing::error!(%error, "cannot encode the metrics");
        let message = "cannot encode the metrics: the log has the reason".to_owned();
        return text_response(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    let mut response = text_response(StatusCode::OK, text);
    if let Ok(kind) = HeaderValue::from_str(encoder.format_type()) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
