//! The record, across restarts, of how long nothing has held the account to a bucket: in the
//! chain's anchor blocks, and in time that this provider measured.
//!
//! Time counts from one pass to the next, by a monotonic clock, and only while the provider runs: a
//! wall clock that jumps, or a lying node, releases nothing. Each pass counts for a bounded time,
//! so that one pass after a long silence does not count as continuous observation.

use super::rules::Free;
use cairn_primitives::BucketId;
use cairn_provider::{DutyKind, Index, IndexError};
use codec::{Decode, DecodeAll, Encode};
use std::collections::BTreeMap;
use std::time::Duration;

/// The maximum time that one pass counts for: six default intervals.
const MOST_BETWEEN_LOOKS: Duration = Duration::from_secs(6 * 60 * 60);

/// The row of a bucket that nothing holds, in SCALE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Kept {
    since: u32,
    passed_ms: u64,
}

/// The rows of all buckets, and the changes of one pass.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// `None` for an unreadable row.
    rows: BTreeMap<Vec<u8>, Option<Kept>>,
    /// Written in one batch.
    changes: BTreeMap<Vec<u8>, Option<Kept>>,
}

impl Waits {
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
    pub(super) fn note(
        &mut self,
        bucket: BucketId,
        is_free: bool,
        anchor: u32,
        passed: Duration,
    ) -> Option<Free> {
        let name = name_of(bucket);
        let row = self.rows.get(&name).copied();
        let before = row.flatten().map(Kept::free);
        let after = is_free.then(|| wait(before, anchor, passed));
        if row.is_some() || after.is_some() {
            self.changes.insert(name, after.map(Kept::of));
        }
        after
    }

    /// Reads the record of a bucket at the last pass.
    pub(super) fn last(index: &Index, bucket: BucketId) -> Result<Option<Free>, IndexError> {
        let row = index.duty(DutyKind::Retention, &name_of(bucket))?;
        Ok(row.as_deref().and_then(parse).map(Kept::free))
    }

    /// Writes the changes durably.
    pub(super) fn write(self, index: &Index) -> Result<(), IndexError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let row = |(name, kept): (Vec<u8>, Option<Kept>)| (name, kept.map(|kept| kept.encode()));
        let changes: Vec<_> = self.changes.into_iter().map(row).collect();
        index.write_duties(DutyKind::Retention, &changes)
    }
}

/// Advances the record of a bucket that is free at an anchor block.
pub(super) fn wait(before: Option<Free>, anchor: u32, passed: Duration) -> Free {
    match before {
        Some(free) if free.since <= anchor => Free {
            passed: free.passed.saturating_add(passed.min(MOST_BETWEEN_LOOKS)),
            ..free
        },
        // If the chain is before the recorded block, that block was another chain's.
        Some(_) | None => Free {
            since: anchor,
            passed: Duration::ZERO,
        },
    }
}

impl Kept {
    fn of(free: Free) -> Self {
        Self {
            since: free.since,
            passed_ms: millis(free.passed),
        }
    }

    fn free(self) -> Free {
        Free {
            since: self.since,
            passed: Duration::from_millis(self.passed_ms),
        }
    }
}

fn parse(value: &[u8]) -> Option<Kept> {
    Kept::decode_all(&mut &*value).ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn name_of(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}
