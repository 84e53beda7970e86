//! Errors of the demo.

use cairn_devnode_user::UserError;
use std::path::{Path, PathBuf};

/// An error of the demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A provider's RPC failed.
    #[error("a provider's RPC failed: {0}")]
    Rpc(#[from] jsonrpsee::core::client::Error),
    /// The chain refused something, or could not be read.
    #[error("on chain: {0}")]
    Chain(#[from] UserError),
    /// A response could not be decoded.
    #[error("cannot decode a response: {0}")]
    Unreadable(String),
    /// A file or process failed.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// A process ended or failed unexpectedly.
    #[error("{program} {what}; the end of its log:\n{log_tail}")]
    Process {
        /// The program.
        program: String,
        /// The event, for the message.
        what: String,
        /// The end of its log.
        log_tail: String,
    },
    /// Something did not happen in time.
    #[error("{what} is missing after {seconds} s")]
    TimedOut {
        /// The missing event.
        what: String,
        /// The time that was waited for, in seconds.
        seconds: u64,
    },
    /// A result is not as expected.
    #[error("{0}")]
    Unexpected(String),
}

/// Returns a conversion of I/O errors, for `map_err`.
pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DemoError {
    let path = path.to_owned();
    move |source| DemoError::Io {
        doing,
        path,
        source,
    }
}
