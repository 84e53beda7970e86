//! The endpoints that providers register on chain: multiaddrs in their text form, converted to
//! URLs and back as the clients of the real chain do it.
//!
//! | multiaddr | URL |
//! |-----------|-----|
//! | `/ip4/192.0.2.1/tcp/3333` | `http://192.0.2.1:3333` |
//! | `/ip6/2001:db8::1/tcp/80` | `http://[2001:db8::1]` |
//! | `/dns4/a.example/tcp/443` | `https://a.example` |
//! | `/dns4/a.example/tcp/8443/tls/http` | `https://a.example:8443` |
//! | `/dns4/a.example/tcp/443/tls/http/http-path/storage%2Fa` | `https://a.example/storage/a` |

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// A reason why an endpoint names no URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The bytes are not text.
    #[error("the endpoint is not UTF-8")]
    NotText,
    /// The text is neither a multiaddr nor a URL.
    #[error(
        "the endpoint is neither a multiaddr such as /dns4/a.example/tcp/443/tls/http nor a URL"
    )]
    NotAnAddress,
    /// The multiaddr names no host that a client can reach over HTTP.
    #[error(
        "the multiaddr has no host: expected it to begin with /ip4, /ip6, /dns, /dns4 or /dns6"
    )]
    NoHost,
    /// The multiaddr has no TCP port.
    #[error("the multiaddr has no /tcp/PORT after its host")]
    NoPort,
    /// The multiaddr continues with protocols that are not HTTP.
    #[error("the multiaddr is of another protocol than HTTP")]
    NotHttp,
    /// The URL cannot be written as a multiaddr.
    #[error("the URL is not http:// or https:// with a host, or has a query or credentials")]
    NotConvertible,
}

/// Returns the HTTP URL of an endpoint, without a slash at its end. An endpoint may also be a URL
/// with the scheme `http`, `https`, `ws` or `wss`, which is returned with `http` or `https`.
///
/// # Errors
///
/// [`EndpointError`] with the reason why it names no URL.
pub fn http_url(endpoint: &[u8]) -> Result<String, EndpointError> {
    let text = std::str::from_utf8(endpoint).map_err(|_| EndpointError::NotText)?;
    let text = text.trim();
    let url = match text.starts_with('/') {
        true => url_of_multiaddr(text)?,
        false => url_of_text(text)?,
    };
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn url_of_text(text: &str) -> Result<Url, EndpointError> {
    let (scheme, rest) = text.split_once("://").ok_or(EndpointError::NotAnAddress)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return Err(EndpointError::NotAnAddress),
    };
    Url::parse(&format!("{scheme}://{rest}")).map_err(|_| EndpointError::NotAnAddress)
}

fn url_of_multiaddr(text: &str) -> Result<Url, EndpointError> {
    let (address, path) = match text.split_once("/http-path/") {
        Some((address, path)) => (address, Some(path)),
        None => (text, None),
    };
    let mut parts = address.split('/').skip(1);
    let (host, is_name) = match (parts.next(), parts.next()) {
        (Some("ip4"), Some(host)) => {
            let host: Ipv4Addr = host.parse().map_err(|_| EndpointError::NoHost)?;
            (host.to_string(), false)
        }
        (Some("ip6"), Some(host)) => {
            let host: Ipv6Addr = host.parse().map_err(|_| EndpointError::NoHost)?;
            (format!("[{host}]"), false)
        }
        (Some("dns" | "dns4" | "dns6"), Some(host)) => match Host::parse(host) {
            Ok(Host::Domain(host)) => (host, true),
            _ => return Err(EndpointError::NoHost),
        },
        _ => return Err(EndpointError::NoHost),
    };
    let port = match (parts.next(), parts.next()) {
        (Some("tcp"), Some(port)) => port.parse::<u16>().map_err(|_| EndpointError::NoPort)?,
        _ => return Err(EndpointError::NoPort),
    };
    if port == 0 {
        return Err(EndpointError::NoPort);
    }
    let rest: Vec<_> = parts.collect();
    let is_secure = match rest.as_slice() {
        [] => is_name && port == 443,
        ["http"] => false,
        ["https"] | ["tls", "http"] => true,
        _ => return Err(EndpointError::NotHttp),
    };
    let scheme = if is_secure { "https" } else { "http" };
    let mut url = Url::parse(&format!("{scheme}://{host}:{port}"))
        .map_err(|_| EndpointError::NotAnAddress)?;
    if let Some(path) = path {
        let path = percent_decode_str(path).decode_utf8();
        url.set_path(&path.map_err(|_| EndpointError::NotText)?);
    }
    Ok(url)
}

