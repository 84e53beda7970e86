//! The record, across restarts, of how long nothing has held the account to a bucket: in the
//! chain's anchor blocks, and in time that this provider measured.
//!
//! Time counts from one pass to the next, by a monotonic clock, and only while the provider runs: a
//! wall clock that jumps, or a lying node, releases nothing. Each pass counts for a bounded time,
//! so that one pass after a long silence does not count as continuous observation.

use super::rules::FreeSince;
use cairn_primitives::BucketId;
use cairn_provider::{DutyKind, Index, IndexError};
use codec::{Decode, DecodeAll, Encode};
use std::collections::BTreeMap;
use std::time::Duration;

/// The maximum time that one pass counts for: six default intervals.
const MAX_COUNTED_INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);

/// The row of a bucket that nothing holds, in SCALE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct FreePeriodRow {
    since: u32,
    passed_ms: u64,
}

/// The rows of all buckets, and the changes of one pass.
#[derive(Debug, Default)]
pub(super) struct FreePeriods {
    /// `None` for an unreadable row.
    rows: BTreeMap<Vec<u8>, Option<FreePeriodRow>>,
    /// Written in one batch.
    changes: BTreeMap<Vec<u8>, Option<FreePeriodRow>>,
}

impl FreePeriods {
    pub(super) fn read(index: &Index) -> Result<Self, IndexError> {
        let rows = index.duties(DutyKind::Retention)?;
        let parsed = |(name, value): (Vec<u8>, Vec<u8>)| (name, parse(&value));
        Ok(Self {
            rows: rows.into_iter().map(parsed).collect(),
            changes: BTreeMap::new(),
        })
    }

    /// Records at an anchor block whether a bucket is free, where `passed` is the time since the
    /// last pass. Returns since when it is free, or `None` if it is not.
    pub(super) fn record(
        &mut self,
        bucket: BucketId,
        is_free: bool,
        anchor: u32,
        passed: Duration,
    ) -> Option<FreeSince> {
        let name = row_key(bucket);
        let row = self.rows.get(&name).copied();
        let before = row.flatten().map(FreePeriodRow::to_free);
        let after = is_free.then(|| advance(before, anchor, passed));
        if row.is_some() || after.is_some() {
            self.changes
                .insert(name, after.map(FreePeriodRow::from_free));
        }
        after
    }

    /// Reads the record of a bucket at the last pass.
    pub(super) fn read_last(
        index: &Index,
        bucket: BucketId,
    ) -> Result<Option<FreeSince>, IndexError> {
        let row = index.duty(DutyKind::Retention, &row_key(bucket))?;
        Ok(row.as_deref().and_then(parse).map(FreePeriodRow::to_free))
    }

    /// Writes the changes durably.
    pub(super) fn write(self, index: &Index) -> Result<(), IndexError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let row =
            |(name, kept): (Vec<u8>, Option<FreePeriodRow>)| (name, kept.map(|kept| kept.encode()));
        let changes: Vec<_> = self.changes.into_iter().map(row).collect();
        index.write_duties(DutyKind::Retention, &changes)
    }
}

/// Advances the record of a bucket that is free at an anchor block.
pub(super) fn advance(before: Option<FreeSince>, anchor: u32, passed: Duration) -> FreeSince {
    match before {
        Some(free) if free.since <= anchor => FreeSince {
            elapsed: free
                .elapsed
                .saturating_add(passed.min(MAX_COUNTED_INTERVAL)),
            ..free
        },
        // If the chain is before the recorded block, that block was another chain's.
        Some(_) | None => FreeSince {
            since: anchor,
            elapsed: Duration::ZERO,
        },
    }
}

impl FreePeriodRow {
    fn from_free(free: FreeSince) -> Self {
        Self {
            since: free.since,
            passed_ms: millis(free.elapsed),
        }
    }

    fn to_free(self) -> FreeSince {
        FreeSince {
            since: self.since,
            elapsed: Duration::from_millis(self.passed_ms),
        }
    }
}

fn parse(value: &[u8]) -> Option<FreePeriodRow> {
    FreePeriodRow::decode_all(&mut &*value).ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn row_key(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}
