//! Prometheus metrics that read existing statistics when they are scraped.

use std::sync::Arc;
use substrate_prometheus_endpoint::{
    MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge, register,
};

/// Returns the current statistics.
pub type Source<S> = Arc<dyn Fn() -> S + Send + Sync>;

/// One number of the statistics as a metric: its name, its help text, and its getter.
pub type Reading<S> = (&'static str, &'static str, fn(&S) -> u64);

struct Sourced<S> {
    source: Source<S>,
    of: fn(&S) -> u64,
}

impl<S> Clone for Sourced<S> {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            of: self.of,
        }
    }
}

impl<S: 'static> MetricSource for Sourced<S> {
    type N = u64;

    fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
        set(&[], (self.of)(&(self.source)()));
    }
}

/// Registers metrics of one kind of statistics.
pub struct Readings<'r, S> {
    /// The prefix of the metrics' names.
    pub prefix: &'static str,
    /// Returns the statistics to read.
    pub source: Source<S>,
    /// The registry to register with.
    pub registry: &'r Registry,
}

impl<S: 'static> Readings<'_, S> {
    /// Registers counters.
    pub fn counters(&self, readings: &[Reading<S>]) -> Result<(), PrometheusError> {
        for reading in readings {
            let (options, sourced) = self.sourced(reading);
            register(SourcedCounter::new(&options, sourced)?, self.registry)?;
        }
        Ok(())
    }

    /// Registers gauges.
    pub fn gauges(&self, readings: &[Reading<S>]) -> Result<(), PrometheusError> {
        for reading in readings {
            let (options, sourced) = self.sourced(reading);
            register(SourcedGauge::new(&options, sourced)?, self.registry)?;
        }
        Ok(())
    }

    fn sourced(&self, (name, help, of): &Reading<S>) -> (Opts, Sourced<S>) {
        let sourced = Sourced {
            source: self.source.clone(),
            of: *of,
        };
        (Opts::new(format!("{}{name}", self.prefix), *help), sourced)
    }
}
