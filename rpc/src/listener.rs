//! The standalone provider's own listener: a node has one already.
//!
//! ```text
//! socket ─► valve ─► HTTP: who asks from where ─► gate: how often, how much ─► methods
//!             └─ crowd: all of them together
//! ```
//!
//! What one connection takes is bounded at each step, and what all take
//! together: who does not read is not read from ([`valve`]), who asks without
//! end waits for itself ([`gate`]), and when all of them take too much it is the
//! greediest that is closed ([`crowd`]).

mod caller;
mod crowd;
mod frames;
mod gate;
mod metrics;
mod origin;
mod source;
mod stream;
mod valve;
mod watch;

pub use metrics::RpcMetrics;
pub use origin::Origins;
pub use watch::{Watched, serve_watch};

use crate::limits::ConnectionLimits;
use crate::policy::RpcMethods;
use crate::server::ProviderRpc;
use crate::token::Token;
use crowd::Crowd;
use gate::{GateLayer, Pace};
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee::server::ws::is_upgrade_request;
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, Methods, PingConfig,
    RandomStringIdProvider, Server, ServerHandle, StopHandle, TowerServiceBuilder,
    serve_with_graceful_shutdown, stop_channel,
};
use source::Source;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stream::Valved;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tower_layer::{Identity, Stack};
use valve::Valve;

/// How often a WebSocket is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long the listener rests when the system has no descriptor left for it.
const REST: Duration = Duration::from_millis(100);

/// Connections that wait for a place, beside those that have one.
const ON_THE_PORCH: usize = 16;
/// How long they wait: whoever gives it up does so at once.
const FOR_A_PLACE: Duration = Duration::from_secs(2);

/// How a listener serves.
#[derive(Clone, Debug, Default)]
pub struct ListenerConfig {
    /// What connections may take.
    pub limits: ConnectionLimits,
    /// Who may call unsafe methods.
    pub methods: RpcMethods,
    /// Each of them shows a request to be the operator's.
    pub tokens: Vec<Token>,
    /// Which websites may ask, by a browser that opens them.
    pub origins: Origins,
    /// Where requests are counted, if anywhere.
    pub metrics: Option<RpcMetrics>,
}

/// A provider that is served.
#[derive(Debug)]
pub struct Served {
    handle: ServerHandle,
    rpc: ProviderRpc,
    address: SocketAddr,
}

/// Serves a provider at a socket, within a tokio runtime, until it is stopped.
///
/// # Errors
///
/// The socket's own.
pub fn serve(
    socket: TcpListener,
    rpc: ProviderRpc,
    config: ListenerConfig,
) -> Result<Served, ServeError> {
    serve_with(socket, rpc, RpcModule::new(()), config)
}

