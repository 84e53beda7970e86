//! One upload: each file is stored, and every so many are committed together.
//!
//! An upload that ends early leaves no content that is stored and not
//! committed: what a failed file stored is taken back, and the files before it
//! are committed first.

use super::report::{SignedCommit, StoredFile, Tally};
use crate::failure::Failure;
use crate::output::Output;
use crate::walk::Found;
use cairn_node_ext::{Bucket, Ingested, NewLeaf, Signer};
use indicatif::ProgressBar;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

/// An upload under way.
pub(super) struct Upload<'a> {
    bucket: &'a Bucket,
    signer: &'a Signer,
    output: Output,
    bar: ProgressBar,
    /// Stored, and not committed yet.
    pending: Vec<(&'a Path, Ingested)>,
    tally: Tally,
    since: Instant,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        bucket: &'a Bucket,
        signer: &'a Signer,
        output: Output,
        bar: ProgressBar,
    ) -> Self {
        Self {
            bucket,
            signer,
            output,
            bar,
            pending: Vec::new(),
            tally: Tally::default(),
            since: Instant::now(),
        }
    }

    /// Stores all files, and commits every `commit_every` of them.
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
            Err(cause) => Err(Failure::Stopped {
                cause: Box::new(cause),
                stays: self.tally.stays(),
            }),
        }
    }

    fn store_all(&mut self, files: &'a [Found], commit_every: NonZeroUsize) -> Result<(), Failure> {
        for file in files {
            if let Err(cause) = self.store(&file.path) {
                // The first failure is the one to report; the tally says
                // whether this commit succeeded.
                let _ = self.commit();
                return Err(cause);
            }
            if self.pending.len() >= commit_every.get() {
                self.commit()?;
            }
        }
        self.commit()
    }

    fn store(&mut self, path: &'a Path) -> Result<(), Failure> {
        self.bar.set_message(path.display().to_string());
        let file = File::open(path).map_err(|source| Failure::file("read", path, source))?;
        let content = self.bar.wrap_read(file);
        let stored = self.bucket.ingest(content);
        let stored = stored.map_err(|source| Failure::Ingest {
            path: path.to_owned(),
            source,
        })?;
        self.pending.push((path, stored));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let leaves: Vec<_> = pending
            .iter()
            .map(|(_, stored)| NewLeaf {
                data_root: stored.data_root,
                data_size: stored.data_size,
            })
            .collect();
        let start = Instant::now();
        let (committed, signed) = self.bucket.commit_signed(&leaves, self.signer)?;
        let took = start.elapsed();
        let mut files = Vec::with_capacity(pending.len());
        for (leaf_index, (path, stored)) in (committed.first_leaf.0..).zip(pending) {
            self.tally.bytes = self.tally.bytes.saturating_add(stored.data_size);
            self.tally.new_bytes = self.tally.new_bytes.saturating_add(stored.new_bytes);
            self.tally.files = self.tally.files.saturating_add(1);
            files.push(StoredFile {
                path: path.to_string_lossy().into_owned(),
                leaf_index,
                data_root: crate::hex_text::to_hex(stored.data_root),
                data_size: stored.data_size,
                new_bytes: stored.new_bytes,
            });
        }
        let hashing = self.bucket.config().profile.into();
        self.tally.commits = self.tally.commits.saturating_add(1);
        self.tally.last_root = Some(crate::hex_text::to_hex(committed.commitment.mmr_root));
        let commit = SignedCommit::new(hashing, &signed, took, files);
        self.bar.suspend(|| self.output.answer(&commit))
    }
}
