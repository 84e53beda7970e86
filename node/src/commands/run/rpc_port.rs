//! The RPC's port. It is bound long before it is served, so that a port in use shows before
//! any bucket is opened.

use crate::failure::Failure;
use cairn_rpc_listener::{ListenerConfig, ListenerHandle};
use cairn_rpc_server::ProviderRpc;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A bound port that is not served yet.
pub(super) struct RpcPort {
    socket: TcpListener,
    address: SocketAddr,
}

/// Binds a port.
pub(super) async fn bind(address: SocketAddr) -> Result<RpcPort, Failure> {
    let failed = |source| Failure::Listen { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(RpcPort { socket, address })
}

impl RpcPort {
    /// Returns the address that it listens on.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a provider's RPC.
    pub(super) fn serve(
        self,
        rpc: ProviderRpc,
        config: ListenerConfig,
    ) -> Result<ListenerHandle, Failure> {
        cairn_rpc_listener::serve(self.socket, rpc, config)
            .map_err(|error| Failure::Failed(error.to_string()))
    }
}
