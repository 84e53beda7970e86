//! Prometheus metrics that read existing statistics when they are scraped.

use std::sync::Arc;
use substrate_prometheus_endpoint::{
    MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge, register,
};

/// Returns the current statistics.
pub type StatisticsSource<S> = Arc<dyn Fn() -> S + Send + Sync>;

/// One number of the statistics as a metric: its name, its help text, and its getter.
pub type MetricSpec<S> = (&'static str, &'static str, fn(&S) -> u64);

struct SourcedMetric<S> {
    source: StatisticsSource<S>,
    getter: fn(&S) -> u64,
}

impl<S> Clone for SourcedMetric<S> {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            getter: self.getter,
        }
    }
}

impl<S: 'static> MetricSource for SourcedMetric<S> {
    type N = u64;

    fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
        set(&[], (self.getter)(&(self.source)()));
    }
}

/// Registers metrics of one kind of statistics.
pub struct MetricGroup<'r, S> {
    /// The prefix of the metrics' names.
    pub prefix: &'static str,
    /// Returns the statistics to read.
    pub source: StatisticsSource<S>,
    /// The registry to register with.
    pub registry: &'r Registry,
}

impl<S: 'static> MetricGroup<'_, S> {
    /// Registers counters.
    pub fn register_counters(&self, readings: &[MetricSpec<S>]) -> Result<(), PrometheusError> {
        for reading in readings {
            let (options, sourced) = self.sourced(reading);
            register(SourcedCounter::new(&options, sourced)?, self.registry)?;
        }
        Ok(())
    }

    /// Registers gauges.
    pub fn register_gauges(&self, readings: &[MetricSpec<S>]) -> Result<(), PrometheusError> {
        for reading in readings {
            let (options, sourced) = self.sourced(reading);
            register(SourcedGauge::new(&options, sourced)?, self.registry)?;
        }
        Ok(())
    }

    fn sourced(&self, (name, help, of): &MetricSpec<S>) -> (Opts, SourcedMetric<S>) {
        let sourced = SourcedMetric {
            source: self.source.clone(),
            getter: *of,
        };
        (Opts::new(format!("{}{name}", self.prefix), *help), sourced)
    }
}
