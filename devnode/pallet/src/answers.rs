//! A provider answers a challenge. A right answer is paid for by the challenger; a wrong one
//! costs the whole stake, or on the deployed chain only its fee.

#[cfg(commitment_nonce)]
use crate::ChallengerStats;
use crate::judge::judge;
use crate::types::{Challenge, ChallengeId, ChallengeResponse};
use crate::{Buckets, Challenges, Config, Error, Event, Pallet};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use frame_support::traits::Get;
#[cfg(not(challenger_tiers))]
use sp_runtime::PerThing;
use sp_runtime::{AccountId32, DispatchError, Percent};

/// The challenger's share of the cost, by the anchor blocks that the answer took; after the
/// last row, half.
const CHALLENGER_SHARES: [(u32, Percent); 4] = [
    (1, Percent::from_percent(90)),
    (5, Percent::from_percent(80)),
    (24, Percent::from_percent(70)),
    (95, Percent::from_percent(60)),
];

impl<T: Config> Pallet<T> {
    /// Judges an answer. An error changes nothing: the challenge stays open.
    pub(crate) fn answer(
        who: &AccountId32,
        id: ChallengeId,
        response: &ChallengeResponse<T>,
    ) -> DispatchResult {
        let challenge = Self::close(id)?;
        ensure!(challenge.provider == *who, Error::<T>::NotChallengeProvider);
        ensure!(
            Self::current_anchor_block() <= id.deadline,
            Error::<T>::ChallengeExpired
        );
        let bucket = Buckets::<T>::get(challenge.bucket_id).ok_or(Error::<T>::BucketNotFound)?;
        match judge(&challenge, &bucket, response)? {
            Ok(()) => Self::defend(id, &challenge),
            #[cfg(deployed)]
            Err(wrong) => return Err(wrong.into_error::<T>()),
            #[cfg(not(deployed))]
            Err(wrong) => Self::lose(id, &challenge, wrong.reason()),
        }
        Ok(())
    }

    /// Removes an open challenge. Those behind it in the list move up.
    #[cfg(deployed)]
    fn close(id: ChallengeId) -> Result<Challenge, DispatchError> {
        let mut list = Challenges::<T>::get(id.deadline).ok_or(Error::<T>::ChallengeNotFound)?;
        let place = usize::from(id.index);
        ensure!(place < list.len(), Error::<T>::ChallengeNotFound);
        let challenge = list.remove(place);
        if list.is_empty() {
            Challenges::<T>::remove(id.deadline);
        } else {
            Challenges::<T>::insert(id.deadline, list);
        }
        Ok(challenge)
    }

    /// Removes an open challenge.
    #[cfg(not(deployed))]
    fn close(id: ChallengeId) -> Result<Challenge, DispatchError> {
        let challenge = Challenges::<T>::take(id.deadline, id.index);
        let challenge = challenge.ok_or(Error::<T>::ChallengeNotFound)?;
        Self::no_longer_pending(&challenge);
        Ok(challenge)
    }

    /// Divides the cost of a right answer.
    fn defend(challenge_id: ChallengeId, challenge: &Challenge) {
        // The period may have changed since, and then this is wrong: as on the chain.
        let asked_at = challenge_id
            .deadline
            .saturating_sub(T::ChallengeTimeout::get());
        let response_time_blocks = Self::current_anchor_block().saturating_sub(asked_at);
        let share = CHALLENGER_SHARES
            .iter()
            .find_map(|(within, share)| (response_time_blocks <= *within).then_some(*share))
            .unwrap_or(Percent::from_percent(50));
        let (challenger_cost, provider_cost) = Self::divide(challenge, share);
        Self::deposit_event(Event::ChallengeDefended {
            challenge_id,
            provider: challenge.provider.clone(),
            response_time_blocks,
            challenger_cost,
            provider_cost,
        });
    }

    /// Returns what the challenger and the provider paid. A provider pays nothing from its
    /// stake; a challenger that was not authorised pays all.
    #[cfg(challenger_tiers)]
    fn divide(challenge: &Challenge, share: Percent) -> (u128, u128) {
        let deposit = challenge.deposit;
        let share = if challenge.authorized {
            share
        } else {
            Percent::one()
        };
        let paid = Self::pay_answer(
            &challenge.challenger,
            &challenge.provider,
            share.mul_floor(deposit),
        );
        let rest = deposit.saturating_sub(paid);
        Self::release_deposit(&challenge.challenger, rest);
        Self::with_provider(&challenge.provider, |row| {
            let count = if challenge.authorized {
                &mut row.stats.challenges_received_authorized
            } else {
                &mut row.stats.challenges_received_public
            };
            *count = count.saturating_add(1);
        });
        (paid, rest)
    }

    /// Returns what the challenger and the provider paid, the latter from its stake.
    #[cfg(not(challenger_tiers))]
    fn divide(challenge: &Challenge, share: Percent) -> (u128, u128) {
        let deposit = challenge.deposit;
        let challenger_cost = share.mul_floor(deposit);
        let provider_share = share.left_from_one().mul_floor(deposit);
        let rest = deposit.saturating_sub(challenger_cost);
        // The deployed chain never pays the challenger's cost out: it stays held.
        #[cfg(not(deployed))]
        let rest = {
            let paid =
                Self::pay_answer(&challenge.challenger, &challenge.provider, challenger_cost);
            rest.saturating_add(challenger_cost.saturating_sub(paid))
        };
        Self::release_deposit(&challenge.challenger, rest);
        let provider_cost = Self::take_stake(&challenge.provider, provider_share);
        Self::with_provider(&challenge.provider, |row| {
            row.stake = row.stake.saturating_sub(provider_cost);
        });
        #[cfg(commitment_nonce)]
        ChallengerStats::<T>::mutate(&challenge.challenger, |record| {
            record.failed_challenges = record.failed_challenges.saturating_add(1);
        });
        (challenger_cost, provider_cost)
    }
}
