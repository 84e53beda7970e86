//! `cairn bucket import`: adopts a bucket from another provider, after checking that it
//! holds what was signed.

use super::export::NOTICE;
use crate::escaped_path::{escaped, json_path};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::progress::TransferBars;
use crate::provider_args::open_provider;
use crate::{advice, quantity};
use cairn_bucket::{ImportCheck, ImportRules, ImportSource, Imported, UnprovablePolicy};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Exported folder or archive, or the folder of a closed bucket; `-` reads an archive from
    /// stdin
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Only compare the files with the manifest's hashes, without rebuilding every root from the
    /// content. For your own exports
    #[arg(long)]
    quick: bool,
    /// Accept flagged leaves, which the chain cannot verify. Nothing is then signed for the bucket
    /// until `cairn bucket sign-unprovable`
    #[arg(long)]
    allow_unprovable: bool,
}

/// The output of the command.
#[derive(Serialize)]
struct ImportSummary {
    bucket: u64,
    #[serde(serialize_with = "json_path")]
    path: PathBuf,
    bytes: u64,
    leaf_count: u64,
    start_seq: u64,
    mmr_root: String,
    /// Signed roots that the full check rebuilt; `None` after a quick check.
    signed_roots: Option<u64>,
    /// Leaves whose answers the chain cannot verify.
    unprovable_leaves: u64,
    /// The reason why nothing is signed for it, if there is one.
    not_signed: Option<String>,
    notice: &'static str,
}

impl fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checked = match self.signed_roots {
            Some(roots) => format!("{} rebuilt", quantity::format_count(roots, "signed root")),
            None => format!("content not checked; run `cairn fsck {}`", self.bucket),
        };
        write!(
            f,
            "imported bucket {} ({}, {}; {checked}) to {}\nroot {}\nnote: {}",
            self.bucket,
            quantity::format_count_as(self.leaf_count, "leaf", "leaves"),
            quantity::format_bytes(self.bytes),
            escaped(&self.path),
            self.mmr_root,
            self.notice,
        )?;
        if self.unprovable_leaves > 0 {
            let leaves = quantity::format_count_as(self.unprovable_leaves, "leaf", "leaves");
            write!(f, "\nunprovable {leaves}")?;
        }
        match &self.not_signed {
            Some(reason) => write!(f, "\n{reason}"),
            None => Ok(()),
        }
    }
}

pub(super) fn run(args: &ImportArgs, globals: &Globals) -> Result<(), Failure> {
    let provider = open_provider(globals.create()?)?;
    let rules = ImportRules {
        check: match args.quick {
            true => ImportCheck::Quick,
            false => ImportCheck::Full,
        },
        unprovable: match args.allow_unprovable {
            true => UnprovablePolicy::Accept,
            false => UnprovablePolicy::Refuse,
        },
    };
    let mut stdin = std::io::stdin().lock();
    let source = if args.source == Path::new("-") {
        ImportSource::Archive(&mut stdin)
    } else {
        ImportSource::Path(&args.source)
    };
    let mut bars = TransferBars::default();
    let mut show = |progress| bars.show(progress);
    let imported = provider.import_bucket(source, rules, &mut show);
    bars.clear();
    let Imported {
        bucket,
        path,
        commitment,
        bytes,
        report,
        unprovable_leaves,
    } = imported?;
    let record = provider.summary(bucket)?;
    let not_signed = provider.signing_refusal(bucket, &record);
    globals.output().answer(&ImportSummary {
        bucket: bucket.0,
        path,
        bytes,
        leaf_count: commitment.leaf_count.get(),
        start_seq: commitment.start_seq.0,
        mmr_root: to_hex(commitment.mmr_root),
        signed_roots: report.map(|report| report.signed_roots),
        unprovable_leaves,
        not_signed: not_signed.map(|refused| advice::joined(&refused, advice::signing(&refused))),
        notice: NOTICE,
    })
}
