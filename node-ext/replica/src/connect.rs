//! Connecting to endpoints that others have registered. Anybody may register any address, so that
//! a provider could be used to reach into its own network. Unless the operator permits otherwise,
//! it therefore connects to public addresses only. It connects to the very address that it has
//! checked, so that a name cannot resolve to another one in between.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};
use url::{Host, Url};

/// The most addresses of one name to try.
const MAX_ADDRESSES: usize = 4;

/// The transport of a connection.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<W: AsyncRead + AsyncWrite + Send + Unpin> Transport for W {}

/// A failure to connect to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The text is no URL.
    #[error("its URL is invalid: {0}")]
    Url(#[from] url::ParseError),
    /// The URL names no host.
    #[error("its URL has no host")]
    NoHost,
    /// The host's name has no address.
    #[error("its name does not resolve: {0}")]
    Lookup(io::Error),
    /// The address is of this machine or of a private network.
    #[error("its address {0} is not public, and private endpoints are not permitted")]
    Private(IpAddr),
    /// Nothing answers there.
    #[error("{0}")]
    Connect(io::Error),
    /// TLS cannot be used.
    #[error("TLS is unavailable: {0}")]
    Tls(#[from] rustls::Error),
}

/// Connects to the host of a URL, with TLS where the scheme is `wss` or `https`. Unless
/// `allow_private` is set, only to public addresses.
///
/// # Errors
///
/// [`ConnectError`].
pub async fn connect(url: &Url, allow_private: bool) -> Result<Box<dyn Transport>, ConnectError> {
    let host = url.host().ok_or(ConnectError::NoHost)?;
    let addresses = addresses(url, &host).await?;
    let allowed = permitted(&addresses, allow_private)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in allowed.into_iter().take(MAX_ADDRESSES) {
        match TcpStream::connect(address).await {
            Ok(stream) => return secured(url, &host, stream).await,
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Connect(last))
}

async fn addresses(url: &Url, host: &Host<&str>) -> Result<Vec<SocketAddr>, ConnectError> {
    // Both schemes have a default port.
    let port = url.port_or_known_default().unwrap_or(80);
    let of = |ip: IpAddr| vec![SocketAddr::new(ip, port)];
    match host {
        Host::Ipv4(ip) => Ok(of((*ip).into())),
        Host::Ipv6(ip) => Ok(of((*ip).into())),
        Host::Domain(name) => {
            let found = lookup_host((*name, port)).await;
            Ok(found.map_err(ConnectError::Lookup)?.collect())
        }
    }
}

/// Returns the addresses that may be connected to.
fn permitted(
    addresses: &[SocketAddr],
    allow_private: bool,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let may = |address: &&SocketAddr| allow_private || is_public(address.ip());
    let permitted: Vec<_> = addresses.iter().filter(may).copied().collect();
    match (permitted.is_empty(), addresses.first()) {
        (true, Some(private)) => Err(ConnectError::Private(private.ip())),
        _ => Ok(permitted),
    }
}

async fn secured(
    url: &Url,
    host: &Host<&str>,
    stream: TcpStream,
) -> Result<Box<dyn Transport>, ConnectError> {
    // Requests are short, so Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    if !matches!(url.scheme(), "wss" | "https") {
        return Ok(Box::new(stream));
    }
    let name = match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned())
            .map_err(|error| ConnectError::Connect(io::Error::other(error)))?,
        Host::Ipv4(ip) => ServerName::from(IpAddr::from(*ip)),
        Host::Ipv6(ip) => ServerName::from(IpAddr::from(*ip)),
    };
    let secured = TlsConnector::from(tls()?).connect(name, stream).await;
    Ok(Box::new(secured.map_err(ConnectError::Connect)?))
}

/// Returns the TLS settings, with the certificates that the system trusts, read once.
fn tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    use rustls_platform_verifier::BuilderVerifierExt;
    static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = TLS.get() {
        return Ok(config.clone());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()
        .with_no_client_auth();
    Ok(TLS.get_or_init(|| Arc::new(config)).clone())
}

/// Returns whether an address belongs to the public internet, by the IANA registries of
/// special-purpose addresses (RFC 6890 and its successors).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = match (a, b, c) {
        // This network, private ones, loopback, link-local; multicast and above.
        (0 | 10 | 127 | 224..=255, ..) | (169, 254, _) | (192, 168, _) => true,
        (172, 16..=31, _) => true,
        // Carrier-grade NAT, and benchmarks.
        (100, 64..=127, _) | (198, 18 | 19, _) => true,
        // Protocol assignments, documentation, and the former 6to4 relay.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // All public addresses are in 2000::/3.
    let is_global = (0x2000..=0x3fff).contains(&a);
    let is_special = match (a, b) {
        // Teredo, benchmarks, ORCHID and other protocols; documentation.
        (0x2001, 0..=0x01ff | 0x0db8) => true,
        // 6to4, which embeds an IPv4 address; documentation.
        (0x2002, _) | (0x3fff, 0..=0x0fff) => true,
        _ => false,
    };
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l4_only_the_public_internet_is_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2606:4700::1111",
            "2a00::1",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn l4_only_public_addresses_of_a_name_are_tried() {
        let all: Vec<SocketAddr> = ["127.0.0.1:1", "8.8.8.8:1", "10.0.0.1:1"]
            .map(|address| address.parse().unwrap())
            .to_vec();
        assert_eq!(permitted(&all, false).unwrap(), all[1..2]);
        assert_eq!(permitted(&all, true).unwrap(), all);
        let refused = permitted(&all[..1], false).unwrap_err().to_string();
        assert!(refused.contains("127.0.0.1") && refused.contains("not public"));
        assert!(permitted(&[], false).unwrap().is_empty());
    }

    /// Covers each way in which a URL can name this machine.
    #[tokio::test]
    async fn l4_no_spelling_of_this_machine_is_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "localhost",
            "LOCALHOST",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "a@127.0.0.1",
        ] {
            for scheme in ["ws", "wss", "http", "https"] {
                let url = Url::parse(&format!("{scheme}://{host}:{port}/")).unwrap();
                let refused = connect(&url, false).await.err().unwrap();
                let is_private = matches!(refused, ConnectError::Private(_));
                assert!(is_private, "{url}: {refused}");
            }
        }
        let accepted =
            tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept());
        assert!(accepted.await.is_err(), "it was connected to");
        let url = Url::parse(&format!("ws://127.0.0.1:{port}")).unwrap();
        let allowed = connect(&url, true);
        let (connected, accepted) = tokio::join!(allowed, listener.accept());
        assert!(connected.is_ok() && accepted.is_ok());
    }
}
