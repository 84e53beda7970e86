//! Where the RPC is served.

use crate::failure::Failure;
use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server, ServerHandle};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Clients at once, as Substrate nodes allow.
const MAX_CONNECTIONS: u32 = 100;
/// The largest request in bytes. Asking for a signature takes some 200.
const MAX_REQUEST: u32 = 1 << 20;
/// The largest answer in bytes.
const MAX_ANSWER: u32 = 4 << 20;
/// Questions that one client may have waiting at once.
const MAX_WAITING: u32 = 64;

/// A port that is taken, and not served yet.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// A module that is served.
pub(super) struct Served {
    handle: ServerHandle,
    address: SocketAddr,
}

/// Takes a port.
pub(super) async fn listen(address: SocketAddr) -> Result<Listener, Failure> {
    let failed = |source| Failure::Listen { address, source };
    let socket = tokio::net::TcpListener::bind(address)
        .await
        .and_then(tokio::net::TcpListener::into_std)
        .map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Listener { socket, address })
}

impl Listener {
    /// Serves a module.
    pub(super) fn serve(self, module: RpcModule<()>) -> Result<Served, Failure> {
        let Self { socket, address } = self;
        let server = Server::builder()
            .max_connections(MAX_CONNECTIONS)
            .max_request_body_size(MAX_REQUEST)
            .max_response_body_size(MAX_ANSWER)
            .set_message_buffer_capacity(MAX_WAITING)
            .build_from_tcp(socket)
            .map_err(|source| Failure::Listen { address, source })?;
        let handle = server.start(module);
        Ok(Served { handle, address })
    }
}

impl Served {
    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and waits for those that are being answered.
    pub(super) async fn stop(self, within: Duration) {
        if self.handle.stop().is_ok()
            && tokio::time::timeout(within, self.handle.stopped())
                .await
                .is_err()
        {
            tracing::warn!("clients of the RPC are left without their answers");
        }
    }
}
