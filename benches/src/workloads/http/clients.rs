//! HTTP clients that send one request after the other, over a number of connections that stay open.

use crate::Fallible;
use crate::stats::Samples;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// One connection.
pub(super) struct Client(SendRequest<Full<Bytes>>);

/// A request, made before it is timed.
pub(super) struct Request {
    method: Method,
    path: String,
    header: Option<String>,
    body: Bytes,
}

impl Request {
    pub(super) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            header: None,
            body: Bytes::new(),
        }
    }

    /// Stores a body, signed by a header.
    pub(super) fn put(path: &str, header: &str, body: Bytes) -> Self {
        Self {
            method: Method::PUT,
            path: path.to_owned(),
            header: Some(header.to_owned()),
            body,
        }
    }
}

/// The result of sending requests.
#[derive(Default)]
pub(super) struct Sent {
    /// The time of each request.
    pub(super) times: Samples,
    /// The requests, or the chunks that they were for.
    pub(super) count: usize,
    pub(super) lasted: Duration,
}

impl Sent {
    pub(super) fn rate(&self) -> f64 {
        self.count as f64 / self.lasted.as_secs_f64()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.times.append(other.times);
        self.count = self.count.saturating_add(other.count);
        self.lasted = self.lasted.saturating_add(other.lasted);
    }
}

impl Client {
    async fn connect(address: SocketAddr) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request, and reads its answer to the end.
    async fn send(&mut self, request: &Request) -> Fallible<()> {
        let mut built = hyper::Request::builder()
            .method(request.method.clone())
            .uri(request.path.as_str())
            // The provider refuses other hosts on loopback.
            .header("host", "127.0.0.1")
            .header("content-type", "application/json");
        if let Some(header) = &request.header {
            built = built.header("authorization", header.as_str());
        }
        let built = built.body(Full::new(request.body.clone()))?;
        self.0.ready().await?;
        let answer = self.0.send_request(built).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            std::hint::black_box(frame?);
        }
        match status {
            StatusCode::OK | StatusCode::CREATED => Ok(()),
            other => Err(format!("{} {} gets {other}", request.method, request.path).into()),
        }
    }

    /// Sends a request, and times it.
    async fn time(&mut self, request: &Request, times: &mut Samples) -> Fallible<()> {
        let start = Instant::now();
        self.send(request).await?;
        times.push(start.elapsed().as_secs_f64() * 1e9);
        Ok(())
    }
}

/// Opens connections.
pub(super) async fn connect(address: SocketAddr, count: usize) -> Fallible<Vec<Client>> {
    let connecting = (0..count).map(|_| Client::connect(address));
    futures::future::try_join_all(connecting).await
}

/// Sends all requests, spread over the connections.
pub(super) async fn send_all(clients: &mut [Client], requests: &[Request]) -> Fallible<Sent> {
    let connections = clients.len().max(1);
    let since = Instant::now();
    let sending = clients.iter_mut().enumerate();
    let sending = sending.map(|(place, client)| async move {
        let mut times = Samples::default();
        for request in requests.iter().skip(place).step_by(connections) {
            client.time(request, &mut times).await?;
        }
        Fallible::Ok(times)
    });
    let all = futures::future::try_join_all(sending).await?;
    Ok(summed(all, since))
}

/// Sends requests over all connections for a time. `request` makes the one of a number.
pub(super) async fn send_for(
    clients: &mut [Client],
    lasting: Duration,
    request: impl Fn(u64) -> Request + Send + Sync,
) -> Fallible<Sent> {
    let since = Instant::now();
    let request = &request;
    let sending = (0u64..).zip(clients).map(|(place, client)| async move {
        let mut times = Samples::default();
        // Each connection has numbers of its own.
        let mut number = place << 40;
        while since.elapsed() < lasting {
            client.time(&request(number), &mut times).await?;
            number = number.saturating_add(1);
        }
        Fallible::Ok(times)
    });
    let all = futures::future::try_join_all(sending).await?;
    Ok(summed(all, since))
}

/// Joins the times of all connections, whose work began at once and has ended now.
fn summed(all: Vec<Samples>, since: Instant) -> Sent {
    let mut sent = Sent {
        lasted: since.elapsed(),
        ..Sent::default()
    };
    for times in all {
        sent.count = sent.count.saturating_add(times.len());
        sent.times.append(times);
    }
    sent
}
