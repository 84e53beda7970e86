//! The port of the metrics and health. The metrics look like a Substrate node's: the same
//! prefix, and the chain as a label, so that one dashboard shows both.

use crate::failure::Failure;
use cairn_rpc_listener::Monitored;
use cairn_rpc_server::ProviderRpc;
use std::collections::HashMap;
use std::net::SocketAddr;
use substrate_prometheus_endpoint::{Gauge, Opts, PrometheusError, Registry, U64, register};
use tokio::net::TcpListener;

/// Creates the registry of the metrics.
pub(super) fn registry(chain: Option<&str>) -> Result<Registry, Failure> {
    let labels = chain.map(|genesis| HashMap::from([("chain".to_owned(), genesis.to_owned())]));
    let registry =
        Registry::new_custom(Some("substrate".to_owned()), labels).map_err(metrics_failure)?;
    let build = Opts::new("cairn_build_info", "The running version of Cairn")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = Gauge::<U64>::with_opts(build).map_err(metrics_failure)?;
    register(build, &registry).map_err(metrics_failure)?.set(1);
    Ok(registry)
}

pub(super) fn metrics_failure(error: PrometheusError) -> Failure {
    Failure::Failed(format!("cannot register the metrics: {error}"))
}

/// A bound port that is not served yet. It stays bound: another process could otherwise take
/// it in between, and serve false metrics.
pub(super) struct MetricsPort {
    socket: TcpListener,
    address: SocketAddr,
}

/// Binds a port for the metrics.
pub(super) async fn bind(address: SocketAddr) -> Result<MetricsPort, Failure> {
    let refused = |source| Failure::ListenForMetrics { address, source };
    let socket = TcpListener::bind(address).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    Ok(MetricsPort { socket, address })
}

impl MetricsPort {
    /// Returns the address that it listens on.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves metrics and health until the process ends.
    pub(super) fn serve(self, rpc: ProviderRpc, registry: Registry) {
        cairn_rpc_listener::serve_monitoring(self.socket, Monitored { rpc, registry });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn l14_the_port_is_taken_once_and_kept() {
        let port = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        // Nobody else can bind it before it is served.
        let address = port.address();
        assert!(matches!(
            bind(address).await,
            Err(Failure::ListenForMetrics { .. })
        ));
        assert!(TcpListener::bind(address).await.is_err());
    }
}
