//! The port of the S3 dialect. It is bound, and its keys are read, before any bucket is opened.

use crate::failure::Failure;
use crate::s3_args::S3Args;
use cairn_http::{HttpHandle, HttpLimits};
use cairn_rpc_server::ProviderRpc;
use cairn_s3::AccessKeys;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A bound port that is not served yet.
pub(super) struct S3Port {
    socket: TcpListener,
    address: SocketAddr,
    keys: AccessKeys,
    limits: HttpLimits,
}

/// Binds the port, if one is named.
pub(super) async fn bind(args: &S3Args) -> Result<Option<S3Port>, Failure> {
    let Some(address) = args.address() else {
        return Ok(None);
    };
    let keys = args.keys()?;
    let failed = |source| Failure::ListenForS3 { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    Ok(Some(S3Port {
        address: socket.local_addr().map_err(failed)?,
        socket,
        keys,
        limits: args.limits(),
    }))
}

impl S3Port {
    /// Returns the address that it listens on.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a provider.
    pub(super) fn serve(self, rpc: ProviderRpc) -> Result<HttpHandle, Failure> {
        let address = self.address;
        let router = cairn_s3::router(rpc, self.keys);
        cairn_http::serve_router(self.socket, router, &self.limits)
            .map_err(|source| Failure::ListenForS3 { address, source })
    }
}
