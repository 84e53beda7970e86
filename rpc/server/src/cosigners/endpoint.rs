//! The endpoints that providers register on chain, as WebSocket URLs.

/// Returns the WebSocket URL of an endpoint. A JSON-RPC server takes WebSockets and HTTP at one
/// address, so an endpoint may have either scheme.
pub(super) fn websocket_url(endpoint: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(endpoint).map_err(|_| "it is not UTF-8")?;
    let text = text.trim();
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("its URL has no scheme: expected ws://, wss://, http:// or https://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return Err("its scheme is none of ws://, wss://, http:// and https://"),
    };
    match rest.is_empty() {
        true => Err("it names no host"),
        false => Ok(format!("{scheme}://{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_websocket_or_an_http_url() {
        for (endpoint, expected) in [
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
            "file:///etc",
        ] {
            assert!(websocket_url(endpoint.as_bytes()).is_err(), "{endpoint}");
        }
        assert!(websocket_url(&[0xff, 0xfe]).is_err());
    }
}
