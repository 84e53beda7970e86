//! The life of a challenge: it is opened, and ends once, by a right answer, by a wrong one,
//! or by the sweep after its deadline.
//!
//! A slashed provider may have other open challenges. They stay: each ends by its own
//! answer or deadline, and counts, though no stake is left to lose. So a slash changes one
//! row, whatever else is open.

use crate::judge::verdict;
use crate::types::Question;
use crate::{
    Buckets, Challenge, Challenges, ChallengesAgainst, ChallengesMade, Config, CurrentRules, Error,
    Event, HoldReason, NextSweep, Pallet, Providers, weights,
};
use alloc::vec::Vec;
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse, SlashReason};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use frame_support::traits::Get;
use frame_support::traits::fungible::MutateHold;
use frame_support::traits::tokens::{Fortitude, Precision, Restriction};
use frame_support::weights::Weight;
use sp_runtime::{AccountId32, Percent};

/// The most deadlines that one block's sweep covers. The anchor block jumps further only
/// after the chain has stalled for half a day; then the next blocks sweep the rest. A late
/// answer is refused in any case.
const MAX_DEADLINES_SWEPT: u32 = 10_000;

/// The share of the cost that an authorised challenger bears, by the anchor blocks that the
/// answer took; after the last row, half.
const CHALLENGER_SHARES: [(u32, Percent); 4] = [
    (1, Percent::from_percent(90)),
    (5, Percent::from_percent(80)),
    (24, Percent::from_percent(70)),
    (95, Percent::from_percent(60)),
];

impl<T: Config> Pallet<T> {
    /// Opens a challenge, and holds the cost of an answer from the challenger.
    ///
    /// The leaf must be within the commitment, since no other one can be answered. The
    /// chunk's index is not bounded, as on the deployed chain: its low bits name a slot.
    pub(crate) fn ask(
        challenger: AccountId32,
        provider: AccountId32,
        question: Question,
    ) -> DispatchResult {
        let Question {
            bucket_id,
            commitment,
            location,
        } = question;
        ensure!(challenger != provider, Error::<T>::SelfChallenge);
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        let registered = Providers::<T>::get(&provider).ok_or(Error::<T>::NotProvider)?;
        ensure!(registered.stake > 0, Error::<T>::NoStake);
        ensure!(
            commitment.covers(location.leaf_index)
                && commitment
                    .start_seq
                    .checked_add(location.leaf_index)
                    .is_some(),
            Error::<T>::NoSuchLeaf
        );
        let rules = CurrentRules::<T>::get();
        let asked_at = Self::anchor_block();
        let deadline = asked_at
            .checked_add(rules.challenge_period)
            .ok_or(Error::<T>::TooManyChallenges)?;
        let index = ChallengesMade::<T>::get(deadline);
        ensure!(
            u32::from(index) < T::MaxChallengesPerDeadline::get(),
            Error::<T>::TooManyChallenges
        );
        let made = index.checked_add(1).ok_or(Error::<T>::TooManyChallenges)?;
        let deposit = T::ChallengeCost::get();
        T::Currency::hold(&HoldReason::Challenge.into(), &challenger, deposit)?;

        let id = ChallengeId { deadline, index };
        let challenge = Challenge {
            bucket_id,
            provider: provider.clone(),
            authorised: bucket.role_of(&challenger).is_some(),
            challenger,
            mmr_root: commitment.mmr_root,
            start_seq: commitment.start_seq,
            leaf_count: rules.strict_leaf_binding.then_some(commitment.leaf_count),
            location,
            asked_at,
            deposit,
        };
        ChallengesMade::<T>::insert(deadline, made);
        Challenges::<T>::insert(deadline, index, challenge);
        ChallengesAgainst::<T>::insert(&provider, id, ());
        Self::deposit_event(Event::ChallengeCreated {
            id,
            bucket_id,
            provider,
        });
        Ok(())
    }