/// Returns the multiaddr, in its text form, of an `http://` or `https://` URL.
///
/// # Errors
///
/// [`EndpointError::NotConvertible`].
pub fn multiaddr(url: &str) -> Result<String, EndpointError> {
    let url = Url::parse(url.trim()).map_err(|_| EndpointError::NotConvertible)?;
    let has_more = url.query().is_some() || url.fragment().is_some() || !url.username().is_empty();
    let security = match url.scheme() {
        "http" => "",
        "https" => "/tls/http",
        _ => return Err(EndpointError::NotConvertible),
    };
    let host = match url.host() {
        Some(Host::Ipv4(host)) => format!("/ip4/{host}"),
        Some(Host::Ipv6(host)) => format!("/ip6/{host}"),
        Some(Host::Domain(host)) => format!("/dns4/{host}"),
        None => return Err(EndpointError::NotConvertible),
    };
    let port = url.port_or_known_default().filter(|port| *port != 0);
    let port = port.ok_or(EndpointError::NotConvertible)?;
    // A bare port 443 of a name means HTTPS to clients.
    let is_ambiguous = security.is_empty() && port == 443 && host.starts_with("/dns4");
    if has_more || is_ambiguous {
        return Err(EndpointError::NotConvertible);
    }
    let path = percent_decode_str(url.path().trim_matches('/')).decode_utf8();
    let path = path.map_err(|_| EndpointError::NotConvertible)?;
    let path = match path.is_empty() {
        true => String::new(),
        false => format!(
            "/http-path/{}",
            utf8_percent_encode(&path, NON_ALPHANUMERIC)
        ),
    };
    Ok(format!("{host}/tcp/{port}{security}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn multiaddrs_become_urls_as_clients_convert_them() {
        for (endpoint, url) in [
            ("/ip4/127.0.0.1/tcp/3333", "http://127.0.0.1:3333"),
            ("/ip4/127.0.0.1/tcp/80", "http://127.0.0.1"),
            ("/ip4/127.0.0.1/tcp/443", "http://127.0.0.1:443"),
            ("/ip6/::1/tcp/3333", "http://[::1]:3333"),
            ("/dns4/a.example/tcp/3333", "http://a.example:3333"),
            ("/dns4/a.example/tcp/443", "https://a.example"),
            ("/dns/a.example/tcp/8443/tls/http", "https://a.example:8443"),
            ("/dns4/a.example/tcp/8443/https", "https://a.example:8443"),
            ("/dns4/a.example/tcp/80/http", "http://a.example"),
            (
                "/dns4/a.example/tcp/443/tls/http/http-path/web3%2Dstorage%2Fprovider",
                "https://a.example/web3-storage/provider",
            ),
            (" https://a.example/rpc/ ", "https://a.example/rpc"),
            ("WSS://a.example:9944", "https://a.example:9944"),
            ("ws://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(
                http_url(endpoint.as_bytes()),
                Ok(url.to_owned()),
                "{endpoint}"
            );
        }
    }

    #[test]
    fn an_endpoint_without_a_url_says_why() {
        for (endpoint, error) in [
            ("", EndpointError::NotAnAddress),
            ("a.example:3333", EndpointError::NotAnAddress),
            ("ftp://a.example", EndpointError::NotAnAddress),
            ("http://", EndpointError::NotAnAddress),
            ("/", EndpointError::NoHost),
            ("/unix/socket", EndpointError::NoHost),
            ("/ip4/999.0.0.1/tcp/1", EndpointError::NoHost),
            ("/dns4//tcp/1", EndpointError::NoHost),
            ("/ip4/127.0.0.1", EndpointError::NoPort),
            ("/ip4/127.0.0.1/udp/3333", EndpointError::NoPort),
            ("/ip4/127.0.0.1/tcp/70000", EndpointError::NoPort),
            ("/ip4/127.0.0.1/tcp/0", EndpointError::NoPort),
            ("/dns4/a.example/tcp/443/tls", EndpointError::NotHttp),
            ("/ip4/127.0.0.1/tcp/1/p2p/12D3", EndpointError::NotHttp),
            ("/ip4/127.0.0.1/tcp/1/", EndpointError::NotHttp),
        ] {
            assert_eq!(http_url(endpoint.as_bytes()), Err(error), "{endpoint}");
        }
        assert_eq!(http_url(&[0xff, 0xfe]), Err(EndpointError::NotText));
        for url in [
            "ws://a.example",
            "https://u:p@a.example",
            "https://a.example?x",
            "http://a.example:443",
            "a.example",
        ] {
            assert_eq!(multiaddr(url), Err(EndpointError::NotConvertible), "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_url_survives_its_multiaddr(
            is_secure: bool,
            host in prop_oneof![
                any::<Ipv4Addr>().prop_map(|host| host.to_string()),
                any::<Ipv6Addr>().prop_map(|host| format!("[{host}]")),
                "[a-z][a-z0-9]{0,8}\\.example",
            ],
            port in 1u16..,
            path in "(/[a-zA-Z0-9 ~_.-]{1,8}x){0,3}",
        ) {
            let scheme = if is_secure { "https" } else { "http" };
            let url = Url::parse(&format!("{scheme}://{host}:{port}{path}")).unwrap();
            let url = url.as_str().trim_end_matches('/');
            prop_assume!(multiaddr(url).is_ok() || port != 443);
            if let Ok(multiaddr) = multiaddr(url) {
                prop_assert_eq!(http_url(multiaddr.as_bytes()).unwrap(), url);
            }
        }

        #[test]
        fn hostile_endpoints_are_refused_without_a_panic(bytes: Vec<u8>, text in "(/[a-z0-9.:%-]{0,12}){0,8}") {
            let _ = http_url(&bytes);
            let _ = http_url(text.as_bytes());
            let _ = multiaddr(&text);
        }
    }
}
