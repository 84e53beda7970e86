//! What providers register as their endpoint, as an address to connect to.

/// The WebSocket of an endpoint. A server of JSON-RPC takes WebSockets at the
/// address at which it takes HTTP, so an endpoint may be named as either.
pub(super) fn websocket(endpoint: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(endpoint).map_err(|_| "it is not UTF-8")?;
    let text = text.trim();
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("it has no scheme: ws://, wss://, http:// or https:// is needed")?;
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
    fn an_endpoint_may_be_named_as_websocket_or_as_http() {
        for (endpoint, expected) in [
            ("ws://a.example:9944", "ws://a.example:9944"),
            (" https://a.example/rpc ", "wss://a.example/rpc"),
            ("HTTP://[::1]:1", "ws://[::1]:1"),
        ] {
            assert_eq!(websocket(endpoint.as_bytes()), Ok(expected.to_owned()));
        }
        for endpoint in [
            "",
            "a.example:9944",
            "ftp://a.example",
            "ws://",
            "file:///etc",
        ] {
            assert!(websocket(endpoint.as_bytes()).is_err(), "{endpoint}");
        }
        assert!(websocket(&[0xff, 0xfe]).is_err());
    }
}
