//! The command line as a whole: what holds for every command, and which
//! commands there are. What a command takes is told beside it.

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

/// Keeps the off-chain half of a storage pallet: buckets of content, signed
/// commitments to it, and proofs for whoever challenges them.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Args, Debug)]
pub(crate) struct Globals {
    /// Folder with the buckets and keys [default: $XDG_DATA_HOME/cairn or ~/.local/share/cairn]
    #[arg(long, global = true, value_name = "DIR", env = "CAIRN_BASE_PATH")]
    pub(crate) base_path: Option<PathBuf>,
    /// Ask a provider that runs, over its RPC: ws://127.0.0.1:9955 [default: CAIRN_RPC, or the
    /// provider that has the base path locked]
    #[arg(long, global = true, value_name = "URL", value_parser = remote::url)]
    pub(crate) rpc: Option<String>,
    /// The token that changes need over the RPC, in a file: the one to show, and for `run` one to
    /// take beside that in its base path [default: that of the base path whose provider is asked]
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_RPC_TOKEN_FILE")]
    pub(crate) rpc_token_file: Option<PathBuf>,
    /// The key that the provider at --rpc is to sign with, as the chain has it: in hex or SS58
    /// [default: the base path's keys, where its provider is asked]
    #[arg(long, global = true, value_name = "KEY", value_parser = account)]
    pub(crate) provider: Option<[u8; 32]>,
    /// Bytes of its disk that are kept free for promises, duties and answers, so that nothing is
    /// stored, imported or exported into them: 2GiB [default: 1 GiB or a hundredth of the disk,
    /// whichever is more, and at most a tenth]
    #[arg(long, global = true, value_name = "SIZE", value_parser = amount::bytes)]
    pub(crate) disk_reserve: Option<u64>,
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log to stderr; twice for details, thrice for all. RUST_LOG overrides it
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Globals {
    pub(crate) const fn output(&self) -> Output {
        Output::new(self.json)
    }

    /// Takes the base path as it is there.
    pub(crate) fn open(&self, access: Access) -> Result<BasePath, Failure> {
        let path = home::base_path(self.base_path.as_ref())?;
        Ok(BasePath::open(path, access)?.with_reserve(self.disk_reserve))
    }

    /// Takes the base path for writing, and makes it where it is not there.
    pub(crate) fn create(&self) -> Result<BasePath, Failure> {
        let path = home::base_path(self.base_path.as_ref())?;
        Ok(BasePath::create(path)?.with_reserve(self.disk_reserve))
    }
}

impl Command {
    /// Whether a provider that runs can do it.
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

    /// How the log is written of one that goes on until it is stopped, so that its
    /// log is what tells of it.
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
    /// Provide: answer the chain's challenges, bring checkpoints, and serve the RPC
    Run(Box<run::RunArgs>),
    /// Make, bring or list the keys that commitments are signed with
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Tell what may be open here, how the buckets stand and what they share
    Status(status::StatusArgs),
    /// Make, list or describe buckets
    #[command(subcommand)]
    Bucket(bucket::BucketCommand),
    /// Store files in a bucket, and commit and sign them
    Put(put::PutArgs),
    /// Read a leaf's content back
    Get(get::GetArgs),
    /// Prove a leaf, or answer a challenge to one of its chunks
    Prove(prove::ProveArgs),
    /// Judge a proof by itself: no bucket and no base path are needed
    Verify(verify::VerifyArgs),
    /// Answer random challenges against roots that were ever signed
    ChallengeDrill(drill::DrillArgs),
    /// Rebuild every root from the bytes of the chunks, as an outsider would
    Fsck(fsck::FsckArgs),
    /// Bring in the buckets of today's provider, from its database
    ImportLegacy(import_legacy::ImportLegacyArgs),
    /// Read all content again, against its hashes, as fast as allowed; go on where it was stopped
    Scrub(scrub::ScrubArgs),
}
