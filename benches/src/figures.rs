//! The results of a workload for the report: tables, plots, and goals.

/// The bound of a goal: a minimum or a maximum.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A goal, and the measured figure.
pub(crate) struct Target {
    /// The goal in words.
    pub(crate) aim: &'static str,
    pub(crate) bound: Bound,
    pub(crate) measured: f64,
    /// The unit of bound and figure; empty for a ratio.
    pub(crate) unit: &'static str,
}

impl Target {
    pub(crate) fn met(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.measured <= most,
            Bound::AtLeast(least) => self.measured >= least,
        }
    }

    /// Formats the bound for the report.
    pub(crate) fn bound_text(&self) -> String {
        match self.bound {
            Bound::AtMost(most) => format!("≤ {}{}", number(most), self.unit),
            Bound::AtLeast(least) => format!("≥ {}{}", number(least), self.unit),
        }
    }

    pub(crate) fn measured_text(&self) -> String {
        format!("{}{}", number(self.measured), self.unit)
    }
}

/// Formats a ratio with significant digits.
pub(crate) fn number(value: f64) -> String {
    match value {
        v if v == v.trunc() && v.abs() < 1e6 => format!("{v}"),
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A table with a header row.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<S: Into<String>>(title: &str, head: impl IntoIterator<Item = S>) -> Self {
        Self {
            title: title.into(),
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with a cell for each column of the head.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(cells.len(), self.head.len(), "cells of a row: {cells:?}");
        self.rows.push(cells);
    }
}

/// A line of a plot.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// The data of a plot.
pub(crate) enum Shape {
    /// Lines over two logarithmic axes.
    Lines {
        across: &'static str,
        up: &'static str,
        series: Vec<Series>,
    },
    /// A bar for each name.
    Bars {
        along: &'static str,
        bars: Vec<(String, f64)>,
    },
}

/// A plot, in a file of its own.
pub(crate) struct Plot {
    /// File name without its ending.
    pub(crate) file: &'static str,
    pub(crate) title: String,
    pub(crate) shape: Shape,
}

/// The results of a workload.
pub(crate) struct Section {
    /// Its id, such as `W1`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The description of the workload.
    pub(crate) method: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) tables: Vec<Table>,
    pub(crate) plots: Vec<Plot>,
    /// Remarks that depend on the figures, one sentence each.
    pub(crate) remarks: Vec<String>,
}
