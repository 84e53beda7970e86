//! `cairn provider show`: everything that the chain knows of the provider.

use super::{ShownSettings, shown_settings};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::operator::{Amount, ChainArgs, Operator};
use cairn_lifecycle::{Facts, span};
use cairn_primitives::onchain::ProviderInfo;
use serde::Serialize;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::fmt;

/// The account on chain.
#[derive(Serialize)]
struct Shown {
    chain: String,
    genesis: String,
    account: String,
    ss58: String,
    block: u32,
    anchor: u32,
    registered: Option<Record>,
    agreements: Vec<ShownAgreement>,
    open_challenges: usize,
    spendable: Amount,
    held: Amount,
    /// The fee of the largest answer to a challenge.
    answer_fee: Amount,
    /// The answers of that size that the account can pay; `None` if they are free.
    payable_answers: Option<String>,
}

/// The provider's record.
#[derive(Serialize)]
struct Record {
    stake: Amount,
    key: String,
    key_is_here: bool,
    endpoint: String,
    committed_bytes: u64,
    defended: u64,
    lost: u64,
    leaves_at: Option<u32>,
    settings: ShownSettings,
}

/// An agreement.
#[derive(Serialize)]
struct ShownAgreement {
    bucket: u64,
    max_bytes: u64,
    expires_at: u32,
    is_replica: bool,
    holds: bool,
    claimable_from: u32,
    ends: String,
}

pub(super) fn run(args: &ChainArgs, globals: &Globals) -> Result<(), Failure> {
    let operator = Operator::connect(args, globals)?;
    let facts = operator.facts()?;
    globals.output().answer(&Shown::new(&operator, &facts))
}

impl Shown {
    fn new(operator: &Operator, facts: &Facts) -> Self {
        let account = operator.account().0;
        let payable = facts.funds.spendable.checked_div(facts.answer_fee);
        let mut agreements: Vec<_> = facts.agreements.iter().collect();
        agreements.sort_by_key(|(_, agreement)| agreement.expires_at);
        Self {
            chain: operator.chain_name.clone(),
            genesis: to_hex(facts.genesis),
            account: to_hex(account),
            ss58: sr25519::Public::from_raw(account).to_ss58check(),
            block: facts.head.number,
            anchor: facts.head.anchor,
            registered: facts
                .provider
                .as_ref()
                .map(|record| Record::new(operator, facts, record)),
            agreements: agreements
                .into_iter()
                .map(|(bucket, agreement)| {
                    let anchor = facts.head.anchor;
                    let left = agreement.expires_at.saturating_sub(anchor);
                    let holds = agreement.holds_at(anchor);
                    ShownAgreement {
                        bucket: bucket.0,
                        max_bytes: agreement.max_bytes,
                        expires_at: agreement.expires_at,
                        is_replica: agreement.is_replica,
                        holds,
                        claimable_from: facts.claimable_from(agreement),
                        ends: match holds {
                            true => format!("in {}", span(left, &facts.rules)),
                            false => "it has ended".to_owned(),
                        },
                    }
                })
                .collect(),
            open_challenges: facts.challenges.len(),
            spendable: operator.shown(facts.funds.spendable),
            held: operator.shown(facts.funds.held),
            answer_fee: operator.shown(facts.answer_fee),
            payable_answers: payable.map(|count| count.to_string()),
        }
    }
}

impl Record {
    fn new(operator: &Operator, facts: &Facts, record: &ProviderInfo) -> Self {
        Self {
            stake: operator.shown(record.stake),
            key: to_hex(&record.key.0),
            key_is_here: record.key.is(&operator.signing_key),
            endpoint: String::from_utf8_lossy(&record.endpoint).into_owned(),
            committed_bytes: record.committed_bytes,
            defended: record.defended,
            lost: record.lost,
            leaves_at: record.deregister_at,
            settings: shown_settings(operator, facts, &record.settings),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain                 {} ({})", self.chain, self.genesis)?;
        writeln!(f, "account               {} ({})", self.ss58, self.account)?;
        writeln!(
            f,
            "finalized             block {}, anchor block {}",
            self.block, self.anchor
        )?;
        match &self.registered {
            None => writeln!(f, "registered            no")?,
            Some(record) => writeln!(f, "{record}")?,
        }
        for agreement in &self.agreements {
            writeln!(f, "{agreement}")?;
        }
        writeln!(f, "open challenges       {}", self.open_challenges)?;
        writeln!(f, "spendable             {}", self.spendable)?;
        writeln!(f, "held                  {}", self.held)?;
        write!(f, "fee of an answer      {}", self.answer_fee)?;
        match &self.payable_answers {
            Some(count) => write!(f, ": the account can pay {count}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = match self.key_is_here {
            true => "",
            false => ", which does not sign here",
        };
        writeln!(f, "stake                 {}", self.stake)?;
        writeln!(f, "key                   {}{here}", self.key)?;
        writeln!(f, "endpoint              {}", self.endpoint)?;
        writeln!(f, "committed             {} bytes", self.committed_bytes)?;
        writeln!(
            f,
            "challenges            {} defended, {} lost",
            self.defended, self.lost
        )?;
        if let Some(at) = self.leaves_at {
            writeln!(
                f,
                "LEAVING               can be completed from anchor block {at}"
            )?;
        }
        write!(f, "{}", self.settings)
    }
}

impl fmt::Display for ShownAgreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.is_replica {
            true => "replica",
            false => "primary",
        };
        let bucket = format!("bucket {}", self.bucket);
        write!(
            f,
            "{bucket:<22}{role}, {} bytes, until anchor block {}: {}",
            self.max_bytes, self.expires_at, self.ends
        )?;
        match self.holds {
            true => Ok(()),
            false => write!(f, "; claimable from anchor block {}", self.claimable_from),
        }
    }
}
