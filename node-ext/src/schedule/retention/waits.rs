//! How long nothing has held the account to a bucket, kept over restarts: by the
//! chain's anchor blocks, and by time that this provider saw pass.
//!
//! Time counts from one look to the next, by a clock that nobody sets, and only
//! while the provider runs: a wall clock that jumps, or a head of a node that
//! lies, lets nothing go. Each look counts for a bounded time, so that one look
//! after a long silence is not taken for having watched.

use super::rules::Free;
use crate::index::{DutyKind, Index, IndexError};
use cairn_primitives::BucketId;
use codec::{Decode, DecodeAll, Encode};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most time that one look counts for: six usual looks.
const MOST_BETWEEN_LOOKS: Duration = Duration::from_secs(6 * 60 * 60);

/// What is kept of a bucket that nothing holds, SCALE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Kept {
    since: u32,
    passed_ms: u64,
}

/// What is kept of all buckets, and what one look has come to.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// None for a row that cannot be read.
    rows: BTreeMap<Vec<u8>, Option<Kept>>,
    /// To be written in one go.
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

    /// Notes at an anchor block whether nothing holds a bucket, where `passed`
    /// is the time since the last look. Returns since when that is so.
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

    /// What was kept of a bucket at the last look.
    pub(super) fn last(index: &Index, bucket: BucketId) -> Result<Option<Free>, IndexError> {
        let row = index.duty(DutyKind::Retention, &name_of(bucket))?;
        Ok(row.as_deref().and_then(parse).map(Kept::free))
    }

    /// Writes what was noted, durably.
    pub(super) fn write(self, index: &Index) -> Result<(), IndexError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let row = |(name, kept): (Vec<u8>, Option<Kept>)| (name, kept.map(|kept| kept.encode()));
        let changes: Vec<_> = self.changes.into_iter().map(row).collect();
        index.write_duties(DutyKind::Retention, &changes)
    }
}

/// How long nothing has held a bucket that nothing holds at an anchor block.
pub(super) fn wait(before: Option<Free>, anchor: u32, passed: Duration) -> Free {
    match before {
        Some(free) if free.since <= anchor => Free {
            passed: free.passed.saturating_add(passed.min(MOST_BETWEEN_LOOKS)),
            ..free
        },
        // Where the chain is before the block at which it began, that block was
        // another chain's.
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
