//! `cairn key`: generates, inserts and lists the keys that sign commitments.

use crate::escaped_path::{escaped, json_path};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use cairn_engine::Access;
use clap::Subcommand;
use serde::Serialize;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// The maximum length of a secret, in bytes. A phrase of 24 words, a password and a
/// derivation path take a few hundred.
const MAX_SECRET_BYTES: u64 = 4096;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Generate a new sr25519 key
    Generate,
    /// Insert a key by its secret: a phrase, a 0x seed, or either with a derivation path
    Insert {
        /// File with the secret [default: stdin]
        #[arg(long, value_name = "FILE")]
        suri_file: Option<PathBuf>,
    },
    /// List the public keys
    List,
}

/// One key in the output.
#[derive(Serialize)]
struct KeyInfo {
    public: String,
    ss58: String,
    #[serde(serialize_with = "json_path")]
    base_path: PathBuf,
}

impl fmt::Display for KeyInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.public, self.ss58)
    }
}

pub(crate) fn run(command: &KeyCommand, globals: &Globals) -> Result<(), Failure> {
    let (base, keys) = match command {
        KeyCommand::Generate => {
            let base = globals.create()?;
            let key = base.keys().generate()?;
            (base, vec![key])
        }
        KeyCommand::Insert { suri_file } => {
            let secret = match suri_file {
                Some(path) => read_secret_file(path)?,
                None => read_secret_from_stdin()?,
            };
            let base = globals.create()?;
            let key = base.keys().insert(secret.trim())?;
            (base, vec![key])
        }
        KeyCommand::List => {
            let base = globals.open(Access::ReadOnly)?;
            let keys = base.keys().list()?;
            for exposed in base.keys().exposed()? {
                // If stderr fails, the keys are listed anyway.
                let _ = writeln!(
                    std::io::stderr(),
                    "warning: other users of this machine may read or replace the key in {}: run \
                     chmod 600, and consider registering another key",
                    escaped(&exposed)
                );
            }
            (base, keys)
        }
    };
    let output = globals.output();
    if keys.is_empty() {
        output.text(format_args!("there is no key in {}", escaped(base.path())))?;
    }
    for public in keys {
        output.answer(&KeyInfo {
            public: to_hex(public),
            ss58: sr25519::Public::from_raw(public).to_ss58check(),
            base_path: base.path().to_owned(),
        })?;
    }
    Ok(())
}

fn read_secret_file(path: &Path) -> Result<String, Failure> {
    File::open(path)
        .and_then(read_secret)
        .map_err(|source| Failure::file("read the secret in", path, source))
}

fn read_secret_from_stdin() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        // If stderr fails, the secret is read anyway.
        let _ = write!(
            std::io::stderr(),
            "Enter the secret phrase, seed or path, then a new line and Ctrl-D: "
        );
    }
    read_secret(stdin.lock())
        .map_err(|source| Failure::file("read the secret from", Path::new("stdin"), source))
}

fn read_secret(source: impl Read) -> std::io::Result<String> {
    let mut secret = String::new();
    source.take(MAX_SECRET_BYTES).read_to_string(&mut secret)?;
    Ok(secret)
}
