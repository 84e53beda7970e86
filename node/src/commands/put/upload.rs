//! An upload: stores each file, and commits a fixed number of files together.
//!
//! Content that is stored and not committed is useless. So when a file fails, the files
//! before it are committed first.

use super::destination::Destination;
use super::parts::{Part, Splitting};
use super::report::{SignedCommit, SkippedFile, StoredFile, UploadTotals};
use crate::escaped_path::{escaped, non_utf8_hex};
use crate::failure::Failure;
use crate::file_walk::FoundFile;
use crate::hex_text::to_hex;
use crate::output::Output;
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
    splitting: Splitting,
    totals: UploadTotals,
    started: Instant,
}

impl<'a, D: Destination> Upload<'a, D> {
    pub(super) fn new(
        destination: D,
        splitting: Splitting,
        output: Output,
        bar: ProgressBar,
    ) -> Self {
        Self {
            splitting,
            destination,
            output,
            bar,
            pending: Vec::new(),
            totals: UploadTotals::default(),
            started: Instant::now(),
        }
    }

    /// Stores all files, with a commit after each `commit_every` of them.
    pub(super) fn run(
        mut self,
        files: &'a [FoundFile],
        commit_every: NonZeroUsize,
    ) -> Result<UploadTotals, Failure> {
        match self.store_all(files, commit_every) {
            Ok(()) => {
                self.totals.elapsed = self.started.elapsed();
                Ok(self.totals)
            }
            Err(cause) => {
                // The first failure is the one to report; the tally says
                // whether this commit succeeded.
                let _ = self.commit();
                Err(Failure::Interrupted {
                    cause: Box::new(cause),
                    remains: self.totals.describe_committed(),
                })
            }
        }
    }

    fn store_all(
        &mut self,
        files: &'a [FoundFile],
        commit_every: NonZeroUsize,
    ) -> Result<(), Failure> {
        for file in files {
            match self.store(file) {
                Err(failure) if failure.is_changed_file() => self.skip_changed(file, &failure)?,
                stored => stored?,
            }
            if self.pending.len() >= commit_every.get() {
                self.commit()?;
            }
        }
        self.commit()
    }

    fn store(&mut self, found: &'a FoundFile) -> Result<(), Failure> {
        let path = found.path.as_path();
        self.bar.set_message(escaped(path).to_string());
        let file = found.open()?;
        let mut content = self.bar.wrap_read(file);
        let before = self.pending.len();
        for part in self.splitting.parts(found.length) {
            // The last part goes to the end of the file, even if the file has grown.
            let most = if part.is_last() { u64::MAX } else { part.bytes };
            let stored = self.destination.store(path, (&mut content).take(most));
            let leaf = stored.inspect_err(|_| {
                // A file is committed as a whole.
                self.destination.truncate(before);
                self.pending.truncate(before);
            })?;
            self.pending.push((path, leaf, part));
        }
        Ok(())
    }

    /// Reports a file that changed while it was read. Nothing of it is committed, and the
    /// upload continues with the others.
    fn skip_changed(&mut self, found: &FoundFile, failure: &Failure) -> Result<(), Failure> {
        self.totals.changed = self.totals.changed.saturating_add(1);
        let passed = SkippedFile::new(&found.path, failure);
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
        let new_bytes = self.destination.complete_files()?;
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
        self.totals.may_have_one_more = match &committed {
            Err(Failure::Remote(error)) => error.may_have_executed(),
            _ => false,
        };
        let (first_leaf, signed) = committed?;
        let took = start.elapsed();
        let mut files = Vec::with_capacity(pending.len());
        let stored = pending.into_iter().zip(new_bytes);
        for (leaf_index, ((path, leaf, part), new_bytes)) in (first_leaf.0..).zip(stored) {
            self.totals.bytes = self.totals.bytes.saturating_add(leaf.data_size);
            self.totals.new_bytes = self.totals.new_bytes.saturating_add(new_bytes);
            self.totals.files = self.totals.files.saturating_add(part.is_last().into());
            files.push(StoredFile {
                shown: escaped(path).to_string(),
                path: path.to_string_lossy().into_owned(),
                path_hex: non_utf8_hex(path),
                leaf_index,
                data_root: to_hex(leaf.data_root),
                data_size: leaf.data_size,
                part: part.if_several(),
                new_bytes,
            });
        }
        let hashing = self.destination.hashing().into();
        self.totals.commits = self.totals.commits.saturating_add(1);
        self.totals.last_root = Some(to_hex(signed.payload.commitment.mmr_root));
        let commit = SignedCommit::new(hashing, &signed, took, files);
        self.bar.suspend(|| self.output.answer(&commit))
    }
}
