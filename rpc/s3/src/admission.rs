//! Requests that are refused before anything of them is read: those whose body would be taken into
//! memory before their signature is checked, and those whose signature does not bind what they ask.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use percent_encoding::percent_decode_str;
use s3s::{S3Error, S3ErrorCode};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The only algorithm of signatures. Those of the second version never expire in a header.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The most seconds that a signed URL may be valid for: a week, as in S3.
const MAX_URL_SECONDS: u32 = 7 * 24 * 60 * 60;
/// The most bytes of a body of XML: 2 MiB, in which 10,000 parts fit, and 1,000 keys to delete.
pub(crate) const MAX_XML_BYTES: usize = 2 << 20;
/// How long a body of XML may take: a minute, for at most 2 MiB.
const XML_TIMEOUT: Duration = Duration::from_secs(60);
/// The beginning of headers that change what a request asks for.
const MEANINGFUL: &str = "x-amz-";
/// Headers of that kind that change nothing: the checksum of a body, which can only refuse it, and
/// the name of a client's program, which some clients do not sign.
const UNSIGNED: [&str; 2] = ["x-amz-content-sha256", "x-amz-user-agent"];

/// Refuses a request, or passes it on.
pub(crate) async fn admit(request: Request, next: Next) -> Response {
    let query = query_of(request.uri().query().unwrap_or_default());
    match refusal(request.method(), &query, request.headers()) {
        Some(error) => answer(error),
        None => next.run(with_timeout(request)).await,
    }
}

