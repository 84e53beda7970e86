//! Shows calls, asks for consent, and submits them one after the other.

use super::Operator;
use super::plan::Plan;
use crate::failure::Failure;
use crate::hex_text::to_hex;
use crate::output::Output;
use cairn_chain::{ChainClient, ProviderCall};
use cairn_lifecycle::{
    DEFAULT_PAID_ANSWERS, Facts, Journal, Price, Progress, Refusal, SubmitError, Submitter,
    call_name,
};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::io::{IsTerminal, Write};

/// Flags of commands that submit calls.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct SubmitArgs {
    /// Show what would be submitted, and submit nothing
    #[arg(long, conflicts_with_all = ["print_calls", "yes"])]
    dry_run: bool,
    /// Print each call as hex for another wallet to sign, and submit nothing
    #[arg(long, conflicts_with = "yes")]
    print_calls: bool,
    /// Submit without asking
    #[arg(long)]
    yes: bool,
    /// Answers of the largest size whose fees must be left when stake is added
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PAID_ANSWERS)]
    paid_answers: u32,
}

impl SubmitArgs {
    /// Returns whether calls are shown, and none is submitted.
    pub(crate) const fn is_shown_only(&self) -> bool {
        self.dry_run || self.print_calls
    }
}

/// The operator's consent to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Nothing is submitted: the plan was only shown.
    ShownOnly,
    /// All calls were submitted, and their effects are final.
    Submitted,
    /// There was nothing to submit.
    NothingToDo,
}

/// One line about a submission.
#[derive(Serialize)]
struct ProgressLine {
    step: &'static str,
    call: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_block: Option<u32>,
}

impl fmt::Display for ProgressLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.step)?;
        if let Some(hash) = &self.hash {
            write!(f, " {hash}")?;
        }
        if let Some(block) = self.last_block {
            write!(f, " until block {block} is final")?;
        }
        Ok(())
    }
}

impl ProgressLine {
    fn new(call: &str, progress: Progress) -> Self {
        let line = |step, call: &str, hash, last_block| Self {
            step,
            call: call.to_owned(),
            hash,
            last_block,
        };
        match progress {
            Progress::Waiting { name, last_block } => line(
                "an earlier command has submitted it, and it may still be executed; waiting",
                &name,
                None,
                Some(last_block),
            ),
            Progress::FoundDone { name } => line("it has taken effect", &name, None, None),
            Progress::FoundVoid { name } => {
                line("it has expired without effect", &name, None, None)
            }
            Progress::Submitted { hash } => {
                line("submitted as extrinsic", call, Some(to_hex(hash)), None)
            }
            Progress::InBlock { block } => line("in block", call, Some(to_hex(block)), None),
            Progress::Retracted => line("its block was retracted; waiting", call, None, None),
            Progress::Done { block } => {
                line("done, in finalized block", call, Some(to_hex(block)), None)
            }
        }
    }
}

