//! Where the RPC is served. The port is taken long before it is: that it is
//! taken by somebody else is told before any bucket is opened.

use crate::failure::Failure;
use cairn_rpc::{ListenerConfig, ProviderRpc, Served};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A port that is taken, and not served yet.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Takes a port.
pub(super) async fn listen(address: SocketAddr) -> Result<Listener, Failure> {
    let failed = |source| Failure::Listen { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Listener { socket, address })
}

impl Listener {
    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a provider.
    pub(super) fn serve(self, rpc: ProviderRpc, config: ListenerConfig) -> Result<Served, Failure> {
        cairn_rpc::serve(self.socket, rpc, config)
            .map_err(|error| Failure::Failed(error.to_string()))
    }
}
