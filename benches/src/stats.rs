//! Samples and their statistics: median, quartiles and p99.

use crate::Fallible;
use std::time::Instant;

/// Below this number of samples, the p99 would just be the slowest sample.
const MIN_SAMPLES_FOR_P99: usize = 100;

/// Durations of one operation, in nanoseconds.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Runs and times an operation. A failed one is not counted.
    pub(crate) fn time<T>(&mut self, operation: impl FnOnce() -> Fallible<T>) -> Fallible<T> {
        let start = Instant::now();
        let result = std::hint::black_box(operation()?);
        self.0.push(start.elapsed().as_secs_f64() * 1e9);
        Ok(result)
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the largest sample; 0 if there is none.
    pub(crate) fn slowest(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    pub(crate) fn summary(&self) -> Fallible<Summary> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let last = sorted.len().saturating_sub(1);
            sorted.get(last.saturating_mul(percent).div_ceil(100))
        };
        let at = |percent| at(percent).copied().ok_or("nothing was measured");
        Ok(Summary {
            count: sorted.len(),
            p25: at(25)?,
            p50: at(50)?,
            p75: at(75)?,
            p99: (sorted.len() >= MIN_SAMPLES_FOR_P99)
                .then(|| at(99))
                .transpose()?,
        })
    }
}

/// The statistics of samples.
#[derive(Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) p25: f64,
    pub(crate) p50: f64,
    pub(crate) p75: f64,
    pub(crate) p99: Option<f64>,
}

impl Summary {
    /// Formats median, quartiles, p99 and number for a table.
    pub(crate) fn cells(&self) -> [String; 4] {
        [
            duration(self.p50),
            format!("{} – {}", duration(self.p25), duration(self.p75)),
            self.p99.map_or_else(|| "too few".into(), duration),
            self.count.to_string(),
        ]
    }

    /// The column names of [`Summary::cells`].
    pub(crate) const HEAD: [&str; 4] = ["p50", "p25 – p75", "p99", "samples"];
}

/// Formats nanoseconds with a suitable unit.
pub(crate) fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// Formats a number of leaves or threads, abbreviated.
pub(crate) fn count(number: u64) -> String {
    match number {
        n if n >= 1_000_000 && n % 1_000_000 == 0 => format!("{}M", n / 1_000_000),
        n if n >= 1_000 && n % 1_000 == 0 => format!("{}k", n / 1_000),
        n => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_samples_at_its_percentiles() {
        let mut samples = Samples::default();
        (0..=100).rev().for_each(|value| samples.push(value.into()));
        let summary = samples.summary().unwrap();
        assert_eq!((summary.p25, summary.p50, summary.p75), (25.0, 50.0, 75.0));
        assert_eq!(summary.p99, Some(99.0));
    }

    #[test]
    fn few_samples_have_no_p99_and_none_have_no_summary() {
        let mut samples = Samples::default();
        assert!(samples.summary().is_err());
        samples.push(1.0);
        assert_eq!(samples.summary().unwrap().p99, None);
    }
}
