//! Counts of connections and requests, in the shape of a Substrate node's own RPC metrics.

use parking_lot::RwLock;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::{
    Counter, CounterVec, HistogramOpts, HistogramVec, Opts, PrometheusError, Registry, U64,
    exponential_buckets, register,
};

/// Counts of connections and requests. Clones share their counts.
#[derive(Clone)]
pub struct RpcMetrics {
    opened: Counter<U64>,
    closed: Counter<U64>,
    rejected: Counter<U64>,
    time: HistogramVec,
    errors: CounterVec<U64>,
    known_methods: Arc<RwLock<HashSet<&'static str>>>,
}

impl std::fmt::Debug for RpcMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RpcMetrics")
    }
}

impl RpcMetrics {
    /// Registers the counts with a Prometheus registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, PrometheusError> {
        let counter = |name: &str, help: &str| register(Counter::new(name, help)?, registry);
        // From 100 microseconds to 50 seconds.
        let buckets = exponential_buckets(0.000_1, 3.0, 13)?;
        let time = HistogramOpts::new("cairn_rpc_calls_time", "Duration of requests, in seconds");
        let time = HistogramVec::new(time.buckets(buckets), &["method", "is_error"])?;
        let errors = Opts::new("cairn_rpc_errors_total", "Requests answered with an error");
        let errors = CounterVec::new(errors, &["method", "code"])?;
        Ok(Self {
            opened: counter("cairn_rpc_sessions_opened_total", "Connections accepted")?,
            closed: counter("cairn_rpc_sessions_closed_total", "Connections closed")?,
            rejected: counter(
                "cairn_rpc_sessions_turned_away_total",
                "Connections refused for lack of a place",
            )?,
            time: register(time, registry)?,
            errors: register(errors, registry)?,
            known_methods: Arc::default(),
        })
    }

    /// Sets the methods that have counts of their own. All other names share one, since anybody
    /// may invent them.
    pub(crate) fn set_known_methods(&self, names: impl Iterator<Item = &'static str>) {
        self.known_methods.write().extend(names);
    }

    pub(crate) fn record_opened(&self) {
        self.opened.inc();
    }

    pub(crate) fn record_closed(&self) {
        self.closed.inc();
    }

    pub(crate) fn record_rejected(&self) {
        self.rejected.inc();
    }

    pub(crate) fn record_call(&self, method: &str, duration: Duration, error: Option<i32>) {
        let known = self.known_methods.read();
        let method = known.get(method).copied().unwrap_or("unknown");
        let is_error = if error.is_some() { "true" } else { "false" };
        let time = self.time.with_label_values(&[method, is_error]);
        time.observe(duration.as_secs_f64());
        if let Some(code) = error {
            self.errors
                .with_label_values(&[method, &code.to_string()])
                .inc();
        }
    }
}
