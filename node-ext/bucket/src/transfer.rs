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
pub use export::{ExportFormat, Exported};
pub use import::{
    ImportCheck, ImportRules, ImportSource, Imported, UnprovablePolicy, import_bucket,
};
pub use manifest::{Manifest, ManifestError, ManifestFile};
pub use staging::remove_unfinished;

/// Name of the manifest, in a folder and in an archive.
const MANIFEST_NAME: &str = "manifest.json";
/// Name of the database's folder, next to the manifest.
const DATABASE_DIR: &str = "bucket";

/// A step of an export or import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferStep {
    /// Hashing files to export; counted in bytes.
    Hashing,
    /// Copying files; counted in bytes.
    Copying,
    /// Rebuilding roots from content; counted in leaves.
    Checking,
}

/// The progress of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferProgress {
    /// The step.
    pub step: TransferStep,
    /// Amount done.
    pub done: u64,
    /// Total amount; 0 if unknown.
    pub total: u64,
}

/// Counts and reports the progress of a step.
struct Meter<'p> {
    progress: TransferProgress,
    report: &'p mut dyn FnMut(TransferProgress),
}

impl<'p> Meter<'p> {
    fn new(step: TransferStep, total: u64, report: &'p mut dyn FnMut(TransferProgress)) -> Self {
        let progress = TransferProgress {
            step,
            done: 0,
            total,
        };
        report(progress);
        Self { progress, report }
    }

    fn add(&mut self, more: u64) {
        self.progress.done = self.progress.done.saturating_add(more);
        (self.report)(self.progress);
    }
}
