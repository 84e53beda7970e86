//! The `cairn` command line: runs a provider, and works with its buckets, keys and proofs.

#![forbid(unsafe_code)]

mod account;
mod address_file;
mod advice;
mod agreement_args;
mod args;
mod backend;
mod bucket_args;
mod commands;
mod config_file;
mod data_dir;
mod diagnosis;
mod endpoint_probe;
mod escaped_path;
mod failure;
mod file_walk;
mod globals;
mod hashing;
mod hex_text;
mod http_args;
mod leaf_args;
mod log;
mod operator;
mod out_file;
mod output;
mod progress;
mod proof_file;
mod provider_args;
mod quantity;
mod remote;
mod remote_error;
mod rpc_args;
mod s3_args;
mod state_args;
mod token_file;
mod verification;
mod watched_file;
mod worker_args;

use args::Cli;
use clap::Parser;
use commands::run::LogFormat;
use failure::Failure;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = match config_file::expand_args(std::env::args_os().collect()) {
        Ok(args) => Cli::parse_from(args),
        Err(failure) => return exit_code_of(Err(failure)),
    };
    start_logging(&cli);
    exit_code_of(cli.run())
}

fn exit_code_of(command: Result<(), Failure>) -> ExitCode {
    match command {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

/// Starts logging to stderr. By default only a service logs: other commands report their
/// own failures.
fn start_logging(cli: &Cli) {
    let service = cli.command.log_format();
    let wanted = match cli.globals.verbose {
        // From dependencies, only warnings and errors.
        0 if service.is_some() => "warn,cairn=info",
        0 => "off",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(wanted));
    let format = service.unwrap_or(LogFormat::Text);
    // Colours on a terminal only.
    let colours = std::io::stderr().is_terminal();
    log::subscriber(format, filter, colours, std::io::stderr).init();
}
