//! What was signed for checkpoint windows: one commitment each, kept durably
//! before the signature exists, so that no restart signs another.
//!
//! Of a bucket, windows that are over are kept as one number, below which
//! nothing is signed any more.

use super::Refusal;
use crate::index::{DutyKind, Index, IndexError, PAST_OF_WINDOWS};
use cairn_primitives::{BucketId, Commitment};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;

/// Windows at and after the one of the first block that was seen for which
/// nothing is signed by an index that was made anew: that one, and the next,
/// which may have been signed for as well.
const UNKNOWN_WINDOWS: u64 = 2;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// All.
    Known,
    /// Nothing, and no block has been seen since.
    Unknown,
    /// Nothing, and the first block that was seen since had this anchor block.
    UnknownUntil(u32),
}

impl Past {
    /// Read each time: it begins anew where the base path adopts another chain.
    fn read(index: &Index) -> Result<Self, IndexError> {
        Ok(match index.duty(DutyKind::Window, PAST_OF_WINDOWS)? {
            None => Self::Known,
            Some(value) => match Option::<u32>::decode_all(&mut &*value) {
                Ok(Some(anchor)) => Self::UnknownUntil(anchor),
                // One that cannot be read says as little.
                Ok(None) | Err(_) => Self::Unknown,
            },
        })
    }
}

/// The windows that were signed for, in the index.
pub(super) struct Windows {
    /// Held from looking until what is to be signed is durable.
    taking: Mutex<()>,
}

impl Windows {
    pub(super) fn open(index: &Index) -> Result<Self, IndexError> {
        Past::read(index)?;
        let taking = Mutex::default();
        Ok(Self { taking })
    }

    /// Takes note of a finalized block's anchor block.
    pub(super) fn saw(&self, index: &Index, anchor: u32) -> Result<(), IndexError> {
        let _taking = self.taking.lock();
        if Past::read(index)? != Past::Unknown {
            return Ok(());
        }
        let change = (PAST_OF_WINDOWS.to_vec(), Some(Some(anchor).encode()));
        index.write_duties(DutyKind::Window, &[change])
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
        Turn {
            window,
            current,
            interval,
        }: Turn,
    ) -> Result<Result<(), Refusal>, IndexError> {
        let _taking = self.taking.lock();
        let known_from = match Past::read(index)? {
            Past::Known => 0,
            Past::Unknown => return Ok(Err(Refusal::NotReady)),
            Past::UnknownUntil(anchor) => anchor.checked_div(interval).map_or(u64::MAX, |first| {
                u64::from(first).saturating_add(UNKNOWN_WINDOWS)
            }),
        };
        if window < known_from {
            return Ok(Err(Refusal::UnknownPast { from: known_from }));
        }
        let mut signed = read(index, bucket)?;
        if window < signed.floor {
            return Ok(Err(Refusal::OtherWindow {
                current: signed.floor,
            }));
        }
        match signed.of(window) {
            Some(before) if before == commitment => return Ok(Ok(())),
            Some(signed) => return Ok(Err(Refusal::WindowTaken { signed })),
            None => {}
        }
        signed.floor = signed.floor.max(current);
        let floor = signed.floor;
        signed.commitments.retain(|(window, _)| *window >= floor);
        signed.commitments.push((window, commitment));
        signed
            .commitments
            .sort_unstable_by_key(|(window, _)| *window);
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
mod tests;
