//! Which websites may ask. A browser lets any of them connect to this machine,
//! and what they ask then comes from loopback.

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};
use std::str::FromStr;

/// Origins that may ask, as browsers name them. Whoever is no browser names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All.
    All,
    /// These; one that ends with `:*` is meant with any port.
    These(Vec<String>),
}

impl Default for Origins {
    /// This machine's own and the Polkadot-JS app, as for Substrate nodes.
    fn default() -> Self {
        let usual = [
            "http://localhost:*",
            "http://127.0.0.1:*",
            "https://localhost:*",
            "https://127.0.0.1:*",
            "https://polkadot.js.org",
        ];
        Self::These(usual.map(str::to_owned).to_vec())
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let origins: Vec<_> = text
            .split(',')
            .map(|origin| origin.trim().to_owned())
            .collect();
        match origins.iter().find(|origin| !origin.contains("://")) {
            None => Ok(Self::These(origins)),
            Some(wrong) => Err(format!("{wrong:?} is no origin, as https://example.org is")),
        }
    }
}

impl Origins {
    /// Whether a request may be answered, by its headers.
    pub(super) fn check(&self, headers: &HeaderMap, is_loopback: bool) -> Result<(), &'static str> {
        let Self::These(allowed) = self else {
            return Ok(());
        };
        let text = |name| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap_or_default())
        };
        // A name of somebody else's that was made to lead here.
        if is_loopback && text(HOST).is_some_and(|host| !is_this_machine(host)) {
            return Err("the host is not this machine, at which the RPC listens");
        }
        let is_allowed = |origin: &str| allowed.iter().any(|allowed| matches(allowed, origin));
        match text(ORIGIN) {
            Some(origin) if !is_allowed(origin) => {
                Err("this origin may not ask here: the operator may allow it with --rpc-cors")
            }
            _ => Ok(()),
        }
    }
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
    fn other_websites_may_not_ask_by_a_browser_on_this_machine() {
        let usual = Origins::default();
        let may = |host, origin| usual.check(&headers(host, origin), true).is_ok();
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
        // Behind a proxy or on a network, its host has a name of its own.
        assert!(
            usual
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
    fn origins_are_named_by_their_whole_url() {
        assert_eq!("all".parse(), Ok(Origins::All));
        let two: Origins = "https://a.example, http://b.example:*".parse().unwrap();
        let listed = ["https://a.example", "http://b.example:*"].map(str::to_owned);
        assert_eq!(two, Origins::These(listed.to_vec()));
        assert!("a.example".parse::<Origins>().is_err());
    }
}
