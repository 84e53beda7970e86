//! The marks of a request's origin: whether it has the token, whether it came
//! through a proxy, and whether a website makes it.

use super::origin::Origins;
use crate::policy::Caller;
use crate::token::Token;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// How the names begin of headers that proxies add. Nobody else has a reason to.
const OF_PROXIES: [&str; 12] = [
    "forwarded",
    "via",
    "x-forwarded",
    "x-real-ip",
    "x-original-",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-",
    "x-proxy",
    "true-client-ip",
    "cf-",
    "cdn-",
];

/// Reads the headers of a request.
pub(super) fn of(headers: &HeaderMap, tokens: &[Token], origins: &Origins) -> Caller {
    Caller {
        has_token: has_token(headers, tokens),
        is_forwarded: is_forwarded(headers),
        is_foreign: origins.is_foreign(headers),
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    // Names are in lower case here.
    let is_of_proxy = |name: &str| OF_PROXIES.iter().any(|begins| name.starts_with(begins));
    headers.keys().any(|name| is_of_proxy(name.as_str()))
}

fn has_token(headers: &HeaderMap, tokens: &[Token]) -> bool {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else {
        return false;
    };
    let presented = only.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    // All of them are compared, so that the time does not tell which.
    presented.is_some_and(|presented| {
        tokens
            .iter()
            .fold(false, |found, token| found | token.is(presented))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderName;

    const TOKEN: &str = "00112233445566778899aabbccddeeff";

    fn headers(given: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn s7a_a_request_with_any_header_of_a_proxy_came_through_one() {
        for name in [
            "Forwarded",
            "Via",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Server",
            "X-Forwarded",
            "X-Real-IP",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "X-Original-Forwarded-For",
            "X-Envoy-External-Address",
            "True-Client-IP",
            "CF-Connecting-IP",
            "CDN-Loop",
        ] {
            assert!(is_forwarded(&headers(&[(name, "127.0.0.1")])), "{name}");
            assert!(is_forwarded(&headers(&[(name, "")])), "{name}");
        }
        let plain = [
            ("Host", "127.0.0.1:9955"),
            ("User-Agent", "curl/8"),
            ("Accept", "*/*"),
        ];
        assert!(!is_forwarded(&headers(&plain)));
    }

    #[test]
    fn s7c_a_token_counts_once_in_its_header_and_whole() {
        let tokens: Vec<Token> = vec![TOKEN.parse().unwrap(), "f".repeat(64).parse().unwrap()];
        let has = |given: &[(&str, &str)]| has_token(&headers(given), &tokens);
        let right = format!("Bearer {TOKEN}");
        assert!(has(&[("Authorization", &right)]));
        assert!(has(&[("authorization", &format!("bearer {TOKEN}"))]));
        assert!(has(&[(
            "Authorization",
            &format!("Bearer {}", "f".repeat(64))
        )]));
        assert!(!has(&[]));
        assert!(!has(&[("Authorization", TOKEN)]));
        assert!(!has(&[("Authorization", &format!("Basic {TOKEN}"))]));
        assert!(!has(&[("Authorization", &format!("{right}0"))]));
        assert!(!has(&[("Authorization", &right[..right.len() - 1])]));
        assert!(!has(&[("Authorization", "Bearer ")]));
        assert!(!has(&[
            ("Authorization", &right),
            ("Authorization", "Bearer x")
        ]));
        assert!(!has(&[("X-Authorization", &right)]));
        assert!(!has_token(&headers(&[("Authorization", &right)]), &[]));
    }
}
