//! The newest commitment of the legacy provider to a bucket, recorded next to the imported bucket.
//!
//! The legacy provider signed it for anybody who asked, until it was stopped for the import. So
//! Cairn may sign it again, for clients that ask for it first. Nothing is recorded of a bucket with
//! a leaf whose content the chain cannot verify: strangers who have no such signature yet would get
//! one, and no proof would answer their challenge.

use super::decode::LegacyState;
use super::report::LegacyBucketReport;
use cairn_bucket::write_legacy_commitment;
use cairn_fs::FileError;
use cairn_primitives::{BucketId, Commitment, LeafCount, Sequence};
use std::path::Path;

/// Records the newest commitment durably, if a bucket has it as its own newest.
///
/// A loss of power before the bucket is in its place leaves a record without a bucket, which says
/// nothing wrong: the legacy provider has signed it, whatever bucket comes.
pub(super) fn record(
    base: &Path,
    (bucket, state): (BucketId, &LegacyState),
    newest: &Commitment,
    report: &LegacyBucketReport,
) -> Result<(), FileError> {
    // The list of leaves is bounded, but never empty if there are any.
    if commitment(state) != Some(*newest) || !report.unprovable.is_empty() {
        return Ok(());
    }
    write_legacy_commitment(base, bucket, newest)
}

/// Returns the commitment to a state; `None` without leaves, since that is never signed.
fn commitment(state: &LegacyState) -> Option<Commitment> {
    let count = u64::try_from(state.leaves.len()).ok()?;
    let leaf_count = LeafCount::new(count).filter(|count| count.get() > 0)?;
    Some(Commitment {
        mmr_root: state.mmr_root,
        start_seq: Sequence(state.start_seq),
        leaf_count,
    })
}
