//! Flags of the RPC and the metrics, named as Substrate nodes name theirs.

use crate::failure::Failure;
use cairn_rpc::{
    ConnectionLimits, ExportFolder, LaneLimits, Limits, ListenerConfig, Origins, RpcMethods,
};
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the RPC listens. Substrate nodes take 9944, and the provider runs
/// beside one more often than not.
const RPC_PORT: u16 = 9955;
/// Where the metrics are. Substrate nodes take 9615.
const PROMETHEUS_PORT: u16 = 9625;

/// The RPC: where it listens, who may ask, and how much.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "RPC")]
pub(crate) struct RpcArgs {
    /// Port of the RPC, WebSocket and HTTP; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = RPC_PORT)]
    rpc_port: u16,
    /// Listen on all interfaces, and not on loopback alone
    #[arg(long)]
    rpc_external: bool,
    /// The same, with unsafe methods for everybody if --rpc-methods says so
    #[arg(long)]
    unsafe_rpc_external: bool,
    /// Who may call what changes buckets: nobody (safe), anyone who shows the token (auto), or also
    /// anyone who reaches the listener without a proxy (unsafe)
    #[arg(long, value_name = "auto|safe|unsafe", default_value = "auto")]
    rpc_methods: RpcMethods,
    /// Websites that may ask by a browser, separated by commas; or `all`. Those that are named here
    /// may change buckets too, as --rpc-methods says [default: those of this machine, and
    /// polkadot.js.org over https, none of which may]
    #[arg(long, value_name = "ORIGINS")]
    rpc_cors: Option<Origins>,
    /// Connections at once; who comes after them takes the place of one that is silent, if any is
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().connections)]
    rpc_max_connections: NonZeroU32,
    /// The same of one address, or of one IPv6 network of 64 bits; this machine is not counted
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().per_address)]
    rpc_max_connections_per_address: NonZeroU32,
    /// The one folder that `bucket_export` may make copies of buckets in; without it, none
    #[arg(long, value_name = "DIR")]
    export_dir: Option<PathBuf>,
    /// Commit also leaves whose number of chunks is no power of two: the chain lets anybody
    /// challenge a slot that only pads their tree, which nobody can answer
    #[arg(long)]
    allow_padding: bool,
    /// The largest request, in MiB
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().request_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    rpc_max_request_size: u32,
    /// The largest answer, in MiB
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().response_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    rpc_max_response_size: u32,
    /// Requests in one batch; 0 for no batches
    #[arg(long, value_name = "LEN", default_value_t = ConnectionLimits::default().batch)]
    rpc_max_batch_request_len: u32,
    /// Subscriptions of one connection
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().subscriptions)]
    rpc_max_subscriptions_per_connection: u32,
    /// Requests of one connection that are done at once
    #[arg(long, value_name = "COUNT", default_value_t = ConnectionLimits::default().in_flight)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=4096))]
    rpc_max_requests_per_connection: u32,
    /// Requests of one connection in a minute; who asks faster waits
    #[arg(long, value_name = "CALLS", default_value_t = ConnectionLimits::default().per_minute)]
    rpc_rate_limit: NonZeroU32,
    /// Answers of one connection that it has not read, in MiB: it is not heard until it reads on
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().unread_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1024))]
    rpc_max_unread_per_connection: u64,
    /// The same of all connections: beyond it only challenges are answered, and the connection
    /// that holds most is closed
    #[arg(long, value_name = "MIB", default_value_t = ConnectionLimits::default().all_unread_bytes >> 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=65_536))]
    rpc_max_unread: u64,
    /// Seconds that a connection may be without a byte; a WebSocket answers pings
    #[arg(long, value_name = "SECONDS", default_value_t = ConnectionLimits::default().idle.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    rpc_idle_timeout: u64,
    /// Seconds that a request may take, with its waiting
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().request_time.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600))]
    rpc_request_timeout: u64,
    /// Proofs and reads that are done at once, besides answers to open challenges
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().reads.at_once)]
    rpc_max_proofs: NonZeroU32,
    /// Uploads and commits that are done at once
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().writes.at_once)]
    rpc_max_writes: NonZeroU32,
}

impl RpcArgs {
    /// Whether leaves with slots that nobody can answer for are taken.
    pub(crate) const fn allows_padding(&self) -> bool {
        self.allow_padding
    }

    /// Where to listen.
    ///
    /// # Errors
    ///
    /// Where everybody could change buckets without that being meant.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        if self.rpc_external && !self.unsafe_rpc_external && self.rpc_methods == RpcMethods::Unsafe
        {
            return Err(Failure::Usage(
                "with --rpc-external and --rpc-methods unsafe, everybody could change and delete \
                 buckets: leave one of them out, or say --unsafe-rpc-external if that is meant"
                    .to_owned(),
            ));
        }
        let all = self.rpc_external || self.unsafe_rpc_external;
        Ok(SocketAddr::from((interface(all), self.rpc_port)))
    }

    /// The folder for copies of buckets, if there is one. It is not in the base
    /// path, where a copy would be taken for a bucket of the provider's own.
    ///
    /// # Errors
    ///
    /// Where it is not there, or there.
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
                "--export-dir {} is in the base path, which is the provider's alone: name another",
                path.display()
            )));
        }
        Ok(Some(folder))
    }

    /// Connections at once, each of which takes a descriptor.
    pub(crate) const fn connections(&self) -> u32 {
        self.rpc_max_connections.get()
    }

    /// What is done at once, and what one request may ask for.
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

    /// How the listener serves.
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
    fn without_a_flag_the_limits_are_those_of_the_library() {
        let Both { rpc, metrics } = parsed(&[]);
        assert_eq!(rpc.limits(), Limits::default());
        assert_eq!(rpc.listener().limits, ConnectionLimits::default());
        assert_eq!(rpc.address().unwrap(), "127.0.0.1:9955".parse().unwrap());
        assert_eq!(metrics.address(), Some("127.0.0.1:9625".parse().unwrap()));
    }

    #[test]
    fn s7b_copies_of_buckets_go_to_the_folder_that_is_named_and_not_into_the_base_path() {
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
    fn everybody_changes_buckets_only_where_that_is_said_twice() {
        let external = parsed(&["--rpc-external", "--rpc-port", "1"]).rpc;
        assert_eq!(external.address().unwrap(), "0.0.0.0:1".parse().unwrap());
        let open = parsed(&["--rpc-external", "--rpc-methods", "unsafe"]).rpc;
        assert!(matches!(open.address(), Err(Failure::Usage(_))));
        let meant = parsed(&["--unsafe-rpc-external", "--rpc-methods", "unsafe"]).rpc;
        assert!(meant.address().is_ok());
        assert_eq!(parsed(&["--no-prometheus"]).metrics.address(), None);
    }
}
