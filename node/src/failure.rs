//! The failure of a command: one sentence for the operator, and an exit code for scripts.

use crate::advice::{self, joined};
use crate::escaped_path::escaped;
use crate::remote_error::RemoteError;
use crate::watched_file::FileChange;
use cairn_bucket::{
    BasePathError, CommitError, IngestError, ProveError, PruneError, ReleaseError, TransferError,
};
use cairn_chain::ChainError;
use cairn_fs::FileError;
use cairn_gadget::printable_lines;
use cairn_keys::KeyError;
use cairn_provider::ProviderError;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code of an operation that failed.
const FAILED: u8 = 1;
/// Exit code of an invalid command line; clap uses it too.
const USAGE: u8 = 2;
/// Exit code of a refused proof, bucket or signature, and of a check with findings.
const REFUSED: u8 = 3;
/// Exit code of a check that finds the stake in danger.
const DANGER: u8 = 4;
/// Exit code when the reader has closed the output: what a shell reports for a process
/// that SIGPIPE ended (128 + 13).
const CLOSED_PIPE: u8 = 141;

/// The exit codes, for `cairn --help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    the operation failed, or the input could not be read
  2    the command line is invalid
  3    a proof or signature was refused, the chain refuses a call, or a check has findings
  4    a check finds the stake in danger
  141  the reader closed the output";

/// The failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    BasePath(#[from] BasePathError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Prove(#[from] ProveError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("cannot listen for S3 on {address}: {source}; choose another port with --s3-port")]
    ListenForS3 {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot store {}: {source}", escaped(.path))]
    Upload { path: PathBuf, source: RemoteError },
    #[error("cannot listen on {address}: {source}; choose another port with --rpc-port")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "cannot listen for metrics on {address}: {source}; choose another port with \
         --prometheus-port, or use --no-prometheus"
    )]
    ListenForMetrics {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot listen for HTTP on {address}: {source}; choose another port with --http-port")]
    ListenForHttp {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot store {}: {source}", escaped(.path))]
    Ingest { path: PathBuf, source: IngestError },
    #[error("cannot {} {}: {}", .0.doing, escaped(&.0.path), .0.source)]
    File(FileError),
    /// An upload that ended early, with the part of it that stays.
    #[error("{cause}; {remains}")]
    Interrupted {
        cause: Box<Failure>,
        remains: String,
    },
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Danger(String),
}

impl Failure {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File(FileError::wrap(doing, path)(source))
    }

    /// Returns true if a file changed while it was read.
    pub(crate) fn is_changed_file(&self) -> bool {
        match self {
            Self::Ingest {
                source: IngestError::Source(error),
                ..
            } => FileChange::from_io_error(error).is_some(),
            _ => false,
        }
    }

    /// Returns true if the reader has closed the output, as `head` does. That is not an
    /// error to report.
    fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Output(error)
            | Self::Prove(ProveError::Sink(error))
            | Self::Transfer(TransferError::Sink(error)) => error.kind() == ErrorKind::BrokenPipe,
            Self::Interrupted { cause, .. } => cause.is_closed_pipe(),
            _ => false,
        }
    }

    /// Returns advice on the failure, if any command or flag helps.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Self::BasePath(error) => advice::base_path(error),
            Self::Provider(error) => advice::provider(error),
            Self::Key(error) => advice::key(error),
            Self::Prove(error) => advice::prove(error),
            Self::Commit(error) => advice::commit(error),
            Self::Ingest { source, .. } => advice::ingest(source),
            Self::Transfer(error) => advice::transfer(error),
            Self::Prune(error) => advice::prune(error),
            Self::Release(error) => advice::release(error),
            Self::Chain(error) => advice::chain(error),
            Self::Interrupted { cause, .. } => cause.advice(),
            _ => None,
        }
    }

    /// Prints the failure and the advice on it to stderr, on one line.
    pub(crate) fn report(&self) {
        if !self.is_closed_pipe() {
            let line = printable_lines(&joined(self, self.advice()));
            // If stderr fails too, the exit code still tells.
            let _ = writeln!(io::stderr(), "cairn: {line}");
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            closed if closed.is_closed_pipe() => CLOSED_PIPE,
            Self::Usage(_) => USAGE,
            Self::Danger(_) => DANGER,
            Self::Refused(_) | Self::Remote(RemoteError::FalseAnswer { .. }) => REFUSED,
            Self::Transfer(error) | Self::Provider(ProviderError::Transfer(error))
                if error.is_refusal() =>
            {
                REFUSED
            }
            Self::Provider(ProviderError::Signing(_)) | Self::Commit(CommitError::Refused(_)) => {
                REFUSED
            }
            Self::Interrupted { cause, .. } => return cause.exit_code(),
            _ => FAILED,
        })
    }
}
