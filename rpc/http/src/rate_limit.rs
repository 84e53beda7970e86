//! The sources of requests, and their rates.

use crate::error::HttpError;
use crate::metrics::{HttpMetrics, LimitedBy};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum::middleware::Next;
use axum::response::Response;
use cairn_rpc_server::{Rate, RateLimit};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The rate of `/negotiate`: 16 requests at once and five in a second, as at today's provider.
const NEGOTIATIONS: Rate = Rate {
    burst: 16,
    interval: Duration::from_millis(200),
};

/// The address that a request comes from. The server adds it to each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Returns what counts as one source: an IPv4 address, or the 64-bit network of an IPv6
    /// address.
    pub(crate) fn source(self) -> [u16; 4] {
        match self.0.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                // No IPv6 network of this form is in use.
                let pair = |high, low| u16::from_be_bytes([high, low]);
                [0, 0xffff, pair(a, b), pair(c, d)]
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                [a, b, c, d]
            }
        }
    }

    /// Returns whether it is this machine: its operator, or a proxy that speaks for many.
    pub(crate) fn is_this_machine(self) -> bool {
        self.0.to_canonical().is_loopback()
    }
}

/// The requests of each source. This machine is not limited but for web pages, which any website
/// can have its browser send.
#[derive(Clone, Debug)]
pub(crate) struct SourceRates {
    rates: Arc<RateLimit<[u16; 4]>>,
    rate: Rate,
}

impl SourceRates {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rates: Arc::default(),
            rate,
        }
    }

    pub(crate) fn of_negotiations() -> Self {
        Self::new(NEGOTIATIONS)
    }

    /// Returns whether a source may send one more request now.
    pub(crate) fn admits(&self, peer: Peer, headers: &HeaderMap) -> bool {
        let is_page = headers.contains_key(ORIGIN);
        (peer.is_this_machine() && !is_page) || self.rates.admits(peer.source(), self.rate)
    }
}

/// The rates of all requests, with their counts.
#[derive(Clone)]
pub(crate) struct Admission {
    pub(crate) rates: SourceRates,
    pub(crate) metrics: Option<HttpMetrics>,
}

/// Admits a request if its source keeps to its rate.
pub(crate) async fn admit(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Result<Response, HttpError> {
    let peer = request.extensions().get::<Peer>().copied();
    if peer.is_none_or(|peer| admission.rates.admits(peer, request.headers())) {
        return Ok(next.run(request).await);
    }
    if let Some(metrics) = &admission.metrics {
        metrics.record_limited(LimitedBy::Address);
    }
    Err(HttpError::TooOften("this address exceeds its request rate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: &str) -> Peer {
        Peer(ip.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn each_source_has_its_rate_and_this_machine_none() {
        let rates = SourceRates::of_negotiations();
        let mut headers = HeaderMap::new();
        let count = |ip: &str, headers: &HeaderMap| {
            let admitted = (0..40).filter(|_| rates.admits(peer(ip), headers));
            admitted.count()
        };
        let admitted = |ip: &str| count(ip, &HeaderMap::new());
        assert_eq!(admitted("192.0.2.1"), 16);
        assert_eq!(admitted("192.0.2.2"), 16);
        assert_eq!(admitted("127.0.0.1"), 40);
        headers.insert(ORIGIN, "https://evil.example".parse().unwrap());
        assert_eq!(
            count("127.0.0.1", &headers),
            16,
            "a page is counted here too"
        );
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(admitted("192.0.2.1"), 2);
    }

    #[test]
    fn one_holder_of_addresses_is_one_source() {
        let source = |ip| peer(ip).source();
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert!(peer("::ffff:127.0.0.1").is_this_machine());
        assert!(!peer("10.0.0.1").is_this_machine());
    }
}
