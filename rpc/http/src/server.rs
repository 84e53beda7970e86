//! The listener: HTTP/1.1 connections within limits, until it is stopped.

use crate::config::{HttpConfig, HttpLimits};
use crate::connections::{Connections, Usage};
use crate::host::OnLoopback;
use crate::metrics::HttpMetrics;
use crate::rate_limit::Peer;
use crate::router::router;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use cairn_rpc_server::ProviderRpc;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_io_timeout::TimeoutStream;

/// How long to wait after a connection could not be accepted, as when descriptors have run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A running HTTP server.
#[derive(Debug)]
pub struct HttpHandle {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<JoinSet<()>>,
}

/// Serves a provider's HTTP face on a bound socket, in the background.
///
/// # Errors
///
/// The socket's, if it has no address.
pub fn serve(
    listener: TcpListener,
    rpc: ProviderRpc,
    config: HttpConfig,
) -> std::io::Result<HttpHandle> {
    let (limits, metrics) = (config.limits, config.metrics.clone());
    start(listener, router(rpc, config), &limits, metrics)
}

/// Serves routes of another API on a bound socket, within the limits of connections.
///
/// # Errors
///
/// The socket's, if it has no address.
pub fn serve_router(
    listener: TcpListener,
    router: Router,
    limits: &HttpLimits,
) -> std::io::Result<HttpHandle> {
    start(listener, router, limits, None)
}

fn start(
    listener: TcpListener,
    router: Router,
    limits: &HttpLimits,
    metrics: Option<HttpMetrics>,
) -> std::io::Result<HttpHandle> {
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let server = Server {
        connections: Connections::new(limits.connections, limits.per_source),
        idle: limits.idle,
        on_loopback: address.ip().to_canonical().is_loopback(),
        metrics,
        router,
        stopping,
    };
    Ok(HttpHandle {
        address,
        stop,
        served: tokio::spawn(server.run(listener)),
    })
}

impl HttpHandle {
    /// Returns the address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections, and waits until the requests in progress are answered. Returns
    /// false if that took longer than `wait`.
    pub async fn stop(self, wait: Duration) -> bool {
        // Nobody may be listening any more.
        let _ = self.stop.send(true);
        let ended = async {
            if let Ok(mut connections) = self.served.await {
                while connections.join_next().await.is_some() {}
            }
        };
        tokio::time::timeout(wait, ended).await.is_ok()
    }
}

struct Server {
    connections: Connections,
    metrics: Option<HttpMetrics>,
    idle: Duration,
    on_loopback: bool,
    router: Router,
    stopping: watch::Receiver<bool>,
}

impl Server {
    /// Accepts connections until it is stopped. Returns those that are still open.
    async fn run(mut self, listener: TcpListener) -> JoinSet<()> {
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stop| *stop) => break,
                Some(_) = open.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.begin(stream, address, &mut open),
                Err(error) => {
                    tracing::debug!(%error, "an HTTP connection was not accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        open
    }

    /// Serves a connection, or closes it at once if there is no place for it.
    fn begin(&self, stream: TcpStream, address: SocketAddr, open: &mut JoinSet<()>) {
        let peer = Peer(address.ip());
        let Some(place) = self.connections.admit(peer) else {
            tracing::debug!(%address, "an HTTP connection above the limits was closed");
            if let Some(metrics) = &self.metrics {
                metrics.record_refused();
            }
            return;
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(self.idle));
        stream.set_write_timeout(Some(self.idle));
        let (idle, stopping, usage) = (self.idle, self.stopping.clone(), place.usage());
        let mark = self.on_loopback.then_some(OnLoopback);
        let router = Marked(self.router.clone(), mark);
        let counted = Counted::new(self.metrics.clone());
        open.spawn(async move {
            let _held = (place, counted);
            let served = serve_connection(stream, peer, usage.clone(), idle, router, stopping);
            tokio::select! {
                () = served => {}
                () = usage.loses_place() => {
                    tracing::debug!(%address, "an HTTP connection has lost its place");
                }
            }
        });
    }
}

/// The routes, with a mark for each request.
struct Marked(Router, Option<OnLoopback>);

/// A connection that is counted: as opened now, and as closed when it is dropped.
struct Counted(Option<HttpMetrics>);

impl Counted {
    fn new(metrics: Option<HttpMetrics>) -> Self {
        if let Some(metrics) = &metrics {
            metrics.record_opened();
        }
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(metrics) = &self.0 {
            metrics.record_closed();
        }
    }
}

async fn serve_connection(
    stream: TimeoutStream<TcpStream>,
    peer: Peer,
    usage: Usage,
    idle: Duration,
    Marked(router, mark): Marked,
    mut stopping: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        usage.note_request();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        if let Some(mark) = mark {
            request.extensions_mut().insert(mark);
        }
        hyper::service::Service::call(&router, request)
    });
    // A timed-out stream cannot be moved.
    let stream = TokioIo::new(Box::pin(stream));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle);
    // Otherwise it reads while a response is made, and a client that waits would be too silent.
    http.half_close(true);
    let mut connection = pin!(http.serve_connection(stream, service));
    // The lock of its value must not be held.
    let stopped = async { drop(stopping.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "an HTTP connection has ended early");
    }
}
