//! Every movement of money.
//!
//! Stakes and payments move exactly, and an error refuses the call. Deposits and slashes
//! move as far as they can, since the sweep has no caller to refuse.

use crate::{Config, HoldReason, LOG, Pallet};
use frame_support::dispatch::DispatchResult;
#[cfg(not(deployed))]
use frame_support::traits::Get;
#[cfg(not(deployed))]
use frame_support::traits::fungible::Balanced;
#[cfg(checkpoint_windows)]
use frame_support::traits::fungible::Mutate;
use frame_support::traits::fungible::{BalancedHold, MutateHold};
use frame_support::traits::tokens::{Fortitude, Precision, Preservation, Restriction};
use sp_runtime::AccountId32;

impl<T: Config> Pallet<T> {
    pub(crate) fn hold_stake(who: &AccountId32, amount: u128) -> DispatchResult {
        T::Currency::hold(&HoldReason::ProviderStake.into(), who, amount)
    }

    pub(crate) fn release_stake(who: &AccountId32, amount: u128) -> DispatchResult {
        release_exactly::<T>(HoldReason::ProviderStake, who, amount)
    }

    /// Holds a payment in the account of an agreement's owner; another account may pay it.
    pub(crate) fn hold_payment(
        payer: &AccountId32,
        owner: &AccountId32,
        amount: u128,
    ) -> DispatchResult {
        let reason = HoldReason::AgreementPayment.into();
        if amount == 0 {
            return Ok(());
        }
        if payer == owner {
            return T::Currency::hold(&reason, owner, amount);
        }
        T::Currency::transfer_and_hold(
            &reason,
            payer,
            owner,
            amount,
            Precision::Exact,
            Preservation::Preserve,
            Fortitude::Polite,
        )
        .map(|_| ())
    }

    pub(crate) fn release_payment(owner: &AccountId32, amount: u128) -> DispatchResult {
        release_exactly::<T>(HoldReason::AgreementPayment, owner, amount)
    }

    /// Pays from what is held from an agreement's owner.
    pub(crate) fn pay(owner: &AccountId32, payee: &AccountId32, amount: u128) -> DispatchResult {
        move_payment::<T>(owner, payee, amount, Restriction::Free)
    }

    /// Moves a payment to another owner, from whom it is held then.
    pub(crate) fn move_escrow(
        owner: &AccountId32,
        new_owner: &AccountId32,
        amount: u128,
    ) -> DispatchResult {
        move_payment::<T>(owner, new_owner, amount, Restriction::OnHold)
    }

    pub(crate) fn hold_deposit(who: &AccountId32, amount: u128) -> DispatchResult {
        T::Currency::hold(&HoldReason::ChallengeDeposit.into(), who, amount)
    }

    pub(crate) fn release_deposit(who: &AccountId32, amount: u128) {
        let reason = HoldReason::ChallengeDeposit.into();
        if let Err(error) = T::Currency::release(&reason, who, amount, Precision::BestEffort) {
            tracing::error!(target: LOG, ?who, ?error, "a deposit was not released");
        }
    }

    /// Pays an answer from the challenger's deposit, and returns what was paid.
    #[cfg(not(deployed))]
    pub(crate) fn pay_answer(
        challenger: &AccountId32,
        provider: &AccountId32,
        amount: u128,
    ) -> u128 {
        let paid = T::Currency::transfer_on_hold(
            &HoldReason::ChallengeDeposit.into(),
            challenger,
            provider,
            amount,
            Precision::BestEffort,
            Restriction::Free,
            Fortitude::Polite,
        );
        paid.unwrap_or_else(|error| {
            tracing::error!(target: LOG, ?provider, ?error, "an answer was not paid for");
            0
        })
    }

    /// Takes stake, and returns how much was taken: the treasury gets it.
    #[cfg(not(deployed))]
    pub(crate) fn take_stake(who: &AccountId32, amount: u128) -> u128 {
        let (credit, missing) = T::Currency::slash(&HoldReason::ProviderStake.into(), who, amount);
        if T::Currency::resolve(&T::Treasury::get(), credit).is_err() {
            tracing::error!(target: LOG, ?who, "the treasury cannot take a slashed stake");
        }
        amount.saturating_sub(missing)
    }

    /// Takes stake, and returns how much was taken: the deployed chain burns it.
    #[cfg(deployed)]
    pub(crate) fn take_stake(who: &AccountId32, amount: u128) -> u128 {
        let (credit, missing) = T::Currency::slash(&HoldReason::ProviderStake.into(), who, amount);
        drop(credit);
        amount.saturating_sub(missing)
    }

    /// Creates money for a reward.
    #[cfg(checkpoint_windows)]
    pub(crate) fn reward(who: &AccountId32, amount: u128) {
        if let Err(error) = T::Currency::mint_into(who, amount) {
            tracing::error!(target: LOG, ?who, ?error, "a reward was not paid");
        }
    }
}

fn release_exactly<T: Config>(
    reason: HoldReason,
    who: &AccountId32,
    amount: u128,
) -> DispatchResult {
    if amount == 0 {
        return Ok(());
    }
    T::Currency::release(&reason.into(), who, amount, Precision::Exact).map(|_| ())
}

fn move_payment<T: Config>(
    from: &AccountId32,
    to: &AccountId32,
    amount: u128,
    restriction: Restriction,
) -> DispatchResult {
    if amount == 0 {
        return Ok(());
    }
    T::Currency::transfer_on_hold(
        &HoldReason::AgreementPayment.into(),
        from,
        to,
        amount,
        Precision::Exact,
        restriction,
        Fortitude::Polite,
    )
    .map(|_| ())
}
