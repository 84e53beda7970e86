//! What is counted of connections and requests, in the shape of a Substrate
//! node's own RPC metrics.

use parking_lot::RwLock;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::{
    Counter, CounterVec, HistogramOpts, HistogramVec, Opts, PrometheusError, Registry, U64,
    exponential_buckets, register,
};

/// Counts of connections and requests. Clones count into the same.
#[derive(Clone)]
pub struct RpcMetrics {
    opened: Counter<U64>,
    closed: Counter<U64>,
    turned_away: Counter<U64>,
    time: HistogramVec,
    errors: CounterVec<U64>,
    known: Arc<RwLock<HashSet<&'static str>>>,
}

impl std::fmt::Debug for RpcMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RpcMetrics")
    }
}

impl RpcMetrics {
    /// Registers the counts with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, PrometheusError> {
        let counter = |name: &str, help: &str| register(Counter::new(name, help)?, registry);
        // From 100 microseconds to 50 seconds.
        let buckets = exponential_buckets(0.000_1, 3.0, 13)?;
        let time = HistogramOpts::new("cairn_rpc_calls_time", "Seconds that requests took");
        let time = HistogramVec::new(time.buckets(buckets), &["method", "is_error"])?;
        let errors = Opts::new("cairn_rpc_errors_total", "Requests that were refused");
        let errors = CounterVec::new(errors, &["method", "code"])?;
        Ok(Self {
            opened: counter("cairn_rpc_sessions_opened_total", "Connections taken")?,
            closed: counter(
                "cairn_rpc_sessions_closed_total",
                "Connections that have ended",
            )?,
            turned_away: counter(
                "cairn_rpc_sessions_turned_away_total",
                "Connections for which there was no place",
            )?,
            time: register(time, registry)?,
            errors: register(errors, registry)?,
            known: Arc::default(),
        })
    }

    /// Names that are counted by themselves; all others are counted as one, since
    /// anybody may make them up.
    pub(super) fn knows(&self, names: impl Iterator<Item = &'static str>) {
        self.known.write().extend(names);
    }

    pub(super) fn opened(&self) {
        self.opened.inc();
    }

    pub(super) fn closed(&self) {
        self.closed.inc();
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.inc();
    }

    pub(super) fn called(&self, method: &str, took: Duration, error: Option<i32>) {
        let known = self.known.read();
        let method = known.get(method).copied().unwrap_or("unknown");
        let is_error = if error.is_some() { "true" } else { "false" };
        let time = self.time.with_label_values(&[method, is_error]);
        time.observe(took.as_secs_f64());
        if let Some(code) = error {
            self.errors
                .with_label_values(&[method, &code.to_string()])
                .inc();
        }
    }
}
