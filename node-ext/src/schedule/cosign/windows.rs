//! What was signed for checkpoint windows: one commitment each, kept durably
//! before the signature exists, so that no restart signs another.
//!
//! Of a bucket, windows that are over are kept as one number, below which
//! nothing is signed any more.

use super::Refusal;
use crate::index::{DutyKind, Index, IndexError, PAST_OF_WINDOWS, SEEN_FOR_WINDOWS};
use cairn_primitives::{BucketId, Commitment};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;

/// Windows at and after the one of the first block that was seen for which
/// nothing is signed by an index that was made anew: that one, and the next,
/// which may have been signed for as well.
const UNKNOWN_WINDOWS: u64 = 2;

/// Anchor blocks after which it is noted again that the index has seen one: a
/// synced row every two minutes.
const NOTE_EVERY: u32 = 20;

/// The most anchor blocks that may lie between the last one noted and one that is
/// seen, for the index to know what was signed between: ten minutes. An index
/// that was restored from an older copy has forgotten some of it, and so is
/// taken for one that was made anew.
const MOST_UNSEEN: u32 = 100;

/// What was signed for one bucket's windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, codec::Encode, codec::Decode)]
struct Signed {
    /// Nothing is signed for windows before this one.
    floor: u64,
    /// In the order of windows.
    commitments: Vec<(u64, Commitment)>,
}

impl Signed {
    fn of(&self, window: u64) -> Option<Commitment> {
        let is_of = |(of, _): &&(u64, Commitment)| *of == window;
        self.commitments
            .iter()
            .find(is_of)
            .map(|(_, signed)| *signed)
    }
}

/// What an index knows of windows before it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Past {
    /// All.
    Known,
    /// Nothing, and no block has been seen since.
    Unknown,
    /// Nothing, and the first block that was seen since had this anchor block.
    UnknownUntil(u32),
}

/// What an index remembers, whichever bucket is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Memory {
    past: Past,
    /// An anchor block that was seen, the last that was noted.
    seen: Option<u32>,
}

impl Memory {
    /// Read each time: it begins anew where the base path adopts another chain.
    fn read(index: &Index) -> Result<Self, IndexError> {
        let past = match index.duty(DutyKind::Window, PAST_OF_WINDOWS)? {
            None => Past::Known,
            Some(value) => match Option::<u32>::decode_all(&mut &*value) {
                Ok(Some(anchor)) => Past::UnknownUntil(anchor),
                // One that cannot be read says as little.
                Ok(None) | Err(_) => Past::Unknown,
            },
        };
        let seen = index.duty(DutyKind::Window, SEEN_FOR_WINDOWS)?;
        let seen = seen.and_then(|value| u32::decode_all(&mut &*value).ok());
        Ok(Self { past, seen })
    }

    /// What is remembered once a finalized block has been seen.
    const fn after(self, anchor: u32) -> Self {
        let is_unseen = match self.seen {
            Some(seen) => anchor.saturating_sub(seen) > MOST_UNSEEN,
            None => false,
        };
        let past = match self.past {
            Past::Unknown => Past::UnknownUntil(anchor),
            _ if is_unseen => Past::UnknownUntil(anchor),
            past => past,
        };
        let seen = match self.seen {
            Some(seen) if anchor < seen.saturating_add(NOTE_EVERY) => seen,
            _ => anchor,
        };
        Self {
            past,
            seen: Some(seen),
        }
    }

    fn write(self, before: Self, index: &Index) -> Result<(), IndexError> {
        let mut changes = Vec::new();
        if let Past::UnknownUntil(anchor) = self.past
            && self.past != before.past
        {
            changes.push((PAST_OF_WINDOWS.to_vec(), Some(Some(anchor).encode())));
        }
        if self.seen != before.seen {
            let seen = self.seen.map(|seen| seen.encode());
            changes.push((SEEN_FOR_WINDOWS.to_vec(), seen));
        }
        if changes.is_empty() {
            return Ok(());
        }
        index.write_duties(DutyKind::Window, &changes)
    }

    /// What is to be written before `commitment` may be signed for a window;
    /// nothing where it was written before.
    fn taken(
        self,
        before: &Signed,
        commitment: Commitment,
        turn: Turn,
    ) -> Result<Option<Signed>, Refusal> {
        let Turn {
            window,
            current,
            interval,
        } = turn;
        let known_from = match self.past {
            Past::Known => 0,
            Past::Unknown => return Err(Refusal::NotReady),
            Past::UnknownUntil(anchor) => anchor.checked_div(interval).map_or(u64::MAX, |first| {
                u64::from(first).saturating_add(UNKNOWN_WINDOWS)
            }),
        };
        if window < before.floor {
            return Err(Refusal::OtherWindow {
                current: before.floor,
            });
        }
        if window < known_from {
            return Err(Refusal::UnknownPast { from: known_from });
        }
        match before.of(window) {
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

/// The windows that were signed for, in the index.
pub(super) struct Windows {
    /// Held from looking until the commitment that will be signed is durable.
    taking: Mutex<()>,
}

impl Windows {
    pub(super) fn open(index: &Index) -> Result<Self, IndexError> {
        Memory::read(index)?;
        let taking = Mutex::default();
        Ok(Self { taking })
    }

    /// Takes note of a finalized block's anchor block.
    pub(super) fn saw(&self, index: &Index, anchor: u32) -> Result<(), IndexError> {
        let _taking = self.taking.lock();
        let memory = Memory::read(index)?;
        memory.after(anchor).write(memory, index)
    }

    /// What was signed for a window.
    pub(super) fn signed(
        &self,
        index: &Index,
        bucket: BucketId,
        window: u64,
    ) -> Result<Option<Commitment>, IndexError> {
        Ok(read(index, bucket)?.of(window))
    }

    /// Makes it durable that `commitment` and nothing else is signed for
    /// `window`, of `interval` anchor blocks each, which is the `current` one
    /// or a later one.
    pub(super) fn take(
        &self,
        index: &Index,
        (bucket, commitment): (BucketId, Commitment),
        turn: Turn,
    ) -> Result<Result<(), Refusal>, IndexError> {
        let _taking = self.taking.lock();
        let before = read(index, bucket)?;
        let signed = match Memory::read(index)?.taken(&before, commitment, turn) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Ok(Ok(())),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let change = (name_of(bucket), Some(signed.encode()));
        index.write_duties(DutyKind::Window, &[change])?;
        Ok(Ok(()))
    }
}

/// A window that is to be signed for, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) window: u64,
    /// The window of the last finalized block.
    pub(super) current: u64,
    /// Anchor blocks in a window.
    pub(super) interval: u32,
}

fn name_of(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}

fn read(index: &Index, bucket: BucketId) -> Result<Signed, IndexError> {
    let value = index.duty(DutyKind::Window, &name_of(bucket))?;
    value.map_or_else(
        || Ok(Signed::default()),
        |value| {
            Signed::decode_all(&mut &*value).map_err(|_| IndexError::Damaged {
                what: format!("what was signed for windows of bucket {bucket}"),
            })
        },
    )
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
