//! The workloads, by the ids that the report gives them.

mod commit;
mod group;
mod ingest;
mod proof;

use crate::Fallible;
use crate::figures::Section;
use clap::ValueEnum;
use std::path::PathBuf;
use tempfile::TempDir;

/// Where and how thoroughly to measure.
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) quick: bool,
}

impl Setup {
    /// An empty folder, gone when the value is dropped.
    fn scratch(&self, name: &str) -> Fallible<TempDir> {
        let prefix = format!("{name}-");
        Ok(TempDir::with_prefix_in(prefix, &self.folder)?)
    }

    /// One value for the short run, another for the full one.
    fn choose<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// One workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// One leaf at a time.
    #[value(name = "W1")]
    Commit,
    /// Many threads on one bucket.
    #[value(name = "W2")]
    Group,
    /// Proofs and challenge answers.
    #[value(name = "W3")]
    Proof,
    /// Storing and reading content.
    #[value(name = "W9")]
    Ingest,
}

impl Workload {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Commit => "W1",
            Self::Group => "W2",
            Self::Proof => "W3",
            Self::Ingest => "W9",
        }
    }

    pub(crate) fn run(self, setup: &Setup) -> Fallible<Section> {
        match self {
            Self::Commit => commit::run(setup),
            Self::Group => group::run(setup),
            Self::Proof => proof::run(setup),
            Self::Ingest => ingest::run(setup),
        }
    }
}
