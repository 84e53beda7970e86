//! An upload: stores each file, and commits a fixed number of files together.
//!
//! Content that is stored and not committed is useless. So when a file fails, the files
//! before it are committed first.

use super::destination::Destination;
use super::parts::{Cutting, Part};
use super::report::{PassedOver, SignedCommit, StoredFile, Tally};
use crate::failure::Failure;
use crate::hex_text::to_hex;
use crate::output::Output;
use crate::shown::{hex_unless_text, shown};
use crate::walk::Found;
use cairn_bucket::NewLeaf;
use indicatif::ProgressBar;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

/// An upload in progress.
pub(super) struct Upload<'a, D> {
    destination: D,
    output: Output,
    bar: ProgressBar,
    /// Stored, not committed yet.
    pending: Vec<(&'a Path, NewLeaf, Part)>,
    cutting: Cutting,
    tally: Tally,
    since: Instant,
}

impl<'a, D: Destination> Upload<'a, D> {
    pub(super) fn new(destination: D, cutting: Cutting, output: Output, bar: ProgressBar) -> Self {
        Self {
            cutting,
            destination,
            output,
            bar,
            pending: Vec::new(),
            tally: Tally::default(),
            since: Instant::now(),
        }
    }

    /// Stores all files, with a commit after each `commit_every` of them.
    pub(super) fn run(
        mut self,
        files: &'a [Found],
        commit_every: NonZeroUsize,
    ) -> Result<Tally, Failure> {
        match self.store_all(files, commit_every) {
            Ok(()) => {
                self.tally.took = self.since.elapsed();
                Ok(self.tally)
            }
            Err(cause) => {
                // The first failure is the one to report; the tally says
                // whether this commit succeeded.
                let _ = self.commit();
                Err(Failure::Stopped {
                    cause: Box::new(cause),
                    stays: self.tally.stays(),
                })
            }
        }
    }

    fn store_all(&mut self, files: &'a [Found], commit_every: NonZeroUsize) -> Result<(), Failure> {
        for file in files {
            match self.store(file) {
                Err(failure) if failure.is_changed_file() => self.pass_over(file, &failure)?,
                stored => stored?,
            }
            if self.pending.len() >= commit_every.get() {
                self.commit()?;
            }
        }
        self.commit()
    }

    fn store(&mut self, found: &'a Found) -> Result<(), Failure> {
        let path = found.path.as_path();
        self.bar.set_message(shown(path).to_string());
        let file = found.open()?;
        let mut content = self.bar.wrap_read(file);
        let before = self.pending.len();
        for part in self.cutting.parts(found.length) {
            // The last part goes to the end of the file, even if the file has grown.
            let most = if part.is_last() { u64::MAX } else { part.bytes };
            let stored = self.destination.store(path, (&mut content).take(most));
            let leaf = stored.inspect_err(|_| {
                // A file is committed as a whole.
                self.destination.keep(before);
                self.pending.truncate(before);
            })?;
            self.pending.push((path, leaf, part));
        }
        Ok(())
    }

    /// Reports a file that changed while it was read. Nothing of it is committed, and the
    /// upload continues with the others.
    fn pass_over(&mut self, found: &Found, failure: &Failure) -> Result<(), Failure> {
        self.tally.changed = self.tally.changed.saturating_add(1);
        let passed = PassedOver::new(&found.path, failure);
        self.bar.suspend(|| {
            if self.output.is_json() {
                return self.output.answer(&passed);
            }
            // If stderr fails too, the exit code still tells.
            let _ = writeln!(std::io::stderr(), "{passed}");
            Ok(())
        })
    }

    fn commit(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let new_bytes = self.destination.settle()?;
        let mut pending = std::mem::take(&mut self.pending);
        // Files after one that failed were not stored.
        pending.truncate(new_bytes.len());
        while pending.last().is_some_and(|(_, _, part)| !part.is_last()) {
            pending.pop();
        }
        if pending.is_empty() {
            return Ok(());
        }
        let leaves: Vec<_> = pending.iter().map(|(_, leaf, _)| *leaf).collect();
        let start = Instant::now();
        let committed = self.destination.commit(&leaves);
        self.tally.is_unsure = match &committed {
            Err(Failure::Remote(error)) => error.leaves_unsure(),
            _ => false,
        };
        let (first_leaf, signed) = committed?;
        let took = start.elapsed();
        let mut files = Vec::with_capacity(pending.len());
        let stored = pending.into_iter().zip(new_bytes);
        for (leaf_index, ((path, leaf, part), new_bytes)) in (first_leaf.0..).zip(stored) {
            self.tally.bytes = self.tally.bytes.saturating_add(leaf.data_size);
            self.tally.new_bytes = self.tally.new_bytes.saturating_add(new_bytes);
            self.tally.files = self.tally.files.saturating_add(part.is_last().into());
            files.push(StoredFile {
                shown: shown(path).to_string(),
                path: path.to_string_lossy().into_owned(),
                path_hex: hex_unless_text(path),
                leaf_index,
                data_root: to_hex(leaf.data_root),
                data_size: leaf.data_size,
                part: part.of_several(),
                new_bytes,
            });
        }
        let hashing = self.destination.hashing().into();
        self.tally.commits = self.tally.commits.saturating_add(1);
        self.tally.last_root = Some(to_hex(signed.payload.commitment.mmr_root));
        let commit = SignedCommit::new(hashing, &signed, took, files);
        self.bar.suspend(|| self.output.answer(&commit))
    }
}
