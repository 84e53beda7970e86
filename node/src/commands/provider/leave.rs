//! `cairn provider leave`: takes the next steps of leaving the chain, until one has to wait.

use crate::failure::Failure;
use crate::globals::Globals;
use crate::operator::{ChainArgs, Consent, Operator, SubmitArgs};
use cairn_chain::ProviderCall;
use cairn_lifecycle::{Facts, LeaveStep, Wait, counted, next_step, span};
use clap::Args;
use serde::Serialize;
use std::fmt;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct LeaveArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Stay: end the notice. The chain then accepts agreements and extensions again, whatever the
    /// settings were
    #[arg(long)]
    cancel: bool,
    #[command(flatten)]
    submit: SubmitArgs,
}

/// The wait of a provider that leaves.
#[derive(Serialize)]
struct Waiting {
    waits_for: String,
    /// The anchor block at which to run the command again.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_anchor: Option<u32>,
    anchor: u32,
    /// The operator's part meanwhile.
    keep: &'static str,
}

/// The operator's part until the last step.
const KEEP: &str = "keep `cairn run` running, and delete no bucket: what was signed can be \
                    challenged, and the stake is lost without an answer";

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "waiting for   {}", self.waits_for)?;
        if let Some(until) = self.until_anchor {
            writeln!(
                f,
                "run again     at anchor block {until}; now it is {}",
                self.anchor
            )?;
        }
        write!(f, "meanwhile     {}", self.keep)
    }
}

impl Waiting {
    fn new(wait: &Wait, facts: &Facts) -> Self {
        let anchor = facts.head.anchor;
        let left = |until: u32| span(until.saturating_sub(anchor), &facts.rules);
        let (waits_for, until_anchor) = match wait {
            Wait::Agreements { count, until } => (
                format!(
                    "{}; the last one ends in {}",
                    counted(*count, "agreement"),
                    left(*until)
                ),
                Some(*until),
            ),
            Wait::Settlement { bucket, until } => (
                format!(
                    "the owner of the agreement for bucket {bucket}, who may settle it for {}",
                    left(*until)
                ),
                Some(*until),
            ),
            Wait::Challenges { count, until } => (
                format!(
                    "{}, which `cairn run` must answer; the last deadline is in {}",
                    counted(*count, "open challenge"),
                    left(*until)
                ),
                Some(until.saturating_add(1)),
            ),
            Wait::Notice { until } => (format!("the notice, for {}", left(*until)), Some(*until)),
            Wait::Miscounted { committed } => (
                format!(
                    "the chain's maintainers: it counts {committed} bytes as agreed, and has no \
                     agreement of this account"
                ),
                None,
            ),
        };
        Self {
            waits_for,
            until_anchor,
            anchor,
            keep: KEEP,
        }
    }
}

pub(super) fn run(args: &LeaveArgs, globals: &Globals) -> Result<(), Failure> {
    let operator = Operator::connect(&args.chain, globals)?;
    let output = globals.output();
    if args.cancel {
        let plan = |facts: &Facts| {
            let cancel = ProviderCall::CancelDeregister;
            facts.check(&cancel).map(|()| vec![cancel])
        };
        return match operator.carry_out(args.submit, output, plan)? {
            Consent::Submitted => output.text(
                "the provider stays. The chain accepts agreements and extensions again: see \
                 `cairn provider settings`",
            ),
            Consent::ShownOnly | Consent::NothingToDo => Ok(()),
        };
    }
    loop {
        let step = |facts: &Facts| {
            Ok(match next_step(facts) {
                LeaveStep::Submit(call) => vec![call],
                LeaveStep::Wait(_) | LeaveStep::Gone => Vec::new(),
            })
        };
        match operator.carry_out(args.submit, output, step)? {
            Consent::ShownOnly => return Ok(()),
            Consent::Submitted => {}
            Consent::NothingToDo => break,
        }
    }
    let facts = operator.facts()?;
    match next_step(&facts) {
        LeaveStep::Wait(wait) => output.answer(&Waiting::new(&wait, &facts)),
        LeaveStep::Gone => output.text(
            "the account is not registered: nothing can be challenged any more. Keep the buckets \
             if it may ever register again with the same key",
        ),
        // The state moved on between the last look and this one.
        LeaveStep::Submit(_) => output.text("run the command again for the next step"),
    }
}
