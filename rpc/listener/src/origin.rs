//! Which websites may send requests. A browser lets any website connect to this machine, and its
//! requests then come from loopback.

use cairn_rpc_server::AllowedOrigins;
use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, ORIGIN};
use std::str::FromStr;

/// The origins that may send requests, as browsers name them. Other clients send no origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// This machine's own and the Polkadot-JS app, as for Substrate nodes. None of them may call
    /// unsafe methods, since the operator has not listed them.
    #[default]
    Standard,
    /// All origins.
    All,
    /// The listed origins. One that ends with `:*` matches any port.
    Listed(Vec<String>),
}

/// The origins that may send requests where the operator has listed none.
const STANDARD: [&str; 5] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://polkadot.js.org",
];

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.parse::<AllowedOrigins>()? {
            AllowedOrigins::All => Self::All,
            AllowedOrigins::Listed(origins) => Self::Listed(origins),
        })
    }
}

impl Origins {
    /// Checks by its headers that a request may be answered.
    pub(crate) fn check(&self, headers: &HeaderMap, is_loopback: bool) -> Result<(), &'static str> {
        if *self == Self::All {
            return Ok(());
        }
        // A name of somebody else that resolves to this machine.
        if is_loopback && text(headers, HOST).is_some_and(|host| !is_this_machine(host)) {
            return Err("the host is not this machine, where the RPC listens");
        }
        match text(headers, ORIGIN) {
            Some(origin) if !self.has(origin) => {
                Err("this origin is not permitted here: the provider's operator can permit it")
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the request is made by a website that the operator has not listed. Such a
    /// website may not change buckets, even where it may read.
    pub(crate) fn is_foreign(&self, headers: &HeaderMap) -> bool {
        text(headers, ORIGIN).is_some_and(|origin| *self == Self::Standard || !self.has(origin))
    }

    fn has(&self, origin: &str) -> bool {
        match self {
            Self::All => true,
            Self::Standard => STANDARD.iter().any(|allowed| matches(allowed, origin)),
            Self::Listed(allowed) => allowed.iter().any(|allowed| matches(allowed, origin)),
        }
    }
}

/// Returns a header's text, empty where it is no text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name);
    value.map(|value| value.to_str().unwrap_or_default())
}

fn matches(allowed: &str, origin: &str) -> bool {
    match allowed.strip_suffix(":*") {
        None => allowed == origin,
        Some(host) => origin
            .strip_prefix(host)
            .is_some_and(|port| port.is_empty() || is_port(port)),
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_this_machine(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        host.strip_prefix(name)
            .is_some_and(|port| port.is_empty() || is_port(port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn other_websites_are_refused_on_this_machine() {
        let standard = Origins::default();
        let may = |host, origin| standard.check(&headers(host, origin), true).is_ok();
        let here = "127.0.0.1:9955";
        assert!(may(here, None));
        assert!(may("localhost", Some("http://localhost:3000")));
        assert!(may("[::1]:9955", Some("https://polkadot.js.org")));
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "http://127.0.0.1:",
            "https://polkadot.js.org.evil.example",
            "null",
        ] {
            assert!(!may(here, Some(origin)), "{origin}");
        }
        assert!(!may("evil.example:9955", None));
        assert!(!may("127.0.0.1.evil.example", None));
        // Behind a proxy or on a network, the host has a name of its own.
        assert!(
            standard
                .check(&headers("provider.example", None), false)
                .is_ok()
        );
        assert!(
            Origins::All
                .check(&headers("evil.example", Some("null")), true)
                .is_ok()
        );
    }

    #[test]
    fn s7c_only_a_listed_origin_may_change_buckets() {
        let here = "127.0.0.1:9955";
        let app = "https://polkadot.js.org";
        let local = "http://localhost:3000";
        for origin in [app, local, "https://evil.example", "null"] {
            assert!(
                Origins::Standard.is_foreign(&headers(here, Some(origin))),
                "{origin}"
            );
        }
        let named: Origins = app.parse().unwrap();
        assert!(!named.is_foreign(&headers(here, Some(app))));
        assert!(named.is_foreign(&headers(here, Some(local))));
        assert!(!Origins::All.is_foreign(&headers(here, Some("null"))));
        assert!(!Origins::Standard.is_foreign(&headers(here, None)));
    }

    #[test]
    fn an_origin_is_a_whole_url() {
        assert_eq!("all".parse(), Ok(Origins::All));
        let two: Origins = "https://a.example, http://b.example:*".parse().unwrap();
        let listed = ["https://a.example", "http://b.example:*"].map(str::to_owned);
        assert_eq!(two, Origins::Listed(listed.to_vec()));
        assert!("a.example".parse::<Origins>().is_err());
    }
}
