//! The command line: global flags and the list of commands. Each command
//! declares its own arguments in its own file.

use crate::amount;
use crate::commands::run::account;
use crate::commands::{
    bucket, drill, fsck, get, import_legacy, key, prove, put, run, scrub, status, verify,
};
use crate::failure::{EXIT_CODES, Failure};
use crate::home;
use crate::output::Output;
use crate::remote;
use cairn_node_ext::{Access, BasePath};
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

/// Storage provider for a Substrate storage pallet: keeps clients' buckets, signs
/// commitments to them, and proves their content when challenged.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
pub(crate) struct Globals {
    /// Folder with the buckets and keys [default: $XDG_DATA_HOME/cairn or ~/.local/share/cairn]
    #[arg(long, global = true, value_name = "DIR", env = "CAIRN_BASE_PATH")]
    pub(crate) base_path: Option<PathBuf>,
    /// Send the command to a running provider, over its RPC: ws://127.0.0.1:9955 [default:
    /// CAIRN_RPC, or the provider that has locked the base path]
    #[arg(long, global = true, value_name = "URL", value_parser = remote::url)]
    pub(crate) rpc: Option<String>,
    /// File with the token that changes over the RPC need. Commands send it; `run` accepts it as
    /// well as the one in its base path [default: the token in the base path]
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_RPC_TOKEN_FILE")]
    pub(crate) rpc_token_file: Option<PathBuf>,
    /// Public key that the provider at --rpc must sign with, as registered on chain: hex or SS58
    /// [default: the keys in the base path, for that base path's own provider]
    #[arg(long, global = true, value_name = "KEY", value_parser = account)]
    pub(crate) provider: Option<[u8; 32]>,
    /// Disk space to keep free for signatures, duties and answers; uploads, imports and exports
    /// may not use it: 2GiB [default: 1 GiB or 1% of the disk, whichever is more, at most 10%]
    #[arg(long, global = true, value_name = "SIZE", value_parser = amount::bytes)]
    pub(crate) disk_reserve: Option<u64>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log to stderr; -vv for details, -vvv for everything. RUST_LOG overrides it
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Globals {
    pub(crate) const fn output(&self) -> Output {
        Output::new(self.json)
    }

    /// Opens the base path, which must exist.
    pub(crate) fn open(&self, access: Access) -> Result<BasePath, Failure> {
        let path = home::base_path(self.base_path.as_ref())?;
        Ok(BasePath::open(path, access)?.with_reserve(self.disk_reserve))
    }

    /// Opens the base path for writing, and creates it if it does not exist.
    pub(crate) fn create(&self) -> Result<BasePath, Failure> {
        let path = home::base_path(self.base_path.as_ref())?;
        Ok(BasePath::create(path)?.with_reserve(self.disk_reserve))
    }
}

impl Command {
    /// Returns true if a running provider can execute the command.
    pub(crate) const fn takes_rpc(&self) -> bool {
        match self {
            Self::Status(_) | Self::Put(_) | Self::Get(_) | Self::Prove(_) => true,
            Self::Bucket(command) => command.takes_rpc(),
            Self::Run(_)
            | Self::Key(_)
            | Self::Verify(_)
            | Self::ChallengeDrill(_)
            | Self::Fsck(_)
            | Self::ImportLegacy(_)
            | Self::Scrub(_) => false,
        }
    }

    /// Returns the log format of a command that runs as a service, whose log is its
    /// main output; `None` for all others.
    pub(crate) const fn log_format(&self) -> Option<run::LogFormat> {
        match self {
            Self::Run(args) => Some(args.log_format()),
            _ => None,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the provider: answer challenges, submit checkpoints, serve the RPC
    Run(Box<run::RunArgs>),
    /// Generate, insert or list the keys that sign commitments
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show the limits, the state of the buckets, and what they have in common
    Status(status::StatusArgs),
    /// Create, inspect, move and delete buckets
    #[command(subcommand)]
    Bucket(bucket::BucketCommand),
    /// Store files in a bucket, commit them and sign the commitment
    Put(put::PutArgs),
    /// Read the content of a leaf
    Get(get::GetArgs),
    /// Prove a leaf, or answer a challenge of one of its chunks
    Prove(prove::ProveArgs),
    /// Verify a proof file; needs no bucket and no base path
    Verify(verify::VerifyArgs),
    /// Answer random challenges of signed roots, and verify the answers
    ChallengeDrill(drill::DrillArgs),
    /// Check buckets by rebuilding every root from the bytes of the chunks; repair on request
    Fsck(fsck::FsckArgs),
    /// Import the buckets of a legacy provider, from its database
    ImportLegacy(import_legacy::ImportLegacyArgs),
    /// Check all content against its hashes, at a bounded rate; resumes where it was stopped
    Scrub(scrub::ScrubArgs),
}