/// Answers an error in XML.
fn answer(error: S3Error) -> Response {
    match error.to_http_response() {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "an error of an S3 request cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Bounds the time of a body that is read as a whole: only those of `POST` are.
fn with_timeout(request: Request) -> Request {
    if request.method() != Method::POST || request.body().is_end_stream() {
        return request;
    }
    let until = Instant::now() + XML_TIMEOUT;
    request.map(|body| {
        let pieces = stream::unfold(body.into_data_stream(), move |mut body| async move {
            let piece = match timeout_at(until, body.next()).await {
                Ok(piece) => piece?,
                Err(late) => Err(axum::Error::new(late)),
            };
            Some((piece, body))
        });
        Body::from_stream(pieces)
    })
}

/// Returns the names and values of a query, decoded.
fn query_of(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Returns the reason why a request is refused, if there is one.
fn refusal(method: &Method, query: &[(String, String)], headers: &HeaderMap) -> Option<S3Error> {
    let refused = |code, message: &'static str| Some(S3Error::with_message(code, message));
    if method == Method::POST && is_form(headers) {
        return refused(
            S3ErrorCode::MethodNotAllowed,
            "uploads by a form are not served",
        );
    }
    if method == Method::POST && length_of(headers) > MAX_XML_BYTES {
        return refused(
            S3ErrorCode::MaxMessageLengthExceeded,
            "a body of XML may have 2 MiB",
        );
    }
    let has = |name: &str| query.iter().any(|(found, _)| found == name);
    let values = |name: &'static str| query.iter().filter(move |(found, _)| found == name);
    let in_headers = headers.get_all(AUTHORIZATION).iter();
    let (is_in_url, in_headers) = (has("X-Amz-Signature"), in_headers.collect::<Vec<_>>());
    let is_old = |value: &&axum::http::HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        !text.starts_with(ALGORITHM)
    };
    if has("Signature") || in_headers.iter().any(is_old) {
        return refused(
            S3ErrorCode::InvalidRequest,
            "the mechanism of authorisation is not served: sign by AWS4-HMAC-SHA256",
        );
    }
    let forms = in_headers.len().saturating_add(usize::from(is_in_url));
    if forms > 1 {
        return refused(
            S3ErrorCode::InvalidArgument,
            "a request is signed once: in its URL or in one header",
        );
    }
    let is_short = |(_, value): &(String, String)| {
        let seconds = value.parse::<u32>();
        seconds.is_ok_and(|seconds| seconds <= MAX_URL_SECONDS)
    };
    if is_in_url && !values("X-Amz-Expires").all(is_short) {
        return refused(
            S3ErrorCode::AuthorizationQueryParametersError,
            "X-Amz-Expires must be at most a week, in seconds",
        );
    }
    let signed: Vec<String> = match in_headers.first() {
        Some(header) => names(signed_in(header.to_str().unwrap_or_default())),
        None if is_in_url => values("X-Amz-SignedHeaders")
            .flat_map(|(_, names_of)| names(names_of))
            .collect(),
        // Nobody has signed it: it is refused for that.
        None => return None,
    };
    let is_signed = |name: &str| signed.iter().any(|signed| signed == name);
    let is_bound = |name: &HeaderName| {
        let name = name.as_str();
        !name.starts_with(MEANINGFUL) || UNSIGNED.contains(&name) || is_signed(name)
    };
    if !is_signed("host") || !headers.keys().all(is_bound) {
        return refused(
            S3ErrorCode::AccessDenied,
            "there were headers that were not signed: host and all x-amz- headers must be",
        );
    }
    None
}

/// Returns the length that a body says it has; none is 0, since a body that says nothing is bounded
/// as it is read.
fn length_of(headers: &HeaderMap) -> usize {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(0)
}

/// Returns whether a body is the form of a web page.
fn is_form(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().any(|value| {
        let value = value.as_bytes().trim_ascii_start();
        let beginning = value.get(..b"multipart/".len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(b"multipart/"))
    })
}

/// Returns the list of signed headers of an `Authorization` header.
fn signed_in(authorization: &str) -> &str {
    let parts = authorization
        .split_once(' ')
        .map_or("", |(_, parts)| parts)
        .split(',');
    let mut lists = parts.filter_map(|part| part.trim().strip_prefix("SignedHeaders="));
    lists.next().unwrap_or_default()
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the code by which a request is refused.
    fn code(method: &str, query: &str, headers: &[(&'static str, &str)]) -> Option<String> {
        let method = method.parse().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let refused = refusal(&method, &query_of(query), &map);
        refused.map(|error| error.code().as_str().to_owned())
    }

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=app/20260101/us-east-1/s3/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=00";

    #[test]
    fn a_form_is_refused_in_whatever_spelling() {
        for of_form in [
            "multipart/form-data; boundary=x",
            "Multipart/Form-Data;boundary=x",
            "multipart/form-data+x; boundary=x",
        ] {
            let refused = code("POST", "", &[("content-type", of_form)]);
            assert_eq!(refused.as_deref(), Some("MethodNotAllowed"), "{of_form}");
            let second = [("content-type", "text/plain"), ("content-type", of_form)];
            let refused = code("POST", "", &second);
            assert_eq!(refused.as_deref(), Some("MethodNotAllowed"), "{of_form}");
        }
        assert_eq!(code("POST", "", &[("content-type", "text/xml")]), None);
        // An object may be one.
        let of_form = [("content-type", "multipart/form-data; boundary=x")];
        assert_eq!(code("PUT", "", &of_form), None);
    }

    #[test]
    fn a_request_is_signed_once_by_the_fourth_version() {
        let by = |value: &str| code("GET", "", &[("authorization", value)]);
        assert_eq!(by(SIGNED), None);
        for old in ["AWS app:AAAA", "Basic YTpi", ""] {
            assert_eq!(by(old).as_deref(), Some("InvalidRequest"), "{old}");
        }
        for old in ["Signature=x", "a=b&%53ignature=x"] {
            let refused = code("GET", old, &[]);
            assert_eq!(refused.as_deref(), Some("InvalidRequest"), "{old}");
        }
        let twice = [("authorization", SIGNED), ("authorization", SIGNED)];
        let refused = code("GET", "", &twice);
        assert_eq!(refused.as_deref(), Some("InvalidArgument"));
        let query = "X-Amz-Signature=00&X-Amz-SignedHeaders=host";
        let refused = code("GET", query, &twice[..1]);
        assert_eq!(refused.as_deref(), Some("InvalidArgument"));
        assert_eq!(code("GET", query, &[]), None);
    }

    #[test]
    fn a_signed_url_is_valid_for_a_week_at_most() {
        let of = |seconds: &str| {
            let query =
                format!("X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host&X-Amz-Signature=00");
            code("GET", &query, &[])
        };
        for seconds in ["1", "604800", "%36"] {
            assert_eq!(of(seconds), None, "{seconds}");
        }
        for seconds in ["604801", "4294967295", "99999999999", "-1", "x", ""] {
            let refused = of(seconds);
            let expected = Some("AuthorizationQueryParametersError");
            assert_eq!(refused.as_deref(), expected, "{seconds}");
        }
        let twice = "X-Amz-Expires=1&X-Amz-Expires=604801&X-Amz-SignedHeaders=host\
                     &X-Amz-Signature=00";
        assert!(code("GET", twice, &[]).is_some());
    }

    #[test]
    fn a_header_that_changes_the_request_is_signed() {
        let url = "X-Amz-Signature=00&X-Amz-SignedHeaders=host%3Bx-amz-acl";
        let of = |query: &str, header: &'static str| code("PUT", query, &[(header, "photos/b")]);
        for header in ["x-amz-acl", "content-type", "x-amz-content-sha256"] {
            assert_eq!(of(url, header), None, "{header}");
        }
        for header in ["x-amz-copy-source", "x-amz-meta-a", "x-amz-date"] {
            let refused = of(url, header);
            assert_eq!(refused.as_deref(), Some("AccessDenied"), "{header}");
        }
        let without_host = "X-Amz-Signature=00&X-Amz-SignedHeaders=date";
        let refused = code("PUT", without_host, &[]);
        assert_eq!(refused.as_deref(), Some("AccessDenied"));
        let both = [("authorization", SIGNED), ("x-amz-date", "x")];
        assert_eq!(code("PUT", "", &both), None);
        let more = [("authorization", SIGNED), ("x-amz-copy-source", "x")];
        let refused = code("PUT", "", &more);
        assert_eq!(refused.as_deref(), Some("AccessDenied"));
    }
}
