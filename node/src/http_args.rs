//! Flags of the HTTP face for clients of today's provider.

use cairn_http::{AllowedOrigins, HttpConfig, HttpLimits, HttpMetrics, ReadAccess};
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

/// Address, access and limits of the HTTP face.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpArgs {
    /// Port of the HTTP API of today's provider; 0 for any free port [default: it is not served]
    #[arg(long, value_name = "PORT")]
    http_port: Option<u16>,
    /// Listen on all interfaces instead of loopback only. Members of a bucket may then write to it
    #[arg(long, requires = "http_port")]
    http_external: bool,
    /// Origins of web pages that may use it, separated by commas, or `all`
    #[arg(
        long,
        value_name = "ORIGINS",
        default_value = "all",
        hide_default_value = true
    )]
    http_cors: AllowedOrigins,
    /// Readers: everyone, or only the members of a bucket, with a signed header
    #[arg(long, value_name = "everyone|members", default_value = "everyone")]
    http_reads: ReadAccess,
    /// Let a signed header delete from buckets that other providers hold as well: each of them can
    /// use it here
    #[arg(long, requires = "http_port")]
    http_delete_shared: bool,
    /// Connections at once
    #[arg(long, value_name = "COUNT", default_value_t = HttpLimits::default().connections)]
    http_max_connections: NonZeroU32,
    /// Requests per second of one account, and of one IPv4 address or one IPv6 /64 network other
    /// than this machine
    #[arg(long, value_name = "REQUESTS", default_value_t = HttpLimits::default().per_second)]
    http_rate_limit: NonZeroU32,
}

impl HttpArgs {
    /// Returns the address to listen on, if any.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let ip = match self.http_external {
            true => Ipv4Addr::UNSPECIFIED,
            false => Ipv4Addr::LOCALHOST,
        };
        let port = self.http_port?;
        Some(SocketAddr::from((IpAddr::V4(ip), port)))
    }

    /// Returns the number of connections at once, each of which takes a descriptor.
    pub(crate) fn connections(&self) -> u32 {
        match self.http_port {
            Some(_) => self.http_max_connections.get(),
            None => 0,
        }
    }

    /// Returns the configuration.
    pub(crate) fn config(&self, metrics: Option<HttpMetrics>) -> HttpConfig {
        HttpConfig {
            limits: HttpLimits {
                connections: self.http_max_connections,
                per_second: self.http_rate_limit,
                ..HttpLimits::default()
            },
            origins: self.http_cors.clone(),
            reads: self.http_reads,
            deletes_shared: self.http_delete_shared,
            metrics,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        http: HttpArgs,
    }

    fn parsed(args: &[&str]) -> Option<HttpArgs> {
        let args = [&["cairn"], args].concat();
        Only::try_parse_from(args).ok().map(|only| only.http)
    }

    #[test]
    fn it_is_served_only_where_a_port_is_named() {
        let none = parsed(&[]).unwrap();
        assert_eq!((none.address(), none.connections()), (None, 0));
        let (config, defaults) = (none.config(None), HttpConfig::default());
        assert_eq!(config.limits, defaults.limits);
        assert_eq!(
            (config.origins, config.reads),
            (defaults.origins, defaults.reads)
        );
        let local = parsed(&["--http-port", "3333"]).unwrap();
        assert_eq!(local.address(), Some("127.0.0.1:3333".parse().unwrap()));
        assert_eq!(local.connections(), 256);
        let all = parsed(&["--http-port", "3333", "--http-external"]).unwrap();
        assert_eq!(all.address(), Some("0.0.0.0:3333".parse().unwrap()));
        assert!(parsed(&["--http-external"]).is_none());
        assert!(!local.config(None).deletes_shared);
        let shared = parsed(&["--http-port", "3333", "--http-delete-shared"]).unwrap();
        assert!(shared.config(None).deletes_shared);
        let members = parsed(&[
            "--http-reads",
            "members",
            "--http-cors",
            "https://a.example",
        ]);
        let config = members.unwrap().config(None);
        assert_eq!(config.reads, ReadAccess::Members);
        assert_ne!(config.origins, AllowedOrigins::All);
        assert!(parsed(&["--http-reads", "nobody"]).is_none());
        assert!(parsed(&["--http-cors", "a.example"]).is_none());
    }
}
