//! The listener: accepts connections, and serves each one behind its limits.

use crate::access::RpcMethods;
use crate::backpressure::Backpressure;
use crate::caller;
use crate::connections::Connections;
use crate::limits::ConnectionLimits;
use crate::metrics::RpcMetrics;
use crate::middleware::LimitLayer;
use crate::monitoring;
use crate::origin::Origins;
use crate::rate_limit::RateLimit;
use crate::response::text_response;
use crate::source::Source;
use crate::stream::ConnectionStream;
use crate::token::Token;
use cairn_rpc_server::ProviderRpc;
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee::server::ws::is_upgrade_request;
use jsonrpsee::server::{
    BatchRequestConfig, HttpRequest, HttpResponse, Methods, PingConfig, RandomStringIdProvider,
    Server, ServerHandle, StopHandle, TowerServiceBuilder, serve_with_graceful_shutdown,
    stop_channel,
};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tower_layer::{Identity, Stack};

/// The method that lists all methods, by the JSON-RPC interface spec for Substrate.
const RPC_METHODS: &str = "rpc_methods";
/// How often a WebSocket is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long the listener pauses when no file descriptor is free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// The most connections that wait for a place, besides those that have one.
const MAX_PENDING_CONNECTIONS: usize = 16;
/// How long they wait. A connection that is closed for them ends at once.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(2);

/// The settings of a listener.
#[derive(Clone, Debug, Default)]
pub struct ListenerConfig {
    /// The limits of connections.
    pub limits: ConnectionLimits,
    /// The rule for unsafe methods.
    pub methods: RpcMethods,
    /// The operator's tokens.
    pub tokens: Vec<Token>,
    /// The websites that may send requests.
    pub origins: Origins,
    /// The counts of connections and requests, if any.
    pub metrics: Option<RpcMetrics>,
}

/// A running listener.
#[derive(Debug)]
pub struct ListenerHandle {
    server: ServerHandle,
    rpc: ProviderRpc,
    address: SocketAddr,
}

/// Serves a provider at a socket, within a tokio runtime, until it is stopped.
///
/// # Errors
///
/// [`ServeError::Socket`] where the socket fails.
pub fn serve(
    socket: TcpListener,
    rpc: ProviderRpc,
    config: ListenerConfig,
) -> Result<ListenerHandle, ServeError> {
    serve_with(socket, rpc, RpcModule::new(()), config)
}

/// Serves a provider together with further methods.
///
/// # Errors
///
/// [`ServeError::Socket`] where the socket fails, and [`ServeError::Methods`] where two methods
/// have the same name.
pub fn serve_with(
    socket: TcpListener,
    rpc: ProviderRpc,
    more: RpcModule<()>,
    config: ListenerConfig,
) -> Result<ListenerHandle, ServeError> {
    let address = socket.local_addr()?;
    let mut methods = rpc.clone().into_rpc()?;
    methods.merge(more)?;
    add_rpc_methods(&mut methods)?;
    if let Some(metrics) = &config.metrics {
        metrics.set_known_methods(methods.method_names());
    }
    let (stop, server) = stop_channel();
    let limits = &config.limits;
    let services = Server::builder()
        // `Listener` limits connections, before their first byte.
        .max_connections(u32::MAX)
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_message_buffer_capacity(limits.in_flight)
        .set_batch_request_config(match limits.batch {
            0 => BatchRequestConfig::Disabled,
            max => BatchRequestConfig::Limit(max),
        })
        .enable_ws_ping(
            PingConfig::new()
                .ping_interval(PING_INTERVAL)
                .inactive_limit(limits.idle),
        )
        .set_id_provider(RandomStringIdProvider::new(16))
        .to_service_builder();
    let listener = Arc::new(Listener {
        services,
        methods: methods.into(),
        is_loopback: address.ip().is_loopback(),
        places: Arc::new(Semaphore::new(
            usize::try_from(limits.connections.get())
                .unwrap_or(usize::MAX)
                .min(Semaphore::MAX_PERMITS),
        )),
        pending: Arc::new(Semaphore::new(MAX_PENDING_CONNECTIONS)),
        connections: Connections::new(limits.all_unread_bytes),
        rpc: rpc.clone(),
        stop,
        config,
    });
    tokio::spawn(listener.accept(socket));
    Ok(ListenerHandle {
        server,
        rpc,
        address,
    })
}

/// Adds `rpc_methods`, which lists all methods as a Substrate node does.
fn add_rpc_methods(module: &mut RpcModule<()>) -> Result<(), RegisterMethodError> {
    let mut names: Vec<_> = module.method_names().chain([RPC_METHODS]).collect();
    names.sort_unstable();
    let listed = serde_json::json!({ "methods": names });
    module.register_method(RPC_METHODS, move |_, _, _| listed.clone())?;
    Ok(())
}

