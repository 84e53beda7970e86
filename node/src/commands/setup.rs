//! `cairn setup`: checks the machine, the node and the account, and registers the provider.

use crate::commands::provider::settings_args::SettingsArgs;
use crate::diagnosis::{ChainLook, FindingLine, look_at_chain, look_offline};
use crate::endpoint_probe::{parse_endpoint, probe};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::operator::{ChainArgs, Consent, Operator, SubmitArgs};
use cairn_lifecycle::doctor::{Check, Evidence, Severity, diagnose};
use cairn_lifecycle::{SettingsRisk, SetupRequest, setup_calls};
use cairn_primitives::onchain::RegisteredKey;
use clap::Args;
use serde::Serialize;
use std::fmt;

/// The checks that come before a registration. The others are about a registered provider.
const CHECKS: [Check; 14] = [
    Check::BasePath,
    Check::BasePathMode,
    Check::Key,
    Check::KeyMode,
    Check::Disk,
    Check::Descriptors,
    Check::Node,
    Check::NodeSync,
    Check::NodePeers,
    Check::Finality,
    Check::Clock,
    Check::Genesis,
    Check::Runtime,
    Check::ChainState,
];

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Endpoint at which clients reach this provider: a URL such as `https://provider.example`, or a
    /// multiaddr
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: String,
    /// Stake to hold, such as 1000 or '1000.5 PAS'. A higher stake stays as it is
    #[arg(long, value_name = "AMOUNT")]
    stake: String,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    submit: SubmitArgs,
}

pub(crate) fn run(args: &SetupArgs, globals: &Globals) -> Result<(), Failure> {
    let multiaddr = parse_endpoint(&args.endpoint)?;
    let mut evidence = look_offline(globals, &args.chain.keys, Some(multiaddr.clone()))?;
    let operator = Operator::connect(&args.chain, globals)?;
    look_at_chain(&operator, &ChainLook::default(), &mut evidence);
    let stake = operator.amount("--stake", &args.stake)?;
    let settings = args.settings.change(&operator)?;
    let dangers = check(args, &operator, &evidence, globals)?;
    tell_endpoint(&multiaddr, globals)?;
    let request = SetupRequest {
        key: RegisteredKey::from(operator.signing_key),
        multiaddr,
        stake,
        settings,
    };
    let output = globals.output();
    let consent = operator.carry_out(args.submit, output, |facts| setup_calls(facts, &request))?;
    // What is only shown endangers nothing. But another wallet may sign it, so that the exit code
    // tells of the dangers, too.
    if !dangers.is_empty() {
        return Err(Failure::Danger(format!(
            "the calls are only shown; a provider set up like this would lose its stake ({}): \
             remove the dangers before they are signed",
            dangers.join(", ")
        )));
    }
    match consent {
        Consent::ShownOnly => return Ok(()),
        Consent::NothingToDo => {
            output.text("nothing to do: the provider is registered as named")?
        }
        Consent::Submitted => output.text(format_args!(
            "the provider is registered: start it with `cairn run --chain {}`",
            operator.url
        ))?,
    }
    let record = operator.facts()?.provider;
    let settings = record.map(|record| record.settings);
    let risks = settings.map_or_else(Vec::new, |settings| SettingsRisk::of(&settings));
    for risk in risks {
        output.text(format_args!("WARNING       {}", risk.explain()))?;
    }
    match settings.is_some_and(|settings| settings.accepting_primary) {
        true => Ok(()),
        false => output.text(
            "it accepts no agreement yet: `cairn provider settings --accept-primary true` changes \
             that",
        ),
    }
}

/// Tells each finding, and refuses to submit anything if one endangers the stake. Returns the
/// dangers of a setup that is only shown.
fn check(
    args: &SetupArgs,
    operator: &Operator,
    evidence: &Evidence,
    globals: &Globals,
) -> Result<Vec<&'static str>, Failure> {
    let findings = diagnose(evidence, &operator.token);
    let mut dangers = Vec::new();
    for finding in findings
        .iter()
        .filter(|found| CHECKS.contains(&found.check))
    {
        if !globals.json || finding.severity > Severity::Note {
            globals.output().answer(&FindingLine::from(finding))?;
        }
        if finding.severity == Severity::Danger {
            dangers.push(finding.check.name());
        }
    }
    if dangers.is_empty() || args.submit.is_shown_only() {
        return Ok(dangers);
    }
    Err(Failure::Danger(format!(
        "nothing was submitted: a provider set up like this would lose its stake ({}); `cairn \
         doctor` tells the same checks and more",
        dangers.join(", ")
    )))
}

/// The endpoint, and what answers there.
#[derive(Serialize)]
struct EndpointLine {
    endpoint: String,
    /// The result of the probe, or the reason why nothing answers. Before the first start of the provider,
    /// nothing does.
    answer: String,
    answers: bool,
    is_private: bool,
}

impl fmt::Display for EndpointLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.answers { "ok" } else { "WARNING" };
        write!(
            f,
            "{severity:<8}{:<19}{}: {}",
            "endpoint", self.endpoint, self.answer
        )?;
        if !self.answers {
            write!(f, "\n{:<27}Start the provider, and run `cairn doctor`", "")?;
        }
        if self.is_private {
            write!(
                f,
                "\nWARNING {:<19}the address is private: clients elsewhere cannot reach it",
                "endpoint"
            )?;
        }
        Ok(())
    }
}

fn tell_endpoint(multiaddr: &str, globals: &Globals) -> Result<(), Failure> {
    let probe = probe(multiaddr.as_bytes());
    globals.output().answer(&EndpointLine {
        endpoint: multiaddr.to_owned(),
        answers: probe.answer.is_ok(),
        answer: probe.answer.unwrap_or_else(|reason| reason),
        is_private: probe.is_private,
    })
}
