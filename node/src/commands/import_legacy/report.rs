//! The text output of `cairn import-legacy`. Its JSON output is the library's report.

use crate::quantity;
use cairn_legacy_import::{LegacyBucketReport, LegacyNames, LegacyStatus, LegacySummary};
use serde::Serialize;
use std::fmt;

/// The report on one bucket.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct BucketOutput<'r>(pub(super) &'r LegacyBucketReport);

/// The report on the whole import.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct SummaryOutput<'r>(pub(super) &'r LegacySummary);

impl fmt::Display for BucketOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let status = match report.status {
            LegacyStatus::Imported => "imported",
            LegacyStatus::Importable => "can be imported",
            LegacyStatus::AlreadyThere => "already there",
            LegacyStatus::Refused => "refused",
        };
        write!(f, "bucket {}: {status}", report.bucket)?;
        if let Some(reason) = &report.reason {
            return write!(f, ": {reason}");
        }
        write!(
            f,
            ", {} from sequence {}, {} stored ({} according to the legacy database)",
            quantity::format_count_as(report.leaves, "leaf", "leaves"),
            report.start_seq,
            quantity::format_bytes(report.used_bytes),
            quantity::format_bytes(report.old_used_bytes),
        )?;
        if report.over_quota {
            let quota = quantity::format_bytes(report.max_bytes);
            write!(
                f,
                "\n  it exceeds its quota of {quota}, and accepts no more"
            )?;
        }
        if report.uneven_sizes > 0 {
            let leaves = quantity::format_count_as(report.uneven_sizes, "leaf", "leaves");
            write!(
                f,
                "\n  {leaves} with an inconsistent total size; kept as signed"
            )?;
        }
        for leaf in &report.unprovable {
            write!(
                f,
                "\n  leaf {} cannot be proven to the chain: {}",
                leaf.leaf_index, leaf.reason
            )?;
        }
        if report.more_unprovable > 0 {
            let more = report.more_unprovable;
            write!(f, "\n  and {more} more such leaves")?;
        }
        write_names(f, "object", &report.objects)?;
        write_names(f, "file", &report.files)
    }
}

fn write_names(f: &mut fmt::Formatter<'_>, kind: &str, names: &LegacyNames) -> fmt::Result {
    let count = |count| quantity::format_count(count, &format!("{kind} name"));
    if names.imported > 0 {
        write!(f, "\n  {}", count(names.imported))?;
    }
    if names.already_there > 0 {
        write!(f, "\n  {} already there", count(names.already_there))?;
    }
    if names.perhaps_removed > 0 {
        let missing = count(names.perhaps_removed);
        write!(
            f,
            "\n  {missing} not imported again: names were removed or replaced since"
        )?;
    }
    for name in &names.not_imported {
        // Quoted, as it may have any characters.
        write!(
            f,
            "\n  {kind} {:?} is not imported: {}",
            name.name, name.reason
        )?;
    }
    if names.more_not_imported > 0 {
        let more = names.more_not_imported;
        write!(f, "\n  and {more} more such names")?;
    }
    if let Some(fault) = &names.index_fault {
        write!(
            f,
            "\n  the index of its {kind}s is not read to its end: {fault}"
        )?;
    }
    Ok(())
}

impl fmt::Display for SummaryOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.0;
        let imported = if summary.dry_run {
            "could be imported"
        } else {
            "imported"
        };
        write!(
            f,
            "era {}, {} hashing; of {}, {imported}: {} with {} and {}, already there: {}, refused: {}",
            summary.era,
            summary.hashing,
            quantity::format_count(summary.buckets, "bucket"),
            summary.imported,
            quantity::format_count_as(summary.leaves, "leaf", "leaves"),
            quantity::format_bytes(summary.used_bytes),
            summary.already_there,
            summary.refused,
        )?;
        if summary.unreadable_keys > 0 {
            let keys = summary.unreadable_keys;
            write!(f, "\nkeys in the bucket table that are not ids: {keys}")?;
        }
        let names = quantity::format_count(summary.names, "name");
        match &summary.indexes {
            Some(path) => write!(
                f,
                "\n{names} of objects and files, by the indexes in {path}"
            )?,
            None => write!(
                f,
                "\nno indexes of objects and files found; --indexes names their folder"
            )?,
        }
        for file in &summary.unmatched_indexes {
            write!(
                f,
                "\nthe index {file:?} belongs to no bucket of this database"
            )?;
        }
        if summary.more_unmatched_indexes > 0 {
            let more = summary.more_unmatched_indexes;
            write!(f, "\nand {more} more such indexes")?;
        }
        match summary.nonce_counter {
            Some(nonce) => write!(f, "\nthe provider's nonce counter: {nonce}"),
            None => write!(f, "\nthe provider has no nonce counter"),
        }
    }
}
