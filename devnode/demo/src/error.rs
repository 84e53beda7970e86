//! Why the play stopped.

use std::path::{Path, PathBuf};

/// Why the play stopped.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The node's RPC failed.
    #[error("the node's RPC failed: {0}")]
    Rpc(#[from] jsonrpsee::core::client::Error),
    /// The node said something that cannot be read.
    #[error("the node said something that cannot be read: {0}")]
    Unreadable(String),
    /// An extrinsic was not taken, or failed.
    #[error("the extrinsic `{call}` came to nothing: {reason}")]
    Extrinsic {
        /// What was called.
        call: &'static str,
        /// What the chain says.
        reason: String,
    },
    /// A file or process failed.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A process ended, or failed, that should not have.
    #[error("{program} {what}; its last words:\n{last_words}")]
    Process {
        /// Which.
        program: String,
        /// What it did.
        what: String,
        /// The end of its log.
        last_words: String,
    },
    /// Something did not come about in time.
    #[error("after {seconds} s there is still not: {what}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// What was shown is not what should have been.
    #[error("{0}")]
    Wrong(String),
}

/// What failed with a file or process, for `map_err`.
pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DemoError {
    let path = path.to_owned();
    move |source| DemoError::Io {
        doing,
        path,
        source,
    }
}
