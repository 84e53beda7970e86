//! Flags of the RPC and the metrics, with the names that Substrate nodes use.

use crate::failure::Failure;
use cairn_rpc_listener::{ConnectionLimits, ListenerConfig, Origins, RpcMethods};
use cairn_rpc_server::{ExportFolder, LaneLimits, Limits};
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Default port of the RPC. Substrate nodes listen on 9944, and the provider often
/// runs on the same machine.
const RPC_PORT: u16 = 9955;
/// Default port of the metrics. Substrate nodes listen on 9615.
const PROMETHEUS_PORT: u16 = 9625;

/// Address, access rules and limits of the RPC.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "RPC")]
pub(crate) struct RpcArgs {
    /// Port of the RPC, for WebSocket and HTTP; 0 for any free port
    #[arg(long, value_name = "PORT", default_value_t = RPC_PORT)]
    rpc_port: u16,
    /// Listen on all interfaces instead of loopback only
    #[arg(long)]
    rpc_external: bool,
    /// Listen on all interfaces, even with --rpc-methods unsafe
    #[arg(long)]
    unsafe_rpc_external: bool,
    /// Clients that may change buckets: none (safe), those with the token (auto), or also any client
    /// that reaches the listener without a proxy (unsafe)
    #[arg(long, value_name = "auto|safe|unsafe", default_value = "auto")]
    rpc_methods: RpcMethods,
    /// Origins of web pages that may use the RPC, separated by commas, or `all`. Origins named here
    /// may also change buckets, subject to --rpc-methods [default: local pages and
    /// `https://polkadot.js.org`, which may not]
    #[arg(long, value_name = "ORIGINS")]
    rpc_cors: Option<Origins>,
    /// Connections at once; above it, a new one replaces an idle one or one of the address that has
    /// the most, or is refused
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().connections)]
    rpc_max_connections: NonZeroU32,
    /// Connections at once from one IPv4 address or one IPv6 /64 network, other than this machine
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().per_address)]
    rpc_max_connections_per_address: NonZeroU32,
    /// Folder in which `cairnWrite_v1_exportBucket` may create copies of buckets [default: exports are refused]
    #[arg(long, value_name = "DIR")]
    export_dir: Option<PathBuf>,
    /// Accept leaves whose number of chunks is not a power of two. Anyone can challenge a padding
    /// slot of such a leaf, and nobody can answer
    #[arg(long)]
    allow_padding: bool,
    /// Size of a request, at most, in MiB
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().request_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    rpc_max_request_size: u32,
    /// Size of a response, at most, in MiB
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().response_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    rpc_max_response_size: u32,
    /// Requests in one batch, at most; 0 refuses batches
    #[arg(long, value_name = "LEN", default_value_t = ConnectionLimits::default().batch)]
    rpc_max_batch_request_len: u32,
    /// Subscriptions per connection
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().subscriptions)]
    rpc_max_subscriptions_per_connection: u32,
    /// Requests in flight per connection
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().in_flight)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=4096))]
    rpc_max_requests_per_connection: u32,
    /// Requests per minute and connection; faster clients are slowed down
    #[arg(long, value_name = "CALLS", default_value_t = ConnectionLimits::default().per_minute)]
    rpc_rate_limit: NonZeroU32,
    /// Unread response bytes per connection, in MiB, before reading from it pauses
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().unread_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1024))]
    rpc_max_unread_per_connection: u64,
    /// Unread response bytes of all connections, in MiB; above it, only requests about open
    /// challenges are accepted and the connection with the most is closed
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().all_unread_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=65_536))]
    rpc_max_unread: u64,
    /// Seconds without a byte after which a connection is closed; WebSockets answer pings
    #[arg(long, value_name = "SECONDS", default_value_t = ConnectionLimits::default().idle.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    rpc_idle_timeout: u64,
    /// Seconds that a request may take, including queueing
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().request_time.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600))]
    rpc_request_timeout: u64,
    /// Proofs and reads at once, not counting answers to open challenges
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().reads.at_once)]
    rpc_max_proofs: NonZeroU32,
    /// Uploads and commits at once
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().writes.at_once)]
    rpc_max_writes: NonZeroU32,
}

impl RpcArgs {
    /// Returns true if leaves with padding slots are accepted.
    pub(crate) const fn allows_padding(&self) -> bool {
        self.allow_padding
    }

