//! The port of the HTTP face. It is bound long before it is served, so that a port in use shows
//! before any bucket is opened.

use crate::failure::Failure;
use cairn_http::{HttpConfig, HttpHandle};
use cairn_rpc_server::ProviderRpc;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A bound port that is not served yet.
pub(super) struct HttpPort {
    socket: TcpListener,
    address: SocketAddr,
}

/// Binds a port.
pub(super) async fn bind(address: SocketAddr) -> Result<HttpPort, Failure> {
    let failed = |source| Failure::ListenForHttp { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(HttpPort { socket, address })
}

impl HttpPort {
    /// Returns the address that it listens on.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a provider.
    pub(super) fn serve(self, rpc: ProviderRpc, config: HttpConfig) -> Result<HttpHandle, Failure> {
        let address = self.address;
        cairn_http::serve(self.socket, rpc, config)
            .map_err(|source| Failure::ListenForHttp { address, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_flag_to_change() {
        let port = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken = bind(port.address()).await.err().unwrap();
        assert!(taken.to_string().contains("--http-port"), "{taken}");
    }
}
