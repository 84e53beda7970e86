//! The summary that is printed at the start.

use super::chain_status::ChainStatus;
use crate::address_file;
use crate::escaped_path::{escaped, json_path};
use crate::quantity;
use cairn_provider::Provider;
use cairn_rpc_listener::{ListenerConfig, RpcMethods};
use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The addresses and the configuration of the RPC and the metrics.
pub(super) struct ServedAddresses<'s> {
    pub(super) rpc: SocketAddr,
    pub(super) config: &'s ListenerConfig,
    pub(super) http: Option<SocketAddr>,
    pub(super) s3: Option<SocketAddr>,
    pub(super) metrics: Option<SocketAddr>,
}

/// The summary of a running provider.
#[derive(Serialize)]
pub(super) struct StartupSummary {
    version: &'static str,
    #[serde(serialize_with = "json_path")]
    base_path: PathBuf,
    max_open: u32,
    descriptors: u64,
    memory_bytes: u64,
    rpc: String,
    rpc_methods: &'static str,
    rpc_connections: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3: Option<String>,
    metrics: Option<String>,
    #[serde(flatten)]
    following: ChainStatus,
}

impl StartupSummary {
    pub(super) fn new(
        provider: &Provider,
        following: ChainStatus,
        served: &ServedAddresses<'_>,
    ) -> Self {
        let budget = provider.budget();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            base_path: provider.path().to_owned(),
            max_open: budget.max_open,
            descriptors: budget.descriptors,
            memory_bytes: budget.memory_bytes,
            rpc: address_file::url(served.rpc),
            rpc_methods: match served.config.methods {
                RpcMethods::Safe => "safe",
                RpcMethods::Auto => "token",
                RpcMethods::Unsafe => "unsafe",
            },
            rpc_connections: served.config.limits.connections.get(),
            http: served.http.map(|address| format!("http://{address}")),
            s3: served.s3.map(|address| format!("http://{address}")),
            metrics: served
                .metrics
                .map(|address| format!("http://{address}/metrics")),
            following,
        }
    }
}

impl fmt::Display for StartupSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cairn {}", self.version)?;
        writeln!(f, "base path     {}", escaped(&self.base_path))?;
        writeln!(
            f,
            "open at once  {}, within {} file descriptors",
            quantity::format_count(self.max_open.into(), "bucket"),
            self.descriptors
        )?;
        writeln!(
            f,
            "memory        {}",
            quantity::format_bytes(self.memory_bytes)
        )?;
        let methods = match self.rpc_methods {
            "safe" => "nobody may change buckets",
            "token" => "changes of buckets need the token",
            _ => "anyone who reaches it without a proxy may change buckets",
        };
        let connections = quantity::format_count(self.rpc_connections.into(), "connection");
        writeln!(
            f,
            "RPC           {}, {methods}, at most {connections}",
            self.rpc
        )?;
        if let Some(http) = &self.http {
            writeln!(
                f,
                "HTTP          {http}, members of a bucket may write to it"
            )?;
        }
        if let Some(s3) = &self.s3 {
            writeln!(f, "S3            {s3}, for the keys of its file")?;
        }
        let metrics = self.metrics.as_deref().unwrap_or("none");
        writeln!(f, "metrics       {metrics}")?;
        self.following.fmt(f)
    }
}
