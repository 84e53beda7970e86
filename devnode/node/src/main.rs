//! The command `cairn-devnode`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match cairn_devnode::cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cairn-devnode: {error}");
            ExitCode::FAILURE
        }
    }
}
