//! `cairn doctor`: checks everything that can come between this machine and its stake.

mod replicas;

use crate::diagnosis::{ChainLook, FindingLine, count_of, look_at_chain, look_offline};
use crate::endpoint_probe::parse_endpoint;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::operator::{ChainArgs, KeyArgs, Operator, chain_url};
use crate::quantity::format_count;
use cairn_lifecycle::Token;
use cairn_lifecycle::doctor::{Severity, diagnose, worst};
use clap::Args;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// WebSocket of a node of the chain, such as ws://127.0.0.1:9944. Without it, only what can be
    /// checked offline is
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    chain: Option<String>,
    /// Another node of the same chain, to compare with
    #[arg(long, value_name = "URL", value_parser = chain_url, requires = "chain")]
    second_chain: Option<String>,
    /// Endpoint that should be registered: a URL or a multiaddr
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    #[command(flatten)]
    keys: KeyArgs,
}

pub(crate) fn run(args: &DoctorArgs, globals: &Globals) -> Result<(), Failure> {
    let endpoint = args.endpoint.as_deref().map(parse_endpoint).transpose()?;
    let mut evidence = look_offline(globals, &args.keys, endpoint)?;
    let mut token = Token::smallest();
    if let Some(url) = &args.chain {
        let chain_args = ChainArgs {
            chain: url.clone(),
            keys: args.keys.clone(),
        };
        match Operator::connect(&chain_args, globals) {
            Ok(operator) => {
                let look = ChainLook {
                    second: args.second_chain.clone(),
                    tries_endpoint: true,
                };
                look_at_chain(&operator, &look, &mut evidence);
                token = operator.token.clone();
            }
            Err(failure) => {
                let reason = failure.to_string();
                evidence.node = Some(Err(reason.clone()));
                evidence.chain = Some(Err(reason));
            }
        }
    }
    let findings = diagnose(&evidence, &token);
    let output = globals.output();
    for finding in &findings {
        output.answer(&FindingLine::from(finding))?;
    }
    let replicas = replicas::findings(globals, &evidence);
    for finding in &replicas {
        output.answer(finding)?;
    }
    let dangers = count_of(&findings, Severity::Danger, "danger");
    let warnings = count_of(&findings, Severity::Warning, "warning");
    let unknown = count_of(&findings, Severity::Unknown, "check");
    let mut told = format!("{dangers} and {warnings}; {unknown} could not be made");
    let troubled = replicas.iter().filter(|finding| finding.needs_somebody());
    let troubled = u64::try_from(troubled.count()).unwrap_or(u64::MAX);
    if troubled > 0 {
        let troubled = format_count(troubled, "replica");
        told = format!("{told}; {troubled} with a remedy");
    }
    let of_replicas = replicas.iter().map(|finding| finding.severity).max();
    match worst(&findings).max(of_replicas.unwrap_or(Severity::Sound)) {
        Severity::Sound | Severity::Note => Ok(()),
        Severity::Unknown | Severity::Warning => Err(Failure::Refused(told)),
        Severity::Danger => Err(Failure::Danger(told)),
    }
}
