//! Imports a bucket: copies it to a folder next to its final place, compares it with its
//! manifest, opens and checks it there, and moves it into place as the last step.
//!
//! Also accepts a bucket's folder without a manifest, if no process has it open.

mod sources;

use super::error::TransferError;
use super::files;
use super::manifest::Manifest;
use super::staging::Staging;
use super::{TransferProgress, TransferStep};
use crate::bucket::Bucket;
use crate::error::ProveError;
use crate::fsck::{FsckReport, fsck};
use cairn_engine::layout::bucket_dir_name;
use cairn_engine::{Access, SharedResources};
use cairn_fs::free_at;
use cairn_primitives::{BucketId, Commitment};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The source of an import.
pub enum ImportSource<'s> {
    /// An exported folder, an archive in a file, or the folder of a closed bucket.
    Path(&'s Path),
    /// An archive.
    Archive(&'s mut dyn Read),
}

/// The checks before a bucket is adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportCheck {
    /// All checks of `fsck`: nothing is adopted that cannot be proven.
    Full,
    /// The hashes of all files, and the checks of opening. Only for one's own exports, since
    /// the author of a manifest determines the hashes.
    Quick,
}

/// How to treat leaves whose content the chain cannot verify, and other content that
/// occurs in no provable tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnprovablePolicy {
    /// Reject the bucket: its flags are only the author's claim.
    #[default]
    Refuse,
    /// Adopt the bucket, but sign nothing for it without the operator's consent.
    Accept,
}

/// The conditions for adopting a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportRules {
    /// The checks to make.
    pub check: ImportCheck,
    /// How to treat content that cannot be proven.
    pub unprovable: UnprovablePolicy,
}

impl From<ImportCheck> for ImportRules {
    fn from(check: ImportCheck) -> Self {
        Self {
            check,
            unprovable: UnprovablePolicy::default(),
        }
    }
}

/// An adopted bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The bucket.
    pub bucket: BucketId,
    /// Its folder.
    pub path: PathBuf,
    /// Its newest commitment.
    pub commitment: Commitment,
    /// Size of its files in the source, in bytes.
    pub bytes: u64,
    /// The report of the full check.
    pub report: Option<FsckReport>,
    /// Its leaves whose content the chain cannot verify.
    pub unprovable_leaves: u64,
}

/// Copies a bucket into `buckets`, the folder of all buckets, and adopts it after the
/// checks. Only reads the source.
///
/// The caller must have the base path open for writing. RocksDB, which reads the copied
/// database files, detects faults but is not hardened against malicious files. Import only
/// from sources that you trust that far.
///
/// # Errors
///
/// [`TransferError`]; nothing was adopted then, and nothing is left behind.
pub fn import_bucket(
    source: ImportSource<'_>,
    buckets: &Path,
    check: impl Into<ImportRules>,
    shared: &SharedResources,
    progress: &mut dyn FnMut(TransferProgress),
) -> Result<Imported, TransferError> {
    let mut import = Import {
        origin: match &source {
            ImportSource::Path(path) => path.display().to_string(),
            ImportSource::Archive(_) => "the archive".into(),
        },
        buckets,
        rules: check.into(),
        shared,
        progress,
    };
    match source {
        ImportSource::Archive(archive) => import.import_archive(archive),
        ImportSource::Path(path) => import.import_path(path),
    }
}

struct Import<'i> {
    origin: String,
    buckets: &'i Path,
    rules: ImportRules,
    shared: &'i SharedResources,
    progress: &'i mut dyn FnMut(TransferProgress),
}

