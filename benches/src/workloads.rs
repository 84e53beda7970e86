//! The workloads, by their ids in the report.

mod burst;
mod cold;
mod commit;
mod dedup;
mod deletion;
mod filled;
mod group;
mod http;
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

/// The data folder and the scale of the measurements.
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) quick: bool,
}

impl Setup {
    /// Returns an empty folder, which is removed on drop.
    fn scratch(&self, name: &str) -> Fallible<TempDir> {
        let prefix = format!("{name}-");
        Ok(TempDir::with_prefix_in(prefix, &self.folder)?)
    }

    /// Selects a value for the short or the full run.
    fn choose<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Commits of one leaf at a time.
    #[value(name = "W1")]
    Commit,
    /// Commits from many threads to one bucket.
    #[value(name = "W2")]
    Group,
    /// Proofs and challenge answers.
    #[value(name = "W3")]
    Proof,
    /// Closed buckets.
    #[value(name = "W4")]
    Cold,
    /// Many open buckets.
    #[value(name = "W5")]
    Many,
    /// More buckets in use than may be open.
    #[value(name = "W6")]
    Thrash,
    /// The effect of load on another bucket.
    #[value(name = "W7")]
    Isolation,
    /// Removing buckets.
    #[value(name = "W8")]
    Deletion,
    /// Storing and reading content.
    #[value(name = "W9")]
    Ingest,
    /// A prune of the first half.
    #[value(name = "W10")]
    Prune,
    /// The space that isolation costs.
    #[value(name = "W11")]
    Dedup,
    /// A thousand challenges at once.
    #[value(name = "W12")]
    Burst,
    /// A restart after a kill.
    #[value(name = "W13")]
    Restart,
    /// Requests over a WebSocket.
    #[value(name = "W14")]
    Rpc,
    /// The import of a legacy database.
    #[value(name = "W15")]
    Import,
    /// Requests over HTTP.
    #[value(name = "W19")]
    Http,
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
            Self::Http => "W19",
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
            Self::Http => http::run(setup),
        }
    }
}
