//! Counts of requests and connections. All labels are bounded: routes are those of the router, and
//! methods and statuses come in classes.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::time::{Duration, Instant};
use substrate_prometheus_endpoint::{
    Counter, CounterVec, HistogramOpts, HistogramVec, Opts, PrometheusError, Registry, U64,
    exponential_buckets, register,
};

/// The route of requests to none.
pub(crate) const NO_ROUTE: &str = "none";

/// The holder of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitedBy {
    Address,
    Account,
}

impl LimitedBy {
    const ALL: [Self; 2] = [Self::Address, Self::Account];

    const fn label(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Account => "account",
        }
    }
}

/// Counts of requests and connections. Clones share their counts.
#[derive(Clone)]
pub struct HttpMetrics {
    requests: CounterVec<U64>,
    time: HistogramVec,
    limited: CounterVec<U64>,
    opened: Counter<U64>,
    closed: Counter<U64>,
    refused: Counter<U64>,
}

impl std::fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpMetrics")
    }
}

impl HttpMetrics {
    /// Registers the counts with a Prometheus registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, PrometheusError> {
        let counter = |name: &str, help: &str| register(Counter::new(name, help)?, registry);
        let requests = Opts::new("cairn_http_requests_total", "Answered HTTP requests");
        let requests = CounterVec::new(requests, &["route", "method", "status"])?;
        // From a millisecond to two minutes.
        let buckets = exponential_buckets(0.001, 3.0, 11)?;
        let time = HistogramOpts::new(
            "cairn_http_requests_time",
            "Time until an HTTP response begins, in seconds",
        );
        let time = HistogramVec::new(time.buckets(buckets), &["route", "method"])?;
        let limited = Opts::new(
            "cairn_http_rate_limited_total",
            "HTTP requests above the rate of an address or an account",
        );
        let limited = CounterVec::new(limited, &["by"])?;
        let metrics = Self {
            requests: register(requests, registry)?,
            time: register(time, registry)?,
            limited: register(limited, registry)?,
            opened: counter(
                "cairn_http_connections_opened_total",
                "HTTP connections accepted",
            )?,
            closed: counter(
                "cairn_http_connections_closed_total",
                "HTTP connections closed",
            )?,
            refused: counter(
                "cairn_http_connections_refused_total",
                "HTTP connections refused for lack of a place",
            )?,
        };
        for by in LimitedBy::ALL {
            metrics.limited.with_label_values(&[by.label()]);
        }
        Ok(metrics)
    }

    /// Makes the counts of a route appear before its first request.
    pub(crate) fn begin_route(&self, route: &str, method: &str) {
        for status in ["2xx", "4xx", "5xx"] {
            self.requests.with_label_values(&[route, method, status]);
        }
        self.time.with_label_values(&[route, method]);
    }

    pub(crate) fn record_limited(&self, by: LimitedBy) {
        self.limited.with_label_values(&[by.label()]).inc();
    }

    pub(crate) fn record_opened(&self) {
        self.opened.inc();
    }

    pub(crate) fn record_closed(&self) {
        self.closed.inc();
    }

    pub(crate) fn record_refused(&self) {
        self.refused.inc();
    }

    fn record(&self, route: &str, method: &str, status: StatusCode, time: Duration) {
        let status = status_class(status);
        let requests = self.requests.with_label_values(&[route, method, status]);
        requests.inc();
        let times = self.time.with_label_values(&[route, method]);
        times.observe(time.as_secs_f64());
    }
}

/// Returns a method's label: anybody may invent others.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

/// Counts a request, with the time until its response begins.
pub(crate) async fn record(
    State(metrics): State<Option<HttpMetrics>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(metrics) = metrics else {
        return next.run(request).await;
    };
    let since = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_label(request.method());
    let response = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    metrics.record(route, method, response.status(), since.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    #[tokio::test]
    async fn requests_are_counted_by_route_method_and_class_and_nothing_a_stranger_invents() {
        let registry = Registry::new();
        let metrics = HttpMetrics::register(&registry).unwrap();
        assert!(HttpMetrics::register(&registry).is_err());
        let router: Router = Router::new()
            .route("/of/{bucket}", get(|| async {}))
            .layer(from_fn_with_state(Some(metrics.clone()), record));
        for (method, path) in [
            ("GET", "/of/7"),
            ("GET", "/of/8"),
            ("INVENTED", "/of/8"),
            ("GET", "/elsewhere/1"),
            ("GET", "/elsewhere/2"),
        ] {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap();
        }
        let count = |labels: [&str; 3]| metrics.requests.with_label_values(&labels).get();
        assert_eq!(count(["/of/{bucket}", "GET", "2xx"]), 2);
        assert_eq!(count(["/of/{bucket}", "other", "4xx"]), 1);
        assert_eq!(count([NO_ROUTE, "GET", "4xx"]), 2);
        let of_requests = registry.gather();
        let of_requests = of_requests
            .iter()
            .find(|family| family.get_name() == "cairn_http_requests_total")
            .unwrap();
        assert_eq!(of_requests.get_metric().len(), 3);
    }
}
