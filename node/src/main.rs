//! The command line of Cairn: an operator's way to buckets, keys and proofs.

#![forbid(unsafe_code)]

mod amount;
mod args;
mod bucket_args;
mod commands;
mod failure;
mod hashing;
mod hex_text;
mod home;
mod judge;
mod leaf_args;
mod out_file;
mod output;
mod progress;
mod proof_file;
mod provider_args;
mod schedule_args;
mod state_args;
mod walk;

use args::Cli;
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.globals.verbose, cli.command.is_service());
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

/// Logs to stderr. Silent unless asked for, since each failure is reported by
/// the command that met it; but for a service, which nobody watches.
fn start_logging(verbose: u8, service: bool) {
    let wanted = match verbose {
        // Of others, only what asks for an operator.
        0 if service => "warn,cairn=info,cairn_node_ext=info,cairn_rpc=info",
        0 => "off",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(wanted));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Colours are for eyes, and not for files.
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
