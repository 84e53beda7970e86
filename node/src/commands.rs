//! The commands. Each has a file of its own, with its arguments and its output.

pub(crate) mod bucket;
pub(crate) mod drill;
pub(crate) mod fsck;
pub(crate) mod get;
pub(crate) mod import_legacy;
pub(crate) mod key;
pub(crate) mod prove;
pub(crate) mod put;
pub(crate) mod run;
pub(crate) mod scrub;
pub(crate) mod status;
pub(crate) mod verify;

use crate::args::{Cli, Command};
use crate::backend::RPC_COMMANDS;
use crate::failure::Failure;

/// Executes the command line.
pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    let globals = &cli.globals;
    if globals.rpc.is_some() && !cli.command.supports_rpc() {
        return Err(Failure::Usage(format!(
            "only {RPC_COMMANDS} accept --rpc: all other commands work on a base path, with its \
             provider stopped"
        )));
    }
    match &cli.command {
        Command::Run(args) => run::run(args, globals),
        Command::Key(command) => key::run(command, globals),
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