    /// Returns the address to listen on.
    ///
    /// # Errors
    ///
    /// Fails if the flags would let everybody change buckets without saying so twice.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        if self.rpc_external && !self.unsafe_rpc_external && self.rpc_methods == RpcMethods::Unsafe
        {
            return Err(Failure::Usage(
                "with --rpc-external and --rpc-methods unsafe, everybody could change and delete \
                 buckets: drop one of them, or use --unsafe-rpc-external if you mean it"
                    .to_owned(),
            ));
        }
        let all = self.rpc_external || self.unsafe_rpc_external;
        Ok(SocketAddr::from((interface(all), self.rpc_port)))
    }

    /// Opens the folder for exports, if one is set. It must be outside of the base
    /// path, where a copy would be mistaken for one of the provider's buckets.
    ///
    /// # Errors
    ///
    /// Fails if the folder does not exist or is in the base path.
    pub(crate) fn exports(&self, base: &Path) -> Result<Option<ExportFolder>, Failure> {
        let Some(path) = &self.export_dir else {
            return Ok(None);
        };
        let folder = ExportFolder::open(path);
        let folder = folder.map_err(|source| Failure::file("use --export-dir", path, source))?;
        let base = std::fs::canonicalize(base);
        let base = base.map_err(|source| Failure::file("use --export-dir", path, source))?;
        if folder.path().starts_with(base) {
            return Err(Failure::Usage(format!(
                "--export-dir {} is in the base path: choose a folder outside of it",
                path.display()
            )));
        }
        Ok(Some(folder))
    }

    /// Returns the number of connections at once, each of which takes a descriptor.
    pub(crate) const fn connections(&self) -> u32 {
        self.rpc_max_connections.get()
    }

    /// Returns the concurrency limits, and the limits of a single request.
    pub(crate) fn limits(&self) -> Limits {
        let usual = Limits::default();
        let lane = |usual: LaneLimits, at_once| LaneLimits { at_once, ..usual };
        Limits {
            request_time: Duration::from_secs(self.rpc_request_timeout),
            reads: lane(usual.reads, self.rpc_max_proofs),
            writes: lane(usual.writes, self.rpc_max_writes),
            ..usual
        }
    }

    /// Returns the configuration of the listener.
    pub(crate) fn listener(&self) -> ListenerConfig {
        ListenerConfig {
            limits: ConnectionLimits {
                connections: self.rpc_max_connections,
                per_address: self.rpc_max_connections_per_address,
                request_bytes: self.rpc_max_request_size << 20,
                response_bytes: self.rpc_max_response_size << 20,
                batch: self.rpc_max_batch_request_len,
                subscriptions: self.rpc_max_subscriptions_per_connection,
                in_flight: self.rpc_max_requests_per_connection,
                per_minute: self.rpc_rate_limit,
                unread_bytes: self.rpc_max_unread_per_connection << 20,
                all_unread_bytes: self.rpc_max_unread << 20,
                idle: Duration::from_secs(self.rpc_idle_timeout),
                ..ConnectionLimits::default()
            },
            methods: self.rpc_methods,
            tokens: Vec::new(),
            origins: self.rpc_cors.clone().unwrap_or_default(),
            metrics: None,
        }
    }
}

/// The metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsArgs {
    /// Port of the metrics for Prometheus; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = PROMETHEUS_PORT)]
    prometheus_port: u16,
    /// Show the metrics on all interfaces, and not on loopback alone
    #[arg(long)]
    prometheus_external: bool,
    /// Show no metrics
    #[arg(long)]
    no_prometheus: bool,
}

impl MetricsArgs {
    /// Where to show the metrics, if anywhere.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let address = SocketAddr::from((interface(self.prometheus_external), self.prometheus_port));
        (!self.no_prometheus).then_some(address)
    }
}

const fn interface(all: bool) -> IpAddr {
    IpAddr::V4(if all {
        Ipv4Addr::UNSPECIFIED
    } else {
        Ipv4Addr::LOCALHOST
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Both {
        #[command(flatten)]
        rpc: RpcArgs,
        #[command(flatten)]
        metrics: MetricsArgs,
    }

    fn parsed(args: &[&str]) -> Both {
        Both::parse_from([&["cairn"], args].concat())
    }

    #[test]
    fn default_limits_are_the_librarys() {
        let Both { rpc, metrics } = parsed(&[]);
        assert_eq!(rpc.limits(), Limits::default());
        assert_eq!(rpc.listener().limits, ConnectionLimits::default());
        assert_eq!(rpc.address().unwrap(), "127.0.0.1:9955".parse().unwrap());
        assert_eq!(metrics.address(), Some("127.0.0.1:9625".parse().unwrap()));
    }

    #[test]
    fn s7b_exports_go_to_the_named_folder_outside_the_base_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (base, exports) = (at("base"), at("exports"));
        std::fs::create_dir_all(at("base/buckets")).unwrap();
        std::fs::create_dir(&exports).unwrap();
        let of = |flags: &[&str]| parsed(flags).rpc.exports(Path::new(&base));
        assert!(of(&[]).unwrap().is_none());
        assert!(of(&["--export-dir", &exports]).unwrap().is_some());
        for wrong in [
            at("none"),
            base.clone(),
            at("base/buckets"),
            at("exports/../base"),
        ] {
            assert!(of(&["--export-dir", &wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn open_writes_need_two_flags() {
        let external = parsed(&["--rpc-external", "--rpc-port", "1"]).rpc;
        assert_eq!(external.address().unwrap(), "0.0.0.0:1".parse().unwrap());
        let open = parsed(&["--rpc-external", "--rpc-methods", "unsafe"]).rpc;
        assert!(matches!(open.address(), Err(Failure::Usage(_))));
        let meant = parsed(&["--unsafe-rpc-external", "--rpc-methods", "unsafe"]).rpc;
        assert!(meant.address().is_ok());
        assert_eq!(parsed(&["--no-prometheus"]).metrics.address(), None);
    }
}