/// An error of starting a listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The socket failed.
    #[error("cannot use the socket of the RPC: {0}")]
    Socket(#[from] io::Error),
    /// Two methods have the same name.
    #[error(transparent)]
    Methods(#[from] RegisterMethodError),
}

impl ListenerHandle {
    /// Returns the address at which the listener accepts connections.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses further requests, and waits for those in flight, for at most `timeout`. Returns
    /// whether all have ended.
    pub async fn stop(self, timeout: Duration) -> bool {
        self.rpc.stop();
        // Fails where the listener has stopped already.
        let _ = self.server.stop();
        tokio::time::timeout(timeout, self.server.stopped())
            .await
            .is_ok()
    }
}

/// Serves all connections of a socket.
struct Listener {
    services: TowerServiceBuilder<Identity, Identity>,
    methods: Methods,
    is_loopback: bool,
    places: Arc<Semaphore>,
    /// Places for connections that wait for another one to end.
    pending: Arc<Semaphore>,
    connections: Arc<Connections>,
    rpc: ProviderRpc,
    stop: StopHandle,
    config: ListenerConfig,
}

impl Listener {
    async fn accept(self: Arc<Self>, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.clone().shutdown() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, Source::of(peer.ip())),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection to the RPC");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    /// Serves a connection if there is a place for it, or one can be made, and closes it if not.
    fn admit(self: &Arc<Self>, stream: TcpStream, source: Source) {
        let limits = &self.config.limits;
        if !self.connections.admits(source, limits.per_address.get()) {
            return self.record_rejected();
        }
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            // Counted before the next connection is admitted.
            let backpressure = Backpressure::new(limits, self.connections.clone(), source);
            tokio::spawn(self.clone().serve(stream, backpressure, place));
            return;
        }
        match self.pending.clone().try_acquire_owned() {
            Ok(pending) if self.connections.make_place(source) => {
                tokio::spawn(self.clone().wait(stream, source, pending));
            }
            _ => self.record_rejected(),
        }
    }

    /// Waits for the place of a connection that is being closed.
    async fn wait(
        self: Arc<Self>,
        stream: TcpStream,
        source: Source,
        pending: OwnedSemaphorePermit,
    ) {
        let place = self.places.clone().acquire_owned();
        match tokio::time::timeout(ADMISSION_TIMEOUT, place).await {
            Ok(Ok(place)) => {
                drop(pending);
                let limits = &self.config.limits;
                let backpressure = Backpressure::new(limits, self.connections.clone(), source);
                self.serve(stream, backpressure, place).await;
            }
            _ => self.record_rejected(),
        }
    }

    fn record_rejected(&self) {
        if let Some(metrics) = &self.config.metrics {
            metrics.record_rejected();
        }
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        backpressure: Arc<Backpressure>,
        place: OwnedSemaphorePermit,
    ) {
        if let Some(metrics) = &self.config.metrics {
            metrics.record_opened();
        }
        // Responses are whole messages, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let limits = &self.config.limits;
        let on_close = CloseGuard {
            metrics: self.config.metrics.clone(),
            _place: place,
        };
        let io = ConnectionStream::new(stream, backpressure.clone(), limits.idle, on_close);
        let (requested, first_request) = oneshot::channel::<()>();
        let requested = Arc::new(parking_lot::Mutex::new(Some(requested)));
        let rate = RateLimit::new(limits.per_minute);
        let service = tower::service_fn({
            let listener = self.clone();
            move |request: hyper::Request<hyper::body::Incoming>| {
                requested.lock().take();
                let listener = listener.clone();
                let (backpressure, rate) = (backpressure.clone(), rate.clone());
                async move { listener.answer(request, backpressure, rate).await }
            }
        });
        let serving = serve_with_graceful_shutdown(io, service, self.stop.clone().shutdown());
        let in_time = tokio::time::timeout(limits.first_request, first_request);
        tokio::pin!(serving);
        let served = tokio::select! {
            served = &mut serving => served,
            requested = in_time => match requested {
                // The first request drops the sender.
                Ok(_) => serving.await,
                Err(_) => return tracing::debug!("a connection has sent no request in time"),
            },
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection has ended");
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
        backpressure: Arc<Backpressure>,
        rate: RateLimit,
    ) -> Result<HttpResponse, io::Error> {
        if let Err(refused) = self
            .config
            .origins
            .check(request.headers(), self.is_loopback)
        {
            return Ok(text_response(
                hyper::StatusCode::FORBIDDEN,
                refused.to_owned(),
            ));
        }
        if request.version() >= hyper::Version::HTTP_2 {
            // HTTP/2 would allow hundreds of requests of one connection at once.
            return Ok(text_response(
                hyper::StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "only HTTP/1.1 is supported".to_owned(),
            ));
        }
        let ListenerConfig {
            methods,
            tokens,
            origins,
            ..
        } = &self.config;
        let caller = caller::identify(request.headers(), tokens, origins);
        let deny_unsafe = methods.deny_unsafe(self.is_loopback, caller);
        let member = caller::member_header(request.headers());
        let member = member.filter(|_| methods.allows_members(caller));
        let is_upgrade = is_upgrade_request(&request);
        if is_upgrade {
            if !backpressure.upgrade() {
                return Ok(text_response(
                    hyper::StatusCode::BAD_REQUEST,
                    "only the first request of a connection may open a WebSocket".to_owned(),
                ));
            }
        } else {
            backpressure.start_http();
        }
        if request.method() == hyper::Method::GET
            && let Some(health) = monitoring::health(&self.rpc, request.uri().path())
        {
            return Ok(health);
        }
        let mut request: HttpRequest<_> = request;
        request.extensions_mut().insert(deny_unsafe);
        if let Some(member) = member {
            request.extensions_mut().insert(member);
        }
        let limits = LimitLayer::new(
            &self.config.limits,
            backpressure.clone(),
            rate,
            self.config.metrics.clone(),
        );
        let middleware: RpcServiceBuilder<Stack<LimitLayer, Identity>> =
            RpcServiceBuilder::new().layer(limits);
        let mut service = self
            .services
            .clone()
            .set_rpc_middleware(middleware)
            .build(self.methods.clone(), self.stop.clone());
        // Fully qualified, since the compiler does not infer the type of the request.
        let answered = tower::Service::call(&mut service, request).await;
        if !is_upgrade {
            backpressure.finish_http();
        }
        answered.map_err(io::Error::other)
    }
}

/// Dropped with a connection's socket, wherever that was moved to.
struct CloseGuard {
    metrics: Option<RpcMetrics>,
    _place: OwnedSemaphorePermit,
}

impl Drop for CloseGuard {
    fn drop(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.record_closed();
        }
    }
}
