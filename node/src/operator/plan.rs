//! A plan as it is shown before anything is submitted: each call with its arguments and fee,
//! and what the account pays in all.

use super::Operator;
use crate::failure::Failure;
use crate::hex_text::to_hex;
use cairn_chain::{ProviderCall, RegistrationClient, Submission};
use cairn_lifecycle::{Facts, Price, SettingsRisk, call_arguments, call_name, settings_after};
use serde::{Serialize, Serializer};
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::fmt;

/// An amount, for people and for programs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Amount {
    /// In the chain's smallest unit. A string, because many programs read numbers as floats.
    planck: String,
    text: String,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Operator {
    pub(crate) fn shown(&self, amount: u128) -> Amount {
        Amount {
            planck: amount.to_string(),
            text: self.token.format(amount),
        }
    }
}

/// Writes names with their values as an object, in their order.
pub(crate) fn as_map<S: Serializer>(
    pairs: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

/// A call that is to be submitted.
#[derive(Serialize)]
pub(super) struct PlannedCall {
    call: &'static str,
    #[serde(serialize_with = "as_map")]
    arguments: Vec<(&'static str, String)>,
    fee: Amount,
    /// The call in SCALE, for other wallets.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_data: Option<String>,
}

impl fmt::Display for PlannedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storageProvider.{}", self.call)?;
        for (name, value) in &self.arguments {
            write!(f, "\n    {name:<22}{value}")?;
        }
        write!(f, "\n    {:<22}{}", "fee", self.fee)?;
        if let Some(data) = &self.call_data {
            write!(f, "\n    {:<22}{data}", "call data")?;
        }
        Ok(())
    }
}

/// A plan: what is submitted, for whom, where, and at what price.
#[derive(Serialize)]
pub(super) struct Plan {
    chain: String,
    genesis: String,
    account: String,
    ss58: String,
    pub(super) calls: Vec<PlannedCall>,
    stake: Amount,
    fees: Amount,
    /// The balance that is left for answers to challenges.
    answers: Amount,
    needed: Amount,
    spendable: Amount,
    /// The risks of the settings after these calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

impl Plan {
    pub(super) fn new(
        operator: &Operator,
        facts: &Facts,
        calls: &[ProviderCall],
        price: &Price,
        has_call_data: bool,
    ) -> Result<Self, Failure> {
        let mut planned = Vec::new();
        for (call, fee) in calls.iter().zip(&price.fees) {
            let call_data = match has_call_data {
                true => Some(call_data(operator, call)?),
                false => None,
            };
            planned.push(PlannedCall {
                call: call_name(call),
                arguments: call_arguments(call, &operator.token, &facts.rules),
                fee: operator.shown(*fee),
                call_data,
            });
        }
        let account = operator.account().0;
        let after = settings_after(facts, calls);
        let risks = after.map_or_else(Vec::new, |settings| SettingsRisk::of(&settings));
        Ok(Self {
            chain: operator.chain_name.clone(),
            genesis: to_hex(facts.genesis),
            account: to_hex(account),
            ss58: sr25519::Public::from_raw(account).to_ss58check(),
            calls: planned,
            stake: operator.shown(price.stake),
            fees: operator.shown(price.all_fees()),
            answers: operator.shown(price.answers),
            needed: operator.shown(price.total()),
            spendable: operator.shown(facts.funds.spendable),
            warnings: risks.into_iter().map(SettingsRisk::explain).collect(),
        })
    }
}

fn call_data(operator: &Operator, call: &ProviderCall) -> Result<String, Failure> {
    let submission = Submission::Provider(call.clone());
    let bytes = operator.block_on(operator.client.call_data(&submission))?;
    Ok(to_hex(bytes))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain         {} ({})", self.chain, self.genesis)?;
        writeln!(f, "account       {} ({})", self.ss58, self.account)?;
        for (place, call) in self.calls.iter().enumerate() {
            writeln!(f, "\n{}. {call}", place.saturating_add(1))?;
        }
        writeln!(f, "\nstake to hold {}", self.stake)?;
        writeln!(f, "fees          {}", self.fees)?;
        writeln!(f, "for answers   {}", self.answers)?;
        writeln!(f, "needed        {}", self.needed)?;
        write!(f, "spendable     {}", self.spendable)?;
        for warning in &self.warnings {
            write!(f, "\nWARNING       {warning}")?;
        }
        Ok(())
    }
}
