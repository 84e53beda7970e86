//! Moves buckets: exports one from a running provider, as a folder or an archive with a
//! manifest, and imports one into another provider, which adopts only what it has verified.
//!
//! Two providers that both sign for one bucket sign contradicting commitments, and are
//! slashed. So after a move, the first one must stop.

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

/// Name of the manifest, in a folder and in an archive.
const MANIFEST_NAME: &str = "manifest.json";
/// Name of the database's folder, next to the manifest.
const DATABASE_DIR: &str = "bucket";

/// A step of an export or import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hashing files to export; counted in bytes.
    Hashing,
    /// Copying files; counted in bytes.
    Copying,
    /// Rebuilding roots from content; counted in leaves.
    Checking,
}

/// The progress of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Amount done.
    pub done: u64,
    /// Total amount; 0 if unknown.
    pub total: u64,
}

/// Counts and reports the progress of a step.
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
