//! The port for who looks after the provider: its metrics, and its health once more.
//! However many crowd around the RPC, what watches the process does not take it for
//! dead: nobody holds a connection here for long, and who comes takes the place of
//! the first that came.

use super::told;
use crate::server::ProviderRpc;
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

/// Connections at once: one is what a scraper needs.
const AT_ONCE: usize = 32;
/// How long each of them has, with all that it asks.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the port rests when the system has no descriptor left for it.
const REST: Duration = Duration::from_millis(100);

/// What is shown of a provider.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Whose health it is.
    pub rpc: ProviderRpc,
    /// Where everything is counted.
    pub registry: Registry,
}

/// Shows metrics and health at a socket, within a tokio runtime, until the handle
/// is aborted or the runtime ends: `GET /metrics`, `/health` and
/// `/health/readiness`.
pub fn serve_watch(socket: TcpListener, watched: Watched) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections: VecDeque<JoinHandle<()>> = VecDeque::new();
        loop {
            let stream = match socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection for the metrics cannot be taken");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            connections.retain(|connection| !connection.is_finished());
            if connections.len() >= AT_ONCE
                && let Some(first) = connections.pop_front()
            {
                first.abort();
            }
            connections.push_back(tokio::spawn(serve(stream, watched.clone())));
        }
    })
}

async fn serve(stream: TcpStream, watched: Watched) {
    let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let answer = match request.method() {
            &hyper::Method::GET => answer(&watched, request.uri().path()),
            _ => None,
        };
        let nothing = || told(StatusCode::NOT_FOUND, "there is nothing here".to_owned());
        let answer = answer.unwrap_or_else(nothing);
        async move { Ok::<_, Infallible>(answer) }
    });
    let serving = serve_with_graceful_shutdown(stream, service, std::future::pending::<()>());
    match tokio::time::timeout(WITHIN, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for the metrics has ended"),
        Err(_) => tracing::debug!("a connection for the metrics has had its time"),
    }
}

fn answer(watched: &Watched, path: &str) -> Option<HttpResponse> {
    match path {
        "/metrics" => Some(metrics(&watched.registry)),
        path => health(&watched.rpc, path),
    }
}

/// For who looks after processes: alive is who answers, ready who follows
/// its chain.
pub(super) fn health(rpc: &ProviderRpc, path: &str) -> Option<HttpResponse> {
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
    Some(told(status, body.to_string()))
}

fn metrics(registry: &Registry) -> HttpResponse {
    let mut text = String::new();
    let encoder = TextEncoder::new();
    if let Err(error) = encoder.encode_utf8(&registry.gather(), &mut text) {
        tracing::error!(%error, "the metrics cannot be shown");
        let failed = "the metrics cannot be shown: the log says why".to_owned();
        return told(StatusCode::INTERNAL_SERVER_ERROR, failed);
    }
    let mut response = told(StatusCode::OK, text);
    if let Ok(kind) = HeaderValue::from_str(encoder.format_type()) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
