//! The durable record of what was signed for checkpoint windows: a single commitment for each,
//! written before the signature exists, so that no restart signs another.
//!
//! The windows of a bucket that have ended are kept as one number, below which nothing is signed.

use super::Refusal;
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{DutyKind, Index, IndexError, WINDOWS_COMPLETE_SINCE, WINDOWS_LAST_SEEN};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;

/// How many windows a new index does not sign for: that of the first block that it saw, and the
/// next, for which an earlier index may have signed as well.
const UNKNOWN_WINDOWS: u64 = 2;

/// The interval, in anchor blocks, at which the last seen block is recorded: a synced row every two
/// minutes.
const RECORD_INTERVAL: u32 = 20;

/// The maximum gap, in anchor blocks, between the last recorded block and a new one: ten minutes.
/// Beyond it the index may have been restored from an older copy that has forgotten signatures, and
/// so is treated as a new one.
const MAX_UNSEEN_GAP: u32 = 100;

/// The signatures for one bucket's windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, codec::Encode, codec::Decode)]
struct SignedWindows {
    /// Nothing is signed for windows before this one.
    floor: u64,
    /// Sorted by window.
    commitments: Vec<(u64, Commitment)>,
}

impl SignedWindows {
    fn get(&self, window: u64) -> Option<Commitment> {
        let is_of = |(of, _): &&(u64, Commitment)| *of == window;
        self.commitments
            .iter()
            .find(is_of)
            .map(|(_, signed)| *signed)
    }
}

/// How much an index knows of signatures for windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WindowHistory {
    /// All of them.
    Complete,
    /// Nothing, and it has seen no block yet.
    Unknown,
    /// Nothing from before its first block, which had this anchor block.
    KnownFrom(u32),
}

/// The index's rows that concern all buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct WindowMeta {
    history: WindowHistory,
    /// The last recorded anchor block.
    last_seen: Option<u32>,
}

impl WindowMeta {
    /// Read each time, since it is reset when the base path adopts another chain.
    fn read(index: &Index) -> Result<Self, IndexError> {
        let history = match index.duty(DutyKind::Window, WINDOWS_COMPLETE_SINCE)? {
            None => WindowHistory::Complete,
            Some(value) => match Option::<u32>::decode_all(&mut &*value) {
                Ok(Some(anchor)) => WindowHistory::KnownFrom(anchor),
                // An unreadable row counts as unknown.
                Ok(None) | Err(_) => WindowHistory::Unknown,
            },
        };
        let seen = index.duty(DutyKind::Window, WINDOWS_LAST_SEEN)?;
        let seen = seen.and_then(|value| u32::decode_all(&mut &*value).ok());
        Ok(Self {
            history,
            last_seen: seen,
        })
    }

    /// Returns the state after a finalized block.
    const fn after_block(self, anchor: u32) -> Self {
        let is_unseen = match self.last_seen {
            Some(seen) => anchor.saturating_sub(seen) > MAX_UNSEEN_GAP,
            None => false,
        };
        let history = match self.history {
            WindowHistory::Unknown => WindowHistory::KnownFrom(anchor),
            _ if is_unseen => WindowHistory::KnownFrom(anchor),
            history => history,
        };
        let seen = match self.last_seen {
            Some(seen) if anchor < seen.saturating_add(RECORD_INTERVAL) => seen,
            _ => anchor,
        };
        Self {
            history,
            last_seen: Some(seen),
        }
    }

    fn write(self, before: Self, index: &Index) -> Result<(), IndexError> {
        let mut changes = Vec::new();
        if let WindowHistory::KnownFrom(anchor) = self.history
            && self.history != before.history
        {
            changes.push((WINDOWS_COMPLETE_SINCE.to_vec(), Some(Some(anchor).encode())));
        }
        if self.last_seen != before.last_seen {
            let seen = self.last_seen.map(|seen| seen.encode());
            changes.push((WINDOWS_LAST_SEEN.to_vec(), seen));
        }
        if changes.is_empty() {
            return Ok(());
        }
        index.write_duties(DutyKind::Window, &changes)
    }

