//! Moving buckets: out of a provider that goes on working, as a folder or one
//! archive with a manifest, and into another, which adopts only what it has
//! proven.
//!
//! Two providers that go on signing for one bucket promise different things,
//! and are slashed for it: what moves is the bucket, and the other one must stop.

mod archive;
mod error;
mod export;
mod files;
mod import;
mod manifest;
mod staging;
#[cfg(test)]
mod tests;

pub use error::TransferError;
pub use export::{Exported, Form};
pub use import::{Check, ImportRules, Imported, Source, Unprovable, import_bucket};
pub use manifest::{Manifest, ManifestFault, ManifestFile};
pub use staging::remove_unfinished;

/// The manifest's name, in a folder and in an archive.
const MANIFEST_NAME: &str = "manifest.json";
/// The database's folder, beside the manifest.
const DATABASE_DIR: &str = "bucket";

/// What an export or import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hashing what is to be exported, counted in bytes.
    Hashing,
    /// Copying files, counted in bytes.
    Copying,
    /// Rebuilding roots from content, counted in leaves.
    Checking,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// What is done of it.
    pub done: u64,
    /// What there is to do; 0 where nobody knows.
    pub total: u64,
}

/// Counts what a step has done, and tells it.
struct Meter<'p> {
    now: Progress,
    tell: &'p mut dyn FnMut(Progress),
}

impl<'p> Meter<'p> {
    fn new(step: Step, total: u64, tell: &'p mut dyn FnMut(Progress)) -> Self {
        let now = Progress {
            step,
            done: 0,
            total,
        };
        tell(now);
        Self { now, tell }
    }

    fn add(&mut self, more: u64) {
        self.now.done = self.now.done.saturating_add(more);
        (self.tell)(self.now);
    }
}
