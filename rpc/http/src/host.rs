//! The host that a request names. A browser lets a page of anybody send requests to a name of its
//! own that resolves to this machine, and these come from loopback.

use crate::error::HttpError;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::middleware::Next;
use axum::response::Response;

/// The mark of a request at a listener that only this machine reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnLoopback;

/// Refuses a request for another host at a listener on loopback.
pub(crate) async fn admit(request: Request, next: Next) -> Result<Response, HttpError> {
    let is_on_loopback = request.extensions().get::<OnLoopback>().is_some();
    let is_refused = is_on_loopback && names_another_host(&request);
    match is_refused {
        true => Err(HttpError::ForeignHost),
        false => Ok(next.run(request).await),
    }
}

fn names_another_host(request: &Request) -> bool {
    let headers = request.headers().get_all(HOST).iter();
    let hosts = headers.map(|host| host.to_str().unwrap_or_default());
    let target = request.uri().authority().map(|host| host.as_str());
    hosts.chain(target).any(|host| !is_here(host))
}

/// Returns whether a host is this machine, with or without a port.
fn is_here(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        let port = host.strip_prefix(name);
        port.is_some_and(|port| match port.strip_prefix(':') {
            Some(digits) => digits.parse::<u16>().is_ok(),
            None => port.is_empty(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_this_machine_by_its_whole_name() {
        for host in ["localhost", "localhost:3333", "127.0.0.1:80", "[::1]:3333"] {
            assert!(is_here(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:3333",
            "localhost:",
            "localhost:99999",
            "user@localhost",
        ] {
            assert!(!is_here(host), "{host}");
        }
    }
}