    /// Returns the record to write before `commitment` may be signed for a window, or `None` if it
    /// is already written.
    fn decide(
        self,
        before: &SignedWindows,
        commitment: Commitment,
        turn: SigningWindow,
    ) -> Result<Option<SignedWindows>, Refusal> {
        let SigningWindow {
            window,
            current,
            interval,
        } = turn;
        let known_from = match self.history {
            WindowHistory::Complete => 0,
            WindowHistory::Unknown => return Err(Refusal::NotReady),
            WindowHistory::KnownFrom(anchor) => {
                anchor.checked_div(interval).map_or(u64::MAX, |first| {
                    u64::from(first).saturating_add(UNKNOWN_WINDOWS)
                })
            }
        };
        if window < before.floor {
            return Err(Refusal::OtherWindow {
                current: before.floor,
            });
        }
        if window < known_from {
            return Err(Refusal::UnknownPast { from: known_from });
        }
        match before.get(window) {
            Some(signed) if signed == commitment => return Ok(None),
            Some(signed) => return Err(Refusal::WindowTaken { signed }),
            None => {}
        }
        let mut signed = before.clone();
        signed.floor = signed.floor.max(current);
        let floor = signed.floor;
        signed.commitments.retain(|(window, _)| *window >= floor);
        signed.commitments.push((window, commitment));
        signed
            .commitments
            .sort_unstable_by_key(|(window, _)| *window);
        Ok(Some(signed))
    }
}

/// The record of signed windows in the index.
pub(super) struct WindowRecords {
    /// Held from the lookup until the commitment that will be signed is durable.
    write_lock: Mutex<()>,
}

impl WindowRecords {
    pub(super) fn open(index: &Index) -> Result<Self, IndexError> {
        WindowMeta::read(index)?;
        let write_lock = Mutex::default();
        Ok(Self { write_lock })
    }

    /// Records a finalized block's anchor block.
    pub(super) fn on_finalized_head(&self, index: &Index, anchor: u32) -> Result<(), IndexError> {
        let _taking = self.write_lock.lock();
        let memory = WindowMeta::read(index)?;
        memory.after_block(anchor).write(memory, index)
    }

    /// Returns what was signed for a window.
    pub(super) fn signed(
        &self,
        index: &Index,
        bucket: BucketId,
        window: u64,
    ) -> Result<Option<Commitment>, IndexError> {
        Ok(read_signed(index, bucket)?.get(window))
    }

    /// Records durably that only `commitment` is signed for the window of `turn`.
    pub(super) fn reserve(
        &self,
        index: &Index,
        (bucket, commitment): (BucketId, Commitment),
        turn: SigningWindow,
    ) -> Result<Result<(), Refusal>, IndexError> {
        let _taking = self.write_lock.lock();
        let before = read_signed(index, bucket)?;
        let signed = match WindowMeta::read(index)?.decide(&before, commitment, turn) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Ok(Ok(())),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let change = (row_key(bucket), Some(signed.encode()));
        index.write_duties(DutyKind::Window, &[change])?;
        Ok(Ok(()))
    }
}

/// A window to sign for, and the current time.
#[derive(Clone, Copy, Debug)]
pub(super) struct SigningWindow {
    pub(super) window: u64,
    /// The window of the last finalized block.
    pub(super) current: u64,
    /// Anchor blocks in a window.
    pub(super) interval: u32,
}

fn row_key(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}

fn read_signed(index: &Index, bucket: BucketId) -> Result<SignedWindows, IndexError> {
    let value = index.duty(DutyKind::Window, &row_key(bucket))?;
    value.map_or_else(
        || Ok(SignedWindows::default()),
        |value| {
            SignedWindows::decode_all(&mut &*value).map_err(|_| IndexError::Damaged {
                what: format!("the signed windows of bucket {bucket}"),
            })
        },
    )
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