impl Operator {
    /// Plans calls from the chain's state, shows them with their price, asks for consent and
    /// submits them. A call of an earlier command is waited for first.
    ///
    /// # Errors
    ///
    /// Fails before anything is submitted if the chain would refuse a call, if the account
    /// cannot pay, or without consent.
    pub(crate) fn carry_out(
        &self,
        args: SubmitArgs,
        output: Output,
        plan: impl FnOnce(&Facts) -> Result<Vec<ProviderCall>, Refusal>,
    ) -> Result<Consent, Failure> {
        let is_shown_only = args.is_shown_only();
        if !is_shown_only && !self.can_sign {
            return Err(Failure::Failed(format!(
                "the key of account {} is not in the base path: insert it with `cairn key \
                 insert`, or sign the calls elsewhere with --print-calls",
                to_hex(self.account().0)
            )));
        }
        if is_shown_only {
            let facts = self.facts()?;
            let (calls, price) = self.priced(&facts, args, plan)?;
            if calls.is_empty() {
                return Ok(Consent::NothingToDo);
            }
            output.answer(&Plan::new(self, &facts, &calls, &price, args.print_calls)?)?;
            self.check_price(&facts, &price)?;
            return Ok(Consent::ShownOnly);
        }
        let submitter = self.submitter()?;
        let mut failed = Ok(());
        let mut settling = |progress| {
            let line = ProgressLine::new("", progress);
            failed = std::mem::replace(&mut failed, Ok(())).and(output.answer(&line));
        };
        let mut facts = self
            .block_on(submitter.settle(&mut settling))
            .map_err(|error| self.failure(error))?;
        failed?;
        let (calls, price) = self.priced(&facts, args, plan)?;
        if calls.is_empty() {
            return Ok(Consent::NothingToDo);
        }
        output.answer(&Plan::new(self, &facts, &calls, &price, false)?)?;
        self.check_price(&facts, &price)?;
        ask(args.yes, output)?;
        for call in &calls {
            let mut failed = Ok(());
            let mut report = |progress| {
                let line = ProgressLine::new(call_name(call), progress);
                failed = std::mem::replace(&mut failed, Ok(())).and(output.answer(&line));
            };
            facts = self
                .block_on(submitter.submit(call, &facts, &mut report))
                .map_err(|error| self.failure(error))?;
            failed?;
        }
        Ok(Consent::Submitted)
    }

    fn submitter(&self) -> Result<Submitter<'_>, Failure> {
        let genesis = self.block_on(self.client.genesis())?;
        let journal = Journal::open(&self.base_path, genesis, self.account())
            .map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Submitter::new(&self.client, journal))
    }

    fn priced(
        &self,
        facts: &Facts,
        args: SubmitArgs,
        plan: impl FnOnce(&Facts) -> Result<Vec<ProviderCall>, Refusal>,
    ) -> Result<(Vec<ProviderCall>, Price), Failure> {
        let calls = plan(facts).map_err(|refusal| self.refused(&refusal))?;
        // Only stake competes with the fees of answers for the account's balance.
        let holds_stake = calls.iter().any(|call| {
            matches!(
                call,
                ProviderCall::Register { .. } | ProviderCall::AddStake(_)
            )
        });
        let paid_answers = if holds_stake { args.paid_answers } else { 0 };
        let price = Price::of(&self.client, facts, &calls, paid_answers);
        let price = self.block_on(price)?;
        Ok((calls, price))
    }

    fn check_price(&self, facts: &Facts, price: &Price) -> Result<(), Failure> {
        price.check(facts).map_err(|refusal| self.refused(&refusal))
    }

    /// Returns the failure of a refusal, with amounts in the chain's token.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Failure {
        let text = refusal.explain(&self.token);
        Failure::Refused(format!("nothing was submitted: {text}"))
    }

    fn failure(&self, error: SubmitError) -> Failure {
        match error {
            SubmitError::Refused { name, refusal } => Failure::Refused(format!(
                "{name} was not submitted: {}",
                refusal.explain(&self.token)
            )),
            SubmitError::Chain(error) => error.into(),
            SubmitError::NoEffect { .. } => Failure::Refused(error.to_string()),
            SubmitError::Unknown { .. } | SubmitError::Dropped { .. } => Failure::Failed(format!(
                "{error}; run the command again: it waits until the call is final or has expired, \
                 and submits nothing twice"
            )),
            SubmitError::NotSubmitted { .. } | SubmitError::Journal(_) => {
                Failure::Failed(error.to_string())
            }
        }
    }
}

/// Asks for consent on the terminal.
fn ask(has_consent: bool, output: Output) -> Result<(), Failure> {
    if has_consent {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || output.is_json() {
        return Err(Failure::Usage(
            "nothing was submitted: there is nobody to ask on the terminal, so give consent with \
             --yes"
                .to_owned(),
        ));
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "\nType yes to submit this: ")
        .and_then(|()| stderr.flush())
        .map_err(Failure::Output)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    match read {
        Ok(_) if line.trim() == "yes" => Ok(()),
        _ => Err(Failure::Refused("nothing was submitted".to_owned())),
    }
}
