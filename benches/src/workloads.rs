//! The workloads, by the ids that the report gives them.

mod burst;
mod cold;
mod commit;
mod dedup;
mod deletion;
mod filled;
mod group;
mod import;
mod ingest;
mod isolation;
mod many;
mod proof;
mod prune;
mod restart;
mod rpc;
mod thrash;

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
    /// Buckets that are not open.
    #[value(name = "W4")]
    Cold,
    /// Many buckets that are open.
    #[value(name = "W5")]
    Many,
    /// More buckets in use than may be open.
    #[value(name = "W6")]
    Thrash,
    /// What one bucket feels of another.
    #[value(name = "W7")]
    Isolation,
    /// Removing buckets.
    #[value(name = "W8")]
    Deletion,
    /// Storing and reading content.
    #[value(name = "W9")]
    Ingest,
    /// Dropping the first half.
    #[value(name = "W10")]
    Prune,
    /// What isolation costs in bytes.
    #[value(name = "W11")]
    Dedup,
    /// A thousand challenges at once.
    #[value(name = "W12")]
    Burst,
    /// Killed, and started again.
    #[value(name = "W13")]
    Restart,
    /// Asked over a WebSocket.
    #[value(name = "W14")]
    Rpc,
    /// Taking over what today's provider holds.
    #[value(name = "W15")]
    Import,
}

impl Workload {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Commit => "W1",
            Self::Group => "W2",
            Self::Proof => "W3",
            Self::Cold => "W4",
            Self::Many => "W5",
            Self::Thrash => "W6",
            Self::Isolation => "W7",
            Self::Deletion => "W8",
            Self::Ingest => "W9",
            Self::Prune => "W10",
            Self::Dedup => "W11",
            Self::Burst => "W12",
            Self::Restart => "W13",
            Self::Rpc => "W14",
            Self::Import => "W15",
        }
    }

    pub(crate) fn run(self, setup: &Setup) -> Fallible<Section> {
        match self {
            Self::Commit => commit::run(setup),
            Self::Group => group::run(setup),
            Self::Proof => proof::run(setup),
            Self::Cold => cold::run(setup),
            Self::Many => many::run(setup),
            Self::Thrash => thrash::run(setup),
            Self::Isolation => isolation::run(setup),
            Self::Deletion => deletion::run(setup),
            Self::Ingest => ingest::run(setup),
            Self::Prune => prune::run(setup),
            Self::Dedup => dedup::run(setup),
            Self::Burst => burst::run(setup),
            Self::Restart => restart::run(setup),
            Self::Rpc => rpc::run(setup),
            Self::Import => import::run(setup),
        }
    }
}