    /// Judges an answer without changing anything; an error if it would not be judged at
    /// all.
    pub(crate) fn judged(
        who: &AccountId32,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<(Challenge, Result<(), SlashReason>), Error<T>> {
        let challenge =
            Challenges::<T>::get(id.deadline, id.index).ok_or(Error::<T>::NoSuchChallenge)?;
        ensure!(challenge.provider == *who, Error::<T>::NotChallenged);
        ensure!(
            Self::anchor_block() <= id.deadline,
            Error::<T>::DeadlinePassed
        );
        let bucket = Buckets::<T>::get(challenge.bucket_id).ok_or(Error::<T>::NoSuchBucket)?;
        let profile = CurrentRules::<T>::get().profile;
        let verdict = verdict(profile, &challenge, &bucket, response);
        Ok((challenge, verdict))
    }

    /// Judges an answer and ends the challenge, whatever the result.
    pub(crate) fn answer(
        who: &AccountId32,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> DispatchResult {
        let (challenge, verdict) = Self::judged(who, id, response)?;
        Challenges::<T>::remove(id.deadline, id.index);
        match verdict {
            Ok(()) => Self::win(id, challenge),
            Err(reason) => Self::lose(id, challenge, reason),
        }
        Ok(())
    }

    /// Slashes for every deadline before `anchor`: an answer in the deadline block itself is
    /// still accepted.
    ///
    /// A block slashes no more challenges than one deadline may have; the next block
    /// continues.
    pub(crate) fn sweep(anchor: u32) -> Weight {
        let first = NextSweep::<T>::get().unwrap_or(anchor);
        let until = anchor.min(first.saturating_add(MAX_DEADLINES_SWEPT));
        let most = T::MaxChallengesPerDeadline::get();
        let mut slashed = 0u32;
        let mut next = first;
        while next < until && slashed < most {
            if ChallengesMade::<T>::contains_key(next) {
                let room = usize::try_from(most.saturating_sub(slashed)).unwrap_or(usize::MAX);
                let mut due: Vec<_> = Challenges::<T>::iter_prefix(next).take(room).collect();
                due.sort_unstable_by_key(|(index, _)| *index);
                for (index, challenge) in due {
                    let deadline = next;
                    Challenges::<T>::remove(deadline, index);
                    let id = ChallengeId { deadline, index };
                    Self::lose(id, challenge, SlashReason::Timeout);
                    slashed = slashed.saturating_add(1);
                }
                if Challenges::<T>::iter_key_prefix(next).next().is_some() {
                    break;
                }
                ChallengesMade::<T>::remove(next);
            }
            next = next.saturating_add(1);
        }
        NextSweep::<T>::put(next);
        weights::sweep::<T>(next.saturating_sub(first), slashed)
    }

    fn win(id: ChallengeId, challenge: Challenge) {
        let provider = &challenge.provider;
        ChallengesAgainst::<T>::remove(provider, id);
        Providers::<T>::mutate(provider, |row| {
            if let Some(row) = row {
                row.defended = row.defended.saturating_add(1);
            }
        });
        Self::share_cost(&challenge);
        Self::deposit_event(Event::ChallengeDefended {
            id,
            provider: challenge.provider,
        });
    }

    /// Slashes the whole stake, returns the challenger's deposit, and counts the loss.
    fn lose(id: ChallengeId, challenge: Challenge, reason: SlashReason) {
        let provider = &challenge.provider;
        ChallengesAgainst::<T>::remove(provider, id);
        let amount = Providers::<T>::mutate(provider, |row| {
            row.as_mut().map_or(0, |row| {
                row.lost = row.lost.saturating_add(1);
                core::mem::take(&mut row.stake)
            })
        });
        let burned = T::Currency::burn_held(
            &HoldReason::Stake.into(),
            provider,
            amount,
            Precision::BestEffort,
            Fortitude::Force,
        );
        if let Err(error) = burned {
            tracing::error!(target: crate::LOG, ?provider, ?error, "a lost stake was not burned");
        }
        Self::refund(&challenge, challenge.deposit);
        Self::deposit_event(Event::ProviderSlashed {
            id,
            provider: challenge.provider,
            reason,
            amount,
        });
    }

    /// Pays the provider the challenger's share of the cost, and returns the rest. A
    /// challenger who is not a member bears all of it.
    ///
    /// A failed payment is logged and does not reject the answer, which is right whatever
    /// the balances are.
    fn share_cost(challenge: &Challenge) {
        let took = Self::anchor_block().saturating_sub(challenge.asked_at);
        let share = if challenge.authorised {
            CHALLENGER_SHARES
                .iter()
                .find_map(|(within, share)| (took <= *within).then_some(*share))
                .unwrap_or(Percent::from_percent(50))
        } else {
            Percent::one()
        };
        let paid = T::Currency::transfer_on_hold(
            &HoldReason::Challenge.into(),
            &challenge.challenger,
            &challenge.provider,
            share.mul_floor(challenge.deposit),
            Precision::BestEffort,
            Restriction::Free,
            Fortitude::Force,
        );
        let paid = paid.unwrap_or_else(|error| {
            let challenger = &challenge.challenger;
            tracing::error!(target: crate::LOG, ?challenger, ?error, "an answer was not paid for");
            0
        });
        Self::refund(challenge, challenge.deposit.saturating_sub(paid));
    }

    fn refund(challenge: &Challenge, amount: u128) {
        let reason = HoldReason::Challenge.into();
        let challenger = &challenge.challenger;
        let released = T::Currency::release(&reason, challenger, amount, Precision::BestEffort);
        if let Err(error) = released {
            tracing::error!(target: crate::LOG, ?challenger, ?error, "a deposit was not released");
        }
    }
}
