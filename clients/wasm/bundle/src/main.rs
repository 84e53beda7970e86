//! `cairn-verifier-bundle INPUT.wasm FOLDER`
//!
//! Writes the JavaScript module, its types and the final WASM of the verifier. It is the library
//! of `wasm-bindgen`'s command line, in this workspace: so its version is that of the crate, and
//! nothing is installed.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("expected a WASM file and a folder");
        return ExitCode::FAILURE;
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(input)
        .out_name("cairn_verifier")
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true);
    let written = bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
