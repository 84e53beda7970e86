//! The endpoint at which clients reach a provider: its multiaddr, its addresses, and whether
//! something listens there.

use crate::failure::Failure;
use cairn_chain::endpoint::{http_url, multiaddr};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The time limit for connecting to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the multiaddr of an endpoint, which is a multiaddr or a URL.
pub(crate) fn parse_endpoint(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let wrong = |error| Failure::Usage(format!("--endpoint: {error}"));
    match text.starts_with('/') {
        true => http_url(text.as_bytes())
            .map(|_| text.to_owned())
            .map_err(wrong),
        false => multiaddr(text).map_err(wrong),
    }
}

/// The result of a probe.
pub(crate) struct Probe {
    /// The address that answered, or the reason why none does.
    pub(crate) answer: Result<String, String>,
    /// True if an address is of a private network or of this machine.
    pub(crate) is_private: bool,
}

/// Resolves the endpoint, and connects to its addresses until one answers. Blocks.
pub(crate) fn probe(endpoint: &[u8]) -> Probe {
    let failed = |reason: String| Probe {
        answer: Err(reason),
        is_private: false,
    };
    let url = match http_url(endpoint) {
        Ok(url) => url,
        Err(error) => return failed(error.to_string()),
    };
    let Some(host) = host_and_port(&url) else {
        return failed(format!("{url} has no host and port"));
    };
    let addresses: Vec<SocketAddr> = match host.to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => return failed(format!("{host} does not resolve: {error}")),
    };
    let is_private = addresses.iter().any(|address| is_private(address.ip()));
    let mut last = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => {
                return Probe {
                    answer: Ok(format!("{address} accepts connections")),
                    is_private,
                };
            }
            Err(error) => last = format!("{address} does not answer: {error}"),
        }
    }
    Probe {
        answer: Err(last),
        is_private,
    }
}

/// Returns `host:port` of an HTTP URL, as the resolver takes it.
fn host_and_port(url: &str) -> Option<String> {
    let (default, rest) = match url.strip_prefix("https://") {
        Some(rest) => (443, rest),
        None => (80, url.strip_prefix("http://")?),
    };
    let authority = rest.split('/').next().filter(|host| !host.is_empty())?;
    let has_port = match authority.rsplit_once(']') {
        Some((_, after)) => after.starts_with(':'),
        None => authority.contains(':'),
    };
    Some(match has_port {
        true => authority.to_owned(),
        false => format!("{authority}:{default}"),
    })
}

/// Returns whether an address cannot be reached from everywhere.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_endpoint_is_a_multiaddr_or_becomes_one() {
        for (text, expected) in [
            ("https://a.example", "/dns4/a.example/tcp/443/tls/http"),
            (" http://192.0.2.1:3333", "/ip4/192.0.2.1/tcp/3333"),
            ("/dns4/a.example/tcp/443", "/dns4/a.example/tcp/443"),
        ] {
            assert_eq!(parse_endpoint(text).unwrap(), expected, "{text}");
        }
        for text in ["", "a.example", "/unix/socket", "ws://a.example"] {
            assert!(
                matches!(parse_endpoint(text), Err(Failure::Usage(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_listener_is_found_and_a_closed_port_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let endpoint = format!("/ip4/127.0.0.1/tcp/{port}");
        let found = probe(endpoint.as_bytes());
        assert!(found.answer.is_ok() && found.is_private);
        drop(listener);
        assert!(probe(endpoint.as_bytes()).answer.is_err());
        assert!(probe(b"/ip4/127.0.0.1/udp/1").answer.is_err());
    }

    #[test]
    fn hosts_are_resolved_with_their_ports() {
        for (url, expected) in [
            ("https://a.example/x", "a.example:443"),
            ("http://a.example", "a.example:80"),
            ("http://[::1]:1", "[::1]:1"),
            ("https://[::1]", "[::1]:443"),
        ] {
            assert_eq!(host_and_port(url).as_deref(), Some(expected), "{url}");
        }
    }
}
