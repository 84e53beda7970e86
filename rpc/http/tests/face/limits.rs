//! Rates of addresses and accounts, and the counts of requests.

use crate::fixture::*;
use axum::body::Body;
use axum::http::{Method, Request};
use cairn_http::{HttpConfig, HttpLimits, HttpMetrics, Peer};
use serde_json::json;
use std::num::NonZeroU32;
use substrate_prometheus_endpoint::Registry;
use substrate_prometheus_endpoint::prometheus::TextEncoder;

fn limited(registry: &Registry) -> HttpConfig {
    HttpConfig {
        limits: HttpLimits {
            per_second: NonZeroU32::new(3).unwrap(),
            ..quick().limits
        },
        metrics: Some(HttpMetrics::register(registry).unwrap()),
        ..quick()
    }
}

fn text(registry: &Registry) -> String {
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap()
}

/// Repeats a request until it is refused. Slow machines refill meanwhile.
async fn until_limited(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..1_000 {
        let answer = ask().await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("it is never refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_address_has_a_rate_and_a_refusal_may_be_retried() {
    let registry = Registry::new();
    let face = Face::with(limited(&registry), Default::default(), |rpc| rpc).await;
    let ask = async |ip: &str| {
        let request = Request::get("/health").extension(Peer(ip.parse().unwrap()));
        face.send(request.body(Body::empty()).unwrap()).await
    };
    let refused = until_limited(async || ask("192.0.2.1").await).await;
    // Existing clients take a 429 as final.
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]),
        (503, &json!("rate_limited"))
    );
    assert_eq!(refused.headers["retry-after"], "1");
    ask("192.0.2.2").await.ok();
    for _ in 0..100 {
        ask("127.0.0.1").await.ok();
    }
    // Any website can have a browser on this machine send requests.
    let page = async || {
        let request = Request::get("/health").extension(Peer("127.0.0.1".parse().unwrap()));
        let request = request.header("origin", "https://evil.example");
        face.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(until_limited(page).await.status, 503);
    let counted = text(&registry);
    assert!(
        counted.contains("cairn_http_rate_limited_total{by=\"address\"} 2"),
        "{counted}"
    );
    assert!(
        counted.contains("cairn_http_rate_limited_total{by=\"account\"} 0"),
        "{counted}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_account_has_a_rate_wherever_it_asks_from() {
    let registry = Registry::new();
    let face = Face::with(limited(&registry), Default::default(), |rpc| rpc).await;
    let body = put_chunk(b"abc");
    let refused = until_limited(async || face.put(&body).await).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]),
        (503, &json!("rate_limited"))
    );
    let put = (Method::PUT, "/node");
    face.send_json(put, Some(("//Owner", BUCKET)), &body)
        .await
        .ok();
    let counted = text(&registry);
    assert!(
        counted.contains("cairn_http_rate_limited_total{by=\"account\"} 1"),
        "{counted}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_and_status_from_the_beginning() {
    let registry = Registry::new();
    let config = HttpConfig {
        metrics: Some(HttpMetrics::register(&registry).unwrap()),
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    let requests = |route: &str, method: &str, status: &str| {
        let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        format!("cairn_http_requests_total{labels}")
    };
    let none = text(&registry);
    for (route, method) in [
        ("/node", "PUT"),
        ("/delete", "POST"),
        ("/openapi.json", "GET"),
    ] {
        let line = format!("{} 0\n", requests(route, method, "2xx"));
        assert!(none.contains(&line), "{line}");
    }
    face.put(&put_chunk(b"abc")).await.ok();
    face.get("/node?hash=00").await;
    face.get("/a/path/that/a/stranger/invents").await;
    let counted = text(&registry);
    for line in [
        requests("/node", "PUT", "2xx"),
        requests("/node", "GET", "4xx"),
        requests("none", "GET", "4xx"),
    ] {
        assert!(
            counted.contains(&format!("{line} 1\n")),
            "{line}\n{counted}"
        );
    }
    assert!(!counted.contains("stranger"));
    let timed = "cairn_http_requests_time_count{method=\"PUT\",route=\"/node\"} 1\n";
    assert!(counted.contains(timed), "{counted}");
}
