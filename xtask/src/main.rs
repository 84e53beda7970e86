//! Checks of this repository's structure that neither the compiler nor clippy makes.
//!
//! `cargo run -p cairn-xtask -- COMMAND`, from any folder of the workspace. A command exits with 1
//! when the check fails and with 2 when it cannot be made.
//!
//! It is not part of what operators run: no crate depends on it.
#![forbid(unsafe_code)]

mod cycles;
mod graph;
mod lines;
mod loops;
mod source;
mod words;
mod workspace;

use clap::{Parser, Subcommand};
use graph::Output;
use std::error::Error;
use std::process::ExitCode;

/// The command line.
#[derive(Parser)]
#[command(
    name = "cairn-xtask",
    about = "Checks the structure of this repository"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The checks.
#[derive(Subcommand)]
enum Command {
    /// Draw the crates of the workspace, with their sizes
    Graph {
        /// Write the drawing to this Markdown file
        #[arg(long, value_name = "FILE", conflicts_with = "check")]
        write: Option<String>,
        /// Compare the drawing with this Markdown file
        #[arg(long, value_name = "FILE")]
        check: Option<String>,
    },
    /// Find source files of more than 500 lines
    Lines,
    /// Find import loops between the source files of each crate
    Loops,
    /// Find retired words
    Words {
        /// Only in files whose paths begin like this
        prefixes: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result: Result<bool, Box<dyn Error>> = match Cli::parse().command {
        Command::Graph { write, check } => {
            let output = match (write, check) {
                (Some(file), _) => Output::Write(file),
                (None, Some(file)) => Output::Check(file),
                (None, None) => Output::Print,
            };
            graph::run(&output).map_err(Into::into)
        }
        Command::Lines => lines::run().map_err(Into::into),
        Command::Loops => loops::run().map_err(Into::into),
        Command::Words { prefixes } => words::run(&prefixes).map_err(Into::into),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::from(2)
        }
    }
}
