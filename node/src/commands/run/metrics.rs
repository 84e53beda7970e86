//! The metrics, on a port of their own, in the shape of a Substrate node's: the
//! same prefix and the chain as a label, so that one dashboard shows both.

use crate::failure::Failure;
use std::collections::HashMap;
use std::net::SocketAddr;
use substrate_prometheus_endpoint::{
    Gauge, Opts, PrometheusError, Registry, U64, init_prometheus, register,
};

/// Where everything is counted.
pub(super) fn registry(chain: Option<&str>) -> Result<Registry, Failure> {
    let labels = chain.map(|genesis| HashMap::from([("chain".to_owned(), genesis.to_owned())]));
    let registry = Registry::new_custom(Some("substrate".to_owned()), labels).map_err(failed)?;
    let build = Opts::new("cairn_build_info", "The version that runs")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = Gauge::<U64>::with_opts(build).map_err(failed)?;
    register(build, &registry).map_err(failed)?.set(1);
    Ok(registry)
}

pub(super) fn failed(error: PrometheusError) -> Failure {
    Failure::Failed(format!("the metrics cannot be counted: {error}"))
}

/// Takes a port for the metrics, and tells which it is.
pub(super) async fn reserve(address: SocketAddr) -> Result<SocketAddr, Failure> {
    let refused = |source| Failure::ListenForMetrics { address, source };
    let socket = tokio::net::TcpListener::bind(address)
        .await
        .map_err(refused)?;
    // The library takes the port itself, right after this.
    socket.local_addr().map_err(refused)
}

/// Shows the metrics until the process ends. A provider without metrics does its
/// work, so that the end of them is no end of it.
pub(super) fn show(address: SocketAddr, registry: Registry) {
    tokio::spawn(async move {
        if let Err(error) = init_prometheus(address, registry).await {
            tracing::error!(%address, %error, "the metrics are not shown any more");
        }
    });
}
