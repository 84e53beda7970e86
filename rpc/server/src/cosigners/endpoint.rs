//! The endpoints that providers register on chain, as WebSocket URLs.

use cairn_chain::endpoint::{EndpointError, http_url};

/// Returns the WebSocket URL of an endpoint. A JSON-RPC server takes WebSockets and HTTP at one
/// address.
pub(super) fn websocket_url(endpoint: &[u8]) -> Result<String, EndpointError> {
    let url = http_url(endpoint)?;
    // `http` becomes `ws`, and `https` becomes `wss`.
    Ok(url.replacen("http", "ws", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_multiaddr_or_a_url() {
        for (endpoint, expected) in [
            ("/ip4/127.0.0.1/tcp/3333", "ws://127.0.0.1:3333"),
            ("/dns4/http.example/tcp/443/tls/http", "wss://http.example"),
            ("ws://a.example:9944", "ws://a.example:9944"),
            (" https://a.example/rpc ", "wss://a.example/rpc"),
            ("HTTP://[::1]:1", "ws://[::1]:1"),
        ] {
            assert_eq!(websocket_url(endpoint.as_bytes()), Ok(expected.to_owned()));
        }
        for endpoint in [
            "",
            "a.example:9944",
            "ftp://a.example",
            "ws://",
            "/ip4/1.2.3.4",
        ] {
            assert!(websocket_url(endpoint.as_bytes()).is_err(), "{endpoint}");
        }
    }
}
