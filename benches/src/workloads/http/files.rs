//! The file server to compare with: it stores each body as a file, and answers with whole files.
//!
//! It does what a simple static server does, and no more: no hash is checked, nothing is signed or
//! looked up, and nothing is synced.

use crate::Fallible;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Its threads: as many as the provider's.
const THREADS: usize = 2;

/// A running file server.
pub(super) struct FileServer {
    address: SocketAddr,
    runtime: Runtime,
    _folder: TempDir,
}

/// Stores a body under a name. Only this process connects, with names of its own.
async fn store(
    State(folder): State<Arc<PathBuf>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode, StatusCode> {
    run_blocking(move || std::fs::write(folder.join(name), body)).await?;
    Ok(StatusCode::CREATED)
}

/// Returns a whole file.
async fn load(
    State(folder): State<Arc<PathBuf>>,
    Path(name): Path<String>,
) -> Result<Vec<u8>, StatusCode> {
    run_blocking(move || std::fs::read(folder.join(name))).await
}

/// Runs disk work on a thread that may block.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StatusCode> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

impl FileServer {
    /// Serves a folder.
    pub(super) fn start(folder: TempDir) -> Fallible<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("files")
            .enable_all()
            .build()?;
        let router = Router::new()
            .route("/{name}", get(load).put(store))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::new(folder.path().to_owned()));
        let socket = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = socket.local_addr()?;
        runtime.spawn(async move { axum::serve(socket, router).await });
        Ok(Self {
            address,
            runtime,
            _folder: folder,
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }
}
