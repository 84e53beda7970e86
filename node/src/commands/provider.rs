//! `cairn provider`: the provider's record on chain, from its first change to its end.

mod leave;
pub(crate) mod settings_args;
mod show;

use crate::endpoint_probe::parse_endpoint;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::operator::{ChainArgs, Consent, Operator, SubmitArgs, as_map};
use crate::output::Output;
use cairn_chain::ProviderCall;
use cairn_lifecycle::{Facts, Refusal, setting_values};
use clap::{Args, Subcommand};
use serde::Serialize;
use settings_args::SettingsArgs;
use std::fmt;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// Show the record, the stake, the agreements, the funds, and the fee of an answer
    Show(ChainArgs),
    /// Show the settings, or change those that are named
    Settings(Box<SettingsCommand>),
    /// Add stake
    AddStake(AddStakeArgs),
    /// Set the endpoint at which clients reach the provider
    #[command(name = "announce")]
    SetEndpoint(AnnounceArgs),
    /// Take the payments for agreements that have ended
    Claim(ClaimArgs),
    /// Take the next step of leaving the chain, or cancel it
    Leave(leave::LeaveArgs),
}

/// The arguments of `settings`.
#[derive(Args, Debug)]
pub(crate) struct SettingsCommand {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    submit: SubmitArgs,
}

/// The arguments of `add-stake`.
#[derive(Args, Debug)]
pub(crate) struct AddStakeArgs {
    /// Amount to add, such as 100 or '100.5 PAS'
    #[arg(value_name = "AMOUNT")]
    amount: String,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    submit: SubmitArgs,
}

/// The arguments of `announce`.
#[derive(Args, Debug)]
pub(crate) struct AnnounceArgs {
    /// The endpoint: a URL such as `https://provider.example`, or a multiaddr
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: String,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    submit: SubmitArgs,
}

/// The arguments of `claim`.
#[derive(Args, Debug)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    submit: SubmitArgs,
}

/// Settings by the chain's names.
#[derive(Serialize)]
#[serde(transparent)]
struct ShownSettings(#[serde(serialize_with = "as_map")] Vec<(&'static str, String)>);

impl fmt::Display for ShownSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{name:<22}{value}")?;
        }
        Ok(())
    }
}

pub(crate) fn run(command: &ProviderCommand, globals: &Globals) -> Result<(), Failure> {
    let output = globals.output();
    match command {
        ProviderCommand::Show(chain) => show::run(chain, globals),
        ProviderCommand::Leave(args) => leave::run(args, globals),
        ProviderCommand::Settings(args) => settings(args, globals),
        ProviderCommand::AddStake(args) => {
            let operator = Operator::connect(&args.chain, globals)?;
            let amount = operator.amount("AMOUNT", &args.amount)?;
            let plan = |facts: &Facts| planned(facts, [ProviderCall::AddStake(amount)]);
            finish(operator.carry_out(args.submit, output, plan)?, output)
        }
        ProviderCommand::SetEndpoint(args) => {
            let multiaddr = parse_endpoint(&args.endpoint)?;
            let operator = Operator::connect(&args.chain, globals)?;
            let plan = |facts: &Facts| {
                let record = facts.provider.as_ref();
                match record.is_some_and(|record| record.endpoint == multiaddr.as_bytes()) {
                    true => Ok(Vec::new()),
                    false => planned(facts, [ProviderCall::UpdateMultiaddr(multiaddr)]),
                }
            };
            finish(operator.carry_out(args.submit, output, plan)?, output)
        }
        ProviderCommand::Claim(args) => {
            let operator = Operator::connect(&args.chain, globals)?;
            let plan = |facts: &Facts| {
                let all = facts.agreements.iter();
                let claims = all.map(|(bucket, _)| ProviderCall::ClaimExpiredAgreement(*bucket));
                Ok(claims.filter(|claim| facts.check(claim).is_ok()).collect())
            };
            finish(operator.carry_out(args.submit, output, plan)?, output)
        }
    }
}

/// Says so if there was nothing to submit.
fn finish(consent: Consent, output: Output) -> Result<(), Failure> {
    match consent {
        Consent::NothingToDo => output.text("nothing to do"),
        Consent::ShownOnly | Consent::Submitted => Ok(()),
    }
}

fn settings(args: &SettingsCommand, globals: &Globals) -> Result<(), Failure> {
    let operator = Operator::connect(&args.chain, globals)?;
    let change = args.settings.change(&operator)?;
    if !change.is_empty() {
        let plan = |facts: &Facts| {
            let record = facts.provider.as_ref().ok_or(Refusal::NotRegistered)?;
            let new = change.applied_to(&record.settings);
            match new == record.settings {
                true => Ok(Vec::new()),
                false => planned(facts, [ProviderCall::UpdateSettings(new)]),
            }
        };
        let output = globals.output();
        return finish(operator.carry_out(args.submit, output, plan)?, output);
    }
    let facts = operator.facts()?;
    let record = facts.provider.as_ref().ok_or(Refusal::NotRegistered);
    let record = record.map_err(|refusal| operator.refused(&refusal))?;
    globals
        .output()
        .answer(&shown_settings(&operator, &facts, &record.settings))
}

fn shown_settings(
    operator: &Operator,
    facts: &Facts,
    settings: &cairn_primitives::onchain::ProviderSettings,
) -> ShownSettings {
    ShownSettings(setting_values(settings, &operator.token, &facts.rules))
}

/// Returns the calls if the chain would take them.
fn planned<const N: usize>(
    facts: &Facts,
    calls: [ProviderCall; N],
) -> Result<Vec<ProviderCall>, Refusal> {
    let mut forecast = facts.clone();
    for call in &calls {
        forecast.check(call)?;
        forecast.apply(call);
    }
    Ok(calls.into())
}