/// The same with methods of somebody's own beside the provider's.
///
/// # Errors
///
/// The socket's own, and [`ServeError::Methods`] where two have one name.
pub fn serve_with(
    socket: TcpListener,
    rpc: ProviderRpc,
    more: RpcModule<()>,
    config: ListenerConfig,
) -> Result<Served, ServeError> {
    let address = socket.local_addr()?;
    let mut methods = rpc.clone().into_rpc()?;
    methods.merge(more)?;
    if let Some(metrics) = &config.metrics {
        metrics.knows(methods.method_names());
    }
    let (stop, handle) = stop_channel();
    let limits = &config.limits;
    let services = Server::builder()
        // Connections are counted before they have said a word.
        .max_connections(u32::MAX)
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_message_buffer_capacity(limits.in_flight)
        .set_batch_request_config(match limits.batch {
            0 => BatchRequestConfig::Disabled,
            most => BatchRequestConfig::Limit(most),
        })
        .enable_ws_ping(
            PingConfig::new()
                .ping_interval(PING_EVERY)
                .inactive_limit(limits.idle),
        )
        .set_id_provider(RandomStringIdProvider::new(16))
        .to_service_builder();
    let desk = Arc::new(Desk {
        services,
        methods: methods.into(),
        is_loopback: address.ip().is_loopback(),
        places: Arc::new(Semaphore::new(
            usize::try_from(limits.connections.get())
                .unwrap_or(usize::MAX)
                .min(Semaphore::MAX_PERMITS),
        )),
        porch: Arc::new(Semaphore::new(ON_THE_PORCH)),
        crowd: Crowd::new(limits.all_unread_bytes),
        rpc: rpc.clone(),
        stop,
        config,
    });
    tokio::spawn(desk.accept(socket));
    Ok(Served {
        handle,
        rpc,
        address,
    })
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket fails.
    #[error("the socket of the RPC cannot be used: {0}")]
    Socket(#[from] io::Error),
    /// Two methods have one name.
    #[error(transparent)]
    Methods(#[from] RegisterMethodError),
}

impl Served {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and waits for those that are being answered, but
    /// not longer than `within`. Returns whether all have ended.
    pub async fn stop(self, within: Duration) -> bool {
        self.rpc.stop();
        // An error means that it has stopped already.
        let _ = self.handle.stop();
        tokio::time::timeout(within, self.handle.stopped())
            .await
            .is_ok()
    }
}

/// What serves all connections of one listener.
struct Desk {
    services: TowerServiceBuilder<Identity, Identity>,
    methods: Methods,
    is_loopback: bool,
    places: Arc<Semaphore>,
    /// For those who wait until a place is made for them.
    porch: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    rpc: ProviderRpc,
    stop: StopHandle,
    config: ListenerConfig,
}

impl Desk {
    async fn accept(self: Arc<Self>, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.clone().shutdown() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, Source::of(peer.ip())),
                Err(error) => {
                    tracing::warn!(%error, "a connection to the RPC cannot be taken");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Serves a connection if there is a place for it, or can be made, and hangs
    /// up if not.
    fn take(self: &Arc<Self>, stream: TcpStream, source: Source) {
        let limits = &self.config.limits;
        if !self.crowd.admits(source, limits.per_address.get()) {
            return self.turn_away();
        }
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            // Counted before the next one is looked at.
            let valve = Valve::new(limits, self.crowd.clone(), source);
            tokio::spawn(self.clone().serve(stream, valve, place));
            return;
        }
        match self.porch.clone().try_acquire_owned() {
            Ok(waiting) if self.crowd.make_place(source) => {
                tokio::spawn(self.clone().wait(stream, source, waiting));
            }
            _ => self.turn_away(),
        }
    }

    /// Waits for a place that is being made.
    async fn wait(
        self: Arc<Self>,
        stream: TcpStream,
        source: Source,
        waiting: OwnedSemaphorePermit,
    ) {
        let place = self.places.clone().acquire_owned();
        match tokio::time::timeout(FOR_A_PLACE, place).await {
            Ok(Ok(place)) => {
                drop(waiting);
                let valve = Valve::new(&self.config.limits, self.crowd.clone(), source);
                self.serve(stream, valve, place).await;
            }
            _ => self.turn_away(),
        }
    }

    fn turn_away(&self) {
        if let Some(metrics) = &self.config.metrics {
            metrics.turned_away();
        }
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        valve: Arc<Valve>,
        place: OwnedSemaphorePermit,
    ) {
        if let Some(metrics) = &self.config.metrics {
            metrics.opened();
        }
        // Answers are whole messages: waiting for more of them helps nobody.
        let _ = stream.set_nodelay(true);
        let limits = &self.config.limits;
        let on_close = Closing {
            metrics: self.config.metrics.clone(),
            _place: place,
        };
        let io = Valved::new(stream, valve.clone(), limits.idle, on_close);
        let (asked, first_request) = oneshot::channel::<()>();
        let asked = Arc::new(parking_lot::Mutex::new(Some(asked)));
        let pace = Pace::new(limits.per_minute);
        let service = tower::service_fn({
            let desk = self.clone();
            move |request: hyper::Request<hyper::body::Incoming>| {
                asked.lock().take();
                let (desk, valve, pace) = (desk.clone(), valve.clone(), pace.clone());
                async move { desk.answer(request, valve, pace).await }
            }
        });
        let serving = serve_with_graceful_shutdown(io, service, self.stop.clone().shutdown());
        let in_time = tokio::time::timeout(limits.first_request, first_request);
        tokio::pin!(serving);
        let served = tokio::select! {
            served = &mut serving => served,
            asked = in_time => match asked {
                // The sender is gone with the first request.
                Ok(_) => serving.await,
                Err(_) => return tracing::debug!("a connection has asked nothing"),
            },
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection has ended");
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
        valve: Arc<Valve>,
        pace: Pace,
    ) -> Result<HttpResponse, io::Error> {
        if let Err(refused) = self
            .config
            .origins
            .check(request.headers(), self.is_loopback)
        {
            return Ok(told(hyper::StatusCode::FORBIDDEN, refused.to_owned()));
        }
        if request.version() >= hyper::Version::HTTP_2 {
            // Of which one connection may have hundreds of requests at once.
            let version = "HTTP/1.1 is spoken here".to_owned();
            return Ok(told(hyper::StatusCode::HTTP_VERSION_NOT_SUPPORTED, version));
        }
        let ListenerConfig {
            methods,
            tokens,
            origins,
            ..
        } = &self.config;
        let caller = caller::of(request.headers(), tokens, origins);
        let deny_unsafe = methods.of(self.is_loopback, caller);
        let is_upgrade = is_upgrade_request(&request);
        if is_upgrade {
            if !valve.becomes_websocket() {
                let late = "a WebSocket is opened by the first request of a connection".to_owned();
                return Ok(told(hyper::StatusCode::BAD_REQUEST, late));
            }
        } else {
            valve.is_asked();
        }
        if request.method() == hyper::Method::GET
            && let Some(health) = watch::health(&self.rpc, request.uri().path())
        {
            return Ok(health);
        }
        let mut request: HttpRequest<_> = request;
        request.extensions_mut().insert(deny_unsafe);
        let gate = GateLayer::new(
            &self.config.limits,
            valve.clone(),
            pace,
            self.config.metrics.clone(),
        );
        let middleware: RpcServiceBuilder<Stack<GateLayer, Identity>> =
            RpcServiceBuilder::new().layer(gate);
        let mut service = self
            .services
            .clone()
            .set_rpc_middleware(middleware)
            .build(self.methods.clone(), self.stop.clone());
        // Of one certain type, since the compiler does not find it out by itself.
        let answered = tower::Service::call(&mut service, request).await;
        if !is_upgrade {
            valve.is_done();
        }
        answered.map_err(io::Error::other)
    }
}

fn told(status: hyper::StatusCode, text: String) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::from(text));
    *response.status_mut() = status;
    response
}

/// What ends with a connection's socket, wherever that was handed on to.
struct Closing {
    metrics: Option<RpcMetrics>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.closed();
        }
    }
}
