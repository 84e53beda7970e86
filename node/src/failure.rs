//! How a command ends when it does not succeed: the sentence for the operator,
//! and the exit code for the script.

use crate::remote::RemoteError;
use crate::shown::shown;
use crate::watched_file::Changed;
use cairn_node_ext::chain::ChainError;
use cairn_node_ext::{
    BasePathError, CommitError, FaultKind, IndicatesDamage, IngestError, KeyError, OpenError,
    ProveError, ProviderError, PruneError, ReleaseError, TransferError, printable_lines,
};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code of an operation that failed.
const FAILED: u8 = 1;
/// Exit code of a command line that makes no sense, as clap has it.
const USAGE: u8 = 2;
/// Exit code of a proof or a bucket that is refused, or of a check that finds
/// something.
const REFUSED: u8 = 3;
/// Exit code when the reader of the output has gone: what a shell reports of a
/// process that a closed pipe ended (128 and SIGPIPE's 13).
const CLOSED_PIPE: u8 = 141;

/// What `cairn --help` says of exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the operation failed, or the input could not be read
  2    the command line makes no sense
  3    a proof was refused, or a check has findings
  141  the reader of the output closed the pipe";

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}{advice}", advice = base_path_advice(.0))]
    BasePath(#[from] BasePathError),
    #[error("{0}{advice}", advice = provider_advice(.0))]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{0}{advice}", advice = damage_advice(.0))]
    Prove(#[from] ProveError),
    #[error("{0}{advice}", advice = damage_advice(.0))]
    Commit(#[from] CommitError),
    #[error("{0}{advice}", advice = transfer_advice(.0))]
    Transfer(#[from] TransferError),
    #[error("{0}{advice}", advice = damage_advice(.0))]
    Prune(#[from] PruneError),
    #[error("{0}{advice}", advice = release_advice(.0))]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("cannot store {}: {source}", shown(.path))]
    Upload { path: PathBuf, source: RemoteError },
    #[error("cannot listen at {address}: {source}; name another port with --rpc-port")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "cannot show metrics at {address}: {source}; name another port with --prometheus-port, or say --no-prometheus"
    )]
    ListenForMetrics {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot store {}: {source}{}", shown(.path), damage_advice(.source))]
    Ingest { path: PathBuf, source: IngestError },
    #[error("cannot {doing} {}: {source}", shown(.path))]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// An upload that ended early, with what stays of it.
    #[error("{cause}; {stays}")]
    Stopped { cause: Box<Failure>, stays: String },
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether a file was another when it had been read.
    pub(crate) fn is_changed_file(&self) -> bool {
        match self {
            Self::Ingest {
                source: IngestError::Source(error),
                ..
            } => Changed::in_error(error).is_some(),
            _ => false,
        }
    }

    /// Whether the reader of the output has gone, as `head` does: no fault of
    /// anybody's, and nobody is left to tell.
    fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Output(error)
            | Self::Prove(ProveError::Sink(error))
            | Self::Transfer(TransferError::Sink(error)) => error.kind() == ErrorKind::BrokenPipe,
            Self::Stopped { cause, .. } => cause.is_closed_pipe(),
            _ => false,
        }
    }

    /// Tells the operator, in one sentence on stderr.
    pub(crate) fn report(&self) {
        if !self.is_closed_pipe() {
            // Where stderr fails too, the exit code still speaks.
            let told = printable_lines(&self.to_string());
            let _ = writeln!(io::stderr(), "cairn: {told}");
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            closed if closed.is_closed_pipe() => CLOSED_PIPE,
            Self::Usage(_) => USAGE,
            Self::Refused(_) | Self::Remote(RemoteError::Untrue { .. }) => REFUSED,
            Self::Transfer(error) | Self::Provider(ProviderError::Transfer(error))
                if error.is_refusal() =>
            {
                REFUSED
            }
            Self::Provider(ProviderError::Signing(_)) | Self::Commit(CommitError::Refused(_)) => {
                REFUSED
            }
            Self::Stopped { cause, .. } => return cause.exit_code(),
            _ => FAILED,
        })
    }
}

fn provider_advice(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::BasePath(error) => base_path_advice(error),
        ProviderError::Open { source, .. } => open_advice(source),
        ProviderError::Prove(error) => damage_advice(error),
        ProviderError::Commit(error) => damage_advice(error),
        ProviderError::Ingest(error) => damage_advice(error),
        ProviderError::Transfer(error) => transfer_advice(error),
        _ => "",
    }
}

fn base_path_advice(error: &BasePathError) -> &'static str {
    match error {
        BasePathError::Missing { .. } => {
            "; create a bucket in it first, with `cairn bucket create`"
        }
        BasePathError::Locked { .. } => "; stop that process first, or wait for it to end",
        BasePathError::NoSuchBucket { .. } => "; `cairn bucket list` shows the buckets that exist",
        BasePathError::Open(error) => open_advice(error),
        BasePathError::Io { source, .. }
            if matches!(
                source.kind(),
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
            ) =>
        {
            "; this needs a folder that takes writes, which --base-path may name"
        }
        _ => "",
    }
}

fn transfer_advice(error: &TransferError) -> &'static str {
    match error {
        TransferError::Exists { .. } => "; name another destination",
        TransferError::Busy { .. } => "; wait for it to end",
        TransferError::SourceInUse { .. } => "; stop that process, or let it export the bucket",
        TransferError::NoRoom { .. } => "; make room first",
        TransferError::Altered { .. } => "; export the bucket again",
        TransferError::Unprovable { .. } => {
            "; with --allow-unprovable it is imported with them, and not signed for until you \
             allow that too"
        }
        _ => "",
    }
}

fn open_advice(error: &OpenError) -> &'static str {
    let error = match error {
        OpenError::NotABucket { .. } => {
            return "; `cairn bucket list` shows the buckets that exist";
        }
        OpenError::Damaged { .. } => {
            return "; keep a copy, and run `cairn fsck`, or `cairn bucket salvage` if its log is \
                    damaged";
        }
        OpenError::AnotherBucket { .. } | OpenError::Format { .. } => return "",
        OpenError::Engine(error) => error,
    };
    match error.kind {
        FaultKind::Locked => "; stop that process first",
        FaultKind::ReadOnlyDisk => "; remount it, or check permissions",
        FaultKind::NoSpace => "; make room, then open the bucket again",
        FaultKind::Corrupt => {
            "; keep a copy; if its log is damaged, `cairn bucket salvage` opens what precedes it"
        }
        FaultKind::Absent | FaultKind::Other => "",
    }
}

fn release_advice(error: &ReleaseError) -> &'static str {
    match error {
        ReleaseError::NoSuchTree { .. } => "; `cairn bucket info` shows the retired trees",
        error => damage_advice(error),
    }
}

fn damage_advice(error: &impl IndicatesDamage) -> &'static str {
    if error.indicates_damage() {
        "; keep a copy, and run `cairn fsck`"
    } else {
        ""
    }
}
