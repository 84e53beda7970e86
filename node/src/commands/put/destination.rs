//! The destination of an upload: a bucket that is open in this process, or one of a
//! running provider.

use crate::failure::Failure;
use crate::remote::RemoteUpload;
use cairn_bucket::{IngestError, NewLeaf};
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::{HashingProfile, LeafIndex};
use cairn_provider::Lease;
use std::io::Read;
use std::path::Path;

/// The destination of an upload.
pub(super) trait Destination {
    /// Returns the bucket's hashing profile.
    fn hashing(&self) -> HashingProfile;

    /// Stores a file's content.
    fn store(&mut self, path: &Path, content: impl Read + Send) -> Result<NewLeaf, Failure>;

    /// Keeps the first `stored` files since the last `settle`, and forgets those after
    /// them.
    fn truncate(&mut self, stored: usize);

    /// Waits until the content of all files since the last `settle` is in the bucket.
    /// Returns for each how many of its bytes were new. After a failure, the files before
    /// the one that failed count.
    fn complete_files(&mut self) -> Result<Vec<u64>, Failure>;

    /// Commits the settled leaves. Returns the index of the first one, and the signed
    /// commitment.
    fn commit(&mut self, leaves: &[NewLeaf]) -> Result<(LeafIndex, SignedCommitment), Failure>;
}

/// A bucket that is open in this process. The content of a failed file is removed again.
pub(super) struct LocalUpload<'a> {
    bucket: &'a Lease,
    signer: &'a Signer,
    new_bytes: Vec<u64>,
}

impl<'a> LocalUpload<'a> {
    pub(super) const fn new(bucket: &'a Lease, signer: &'a Signer) -> Self {
        let new_bytes = Vec::new();
        Self {
            bucket,
            signer,
            new_bytes,
        }
    }
}

impl Destination for LocalUpload<'_> {
    fn hashing(&self) -> HashingProfile {
        self.bucket.config().profile
    }

    fn store(&mut self, path: &Path, content: impl Read + Send) -> Result<NewLeaf, Failure> {
        let fault = |source: IngestError| Failure::Ingest {
            path: path.to_owned(),
            source,
        };
        let stored = self.bucket.run(|bucket| bucket.ingest(content));
        let stored = stored.map_err(fault)?;
        self.new_bytes.push(stored.new_bytes);
        Ok(NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        })
    }

    fn truncate(&mut self, stored: usize) {
        self.new_bytes.truncate(stored);
    }

    fn complete_files(&mut self) -> Result<Vec<u64>, Failure> {
        Ok(std::mem::take(&mut self.new_bytes))
    }

    fn commit(&mut self, leaves: &[NewLeaf]) -> Result<(LeafIndex, SignedCommitment), Failure> {
        let (committed, signed) = self.bucket.commit_signed(leaves, self.signer)?;
        Ok((committed.first_leaf, signed))
    }
}

impl Destination for RemoteUpload<'_> {
    fn hashing(&self) -> HashingProfile {
        self.profile()
    }

    fn store(&mut self, path: &Path, content: impl Read + Send) -> Result<NewLeaf, Failure> {
        RemoteUpload::store(self, path, content)
    }

    fn truncate(&mut self, stored: usize) {
        self.forget_from(stored);
    }

    fn complete_files(&mut self) -> Result<Vec<u64>, Failure> {
        RemoteUpload::complete_files(self)
    }

    fn commit(&mut self, leaves: &[NewLeaf]) -> Result<(LeafIndex, SignedCommitment), Failure> {
        RemoteUpload::commit(self, leaves)
    }
}
