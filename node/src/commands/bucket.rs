//! `cairn bucket`: making buckets, and what there is to know of them.

mod export;
mod import;
mod prune;
mod release;
mod remove;

use crate::amount;
use crate::args::Globals;
use crate::bucket_args::bucket_id;
use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::hex_text::to_hex;
use cairn_node_ext::{Access, Bucket, BucketConfig, Shared};
use cairn_primitives::{BucketId, HashingProfile};
use clap::Subcommand;
use indicatif::{HumanCount, HumanDuration};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What to do with buckets.
#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Make an empty bucket
    Create {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
        /// How it hashes, for its whole life
        #[arg(long, value_enum, default_value_t = Hashing::Plain)]
        hashing: Hashing,
        /// The most content that it may hold, each chunk counted once: 4096, 10GiB [default: no
        /// limit]
        #[arg(long, value_name = "SIZE", value_parser = amount::bytes)]
        quota: Option<u64>,
    },
    /// List the buckets
    List,
    /// Open a bucket whose log is damaged, and lose what is behind the damage. Its files are kept
    /// aside first
    Salvage {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
    },
    /// Remove a bucket with all that it holds
    Delete {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
        /// Also if it holds what was signed, which can be challenged as long as its agreement lives
        #[arg(long)]
        even_signed: bool,
    },
    /// Take a bucket out of quarantine as it is, repaired or known to be no longer whole
    Accept {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
    },
    /// Copy a bucket as it is now to a folder or an archive, for another provider to import
    Export(export::ExportArgs),
    /// Take over a bucket that was exported, or the folder of a closed one, once it has been checked
    Import(import::ImportArgs),
    /// Drop the leaves before a sequence. What was signed is proven as before, until it is released
    Prune(prune::PruneArgs),
    /// Give back what a pruned tree takes, when no challenge against it can stand any more
    Release(release::ReleaseArgs),
    /// Tell all there is to know of one bucket
    Info {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
    },
}

pub(crate) fn run(command: &BucketCommand, globals: &Globals) -> Result<(), Failure> {
    match command {
        BucketCommand::Create { id, hashing, quota } => create(*id, *hashing, *quota, globals),
        BucketCommand::List => list(globals),
        BucketCommand::Delete { id, even_signed } => remove::delete(*id, *even_signed, globals),
        BucketCommand::Accept { id } => remove::accept(*id, globals),
        BucketCommand::Info { id } => info(*id, globals),
        BucketCommand::Salvage { id } => salvage(*id, globals),
        BucketCommand::Export(args) => export::run(args, globals),
        BucketCommand::Import(args) => import::run(args, globals),
        BucketCommand::Prune(args) => prune::run(args, globals),
        BucketCommand::Release(args) => release::run(args, globals),
    }
}

fn create(
    id: BucketId,
    hashing: Hashing,
    quota: Option<u64>,
    globals: &Globals,
) -> Result<(), Failure> {
    let config = BucketConfig {
        profile: hashing.into(),
        max_bytes: quota.unwrap_or(BucketConfig::default().max_bytes),
    };
    let bucket = globals
        .create()?
        .create_bucket(id, config, &Shared::default())?;
    let summary = Summary::of(&bucket);
    bucket.close()?;
    let output = globals.output();
    if output.is_json() {
        return output.answer(&summary);
    }
    output.text(format_args!(
        "made bucket {id} ({} hashing, {}) in {}",
        config.profile,
        summary.quota_text(),
        summary.path.display()
    ))
}

fn salvage(id: BucketId, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadWrite)?;
    let salvaged = base.salvage_bucket(id, &Shared::default())?;
    let summary = Summary::of(&salvaged.bucket);
    salvaged.bucket.close()?;
    let output = globals.output();
    if output.is_json() {
        return output.answer(&summary);
    }
    output.text(format_args!(
        "{summary}\nthis is what is left; the files as they were are in {}.\nCompare it with what was \
         signed before you sign anything more, and run `cairn fsck {id}`",
        salvaged.kept_aside.display()
    ))
}

/// A bucket in one line.
#[derive(Serialize)]
struct Summary {
    bucket: u64,
    path: PathBuf,
    hashing: Hashing,
    quota_bytes: Option<u64>,
    used_bytes: u64,
    used_chunks: u64,
    start_seq: u64,
    leaf_count: u64,
    total_size: u64,
    mmr_root: String,
}

