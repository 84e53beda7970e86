//! `cairn chain`: looks at a chain without a provider.

mod inspect;
mod report;

use crate::failure::Failure;
use crate::globals::Globals;
use clap::Subcommand;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum ChainCommand {
    /// Show what a chain's runtime is, what of it Cairn supports, and why not the rest; needs no
    /// key and no base path
    Inspect(inspect::InspectArgs),
}

pub(crate) fn run(command: &ChainCommand, globals: &Globals) -> Result<(), Failure> {
    match command {
        ChainCommand::Inspect(args) => inspect::run(args, globals),
    }
}
