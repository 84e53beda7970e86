//! The sweep: it slashes for challenges whose deadline has passed without an answer.

use crate::types::{ChallengeId, SlashReason};
use crate::{Challenges, Config, Pallet};
#[cfg(relay_clock)]
use crate::{LastSweptChallengeBlock, NextChallengeIndex, weights};
#[cfg(relay_clock)]
use frame_support::traits::Get;
#[cfg(relay_clock)]
use frame_support::weights::Weight;
use sp_runtime::traits::BlockNumberProvider;

/// The most deadlines that one block sweeps, if the anchor block has jumped.
#[cfg(relay_clock)]
const MAX_DEADLINES: u32 = 32;
/// The most challenges that one block slashes for.
#[cfg(relay_clock)]
const MAX_SLASHES: u32 = 100;

impl<T: Config> Pallet<T> {
    /// Returns the anchor block.
    pub fn current_anchor_block() -> u32 {
        T::BlockNumberProvider::current_block_number()
    }

    /// Slashes for the deadline of the block that ends.
    #[cfg(not(relay_clock))]
    pub(crate) fn sweep() {
        let deadline = Self::current_anchor_block();
        for (index, challenge) in (0u16..).zip(Challenges::<T>::take(deadline).unwrap_or_default())
        {
            Self::lose(
                ChallengeId { deadline, index },
                &challenge,
                SlashReason::Timeout,
            );
        }
    }

    /// Slashes for deadlines before the last block's anchor block.
    ///
    /// It runs before the block's own anchor block is known. That may still be the last
    /// one, so challenges due then can still be answered.
    #[cfg(relay_clock)]
    pub(crate) fn sweep() -> Weight {
        let Some(passed) = Self::current_anchor_block().checked_sub(1) else {
            return weights::sweep::<T>(0, 0);
        };
        let Some(last) = LastSweptChallengeBlock::<T>::get() else {
            LastSweptChallengeBlock::<T>::put(passed);
            return weights::sweep::<T>(0, 0);
        };
        let end = passed.min(last.saturating_add(MAX_DEADLINES));
        let bound = u32::from(T::MaxChallengesPerDeadline::get()).clamp(1, MAX_SLASHES);
        let mut swept = last;
        let mut slashed = 0;
        while swept < end && slashed < bound {
            let deadline = swept.saturating_add(1);
            slashed = Self::sweep_deadline(deadline, slashed, bound);
            // At the bound there may be more for this deadline: the next block looks again.
            if slashed < bound {
                NextChallengeIndex::<T>::remove(deadline);
                swept = deadline;
            }
        }
        if swept > last {
            LastSweptChallengeBlock::<T>::put(swept);
        }
        weights::sweep::<T>(swept.saturating_sub(last), slashed)
    }

    /// Slashes for one deadline, and returns the number of slashes so far.
    #[cfg(relay_clock)]
    fn sweep_deadline(deadline: u32, slashed: u32, bound: u32) -> u32 {
        let left = usize::try_from(bound.saturating_sub(slashed)).unwrap_or(usize::MAX);
        let mut count = slashed;
        for (index, challenge) in Challenges::<T>::drain_prefix(deadline).take(left) {
            Self::no_longer_pending(&challenge);
            Self::lose(
                ChallengeId { deadline, index },
                &challenge,
                SlashReason::Timeout,
            );
            count = count.saturating_add(1);
        }
        count
    }
}
