//! The command line: the list of commands. Each command declares its own arguments
//! in its own file.

use crate::backend::RPC_COMMANDS;
use crate::commands::{
    bucket, chain, doctor, drill, fsck, get, import_legacy, key, prove, provider, put, run, scrub,
    setup, status, verify,
};
use crate::failure::{EXIT_CODES, Failure};
use crate::globals::Globals;
use clap::{Parser, Subcommand};

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

impl Cli {
    /// Executes the command.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let globals = &self.globals;
        if globals.rpc.is_some() && !self.command.supports_rpc() {
            return Err(Failure::Usage(format!(
                "only {RPC_COMMANDS} accept --rpc: all other commands work on a base path, with its \
                 provider stopped"
            )));
        }
        match &self.command {
            Command::Run(args) => run::run(args, globals),
            Command::Chain(command) => chain::run(command, globals),
            Command::Key(command) => key::run(command, globals),
            Command::Setup(args) => setup::run(args, globals),
            Command::Provider(command) => provider::run(command, globals),
            Command::Doctor(args) => doctor::run(args, globals),
            Command::Bucket(command) => bucket::run(command, globals),
            Command::Put(args) => put::run(args, globals),
            Command::Get(args) => get::run(args, globals),
            Command::Prove(args) => prove::run(args, globals),
            Command::Verify(args) => verify::run(args, globals),
            Command::ChallengeDrill(args) => drill::run(args, globals),
            Command::Status(args) => status::run(args, globals),
            Command::Fsck(args) => fsck::run(args, globals),
            Command::ImportLegacy(args) => import_legacy::run(args, globals),
            Command::Scrub(args) => scrub::run(args, globals),
        }
    }
}

impl Command {
    /// Returns true if a running provider can execute the command.
    pub(crate) const fn supports_rpc(&self) -> bool {
        match self {
            Self::Status(_) | Self::Put(_) | Self::Get(_) | Self::Prove(_) | Self::Doctor(_) => {
                true
            }
            Self::Bucket(command) => command.supports_rpc(),
            Self::Run(_)
            | Self::Chain(_)
            | Self::Key(_)
            | Self::Setup(_)
            | Self::Provider(_)
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
    /// Look at a chain, without a provider
    #[command(subcommand)]
    Chain(chain::ChainCommand),
    /// Generate, insert or list the keys that sign commitments
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Check this machine, the node and the account, and register the provider on chain
    Setup(Box<setup::SetupArgs>),
    /// Show and change the provider's record on chain, or leave the chain
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    /// Check everything that can come between this machine and its stake
    Doctor(Box<doctor::DoctorArgs>),
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