impl Import<'_> {
    /// Makes a staging folder for a new bucket, if the disk has space for it.
    fn stage(&self, bucket: Option<BucketId>, needed: u64) -> Result<Staging, TransferError> {
        if let Some(bucket) = bucket {
            let path = self.buckets.join(bucket_dir_name(bucket));
            if std::fs::symlink_metadata(&path).is_ok() {
                return Err(TransferError::BucketExists { bucket, path });
            }
        }
        let fault = TransferError::io("ask for the free space of", self.buckets);
        let free = free_at(self.buckets).map_err(fault)?.free;
        if needed > free {
            return Err(TransferError::NoRoom {
                path: self.buckets.to_owned(),
                needed,
                free,
            });
        }
        self.shared.check_fits(needed)?;
        Staging::incoming(self.buckets, bucket)
    }

    /// Opens and checks the copy, and moves it into place.
    fn adopt(
        &mut self,
        staging: Staging,
        manifest: Option<&Manifest>,
        bytes: u64,
    ) -> Result<Imported, TransferError> {
        files::sync_folder(staging.work_path())?;
        let bucket =
            Bucket::open(staging.work_path(), Access::ReadWrite, self.shared).map_err(|fault| {
                TransferError::DoesNotOpen {
                    origin: self.origin.clone(),
                    fault,
                }
            })?;
        if let Some(manifest) = manifest {
            self.compare_with_manifest(&bucket, manifest)?;
        }
        let unprovable_leaves = self.check_unprovable(&bucket)?;
        let report = match self.rules.check {
            ImportCheck::Quick => None,
            ImportCheck::Full => Some(self.full_check(&bucket)?),
        };
        // Its roots were signed with another key. Clients must not make this provider
        // repeat these signatures. They stay provable.
        bucket
            .mark_signed_elsewhere()
            .map_err(|source| self.check_error(source))?;
        let (id, commitment) = (bucket.id(), bucket.commitment());
        // Then the first opening in place has nothing to replay.
        bucket
            .close()
            .map_err(|source| TransferError::CloseFailed {
                origin: self.origin.clone(),
                source,
            })?;
        files::sync_folder(staging.work_path())?;
        let path = self.buckets.join(bucket_dir_name(id));
        staging.publish(&path).map_err(|error| match error {
            TransferError::Exists { path } => TransferError::BucketExists { bucket: id, path },
            other => other,
        })?;
        Ok(Imported {
            bucket: id,
            path,
            commitment,
            bytes,
            report,
            unprovable_leaves,
        })
    }

    /// Counts the unprovable leaves, and rejects them unless they are allowed.
    fn check_unprovable(&self, bucket: &Bucket) -> Result<u64, TransferError> {
        let oddities = bucket.nonconforming_counts();
        let (leaves, nodes) = oddities.map_err(|source| self.check_error(source))?;
        let is_odd = leaves > 0 || nodes > 0;
        if is_odd && self.rules.unprovable == UnprovablePolicy::Refuse {
            return Err(TransferError::Unprovable {
                origin: self.origin.clone(),
                leaves,
                nodes,
            });
        }
        Ok(leaves)
    }

    fn check_error(&self, source: ProveError) -> TransferError {
        TransferError::CheckFailed {
            origin: self.origin.clone(),
            source,
        }
    }

    fn compare_with_manifest(
        &self,
        bucket: &Bucket,
        manifest: &Manifest,
    ) -> Result<(), TransferError> {
        let differs = |what, found: String, stated: String| {
            if found == stated {
                return Ok(());
            }
            Err(TransferError::ManifestMismatch {
                origin: self.origin.clone(),
                what,
                found,
                stated,
            })
        };
        let (found, stated) = (bucket.commitment(), manifest.commitment);
        let (config, stated_config) = (bucket.config(), manifest.config);
        for (what, found, stated) in [
            ("id", bucket.id().to_string(), manifest.bucket.to_string()),
            (
                "hashing",
                config.profile.to_string(),
                stated_config.profile.to_string(),
            ),
            (
                "quota",
                config.max_bytes.to_string(),
                stated_config.max_bytes.to_string(),
            ),
            (
                "root",
                format!("{:?}", found.mmr_root),
                format!("{:?}", stated.mmr_root),
            ),
            (
                "first sequence",
                found.start_seq.0.to_string(),
                stated.start_seq.0.to_string(),
            ),
            (
                "leaf count",
                found.leaf_count.to_string(),
                stated.leaf_count.to_string(),
            ),
            (
                "total size",
                bucket.total_size().to_string(),
                manifest.total_size.to_string(),
            ),
            (
                "content in bytes",
                bucket.usage().bytes.to_string(),
                manifest.used_bytes.to_string(),
            ),
        ] {
            differs(what, found, stated)?;
        }
        Ok(())
    }

    fn full_check(&mut self, bucket: &Bucket) -> Result<FsckReport, TransferError> {
        let total = bucket.commitment().leaf_count.get();
        let mut tell = |done| {
            (self.progress)(TransferProgress {
                step: TransferStep::Checking,
                done,
                total,
            });
        };
        tell(0);
        let report = fsck(bucket, tell).map_err(|source| self.check_error(source))?;
        let Some(first) = report.findings.first() else {
            return Ok(report);
        };
        let kept = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
        Err(TransferError::Findings {
            origin: self.origin.clone(),
            findings: kept.saturating_add(report.more_findings),
            first: format!("{}: {}", first.place, first.fault),
        })
    }
}
