//! What is printed at start: all that an operator wants to know of what runs.

use super::following::Following;
use crate::amount;
use cairn_node_ext::Provider;
use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A provider that runs.
#[derive(Serialize)]
pub(super) struct Introduction {
    version: &'static str,
    base_path: PathBuf,
    max_open: u32,
    descriptors: u64,
    memory_bytes: u64,
    rpc: String,
    #[serde(flatten)]
    following: Following,
}

impl Introduction {
    pub(super) fn new(provider: &Provider, following: Following, rpc: SocketAddr) -> Self {
        let budget = provider.budget();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            base_path: provider.path().to_owned(),
            max_open: budget.max_open,
            descriptors: budget.descriptors,
            memory_bytes: budget.memory_bytes,
            rpc: format!("ws://{rpc}"),
            following,
        }
    }
}

impl fmt::Display for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cairn {}", self.version)?;
        writeln!(f, "base path     {}", self.base_path.display())?;
        writeln!(
            f,
            "open at once  {}, of {} descriptors allowed",
            amount::counted(self.max_open.into(), "bucket"),
            self.descriptors
        )?;
        writeln!(f, "memory        {}", amount::human(self.memory_bytes))?;
        writeln!(f, "RPC           {}", self.rpc)?;
        self.following.fmt(f)
    }
}
