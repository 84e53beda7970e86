//! Reads from a request's headers whether it has the token, came through a proxy, or is made by a
//! website.

use crate::access::Caller;
use crate::origin::Origins;
use crate::token::Token;
use cairn_rpc_server::MemberHeader;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Prefixes of the names of headers that only proxies add.
const PROXY_HEADER_PREFIXES: [&str; 12] = [
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
pub(crate) fn identify(headers: &HeaderMap, tokens: &[Token], origins: &Origins) -> Caller {
    Caller {
        has_token: has_token(headers, tokens),
        is_forwarded: is_forwarded(headers),
        is_foreign: origins.is_foreign(headers),
    }
}

/// Returns the one header that a member of a bucket has signed, if there is one.
pub(crate) fn member_header(headers: &HeaderMap) -> Option<MemberHeader> {
    let text = only_authorisation(headers)?;
    let is_signed = text.starts_with(MemberHeader::SCHEME);
    is_signed.then(|| MemberHeader(text.to_owned()))
}

/// Returns the value of the `Authorization` header. Of two, one would be checked and a proxy might
/// have checked the other.
fn only_authorisation(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    // `hyper` has the names in lower case.
    let is_of_proxy = |name: &str| {
        let mut prefixes = PROXY_HEADER_PREFIXES.iter();
        prefixes.any(|prefix| name.starts_with(prefix))
    };
    headers.keys().any(|name| is_of_proxy(name.as_str()))
}

fn has_token(headers: &HeaderMap, tokens: &[Token]) -> bool {
    let presented = only_authorisation(headers).and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    // All tokens are compared, so that the time does not show which one matches.
    presented.is_some_and(|presented| {
        tokens
            .iter()
            .fold(false, |found, token| found | token.matches(presented))
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
    fn s7a_any_header_of_a_proxy_marks_a_request() {
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
    fn s7c_a_token_counts_whole_and_once_in_its_header() {
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
        assert!(!has(&[("Authorization", "Web3Storage 0x00:0x00:1")]));
        assert!(!has_token(&headers(&[("Authorization", &right)]), &[]));
    }

    #[test]
    fn a_member_header_is_the_only_one_and_of_its_scheme() {
        let signed = "Web3Storage 0x00:0x00:1";
        let of = |given: &[(&str, &str)]| member_header(&headers(given)).map(|header| header.0);
        assert_eq!(of(&[("Authorization", signed)]).as_deref(), Some(signed));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("Authorization", &format!("Bearer {TOKEN}"))]), None);
        assert_eq!(
            of(&[("Authorization", signed), ("Authorization", signed)]),
            None
        );
    }
}
