//! The plan of a setup: the calls that are still missing, and their price. A plan depends on
//! the chain's state only, so that a second run continues the first.

use crate::facts::Facts;
use crate::refusal::Refusal;
use crate::rules::NEW_SETTINGS;
use crate::settings::SettingsChange;
use cairn_chain::{ChainError, ProviderCall, RegistrationClient, Submission};
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};

/// The answers to challenges that an account should be able to pay besides those that are due:
/// one every half hour for two days. The provider warns when fewer are left.
pub const DEFAULT_PAID_ANSWERS: u32 = 100;

/// The state that a setup leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupRequest {
    /// The key that signs commitments.
    pub key: RegisteredKey,
    /// The endpoint: a multiaddr in its text form.
    pub multiaddr: String,
    /// The stake to hold, in the chain's smallest unit. A higher one stays as it is.
    pub stake: u128,
    /// The settings that are given. In a record that nobody has changed since it was registered,
    /// what is not given is closed.
    pub settings: SettingsChange,
}

/// Returns the calls that are missing, in their order.
///
/// # Errors
///
/// [`Refusal`] of the first call that the chain would refuse; of a record that leaves, was
/// slashed, or has another key.
pub fn setup_calls(facts: &Facts, request: &SetupRequest) -> Result<Vec<ProviderCall>, Refusal> {
    let mut calls = Vec::new();
    let mut forecast = facts.clone();
    let mut add = |call: ProviderCall, forecast: &mut Facts| {
        forecast.check(&call)?;
        forecast.apply(&call);
        calls.push(call);
        Ok::<_, Refusal>(())
    };
    match &facts.provider {
        None => add(
            ProviderCall::Register {
                multiaddr: request.multiaddr.clone(),
                public_key: request.key.clone(),
                stake: request.stake,
            },
            &mut forecast,
        )?,
        Some(record) if record.key != request.key => {
            return Err(Refusal::OtherKey {
                registered: format!("0x{}", hex::encode(&record.key.0)),
            });
        }
        Some(record) if record.deregister_at.is_some() => return Err(Refusal::Leaving),
        Some(record) if record.stake == 0 => return Err(Refusal::Slashed),
        Some(record) => {
            let missing = request.stake.saturating_sub(record.stake);
            if missing > 0 {
                add(ProviderCall::AddStake(missing), &mut forecast)?;
            }
        }
    }
    let record = forecast.provider.as_ref();
    let old = record.map_or(NEW_SETTINGS, |record| record.settings);
    let is_elsewhere = record.is_some_and(|record| record.endpoint != request.multiaddr.as_bytes());
    let new = request.settings.set_up_from(&old);
    if new != old {
        add(ProviderCall::UpdateSettings(new), &mut forecast)?;
    }
    if is_elsewhere {
        let multiaddr = request.multiaddr.clone();
        add(ProviderCall::UpdateMultiaddr(multiaddr), &mut forecast)?;
    }
    Ok(calls)
}

/// Returns the settings that the record has after calls; `None` if it is not changed, or gone.
pub fn settings_after(facts: &Facts, calls: &[ProviderCall]) -> Option<ProviderSettings> {
    let changes = |call: &ProviderCall| {
        matches!(
            call,
            ProviderCall::Register { .. }
                | ProviderCall::UpdateSettings(_)
                | ProviderCall::CancelDeregister
        )
    };
    if !calls.iter().any(changes) {
        return None;
    }
    let mut forecast = facts.clone();
    for call in calls {
        forecast.apply(call);
    }
    forecast.provider.map(|record| record.settings)
}

/// The price of calls, in the chain's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The fee of each call.
    pub fees: Vec<u128>,
    /// The stake that they put on hold.
    pub stake: u128,
    /// The balance that should be left: the fees of answers to challenges.
    pub answers: u128,
}

impl Price {
    /// Asks the chain for the fees of calls. `paid_answers` is the number of answers to
    /// challenges that the account should be able to pay afterwards.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub async fn of(
        chain: &dyn RegistrationClient,
        facts: &Facts,
        calls: &[ProviderCall],
        paid_answers: u32,
    ) -> Result<Self, ChainError> {
        let mut fees = Vec::new();
        let mut stake = 0_u128;
        for call in calls {
            fees.push(chain.fee(&Submission::Provider(call.clone())).await?);
            stake = stake.saturating_add(match call {
                ProviderCall::Register { stake, .. } | ProviderCall::AddStake(stake) => *stake,
                _ => 0,
            });
        }
        Ok(Self {
            fees,
            stake,
            answers: facts.answer_fee.saturating_mul(paid_answers.into()),
        })
    }

    /// Returns the sum of the fees.
    pub fn all_fees(&self) -> u128 {
        let fees = self.fees.iter();
        fees.fold(0, |sum, fee| sum.saturating_add(*fee))
    }

    /// Returns the spendable balance that the account needs.
    pub fn total(&self) -> u128 {
        let spent = self.all_fees().saturating_add(self.stake);
        spent.saturating_add(self.answers)
    }

    /// Checks that the account can pay.
    ///
    /// # Errors
    ///
    /// [`Refusal::FundsTooLow`].
    pub fn check(&self, facts: &Facts) -> Result<(), Refusal> {
        let (spendable, needed) = (facts.funds.spendable, self.total());
        match spendable >= needed {
            true => Ok(()),
            false => Err(Refusal::FundsTooLow { spendable, needed }),
        }
    }
}
