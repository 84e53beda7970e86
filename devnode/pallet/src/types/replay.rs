//! The nonces of terms that were redeemed: each at most once.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// The nonces that a window knows: those below the highest by this or more are refused.
pub const REPLAY_WINDOW_BITS: u64 = 256;

/// The redeemed nonces of a provider.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct ReplayWindow {
    /// The highest redeemed nonce.
    pub hsn: u64,
    /// Bit i, counted from the lowest of the first byte, tells whether `hsn - i` was redeemed.
    pub bitmap: [u8; 32],
}

/// A reason for which a nonce is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    Used,
    TooOld,
}

impl ReplayWindow {
    /// Marks a nonce as redeemed.
    pub(crate) fn redeem(&mut self, nonce: u64) -> Result<(), Replay> {
        let ahead = nonce.saturating_sub(self.hsn);
        if ahead > 0 {
            self.advance(ahead);
            self.hsn = nonce;
        }
        let behind = self.hsn.saturating_sub(nonce);
        if behind >= REPLAY_WINDOW_BITS {
            return Err(Replay::TooOld);
        }
        let place = usize::try_from(behind >> 3).unwrap_or(usize::MAX);
        let byte = self.bitmap.get_mut(place).ok_or(Replay::TooOld)?;
        let bit = 1 << (behind & 7);
        if *byte & bit != 0 {
            return Err(Replay::Used);
        }
        *byte |= bit;
        Ok(())
    }

    /// Moves all bits up by a number of nonces.
    fn advance(&mut self, by: u64) {
        let before = core::mem::take(&mut self.bitmap);
        let Ok(by) = usize::try_from(by) else { return };
        for from in (0..before.len().saturating_mul(8)).filter(|bit| is_set(&before, *bit)) {
            let to = from.saturating_add(by);
            if let Some(byte) = self.bitmap.get_mut(to >> 3) {
                *byte |= 1 << (to & 7);
            }
        }
    }
}

fn is_set(bitmap: &[u8; 32], bit: usize) -> bool {
    bitmap
        .get(bit >> 3)
        .is_some_and(|byte| byte & (1 << (bit & 7)) != 0)
}
