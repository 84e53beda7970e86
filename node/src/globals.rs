//! Flags of every command.

use crate::account::account;
use crate::failure::Failure;
use crate::output::Output;
use crate::{data_dir, quantity, remote};
use cairn_bucket::BasePath;
use cairn_engine::Access;
use clap::{ArgAction, Args};
use std::path::PathBuf;

/// Flags of every command.
#[derive(Args, Debug)]
pub(crate) struct Globals {
    /// Folder with the buckets and keys [default: $XDG_DATA_HOME/cairn or ~/.local/share/cairn]
    #[arg(long, global = true, value_name = "DIR", env = "CAIRN_BASE_PATH")]
    pub(crate) base_path: Option<PathBuf>,
    /// Send the command to a running provider, over its RPC: ws://127.0.0.1:9955 [default:
    /// CAIRN_RPC, or the provider that has locked the base path]
    #[arg(long, global = true, value_name = "URL", value_parser = remote::url)]
    pub(crate) rpc: Option<String>,
    /// File with the token that changes over the RPC need. Commands send it; `run` accepts it as
    /// well as the one in its base path [default: the token in the base path]
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_RPC_TOKEN_FILE")]
    pub(crate) rpc_token_file: Option<PathBuf>,
    /// Public key that the provider at --rpc must sign with, as registered on chain: hex or SS58
    /// [default: the keys in the base path, for that base path's own provider]
    #[arg(long, global = true, value_name = "KEY", value_parser = account)]
    pub(crate) provider: Option<[u8; 32]>,
    /// Disk space to keep free for signatures, duties and answers; uploads, imports and exports
    /// may not use it: 2GiB [default: 1 GiB or 1% of the disk, whichever is more, at most 10%]
    #[arg(long, global = true, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    pub(crate) disk_reserve: Option<u64>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log to stderr; -vv for details, -vvv for everything. RUST_LOG overrides it
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Globals {
    pub(crate) const fn output(&self) -> Output {
        Output::new(self.json)
    }

    /// Opens the base path, which must exist.
    pub(crate) fn open(&self, access: Access) -> Result<BasePath, Failure> {
        let path = data_dir::base_path(self.base_path.as_ref())?;
        Ok(BasePath::open(path, access)?.with_reserve(self.disk_reserve))
    }

    /// Opens the base path for writing, and creates it if it does not exist.
    pub(crate) fn create(&self) -> Result<BasePath, Failure> {
        let path = data_dir::base_path(self.base_path.as_ref())?;
        Ok(BasePath::create(path)?.with_reserve(self.disk_reserve))
    }
}