impl Summary {
    fn of(bucket: &Bucket) -> Self {
        let (config, usage) = (bucket.config(), bucket.usage());
        let commitment = bucket.commitment();
        Self {
            bucket: bucket.id().0,
            path: bucket.path().to_owned(),
            hashing: config.profile.into(),
            quota_bytes: (config.max_bytes != u64::MAX).then_some(config.max_bytes),
            used_bytes: usage.bytes,
            used_chunks: usage.chunks,
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.get(),
            total_size: bucket.total_size(),
            mmr_root: to_hex(commitment.mmr_root),
        }
    }

    fn quota_text(&self) -> String {
        self.quota_bytes.map_or_else(
            || "no quota".into(),
            |quota| format!("quota {}", amount::human(quota)),
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}  {}  {}  {} stored, {}  {}",
            self.bucket,
            HashingProfile::from(self.hashing),
            amount::counted_as(self.leaf_count, "leaf", "leaves"),
            amount::human(self.used_bytes),
            self.quota_text(),
            self.mmr_root,
        )
    }
}

/// A bucket that cannot be opened.
#[derive(Serialize)]
struct Unopened {
    bucket: u64,
    error: String,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  cannot be opened: {}", self.bucket, self.error)
    }
}

fn list(globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadOnly)?;
    let output = globals.output();
    let shared = Shared::default();
    let buckets = base.buckets()?;
    let mut unopened = 0usize;
    for id in &buckets {
        // One bucket's fault says nothing of the others.
        match base.open_bucket(*id, &shared) {
            Ok(bucket) => output.answer(&Summary::of(&bucket))?,
            Err(error) => {
                unopened = unopened.saturating_add(1);
                output.answer(&Unopened {
                    bucket: id.0,
                    error: error.to_string(),
                })?;
            }
        }
    }
    if buckets.is_empty() {
        let path = base.path().display();
        output.text(format_args!(
            "there are no buckets in {path}; make one with `cairn bucket create`"
        ))?;
    }
    match unopened {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!(
            "buckets that cannot be opened: {unopened} of {}",
            buckets.len()
        ))),
    }
}

/// A bucket in full.
#[derive(Serialize)]
struct Info {
    #[serde(flatten)]
    summary: Summary,
    peaks: Vec<String>,
    signed_roots: u64,
    last_signed_ms: Option<u64>,
    retired: Vec<release::Retired>,
}

fn info(id: BucketId, globals: &Globals) -> Result<(), Failure> {
    let bucket = globals
        .open(Access::ReadOnly)?
        .open_bucket(id, &Shared::default())?;
    let (mut signed_roots, mut last_signed_ms) = (0u64, None);
    for promise in bucket.promises()? {
        signed_roots = signed_roots.saturating_add(1);
        last_signed_ms = last_signed_ms.max(Some(promise?.signed_ms));
    }
    globals.output().answer(&Info {
        summary: Summary::of(&bucket),
        peaks: bucket.peaks().iter().map(to_hex).collect(),
        signed_roots,
        last_signed_ms,
        retired: bucket.retired()?.iter().map(Into::into).collect(),
    })
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            bucket,
            path,
            hashing,
            used_bytes,
            used_chunks,
            start_seq,
            leaf_count,
            total_size,
            mmr_root,
            ..
        } = &self.summary;
        let hashing = HashingProfile::from(*hashing);
        let (used, quota) = (amount::human(*used_bytes), self.summary.quota_text());
        writeln!(f, "bucket        {bucket}")?;
        writeln!(f, "folder        {}", path.display())?;
        writeln!(f, "hashing       {hashing}")?;
        writeln!(
            f,
            "stored        {used} in {}, {quota}",
            amount::counted(*used_chunks, "chunk")
        )?;
        writeln!(
            f,
            "committed     {} in {} from sequence {start_seq}",
            amount::human(*total_size),
            amount::counted_as(*leaf_count, "leaf", "leaves")
        )?;
        writeln!(f, "root          {mmr_root}")?;
        for (place, peak) in self.peaks.iter().enumerate() {
            writeln!(f, "{:<13} {peak}", if place == 0 { "peaks" } else { "" })?;
        }
        write!(f, "signed roots  {}", HumanCount(self.signed_roots))?;
        if let Some(signed_ms) = self.last_signed_ms {
            write!(f, ", the last {} ago", HumanDuration(age(signed_ms)))?;
        }
        for (place, tree) in self.retired.iter().enumerate() {
            write!(
                f,
                "\n{:<13} {tree}",
                if place == 0 { "retired" } else { "" }
            )?;
        }
        Ok(())
    }
}

/// How long ago a moment was, in milliseconds since the Unix epoch.
fn age(moment_ms: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let moment = Duration::from_millis(moment_ms);
    now.unwrap_or_default().saturating_sub(moment)
}
