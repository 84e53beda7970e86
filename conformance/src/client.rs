//! A small HTTP client: one connection for each request, each header as it is given, and bounds on
//! time and size.

use crate::outcome::{Checked, Ended, ensure, failed};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 20;

/// The address of a provider: `http://host:port`, with a path if a proxy adds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

/// A text that is no address of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address: expected one such as http://127.0.0.1:3333, without TLS")]
pub struct NotAnEndpoint(String);

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let wrong = || NotAnEndpoint(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http"));
        Ok(Self {
            host: host.ok_or_else(wrong)?.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, path } = self;
        write!(f, "http://{host}:{port}{path}")
    }
}

impl Endpoint {
    /// Returns whether it is on this machine.
    pub(crate) fn is_here(&self) -> bool {
        let ip = self.host.trim_matches(['[', ']']).parse();
        self.host == "localhost" || ip.is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("no connection: {0}")]
    Connect(#[source] std::io::Error),
    #[error("the connection was closed without an answer: {0}")]
    Closed(#[source] hyper::Error),
    #[error("the answer broke off, or is longer than 64 MiB: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("the request cannot be written: {0}")]
    Request(#[source] hyper::http::Error),
}

impl From<NoAnswer> for Ended {
    fn from(none: NoAnswer) -> Self {
        Self::Failed(none.to_string())
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Adds a header; also a second one of the same name.
    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE, "application/json")
            .body(body.to_string())
    }

    /// Returns its line for reports.
    fn line(&self) -> String {
        let path: String = self.path.chars().take(120).collect();
        format!("{} {path}", self.method)
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    line: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Returns the beginning of its text, for reports.
    pub(crate) fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.chars().take(200).collect();
        format!("{} answered {} {text}", self.line, self.status.as_u16())
    }

    pub(crate) fn json(&self) -> Checked<Value> {
        let value = serde_json::from_slice(&self.body);
        value.or_else(|_| failed(format!("{}, which is no JSON", self.excerpt())))
    }

    /// Returns its JSON, if it has the status 200.
    pub(crate) fn ok(&self) -> Checked<Value> {
        ensure!(self.status == StatusCode::OK, "{}", self.excerpt());
        self.json()
    }

    /// Returns whether it is an error with a status and a code.
    pub(crate) fn is(&self, status: u16, code: &str) -> bool {
        let body = self.json().ok();
        self.status == status && body.is_some_and(|body| body["error"] == code)
    }

    /// Returns the details of an error with a status and a code.
    pub(crate) fn error(&self, status: u16, code: &str) -> Checked<Value> {
        ensure!(
            self.is(status, code),
            "{}; expected {status} {code}",
            self.excerpt()
        );
        let kind = self.headers.get(CONTENT_TYPE);
        ensure!(
            kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")),
            "an error's content-type is {kind:?}"
        );
        Ok(self.json()?["details"].clone())
    }

    /// Checks a status.
    pub(crate) fn has_status(&self, status: u16) -> Checked {
        ensure!(
            self.status == status,
            "{}; expected {status}",
            self.excerpt()
        );
        Ok(())
    }

    /// Returns a header's text; empty without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// The client of one provider.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) patience: Duration,
}

impl Client {
    /// Sends a request, whatever its answer is.
    pub(crate) async fn try_send(&self, ask: Ask) -> Result<Answer, NoAnswer> {
        let late = |_| NoAnswer::Late(self.patience);
        timeout(self.patience, self.exchange(ask))
            .await
            .map_err(late)?
    }

    /// Sends a request. A route that the provider does not have ends the case: a router answers it
    /// with a 404 without a body.
    pub(crate) async fn send(&self, ask: Ask) -> Checked<Answer> {
        let is_head = ask.method == Method::HEAD;
        let answer = self.try_send(ask).await?;
        if answer.status == StatusCode::NOT_FOUND && answer.body.is_empty() && !is_head {
            return Err(Ended::NotServed(answer.line));
        }
        Ok(answer)
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, NoAnswer> {
        let line = ask.line();
        let request = self.request(ask).map_err(NoAnswer::Request)?;
        let address = (
            self.endpoint.host.trim_matches(['[', ']']),
            self.endpoint.port,
        );
        let stream = TcpStream::connect(address).await;
        let stream = TokioIo::new(stream.map_err(NoAnswer::Connect)?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(NoAnswer::Closed)?;
        let connection = tokio::spawn(connection);
        let answered = async {
            let response = sender.send_request(request).await;
            let (parts, body) = response.map_err(NoAnswer::Closed)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            Ok(Answer {
                line,
                status: parts.status,
                headers: parts.headers,
                body: body.map_err(NoAnswer::Body)?.to_bytes(),
            })
        };
        let answered = answered.await;
        connection.abort();
        answered
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let Endpoint { host, port, path } = &self.endpoint;
        let uri = format!("{path}{}", ask.path);
        let mut request = Request::builder().method(ask.method).uri(uri);
        request = request.header(HOST, format!("{host}:{port}"));
        for (name, value) in ask.headers {
            request = request.header(name, HeaderValue::from_str(&value)?);
        }
        request.body(Full::new(ask.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_http_address() {
        let shown = |text: &str| text.parse().map(|one: Endpoint| one.to_string());
        assert_eq!(shown("http://host:3333").unwrap(), "http://host:3333");
        assert_eq!(shown("http://host/").unwrap(), "http://host:80");
        assert_eq!(shown("http://h:1/a/b/").unwrap(), "http://h:1/a/b");
        for wrong in ["", "host", "https://host", "ftp://host", "http://"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
        for (text, is_here) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://192.0.2.1", false),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().is_here(), is_here);
        }
    }
}
